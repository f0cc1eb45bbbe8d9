"""Plain triangle-surface operations: normals, clipping, loops, closest points (numpy and scipy)."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def face_cross(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted face normals (M, 3), twice the area long."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit vertex normals (V, 3), outward for anticlockwise faces."""
    cross = face_cross(vertices, faces)
    corners = faces.ravel()
    weights = np.repeat(cross, 3, axis=0)
    sums = [np.bincount(corners, weights[:, k], len(vertices)) for k in range(3)]
    return unit(np.stack(sums, axis=1))


def half_edges(faces: np.ndarray) -> np.ndarray:
    """Directed edges (3M, 2); rows i, i + M, i + 2M belong to face i."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def unique_edges(faces: np.ndarray) -> np.ndarray:
    """Undirected edges (E, 2), smaller index first."""
    return np.unique(np.sort(half_edges(faces), axis=1), axis=0)


def edge_lengths(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Lengths (3M,) of all face edges."""
    edges = half_edges(faces)
    return np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)


def boundary_loops(faces: np.ndarray) -> list[np.ndarray]:
    """Boundary loops as vertex index arrays, in face direction, longest first."""
    edges = half_edges(faces)
    size = int(faces.max()) + 1
    keys = edges[:, 0] * size + edges[:, 1]
    border = edges[~np.isin(keys, edges[:, 1] * size + edges[:, 0])]
    following = dict(border.tolist())
    loops = []
    while following:
        start, current = next(iter(following.items()))
        loop = [start]
        del following[start]
        while current in following:
            loop.append(current)
            current = following.pop(current)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)


def runs(wanted: np.ndarray) -> list[np.ndarray]:
    """Stretches of a closed ring where `wanted` (L,) holds, as positions in order."""
    if wanted.all():
        return [np.arange(len(wanted))]
    order = np.roll(np.arange(len(wanted)), -int(np.flatnonzero(~wanted)[0]))
    breaks = np.flatnonzero(np.diff(wanted[order].astype(int))) + 1
    return [part for part in np.split(order, breaks) if wanted[part[0]]]


def border_runs(
    faces: np.ndarray, levels: dict[str, np.ndarray]
) -> dict[str, list[tuple[np.ndarray, bool]]]:
    """The border of a cloth by what it was cut along: the level (N,) that is lowest there.

    Each entry lists (vertices in face direction, whether they form a closed loop).
    """
    found: dict[str, list[tuple[np.ndarray, bool]]] = {name: [] for name in levels}
    for loop in boundary_loops(faces):
        lowest = np.argmin([level[loop] for level in levels.values()], axis=0)
        for k, name in enumerate(levels):
            mine = lowest == k
            # A stray vertex or two do not open a loop.
            if mine.mean() > 0.9:
                found[name].append((loop, True))
            else:
                found[name] += [(loop[part], False) for part in runs(mine) if len(part) > 2]
    return found


def neighbour_mean(faces: np.ndarray, count: int) -> sp.csr_matrix:
    """Row-stochastic matrix (count, count) that averages each vertex' neighbours."""
    edges = unique_edges(faces)
    rows = np.concatenate([edges[:, 0], edges[:, 1]])
    cols = np.concatenate([edges[:, 1], edges[:, 0]])
    adjacency = sp.csr_matrix((np.ones(len(rows)), (rows, cols)), (count, count))
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1)
    return sp.diags(1 / degree) @ adjacency


