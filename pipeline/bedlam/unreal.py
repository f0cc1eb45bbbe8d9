"""Unreal's axes and angles against ours. Unreal: left-handed, X ahead, Y right, Z up, cm, degrees.

One fixed map: an Unreal point (X, Y, Z) cm is (X, -Y, Z) / 100 here. Unreal's yaw turns to the
right, its pitch looks up and its roll is clockwise as the operator sees it, applied in that order
about the axes already turned. Ours turns to the left, hence the one sign below.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.conventions import focal_from_fov, fov_from_focal
from pipeline.scene import CameraSpec

CM_PER_M = 100.0
_TARGET_DISTANCE_M = 4.0
_STEEPEST = 1e-6


@dataclass(frozen=True)
class UnrealPose:
    """Place and direction of an Unreal actor, in its parent's frame. cm and degrees."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def position_m(self) -> np.ndarray:
        """(3,) metres, our axes."""
        return np.array([self.x, -self.y, self.z]) / CM_PER_M

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3), our axes: the actor's forward, left and up directions as columns."""
        return _turn(2, -self.yaw) @ _turn(1, -self.pitch) @ _turn(0, self.roll)


def pose_of(position_m: np.ndarray, rotation: np.ndarray) -> UnrealPose:
    """The Unreal pose of a place (3,) m and the columns forward, left, up (3, 3), our axes.

    Inverse of `position_m` and `rotation`, yaw and roll within (-180, 180]. Looking straight up or
    down leaves yaw and roll undefined: raises ValueError.
    """
    ahead = rotation[:, 0]
    level = float(np.hypot(ahead[0], ahead[1]))
    if level < _STEEPEST:
        raise ValueError("a camera that looks straight up or down has no yaw")
    yaw, pitch = -np.arctan2(ahead[1], ahead[0]), np.arctan2(ahead[2], level)
    roll = np.arctan2(rotation[2, 1], rotation[2, 2])
    x, y, z = np.asarray(position_m, float) * CM_PER_M
    angles = (float(np.degrees(angle)) for angle in (yaw, pitch, roll))
    return UnrealPose(float(x), float(-y), float(z), *angles)


def compose(parent: UnrealPose, child: UnrealPose) -> UnrealPose:
    """The child's pose in the frame that the parent's pose is given in."""
    place = parent.position_m + parent.rotation @ child.position_m
    return pose_of(place, parent.rotation @ child.rotation)


def relative(parent: UnrealPose, pose: UnrealPose) -> UnrealPose:
    """The pose as seen from the parent: compose(parent, relative(parent, pose)) is pose."""
    place = parent.rotation.T @ (pose.position_m - parent.position_m)
    return pose_of(place, parent.rotation.T @ pose.rotation)


def camera_spec(
    pose: UnrealPose, hfov_deg: float, width: int, height: int, sensor_width_mm: float = 36.0
) -> CameraSpec:
    """The camera at a world pose with a horizontal field of view over `width` pixels.

    Raises ValueError when it looks straight up or down, or when the lens is no lens.
    """
    ahead = pose.rotation[:, 0]
    if np.hypot(ahead[0], ahead[1]) < _STEEPEST:
        raise ValueError(f"its camera looks straight up or down (pitch {pose.pitch:g})")
    if not 0 < hfov_deg < 180:
        raise ValueError(f"a horizontal field of view of {hfov_deg:g} degrees is not possible")
    focal_px = focal_from_fov(hfov_deg, width)
    eye_m = pose.position_m
    return CameraSpec(
        width=width,
        height=height,
        vfov_deg=fov_from_focal(focal_px, height),
        eye_m=tuple(float(v) for v in eye_m),
        target_m=tuple(float(v) for v in eye_m + _TARGET_DISTANCE_M * ahead),
        roll_deg=pose.roll,
        sensor_width_mm=sensor_width_mm,
    )


def camera_pose(spec: CameraSpec) -> UnrealPose:
    """The world pose of a camera of ours; inverse of `camera_spec`."""
    eye_m = np.array(spec.eye_m)
    ahead = np.array(spec.target_m) - eye_m
    yaw = -np.degrees(np.arctan2(ahead[1], ahead[0]))
    pitch = np.degrees(np.arctan2(ahead[2], np.hypot(ahead[0], ahead[1])))
    x, y, z = eye_m * CM_PER_M
    return UnrealPose(float(x), float(-y), float(z), float(yaw), float(pitch), spec.roll_deg)


def camera_hfov_deg(spec: CameraSpec) -> float:
    """Horizontal field of view of a camera of ours."""
    return fov_from_focal(focal_from_fov(spec.vfov_deg, spec.height), spec.width)


def _turn(axis: int, angle_deg: float) -> np.ndarray:
    """Right-handed rotation (3, 3) about X, Y or Z."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    R = np.eye(3)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    R[j, j], R[j, k], R[k, j], R[k, k] = c, -s, s, c
    return R
