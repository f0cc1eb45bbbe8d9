"""Change the rate, window, side or beginning of a motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from .kinematics import JOINTS, mirror_points, mirror_pose
from .motion import Motion, MotionError
from .signals import ease


def slerp(start: np.ndarray, stop: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Shortest rotation path between axis-angles. start, stop: (N, J, 3); part: (N,) 0..1."""
    shape = np.shape(start)
    first = Rotation.from_rotvec(np.reshape(start, (-1, 3)))
    step = (first.inv() * Rotation.from_rotvec(np.reshape(stop, (-1, 3)))).as_rotvec()
    weight = np.repeat(np.asarray(part, dtype=np.float64), shape[1])[:, None]
    return (first * Rotation.from_rotvec(step * weight)).as_rotvec().reshape(shape)


def resample(motion: Motion, fps_out: float) -> Motion:
    """The same motion at another frame rate; rotations by slerp, translation linearly.

    The first frame stays; the output ends at or before the last input frame.
    """
    if not fps_out > 0:
        raise MotionError(f"{motion.name}: fps_out must be positive, got {fps_out}")
    # The small addend keeps a last frame that falls on an input frame but for rounding.
    count = int(np.floor((motion.frames - 1) * fps_out / motion.fps + 1e-6)) + 1
    place = np.minimum(np.arange(count) * motion.fps / fps_out, motion.frames - 1)
    left = np.minimum(np.floor(place + 1e-9).astype(int), max(motion.frames - 2, 0))
    right = np.minimum(left + 1, motion.frames - 1)
    part = np.clip(place - left, 0.0, 1.0)
    pose = motion.pose.astype(np.float64).reshape(-1, JOINTS, 3)
    transl = motion.transl.astype(np.float64)
    return replace(
        motion,
        fps=float(fps_out),
        pose=slerp(pose[left], pose[right], part).reshape(count, -1),
        transl=transl[left] + part[:, None] * (transl[right] - transl[left]),
    )


def ease_in(pose0: np.ndarray, frames: int) -> np.ndarray:
    """Poses (frames, 165) that lead smoothly from the T-pose to just before `pose0` (165,).

    Row 0 is the T-pose exactly (a cloth simulation starts at rest); `pose0` itself would be
    row `frames`.
    """
    if frames < 0:
        raise MotionError(f"ease_in needs frames >= 0, got {frames}")
    if frames == 0:
        return np.zeros((0, pose0.size), dtype=np.float32)
    part = ease(np.arange(frames) / frames)
    goal = np.repeat(np.asarray(pose0, dtype=np.float64).reshape(1, JOINTS, 3), frames, axis=0)
    return slerp(np.zeros_like(goal), goal, part).reshape(frames, -1).astype(np.float32)


def window(motion: Motion, start: int, frames: int) -> Motion:
    """Frames [start, start + frames), translated so that the new first frame is at zero."""
    if start < 0 or frames < 1 or start + frames > motion.frames:
        raise MotionError(
            f"{motion.name}: window [{start}, {start + frames}) is outside 0..{motion.frames}"
        )
    transl = motion.transl[start : start + frames]
    return replace(motion, pose=motion.pose[start : start + frames], transl=transl - transl[0])


def mirror(motion: Motion) -> Motion:
    """Left and right exchanged."""
    return replace(motion, pose=mirror_pose(motion.pose), transl=mirror_points(motion.transl))
