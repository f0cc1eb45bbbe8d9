"""Joints as fixed, sparse, non-negative averages of surface vertices (SMPL-X's J_regressor).

Limb, hand, head and face joints follow MakeHuman's rig as well as such averages can. The three
spine joints are *defined* on the surface: MakeHuman moves its own spine helpers back and forth by
centimetres between shapes, which no average of skin can (or should) follow.
"""

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES, PARENTS

SURFACE_DEFINED = ("spine1", "spine2", "spine3")

# Search radius, metres, of the vertices a joint may use; trunk joints lie deeper under the skin.
_RADIUS_M = {
    "pelvis": 0.26,
    "hip": 0.22,
    "neck": 0.30,
    "head": 0.18,
    "collar": 0.18,
    "shoulder": 0.16,
    "knee": 0.45,
    "jaw": 0.12,
}
_BODY_RADIUS_M, _FINGER_RADIUS_M = 0.10, 0.035
_ANYWHERE = ("neck", "knee")
"""Joints that may use vertices of other body parts too, where that was found to help."""
_RING_HALF_HEIGHT_M = 0.03
_SUM_TO_ONE = 300.0


def fit_joint_regressor(
    vertices: np.ndarray,
    joints: np.ndarray,
    weights: np.ndarray,
    skin: np.ndarray,
    mirror: np.ndarray,
    rng: np.random.Generator,
    shapes: int = 200,
    pool: int = 300,
) -> np.ndarray:
    """J_regressor (55, V) float32, left-right symmetric, rows >= 0 and summing to 1.

    vertices (S, V, 3) and joints (S, 55, 3): training bodies. weights (V, 55). skin (V,) bool.
    mirror (V,): each vertex's mirror image.
    """
    from scipy.optimize import nnls

    mean, mean_joints = vertices.mean(axis=0), joints.mean(axis=0)
    chosen = np.sort(rng.permutation(len(vertices))[:shapes])
    regressor = np.zeros((len(JOINT_NAMES), vertices.shape[1]), np.float64)
    for j, name in enumerate(JOINT_NAMES):
        if name in SURFACE_DEFINED:
            regressor[j] = _trunk_ring(mean, mean_joints[j], weights, skin)
            continue
        candidates = _candidates(j, mean, mean_joints, weights, skin, rng, pool)
        system = vertices[chosen][:, candidates].astype(np.float64)
        system = system.transpose(0, 2, 1).reshape(-1, len(candidates))
        wanted = joints[chosen, j].astype(np.float64).ravel()
        system = np.concatenate([system, np.full((1, len(candidates)), _SUM_TO_ONE)])
        row, _ = nnls(system, np.append(wanted, _SUM_TO_ONE), maxiter=6000)
        row[row < 1e-4] = 0
        regressor[j, candidates] = row / row.sum()
    twin = [JOINT_INDEX[_mirror_name(name)] for name in JOINT_NAMES]
    return (0.5 * (regressor + regressor[twin][:, mirror])).astype(np.float32)


def joint_errors_mm(regressor: np.ndarray, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Distance (S, 55) in millimetres of regressed joints from given joints."""
    found = np.einsum("jv,svd->sjd", regressor, vertices, optimize=True)
    return np.linalg.norm(found - joints, axis=-1) * 1000


def _candidates(j, mean, mean_joints, weights, skin, rng, pool) -> np.ndarray:
    name = JOINT_NAMES[j].removeprefix("left_").removeprefix("right_")
    distance = np.linalg.norm(mean - mean_joints[j], axis=1)
    family = [j, max(PARENTS[j], 0), *(k for k, p in enumerate(PARENTS) if p == j)]
    default = _BODY_RADIUS_M if j < JOINT_INDEX["left_index1"] else _FINGER_RADIUS_M
    near = distance < _RADIUS_M.get(name, default)
    if name in _ANYWHERE:
        near &= skin
    else:
        near &= weights[:, family].sum(axis=1) > 0.5
    ids = np.flatnonzero(near)
    if len(ids) < 60:
        ids = np.argsort(distance, kind="stable")[:120]
    closest = ids[np.argsort(distance[ids], kind="stable")[:80]]
    return np.unique(np.concatenate([closest, rng.permutation(ids)[:pool]]))


def _trunk_ring(mean, joint, weights, skin) -> np.ndarray:
    """Averaging weights (V,) of the trunk skin at the joint's level that give the mean joint.

    Of all such averages this is the one closest to uniform, so every body's spine keeps the same
    place within its own cross-section.
    """
    from scipy.optimize import nnls

    trunk = weights[:, [JOINT_INDEX[n] for n in ("pelvis", *SURFACE_DEFINED)]].sum(axis=1) > 0.5
    ring = np.flatnonzero(trunk & skin & (np.abs(mean[:, 1] - joint[1]) < _RING_HALF_HEIGHT_M))
    uniform = np.full(len(ring), 1 / len(ring))
    exact = np.concatenate([mean[ring].T.astype(np.float64), np.ones((1, len(ring)))]) * 1e3
    system = np.concatenate([exact, np.eye(len(ring))])
    row, _ = nnls(system, np.concatenate([joint * 1e3, [1e3], uniform]))
    out = np.zeros(len(mean))
    out[ring] = row / row.sum()
    return out


def _mirror_name(name: str) -> str:
    if name.startswith("left"):
        return name.replace("left", "right")
    return name.replace("right", "left")
