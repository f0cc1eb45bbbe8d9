"""A body model evaluated with numpy alone: linear blend skinning as three matrix products.

It reads the same file as the `smplx` package and must agree with it, so it serves as an independent
oracle in the tests, and as the evaluator for people whom smplx's research-only licence excludes.

All frames of a batch share one shape. Skeletons are computed in float64 (they are small), surfaces
in float32: vertices x 3 x frames, frames last, so that every step runs along contiguous memory.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import PARENTS, VERTEX_JOINTS, ModelFile

CHUNK = 512
"""Vertices skinned at once: their blended transforms (12 floats a frame) stay in the cache."""


@dataclass(frozen=True)
class Posed:
    """Bodies of B frames. vertices (B, V, 3), joints (B, 127, 3): float32, metres.

    Joints 0..54 are the skeleton, 55..75 vertices (nose to finger tips), 76..126 face landmarks.
    """

    vertices: np.ndarray
    joints: np.ndarray


class NumpyEvaluator:
    """Shape, expression, pose correctives, skinning, and the 127 joints.

    `num_betas` counts all shape coefficients of `file`, its kid coefficient included.
    """

    batch = 64
    """Frames per call that run fastest; more are as fast and need more memory."""

    def __init__(self, file: ModelFile, num_betas: int, num_expression: int):
        count = len(file.v_template)
        shape = file.shape_basis(num_betas)
        expression = file.expression_basis(num_expression)
        self._template = file.v_template.astype(np.float64)
        self._shape = np.ascontiguousarray(shape, np.float32)
        # One product moves the rest surface by pose correctives and expression together.
        moving = (file.posedirs, expression)
        self._moving = np.concatenate([a.astype(np.float32) for a in moving], axis=2)
        self._moving = self._moving.reshape(3 * count, -1)
        self._weights = np.ascontiguousarray(file.weights, np.float32)
        rows = file.J_regressor.astype(np.float64)
        self._joints_template = rows @ self._template
        self._joints_shape, self._joints_expression = (
            np.einsum("jv,vdb->jdb", rows, basis.astype(np.float64), optimize=True)
            for basis in (shape, expression)
        )
        self._landmark_corners = file.faces[file.lmk_faces_idx]
        self._landmark_shares = file.lmk_bary_coords.astype(np.float32)

    def evaluate(
        self, betas: np.ndarray, pose: np.ndarray, transl: np.ndarray, expression: np.ndarray
    ) -> Posed:
        """One shape (nb,) in B poses (B, 165) at (B, 3) with expressions (B, ne)."""
        frames, count = len(pose), len(self._template)
        turn_local = Rotation.from_rotvec(np.reshape(pose, (-1, 3))).as_matrix()
        turn_local = turn_local.reshape(frames, len(PARENTS), 3, 3)
        rest_joints = self._joints_template + self._joints_shape @ np.asarray(betas, np.float64)
        rest_joints = rest_joints + np.einsum("jde,be->bjd", self._joints_expression, expression)
        turn, skeleton = _chain(turn_local, rest_joints)

        features = (turn_local[:, 1:] - np.eye(3)).reshape(frames, -1)
        features = np.concatenate([features, expression], axis=1).astype(np.float32)
        shaped = self._template + self._shape @ np.asarray(betas, np.float32)
        surface = (self._moving @ features.T).reshape(count, 3, frames)
        surface += shaped.astype(np.float32)[:, :, None]

        shift = skeleton - np.einsum("bjac,bjc->bja", turn, rest_joints)
        transforms = np.concatenate([turn, shift[..., None]], axis=3).astype(np.float32)
        transforms = np.ascontiguousarray(transforms.transpose(1, 2, 3, 0)).reshape(
            len(PARENTS), -1
        )
        vertices = np.empty((frames, count, 3), np.float32)
        moved = transl.astype(np.float32).T
        for start in range(0, count, CHUNK):
            chosen = slice(start, start + CHUNK)
            posed = _skin(self._weights[chosen], transforms, surface[chosen])
            posed += moved
            vertices[:, chosen] = posed.transpose(2, 0, 1)
        corners = vertices[:, self._landmark_corners]
        joints = (
            (skeleton + transl[:, None]).astype(np.float32),
            vertices[:, list(VERTEX_JOINTS.values())],
            np.einsum("blcd,lc->bld", corners, self._landmark_shares),
        )
        return Posed(vertices, np.concatenate(joints, axis=1))


def _chain(turn_local: np.ndarray, rest_joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (B, 55, 3, 3) and places (B, 55, 3) of the joints, parents before children."""
    turn, place = np.empty_like(turn_local), np.empty_like(rest_joints)
    turn[:, 0], place[:, 0] = turn_local[:, 0], rest_joints[:, 0]
    for j in range(1, len(PARENTS)):
        p = PARENTS[j]
        turn[:, j] = turn[:, p] @ turn_local[:, j]
        bone = (rest_joints[:, j] - rest_joints[:, p])[..., None]
        place[:, j] = place[:, p] + (turn[:, p] @ bone)[..., 0]
    return turn, place


def _skin(weights: np.ndarray, transforms: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """Posed vertices (C, 3, B): each moved by its blend of the joints' transforms.

    weights (C, 55); transforms (55, 12 B), entries row by row of [R | t], frames last;
    surface (C, 3, B) before skinning.
    """
    blended = (weights @ transforms).reshape(len(weights), 3, 4, -1)
    posed = np.einsum("caxb,cxb->cab", blended[:, :, :3], surface)
    posed += blended[:, :, 3]
    return posed
