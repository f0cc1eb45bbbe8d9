"""Files of the licensed SMPL's form, made from the free body by code: nothing in them is SMPL's.

The made SMPL has 6890 of the free body's vertices, its skinning (fingers merged into hands) and its
shapes, so its transfer matrix picks vertices.
"""

import pickle
from pathlib import Path

import numpy as np
import scipy.sparse

from pipeline.body.modelfile import JOINT_INDEX, PARENTS, ModelFile

SMPL_VERTICES, SMPL_JOINTS = 6890, 24


def chosen_vertices(model: ModelFile) -> np.ndarray:
    """The made SMPL's vertices (6890,), numbers in the free body."""
    return np.linspace(0, len(model.v_template) - 1, SMPL_VERTICES).astype(int)


def _smpl_joint(joint: int) -> int:
    """SMPL's joint for a joint of SMPL-X: the hand for fingers, the head for the face."""
    while joint >= 22:
        if joint in (JOINT_INDEX["left_middle1"], JOINT_INDEX["right_middle1"]):
            break
        parent = int(PARENTS[joint])
        if parent in (20, 21):
            return parent + 2
        joint = parent
    return {JOINT_INDEX["left_middle1"]: 22, JOINT_INDEX["right_middle1"]: 23}.get(joint, joint)


def smpl_arrays(model: ModelFile) -> dict[str, np.ndarray]:
    """The arrays of an SMPL model file."""
    chosen = chosen_vertices(model)
    template = model.v_template[chosen].astype(np.float64)
    weights = np.zeros((SMPL_VERTICES, SMPL_JOINTS))
    for joint in range(len(PARENTS)):
        weights[:, _smpl_joint(joint)] += model.weights[chosen, joint]
    weights /= weights.sum(axis=1, keepdims=True)
    places = (model.J_regressor.astype(np.float64) @ model.v_template)[
        [*range(22), JOINT_INDEX["left_middle1"], JOINT_INDEX["right_middle1"]]
    ]
    regressor = np.zeros((SMPL_JOINTS, SMPL_VERTICES))
    for joint, place in enumerate(places):
        near = np.argsort(((template - place) ** 2).sum(axis=1))[:60]
        # The least-norm affine combination of vertices around the joint that gives its place.
        points = np.vstack([template[near].T, np.ones(len(near))])
        regressor[joint, near] = np.linalg.pinv(points) @ [*place, 1]
    correctives = np.zeros((SMPL_VERTICES, 3, 9 * (SMPL_JOINTS - 1)))
    correctives[:, :, : 9 * 21] = model.posedirs[chosen][:, :, : 9 * 21]
    parents = [*PARENTS[:22], 20, 21]
    tree = np.stack([np.where(np.arange(SMPL_JOINTS) > 0, parents, 2**32 - 1), range(SMPL_JOINTS)])
    return {
        "v_template": template,
        "shapedirs": model.shapedirs[chosen][:, :, :10].astype(np.float64),
        "posedirs": correctives,
        "weights": weights,
        "J_regressor": scipy.sparse.csc_matrix(regressor),
        "kintree_table": tree.astype(np.int64),
        "f": np.arange(SMPL_VERTICES * 2 * 3).reshape(-1, 3) % SMPL_VERTICES,
    }


def pick_matrix(model: ModelFile) -> scipy.sparse.csr_matrix:
    """The transfer matrix (6890, V) that picks the made SMPL's vertices."""
    entries = np.ones(SMPL_VERTICES, np.float32), (range(SMPL_VERTICES), chosen_vertices(model))
    return scipy.sparse.csr_matrix(entries, (SMPL_VERTICES, len(model.v_template)))


def write_smpl_assets(folder: Path, model: ModelFile, genders: tuple[str, ...] = ("neutral",)):
    """Write smpl/SMPL_*.pkl and smplx2smpl.pkl of the free body below `folder`."""
    (folder / "smpl").mkdir(parents=True, exist_ok=True)
    for gender in genders:
        path = folder / "smpl" / f"SMPL_{gender.upper()}.pkl"
        path.write_bytes(pickle.dumps(smpl_arrays(model), protocol=2))
    matrix = {"matrix": pick_matrix(model)}
    (folder / "smplx2smpl.pkl").write_bytes(pickle.dumps(matrix, protocol=4))
