"""Ranges of human joints, and a check that a pose stays within them.

Each joint is read in the angles an anatomist would use: hinges as flexion, hips as flexion,
abduction and rotation, shoulders as a direction of the upper arm plus a twist. Right joints are
reflected to the left, so the table is written once. The values are generous textbook ranges
(active range of motion of healthy adults) plus what SMPL-X's division of the shoulder and the
forearm into two joints each needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .kinematics import JOINT_NAMES, JOINTS

# joint (without side) -> (Euler order, three (quantity, low, high) in degrees, left side signs)
_EULER: dict[str, tuple[str, tuple[tuple[str, float, float], ...]]] = {
    # x < 0 lifts the thigh forwards, z > 0 spreads the legs, y > 0 turns the toes outwards.
    "hip": ("XZY", (("flexion", -140, 45), ("abduction", -35, 75), ("rotation", -50, 80))),
    "knee": ("XZY", (("flexion", -3, 158), ("sideways", -8, 8), ("rotation", -12, 12))),
    "ankle": ("XZY", (("plantar flexion", -45, 75), ("tilt", -40, 40), ("rotation", -40, 40))),
    "foot": ("XZY", (("toes down", -65, 40), ("tilt", -10, 10), ("rotation", -10, 10))),
    "spine1": ("XZY", (("flexion", -25, 45), ("sideways", -25, 25), ("twist", -25, 25))),
    "spine2": ("XZY", (("flexion", -20, 40), ("sideways", -25, 25), ("twist", -30, 30))),
    "spine3": ("XZY", (("flexion", -20, 35), ("sideways", -20, 20), ("twist", -30, 30))),
    "neck": ("XZY", (("flexion", -35, 35), ("tilt", -25, 25), ("turn", -40, 40))),
    "head": ("XZY", (("flexion", -40, 35), ("tilt", -25, 25), ("turn", -50, 50))),
    "jaw": ("XZY", (("opening", -3, 30), ("tilt", -5, 5), ("turn", -8, 8))),
    "eye": ("YXZ", (("turn", -40, 40), ("down", -35, 35), ("roll", -5, 5))),
    "collar": ("ZYX", (("lift", -20, 45), ("backward", -35, 25), ("twist", -20, 20))),
    # y < 0 brings the left forearm forwards: the only way an elbow bends.
    "elbow": ("YXZ", (("extension", -152, 3), ("twist", -55, 55), ("sideways", -8, 8))),
    "wrist": ("XYZ", (("twist", -55, 55), ("deviation", -40, 40), ("extension", -80, 75))),
    "finger1": ("ZYX", (("extension", -100, 30), ("spread", -25, 25), ("twist", -20, 20))),
    "finger2": ("ZYX", (("extension", -115, 8), ("spread", -8, 8), ("twist", -8, 8))),
    "finger3": ("ZYX", (("extension", -90, 12), ("spread", -8, 8), ("twist", -8, 8))),
    "thumb": ("XYZ", (("x", -50, 50), ("y", -40, 75), ("z", -50, 50))),
}
# The upper arm's direction in the shoulder girdle and its twist about itself, degrees.
_SHOULDER = (("behind the body", -90, 62), ("across the body", -90, 62), ("twist", -110, 110))
_MIRROR = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class LimitViolation:
    """The worst frame of one joint angle outside its range, degrees."""

    joint: str
    quantity: str
    frame: int
    degrees: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.joint} {self.quantity} {self.degrees:.0f} deg at frame {self.frame} "
            f"(range {self.low:.0f}..{self.high:.0f})"
        )


def _kind(joint: str) -> str:
    part = joint.removeprefix("left_").removeprefix("right_")
    if part.startswith("thumb"):
        return "thumb"
    if part[:-1] in ("index", "middle", "ring", "pinky"):
        return f"finger{part[-1]}"
    return part


def joint_angles(pose: np.ndarray, joint: str) -> tuple[tuple, np.ndarray]:
    """The ranges of a joint and its angles (T, 3) in degrees, as if it were on the left.

    pose: (T, 165) axis-angle.
    """
    index = JOINT_NAMES.index(joint)
    rotvec = np.asarray(pose, dtype=np.float64).reshape(len(pose), JOINTS, 3)[:, index]
    if joint.startswith("right_"):
        rotvec = rotvec * _MIRROR
    rotation = Rotation.from_rotvec(rotvec)
    kind = _kind(joint)
    if kind == "shoulder":
        arm = np.clip(rotation.apply([1.0, 0.0, 0.0]), -1, 1)
        x, _, _, w = rotation.as_quat().T
        twist = (2 * np.degrees(np.arctan2(x, w)) + 180) % 360 - 180
        angles = np.stack(
            [np.degrees(np.arcsin(-arm[:, 2])), np.degrees(np.arcsin(-arm[:, 0])), twist], -1
        )
        return _SHOULDER, angles
    order, ranges = _EULER[kind]
    return ranges, rotation.as_euler(order, degrees=True)


def joint_limit_violations(pose: np.ndarray, slack_deg: float = 0.0) -> list[LimitViolation]:
    """Joint angles of (T, 165) poses outside their human ranges, the worst frame of each.

    The root is free. Returns an empty list for a possible pose.
    """
    found = []
    for joint in JOINT_NAMES[1:]:
        ranges, angles = joint_angles(pose, joint)
        for column, (quantity, low, high) in enumerate(ranges):
            excess = np.maximum(low - angles[:, column], angles[:, column] - high)
            frame = int(np.argmax(excess))
            if excess[frame] > slack_deg:
                value = float(angles[frame, column])
                found.append(LimitViolation(joint, quantity, frame, value, low, high))
    return found
