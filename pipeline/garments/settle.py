"""After the simulation: cloth out of the body and outside inner layers, and how well that went.

Body parts press against one another (arm on chest, thigh on thigh), so each vertex is judged by
the part it clothes: a shirt's side is kept off the trunk, never dragged to the far side of the arm.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.garments.contact import Layer, border_edges, push_outside
from pipeline.garments.ground import ground_height, press_flat
from pipeline.garments.outside import OwnSkin, bring_outside
from pipeline.garments.patterns import Pattern, Template
from pipeline.garments.surface import (
    compact,
    neighbour_mean,
    unique_edges,
    unit,
    vertex_normals,
)

_REACH_M = 0.04
"""Deepest contact that is pushed out; anything deeper is another part of the body."""

_LIMBS = {
    "left arm": ("left_shoulder", "left_elbow", "left_wrist"),
    "right arm": ("right_shoulder", "right_elbow", "right_wrist"),
    "left leg": ("left_hip", "left_knee", "left_ankle", "left_foot"),
    "right leg": ("right_hip", "right_knee", "right_ankle", "right_foot"),
}
_OVER_M = {"arm": 0.06, "trunk": 0.03}
"""Deepest that cloth is brought back over the same part of an inner garment."""

_ARMS = ("left arm", "right arm")
_FOREIGN = {
    "left arm": (),
    "right arm": (),
    "left leg": ("right leg", "left arm", "right arm"),
    "right leg": ("left leg", "left arm", "right arm"),
    "trunk": ("left arm", "right arm"),
}
"""Limbs that do not count as the same part; an arm counts alone."""


@dataclass(frozen=True)
class Wearer:
    """A body over T-pose, ease-in and clip. body: (F, V, 3), row 0 is the T-pose. first: row of the
    clip's first frame. collider: (C,) indices of the vertices that cloth can meet, collider_faces:
    faces among them, roomy: (F, C, 3) f32 where they are in the simulation, with room for cloth
    where the body touches itself. shift_m: (3,) what was added to the T-pose to bring it to where
    the ease-in starts."""

    template: Template
    body: np.ndarray
    first: int
    collider: np.ndarray
    collider_faces: np.ndarray
    roomy: np.ndarray
    shift_m: np.ndarray


@dataclass(frozen=True)
class _Part:
    """One body part and the cloth over it. vertices: indices into the body; faces among them;
    covered: those under the cloth; mine: cloth vertices; cloth_faces: cloth triangles over it."""

    vertices: np.ndarray
    faces: np.ndarray
    covered: np.ndarray
    mine: np.ndarray
    cloth_faces: np.ndarray


@dataclass(frozen=True)
class Contact:
    """How cloth lies on a body, per frame. inside_share: (F,) of all vertices, by winding number;
    deepest_mm: (F,) the deepest of them. pinched: (F, N) bool, vertices that had no place where the
    body presses on itself, and lie at the edge of the free space instead."""

    inside_share: np.ndarray
    deepest_mm: np.ndarray
    pinched: np.ndarray

    @property
    def pinched_share(self) -> np.ndarray:
        """(F,) share of pinched vertices."""
        return self.pinched.mean(axis=1)


def settle(
    who: Wearer,
    pattern: Pattern,
    result: np.ndarray,
    inner: list[tuple[np.ndarray, np.ndarray]],
    start: int,
    clearance_m: float,
) -> tuple[np.ndarray, Contact]:
    """Push cloth (F, N, 3) outside inner layers, ground and body in every frame of the clip.

    inner: (faces, vertices (F, n, 3)) of each garment underneath. start: the frame at which cloth
    and body lie as the garment was cut. Returns the cloth and the record
    of what could not be helped.
    """
    result = result.copy()
    share, deepest = np.zeros((2, len(result)))
    pinched = np.zeros(result.shape[:2], bool)
    parts = _parts(who, pattern, who.body[start], result[start])
    group = _cloth_groups(who.template, pattern)
    overlaps = [
        overlap
        for faces, vertices in inner
        for overlap in _overlaps(who, pattern, group, faces, vertices, result)
    ]
    ground = ground_height(who.body)
    for frame in range(who.first, len(result)):
        body = who.body[frame].astype(np.float64)
        layers = [Layer(part.vertices[frame], part.faces) for part in overlaps]
        skins = [Layer(body[part.vertices], part.faces) for part in parts]
        points = result[frame].astype(np.float64)
        points = _rescue(who, pattern, body, skins, parts, points, result[start], clearance_m)
        for _ in range(2):
            for layer, part in zip(layers, overlaps, strict=True):
                points = push_outside(
                    points,
                    part.cloth_faces,
                    layer,
                    part.border,
                    part.covered,
                    part.mine,
                    clearance_m,
                    part.reach_m,
                )
            for skin, part in zip(skins, parts, strict=True):
                points = push_outside(
                    points,
                    part.cloth_faces,
                    skin,
                    None,
                    part.covered,
                    part.mine,
                    clearance_m,
                    _REACH_M,
                )
        points = press_flat(points, ground[frame])
        whole = Layer(body, who.template.faces)
        own = _own_skin(who, pattern, body)
        points, pinched[frame] = bring_outside(points, pattern.faces, whole, own, clearance_m)
        result[frame] = points
        depth_m = whole.depth(result[frame].astype(np.float64))
        share[frame] = (depth_m > 0).mean()
        deepest[frame] = 1000 * depth_m.max()
    return result, Contact(share, deepest, pinched)


@dataclass(frozen=True)
class _Overlap:
    """A part of an inner garment and the cloth over it: sleeve over sleeve, trunk over trunk.

    vertices: (F, n, 3) of the inner part; faces among them; border: (M, 3) bool as `border_edges`;
    covered: inner vertices under the cloth; mine, cloth_faces: as in `_Part`; reach_m: deepest that
    cloth is brought back from."""

    vertices: np.ndarray
    faces: np.ndarray
    border: np.ndarray
    covered: np.ndarray
    mine: np.ndarray
    cloth_faces: np.ndarray
    reach_m: float


def _overlaps(who, pattern, group, faces, vertices, result) -> list[_Overlap]:
    """Where a garment lies over an inner one, by arm and trunk: arms touch trunks, sleeves do not
    belong outside a trunk's cloth."""
    first = who.first
    near = cKDTree(who.body[first]).query(vertices[first])[1]
    arms = {name: who.template.weight(*_LIMBS[name])[near] > 0.5 for name in _ARMS}
    found = []
    for name in (*_ARMS, "trunk"):
        inside = arms[name] if name in _ARMS else ~np.any([*arms.values()], axis=0)
        mine = np.flatnonzero(group == name if name in _ARMS else ~np.isin(group, _ARMS))
        part = faces[inside[faces].any(axis=1)]
        if not len(part) or not len(mine):
            continue
        used, local = compact(part)
        over = pattern.faces[np.isin(pattern.faces, mine).any(axis=1)]
        covered = _covered(vertices[first][used], result[first])
        reach_m = _OVER_M["arm" if name in _ARMS else "trunk"]
        border = border_edges(local)
        found.append(_Overlap(vertices[:, used], local, border, covered, mine, over, reach_m))
    return found


