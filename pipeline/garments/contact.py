"""Distances between layers, and the push that keeps cloth outside what it covers.

Uses Blender's bounding-volume tree. Nothing here ever moves the body or an inner garment.
"""

from dataclasses import dataclass
from functools import lru_cache

import bpy  # noqa: F401  (mathutils exists only once bpy is loaded)
import numpy as np
from mathutils.bvhtree import BVHTree

from pipeline.garments.inside import enclosed
from pipeline.garments.surface import (
    closest_on_triangles,
    face_cross,
    half_edges,
    unit,
    vertex_normals,
)

_STEP_M = 1e-4
"""Where rays start, off the skin."""
_FAR_M = 0.5
"""No part of a body is thicker."""


@dataclass(frozen=True)
class Nearest:
    """Closest points on a surface. height_m: (N,) signed, negative behind the surface. normal,
    point: (N, 3). distance_m: (N,). open_edge: (N,) bool, the closest point is on a border."""

    height_m: np.ndarray
    normal: np.ndarray
    point: np.ndarray
    distance_m: np.ndarray
    face: np.ndarray
    open_edge: np.ndarray


@lru_cache(maxsize=64)
def _face_rows(faces: bytes) -> list[list[int]]:
    """Triangles as Blender's tree wants them: the same for every frame, and dear to convert."""
    return np.frombuffer(faces, np.int32).reshape(-1, 3).tolist()


class Layer:
    """One surface at one moment: vertices (V, 3), faces (M, 3)."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.vertices = np.asarray(vertices, np.float64)
        self.faces = faces
        self.normals = unit(face_cross(self.vertices, faces))
        rows = _face_rows(np.ascontiguousarray(faces, np.int32).tobytes())
        self._tree = BVHTree.FromPolygons(self.vertices.tolist(), rows, all_triangles=True)

    def nearest(self, points: np.ndarray, reach_m: float, border: np.ndarray | None = None):
        """Nearest record of points (N, 3); beyond `reach_m` the distance is inf and height 0.

        border: (M, 3) bool, True where face edge k (corner k to k + 1) is on the border.
        """
        find, count = self._tree.find_nearest, len(points)
        face = np.full(count, -1)
        location = np.array(points, np.float64)
        for i, point in enumerate(points.tolist()):
            hit = find(point, reach_m)
            if hit[2] is not None:
                face[i] = hit[2]
                location[i] = hit[0]
        found = face >= 0
        normal = self.normals[face]
        offset = points - location
        height = np.where(found, (offset * normal).sum(axis=1), 0.0)
        distance = np.where(found, np.linalg.norm(offset, axis=1), np.inf)
        # The sign comes from the face's plane, the size from the true distance.
        height = np.where(found, np.copysign(distance, height), 0.0)
        open_edge = np.zeros(count, bool)
        if border is not None and found.any():
            a, b, c = (self.vertices[self.faces[face[found], k]] for k in range(3))
            bary = closest_on_triangles(location[found], a, b, c)
            on_edge = np.stack([bary[:, 2], bary[:, 0], bary[:, 1]], axis=1) < 1e-3
            at_corner = (bary > 0.999) & self._border_corners(border)[face[found]]
            open_edge[found] = ((on_edge & border[face[found]]) | at_corner).any(axis=1)
        return Nearest(height, normal, location, distance, face, open_edge)

    def encloses(self, points: np.ndarray) -> np.ndarray:
        """Which points (N,) bool are inside this surface, which has to be closed."""
        return enclosed(self.vertices, self.faces, points)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """How deep (N,) m points are inside a closed surface, 0 outside."""
        depth = np.zeros(len(points))
        inside = np.flatnonzero(self.encloses(points))
        for i in inside.tolist():
            depth[i] = self._tree.find_nearest(points[i].tolist())[3]
        return depth

    def room(self, rows: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Room (K,) m in front of the vertices `rows` of this surface, which has to be closed.

        normals: (K, 3) unit, outwards. A ray along the normal meets the next skin from outside, at
        the room there is; or it leaves another part first: then the vertex is in that part, as deep
        (negative room) as a ray against the normal goes before it is out again. inf where nothing
        is near.
        """
        cast = self._tree.ray_cast
        room = np.full(len(normals), np.inf)
        ahead = (self.vertices[rows] + _STEP_M * normals).tolist()
        behind = (self.vertices[rows] - _STEP_M * normals).tolist()
        for i, way in enumerate(normals.tolist()):
            _, _, face, distance = cast(ahead[i], way, _FAR_M)
            if face is None:
                continue
            if float(self.normals[face] @ normals[i]) < 0:
                room[i] = distance
                continue
            _, _, face, distance = cast(behind[i], [-x for x in way], _FAR_M)
            room[i] = -distance if face is not None else -_FAR_M
        return room

    def _border_corners(self, border: np.ndarray) -> np.ndarray:
        """(M, 3) bool: the corner lies on the border, though perhaps no edge of its face does."""
        on_border = np.zeros(len(self.vertices), bool)
        on_border[self.faces[border]] = True
        on_border[np.roll(self.faces, -1, axis=1)[border]] = True
        return on_border[self.faces]


def border_edges(faces: np.ndarray) -> np.ndarray:
    """(M, 3) bool: face edge k (corner k to k + 1) belongs to one face only."""
    edges = half_edges(faces)
    size = int(faces.max()) + 1
    alone = ~np.isin(edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0])
    return alone.reshape(3, -1).T


def push_outside(
    points: np.ndarray,
    cloth_faces: np.ndarray,
    obstacle: Layer,
    obstacle_border: np.ndarray | None,
    covered: np.ndarray,
    mine: np.ndarray,
    clearance_m: float,
    reach_m: float,
) -> np.ndarray:
    """Cloth vertices (N, 3) with those `mine` (K,) at least `clearance_m` outside an obstacle.

    First each cloth vertex against the obstacle, then each `covered` obstacle vertex against the
    cloth's triangles, so that nothing pokes through between cloth vertices either. Vertices deeper
    than `reach_m` stay: that is another part of the body, not a shallow contact.
    """
    points = np.array(points, np.float64)
    near = obstacle.nearest(points[mine], reach_m, obstacle_border)
    shallow = np.isfinite(near.distance_m) & (near.height_m < clearance_m) & ~near.open_edge
    points[mine[shallow]] = near.point[shallow] + near.normal[shallow] * clearance_m
    if len(covered) and len(cloth_faces):
        points = _cover(points, cloth_faces, obstacle, covered, 0.4 * clearance_m, reach_m / 2)
    return points


def _cover(points, faces, obstacle: Layer, covered, margin_m, reach_m) -> np.ndarray:
    """Lift triangles of the cloth that a covered vertex of the obstacle has come through.

    A triangle that faces the obstacle belongs to a fold of the cloth: its side says nothing.
    """
    cloth = Layer(points, faces)
    outward = vertex_normals(obstacle.vertices, obstacle.faces)[covered]
    near = cloth.nearest(obstacle.vertices[covered], reach_m, border_edges(faces))
    excess = near.height_m + margin_m
    through = np.isfinite(near.distance_m) & (excess > 0) & ~near.open_edge
    through &= (near.normal * outward).sum(axis=1) > 0.3
    if not through.any():
        return points
    lift = np.zeros((len(points), 3))
    order = np.argsort(excess[through], kind="stable")
    face = near.face[through][order]
    step = (excess[through][:, None] * outward[through])[order]
    for corner in range(3):
        # Ascending order: the last write to a vertex is its largest lift.
        lift[faces[face, corner]] = step
    return points + lift
