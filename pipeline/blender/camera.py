"""Our camera (K, T_cam_world, pixel centres at +0.5) as Blender's, and back again.

Blender's camera looks along its -Z with Y up. The way back reads Blender's own matrices, so that
the labels can be compared with what Blender really used.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Matrix

from pipeline.scene import CameraSpec

_BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def add_camera(
    scene: bpy.types.Scene,
    K: np.ndarray,
    T_cam_world: np.ndarray,
    size: tuple[int, int],
    sensor_width_mm: float = 36.0,
) -> bpy.types.Object:
    """Make the scene's camera, or move it; K (3, 3) px with square pixels, T_cam_world (4, 4),
    size (W, H).

    The principal point may be anywhere. Raises ValueError for non-square pixels or skew, which
    Cycles' multilayer images and our own format cannot carry.
    """
    width, height = size
    if abs(K[0, 0] - K[1, 1]) > 1e-9 * K[0, 0] or K[0, 1] != 0:
        raise ValueError(f"pixels must be square and unskewed, K is {K.tolist()}")
    camera = scene.camera
    if camera is None:
        camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        camera.rotation_mode = "QUATERNION"
        scene.collection.objects.link(camera)
        scene.camera = camera
    data = camera.data
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = sensor_width_mm
    data.lens = K[0, 0] * sensor_width_mm / width
    # Shifts are in sensor widths, towards +X right and +Y up; (W/2, H/2) is the centred case.
    data.shift_x = (width / 2 - K[0, 2]) / width
    data.shift_y = (K[1, 2] - height / 2) / width
    data.clip_start, data.clip_end = 0.02, 5000.0
    data.dof.use_dof = False
    T_world_cam = np.linalg.inv(T_cam_world) @ _BLENDER_FROM_OPENCV
    camera.matrix_world = Matrix(T_world_cam.tolist())
    return camera


@contextmanager
def exposed(
    scene: bpy.types.Scene, view: CameraSpec, ends: tuple[CameraSpec, CameraSpec], shutter_s: float
) -> Iterator[None]:
    """Inside the block the scene's camera has the lens and shutter of `view`: a focus when its
    f-number is not 0, and an exposure of `shutter_s` seconds, from the first of `ends` over `view`
    to the second. Afterwards it is a sharp pinhole at `view` again.
    """
    camera, dof = scene.camera, scene.camera.data.dof
    dof.use_dof = view.f_number > 0
    dof.aperture_fstop, dof.focus_distance = max(view.f_number, 0.1), view.focus_m
    dof.aperture_blades, dof.aperture_ratio = 0, 1.0
    if shutter_s > 0:
        _open_shutter(scene, view, ends, shutter_s)
    try:
        yield
    finally:
        scene.render.use_motion_blur = dof.use_dof = False
        for animated in (camera, camera.data):
            animated.animation_data_clear()
        add_camera(
            scene, view.K(), view.T_cam_world(), (view.width, view.height), view.sensor_width_mm
        )


def _open_shutter(scene, view: CameraSpec, ends, shutter_s: float) -> None:
    """Key the camera at the ends and the middle of the exposure, in milliseconds as frames."""
    settings = scene.render
    settings.use_motion_blur, settings.motion_blur_position = True, "CENTER"
    settings.fps, settings.fps_base = 1000, 1.0
    settings.motion_blur_shutter = shutter_s * 1000
    camera, now = scene.camera, scene.frame_current
    size = (view.width, view.height)
    if ends != (view, view):
        before = None
        for moment, when in ((ends[0], -0.5), (view, 0.0), (ends[1], 0.5)):
            add_camera(scene, moment.K(), moment.T_cam_world(), size, view.sensor_width_mm)
            camera.data.dof.use_dof = view.f_number > 0
            # A turn and its negative are one rotation, but not on the way to another one.
            if before is not None and camera.rotation_quaternion.dot(before) < 0:
                camera.rotation_quaternion.negate()
            before = camera.rotation_quaternion.copy()
            at = now + when * settings.motion_blur_shutter
            camera.keyframe_insert("location", frame=at)
            camera.keyframe_insert("rotation_quaternion", frame=at)
            camera.data.keyframe_insert("lens", frame=at)
        for animated in (camera, camera.data):
            for curve in _curves(animated.animation_data):
                for point in curve.keyframe_points:
                    point.interpolation = "LINEAR"


def _curves(animation: bpy.types.AnimData) -> list[bpy.types.FCurve]:
    """Every curve of an action (Blender 5 keeps them in layers, strips and channel bags)."""
    return [
        curve
        for layer in animation.action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    ]


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
