"""Forward optical flow: where what a pixel shows is in the next frame's image.

Cycles writes where every surface point will be; the two cameras do the rest, in numpy. Nothing is
searched for, so the flow is exact behind occluders and outside the image too.
"""

import numpy as np

from pipeline.conventions import pixel_centres, project, transform

_NEAREST_M = 1e-3


def forward_flow(
    position: np.ndarray,
    following: np.ndarray,
    hit: np.ndarray,
    camera: tuple[np.ndarray, np.ndarray],
    next_camera: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Flow (H, W, 2) f32 px from each pixel's centre; inf where the point falls behind the camera.

    position, following: (H, W, 3) world m, where the surface is and will be. hit: (H, W) bool; the
    rest is sky, infinitely far away. camera, next_camera: (K, T_cam_world) of both frames.
    """
    height, width = hit.shape
    centres = pixel_centres(width, height)
    K, T_cam_world = camera
    next_K, next_T = next_camera
    rays = np.concatenate([centres, np.ones((height, width, 1))], axis=-1) @ np.linalg.inv(K).T
    away = rays @ T_cam_world[:3, :3] @ next_T[:3, :3].T
    local = np.where(hit[..., None], transform(next_T, following.astype(float)), away)
    before = centres.copy()
    # What was hit lies within the filter's 0.005 px of the centre; both ends are taken from it.
    before[hit] = project(K, transform(T_cam_world, position[hit].astype(float)))
    ahead = local[..., 2] > _NEAREST_M
    uv = project(next_K, np.where(ahead[..., None], local, [0.0, 0.0, 1.0]))
    return np.where(ahead[..., None], uv - before, np.inf).astype(np.float32)
