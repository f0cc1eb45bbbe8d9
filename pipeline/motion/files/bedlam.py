"""BEDLAM motion files (`motion_seq.npz`): SMPL-X, Y up, with the body and the action's label.

Keys: poses (T, 165), trans (T, 3), mocap_frame_rate, betas, gender, and in the released neutral set
gender_sub (the person's gender) and motion_info, whose first entry is the BABEL action label.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..motion import POSE_SIZE
from .amass import RATE_KEYS, body_of, count_betas, plain_gender
from .archive import Archive, open_archive
from .record import ClipInfo, FileBody, FileMotion, check_length, check_rate

ENDING = ".npz"
UP = "y"
UP_IS_SURE = True
_EXPECTED = "a BEDLAM motion file (motion_seq.npz)"


def recognises(path: Path, keys: frozenset[str]) -> bool:
    """Whether a file with these keys, or of this name, looks like one."""
    named = path.name == "motion_seq.npz"
    return {"poses", "trans"} <= keys and (named or bool(keys & {"gender_sub", "motion_info"}))


def inspect(path: Path) -> ClipInfo:
    """What the headers tell. Raises MotionError when the file cannot be a motion."""
    with open_archive(path) as archive:
        return _inspect(archive)


def read(path: Path, up: str, rest_joints: np.ndarray | None = None) -> FileMotion:
    """The whole file; rest_joints is not needed."""
    with open_archive(path) as archive:
        info = _inspect(archive)
        poses, trans = archive.numbers("poses"), archive.numbers("trans")
        return FileMotion(info, poses, trans, up).checked(path)


def read_body(path: Path) -> FileBody | None:
    """Shape, the model's gender and the person's; None when the file has no betas."""
    with open_archive(path) as archive:
        return body_of(archive)


def _inspect(archive: Archive) -> ClipInfo:
    archive.require("poses", "trans", RATE_KEYS, expected=_EXPECTED)
    frames = archive.check_numbers("poses", None, POSE_SIZE).shape[0]
    check_length(archive.path, frames, "poses")
    archive.check_numbers("trans", frames, 3)
    fps = check_rate(archive.path, archive.scalar(archive.first(RATE_KEYS)))
    action = archive.text("motion_info").strip()
    return ClipInfo("bedlam", frames, fps, action, plain_gender(archive), count_betas(archive))
