"""Folded hems, so that cloth has an edge with thickness instead of a paper-thin border."""

from dataclasses import dataclass

import numpy as np

from pipeline.garments.surface import boundary_loops, unique_edges, unit, vertex_normals

THICKNESS_M = 0.0028
DEPTH_M = 0.012


@dataclass(frozen=True)
class Hem:
    """Extra vertices and faces along the borders of a triangle mesh of N vertices.

    faces: (M', 3) all faces, the hem's included. border (B,): the vertices that are folded.
    inwards (B,): for each, a neighbour inside the cloth. cloth_faces (M, 3): without the hem.
    source: (M' - M, 3) for each corner of the hem's faces, the corner of the cloth's faces (row 3 f
    + k is corner k of face f) whose texture it goes on with.
    """

    faces: np.ndarray
    border: np.ndarray
    inwards: np.ndarray
    cloth_faces: np.ndarray
    source: np.ndarray

    def extend(self, vertices: np.ndarray) -> np.ndarray:
        """Vertices (N + 2B, 3) with the fold, metres."""
        points = vertices.astype(float)
        normal = vertex_normals(points, self.cloth_faces)[self.border]
        edge = points[self.border]
        inwards = unit(points[self.inwards] - edge)
        turned = edge - THICKNESS_M * normal
        folded = edge + DEPTH_M * inwards - THICKNESS_M * normal
        return np.concatenate([points, turned, folded]).astype(np.float32)

    def repeat(self, values: np.ndarray) -> np.ndarray:
        """Per-vertex values (N, ...) extended to the fold."""
        return np.concatenate([values, values[self.border], values[self.border]])

    def repeat_corners(self, values: np.ndarray) -> np.ndarray:
        """Values per face corner (M, 3, ...) extended to the fold's faces."""
        flat = values.reshape(-1, *values.shape[2:])
        return np.concatenate([values, flat[self.source]])

    def repeat_faces(self, values: np.ndarray) -> np.ndarray:
        """Values per face (M,) extended to the fold's faces, from the face that each is sewn to."""
        return np.concatenate([values, values[self.source[:, 0] // 3]])


def plan_hem(faces: np.ndarray, count: int) -> Hem:
    """Hem of a triangle mesh; faces (M, 3), `count` vertices."""
    loops = [loop for loop in boundary_loops(faces) if len(loop) > 2]
    border = np.concatenate(loops) if loops else np.zeros(0, int)
    first = {int(v): count + i for i, v in enumerate(border)}
    turn = len(border)
    strips, source = [], []
    corner = _border_corners(faces)
    for loop in loops:
        for a, b in zip(loop, np.roll(loop, -1), strict=True):
            # The strip runs against the border's own direction, so both keep one orientation.
            a1, b1 = first[int(a)], first[int(b)]
            strips += [(b, a, a1), (b, a1, b1), (b1, a1, a1 + turn), (b1, a1 + turn, b1 + turn)]
            at_a, at_b = corner[int(a), int(b)]
            source += [(at_b, at_a, at_a), (at_b, at_a, at_b), (at_b, at_a, at_a)]
            source.append((at_b, at_a, at_b))
    extra = np.array(strips, faces.dtype).reshape(-1, 3)
    inwards = _inner_neighbour(faces, border, count)
    source = np.array(source, int).reshape(-1, 3)
    return Hem(np.concatenate([faces, extra]), border, inwards, faces, source)


def _border_corners(faces: np.ndarray) -> dict[tuple[int, int], tuple[int, int]]:
    """Directed edge (a, b) of a face -> its corners at a and b, as rows of the flattened faces."""
    corners = np.arange(faces.size).reshape(faces.shape)
    ends = np.roll(corners, -1, axis=1)
    columns = (faces, np.roll(faces, -1, axis=1), corners, ends)
    rows = zip(*(column.ravel().tolist() for column in columns), strict=True)
    return {(a, b): (at_a, at_b) for a, b, at_a, at_b in rows}


def _inner_neighbour(faces: np.ndarray, border: np.ndarray, count: int) -> np.ndarray:
    """For each border vertex one neighbour off the border (itself where there is none)."""
    on_border = np.zeros(count, bool)
    on_border[border] = True
    inner = np.arange(count)
    edges = unique_edges(faces)
    for a, b in (edges.T, edges.T[::-1]):
        leads_in = on_border[a] & ~on_border[b]
        inner[a[leads_in]] = b[leads_in]
    return inner[border]
