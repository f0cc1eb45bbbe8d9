"""Poses as text-to-pose training wants them: without heading, 24 joints of SMPL."""

import numpy as np
from scipy.spatial.transform import Rotation

_QUARTER = Rotation.from_euler("x", 90, degrees=True)
SMPL_JOINTS = 24


def upright_pose(pose_world: np.ndarray) -> np.ndarray:
    """Axis-angle (24, 3) of a pose: SMPL's root, its 21 body joints, and two hand joints of zeros.

    pose_world: (165,) axis-angle, root in a frame with Z up. The root loses its heading (the
    rotation about Z that is applied last, of Euler angles x, y, z about fixed axes) and is turned
    by +90 degrees about x, as ChatPose's data class does with AMASS. In the frame that comes out Y
    is *down* and Z points away from a viewer whom an upright person faces: a camera's axes, as
    image-based estimates have them. SMPL's two hand joints have no counterpart in SMPL-X.
    """
    pose = np.asarray(pose_world, np.float64)[: 3 * 22].reshape(22, 3)
    x, y, _ = Rotation.from_rotvec(pose[0]).as_euler("xyz")
    root = _QUARTER * Rotation.from_euler("xyz", [x, y, 0.0])
    joints = np.zeros((SMPL_JOINTS, 3))
    joints[:22] = pose
    joints[0] = root.as_rotvec()
    return joints