def _own_skin(who: Wearer, pattern: Pattern, body: np.ndarray) -> OwnSkin:
    """Where each cloth vertex belongs on a body (V, 3); the hanging tube belongs nowhere."""
    normals = vertex_normals(body, who.template.faces)
    hanging = np.zeros((pattern.count - pattern.bound_count, 3))
    return OwnSkin(
        point=np.concatenate([pattern.binding @ body, hanging]),
        normal=np.concatenate([unit(pattern.binding @ normals), hanging]),
        known=np.arange(pattern.count) < pattern.bound_count,
    )


def _rescue(who, pattern, body, skins, parts, points, sewn, clearance_m) -> np.ndarray:
    """Bring back cloth that a fast limb has come through or that is caught and torn.

    It is deep inside, on the far side, or at an edge stretched to several times its length in
    `sewn` (N, 3). Such a vertex goes to the place on the skin that it clothes; its
    surroundings are smoothed.
    """
    normals = vertex_normals(body, who.template.faces)
    skin, outward = pattern.binding @ body, unit(pattern.binding @ normals)
    lost = np.zeros(len(points), bool)
    for layer, part in zip(skins, parts, strict=True):
        mine = part.mine[part.mine < pattern.bound_count]
        near = layer.nearest(points[mine], 0.1)
        strayed = np.linalg.norm(points[mine] - skin[mine], axis=1) > 0.02
        far_side = strayed & ((near.normal * outward[mine]).sum(axis=1) < -0.2)
        far_side &= near.distance_m < 0.03
        lost[mine[far_side | (near.height_m < -0.008)]] = True
    a, b = unique_edges(pattern.faces).T
    length_m = np.maximum(np.linalg.norm(sewn[a] - sewn[b], axis=1), 0.008)
    torn = np.linalg.norm(points[a] - points[b], axis=1) > 2.5 * length_m
    lost[a[torn]] = lost[b[torn]] = True
    lost[pattern.bound_count :] = False
    if not lost.any():
        return points
    found = np.flatnonzero(lost)
    points[found] = skin[found] + 2 * clearance_m * outward[found]
    soft = np.zeros(len(points), bool)
    soft[pattern.faces[lost[pattern.faces].any(axis=1)]] = True
    soft[np.flatnonzero(pattern.pinned)] = False
    average = neighbour_mean(pattern.faces, pattern.count)[np.flatnonzero(soft)]
    for _ in range(4):
        points[soft] += 0.5 * (average @ points - points[soft])
    return points


