"""BVH files: a skeleton of their own, played on SMPL-X joints (`skeletons`, `retarget`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..motion import MotionError
from .bvh_text import BvhHeader, forward, read_channels, read_header
from .record import ClipInfo, FileBody, FileMotion
from .retarget import rest_axes, retarget
from .skeletons import Match, match_skeleton

ENDING = ".bvh"
UP = "auto"
"""The vertical axis is the one along which the rest pose stands."""
UP_IS_SURE = True
_BLOCK = 2000
"""Frames posed at once: a long file's matrices would take gigabytes."""


def recognises(path: Path, keys: frozenset[str]) -> bool:
    """BVH is known by its ending alone."""
    return path.suffix.lower() == ENDING


def inspect(path: Path) -> ClipInfo:
    """What the header tells; the skeleton is checked too. Raises MotionError."""
    return _inspect(path)[0]


def read(path: Path, up: str, rest_joints: np.ndarray | None = None) -> FileMotion:
    """The motion on SMPL-X joints. rest_joints: (55, 3) metres of the body that will play it."""
    info, header, match = _inspect(path)
    axes = rest_axes(path, header.rest_positions(), match)
    if up == "auto":
        upright = "xyz"[int(np.abs(axes[:, 1]).argmax())]
        if upright == "x" or axes[:, 1].min() < 0:
            raise MotionError(
                f"{path}: the rest pose stands along {'-' if axes[:, 1].min() < 0 else ''}"
                f"{upright}; set up = 'y' or 'z' in the source if the motion has another vertical"
            )
        up = upright
    values = read_channels(path, header)
    parts = [
        retarget(header, match, *forward(header, values[k : k + _BLOCK]), axes, rest_joints)
        for k in range(0, len(values), _BLOCK)
    ]
    pose, pelvis = (np.concatenate(blocks) for blocks in zip(*parts, strict=True))
    pivot = np.zeros(3) if rest_joints is None else np.asarray(rest_joints, np.float64)[0]
    return FileMotion(info, pose, pelvis - pivot, up).checked(path)


def read_body(path: Path) -> FileBody | None:
    """None: a BVH file has bones, not a shape."""
    return None


def _inspect(path: Path) -> tuple[ClipInfo, BvhHeader, Match]:
    header = read_header(path)
    match = match_skeleton(path, [joint.name for joint in header.joints])
    rest_axes(path, header.rest_positions(), match)
    return ClipInfo("bvh", header.frames, header.fps), header, match
