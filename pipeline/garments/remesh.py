"""Even triangles for cloth: a surface patch is re-triangulated to one edge length.

Split long edges, collapse short ones, flip towards Delaunay, slide vertices along the surface
(the classic incremental scheme of Botsch and Kobbelt 2004), each as a batch of operations that do
not touch one another, so everything stays vectorised and deterministic.
"""

import numpy as np
import scipy.sparse as sp

from pipeline.garments.surface import (
    ClosestPoint,
    boundary_loops,
    compact,
    edge_lengths,
    face_cross,
    half_edges,
    neighbour_mean,
    unit,
    vertex_normals,
)


def remesh(
    vertices: np.ndarray, faces: np.ndarray, edge_m: float, rounds: int = 6
) -> tuple[np.ndarray, np.ndarray, sp.csr_matrix]:
    """Re-triangulate a patch to edges of about `edge_m`.

    Returns points (N, 3), faces (M, 3) and the binding B (N, V), three weights per row that sum to
    1, with points = B @ vertices: the new mesh follows wherever the old vertices go.
    """
    surface = ClosestPoint(vertices, faces)
    used, new_faces = compact(faces)
    points = vertices[used]
    for _ in range(rounds):
        for _ in range(4):
            points, new_faces, changed = _split(points, new_faces, 1.35 * edge_m)
            if not changed:
                break
        for _ in range(12):
            new_faces, changed = _collapse(points, new_faces, 0.72 * edge_m)
            if not changed:
                break
        used, new_faces = compact(new_faces)
        points = points[used]
        for _ in range(4):
            new_faces = _flip(points, new_faces)
        for _ in range(3):
            points = _slide(points, new_faces)
        points = surface.query(points)[0]
    points, face, bary = surface.query(points)
    rows = np.repeat(np.arange(len(points)), 3)
    shape = (len(points), len(vertices))
    binding = sp.csr_matrix((bary.ravel(), (rows, surface.faces[face].ravel())), shape)
    return points, new_faces, binding


