"""Frames, axes and pixels, once and for all. `docs/conventions.md` says the same in prose.

World: right-handed, Z up, metres. Camera: OpenCV (X right, Y down, Z forward). `T_a_b` maps b to a.
Pixels are continuous: (0, 0) is the outer corner of the top-left pixel, and pixel (row i, column j)
has its centre at (j + 0.5, i + 0.5).
"""

import numpy as np

PARTS = {
    "background": 0,
    "skin": 1,
    "face": 2,
    "hands": 3,
    "feet": 4,
    "eyes_mouth": 5,
    "hair": 6,
    "upper": 7,
    "lower": 8,
    "full": 9,
    "outer": 10,
    "shoes": 11,
}
"""Semantic part ids of the `part` mask (uint8)."""


def intrinsics(width: int, height: int, focal_px: float) -> np.ndarray:
    """K (3, 3) float64 of a centred pinhole camera with square pixels."""
    return np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]], float)


def focal_from_fov(fov_deg: float, extent_px: float) -> float:
    """Focal length in pixels of a field of view over `extent_px` pixels."""
    return extent_px / (2 * np.tan(np.radians(fov_deg) / 2))


def fov_from_focal(focal_px: float, extent_px: float) -> float:
    """Field of view in degrees over `extent_px` pixels."""
    return float(np.degrees(2 * np.arctan(extent_px / (2 * focal_px))))


def look_at(eye_m: np.ndarray, target_m: np.ndarray, roll_deg: float = 0.0) -> np.ndarray:
    """T_cam_world (4, 4) of an upright camera at `eye_m` looking at `target_m`.

    Positive roll turns the camera clockwise as its operator sees it.
    Raises ValueError when the view is vertical (the up direction is then undefined).
    """
    forward = np.asarray(target_m, float) - np.asarray(eye_m, float)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-9 * max(np.linalg.norm(forward), 1e-12):
        raise ValueError("a camera cannot look straight up or down")
    forward = forward / np.linalg.norm(forward)
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    rotation = np.stack([c * right + s * down, c * down - s * right, forward])
    T_cam_world = np.eye(4)
    T_cam_world[:3, :3] = rotation
    T_cam_world[:3, 3] = -rotation @ np.asarray(eye_m, float)
    return T_cam_world


def transform(T_a_b: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Map points (..., 3) from frame b to frame a."""
    return points_b @ T_a_b[:3, :3].T + T_a_b[:3, 3]


def project(K: np.ndarray, points_cam: np.ndarray) -> np.ndarray:
    """uv (..., 2) px of camera-frame points (..., 3) metres; points must have z > 0 to be seen."""
    uvw = points_cam @ K.T
    return uvw[..., :2] / uvw[..., 2:3]


def pixel_centres(width: int, height: int) -> np.ndarray:
    """uv (H, W, 2) of every pixel's centre."""
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([u, v], axis=-1)


def unproject(K: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """Camera-frame points (H, W, 3) of a planar depth image (H, W) in metres."""
    height, width = depth_m.shape
    uv = pixel_centres(width, height)
    x = (uv[..., 0] - K[0, 2]) / K[0, 0] * depth_m
    y = (uv[..., 1] - K[1, 2]) / K[1, 1] * depth_m
    return np.stack([x, y, depth_m], axis=-1)


def rotation_z(yaw_deg: float) -> np.ndarray:
    """Rotation (3, 3) about world Z, anticlockwise seen from above."""
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
