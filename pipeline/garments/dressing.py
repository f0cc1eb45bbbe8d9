"""Dress one moving subject: cut, fit, simulate and check each garment, from the skin outwards.

Everything is in the subject frame (Z up, metres). The body is never changed.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.body.modelfile import JOINT_NAMES
from pipeline.config import GarmentSection
from pipeline.contracts import SubjectMotion
from pipeline.errors import SceneRejected
from pipeline.garments.contact import Layer, push_outside
from pipeline.garments.outfits import measures
from pipeline.garments.patterns import Pattern, Template, cut
from pipeline.garments.settle import Contact, Wearer, settle
from pipeline.garments.shoes import Shoe, make_shoe, move_shoe
from pipeline.garments.simulate import cloth_settings, fault, simulate, tear
from pipeline.garments.surface import boundary_loops, compact
from pipeline.garments.tailor import fit, skin_path
from pipeline.scene import GarmentSpec

_CUT_AT = 0.5
"""Share of the ease-in after which clothes have their own shape."""


@dataclass(frozen=True)
class Dressed:
    """A garment over a clip. vertices: (T, N, 3) f32 m. rest: (N, 3) f32, T-pose. faces: (M, 3).
    contact: how it lies on the body. start: row of the wearer's frames the simulation began at."""

    spec: GarmentSpec
    vertices: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    contact: Contact
    start: int
    retried: bool
    cpu_s: float


def _speed(skin: np.ndarray, path: np.ndarray) -> float:
    """How far the clothed skin (F, n, 3) moves per frame against the pinned band (F, K, 3), m."""
    step = np.diff(skin - path.mean(axis=1, keepdims=True), axis=0)
    return float(np.quantile(np.linalg.norm(step, axis=2), 0.95, axis=1).max())


def _start_frame(who: Wearer, pattern: Pattern) -> int:
    """Row of the body at which the garment has its own shape.

    Part of the way into the ease-in the arms hang lower and the knees bend, as clothes are cut for;
    cloth cut for the T-pose bunches on the shoulders. A long tube starts on straight legs.
    """
    return 0 if pattern.hang_m > 0.08 else round(_CUT_AT * (who.first - 1))


def _tpose_shape(who: Wearer, pattern: Pattern, inner, clearance_m: float) -> np.ndarray:
    """The garment on the T-pose (N, 3): the coordinates its material is drawn in."""
    below = [(garment.rest + who.shift_m, garment.faces) for garment, _ in inner]
    tpose = who.body[0].astype(float)
    return fit(pattern, who.template, tpose, below, 4 * clearance_m).rest


def _collider(who: Wearer, inner, start: int) -> tuple[np.ndarray, np.ndarray]:
    """What the cloth meets: vertices (F, C, 3) and faces of the body and the inner garments.

    Cloth meets a garment instead of the skin under it: two close layers would quarrel.
    """
    collider, faces = who.body[start:, who.collider], who.collider_faces
    bare = len(who.collider)
    for garment, vertices in inner:
        hidden = _hidden(collider[0, :bare], garment, vertices[start])
        hidden = np.concatenate([hidden, np.zeros(collider.shape[1] - bare, bool)])
        faces = faces[~hidden[faces].any(axis=1)]
        faces = np.concatenate([faces, garment.faces + collider.shape[1]])
        collider = np.concatenate([collider, vertices[start:]], axis=1)
    return collider, faces


def _hidden(vertices: np.ndarray, garment: Dressed, cloth: np.ndarray) -> np.ndarray:
    """Which vertices (C,) lie well under a garment, away from its hems."""
    distance, nearest = cKDTree(cloth).query(vertices)
    border = np.concatenate(boundary_loops(garment.faces))
    to_hem = cKDTree(cloth[border]).query(vertices)[0]
    return (distance < 0.05) & (to_hem > 0.06)


@dataclass(frozen=True)
class Shoes:
    """A pair of shoes over a clip: vertices (T, N, 3) f32 m, rest (N, 3) f32, faces (M, 3),
    sole (N,) f32, 1 on soles and laces."""

    vertices: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    sole: np.ndarray


def wearer(template: Template, motion: SubjectMotion) -> Wearer:
    """The moving body a garment is simulated on."""
    ease_in = motion.ease_in
    # The T-pose has to be where the ease-in starts, or the cloth would be hurled at frame 1.
    shift = ease_in[0].mean(axis=0) - motion.tpose.mean(axis=0)
    body = np.concatenate([(motion.tpose + shift)[None], ease_in, motion.clip]).astype(np.float32)
    collider, faces = compact(template.faces[_touchable(template)[template.faces].all(axis=1)])
    return Wearer(template, body, 1 + len(ease_in), collider, faces, shift)


def _touchable(template: Template) -> np.ndarray:
    """Vertices (V,) that cloth can meet: all but head and fingers, whose detail is costly."""
    fingers = [name for name in JOINT_NAMES if name[-1] in "123" and "spine" not in name]
    away = template.weight("head", "jaw", "left_eye", "right_eye", *fingers)
    return away < 0.5


