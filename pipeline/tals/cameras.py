"""The wrong cameras, and where each puts a true body so that it fits the picture best.

Every camera is a matrix K of the whole picture. Errors are in crop units: the side of the square
crop is 1.
"""

from collections.abc import Callable

import numpy as np

from pipeline.tals.people import People

HMR2_FOCAL_PX, HMR2_CROP_PX = 5000.0, 256.0
"""HMR2 sees every crop through this focal length at this size."""
_MAX_STEPS = 60
_NEAREST_M = 0.05
_STILL_M = 1e-10
"""A step below this share of the distance is the last."""


def true_camera(people: People) -> np.ndarray:
    """The picture's own K (N, 3, 3): the control, whose errors must vanish."""
    return people.K


def crop_camera(people: People) -> np.ndarray:
    """HMR2's: 5000 px for a crop of 256 px, principal point in the middle of the crop."""
    return _pinhole(people.side_px * HMR2_FOCAL_PX / HMR2_CROP_PX, people.centre_px)


def diagonal_camera(people: People) -> np.ndarray:
    """CLIFF's guess: the focal length is the picture's diagonal."""
    return _pinhole(np.linalg.norm(people.size_px, axis=1), people.K[:, :2, 2])


def _wrong_fov(share: float) -> Callable[[People], np.ndarray]:
    """A camera whose field of view was estimated, by this share too large."""

    def camera(people: People) -> np.ndarray:
        half = np.radians(people.vfov_deg) / 2
        ratio = np.tan(half) / np.tan(half * (1 + share))
        return _pinhole(people.K[:, 1, 1] * ratio, people.K[:, :2, 2])

    return camera


CAMERAS: dict[str, Callable[[People], np.ndarray]] = {
    "true": true_camera,
    "crop5000": crop_camera,
    "diagonal": diagonal_camera,
    **{f"fov{100 * share:+.0f}%": _wrong_fov(share) for share in (-0.2, -0.1, -0.05)},
    **{f"fov{100 * share:+.0f}%": _wrong_fov(share) for share in (0.05, 0.1, 0.2)},
}
"""Name -> camera (N, 3, 3) for people."""


def _pinhole(focal_px: np.ndarray, centre_px: np.ndarray) -> np.ndarray:
    K = np.tile(np.eye(3), (len(focal_px), 1, 1))
    K[:, 0, 0] = K[:, 1, 1] = focal_px
    K[:, :2, 2] = centre_px
    return K


def project_all(K: np.ndarray, points: np.ndarray) -> np.ndarray:
    """uv (N, J, 2) px of points (N, J, 3) through cameras (N, 3, 3)."""
    uvw = points @ K.transpose(0, 2, 1)
    return uvw[..., :2] / uvw[..., 2:]


def first_shift(points: np.ndarray, K_true: np.ndarray, K: np.ndarray) -> np.ndarray:
    """A translation (N, 3) m that keeps each body's size and middle in the picture about as is."""
    middle = points.mean(axis=1)
    depth = middle[:, 2] * K[:, 1, 1] / K_true[:, 1, 1]
    depth = np.maximum(depth, 2 * (middle[:, 2] - points[:, :, 2].min(axis=1)) + _NEAREST_M)
    uv = project_all(K_true, middle[:, None])[:, 0]
    across = (uv - K[:, :2, 2]) / K[:, 0, 0, None] * depth[:, None]
    return np.concatenate([across, depth[:, None]], axis=1) - middle


def place(
    points: np.ndarray, uv_px: np.ndarray, seen: np.ndarray, K: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """The translation (N, 3) m of each body that a camera's picture fits best, in least squares.

    points (N, J, 3) m; uv_px (N, J, 2): where they should appear; seen (N, J): those that count;
    K (N, 3, 3); start (N, 3). Gauss-Newton, each body's step halved until it helps.
    """
    shift = start.copy()
    cost = _cost(points, uv_px, seen, K, shift)
    for _ in range(_MAX_STEPS):
        moved = points + shift[:, None]
        off = np.where(seen[..., None], uv_px - project_all(K, moved), 0.0)
        slope = np.zeros((*moved.shape[:2], 2, 3))
        for axis in (0, 1):
            focal = K[:, axis, axis, None]
            slope[:, :, axis, axis] = focal / moved[..., 2]
            slope[:, :, axis, 2] = -focal * moved[..., axis] / moved[..., 2] ** 2
        slope = np.where(seen[..., None, None], slope, 0.0).reshape(len(points), -1, 3)
        slope_t = slope.transpose(0, 2, 1)
        step = np.linalg.solve(slope_t @ slope, slope_t @ off.reshape(len(points), -1, 1))[..., 0]
        for _ in range(12):
            trial = shift + step
            trial_cost = _cost(points, uv_px, seen, K, trial)
            worse = trial_cost > cost
            if not worse.any():
                break
            step[worse] /= 2
        step[worse], trial_cost[worse] = 0.0, cost[worse]
        shift, cost = shift + step, trial_cost
        if (np.abs(step) <= _STILL_M * (points[:, :, 2].mean(axis=1) + shift[:, 2])[:, None]).all():
            break
    return shift


def _cost(points, uv_px, seen, K, shift) -> np.ndarray:
    """Sum of squared distances (N,) px; inf where a point would be behind the camera."""
    moved = points + shift[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        off = ((project_all(K, moved) - uv_px) ** 2).sum(axis=2)
    off = np.where(seen, off, 0.0).sum(axis=1)
    return np.where(moved[..., 2].min(axis=1) < _NEAREST_M, np.inf, off)


def errors_2d(people: People, K: np.ndarray) -> np.ndarray:
    """What is left (N, 44, 2), crop units: true bodies through K, placed best, minus the truth.

    NaN where the point is outside the picture.
    """
    start = first_shift(people.points, people.K, K)
    shift = place(people.points, people.uv_px, people.inside, K, start)
    off = project_all(K, people.points + shift[:, None]) - people.uv_px
    return np.where(people.inside[..., None], off / people.side_px[:, None, None], np.nan)
