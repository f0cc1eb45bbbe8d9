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
from pipeline.garments.caches import GarmentSequence
from pipeline.garments.contact import Layer, push_outside
from pipeline.garments.ground import ground_height, reaches_ground, with_ground
from pipeline.garments.modelled import fit_mesh
from pipeline.garments.outfits import MEASURES, measures
from pipeline.garments.outside import bring_outside
from pipeline.garments.patterns import Pattern, Template, cut
from pipeline.garments.room import make_room
from pipeline.garments.settle import Contact, Wearer, settle
from pipeline.garments.shoes import Shoe, clothed_joints, make_shoe, move_shoe
from pipeline.garments.simcache import simulate_once
from pipeline.garments.simulate import ClothTask, bends_deeply, cloth_settings, fault, tear
from pipeline.garments.surface import boundary_loops, compact
from pipeline.garments.tailor import FittedGarment, fit, skin_path
from pipeline.scene import GarmentSpec

_CUT_AT = 0.5
"""Share of the ease-in after which clothes have their own shape."""


_ROOM = 4.0
"""Room between body parts in the simulation, in distances of contact: two layers of cloth."""


@dataclass(frozen=True)
class Dressed:
    """A garment over a clip. vertices: (T, N, 3) f32 m. rest: (N, 3) f32, T-pose. faces: (M, 3).
    contact: how it lies on the body. start: row of the wearer's frames the simulation began at.
    held: it was drawn to its place on the skin. retried: the first simulation diverged. cpu_s:
    seconds in the solver, 0 for a kept result; frames: how many it simulated."""

    spec: GarmentSpec
    vertices: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    contact: Contact
    start: int
    held: bool
    retried: bool
    cpu_s: float
    frames: int


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
    collider, faces = who.roomy[start:], who.collider_faces
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
    sole (N,) f32, 1 on soles and laces. contact: how they lie on the body."""

    vertices: np.ndarray
    rest: np.ndarray
    faces: np.ndarray
    sole: np.ndarray
    contact: Contact


def wearer(template: Template, motion: SubjectMotion, distance_m: float) -> Wearer:
    """The moving body a garment is simulated on. distance_m: the solver's distance of contact."""
    ease_in = motion.ease_in + _run_up(motion)
    # The T-pose has to be where the ease-in starts, or the cloth would be hurled at frame 1.
    shift = ease_in[0].mean(axis=0) - motion.tpose.mean(axis=0)
    body = np.concatenate([(motion.tpose + shift)[None], ease_in, motion.clip]).astype(np.float32)
    collider, faces = compact(template.faces[_touchable(template)[template.faces].all(axis=1)])
    roomy = make_room(body, template.faces, collider, _ROOM * distance_m)
    return Wearer(template, body, 1 + len(ease_in), collider, faces, roomy, shift)


def _run_up(motion: SubjectMotion) -> np.ndarray:
    """Offsets (E, 1, 3) of the ease-in that end with the clip's first speed over the ground.

    A body that stands through the ease-in and walks from one frame to the next leaves its hems
    behind. The speed grows evenly from rest.
    """
    count = len(motion.ease_in)
    offsets = np.zeros((count, 1, 3), np.float32)
    if count and len(motion.clip) > 1:
        step = (motion.clip[1] - motion.clip[0]).mean(axis=0)
        left = (count**2 - np.arange(count) ** 2) / (2 * count)
        offsets[:, 0, :2] = -left[:, None] * step[:2]
    return offsets


def _touchable(template: Template) -> np.ndarray:
    """Vertices (V,) that cloth can meet: all but head and fingers, whose detail is costly."""
    fingers = [name for name in JOINT_NAMES if name[-1] in "123" and "spine" not in name]
    away = template.weight("head", "jaw", "left_eye", "right_eye", *fingers)
    return away < 0.5


