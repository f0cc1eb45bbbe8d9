"""Eyes that look at a point: the rotation of both eyeballs, within what eyes can do.

Nothing but the two eye joints changes, so clothes simulated for the motion stay right.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import JOINT_INDEX, PARENTS

MOST_YAW_DEG, MOST_PITCH_DEG = 32.0, 22.0
"""How far eyes turn in the head before people turn the head instead."""


def look_at_point(pose: np.ndarray, joints: np.ndarray, point_m: tuple) -> np.ndarray:
    """Poses (F, 165) in which both eyes look at a point, as far as they can turn.

    pose: (F, 165) axis-angle and joints: (F, >=25, 3) m of the same body, in the frame of point_m
    (3,). An eye at rest looks along +Z of the body-model frame. Returns a new array.
    """
    turned = np.array(pose, np.float64)
    head = _world_rotation(turned, "head")
    for name in ("left_eye", "right_eye"):
        j = JOINT_INDEX[name]
        aim = head.inv().apply(np.asarray(point_m) - joints[:, j])
        yaw = np.degrees(np.arctan2(aim[:, 0], aim[:, 2]))
        down = np.degrees(np.arctan2(-aim[:, 1], np.hypot(aim[:, 0], aim[:, 2])))
        yaw = np.clip(yaw, -MOST_YAW_DEG, MOST_YAW_DEG)
        down = np.clip(down, -MOST_PITCH_DEG, MOST_PITCH_DEG)
        eye = Rotation.from_euler("YX", np.stack([yaw, down], axis=1), degrees=True)
        turned[:, 3 * j : 3 * j + 3] = eye.as_rotvec()
    return turned


def _world_rotation(pose: np.ndarray, joint: str) -> Rotation:
    """World rotation of a joint in each frame."""
    index, world = JOINT_INDEX[joint], None
    while index >= 0:
        local = Rotation.from_rotvec(pose[:, 3 * index : 3 * index + 3])
        world = local if world is None else local * world
        index = int(PARENTS[index])
    return world