def dress(
    who: Wearer, spec: GarmentSpec, inner: list[tuple[Dressed, np.ndarray]], config: GarmentSection
) -> tuple[Dressed, np.ndarray]:
    """Simulate one garment over the body and the `inner` garments.

    Returns the garment and its vertices over all frames (F, N, 3), to be passed on as `inner` for
    the next one. Raises SceneRejected when the cloth diverges twice or ends up inside the body.
    """
    pattern = cut(who.template, spec)
    clearance = config.clearance_mm / 1000
    start = max([_start_frame(who, pattern), *(garment.start for garment, _ in inner)])
    below = [(vertices[start].astype(float), garment.faces) for garment, vertices in inner]
    fitted = fit(pattern, who.template, who.body[start].astype(float), below, 4 * clearance)
    path = skin_path(fitted, who.template, who.body[start:])
    collider, collider_faces = _collider(who, inner, start)
    pinned = np.flatnonzero(pattern.pinned)
    task = (fitted.rest, pattern.faces, pinned, path, collider, collider_faces)
    settings = cloth_settings(config, measures(spec), _speed(path, path[:, pinned]))
    covers = [(garment.faces, vertices) for garment, vertices in inner]
    faults, cpu_s = [], 0.0
    for attempt in (settings, settings.safer()):
        result, seconds = simulate(*task, attempt)
        cpu_s += seconds
        wrong = fault(result, fitted.rest, pattern.faces, path)
        if wrong is None:
            # Frames before the start only matter as "not there yet".
            result = np.concatenate([np.repeat(result[:1], start, axis=0), result])
            result, contact = settle(who, pattern, result, covers, start, clearance)
            wrong = tear(result[who.first :], fitted.rest, pattern.faces)
        if wrong is None:
            break
        faults.append(wrong)
    else:
        raise SceneRejected(
            f"the {spec.kind} diverged twice in the cloth simulation ({'; then '.join(faults)}). "
            "Usual causes are a motion that is too fast or a body that intersects itself; raising "
            "garments.quality may help."
        )
    _demand_outside(spec, contact, who.first, config.max_inside_share)
    dressed = Dressed(
        spec=spec,
        vertices=result[who.first :],
        rest=(_tpose_shape(who, pattern, inner, clearance) - who.shift_m).astype(np.float32),
        faces=pattern.faces.astype(np.int32),
        contact=contact,
        start=start,
        retried=bool(faults),
        cpu_s=cpu_s,
    )
    return dressed, result


def put_on_shoes(who: Wearer, clearance_m: float) -> Shoes:
    """Both shoes over the clip, fitted on the T-pose and kept outside the bare feet."""
    pair, first = [], 0
    for side in ("left", "right"):
        shoe = make_shoe(who.template, who.body[0], side)
        moved = move_shoe(who.template, shoe, side, who.body[0], who.body[who.first :])
        is_foot = who.template.weight(f"{side}_ankle", f"{side}_foot") > 0.5
        used, faces = compact(who.template.faces[is_foot[who.template.faces].all(axis=1)])
        upper_faces = shoe.faces[np.isin(shoe.faces, shoe.upper).all(axis=1)]
        under = _below_collar(shoe, who.body[0][used])
        for t, body in enumerate(who.body[who.first :]):
            foot = Layer(body[used], faces)
            moved[t] = push_outside(
                moved[t], upper_faces, foot, None, under, shoe.upper, clearance_m, 0.02
            )
        pair.append((shoe, moved, shoe.faces + first))
        first += len(shoe.vertices)
    return Shoes(
        vertices=np.concatenate([moved for _, moved, _ in pair], axis=1).astype(np.float32),
        rest=(np.concatenate([shoe.vertices for shoe, _, _ in pair]) - who.shift_m).astype(
            np.float32
        ),
        faces=np.concatenate([faces for _, _, faces in pair]).astype(np.int32),
        sole=np.concatenate([shoe.sole for shoe, _, _ in pair]),
    )


def _below_collar(shoe: Shoe, foot: np.ndarray) -> np.ndarray:
    """Foot vertices that the shoe's upper has to hide: those near it but not at its rim."""
    return np.flatnonzero(cKDTree(shoe.vertices[shoe.upper]).query(foot)[0] < 0.025)


def _demand_outside(spec: GarmentSpec, contact: Contact, first: int, limit: float) -> None:
    share = contact.inside_share
    if share.max() > limit:
        worst = int(share.argmax())
        raise SceneRejected(
            f"the {spec.kind} has {100 * share[worst]:.2f} % of its vertices inside the body in "
            f"clip frame {worst - first} (deepest {contact.deepest_mm[worst]:.1f} mm; the limit, "
            f"garments.max_inside_share, is {100 * limit:.2f} %)."
        )
