"""How a garment is laid out flat: pieces, cloth coordinates, seams, from its shape on the T-pose.

A tailor cuts a top from a front, a back and two sleeves, and trousers from a front and a back per
leg. Within a piece, cloth coordinates run along the thread without a jump (u around the body, v
upwards or along the sleeve, metres); between pieces they jump, as patterns do at a real seam.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.conventions import PARTS
from pipeline.garments.surface import boundary_loops

FRONT, BACK, SLEEVE = 0, 1, 2
"""Ids of the pieces."""

_LEVEL_M = 0.04
_FAR_M = 1.0
_LEGGED = ("trousers", "shorts")


@dataclass(frozen=True)
class Layout:
    """A garment of N vertices and M triangles, laid out.

    corner_uv: (2, M, 3, 2) cloth coordinates per face corner, m: as the front's and as the back's,
    of which the second holds behind the side seam. piece: (M,) FRONT, BACK or SLEEVE.
    seam_m: (N, 2) signed distance to the side (or under-sleeve) seam and to the armhole; far away
    where there is none. hem_m: (N,) distance to the nearest edge of the cloth.
    """

    corner_uv: np.ndarray
    piece: np.ndarray
    seam_m: np.ndarray
    hem_m: np.ndarray


def lay_out(kind: str, part: int, rest: np.ndarray, faces: np.ndarray) -> Layout:
    """Layout of a garment at rest: (N, 3) m, subject frame; faces (M, 3)."""
    rest = rest.astype(float)
    middle = float((rest[:, 0].min() + rest[:, 0].max()) / 2)
    sleeve_m = np.full(len(rest), -_FAR_M)
    if part != PARTS["lower"]:
        sleeve_m = _from_trunk(kind, rest, middle)
    on_sleeve = sleeve_m > 0
    tubes = _tubes(kind, rest, middle, on_sleeve)
    tube = np.array([members for members, _, _ in tubes]).argmax(axis=0)
    # A face across two tubes belongs to the first: trunk before sleeve.
    face_tube = tube[faces].min(axis=1)
    unrolled = [_unrolled(*one) for one in tubes]
    angles, sizes = (np.stack(rows) for rows in zip(*unrolled, strict=True))
    corner = angles[face_tube[:, None], faces]
    size = sizes[face_tube[:, None], :, faces]
    turn = _mean_angle(corner)
    sleeve_face = (face_tube > 0) & (kind not in _LEGGED)
    piece = np.where(sleeve_face, SLEEVE, np.where(np.abs(turn) > np.pi / 2, BACK, FRONT))
    one = np.arange(len(rest))
    angle, around = angles[tube, one], np.sqrt((sizes[tube, :, one] ** 2).mean(axis=1))
    seam = np.full((len(rest), 2), _FAR_M)
    # Of a tube's angle 0 is the front (of sleeves: the top) and pi the back (the underside).
    seam[:, 0] = np.where(on_sleeve, np.pi - np.abs(angle), np.abs(angle) - np.pi / 2) * around
    if len(tubes) > 1 and kind not in _LEGGED:
        seam[:, 1] = sleeve_m
    return Layout(
        corner_uv=_corner_uv(rest[faces], corner, size, turn, piece, middle).astype(np.float32),
        piece=piece,
        seam_m=seam,
        hem_m=_to_border(rest, faces),
    )


def own_layout(rest: np.ndarray, faces: np.ndarray, corner_uv: np.ndarray) -> Layout:
    """Layout of a garment with texture coordinates (M, 3, 2) of its own, brought to metres.

    Nobody knows where its seams and its front are; it counts as one sleeve without any.
    """
    points = rest[faces].astype(float)
    area = np.linalg.norm(
        np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1
    )
    a, b = corner_uv[:, 1] - corner_uv[:, 0], corner_uv[:, 2] - corner_uv[:, 0]
    flat = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    scale = np.sqrt(area.sum() / max(float(flat.sum()), 1e-12))
    return Layout(
        corner_uv=np.stack([corner_uv * scale] * 2).astype(np.float32),
        piece=np.full(len(faces), SLEEVE),
        seam_m=np.full((len(rest), 2), _FAR_M),
        hem_m=_to_border(rest, faces),
    )


def _from_trunk(kind: str, rest: np.ndarray, middle: float) -> np.ndarray:
    """How far each vertex (N,) is out on a sleeve, m; negative on the trunk.

    On the T-pose arms are level: the trunk is measured below them, above a skirt.
    """
    down = (rest[:, 2].max() - rest[:, 2]) / np.ptp(rest[:, 2])
    low, high = (0.28, 0.42) if kind == "dress" else (0.45, 0.85)
    aside = np.abs(rest[:, 0] - middle)
    half = np.quantile(aside[(down > low) & (down < high)], 0.98)
    return np.where(down < low, aside - 1.03 * half, -_FAR_M)


def _tubes(kind: str, rest: np.ndarray, middle: float, on_sleeve: np.ndarray) -> list[tuple]:
    """Tubes of cloth: (members (N,), coordinate along it (N,), (sideways, forward) around it)."""
    x, y, z = rest.T
    left = x > middle
    if kind in _LEGGED:
        return [(side, z, (x, -y)) for side in (left, ~left) if side.any()]
    tubes = [(~on_sleeve, z, (x, -y))]
    for side, turned in ((left & on_sleeve, 1), (~left & on_sleeve, -1)):
        if side.any():
            tubes.append((side, x, (turned * y, z)))
    return tubes


def _unrolled(members: np.ndarray, along: np.ndarray, plane: tuple) -> tuple:
    """Angle (N,) about a tube's own middle line, and its half width and depth (2, N) there."""
    start = along[members].min()
    level = np.floor((along[members] - start) / _LEVEL_M).astype(int)
    middles, sizes, steps = [], [], np.unique(level)
    for number in steps:
        here = np.abs(level - number) <= 1
        box = np.array([[c[members][here].min(), c[members][here].max()] for c in plane])
        middles.append(box.mean(axis=1))
        sizes.append(np.maximum(np.ptp(box, axis=1) / 2, 0.02))
    at = (along - start) / _LEVEL_M - 0.5
    middle = np.stack([np.interp(at, steps, m) for m in np.array(middles).T])
    size = np.stack([np.interp(at, steps, s) for s in np.array(sizes).T])
    sideways, forward = (np.stack(plane) - middle) / size
    return np.arctan2(sideways, forward), size


