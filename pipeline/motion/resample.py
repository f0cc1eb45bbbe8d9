"""Change the rate, window, side, heading or beginning of a motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from .kinematics import JOINTS, matrices, mirror_points, mirror_pose, rotvecs
from .motion import Motion, MotionError
from .signals import ease

_EASE_DEG_PER_FRAME = 4.5
_BODY_JOINTS = 22
"""Pelvis to wrists; fingers and eyes do not matter to cloth."""
_MIRROR = np.diag([-1.0, 1.0, 1.0])


def slerp(start: np.ndarray, stop: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Shortest rotation path between axis-angles. start, stop: (N, J, 3); part: (N,) 0..1."""
    shape = np.shape(start)
    first = Rotation.from_rotvec(np.reshape(start, (-1, 3)))
    step = (first.inv() * Rotation.from_rotvec(np.reshape(stop, (-1, 3)))).as_rotvec()
    weight = np.repeat(np.asarray(part, dtype=np.float64), shape[1])[:, None]
    return (first * Rotation.from_rotvec(step * weight)).as_rotvec().reshape(shape)


def resample(
    motion: Motion, fps_out: float, start_s: float = 0.0, frames: int | None = None
) -> Motion:
    """The same motion at another frame rate; rotations by slerp, translation linearly.

    Frame k shows the moment start_s + k / fps_out. The output ends at or before the last input
    frame, or after `frames` frames. Raises MotionError when start_s is past the end.
    """
    if not fps_out > 0:
        raise MotionError(f"{motion.name}: fps_out must be positive, got {fps_out}")
    last = motion.frames - 1
    # The small addend keeps a last frame that falls on an input frame but for rounding.
    left_s = last / motion.fps - start_s
    if start_s < 0 or left_s < -1e-6:
        raise MotionError(
            f"{motion.name}: start_s = {start_s:g} is outside the {last / motion.fps:g} s of the "
            "motion; choose an earlier start"
        )
    count = int(np.floor(left_s * fps_out + 1e-6)) + 1
    count = max(count if frames is None else min(count, frames), 1)
    place = np.minimum((start_s + np.arange(count) / fps_out) * motion.fps, last)
    left = np.minimum(np.floor(place + 1e-9).astype(int), max(last - 1, 0))
    right = np.minimum(left + 1, last)
    part = np.clip(place - left, 0.0, 1.0)
    pose = motion.pose.astype(np.float64).reshape(-1, JOINTS, 3)
    transl = motion.transl.astype(np.float64)
    transl = transl[left] + part[:, None] * (transl[right] - transl[left])
    return replace(
        motion,
        fps=float(fps_out),
        pose=slerp(pose[left], pose[right], part).reshape(count, -1),
        transl=transl - transl[0],
        start=_moved_start(motion, transl[0]),
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


def ease_in_length(pose0: np.ndarray, least: int) -> int:
    """Frames of an ease-in to `pose0` (165,) in which no limb turns faster than cloth can follow.

    At least `least`; a deep crouch or a seat takes more, a standing pose does not.
    """
    turns = np.linalg.norm(np.reshape(pose0, (JOINTS, 3))[1:_BODY_JOINTS], axis=1)
    return max(least, int(np.ceil(np.degrees(turns.max()) / _EASE_DEG_PER_FRAME)))


def window(motion: Motion, start: int, frames: int) -> Motion:
    """Frames [start, start + frames), translated so that the new first frame is at zero."""
    if start < 0 or frames < 1 or start + frames > motion.frames:
        raise MotionError(
            f"{motion.name}: window [{start}, {start + frames}) is outside 0..{motion.frames}"
        )
    transl = motion.transl[start : start + frames].astype(np.float64)
    return replace(
        motion,
        pose=motion.pose[start : start + frames],
        transl=transl - transl[0],
        start=_moved_start(motion, transl[0]),
    )


def mirror(motion: Motion) -> Motion:
    """Left and right exchanged; the file's own world becomes its mirror image as well."""
    return replace(
        motion,
        pose=mirror_pose(motion.pose),
        transl=mirror_points(motion.transl),
        turn=_MIRROR @ motion.turn @ _MIRROR,
        start=_MIRROR @ motion.start,
    )


def face_forward(motion: Motion) -> Motion:
    """Turned about the vertical so that the first frame's pelvis heads towards +Z."""
    ahead = matrices(motion.pose[0, :3]) @ [0.0, 0.0, 1.0]
    if np.hypot(ahead[0], ahead[2]) < 1e-6:
        return motion  # lying: no heading to speak of
    back = matrices(np.array([0.0, -np.arctan2(ahead[0], ahead[2]), 0.0]))
    pose = motion.pose.astype(np.float64)
    pose[:, :3] = rotvecs(back @ matrices(pose[:, :3]))
    return replace(motion, pose=pose, transl=motion.transl @ back.T, turn=back @ motion.turn)


def _moved_start(motion: Motion, moved: np.ndarray) -> np.ndarray:
    """`start` of a motion whose new first frame is `moved` (3,) from the old one, our frame."""
    return motion.start + motion.turn.T @ moved


def loop_motion(motion: Motion, frames: int, blend_s: float) -> Motion:
    """The motion repeated to `frames`, each end blended into the next start over `blend_s`.

    Joints blend by slerp. Every repetition begins turned about the vertical and moved over the
    ground so that it best continues the one before (least squares over the blend): who walks goes
    on walking, and who walks a bend goes on along it. Speeds stay below the larger of both parts
    plus 1.875 / blend_s times their difference (the steepest slope of the ease).
    """
    if frames < 1 or not blend_s > 0:
        raise MotionError(
            f"{motion.name}: a loop needs frames >= 1 and blend_s > 0, got {frames} and {blend_s}"
        )
    if frames <= motion.frames:
        return window(motion, 0, frames)
    blend = int(np.clip(round(blend_s * motion.fps), 1, max(motion.frames // 2, 1)))
    period = max(motion.frames - blend, 1)
    blend = motion.frames - period
    root = matrices(motion.pose[:, :3])
    transl = motion.transl.astype(np.float64)
    turn, step = _seam(root, transl, period, blend)

    repeat, index = np.divmod(np.arange(frames), period)
    turns, steps = _repeated(turn, step, int(repeat[-1]) + 1)

    def placed(repetition: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pose = motion.pose[frame].astype(np.float64).reshape(-1, JOINTS, 3)
        pose[:, 0] = rotvecs(turns[repetition] @ root[frame])
        moved = np.einsum("fij,fj->fi", turns[repetition], transl[frame]) + steps[repetition]
        return pose, moved

    pose, moved = placed(repeat, index)
    seam = np.flatnonzero((repeat > 0) & (index < blend))
    if len(seam):
        before, moved_before = placed(repeat[seam] - 1, index[seam] + period)
        part = ease((index[seam] + 1) / (blend + 1))
        pose[seam] = slerp(before, pose[seam], part)
        moved[seam] = moved_before + part[:, None] * (moved[seam] - moved_before)
    return replace(motion, pose=pose.reshape(frames, -1), transl=moved)


def _seam(
    root: np.ndarray, transl: np.ndarray, period: int, blend: int
) -> tuple[np.ndarray, np.ndarray]:
    """Turn about Y (3, 3) and step over the ground (3,) from one repetition to the next."""
    if not blend:
        return np.eye(3), np.zeros(3)
    end, start = slice(period, period + blend), slice(0, blend)
    both = np.sum(root[end] @ np.swapaxes(root[start], -1, -2), axis=0)
    angle = np.arctan2(both[0, 2] - both[2, 0], both[0, 0] + both[2, 2])
    turn = matrices(np.array([0.0, angle, 0.0]))
    step = np.mean(transl[end] - transl[start] @ turn.T, axis=0)
    return turn, step * [1.0, 0.0, 1.0]


def _repeated(turn: np.ndarray, step: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The placement of each of `count` repetitions: turns (count, 3, 3), steps (count, 3)."""
    turns, steps = [np.eye(3)], [np.zeros(3)]
    for _ in range(count - 1):
        steps.append(steps[-1] + turns[-1] @ step)
        turns.append(turns[-1] @ turn)
    return np.stack(turns), np.stack(steps)


def neighbours(
    frames: list[int], length: int, fps: float
) -> tuple[list[int], list[int], np.ndarray]:
    """Clip frames before and after each frame (itself at the clip's ends), and the time (F,) s
    between the two: what velocities are measured over."""
    before = [max(f - 1, 0) for f in frames]
    after = [min(f + 1, length - 1) for f in frames]
    seconds = np.maximum(np.subtract(after, before), 1) / fps
    return before, after, seconds
