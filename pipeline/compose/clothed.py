"""Cast members who come dressed: motion files with simulated garments beside them.

In a folder of `[cast] clothed`, a motion file `walk_01.npz` brings the caches `walk_01.<what>.abc`
(or another format of `pipeline.garments.caches`), where `<what>` is a kind of garment (`jacket`) or
a layer (`outer`). The body is the motion file's own. What the caches leave bare, the tailor adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.assets import user_assets_dir, user_path
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.garments.cachefile import GarmentCache, cache_files, with_sidecar
from pipeline.garments.caches import READERS
from pipeline.garments.outfits import KIND_LAYERS, outfit_names, sample_outfit
from pipeline.garments.shoe_kinds import sample_shoes
from pipeline.motion.files import FORMATS, ClipInfo, FileBody, identify, inspect, read_body
from pipeline.motion.motion import MotionError
from pipeline.scene import GarmentSpec, MotionSpec, SubjectSpec
from pipeline.seeding import Stream, generator
from pipeline.storage import canonical_json, sha256_text

_LAYERS = ("lower", "upper", "full", "outer")
_ADULT_YEARS = (20.0, 60.0)
_SEED_LIMIT = 2**31 - 1
_CACHE_ENDS = {end for _, ends in READERS.values() for end in ends}


@dataclass(frozen=True)
class Clothed:
    """A motion file and its garments. id: path below its folder, without the ending. garments:
    (kind, layer, path) in order of layers."""

    id: str
    path: str
    info: ClipInfo
    body: FileBody
    garments: tuple[tuple[str, str, str], ...]


def clothed_of_turn(
    people: tuple[Clothed, ...], sources: int, seed: int, turn: int, attempt: int = 0
) -> Clothed:
    """The dressed performer of the `turn`-th member: each once in random order before any twice.

    people: those to choose from. sources: the number of motion sources, whose order is drawn from
    the same random stream.
    """
    order = generator(seed, Stream.MOTION, sources).permutation(len(people))
    return people[int(order[(turn + attempt) % len(people)])]


def find_clothed(config: Config) -> tuple[Clothed, ...]:
    """Everybody in the folders of `[cast] clothed`, by folder and id; listed once per process."""
    found = _find(tuple(config.cast.clothed), str(user_assets_dir()))
    wanted_s = (config.cast.clip_frames - 1) / config.cast.fps
    for person in found:
        if (person.info.frames - 1) / person.info.fps < wanted_s - 1e-3:
            raise GenbError(
                f"{person.path} has {person.info.frames} frames at {person.info.fps:g} fps, but "
                f"cast.clip_frames = {config.cast.clip_frames} at {config.cast.fps:g} fps need "
                f"{wanted_s:.2f} s. Lower cast.clip_frames, or take the file out of the folder."
            )
    return found


def fingerprint(folders: list[str]) -> str:
    """Hash of the files of dressed performers (names and sizes; no places, no times)."""
    rows = []
    for person in _find(tuple(folders), str(user_assets_dir())) if folders else ():
        files = [Path(person.path)]
        files += [p for _, _, path in person.garments for p in cache_files(user_path(path))]
        rows.append([person.id, [[file.name, file.stat().st_size] for file in files]])
    return sha256_text(canonical_json(rows))


def sample_clothed(
    rng: np.random.Generator, config: Config, person: Clothed, name: str
) -> SubjectSpec:
    """A subject who performs a window of a dressed person's motion in the clothes of that file."""
    wanted_s = (config.cast.clip_frames - 1) / config.cast.fps
    spare = int((person.info.frames - 1) - np.ceil(wanted_s * person.info.fps - 1e-6))
    first = int(rng.integers(0, max(spare, 0) + 1))
    told = (person.body.subject_gender, person.body.gender)
    sex = next((s for s in told if s in ("female", "male")), str(rng.choice(["female", "male"])))
    age_years = round(float(rng.uniform(*_ADULT_YEARS)), 1)
    outfit = [_brought(person, *row, first) for row in person.garments]
    outfit += _added(rng, person, sex, age_years)
    kinds = [garment.kind for garment in outfit]
    return SubjectSpec(
        subject=name,
        gender=person.body.gender or "neutral",
        sex=sex,
        age_years=age_years,
        ancestry=tuple(round(float(a), 3) for a in rng.dirichlet((0.6, 0.6, 0.6))),
        betas=[float(b) for b in person.body.betas],
        motion=MotionSpec(
            name=person.id,
            seed=int(rng.integers(0, _SEED_LIMIT)),
            frames=config.cast.clip_frames,
            fps=config.cast.fps,
            path=person.path,
            format=identify(person.path),
            action=person.info.action,
            start_s=round(first / person.info.fps, 6),
        ),
        outfit=outfit,
        shoes=sample_shoes(rng, config.look.shoes, sex, age_years, kinds),
    )


