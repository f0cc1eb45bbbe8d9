"""The SMPL-X skeleton: joint names, parents, rotation algebra and forward kinematics.

Forward kinematics needs only the rest joints of a shaped body (J_regressor @ shaped template),
so composing and framing scenes never has to load the body model.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar",
    "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "jaw", "left_eye", "right_eye",
    *(f"{side}_{finger}{i}" for side in ("left", "right") for finger in _FINGERS
      for i in (1, 2, 3)),
)  # fmt: skip
JOINT: dict[str, int] = {name: index for index, name in enumerate(JOINT_NAMES)}
PARENTS: tuple[int, ...] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15,
    *(p for wrist, first in ((20, 25), (21, 40)) for f in range(5)
      for p in (wrist, first + 3 * f, first + 3 * f + 1)),
)  # fmt: skip
JOINTS = len(JOINT_NAMES)


def _swap_side(name: str) -> str:
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


MIRROR: tuple[int, ...] = tuple(JOINT[_swap_side(name)] for name in JOINT_NAMES)
_MIRROR_POINT = np.array([-1.0, 1.0, 1.0])
_MIRROR_ROTVEC = np.array([1.0, -1.0, -1.0])


def matrices(rotvec: np.ndarray) -> np.ndarray:
    """Axis-angle (..., 3) radians -> rotation matrices (..., 3, 3)."""
    rotvec = np.asarray(rotvec, dtype=np.float64)
    return Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(*rotvec.shape, 3)


def rotvecs(matrix: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) -> axis-angle (..., 3) radians, angle in [0, pi]."""
    matrix = np.asarray(matrix, dtype=np.float64)
    return Rotation.from_matrix(matrix.reshape(-1, 3, 3)).as_rotvec().reshape(matrix.shape[:-1])


def turn(axis: str, angle: np.ndarray | float) -> np.ndarray:
    """Rotation by `angle` radians (...,) about one of the axes "x", "y", "z" -> (..., 3, 3)."""
    angle = np.asarray(angle, dtype=np.float64)
    rotvec = np.zeros((*angle.shape, 3))
    rotvec[..., "xyz".index(axis)] = angle
    return matrices(rotvec)


def transform(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Apply rotation matrices (..., 3, 3) to vectors (..., 3)."""
    return np.einsum("...ij,...j->...i", matrix, vector)


def forward_kinematics(
    pose: np.ndarray,
    transl: np.ndarray,
    rest_joints: np.ndarray,
    parents: tuple[int, ...] = PARENTS,
) -> np.ndarray:
    """Joint positions of a posed skeleton, the same as the body model's first 55 joints.

    pose: (T, 165) axis-angle. transl: (T, 3) metres. rest_joints: (55, 3) metres, body-model
    frame; the root turns about rest_joints[0], as in SMPL-X. Returns (T, 55, 3) float64, same
    frame as transl.
    """
    count = len(parents)
    rest = np.asarray(rest_joints, dtype=np.float64)
    if rest.shape != (count, 3):
        raise ValueError(f"rest_joints must be ({count}, 3), got {rest.shape}")
    local = matrices(np.asarray(pose).reshape(len(pose), count, 3))
    world = np.empty_like(local)
    joints = np.empty((len(pose), count, 3))
    for j, parent in enumerate(parents):
        if parent < 0:
            world[:, j] = local[:, j]
            joints[:, j] = rest[j] + transl
        else:
            world[:, j] = world[:, parent] @ local[:, j]
            joints[:, j] = joints[:, parent] + world[:, parent] @ (rest[j] - rest[parent])
    return joints


def mirror_pose(pose: np.ndarray) -> np.ndarray:
    """Reflect poses (T, 165) left-right (about the plane x = 0)."""
    joints = np.asarray(pose).reshape(len(pose), JOINTS, 3)
    return (joints[:, list(MIRROR)] * _MIRROR_ROTVEC).reshape(len(pose), -1).astype(pose.dtype)


def mirror_points(points: np.ndarray) -> np.ndarray:
    """Reflect points (..., 3) about the plane x = 0, without renaming joints."""
    return (points * _MIRROR_POINT).astype(points.dtype)


def mirror_rest_joints(rest_joints: np.ndarray) -> np.ndarray:
    """Rest joints (55, 3) of the left-right reflected body."""
    return mirror_points(np.asarray(rest_joints)[list(MIRROR)])