def _mean_angle(angles: np.ndarray) -> np.ndarray:
    """Circular mean (M,) of corner angles (M, 3)."""
    return np.arctan2(np.sin(angles).mean(axis=1), np.cos(angles).mean(axis=1))


def _corner_uv(points, corner, size, turn, piece, middle) -> np.ndarray:
    """u grows to the viewer's right and v upwards, so that nothing printed is mirrored."""
    turn, sleeve = turn[:, None], piece[:, None] == SLEEVE
    corner = corner + 2 * np.pi * np.round((turn - corner) / (2 * np.pi))
    behind = np.where(turn > 0, corner - np.pi, corner + np.pi)
    # Arc of an ellipse from its middle, to the first order in its flatness.
    a2, b2 = np.moveaxis(size**2, -1, 0)
    radius = np.sqrt((a2 + b2) / 2)
    v = np.where(sleeve, -np.abs(points[..., 0] - middle), points[..., 2])
    sides = []
    for theta in (corner, np.where(sleeve, corner, behind)):
        u = radius * theta + (a2 - b2) / (8 * radius) * np.sin(2 * theta)
        sides.append(np.stack([u, v], axis=-1))
    return np.stack(sides)


def _to_border(rest: np.ndarray, faces: np.ndarray) -> np.ndarray:
    from scipy.spatial import cKDTree

    loops = [loop for loop in boundary_loops(faces) if len(loop) > 2]
    if not loops:
        return np.full(len(rest), _FAR_M)
    return cKDTree(rest[np.concatenate(loops)]).query(rest)[0]
