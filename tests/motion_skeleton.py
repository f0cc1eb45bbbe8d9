"""Rest skeletons for the motion tests: an adult, a child and bodies of other proportions.

Joint positions are rounded from the free body model's mean shape, metres, Y up, facing +Z.
"""

import numpy as np

from pipeline.motion.kinematics import JOINT_NAMES, JOINTS, PARENTS

_LEFT_AND_MIDDLE = {
    "pelvis": (0.0, 0.0, 0.0),
    "left_hip": (0.111, -0.064, 0.017),
    "spine1": (0.0, 0.1, 0.0),
    "left_knee": (0.141, -0.446, 0.016),
    "spine2": (0.0, 0.249, -0.009),
    "left_ankle": (0.132, -0.875, -0.014),
    "spine3": (0.0, 0.315, -0.014),
    "left_foot": (0.154, -0.923, 0.13),
    "neck": (0.0, 0.498, 0.024),
    "left_collar": (0.064, 0.434, 0.039),
    "head": (0.0, 0.572, 0.04),
    "left_shoulder": (0.173, 0.403, 0.035),
    "left_elbow": (0.433, 0.394, 0.008),
    "left_wrist": (0.666, 0.394, 0.013),
    "jaw": (0.0, 0.607, 0.073),
    "left_eye": (0.029, 0.64, 0.137),
    "left_index1": (0.773, 0.39, 0.04),
    "left_index2": (0.801, 0.389, 0.043),
    "left_index3": (0.825, 0.388, 0.045),
    "left_middle1": (0.772, 0.394, 0.013),
    "left_middle2": (0.808, 0.393, 0.01),
    "left_middle3": (0.837, 0.392, 0.008),
    "left_pinky1": (0.757, 0.39, -0.026),
    "left_pinky2": (0.779, 0.389, -0.031),
    "left_pinky3": (0.795, 0.389, -0.034),
    "left_ring1": (0.766, 0.395, -0.007),
    "left_ring2": (0.797, 0.394, -0.013),
    "left_ring3": (0.822, 0.393, -0.018),
    "left_thumb1": (0.705, 0.39, 0.038),
    "left_thumb2": (0.717, 0.369, 0.058),
    "left_thumb3": (0.738, 0.346, 0.081),
}


def adult() -> np.ndarray:
    """T-pose joints (55, 3) of a person of about 1.70 m."""
    joints = np.zeros((JOINTS, 3))
    for index, name in enumerate(JOINT_NAMES):
        right = name.startswith("right_")
        joints[index] = _LEFT_AND_MIDDLE[name.replace("right_", "left_")]
        joints[index, 0] *= -1 if right else 1
    return joints


def _scaled(factors: np.ndarray) -> np.ndarray:
    """The adult with the offset of every joint from its parent multiplied by `factors` (55,)."""
    rest, joints = adult(), adult()
    for index, parent in enumerate(PARENTS):
        if parent >= 0:
            joints[index] = joints[parent] + factors[index] * (rest[index] - rest[parent])
    return joints


def child() -> np.ndarray:
    """About six years old: short legs and arms, a large head."""
    factors = np.full(JOINTS, 0.66)
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        factors[JOINT_NAMES.index(name)] = 0.60
    for name in ("left_eye", "right_eye", "jaw"):
        factors[JOINT_NAMES.index(name)] = 0.90
    return _scaled(factors)


def varied(seed: int) -> np.ndarray:
    """An asymmetric body: every bone 7 % (SD) longer or shorter."""
    return _scaled(np.clip(np.random.default_rng(seed).normal(1.0, 0.07, JOINTS), 0.85, 1.15))


BODIES = {
    "adult": adult,
    "child": child,
    "tall": lambda: 1.15 * adult(),
    "varied": lambda: varied(1),
}
