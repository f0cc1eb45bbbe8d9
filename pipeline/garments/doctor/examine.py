"""One garment file on one moving body: everything that is wrong, and what it is like corrected."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError
from pipeline.garments.cachefile import UNIT_M, GarmentCache
from pipeline.garments.caches import GarmentSequence, Part, RawCache, checked, read_raw
from pipeline.garments.doctor.explain import geometry_faults
from pipeline.garments.doctor.faults import Fault
from pipeline.garments.doctor.fit import Skins
from pipeline.garments.doctor.inspect import frame_faults, order_fault, weld_fault
from pipeline.garments.doctor.penetration import Penetration, measure
from pipeline.garments.doctor.search import Search
from pipeline.garments.doctor.wearing import Wearing
from pipeline.garments.placing import place
from pipeline.garments.surface import vertex_normals

_SKINS = 8
_MISFIT = 0.1
"""Cost per size of the garment from which it does not lie on this body, whatever the options."""
_DEEP_SHARE = 0.03
"""Share of vertices deeper than 1 cm in a frame from which the body must be another one."""
_SKIN_M, _ON_SKIN, _COVERED = 0.008, 0.8, 0.7
"""An avatar's vertices lie this near the body's, most of them, and all over it."""
_OUTWARD_M, _OUTWARD = 0.05, 0.3


@dataclass(frozen=True)
class Examination:
    """What was found. options: the given ones with all corrections. before, after: the garment over
    the clip frames that the file covers, as read with the given options and with the corrected
    ones, and how deep it is in the body; None where it cannot be read at all."""

    faults: tuple[Fault, ...]
    options: GarmentCache
    before: tuple[GarmentSequence, Penetration] | None = None
    after: tuple[GarmentSequence, Penetration] | None = None

    def corrections(self) -> dict[str, object]:
        """All keys that the faults correct."""
        return {key: value for fault in self.faults for key, value in fault.options.items()}


def unreadable(error: GenbError, cache: GarmentCache) -> Examination:
    """The examination of a file that its reader refuses."""
    advice = "its data are not there. Export it again, or copy it once more from where it is whole."
    return Examination((Fault("unreadable", str(error), advice=advice),), cache)


def examine(cache: GarmentCache, path: Path, wearing: Wearing) -> Examination:
    """Examine the file at `path`, read with the options `cache`.

    Raises GenbError when there is no such file or format, or it is no sequence (`aligned`).
    """
    if cache.aligned == "rest":
        raise GenbError(
            f'garment cache {path} is a still mesh by its options (aligned = "rest"); '
            "`genb garment check` looks at simulated sequences."
        )
    given = cache
    try:
        raw = _read(cache, path, wearing.fps)
        faults = [] if cache.mend else frame_faults(raw)
        lost = [fault for fault in faults if not fault.options]
        order = order_fault(raw, path)
        if lost or order:
            return Examination((*faults, *([order] if order else [])), cache)
        sequence = checked(raw, path, mend=True)
    except GenbError as error:
        if not _there(path):
            raise
        return unreadable(error, cache)
    cache = _corrected(cache, faults)

    skins = _skins(wearing)
    found = Search(sequence.vertices, cache, wearing.motion, wearing.fps, skins).run()
    if found.options.fps != cache.fps:
        # Files that know their times are sampled anew at another rate: nothing is gained there.
        again = checked(_read(found.options, path, wearing.fps), path, mend=True)
        if len(again.vertices) != len(sequence.vertices):
            search = Search(sequence.vertices, cache, wearing.motion, wearing.fps, skins)
            found = search.run(rates=False)
    if found.cost_m > _MISFIT:
        faults.append(_misfit(found.cost_m))
        return Examination(tuple(faults), cache, *_both(sequence, sequence, given, cache, wearing))

    options, read = found.options, sequence
    avatar = _avatar_fault(raw, sequence, options, wearing)
    if avatar:
        faults.append(avatar)
        if avatar.options:
            options = _corrected(options, [avatar])
            sequence = checked(_read(options, path, wearing.fps), path, mend=True)
    flips = not _outward(sequence, options, wearing)
    seams = None if options.weld_mm else weld_fault(sequence, UNIT_M[options.unit])
    faults += geometry_faults(cache, found, flips)
    faults += [seams] if seams else []
    options = _corrected(cache, faults)
    short = _length_fault(sequence, options, wearing)
    before, after = _both(read, sequence, given, options, wearing)
    deep = _depth_fault(after[1]) if after else None
    faults += [fault for fault in (short, deep) if fault]
    return Examination(tuple(faults), options, before, after)


def _read(cache: GarmentCache, path: Path, fps: float) -> RawCache:
    return read_raw(path, cache.fps or fps, cache.format, cache.objects)


def _there(path: Path) -> bool:
    return path.exists() or ("*" in path.name and any(path.parent.glob(path.name)))


def _corrected(cache: GarmentCache, faults: list[Fault]) -> GarmentCache:
    options = {key: value for fault in faults for key, value in fault.options.items()}
    return GarmentCache.model_validate({**cache.model_dump(), **options})


def _skins(wearing: Wearing) -> Skins:
    count = len(wearing.motion.clip)
    number = np.unique(np.linspace(0, count - 1, _SKINS).round().astype(int))
    return Skins(number, wearing.motion.clip[number].astype(np.float64), wearing.faces)


def _misfit(cost: float) -> Fault:
    return Fault(
        "no fit",
        f"with no unit, axes, space, first frame or offset does the cloth lie on this body "
        f"(mean distance {100 * cost:.0f} % of its size)",
        advice="it was made for another motion or another body. Say which with --motion and "
        "--body (or the scene's), and check `objects` if the file holds more than the garment.",
    )


def laid(
    sequence: GarmentSequence, options: GarmentCache, wearing: Wearing
) -> GarmentSequence | None:
    """The garment over as many clip frames as the file covers, or None when it covers none."""
    rate = (options.fps or wearing.fps) / wearing.fps
    spare = len(sequence.vertices) - 1 - options.start_frame
    frames = min(int(np.floor(spare / rate + 1e-6)) + 1, len(wearing.motion.clip))
    if frames < 1:
        return None
    return place(sequence, options, _cut(wearing.motion, frames), wearing.fps, Path(options.path))


def _cut(motion: SubjectMotion, frames: int) -> SubjectMotion:
    """The first frames of a motion."""
    names = ("clip", "pose", "transl", "joints", "ground_gap_mm", "airborne")
    names += ("self_penetration_mm", "T_subject_motion")
    return replace(motion, **{name: getattr(motion, name)[:frames] for name in names})


def _both(read, sequence, given: GarmentCache, options: GarmentCache, wearing: Wearing):
    pairs = []
    for garment, how in ((read, given), (sequence, options)):
        placed = laid(garment, how, wearing)
        body = wearing.motion.clip
        pairs.append(placed and (placed, measure(placed.vertices, body, wearing.faces)))
    return pairs


def _length_fault(sequence, options: GarmentCache, wearing: Wearing) -> Fault | None:
    placed, wanted = laid(sequence, options, wearing), len(wearing.motion.clip)
    covered = len(placed.vertices) if placed else 0
    if covered == wanted:
        return None
    return Fault(
        "too short",
        f"its {len(sequence.vertices)} frames cover {covered} of the clip's {wanted}",
        advice=f"the rest was never simulated, or never exported. Export all of it, or use a clip "
        f"of {covered} frames (cast.clip_frames, motion.frames of a scene file, or --frames here).",
    )


def _depth_fault(after: Penetration) -> Fault | None:
    worst = int(after.deep_share.argmax())
    if after.deep_share[worst] <= _DEEP_SHARE:
        return None
    return Fault(
        "penetration",
        f"{100 * after.deep_share[worst]:.0f} % of the vertices are more than 1 cm inside the body "
        f"in clip frame {after.frame[worst]} (deepest {after.deepest_mm[worst]:.0f} mm)",
        advice="`settle` pushes out what is shallow; this much means that the simulation ran on "
        "another body or motion. Check --body, --gender and --motion, or simulate it again on this "
        "body.",
    )


def _outward(sequence: GarmentSequence, options: GarmentCache, wearing: Wearing) -> bool:
    """Whether the faces look away from the body, or are as often inwards (thick cloth)."""
    placed = laid(sequence, options, wearing)
    if placed is None:
        return True
    agree = []
    for k in np.unique(np.linspace(0, len(placed.vertices) - 1, 4).round().astype(int)):
        body = wearing.motion.clip[k].astype(np.float64)
        cloth = placed.vertices[k].astype(np.float64)
        distance, nearest = cKDTree(body).query(cloth)
        dot = (
            vertex_normals(cloth, placed.faces) * vertex_normals(body, wearing.faces)[nearest]
        ).sum(axis=1)
        agree.append(dot[distance < _OUTWARD_M])
    agree = np.concatenate(agree)
    return not len(agree) or float(agree.mean()) > -_OUTWARD


def _avatar_fault(
    raw: RawCache, sequence: GarmentSequence, options: GarmentCache, wearing: Wearing
) -> Fault | None:
    """A mesh of the file that is the body itself."""
    # Welding would change the numbers of the vertices, by which the meshes are known.
    placed = laid(sequence, options.model_copy(update={"weld_mm": 0.0}), wearing)
    if placed is None:
        return None
    parts = raw.parts or (Part("", 0, len(raw.frames[0])),)
    bodies = [part for part in parts if _is_body(placed.vertices, part, wearing)]
    if not bodies:
        return None
    kept = [part.name for part in parts if part not in bodies]
    names = ", ".join(f"{part.name or 'its mesh'} ({part.count} vertices)" for part in bodies)
    patterns = [escape(name) for name in kept]
    told_apart = kept and not any(
        fnmatchcase(part.name, pattern) for part in bodies for pattern in patterns
    )
    return Fault(
        "avatar",
        f"the file also holds the body that wears the garment: {names}",
        {"objects": patterns} if told_apart else {},
        "the meshes cannot be told apart by name. Export the garment alone.",
    )


def _is_body(vertices: np.ndarray, part: Part, wearing: Wearing) -> bool:
    """Whether a part lies on the skin, and covers it from head to foot, in most frames."""
    votes = []
    for k in np.unique(np.linspace(0, len(vertices) - 1, 3).round().astype(int)):
        body = wearing.motion.clip[k].astype(np.float64)
        own = vertices[k, part.first : part.first + part.count].astype(np.float64)
        on_skin = (cKDTree(body).query(own)[0] < 2 * _SKIN_M).mean()
        covered = (cKDTree(own).query(body)[0] < 2 * _SKIN_M).mean()
        votes.append(covered > _COVERED and (on_skin > _ON_SKIN or part.name == ""))
    return bool(np.mean(votes) > 0.5)