def dress(
    who: Wearer,
    spec: GarmentSpec,
    inner: list[tuple[Dressed, np.ndarray]],
    config: GarmentSection,
    store_gib: float = 0.0,
    under: tuple[tuple[np.ndarray, np.ndarray], ...] = (),
) -> tuple[Dressed, np.ndarray]:
    """Simulate one garment over the body and the `inner` garments.

    store_gib: size of the store of kept simulations (`simulate_once`). under: (faces, vertices
    (F, n, 3)) of what else the settled garment has to stay outside of, such as shoes.

    Returns the garment and its vertices over all frames (F, N, 3), to be passed on as `inner` for
    the next one. Raises SceneRejected when the cloth diverges twice or ends up inside the body.
    """
    pattern = cut(who.template, spec)
    clearance_m = config.clearance_mm / 1000
    start = max([_start_frame(who, pattern), *(garment.start for garment, _ in inner)])
    below = [(vertices[start].astype(float), garment.faces) for garment, vertices in inner]
    fitted = fit(pattern, who.template, who.body[start].astype(float), below, 4 * clearance_m)
    rest = _tpose_shape(who, pattern, inner, clearance_m) - who.shift_m
    return _wear(who, spec, fitted, rest, start, inner, config, store_gib, under)


def dress_mesh(
    who: Wearer,
    spec: GarmentSpec,
    mesh: GarmentSequence,
    inner: list[tuple[Dressed, np.ndarray]],
    config: GarmentSection,
    store_gib: float = 0.0,
    under: tuple[tuple[np.ndarray, np.ndarray], ...] = (),
) -> tuple[Dressed, np.ndarray]:
    """Simulate a garment that somebody modelled on the T-pose; otherwise as `dress`.

    mesh: one frame (1, N, 3), subject frame, as it lies on the T-pose of this very body.
    """
    rest = mesh.vertices[0].astype(np.float64) + who.shift_m
    fitted = fit_mesh(spec.kind, who.template, who.body[0].astype(float), rest, mesh.faces)
    return _wear(who, spec, fitted, mesh.vertices[0], 0, inner, config, store_gib, under)


def _wear(
    who: Wearer,
    spec: GarmentSpec,
    fitted: FittedGarment,
    rest: np.ndarray,
    start: int,
    inner: list[tuple[Dressed, np.ndarray]],
    config: GarmentSection,
    store_gib: float,
    under: tuple[tuple[np.ndarray, np.ndarray], ...],
) -> tuple[Dressed, np.ndarray]:
    """Simulate a fitted garment from row `start` on, settle and judge it. rest: (N, 3), T-pose."""
    pattern, clearance_m = fitted.pattern, config.clearance_mm / 1000
    path = skin_path(fitted, who.template, who.body[start:])
    collider, collider_faces = _collider(who, inner, start)
    ground = ground_height(who.body[start:])
    # Only the clip decides: in the ease-in, the legs of somebody who will sit hang lower.
    clip = slice(who.first - start, None)
    if reaches_ground(path[clip], pattern.hang_m, ground[clip]):
        collider, collider_faces = with_ground(collider, collider_faces, ground)
    pinned = np.flatnonzero(pattern.pinned)
    task = ClothTask(fitted.rest, pattern.faces, pinned, path, collider, collider_faces)
    size = measures(spec) if spec.kind in MEASURES else {}
    settings = cloth_settings(config, size, _speed(path, path[:, pinned]))
    if bends_deeply(task):
        settings = settings.safer()
    covers = [(garment.faces, vertices) for garment, vertices in inner] + list(under)
    faults, cpu_s = [], 0.0
    for attempt in (settings, settings.safer()):
        result, seconds = simulate_once(task, attempt, store_gib)
        cpu_s += seconds
        wrong = fault(result, fitted.rest, pattern.faces, path)
        if wrong is None:
            # Frames before the start only matter as "not there yet".
            result = np.concatenate([np.repeat(result[:1], start, axis=0), result])
            result, contact = settle(who, pattern, result, covers, start, clearance_m)
            shown, skin = result[who.first :], path[who.first - start :]
            pinched = contact.pinched[who.first :]
            wrong = tear(shown, fitted.rest, pattern.faces, skin, pinched)
        if wrong is None:
            break
        faults.append(wrong)
    else:
        raise SceneRejected(
            f"the {spec.kind} diverged twice in the cloth simulation ({'; then '.join(faults)}). "
            "Usual causes are a motion that is too fast or a body that intersects itself; raising "
            "garments.quality may help."
        )
    demand_fit(spec.kind, contact, who.first, config)
    dressed = Dressed(
        spec=spec,
        vertices=result[who.first :],
        rest=rest.astype(np.float32),
        faces=pattern.faces.astype(np.int32),
        contact=contact,
        start=start,
        held=attempt.hold > 0,
        retried=bool(faults),
        cpu_s=cpu_s,
        frames=len(path),
    )
    return dressed, result


