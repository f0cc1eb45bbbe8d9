"""The SMPL model in numpy: a checked file, its posed surface, and the surface's derivatives.

Rotations are kept as matrices. A derivative by joint j's rotation is by a small turn about the axes
of the frame that the vertices are in, carried by everything below j in the tree.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse

from pipeline.errors import GenbError
from pipeline.smpl.files import VERTEX_COUNT, read_arrays

JOINT_COUNT, BETA_COUNT = 24, 10
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""SMPL's joint tree; the same as SMPL-X's first 22 joints, and two hands."""

_BELOW = np.eye(JOINT_COUNT)
for _j in range(JOINT_COUNT - 1, 0, -1):
    _BELOW[PARENTS[_j]] += _BELOW[_j]
"""(24, 24): row j marks joint j and all that hang on it."""

_CROSS = np.stack([np.cross(axis, np.eye(3)).T for axis in np.eye(3)])
"""(3, 3, 3): _CROSS[k] @ x is e_k x x."""


@dataclass(frozen=True)
class SmplModel:
    """One SMPL body, or some of its vertices (N of them): float64, metres, Y up.

    template (N, 3); shape (N, 3, 10); correctives (N, 3, 207); weights (N, 24); joints_template
    (24, 3) and joints_shape (24, 3, 10) are always those of the whole body.
    """

    template: np.ndarray
    shape: np.ndarray
    correctives: np.ndarray
    weights: np.ndarray
    joints_template: np.ndarray
    joints_shape: np.ndarray

    def some(self, step: int) -> "SmplModel":
        """The body with every step-th vertex only."""
        names = ("template", "shape", "correctives", "weights")
        return replace(self, **{name: getattr(self, name)[::step] for name in names})

    def pose(self, betas: np.ndarray, turns: np.ndarray, transl: np.ndarray) -> "SmplPosed":
        """The body with betas (10,), local rotations (24, 3, 3) and translation (3,) m."""
        rest_joints = self.joints_template + self.joints_shape @ betas
        world, places = np.empty((JOINT_COUNT, 3, 3)), np.empty((JOINT_COUNT, 3))
        world[0], places[0] = turns[0], rest_joints[0]
        for j in range(1, JOINT_COUNT):
            p = PARENTS[j]
            world[j] = world[p] @ turns[j]
            places[j] = places[p] + world[p] @ (rest_joints[j] - rest_joints[p])
        rest = self.template + self.shape @ betas
        rest = rest + self.correctives @ (turns[1:] - np.eye(3)).ravel()
        blend = (self.weights @ world.reshape(JOINT_COUNT, 9)).reshape(-1, 3, 3)
        shift = places - (world @ rest_joints[:, :, None])[..., 0]
        vertices = (blend @ rest[:, :, None])[..., 0] + self.weights @ shift + transl
        return SmplPosed(self, turns, world, places, shift, rest, blend, vertices, transl)


@dataclass(frozen=True)
class SmplPosed:
    """A posed body. turns: local rotations (24, 3, 3); world: their products down the tree;
    places (24, 3): joints without `transl`; vertices (N, 3) m."""

    model: SmplModel
    turns: np.ndarray
    world: np.ndarray
    places: np.ndarray
    shift: np.ndarray
    rest: np.ndarray
    blend: np.ndarray
    vertices: np.ndarray
    transl: np.ndarray

    @property
    def joints(self) -> np.ndarray:
        """Joints (24, 3) m, in the vertices' frame."""
        return self.places + self.transl

    def by_turns(self) -> np.ndarray:
        """Derivative (N, 3, 72) by a turn of each joint about the frame's axes, m per rad."""
        model, count = self.model, len(self.vertices)
        # Where each bone alone would carry a vertex, times its weight: (N, 24, 3).
        carried = (self.rest @ self.world.reshape(-1, 3).T).reshape(count, JOINT_COUNT, 3)
        carried = (carried + self.shift) * model.weights[:, :, None]
        arms = carried.transpose(0, 2, 1) @ _BELOW.T
        arms -= (model.weights @ _BELOW.T)[:, None] * self.places.T
        moved = np.zeros((count, 3, JOINT_COUNT, 3))
        for axis in range(3):  # a turn about it moves the next axis by -arm of the one after
            after, last = (axis + 1) % 3, (axis + 2) % 3
            moved[:, after, :, axis] = -arms[:, last]
            moved[:, last, :, axis] = arms[:, after]
        for j in range(1, JOINT_COUNT):
            # A turn d of the frame is parent^T d in the joint's own; R changes by [parent^T d]x R.
            turned = np.stack([axis @ self.turns[j] for axis in _CROSS], axis=-1)
            turned = (turned @ self.world[PARENTS[j]].T).reshape(9, 3)
            swell = model.correctives[:, :, 9 * j - 9 : 9 * j] @ turned
            moved[:, :, j] += self.blend @ swell
        return moved.reshape(count, 3, 3 * JOINT_COUNT)

    def by_betas(self) -> np.ndarray:
        """Derivative (N, 3, 10) by the shape coefficients, m."""
        model = self.model
        places = np.empty((JOINT_COUNT, 3, BETA_COUNT))
        places[0] = model.joints_shape[0]
        for j in range(1, JOINT_COUNT):
            p = PARENTS[j]
            bone = model.joints_shape[j] - model.joints_shape[p]
            places[j] = places[p] + self.world[p] @ bone
        shift = places - self.world @ model.joints_shape
        carried = model.weights @ shift.reshape(JOINT_COUNT, -1)
        return self.blend @ model.shape + carried.reshape(-1, 3, BETA_COUNT)


def read_smpl_model(path: Path) -> SmplModel:
    """A model file, official pickle or .npz, checked. Raises GenbError naming the fault."""
    arrays = read_arrays(path)

    def take(name: str, *shape: int) -> np.ndarray:
        if name not in arrays:
            raise GenbError(
                f"{path}: array {name!r} is missing; this is not an SMPL model file. Fetch it from "
                "its authors again (docs/smpl.md)."
            )
        array = arrays[name]
        array = array.toarray() if scipy.sparse.issparse(array) else np.asarray(array)
        fits = array.ndim == len(shape) and all(
            have == want or (want == -1 and have >= BETA_COUNT)
            for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits or array.dtype.kind not in "fiu":
            wanted = ", ".join("10 or more" if n == -1 else str(n) for n in shape)
            raise GenbError(
                f"{path}: array {name!r} is {array.shape} {array.dtype}, expected ({wanted}) "
                "numbers; this is not an SMPL model file (an SMPL-H or SMPL-X one?). Fetch "
                "SMPL's (docs/smpl.md)."
            )
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise GenbError(f"{path}: array {name!r} holds NaN or inf. Copy the file once more.")
        return array

    template = take("v_template", VERTEX_COUNT, 3)
    shape = take("shapedirs", VERTEX_COUNT, 3, -1)[:, :, :BETA_COUNT]
    regressor = take("J_regressor", JOINT_COUNT, VERTEX_COUNT)
    if tuple(take("kintree_table", 2, JOINT_COUNT)[0, 1:].astype(int)) != PARENTS[1:]:
        raise GenbError(f"{path}: 'kintree_table' is not SMPL's joint tree. Fetch SMPL's file.")
    return SmplModel(
        template=template,
        shape=np.ascontiguousarray(shape),
        correctives=take("posedirs", VERTEX_COUNT, 3, 9 * (JOINT_COUNT - 1)),
        weights=take("weights", VERTEX_COUNT, JOINT_COUNT),
        joints_template=regressor @ template,
        joints_shape=np.einsum("jv,vdb->jdb", regressor, shape, optimize=True),
    )
