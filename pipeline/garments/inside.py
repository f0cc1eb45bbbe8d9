"""Which points lie inside a body, and how deep: by counting signed crossings of rays.

The sign of the nearest surface is wrong where body parts touch or overlap. Here a ray counts +1
where it leaves the body and -1 where it enters it; the sum is above zero exactly inside, and stays
so where two parts overlap.
"""

import numpy as np

from pipeline.garments.surface import ClosestPoint

_DIRECTIONS = ((0.31, 0.83, 0.46), (-0.57, 0.21, 0.79), (0.72, -0.44, 0.53))
"""Ray directions, along no axis of symmetry."""


def inside(
    body_vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, skin_m: float = 0.0
) -> np.ndarray:
    """Depth (N,) f64 of points below the surface of a body, metres; 0 for points outside.

    body_vertices: (V, 3) metres. faces: (M, 3), outward by the right-hand rule; small holes (mouth,
    eyes) do no harm, because all of three directions must agree. points: (N, 3), same frame.
    A point in an overlap of two body parts is inside; its depth is the distance to the nearest
    surface, be that one within the body. skin_m: depths up to this count as outside.
    """
    vertices = np.asarray(body_vertices, np.float64)
    points = np.asarray(points, np.float64)
    within = np.flatnonzero(enclosed(vertices, faces, points))
    depth_m = np.zeros(len(points))
    if len(within):
        closest, _, _ = ClosestPoint(vertices, faces).query(points[within])
        depth_m[within] = np.linalg.norm(closest - points[within], axis=1)
    return np.where(depth_m > skin_m, depth_m, 0.0)


def enclosed(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points (N, 3) lie inside, (N,) bool; arguments as for `inside`."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    within = np.flatnonzero(((points > low) & (points < high)).all(axis=1))
    for direction in _DIRECTIONS:
        within = within[winding(vertices, faces, points[within], np.array(direction)) > 0]
    found = np.zeros(len(points), bool)
    found[within] = True
    return found


def winding(
    vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, direction: np.ndarray
) -> np.ndarray:
    """Surfaces left minus surfaces entered (N,) int by the ray from each point.

    Exact also for rays through edges: the two triangles of an edge decide by the same number.
    """
    count = np.zeros(len(points), int)
    if not len(points):
        return count
    axes = _axes(direction)
    corners, start = vertices @ axes, points @ axes
    face, point = _pairs(corners, faces, start)
    hit = np.ones(len(face), bool)
    turned = np.zeros(len(face), bool)
    for k in range(3):
        left = _left_of(corners, faces[face, k], faces[face, (k + 1) % 3], start[point])
        if k == 0:
            turned = ~left
        hit &= left != turned
    face, point, turned = face[hit], point[hit], turned[hit]
    a, b, c = (corners[faces[face, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    steep = np.where(np.abs(normal[:, 2]) < 1e-300, 1e-300, normal[:, 2])
    above = ((a - start[point]) * normal).sum(axis=1) / steep > 0
    np.add.at(count, point[above], np.where(turned[above], -1, 1))
    return count


def _axes(direction: np.ndarray) -> np.ndarray:
    """Right-handed axes (3, 3, as columns) whose third is the direction."""
    up = direction / np.linalg.norm(direction)
    side = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(up, side), up], axis=1)


def _left_of(corners, first, second, start) -> np.ndarray:
    """Whether 2D points lie left of the edge first -> second; of two equal edges, both agree."""
    swap = first > second
    low, high = np.where(swap, second, first), np.where(swap, first, second)
    edge, way = corners[high] - corners[low], start - corners[low]
    return (edge[:, 0] * way[:, 1] - edge[:, 1] * way[:, 0] >= 0) != swap


def _pairs(corners, faces, start) -> tuple[np.ndarray, np.ndarray]:
    """(face, point) of all pairs that share a cell of a grid across the rays."""
    flat = corners[faces][:, :, :2]
    size = max(float(np.median(np.ptp(flat, axis=1))), 1e-6)
    origin = start[:, :2].min(axis=0)
    cell = np.floor((start[:, :2] - origin) / size).astype(int)
    columns, rows = cell.max(axis=0) + 1
    low = np.floor((flat.min(axis=1) - origin) / size).astype(int)
    high = np.floor((flat.max(axis=1) - origin) / size).astype(int)
    ahead = corners[faces][:, :, 2].max(axis=1) >= start[:, 2].min()
    near = np.flatnonzero(
        ahead & (high >= 0).all(axis=1) & (low[:, 0] < columns) & (low[:, 1] < rows)
    )
    low = np.maximum(low[near], 0)
    high = np.minimum(high[near], [columns - 1, rows - 1])
    wide, tall = (high - low + 1).T
    face, at = _expanded(wide * tall)
    place = (low[face, 1] + at // wide[face]) * columns + low[face, 0] + at % wide[face]

    key = cell[:, 1] * columns + cell[:, 0]
    order = np.argsort(key, kind="stable")
    first = np.searchsorted(key[order], place, "left")
    number = np.searchsorted(key[order], place, "right") - first
    row, at = _expanded(number)
    return near[face[row]], order[first[row] + at]


def _expanded(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of the `counts` repetitions: index of its item, and its number within it."""
    item = np.repeat(np.arange(len(counts)), counts)
    begin = np.cumsum(counts) - counts
    return item, np.arange(len(item)) - begin[item]
