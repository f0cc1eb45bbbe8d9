"""Trouser legs over the shafts of boots: the cuff hangs outside, as it is usually worn."""

import numpy as np
from scipy.spatial import cKDTree

from pipeline.garments.contact import Layer, border_edges, push_outside
from pipeline.garments.surface import compact, neighbour_mean

_NEAR_M = 0.035
_REACH_M = 0.045
_SOFTENING = 3


def hang_over(
    cloth: np.ndarray,
    cloth_faces: np.ndarray,
    shoes: np.ndarray,
    shoe_faces: np.ndarray,
    shaft: np.ndarray,
    clearance_m: float,
) -> np.ndarray:
    """Trousers (T, N, 3) moved outside the shafts of shoes (T, K, 3), which stay as they are.

    shaft: (K,) share that follows the shin, 0 on the rest of a shoe. Returns new vertices; cloth
    away from the shafts is not touched.
    """
    used, faces = compact(shoe_faces[(shaft > 0.05)[shoe_faces].all(axis=1)])
    if not len(faces):
        return cloth
    near = cKDTree(shoes[0, used]).query(cloth[0])[0] < _NEAR_M
    mine = np.flatnonzero(near)
    if not len(mine):
        return cloth
    over = cloth_faces[near[cloth_faces].any(axis=1)]
    border = border_edges(faces)
    average = neighbour_mean(cloth_faces, cloth.shape[1])[mine]
    moved = cloth.copy()
    for t, points in enumerate(cloth.astype(np.float64)):
        layer = Layer(shoes[t, used], faces)
        under = _under(layer.vertices, points[mine])
        out = push_outside(points, over, layer, border, under, mine, clearance_m, _REACH_M)
        for _ in range(_SOFTENING):
            shift = out - points
            out[mine] = points[mine] + 0.5 * (shift[mine] + average @ shift)
            out = push_outside(out, over, layer, border, under, mine, clearance_m, _REACH_M)
        moved[t] = out
    return moved


def _under(shaft: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """Indices of shaft vertices that lie under the cloth rather than below its hem."""
    covered = (shaft[:, 2] > cloth[:, 2].min() + 0.01) | (
        cKDTree(cloth).query(shaft)[0] < 0.5 * _NEAR_M
    )
    return np.flatnonzero(covered)
