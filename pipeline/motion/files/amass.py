"""AMASS motion files: SMPL-X (165 pose numbers) or SMPL-H (156), Z up, with their own frame rate.

Both layouts are read: one array `poses`, or the parts `root_orient`, `pose_body`, `pose_hand`,
`pose_jaw`, `pose_eye` of the stage-two files. SMPL-H has no jaw and no eyes: they stay at rest. Its
hands have the same order and the same flat zero pose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..motion import POSE_SIZE, MotionError
from .archive import Archive, open_archive
from .record import ClipInfo, FileBody, FileMotion, check_length, check_rate, gender_name

ENDING = ".npz"
UP = "z"
UP_IS_SURE = False
"""Other data sets use the same keys with Y up."""
RATE_KEYS = "mocap_frame_rate|mocap_framerate"
SMPLH_POSE_SIZE = 156
# Part -> (width, needed). SMPL-X order: root, body, jaw, eyes, hands.
_PARTS = {
    "root_orient": (3, True), "pose_body": (63, True), "pose_jaw": (3, False),
    "pose_eye": (6, False), "pose_hand": (90, True),
}  # fmt: skip
_EXPECTED = "an AMASS motion file (its shape.npz and neutral stage-one files are not motions)"


def recognises(path: Path, keys: frozenset[str]) -> bool:
    """Whether a file with these keys looks like one."""
    return "trans" in keys and bool(keys & {"poses", "root_orient"})


def inspect(path: Path) -> ClipInfo:
    """What the headers tell. Raises MotionError when the file cannot be a motion."""
    with open_archive(path) as archive:
        return _inspect(archive, "amass")


def read(path: Path, up: str, rest_joints: np.ndarray | None = None) -> FileMotion:
    """The whole file. The motion is of joint angles only: rest_joints is not needed."""
    with open_archive(path) as archive:
        return FileMotion(
            _inspect(archive, "amass"), read_poses(archive), archive.numbers("trans"), up
        ).checked(path)


def read_body(path: Path) -> FileBody | None:
    """Shape and gender, or None when the file does not say."""
    with open_archive(path) as archive:
        return body_of(archive)


def body_of(archive: Archive) -> FileBody | None:
    """`betas`, `gender` and `gender_sub` of an open file; None without betas."""
    if "betas" not in archive.keys:
        return None
    betas = np.atleast_2d(archive.numbers("betas"))
    if not betas.size or not np.isfinite(betas).all() or np.ptp(betas, axis=0).max() > 1e-6:
        raise MotionError(
            f"{archive.path}: betas are empty, not finite or change over time; a person has one "
            "shape"
        )
    gender = gender_name(archive.text("gender")) or "neutral"
    return FileBody(betas[0], gender, gender_name(archive.text("gender_sub")))


def _inspect(archive: Archive, format: str) -> ClipInfo:
    archive.require("trans", RATE_KEYS, expected=_EXPECTED)
    frames = _pose_frames(archive)
    check_length(archive.path, frames, "poses")
    archive.check_numbers("trans", frames, 3)
    fps = check_rate(archive.path, archive.scalar(archive.first(RATE_KEYS)))
    return ClipInfo(format, frames, fps, gender=plain_gender(archive), betas=count_betas(archive))


def _pose_frames(archive: Archive) -> int:
    if "poses" in archive.keys:
        shape = archive.check_numbers("poses").shape
        if len(shape) != 2 or shape[1] not in (POSE_SIZE, SMPLH_POSE_SIZE):
            raise MotionError(
                f"{archive.path}: poses must be (T, {POSE_SIZE}) for SMPL-X or "
                f"(T, {SMPLH_POSE_SIZE}) for SMPL-H, got {shape}; files of other body models "
                "cannot be used"
            )
        return shape[0]
    needed = [key for key, (_, must) in _PARTS.items() if must]
    archive.require(*(f"poses|{key}" for key in needed), expected=_EXPECTED)
    frames = archive.check_numbers("root_orient", None, 3).shape[0]
    for key, (width, _) in _PARTS.items():
        if key in archive.keys:
            archive.check_numbers(key, frames, width)
    return frames


def read_poses(archive: Archive) -> np.ndarray:
    """Poses (T, 165) of an inspected file."""
    if "poses" in archive.keys:
        poses = archive.numbers("poses")
        if poses.shape[1] == POSE_SIZE:
            return poses
        face = np.zeros((len(poses), 9))
        return np.concatenate([poses[:, :66], face, poses[:, 66:]], axis=1)
    frames = archive.header("root_orient").shape[0]
    return np.concatenate(
        [
            archive.numbers(key) if key in archive.keys else np.zeros((frames, width))
            for key, (width, _) in _PARTS.items()
        ],
        axis=1,
    )


def plain_gender(archive: Archive) -> str:
    """The model's gender, "" when the file keeps none as text."""
    if "gender" not in archive.keys or archive.header("gender").dtype.kind not in "US":
        return ""
    return gender_name(archive.text("gender"))


def count_betas(archive: Archive) -> int:
    """How many shape numbers the file holds."""
    if "betas" not in archive.keys:
        return 0
    shape = archive.header("betas").shape
    return shape[-1] if shape else 0
