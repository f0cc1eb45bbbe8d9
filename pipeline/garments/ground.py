"""The ground under a garment: something for skirts and coats to lie on when their wearer sits down.

In the solver it lies a little lower than in the picture, because cloth between a body and the
ground it rests on has no thickness to be in; settling then presses what went down flat onto it.
"""

import numpy as np

_LOWER_M = 0.015
"""How far the solver's ground is below the real one."""
_LAYER_M = 0.020
"""Cloth below this height is pressed flat, in order, so that layers stay layers."""
_LEAST_M = 0.001
_NEAR_M = 0.03
"""Cloth that could come closer to the ground than this meets it in the solver."""
_BEYOND_M = 1.5


def ground_height(body: np.ndarray) -> np.ndarray:
    """Height (F,) m of the ground under a body (F, V, 3), subject frame: 0, or the body's lowest
    point where that is below (the legs of an ease-in, a clip without a proper floor)."""
    return np.minimum(body[..., 2].min(axis=1), 0.0)


def reaches_ground(skin: np.ndarray, hang_m: float, height: np.ndarray) -> bool:
    """Whether a garment over the places `skin` (F, n, 3), with a tube that hangs `hang_m` further,
    can come to the ground at `height` (F,)."""
    return bool((skin[..., 2].min(axis=1) - hang_m - height).min() < _NEAR_M)


def with_ground(
    collider: np.ndarray, faces: np.ndarray, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A collider (F, C, 3) with faces (M, 3), and the ground at `height` (F,) under all of it."""
    flat = collider[..., :2].reshape(-1, 2)
    (x0, y0), (x1, y1) = flat.min(axis=0) - _BEYOND_M, flat.max(axis=0) + _BEYOND_M
    plane = np.empty((len(collider), 4, 3), collider.dtype)
    plane[..., :2] = (x0, y0), (x1, y0), (x1, y1), (x0, y1)
    plane[..., 2] = height[:, None] - _LOWER_M
    square = np.array([[0, 1, 2], [0, 2, 3]]) + collider.shape[1]
    return np.concatenate([collider, plane], axis=1), np.concatenate([faces, square])


def press_flat(points: np.ndarray, height: float) -> np.ndarray:
    """Cloth (N, 3) above the ground: if some of it is below, its lowest layer is made thinner."""
    above = points[:, 2] - height
    lowest = above.min()
    if lowest >= _LEAST_M:
        return points
    points = points.copy()
    low = above < _LAYER_M
    share = (above[low] - lowest) / (_LAYER_M - lowest)
    points[low, 2] = height + _LEAST_M + share * (_LAYER_M - _LEAST_M)
    return points
