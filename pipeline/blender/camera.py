"""Our camera (K, T_cam_world, pixel centres at +0.5) as Blender's, and back again.

Blender's camera looks along its -Z with Y up. The way back reads Blender's own matrices, so that
the labels can be compared with what Blender really used.
"""

import bpy
import numpy as np
from mathutils import Matrix

_BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def add_camera(
    scene: bpy.types.Scene,
    K: np.ndarray,
    T_cam_world: np.ndarray,
    size: tuple[int, int],
    sensor_width_mm: float = 36.0,
) -> bpy.types.Object:
    """Make the scene's camera; K (3, 3) px with square pixels, T_cam_world (4, 4), size (W, H).

    The principal point may be anywhere. Raises ValueError for non-square pixels or skew, which
    Cycles' multilayer images and our own format cannot carry.
    """
    width, height = size
    if abs(K[0, 0] - K[1, 1]) > 1e-9 * K[0, 0] or K[0, 1] != 0:
        raise ValueError(f"pixels must be square and unskewed, K is {K.tolist()}")
    data = bpy.data.cameras.new("camera")
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = sensor_width_mm
    data.lens = K[0, 0] * sensor_width_mm / width
    # Shifts are in sensor widths, towards +X right and +Y up; (W/2, H/2) is the centred case.
    data.shift_x = (width / 2 - K[0, 2]) / width
    data.shift_y = (K[1, 2] - height / 2) / width
    data.clip_start, data.clip_end = 0.02, 1000.0
    data.dof.use_dof = False
    camera = bpy.data.objects.new("camera", data)
    T_world_cam = np.linalg.inv(T_cam_world) @ _BLENDER_FROM_OPENCV
    camera.matrix_world = Matrix(T_world_cam.tolist())
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def blender_projection(scene: bpy.types.Scene, points_world: np.ndarray) -> np.ndarray:
    """uv (..., 2) float32 px of world points (..., 3), by Blender's camera frame alone.

    The arithmetic is that of `bpy_extras.object_utils.world_to_camera_view`, for arrays.
    """
    camera = scene.camera
    frame = np.array([list(corner) for corner in camera.data.view_frame(scene=scene)])
    low, high = frame.min(axis=0), frame.max(axis=0)
    depth_of_frame = -frame[0, 2]
    T_blender_world = np.linalg.inv(np.array(camera.matrix_world.normalized(), float))
    local = points_world.astype(float) @ T_blender_world[:3, :3].T + T_blender_world[:3, 3]
    on_frame = local[..., :2] * (depth_of_frame / -local[..., 2:])
    unit = (on_frame - low[:2]) / (high[:2] - low[:2])
    width, height = scene.render.resolution_x, scene.render.resolution_y
    uv = np.stack([unit[..., 0] * width, (1 - unit[..., 1]) * height], axis=-1)
    return uv.astype(np.float32)
