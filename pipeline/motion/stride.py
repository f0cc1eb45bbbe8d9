"""Fit a motion file's travel to the body that performs it, so that its feet do not skate.

A file was recorded on a body of other proportions. Joint rotations carry over, but its travel is as
long as that body's legs made it. The one factor that keeps the standing feet nearest to rest is
found from the motion itself; the shape of the recorded body need not be known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .kinematics import JOINT, forward_kinematics
from .motion import Motion

LEAST, MOST = 0.4, 1.6
"""Factors beyond these are not a matter of leg length; the nearest is taken."""

_TRAVEL_M = 0.05
"""Travel below which a motion stays in place and is left as it is, metres in all."""
_CANDIDATES = 481
_FEET = (JOINT["left_foot"], JOINT["right_foot"])


def fit_stride(motion: Motion, rest_joints: np.ndarray) -> Motion:
    """The motion with its translation scaled for one body. rest_joints: (55, 3) metres."""
    factor = stride_factor(motion, rest_joints)
    return replace(motion, transl=motion.transl * np.float32(factor))


def stride_factor(motion: Motion, rest_joints: np.ndarray) -> float:
    """Factor of the translation with which the feet that carry the body move least.

    Of each pair of neighbouring frames the foot that moves less counts, horizontally; the sum of
    those distances is least at the factor (a fine search: the sum has corners, not a slope).
    """
    still = np.zeros_like(motion.transl)
    feet = forward_kinematics(motion.pose, still, rest_joints)[:, _FEET]
    root = np.diff(motion.transl.astype(np.float64)[:, [0, 2]], axis=0)
    if len(root) == 0 or np.linalg.norm(root, axis=1).sum() < _TRAVEL_M:
        return 1.0
    steps = np.diff(feet[..., [0, 2]], axis=0)
    factors = np.linspace(LEAST, MOST, _CANDIDATES)
    moved = steps[None] + factors[:, None, None, None] * root[None, :, None]
    slid_m = np.linalg.norm(moved, axis=-1).min(axis=2).sum(axis=1)
    return float(factors[slid_m.argmin()])