def _brought(person: Clothed, kind: str, layer: str, path: str, first: int) -> GarmentSpec:
    """A garment that starts at frame `first` of the motion file."""
    cache = with_sidecar(GarmentCache(path=path), user_path(path))
    fps = cache.fps or person.info.fps
    start = cache.start_frame + first * fps / person.info.fps
    if abs(start - round(start)) > 1e-6:
        raise GenbError(
            f"{path}: at {fps:g} fps no frame of it belongs to frame {first} of the motion "
            f"({person.info.fps:g} fps). Export the garment at the motion's rate."
        )
    window = {"fps": fps, "start_frame": round(start)}
    return GarmentSpec(
        kind=kind, layer=layer, cache=GarmentCache(**{**cache.model_dump(), **window})
    )


def _added(rng: np.random.Generator, person: Clothed, sex: str, age_years: float):
    """The tailor's garments for what the brought ones leave bare."""
    there = {layer for _, layer, _ in person.garments}
    bare = {"lower", "upper"} - there if "full" not in there else set()
    names = [n for n in outfit_names(sex) if "dress" not in n]
    outfit = sample_outfit(rng, str(rng.choice(names)), sex, age_years)
    return [garment for garment in outfit if garment.layer in bare]


@lru_cache(maxsize=8)
def _find(folders: tuple[str, ...], assets: str) -> tuple[Clothed, ...]:
    people = []
    for name in folders:
        folder = user_path(name)
        if not folder.is_dir():
            raise GenbError(
                f"cast.clothed: {folder} is no folder. Give a folder with motion files and their "
                "garments, absolute or below $GENB_ASSETS (docs/garment-files.md)."
            )
        mine = [person for path in _motion_files(folder) if (person := _person(folder, path))]
        if not mine:
            raise GenbError(
                f"cast.clothed: {folder} holds no motion file with a garment beside it. Expected "
                "for example walk_01.npz with walk_01.jacket.abc (docs/garment-files.md)."
            )
        people += mine
    return tuple(people)


def _motion_files(folder: Path) -> list[Path]:
    ends = {module.ENDING for module in FORMATS.values()}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ends)


def _person(folder: Path, path: Path) -> Clothed | None:
    """A motion file with the garments beside it; None for a file that has none."""
    garments = []
    for beside in sorted(path.parent.glob(f"{_escaped(path.stem)}.*")):
        what = beside.name.removeprefix(f"{path.stem}.").split(".")
        is_cache = len(what) == (1 if beside.is_dir() else 2)
        is_cache &= beside.is_dir() or beside.suffix.lower() in _CACHE_ENDS
        if is_cache and not _is_mesh_of_another(beside):
            garments.append((*_kind_and_layer(what[0], beside), str(beside)))
    if not garments:
        return None
    try:
        info, body = inspect(path), read_body(path)
    except MotionError as error:
        raise GenbError(f"cast.clothed: {error}") from error
    if body is None:
        raise GenbError(
            f"cast.clothed: {path} holds no betas, so nobody knows on which body its garments were "
            "simulated. Add the arrays betas and gender to it."
        )
    garments.sort(key=lambda row: (_LAYERS.index(row[1]), row[0]))
    name = path.relative_to(folder).with_suffix("").as_posix()
    return Clothed(name, str(path), info, body, tuple(garments))


def _is_mesh_of_another(path: Path) -> bool:
    """Whether an .obj only holds the faces of a point cache of the same name."""
    caches = (path.with_suffix(end) for end in _CACHE_ENDS - {".obj"})
    return path.suffix.lower() == ".obj" and any(cache.is_file() for cache in caches)


def _kind_and_layer(what: str, path: Path) -> tuple[str, str]:
    if what in _LAYERS:
        return what, what
    if what in KIND_LAYERS:
        return what, KIND_LAYERS[what]
    raise GenbError(
        f"cast.clothed: {path} should say what it is: NAME.<what>{path.suffix}, where <what> is a "
        f"layer ({', '.join(_LAYERS)}) or a kind ({', '.join(KIND_LAYERS)}), not {what!r}."
    )


def _escaped(stem: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in stem)
