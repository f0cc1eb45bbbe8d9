"""Joints as fixed, sparse, non-negative averages of surface vertices (SMPL-X's J_regressor).

Most joints follow MakeHuman's rig as well as such averages can. Spine and knee joints are *defined*
on the surface, at a fixed place within their ring of skin, because MakeHuman's own helpers drift
there: a short woman's knee helper lies 2 cm above her kneecap, a spine helper wanders by as much.
"""

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES, PARENTS

_TRUNK = ("pelvis", "spine1", "spine2", "spine3")
_RINGS = {
    "spine1": _TRUNK,
    "spine2": _TRUNK,
    "spine3": _TRUNK,
    "left_knee": ("left_hip", "left_knee"),
    "right_knee": ("right_hip", "right_knee"),
}
"""Surface-defined joints, and the joints that move the skin of their ring."""

SURFACE_DEFINED = tuple(_RINGS)

# Search radius, metres, of the vertices a joint may use; trunk joints lie deeper under the skin.
_RADIUS_M = {
    "pelvis": 0.26,
    "hip": 0.22,
    "neck": 0.30,
    "head": 0.18,
    "collar": 0.18,
    "shoulder": 0.16,
    "jaw": 0.12,
}
_BODY_RADIUS_M, _FINGER_RADIUS_M = 0.10, 0.035
_ANYWHERE = ("neck",)
"""Joints that do better when they may use the skin of other body parts too."""
_RING_HALF_HEIGHT_M = 0.03
_SUM_TO_ONE = 300.0


def fit_joint_regressor(
    vertices: np.ndarray,
    joints: np.ndarray,
    adult: np.ndarray,
    weights: np.ndarray,
    skin: np.ndarray,
    mirror: np.ndarray,
    rng: np.random.Generator,
    shapes: int = 200,
    pool: int = 300,
) -> np.ndarray:
    """J_regressor (55, V) float32, left-right symmetric, rows >= 0 and summing to 1.

    vertices (S, V, 3) and joints (S, 55, 3): training bodies; adult (S,) bool: those whose mean
    says where joints lie. weights (V, 55). skin (V,) bool. mirror (V,): mirror image of vertices.
    """
    from scipy.optimize import nnls

    mean, mean_joints = vertices[adult].mean(axis=0), joints[adult].mean(axis=0)
    chosen = np.sort(rng.permutation(len(vertices))[:shapes])
    regressor = np.zeros((len(JOINT_NAMES), vertices.shape[1]), np.float64)
    for j, name in enumerate(JOINT_NAMES):
        if name in _RINGS:
            moved_by = weights[:, [JOINT_INDEX[n] for n in _RINGS[name]]].sum(axis=1)
            regressor[j] = _ring_average(mean, mean_joints[j], skin & (moved_by > 0.5))
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


def _ring_average(mean: np.ndarray, joint: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Averaging weights (V,) of the usable skin at the joint's level that give the mean joint.

    Of all such averages this is the one closest to uniform, so that the joint keeps the same place
    within the cross-section of every body.
    """
    from scipy.optimize import nnls

    ring = np.flatnonzero(usable & (np.abs(mean[:, 1] - joint[1]) < _RING_HALF_HEIGHT_M))
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