def _limb_weights(template: Template) -> dict[str, np.ndarray]:
    return {limb: template.weight(*joints) for limb, joints in _LIMBS.items()}


def _cloth_groups(template: Template, pattern: Pattern) -> np.ndarray:
    """The part (N,) that each cloth vertex clothes; the hanging tube counts as trunk."""
    limbs = _limb_weights(template)
    weights = np.stack([pattern.binding @ weight for weight in limbs.values()])
    names = np.array([*limbs])
    bound = np.where(weights.max(axis=0) > 0.5, names[weights.argmax(axis=0)], "trunk")
    return np.concatenate([bound, np.repeat("trunk", pattern.count - pattern.bound_count)])


def _parts(who: Wearer, pattern: Pattern, body: np.ndarray, cloth: np.ndarray) -> list[_Part]:
    limbs = _limb_weights(who.template)
    group = _cloth_groups(who.template, pattern)
    near = np.zeros(len(body), bool)
    near[_covered(body, cloth)] = True
    touchable = np.zeros(len(near), bool)
    touchable[who.collider] = True
    parts = []
    for name in (*_LIMBS, "trunk"):
        mine = np.flatnonzero(group == name)
        if not len(mine):
            continue
        if "arm" in name:
            belongs, core = limbs[name] > 0.1, limbs[name] > 0.5
        else:
            belongs = ~np.any([limbs[other] > 0.9 for other in _FOREIGN[name]], axis=0)
            core = ~np.any([limbs[other] > 0.5 for other in _FOREIGN[name]], axis=0)
            if name == "trunk":
                core &= ~np.any([limbs[leg] > 0.5 for leg in ("left leg", "right leg")], axis=0)
        faces = who.template.faces
        used, local = compact(faces[(belongs & touchable)[faces].all(axis=1)])
        covered = np.flatnonzero((near & core)[used])
        over = np.isin(pattern.faces, mine).any(axis=1)
        parts.append(_Part(used, local, covered, mine, pattern.faces[over]))
    return parts


def _covered(vertices: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """Indices of vertices that lie close to the garment at rest."""
    return np.flatnonzero(cKDTree(cloth).query(vertices)[0] < 0.05)