def put_on_shoes(who: Wearer, clearance_m: float, kind: str = "sneaker") -> Shoes:
    """Both shoes of a kind over the clip, fitted on the T-pose and kept outside the whole body.

    Where the ankle bends into the upper, the upper gives way and the laces with it. Raises
    GenbError for an unknown kind.
    """
    pair, first = [], 0
    template = who.template
    pinched, depth_m = [], []
    for side in ("left", "right"):
        shoe = make_shoe(template, who.body[0], side, kind)
        moved = move_shoe(template, shoe, side, who.body[0], who.body[who.first :])
        mine = template.weight(*clothed_joints(kind, side)) > 0.5
        used, faces = compact(template.faces[mine[template.faces].all(axis=1)])
        upper_faces = shoe.faces[np.isin(shoe.faces, shoe.upper).all(axis=1)]
        under = _below_collar(shoe, who.body[0][used])
        below = shoe.upper[cKDTree(shoe.vertices[shoe.upper]).query(shoe.vertices[shoe.trim])[1]]
        stuck = np.zeros(moved.shape[:2], bool)
        depth = np.zeros(moved.shape[:2])
        for t, body in enumerate(who.body[who.first :]):
            foot = Layer(body[used], faces)
            rigid = moved[t].copy()
            moved[t] = push_outside(
                rigid, upper_faces, foot, None, under, shoe.upper, clearance_m, 0.02
            )
            moved[t, shoe.trim] += (moved[t] - rigid)[below]
            whole = Layer(body, template.faces)
            moved[t], stuck[t] = bring_outside(moved[t], shoe.faces, whole, None, clearance_m)
            depth[t] = whole.depth(moved[t])
        pinched.append(stuck)
        depth_m.append(depth)
        pair.append((shoe, moved, shoe.faces + first))
        first += len(shoe.vertices)
    depths = np.concatenate(depth_m, axis=1)
    return Shoes(
        vertices=np.concatenate([moved for _, moved, _ in pair], axis=1).astype(np.float32),
        rest=(np.concatenate([shoe.vertices for shoe, _, _ in pair]) - who.shift_m).astype(
            np.float32
        ),
        faces=np.concatenate([faces for _, _, faces in pair]).astype(np.int32),
        sole=np.concatenate([shoe.sole for shoe, _, _ in pair]),
        contact=Contact(
            inside_share=(depths > 0).mean(axis=1),
            deepest_mm=1000 * depths.max(axis=1),
            pinched=np.concatenate(pinched, axis=1),
        ),
    )


def as_layer(shoes: Shoes, who: Wearer) -> tuple[np.ndarray, np.ndarray]:
    """(faces, vertices (F, N, 3)) of shoes over the wearer's rows; before the clip they stand where
    it begins."""
    before = np.repeat(shoes.vertices[:1], who.first, axis=0)
    return shoes.faces, np.concatenate([before, shoes.vertices])


def _below_collar(shoe: Shoe, foot: np.ndarray) -> np.ndarray:
    """Foot vertices that the shoe's upper has to hide: those near it but not at its rim."""
    return np.flatnonzero(cKDTree(shoe.vertices[shoe.upper]).query(foot)[0] < 0.025)


def demand_fit(kind: str, contact: Contact, first: int, config: GarmentSection) -> None:
    """Raise SceneRejected with frame and figure when a garment lies too much inside the body.

    first: row of the contact's frames that is clip frame 0.
    """
    limits = (
        (contact.inside_share, config.max_inside_share, "inside the body", "max_inside_share"),
        (contact.pinched_share, config.max_pinched_share, "pinched", "max_pinched_share"),
    )
    for share, limit, where, name in limits:
        if share.max() > limit:
            worst = int(share.argmax())
            raise SceneRejected(
                f"the {kind} has {100 * share[worst]:.2f} % of its vertices {where} in clip frame "
                f"{worst - first} (the limit, garments.{name}, is {100 * limit:.2f} %)."
            )
    if contact.deepest_mm.max() > config.max_depth_mm:
        worst = int(contact.deepest_mm.argmax())
        raise SceneRejected(
            f"the {kind} is {contact.deepest_mm[worst]:.1f} mm deep in the body in clip frame "
            f"{worst - first} (the limit, garments.max_depth_mm, is {config.max_depth_mm:g} mm)."
        )