def _edge_table(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undirected edges (E, 2) and the faces on both sides (E, 2), -1 for none."""
    directed = half_edges(faces)
    edges, which = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True)
    which = which.ravel()
    face = np.tile(np.arange(len(faces)), 3)
    order = np.argsort(which, kind="stable")
    first = np.searchsorted(which[order], np.arange(len(edges)))
    count = np.bincount(which, minlength=len(edges))
    sides = np.full((len(edges), 2), -1)
    sides[:, 0] = face[order[first]]
    double = count > 1
    sides[double, 1] = face[order[first[double] + 1]]
    return edges, sides


def _split(points, faces, longest_m):
    """Halve edges longer than `longest_m` that are the longest edge of all their faces."""
    edges, sides = _edge_table(faces)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    rank = np.lexsort((np.arange(len(edges)), length)).argsort()
    top = np.full(len(faces) + 1, -1)
    for side in (0, 1):
        np.maximum.at(top, sides[:, side], rank)
    chosen = (length > longest_m) & (top[sides[:, 0]] == rank)
    chosen &= (sides[:, 1] < 0) | (top[sides[:, 1]] == rank)
    if not chosen.any():
        return points, faces, False
    picked = np.flatnonzero(chosen)
    middle = len(points) + np.arange(len(picked))
    points = np.concatenate([points, points[edges[picked]].mean(axis=1)])
    faces = faces.copy()
    extra = []
    for side in (0, 1):
        valid = sides[picked, side] >= 0
        face, edge, new = sides[picked[valid], side], edges[picked[valid]], middle[valid]
        triangle = faces[face]
        at_edge = (triangle == edge[:, :1]) | (triangle == edge[:, 1:])
        opposite = np.argmin(at_edge, axis=1)
        rows = np.arange(len(face))
        o, a, b = (triangle[rows, (opposite + k) % 3] for k in range(3))
        faces[face] = np.stack([o, a, new], axis=1)
        extra.append(np.stack([o, new, b], axis=1))
    return points, np.concatenate([faces, *extra]), True


def _collapse(points, faces, shortest_m):
    """Collapse edges shorter than `shortest_m` if that keeps a manifold and turns no face over."""
    edges, sides = _edge_table(faces)
    on_border = np.zeros(len(points), bool)
    border_edge = sides[:, 1] < 0
    on_border[edges[border_edge]] = True
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    # A border vertex stays on the border, and an inner edge never pinches two borders together.
    both = on_border[edges].all(axis=1)
    candidate = (length < shortest_m) & (~both | border_edge)
    if not candidate.any():
        return faces, False
    count = len(points)
    ones = np.ones(2 * len(edges), np.int32)
    rows, cols = np.concatenate([edges, edges[:, ::-1]]).T
    adjacency = sp.csr_matrix((ones, (rows, cols)), (count, count))
    around = sp.csr_matrix(
        (np.ones(3 * len(faces), np.int8), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))),
        (count, len(faces)),
    )
    normals = unit(face_cross(points, faces))
    blocked = np.zeros(count, bool)
    target = np.arange(count)
    order = np.flatnonzero(candidate)[np.argsort(length[candidate], kind="stable")]
    for edge in order:
        keep, drop = edges[edge]
        if on_border[drop] and not on_border[keep]:
            keep, drop = drop, keep
        ring_keep = adjacency.indices[adjacency.indptr[keep] : adjacency.indptr[keep + 1]]
        ring_drop = adjacency.indices[adjacency.indptr[drop] : adjacency.indptr[drop + 1]]
        if blocked[ring_keep].any() or blocked[ring_drop].any():
            continue
        shared = np.intersect1d(ring_keep, ring_drop, assume_unique=True)
        if len(shared) != (1 if border_edge[edge] else 2):
            continue
        fan = around.indices[around.indptr[drop] : around.indptr[drop + 1]]
        moved = faces[fan]
        moved = moved[~(moved == keep).any(axis=1)]
        kept_normals = normals[fan[~(faces[fan] == keep).any(axis=1)]]
        moved = np.where(moved == drop, keep, moved)
        after = unit(face_cross(points, moved))
        if len(moved) == 0 or (after * kept_normals).sum(axis=1).min() < 0.3:
            continue
        far = np.linalg.norm(points[ring_drop] - points[keep], axis=1).max()
        if far > 1.9 * shortest_m / 0.72:
            continue
        target[drop] = keep
        blocked[ring_keep] = blocked[ring_drop] = True
        blocked[[keep, drop]] = True
    if (target == np.arange(count)).all():
        return faces, False
    faces = target[faces]
    alive = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    return faces[alive], True


def _flip(points, faces):
    """Flip inner edges whose opposite angles add up to more than 180 degrees, a few at a time."""
    edges, sides = _edge_table(faces)
    inner = np.flatnonzero(sides[:, 1] >= 0)
    edge, (left, right) = edges[inner], sides[inner].T
    tri_left, tri_right = faces[left], faces[right]

    def opposite(triangle):
        at_edge = (triangle == edge[:, :1]) | (triangle == edge[:, 1:])
        return np.argmin(at_edge, axis=1)

    rows = np.arange(len(inner))
    corner = opposite(tri_left)
    o, a, b = (tri_left[rows, (corner + k) % 3] for k in range(3))
    p = tri_right[rows, opposite(tri_right)]

    def angle(apex):
        u, v = unit(points[a] - points[apex]), unit(points[b] - points[apex])
        return np.arccos(np.clip((u * v).sum(-1), -1, 1))

    excess = angle(o) + angle(p) - np.pi
    # Faces o-a-p and o-p-b replace o-a-b and p-b-a; both must look the same way as before.
    new_1, new_2 = np.stack([o, a, p], 1), np.stack([o, p, b], 1)
    normal = unit(face_cross(points, tri_left)) + unit(face_cross(points, tri_right))
    upright = (face_cross(points, new_1) * normal).sum(-1) > 0
    upright &= (face_cross(points, new_2) * normal).sum(-1) > 0
    size = len(points)
    existing = np.isin(np.minimum(o, p) * size + np.maximum(o, p), edges[:, 0] * size + edges[:, 1])
    wanted = (excess > 0.05) & upright & ~existing
    score = np.where(wanted, excess, -np.inf)
    rank = np.lexsort((rows, score)).argsort()
    best = np.full(len(faces), -1)
    np.maximum.at(best, left[wanted], rank[wanted])
    np.maximum.at(best, right[wanted], rank[wanted])
    chosen = wanted & (best[left] == rank) & (best[right] == rank)
    # Two flips in one batch may want the same new edge.
    key = np.minimum(o, p) * size + np.maximum(o, p)
    first = np.unique(np.where(chosen, key, -1 - rows), return_index=True)[1]
    chosen &= np.isin(rows, first)
    faces = faces.copy()
    faces[left[chosen]] = new_1[chosen]
    faces[right[chosen]] = new_2[chosen]
    return faces


def _slide(points, faces):
    """Even out spacing: inner vertices within the surface, border vertices along their loop."""
    normals = vertex_normals(points, faces)
    step = neighbour_mean(faces, len(points)) @ points - points
    step -= (step * normals).sum(-1, keepdims=True) * normals
    for loop in boundary_loops(faces):
        previous, following = points[np.roll(loop, 1)], points[np.roll(loop, -1)]
        along = unit(following - previous)
        pull = (previous + following) / 2 - points[loop]
        step[loop] = (pull * along).sum(-1, keepdims=True) * along
    return points + 0.5 * step


def quality(points: np.ndarray, faces: np.ndarray) -> dict[str, float]:
    """Edge lengths in metres (min, median, max) and the smallest angle in degrees."""
    lengths = edge_lengths(points, faces)
    angles = []
    for k in range(3):
        apex, a, b = (points[faces[:, (k + i) % 3]] for i in range(3))
        cosine = (unit(a - apex) * unit(b - apex)).sum(-1)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return {
        "edge_min_m": float(lengths.min()),
        "edge_median_m": float(np.median(lengths)),
        "edge_max_m": float(lengths.max()),
        "angle_min_deg": float(np.min(angles)),
    }
