"""A body model evaluated with numpy alone: a page of linear blend skinning.

It reads the same file as the `smplx` package and must agree with it, so it serves as an independent
oracle in the tests, and as the evaluator for people whom smplx's research-only licence excludes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import PARENTS, VERTEX_JOINTS, ModelFile


@dataclass(frozen=True)
class Posed:
    """Bodies of B frames. vertices (B, V, 3), joints (B, 127, 3): float32, metres.

    Joints 0..54 are the skeleton, 55..75 vertices (nose to finger tips), 76..126 face landmarks.
    """

    vertices: np.ndarray
    joints: np.ndarray


class NumpyEvaluator:
    """Shape, expression, pose correctives, skinning, and the 127 joints."""

    def __init__(self, file: ModelFile, num_betas: int, num_expression: int):
        self._file = file
        self._template = file.v_template.astype(np.float64)
        self._shape = file.shape_basis(num_betas).astype(np.float32)
        self._expression = file.expression_basis(num_expression).astype(np.float32)
        self._correctives = file.posedirs.astype(np.float32).reshape(-1, file.posedirs.shape[2]).T
        self._weights = file.weights.astype(np.float64)
        self._regressor = file.J_regressor.astype(np.float64)

    def evaluate(
        self, betas: np.ndarray, pose: np.ndarray, transl: np.ndarray, expression: np.ndarray
    ) -> Posed:
        """One shape (nb,) in B poses (B, 165) at (B, 3) with expressions (B, ne)."""
        vertices = np.empty((len(pose), *self._template.shape), np.float32)
        joints = np.empty((len(pose), 127, 3), np.float32)
        shaped = self._template + self._shape @ betas
        for b in range(len(pose)):
            rest = shaped + self._expression @ expression[b]
            posed, skeleton = self._pose(rest, pose[b].reshape(-1, 3))
            corners = posed[self._file.faces[self._file.lmk_faces_idx]]
            landmarks = np.einsum("lcd,lc->ld", corners, self._file.lmk_bary_coords)
            picked = posed[list(VERTEX_JOINTS.values())]
            vertices[b] = posed + transl[b]
            joints[b] = np.concatenate([skeleton, picked, landmarks]) + transl[b]
        return Posed(vertices, joints)

    def _pose(self, rest: np.ndarray, axis_angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posed vertices (V, 3) and skeleton joints (55, 3) of one body."""
        rotation = Rotation.from_rotvec(axis_angle).as_matrix()
        joints = self._regressor @ rest
        features = (rotation[1:] - np.eye(3)).reshape(-1)
        corrected = rest + (features.astype(np.float32) @ self._correctives).reshape(-1, 3)
        turn, place = np.empty_like(rotation), np.empty_like(joints)
        turn[0], place[0] = rotation[0], joints[0]
        for j in range(1, len(PARENTS)):
            p = PARENTS[j]
            turn[j] = turn[p] @ rotation[j]
            place[j] = place[p] + turn[p] @ (joints[j] - joints[p])
        shift = place - np.einsum("jab,jb->ja", turn, joints)
        blended = self._weights @ np.concatenate([turn.reshape(-1, 9), shift], axis=1)
        turned = np.einsum("vab,vb->va", blended[:, :9].reshape(-1, 3, 3), corrected)
        return turned + blended[:, 9:], place
