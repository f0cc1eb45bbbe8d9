"""Motion files behind one registry: which formats there are, what a file is, and reading it.

A format is a module with ENDING, UP, UP_IS_SURE, recognises, inspect, read and read_body, and one
row here.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np

from ..kinematics import matrices, rotvecs
from ..motion import Motion, MotionError
from ..resample import face_forward, resample
from . import amass, bedlam, bvh, smplx
from .archive import open_archive
from .record import ClipInfo, FileBody, FileMotion

__all__ = ["FORMATS", "ClipInfo", "FileBody", "identify", "inspect", "read_body", "read_motion"]

FORMATS: dict[str, ModuleType] = {"bedlam": bedlam, "amass": amass, "smplx": smplx, "bvh": bvh}
"""Format name -> module, in the order in which a file is offered to them."""

# Rotates a Z-up world into a Y-up one: (x, y, z) -> (x, z, -y).
_FROM_UP = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])}
_UPRIGHT = 0.7
"""Mean cosine of somebody upright; bent over or crawling is not, and is left alone."""


def identify(path: str | Path) -> str:
    """The format of a file, from its ending and the names of its arrays. Raises MotionError."""
    path = Path(path)
    if path.suffix.lower() == bvh.ENDING:
        return "bvh"
    with open_archive(path) as archive:
        keys = archive.keys
    for name, module in FORMATS.items():
        if module.recognises(path, keys):
            return name
    raise MotionError(
        f"{path}: not a motion that is known: missing poses, root_orient or global_orient; it "
        f"holds {', '.join(sorted(keys)) or 'nothing'}. Formats: {', '.join(FORMATS)} "
        "(docs/motion-files.md)"
    )


def inspect(path: str | Path, format: str = "auto") -> ClipInfo:
    """Describe a file from its headers. Raises MotionError with the reason it is no clip."""
    path = Path(path)
    return _module(path, format).inspect(path)


def read_motion(
    path: str | Path,
    fps_out: float | None = None,
    format: str = "auto",
    up: str = "auto",
    heading: str = "forward",
    action: str = "",
    rest_joints: np.ndarray | None = None,
) -> Motion:
    """Read a motion file into the body-model frame (Y up), from translation zero.

    fps_out: resample to it; None keeps the file's rate. up: "y" or "z", the file's vertical; "auto"
    knows it from the format. heading: "forward" turns the start to face +Z, "file" keeps it.
    action: label to use instead of the file's. rest_joints: (55, 3) metres, T-pose joints of the
    body that will play it (a BVH's limbs and steps are fitted to them). Raises MotionError.
    """
    path = Path(path)
    module = _module(path, format)
    if up not in ("auto", *_FROM_UP):
        raise MotionError(f"{path}: up must be 'y', 'z' or 'auto', got {up!r}")
    if heading not in ("forward", "file"):
        raise MotionError(f"{path}: heading must be 'forward' or 'file', got {heading!r}")
    file = module.read(path, module.UP if up == "auto" else up, rest_joints)
    if up == "auto" and not module.UP_IS_SURE:
        _check_upright(path, file)
    turn = _FROM_UP[file.up]
    pose = file.pose.copy()
    pose[:, :3] = rotvecs(turn @ matrices(pose[:, :3]))
    # A root rotation pivots about the rest pelvis J0, so a turned absolute translation would also
    # need turn J0 - J0. That is the same in every frame: relative translations do without.
    motion = Motion(
        name=path.stem,
        action=action or file.info.action or "motion",
        fps=file.info.fps,
        pose=pose,
        transl=(file.trans - file.trans[0]) @ turn.T,
        turn=turn,
        start=file.trans[0],
    )
    motion = face_forward(motion) if heading == "forward" else motion
    return motion if fps_out is None else resample(motion, fps_out)


def read_body(path: str | Path, format: str = "auto") -> FileBody | None:
    """The shape and gender that a file's motion was made with; None when it does not say."""
    path = Path(path)
    return _module(path, format).read_body(path)


def _check_upright(path: Path, file: FileMotion) -> None:
    """Raise MotionError when the person stands along another axis than the format's vertical.

    The pelvis' own up (its y axis), averaged over the clip, tells: somebody who lies along that
    axis from the first frame to the last is taken for it too, and must be given `up`.
    """
    mean = dict(zip("xyz", matrices(file.pose[:, :3])[:, :, 1].mean(axis=0), strict=True))
    other = "z" if file.up == "y" else "y"
    if mean[other] > _UPRIGHT and abs(mean[file.up]) < 1 - _UPRIGHT:
        raise MotionError(
            f"{path}: {file.info.format} files are {file.up.upper()} up, but the body in this one "
            f"stands along {other.upper()}. Set up = '{other}' for its source, or up = '{file.up}' "
            "if the person is meant to lie"
        )


def _module(path: Path, format: str) -> ModuleType:
    name = identify(path) if format == "auto" else format
    if name not in FORMATS:
        raise MotionError(f"{path}: unknown format {name!r}; choose one of: {', '.join(FORMATS)}")
    return FORMATS[name]