def clip(faces: np.ndarray, level: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """The part of a surface where the vertex function `level` (V,) is positive.

    Returns C (N, V) and the new faces (M, 3): new vertices are C @ vertices, each an old vertex or
    a point on an old edge. Slivers along the cut are left to `remesh`.
    """
    return _cut_along(faces, level, (level > 0,), snap=0.0)


def split_along(faces: np.ndarray, level: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """The whole surface, with its faces split where `level` (V,) is zero; returns as `clip`."""
    return _cut_along(faces, level, (level > 0, level <= 0), snap=0.02)


def _cut_along(faces, level, sides, snap: float) -> tuple[sp.csr_matrix, np.ndarray]:
    """The parts of a surface on the given sides (V,) bool of the zero line, sharing its points.

    A point within `snap` (a share of its edge) of the edge's end is that end.
    """
    index: dict[tuple[int, int], int] = {}
    corners: list[tuple[int, int, float]] = []

    def vertex(a: int, b: int) -> int:
        low, high = min(a, b), max(a, b)
        t = 0.0 if low == high else float(level[low] / (level[low] - level[high]))
        low, high = (low if t <= 1 - snap else high), (high if t >= snap else low)
        if (low, high) not in index:
            index[low, high] = len(corners)
            corners.append((low, high, 0.0 if low == high else t))
        return index[low, high]

    triangles = []
    for inside in sides:
        touched = inside[faces]
        whole = faces[touched.all(axis=1)]
        cut = faces[touched.any(axis=1) & ~touched.all(axis=1)]
        triangles += [[vertex(i, i) for i in face] for face in whole.tolist()]
        for face in cut.tolist():
            ring = []
            for a, b in zip(face, face[1:] + face[:1], strict=True):
                if inside[a]:
                    ring.append(vertex(a, a))
                if inside[a] != inside[b]:
                    ring.append(vertex(a, b))
            triangles += [[ring[0], ring[k], ring[k + 1]] for k in range(1, len(ring) - 1)]
    triangles = [corner for corner in triangles if len(set(corner)) == 3]
    low, high, t = (np.array(column) for column in zip(*corners, strict=True))
    rows = np.arange(len(corners))
    shape = (len(corners), len(level))
    interpolate = sp.csr_matrix((1 - t, (rows, low)), shape) + sp.csr_matrix(
        (t, (rows, high)), shape
    )
    return interpolate, np.array(triangles)


def largest_part(faces: np.ndarray, count: int) -> np.ndarray:
    """Faces of the connected component with the most vertices."""
    edges = unique_edges(faces)
    graph = sp.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    label = connected_components(graph, directed=False)[1]
    return faces[label[faces[:, 0]] == np.bincount(label[faces.ravel()]).argmax()]


def compact(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(used, faces): the vertices in use, ascending, and the faces renumbered to them."""
    used, renumbered = np.unique(faces, return_inverse=True)
    return used, renumbered.reshape(faces.shape)


def closest_on_triangles(
    points: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> np.ndarray:
    """Barycentric coordinates (..., 3) of the closest point on triangles (Ericson 2004, 5.1.5)."""
    ab, ac, ap = b - a, c - a, points - a
    d1, d2 = (ab * ap).sum(-1), (ac * ap).sum(-1)
    bp, cp = points - b, points - c
    d3, d4 = (ab * bp).sum(-1), (ac * bp).sum(-1)
    d5, d6 = (ab * cp).sum(-1), (ac * cp).sum(-1)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2

    def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
        return top / np.where(np.abs(bottom) < 1e-30, 1e-30, bottom)

    total = va + vb + vc
    v, w = ratio(vb, total), ratio(vc, total)
    one, zero = np.ones_like(v), np.zeros_like(v)
    t_ab, t_ac = ratio(d1, d1 - d3), ratio(d2, d2 - d6)
    t_bc = ratio(d4 - d3, (d4 - d3) + (d5 - d6))
    cases = [
        ((d1 <= 0) & (d2 <= 0), zero, zero),
        ((d3 >= 0) & (d4 <= d3), one, zero),
        ((d6 >= 0) & (d5 <= d6), zero, one),
        ((vc <= 0) & (d1 >= 0) & (d3 <= 0), t_ab, zero),
        ((vb <= 0) & (d2 >= 0) & (d6 <= 0), zero, t_ac),
        ((va <= 0) & (d4 - d3 >= 0) & (d5 - d6 >= 0), 1 - t_bc, t_bc),
    ]
    conditions = [case[0] for case in cases]
    v = np.select(conditions, [case[1] for case in cases], v)
    w = np.select(conditions, [case[2] for case in cases], w)
    return np.stack([1 - v - w, v, w], axis=-1)


class ClosestPoint:
    """Closest points on a fixed surface, by the faces around the nearest vertices.

    Exact for points near a surface of reasonably even triangles, which is all it is used for.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, neighbours: int = 4) -> None:
        self.vertices, self.faces, self.neighbours = vertices, faces, neighbours
        self.used = np.unique(faces)
        self.tree = cKDTree(vertices[self.used])
        order = np.argsort(faces.ravel(), kind="stable")
        face_of_corner = order // 3
        counts = np.bincount(faces.ravel(), minlength=len(vertices))
        starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
        widest = min(int(counts.max()), 12)
        column = np.arange(widest)
        pick = np.minimum(column, np.maximum(counts[:, None] - 1, 0)) + starts[:, None]
        self.around = face_of_corner[np.minimum(pick, len(face_of_corner) - 1)]

    def query(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(closest (N, 3), face index (N,), barycentric (N, 3)) of points (N, 3)."""
        _, nearest = self.tree.query(points, self.neighbours)
        nearest = self.used[nearest]
        candidates = self.around[nearest].reshape(len(points), -1)
        corners = self.vertices[self.faces[candidates]]
        a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
        bary = closest_on_triangles(points[:, None], a, b, c)
        closest = bary[..., :1] * a + bary[..., 1:2] * b + bary[..., 2:] * c
        best = ((closest - points[:, None]) ** 2).sum(-1).argmin(axis=1)
        rows = np.arange(len(points))
        return closest[rows, best], candidates[rows, best], bary[rows, best]
