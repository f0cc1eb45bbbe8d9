"""Moving body parameters between frames: the one place that knows about the pelvis pivot.

A body model turns the person about the rest pelvis, not about the origin, so rotating a body needs
a correction of its translation as well. numpy and scipy only.
"""

import numpy as np
from scipy.spatial.transform import Rotation

SUBJECT_FROM_BODY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Rotation (3, 3) from the body-model frame (Y up, facing +Z) to the subject frame (Z up, -Y)."""


def transform_root(
    R: np.ndarray, t: np.ndarray, root_aa: np.ndarray, transl: np.ndarray, pelvis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters of a body moved rigidly: model(root', transl') = R @ model(root, transl) + t.

    R (3, 3) and t (3,) metres: the motion, e.g. the two parts of T_world_body or T_cam_world.
    root_aa (..., 3) axis-angle radians, transl (..., 3) metres: the present parameters.
    pelvis (3,): rest pelvis of this very shape (`BodyModel.pelvis`), metres.
    Returns root_aa' and transl', float64, of the same shapes.
    Raises ValueError when R is not a rotation (a mirror or a scale would be lost silently).
    """
    R, t, pelvis = (np.asarray(a, np.float64) for a in (R, t, pelvis))
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-6) or np.linalg.det(R) < 0:
        raise ValueError("transform_root needs a proper rotation (orthonormal, determinant +1)")
    root_aa, transl = np.asarray(root_aa, np.float64), np.asarray(transl, np.float64)
    turned = Rotation.from_matrix(R) * Rotation.from_rotvec(root_aa.reshape(-1, 3))
    moved = (transl + pelvis) @ R.T + t - pelvis
    return turned.as_rotvec().reshape(root_aa.shape), moved
