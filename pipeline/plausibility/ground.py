"""Feet and ground: how high the lowest point is, which frames are flight, how far feet slide.

Points are in the subject frame (Z up, metres); the floor is the plane z = 0 of the clip.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

NEAR_GROUND_M = 0.010
"""A point this close to the floor stands on it; the sole of a rolling foot keeps within it."""

_FALLING = -2.5
"""Mean vertical acceleration of the pelvis (m/s^2) below which a gap over the floor is flight: free
fall is -9.81, and the ends of a flight and the resampling of a clip take part of it away."""

_SETTLE_S, _MOST_SETTLE_M = 0.05, 0.05
_SUPPORT_M = 0.025
"""A foot this low may carry somebody whose clip was recorded on other legs."""


def lowest_point_m(vertices: np.ndarray) -> np.ndarray:
    """Height (T,) of the lowest vertex of each frame. vertices: (T, V, 3)."""
    return vertices[..., 2].min(axis=1).astype(np.float64)


def airborne(lowest_m: np.ndarray, pelvis_z_m: np.ndarray, fps: float) -> np.ndarray:
    """Frames (T,) bool in which the person is in flight.

    lowest_m: (T,) height of the lowest point over the floor. pelvis_z_m: (T,). Flight is a spell
    without contact through which the pelvis accelerates downwards; somebody who hovers does not.
    """
    flight = np.zeros(len(lowest_m), bool)
    acceleration = _acceleration(pelvis_z_m, fps)
    for first, last in spells(lowest_m > NEAR_GROUND_M):
        if acceleration[first:last].mean() < _FALLING:
            flight[first:last] = True
    return flight


def _acceleration(height_m: np.ndarray, fps: float) -> np.ndarray:
    """Second derivative (T,) m/s^2 of a height (T,) m; zero where a clip is too short to tell."""
    if len(height_m) < 3:
        return np.zeros(len(height_m))
    return np.gradient(np.gradient(height_m, 1 / fps), 1 / fps)


def settle_m(lowest_m: np.ndarray, flight: np.ndarray, fps: float) -> np.ndarray:
    """Height (T,) to add so that a body keeps to the floor although its clip was another body's.

    lowest_m: (T,) height of the lowest point over the floor. flight: (T,) bool, frames in which it
    need not touch it; they are carried along by the frames around. A slow curve (`_SETTLE_S`) of at
    most `_MOST_SETTLE_M`: it follows legs of other proportions, not a person who climbs or hovers.
    """
    frames = np.arange(len(lowest_m))
    if flight.all():
        return np.zeros(len(lowest_m))
    wanted = np.interp(frames, frames[~flight], -lowest_m[~flight])
    wanted = np.clip(wanted, -_MOST_SETTLE_M, _MOST_SETTLE_M)
    return gaussian_filter1d(wanted, _SETTLE_S * fps, mode="nearest")


def spells(on: np.ndarray) -> list[tuple[int, int]]:
    """Half-open frame ranges of the runs of True in `on` (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def slide_m_s(feet: np.ndarray, pelvis_z_m: np.ndarray, fps: float) -> float:
    """How fast the feet that carry the person slide over the floor, metres per second.

    feet: (T, N, 3) vertices of both feet. pelvis_z_m: (T,); while it falls, as in the low flight of
    a jogger, feet carry nobody. Between two frames the support slides by the step of that vertex
    near the floor which moves least: a foot that rolls has one at rest, and so has the standing
    foot while the other swings. The median over the clip is taken, so that the moments in which
    one foot takes over from the other do not count.
    """
    carried = _acceleration(pelvis_z_m, fps) > _FALLING
    down = (feet[..., 2] < _SUPPORT_M) & carried[:, None]
    both = down[1:] & down[:-1]
    steps = np.where(both, np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=2), np.inf)
    least = steps[both.any(axis=1)].min(axis=1)
    return float(np.median(least)) * fps if len(least) else 0.0
