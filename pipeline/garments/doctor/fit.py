"""How well a cloud of cloth points lies on a moving body, coarsely (a grid) and finely (a tree).

The cost of a point is its distance to the skin, up to a limit, so that a hem far away counts
little; a point inside the body costs several times more. Nothing here knows about file options.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from pipeline.garments.surface import vertex_normals

_VOXEL_M = 0.025
_FAR_M = 0.3
"""Distances above this cost no more."""
_SKIN_M = 0.003
"""Cloth this little below the skin counts as lying on it: vertex normals are no finer."""
_INSIDE, _PER_DEPTH, _DEEP_M = 0.1, 4.0, 0.1
"""Cost in metres of a point inside the body: at once, per metre of depth, and the deepest."""


def cost(height_m: np.ndarray, skin_m: float = _SKIN_M) -> np.ndarray:
    """Cost (...), metres, of signed heights above the skin."""
    within = _INSIDE + _PER_DEPTH * np.minimum(-height_m, _DEEP_M)
    return np.where(height_m < -skin_m, within, np.clip(height_m, 0.0, _FAR_M))


@dataclass(frozen=True)
class Skins:
    """The body in K chosen frames. number: (K,) clip frames. vertices: (K, V, 3) m. faces (M, 3).

    Everything is in the subject frame.
    """

    number: np.ndarray
    vertices: np.ndarray
    faces: np.ndarray

    @cached_property
    def normals(self) -> np.ndarray:
        """(K, V, 3) outward unit normals."""
        return np.stack([vertex_normals(body, self.faces) for body in self.vertices])

    @cached_property
    def trees(self) -> list[cKDTree]:
        """A tree of the vertices of each frame."""
        return [cKDTree(body) for body in self.vertices]

    @cached_property
    def grids(self) -> list["_Grid"]:
        """A grid of coarse heights for each frame."""
        return [_grid(body, self.faces) for body in self.vertices]

    def heights(self, points: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Signed heights (k, N) above the nearest vertex' tangent plane, m; points (k, N, 3).

        which: (k,) index of the skin that belongs to each row. Distances beyond 2 x 0.3 m are inf.
        """
        rows = []
        for row, k in zip(points, which, strict=True):
            distance, nearest = self.trees[k].query(row, distance_upper_bound=2 * _FAR_M)
            found = np.isfinite(distance)
            nearest = np.where(found, nearest, 0)
            above = ((row - self.vertices[k][nearest]) * self.normals[k][nearest]).sum(axis=1)
            # Far away, the plane says the side and the vertex the distance.
            height = np.where(distance > 0.03, np.copysign(distance, above), above)
            rows.append(np.where(found, height, np.inf))
        return np.array(rows)

    def coarse(self, points: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coarse heights (B, k, N) and their gradients (B, k, N, 3); points (B, k, N, 3)."""
        height = np.empty(points.shape[:-1], np.float32)
        way = np.empty(points.shape, np.float32)
        for column, k in enumerate(which):
            height[:, column], way[:, column] = self.grids[k].look_up(points[:, column])
        return height, way


@dataclass(frozen=True)
class _Grid:
    """Signed distances to a solid body on a grid of points. origin: (3,) m. height: (X, Y, Z) m.
    way: (X, Y, Z, 3), its gradient."""

    origin: np.ndarray
    height: np.ndarray
    way: np.ndarray

    def look_up(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heights (...) and gradients (..., 3) at points (..., 3); beyond the grid, more."""
        place = (points - self.origin) / np.float32(_VOXEL_M)
        high = np.array(self.height.shape, np.int32) - 1
        held = np.minimum(np.maximum(np.rint(place), 0), high.astype(np.float32))
        beyond = np.abs(place - held).max(axis=-1) * np.float32(_VOXEL_M)
        held = held.astype(np.int32)
        flat = (held[..., 0] * (high[1] + 1) + held[..., 1]) * (high[2] + 1) + held[..., 2]
        height = self.height.ravel()[flat]
        return height + np.where(beyond > _VOXEL_M, beyond, 0), self.way.reshape(-1, 3)[flat]


def _grid(vertices: np.ndarray, faces: np.ndarray) -> _Grid:
    corners = vertices[faces]
    # Corners, middles of edges and of faces leave no hole of a voxel's size.
    points = np.concatenate(
        [vertices, corners.mean(axis=1), *((corners[:, k] + corners[:, k - 1]) / 2 for k in (0, 1))]
    )
    margin = 0.2
    origin = points.min(axis=0) - margin
    size = np.ceil((points.max(axis=0) + margin - origin) / _VOXEL_M).astype(int) + 1
    solid = np.zeros(size, bool)
    solid[tuple(np.rint((points - origin) / _VOXEL_M).astype(int).T)] = True
    solid = ndimage.binary_fill_holes(solid)
    outside = ndimage.distance_transform_edt(~solid)
    height = (outside - ndimage.distance_transform_edt(solid)) * _VOXEL_M
    # A surface voxel's centre is on the surface, not half a voxel within it.
    height = np.where(height < 0, height + _VOXEL_M, height).astype(np.float32)
    way = np.stack(np.gradient(height, _VOXEL_M), axis=-1).astype(np.float32)
    return _Grid(origin.astype(np.float32), height, way)
