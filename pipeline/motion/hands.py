"""Hand shapes (relaxed, open, flat, fist, point, two, pinch, grip) and blending between them.

A shape is a curl for each finger joint; the fingers bend towards the palm about the SMPL-X
hand's z axis, mirrored for the right hand.
"""

from __future__ import annotations

import numpy as np

from .figure import Figure
from .kinematics import JOINT, matrices

_FINGERS = ("index", "middle", "ring", "pinky")

# Curl of the three joints of index, middle, ring, pinky (radians); spread of the four fingers
# at the knuckle (positive: away from the middle finger); thumb: three axis-angle triples, left.
_SHAPES: dict[str, tuple[tuple, float, tuple]] = {
    "relaxed": (
        ((0.28, 0.38, 0.22), (0.36, 0.45, 0.28), (0.42, 0.50, 0.30), (0.46, 0.50, 0.30)),
        0.03, ((0.15, 0.15, -0.05), (0.0, 0.15, 0.0), (0.0, 0.25, 0.0)),
    ),
    "open": (
        ((0.02, 0.08, 0.05), (0.02, 0.08, 0.05), (0.04, 0.10, 0.05), (0.05, 0.12, 0.06)),
        0.16, ((-0.1, -0.1, 0.05), (0.0, 0.0, 0.0), (0.0, 0.1, 0.0)),
    ),
    "flat": (
        ((0.06, 0.06, 0.04), (0.06, 0.06, 0.04), (0.06, 0.07, 0.04), (0.07, 0.08, 0.04)),
        0.0, ((0.1, 0.15, 0.0), (0.0, 0.1, 0.0), (0.0, 0.1, 0.0)),
    ),
    "fist": (
        ((1.30, 1.55, 0.95), (1.35, 1.55, 0.95), (1.35, 1.55, 0.95), (1.35, 1.50, 0.90)),
        0.0, ((0.3, 0.45, -0.2), (0.0, 0.5, 0.0), (0.0, 0.8, 0.0)),
    ),
    "point": (
        ((0.05, 0.08, 0.05), (1.20, 1.45, 0.80), (1.30, 1.50, 0.85), (1.30, 1.45, 0.85)),
        0.0, ((0.3, 0.40, -0.2), (0.0, 0.45, 0.0), (0.0, 0.6, 0.0)),
    ),
    "two": (
        ((0.04, 0.06, 0.04), (0.04, 0.06, 0.04), (1.25, 1.45, 0.85), (1.30, 1.45, 0.85)),
        0.14, ((0.3, 0.50, -0.2), (0.0, 0.5, 0.0), (0.0, 0.7, 0.0)),
    ),
    "grip": (
        ((0.65, 0.75, 0.40), (0.72, 0.80, 0.42), (0.80, 0.82, 0.45), (0.85, 0.85, 0.45)),
        0.02, ((0.35, 0.20, -0.1), (0.0, 0.2, 0.0), (0.0, 0.3, 0.0)),
    ),
    "pinch": (
        ((0.75, 0.65, 0.35), (0.55, 0.55, 0.30), (0.45, 0.50, 0.28), (0.42, 0.48, 0.28)),
        0.03, ((0.35, 0.25, -0.1), (0.0, 0.2, 0.0), (0.0, 0.3, 0.0)),
    ),
}  # fmt: skip
SHAPES = tuple(_SHAPES)
_SPREAD = {"index": -1.0, "middle": -0.2, "ring": 0.6, "pinky": 1.3}


def hand_shape(name: str) -> np.ndarray:
    """Left-hand axis-angle (15, 3) of a named shape, in SMPL-X finger order."""
    curls, spread, thumb = _SHAPES[name]
    first = JOINT["left_index1"]
    pose = np.zeros((15, 3))
    for finger, curl in zip(_FINGERS, curls, strict=True):
        start = JOINT[f"left_{finger}1"] - first
        pose[start : start + 3, 2] = -np.asarray(curl)
        pose[start, 1] = spread * _SPREAD[finger]
    pose[12:15] = thumb
    return pose


def set_hand(
    figure: Figure,
    side: str,
    shape: str,
    other: str | None = None,
    weight: np.ndarray | float = 0.0,
    loosen: np.ndarray | None = None,
) -> None:
    """Give one hand a shape, or a blend of two.

    weight: 0..1 share of `other`, constant or (T,). loosen: (T,) small extra curl in radians
    that keeps the fingers alive.
    """
    pose = np.repeat(hand_shape(shape)[None], len(figure.t), axis=0)
    if other is not None:
        pose += figure.curve(weight)[:, None, None] * (hand_shape(other) - hand_shape(shape))
    if loosen is not None:
        pose[:, :12, 2] -= np.asarray(loosen)[:, None]
    if side == "right":
        pose = pose * [1.0, -1.0, -1.0]
    first = JOINT[f"{side}_index1"]
    figure.local[:, first : first + 15] = matrices(pose)
