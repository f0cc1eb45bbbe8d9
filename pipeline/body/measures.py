"""Stature, mass and body mass index of a T-posed body, measured on its mesh.

Mass is the volume inside the skin times the density of the human body. Open rims (around eyes and
mouth) are closed with fans first, so that the volume does not depend on where the origin is.
"""

from dataclasses import dataclass

import numpy as np

TISSUE_DENSITY = 1010.0
"""Whole-body density in kg per cubic metre, lungs half full."""

_BODIES_AT_ONCE = 32


@dataclass(frozen=True)
class BodyMeasures:
    """Measures of one or more bodies: stature_m, mass_kg and bmi (kg/m^2), each (S,) float64."""

    stature_m: np.ndarray
    mass_kg: np.ndarray

    @property
    def bmi(self) -> np.ndarray:
        """Body mass index (S,), kg per square metre."""
        return self.mass_kg / self.stature_m**2


def measure_bodies(vertices: np.ndarray, skin_faces: np.ndarray) -> BodyMeasures:
    """Measures of T-posed bodies: vertices (S, V, 3) or (V, 3) metres, Y up; skin_faces (F, 3).

    Faces wind outwards. Vertices that no face uses (eyeballs, teeth) count for neither measure.
    """
    bodies = vertices if vertices.ndim == 3 else vertices[None]
    used = np.unique(skin_faces)
    heights = bodies[:, used, 1]
    stature = (heights.max(axis=1) - heights.min(axis=1)).astype(np.float64)
    return BodyMeasures(stature, volume_m3(bodies, skin_faces) * TISSUE_DENSITY)


def volume_m3(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Volume (S,) inside surfaces (S, V, 3) metres whose faces (F, 3) wind outwards.

    The divergence theorem, summed over triangles; holes are closed from their centres.
    """
    rims = _open_rims(faces)
    caps = [
        np.column_stack([rim, np.full(len(rim), vertices.shape[1] + hole)])
        for hole, rim in enumerate(rims)
    ]
    closed = np.concatenate([faces, *caps])
    volume = np.empty(len(vertices))
    for start in range(0, len(vertices), _BODIES_AT_ONCE):
        points = vertices[start : start + _BODIES_AT_ONCE].transpose(1, 2, 0)
        centres = [points[rim[:, 0]].mean(axis=0) for rim in rims]
        points = np.concatenate([points, np.reshape(centres, (-1, *points.shape[1:]))])
        points = (points - points.mean(axis=0)).astype(np.float32)
        x, y, z = np.ascontiguousarray(points.transpose(1, 0, 2))
        a, b, c = closed.T
        area_x = (y[b] - y[a]) * (z[c] - z[a]) - (z[b] - z[a]) * (y[c] - y[a])
        area_x *= x[a] + x[b] + x[c]
        volume[start : start + _BODIES_AT_ONCE] = area_x.sum(axis=0, dtype=np.float64) / 6
    return volume


def _open_rims(faces: np.ndarray) -> list[np.ndarray]:
    """Holes of a surface: for each, the edges (n, 2) that close it when fanned from one point."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    size = int(edges.max()) + 1
    forward, backward = edges @ [size, 1], edges @ [1, size]
    rim = edges[~np.isin(forward, backward)][:, ::-1]
    if not len(rim):
        return []
    graph = coo_matrix((np.ones(len(rim)), rim.T), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    return [rim[part[rim[:, 0]] == hole] for hole in np.unique(part[rim[:, 0]])]
