"""The clip of a subject: the one way from a `MotionSpec` and a body to the motion it performs.

A library family is sampled for the body. A motion file is read, cut or looped to length, mirrored
and turned, and completed: hands and eyes that a file does not animate get some life from the seed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.assets import user_assets_dir
from pipeline.config import MotionSection
from pipeline.scene import MotionSpec
from pipeline.seeding import Stream, generator

from .files import read_motion
from .flesh import Flesh
from .hands import hand_shape
from .kinematics import JOINT, JOINTS, mirror_rest_joints
from .library import make_motion
from .motion import Motion, MotionError
from .resample import face_forward, loop_motion, mirror, resample
from .signals import drift, glances
from .stride import fit_stride

_ROUNDING_S = 1e-3
"""A start this little beyond the last possible one is that one: specs are rounded."""
_STILL_RAD = 1e-4
"""Joints that move less are not animated; a file's own rounding is well below."""
_HANDS = slice(JOINT["left_index1"], JOINTS)
_EYES = slice(JOINT["left_eye"], JOINT["right_eye"] + 1)
_HAND_STREAM, _GAZE_STREAM = 1, 2


def perform(
    spec: MotionSpec,
    rest_joints: np.ndarray,
    section: MotionSection,
    flesh: Flesh | None = None,
) -> Motion:
    """The motion of `spec.frames` frames at `spec.fps` that a spec describes.

    rest_joints: (55, 3) metres, T-pose joints of the shaped body, body-model frame. flesh: the
    body's thickness for the library's contacts. A clip that keeps its file's own place is
    performed exactly as the file says, hands and eyes included. Raises MotionError when the file
    cannot be used or is too short and not looped.
    """
    if spec.path is None:
        rng = generator(spec.seed, Stream.MOTION)
        return make_motion(spec.name, rng, spec.fps, spec.frames, rest_joints, flesh)
    path = file_path(spec.path)
    # A mirrored clip is made for the mirrored body, so that it fits the body once it is mirrored.
    rest = mirror_rest_joints(rest_joints) if spec.mirrored else rest_joints
    file = read_motion(
        path, None, spec.format or "auto", spec.up, "file", spec.action, rest_joints=rest
    )
    motion = _cut(file, spec, section)
    motion = mirror(motion) if spec.mirrored else motion
    motion = fit_stride(motion, rest_joints) if spec.fit_stride else motion
    motion = face_forward(motion) if spec.heading == "forward" else motion
    if spec.ground == "file":
        return replace(motion, name=spec.name)
    if section.fill_hands and not moves_hands(file):
        motion = fill_hands(motion, spec.seed)
    if section.fill_gaze and not moves_eyes(file):
        motion = fill_gaze(motion, spec.seed)
    return replace(motion, name=spec.name)


def file_path(path: str) -> Path:
    """A spec's path; a relative one is below $GENB_ASSETS."""
    folder = user_assets_dir()
    return Path(path) if folder is None else folder / path


def _cut(file: Motion, spec: MotionSpec, section: MotionSection) -> Motion:
    latest_s = (file.frames - 1) / file.fps - (spec.frames - 1) / spec.fps
    start_s = spec.start_s
    if 0 <= latest_s < start_s <= latest_s + _ROUNDING_S:
        start_s = latest_s
    motion = resample(file, spec.fps, start_s, spec.frames)
    if motion.frames == spec.frames:
        return motion
    if not spec.loop:
        raise MotionError(
            f"{spec.path}: {file.frames} frames at {file.fps:g} per second give {motion.frames} of "
            f"the {spec.frames} frames from {spec.start_s:g} s on at {spec.fps:g} per second; "
            "choose an earlier start_s, fewer frames, or loop = true"
        )
    return loop_motion(motion, spec.frames, section.loop_blend_s)


def moves_hands(motion: Motion) -> bool:
    """Whether any finger moves, or, in a motion of a single frame, is bent."""
    return _animated(motion, _HANDS, still_counts=motion.frames == 1)


def moves_eyes(motion: Motion) -> bool:
    """Whether the eyes are ever away from straight ahead."""
    return _animated(motion, _EYES, still_counts=True)


def _animated(motion: Motion, joints: slice, still_counts: bool) -> bool:
    part = motion.pose.reshape(motion.frames, JOINTS, 3)[:, joints]
    base = np.zeros_like(part[0]) if still_counts else part[0]
    return bool(np.abs(part - base).max() > _STILL_RAD)


def fill_hands(motion: Motion, seed: int) -> Motion:
    """The motion with relaxed, slightly living fingers, each hand differently open or closed."""
    rng = generator(seed, Stream.MOTION, _HAND_STREAM)
    seconds = np.arange(motion.frames) / motion.fps
    pose = motion.pose.reshape(motion.frames, JOINTS, 3).copy()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        other = str(rng.choice(["open", "grip", "flat"], p=[0.3, 0.45, 0.25]))
        share = rng.uniform(0.0, 0.45)
        hand = (1 - share) * hand_shape("relaxed") + share * hand_shape(other)
        fingers = np.repeat(hand[None], motion.frames, axis=0)
        fingers[:, :12, 2] -= drift(rng, seconds, 0.03, 2.5)[:, None]
        first = JOINT[f"{side}_index1"]
        pose[:, first : first + 15] = fingers * [1.0, sign, sign]
    return replace(motion, pose=pose.reshape(motion.frames, -1))


def fill_gaze(motion: Motion, seed: int) -> Motion:
    """The motion with eyes that look from one thing to the next, both the same way."""
    rng = generator(seed, Stream.MOTION, _GAZE_STREAM)
    seconds = np.arange(motion.frames) / motion.fps
    yaw = glances(rng, seconds, np.radians(12.0), (0.4, 1.6))
    pitch = 0.04 + glances(rng, seconds, np.radians(4.0), (0.6, 2.0))
    pose = motion.pose.reshape(motion.frames, JOINTS, 3).copy()
    # For angles of this size the rotation vector is the two turns added (error below 0.5 degrees).
    pose[:, _EYES] = np.stack([pitch, yaw, np.zeros_like(yaw)], axis=-1)[:, None]
    return replace(motion, pose=pose.reshape(motion.frames, -1))
