"""How deep two bodies are inside each other."""

import numpy as np
import trimesh
from scipy.spatial import cKDTree

_NEIGHBOURS = 12


def penetration_m(
    vertices_a: np.ndarray, faces_a: np.ndarray, vertices_b: np.ndarray, faces_b: np.ndarray
) -> float:
    """Depth in metres of the deepest vertex of either body inside the other, 0 when apart.

    vertices_*: (V, 3) metres, one frame. faces_*: (F, 3), outward winding.
    """
    return max(
        _deepest_inside(vertices_a, vertices_b, faces_b),
        _deepest_inside(vertices_b, vertices_a, faces_a),
    )


def _deepest_inside(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    near = ((points > vertices.min(axis=0)) & (points < vertices.max(axis=0))).all(axis=1)
    if not near.any():
        return 0.0
    candidates = points[near]
    gap_m, closest = cKDTree(vertices).query(candidates)
    outward = vertex_normals(vertices, faces)[closest]
    behind = ((candidates - vertices[closest]) * outward).sum(axis=1) < 0
    # Deepest first, so that the first one truly inside is the answer (to a vertex spacing).
    for i in np.flatnonzero(behind)[np.argsort(-gap_m[behind], kind="stable")]:
        if winding_number(candidates[i], vertices, faces) > 0.5:
            return _distance(candidates[i], vertices, faces)
    return 0.0


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outward normals (V, 3), area weighted, not normalised."""
    a, b, c = vertices[faces.T]
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices, dtype=np.float64)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(
                faces[:, corner], face_normals[:, axis], minlength=len(vertices)
            )
    return normals


def winding_number(point: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    """Times the surface wraps around a point: 1 inside a closed body, 0 outside.

    Solid angle of every triangle (Van Oosterom and Strackee, 1983), summed.
    """
    a, b, c = (vertices - point)[faces.T]
    la, lb, lc = (np.linalg.norm(x, axis=1) for x in (a, b, c))
    volume = (a * np.cross(b, c)).sum(axis=1)
    dot = la * lb * lc
    dot += (a * b).sum(axis=1) * lc + (b * c).sum(axis=1) * la + (c * a).sum(axis=1) * lb
    return float(2 * np.arctan2(volume, dot).sum() / (4 * np.pi))


def _distance(point: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    """Distance from a point to the surface, over the triangles at the nearest vertices."""
    nearest = np.argpartition(((vertices - point) ** 2).sum(axis=1), _NEIGHBOURS)[:_NEIGHBOURS]
    triangles = vertices[faces[np.isin(faces, nearest).any(axis=1)]]
    closest = trimesh.triangles.closest_point(triangles, np.tile(point, (len(triangles), 1)))
    return float(np.linalg.norm(closest - point, axis=1).min())
