"""Plain SMPL-X parameter files: an npz with the arguments of the `smplx` model's forward call.

Needed: global_orient (T, 3), body_pose (T, 63), transl (T, 3). Optional: left_hand_pose and
right_hand_pose (T, 45, full axis-angles relative to the flat hand), jaw_pose, leye_pose and
reye_pose (T, 3), betas, gender, and the rate as fps (or AMASS's names for it).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .amass import RATE_KEYS, body_of, count_betas, plain_gender
from .archive import Archive, open_archive
from .record import ClipInfo, FileBody, FileMotion, check_length, check_rate

ENDING = ".npz"
UP = "y"
UP_IS_SURE = False
"""A convention of the package's; many programs write Z up."""
DEFAULT_FPS = 30.0
"""Of a file that names no rate: smplx parameters have none of their own."""
_RATES = f"fps|{RATE_KEYS}"
# Argument -> (width, needed), in SMPL-X pose order.
_PARTS = {
    "global_orient": (3, True), "body_pose": (63, True), "jaw_pose": (3, False),
    "leye_pose": (3, False), "reye_pose": (3, False), "left_hand_pose": (45, False),
    "right_hand_pose": (45, False),
}  # fmt: skip
_EXPECTED = "a file of SMPL-X parameters (arguments of the smplx model)"


def recognises(path: Path, keys: frozenset[str]) -> bool:
    """Whether a file with these keys looks like one."""
    return bool(keys & {"global_orient", "body_pose"})


def inspect(path: Path) -> ClipInfo:
    """What the headers tell. Raises MotionError when the file cannot be a motion."""
    with open_archive(path) as archive:
        return _inspect(archive)


def read(path: Path, up: str, rest_joints: np.ndarray | None = None) -> FileMotion:
    """The whole file; rest_joints is not needed."""
    with open_archive(path) as archive:
        info = _inspect(archive)
        parts = [
            archive.numbers(key) if key in archive.keys else np.zeros((info.frames, width))
            for key, (width, _) in _PARTS.items()
        ]
        pose = np.concatenate(parts, axis=1)
        return FileMotion(info, pose, archive.numbers("transl"), up).checked(path)


def read_body(path: Path) -> FileBody | None:
    """Shape and gender; None when the file has no betas."""
    with open_archive(path) as archive:
        return body_of(archive)


def _inspect(archive: Archive) -> ClipInfo:
    needed = [key for key, (_, must) in _PARTS.items() if must]
    archive.require(*needed, "transl", expected=_EXPECTED)
    frames = archive.check_numbers("global_orient", None, 3).shape[0]
    check_length(archive.path, frames, "global_orient")
    for key, (width, _) in _PARTS.items():
        if key in archive.keys:
            archive.check_numbers(key, frames, width)
    archive.check_numbers("transl", frames, 3)
    rate = archive.first(_RATES)
    fps = check_rate(archive.path, archive.scalar(rate)) if rate else DEFAULT_FPS
    return ClipInfo("smplx", frames, fps, "", plain_gender(archive), count_betas(archive))
