"""Pose correctives (posedirs): what linear blend skinning gets wrong, learned joint by joint.

Plain skinning collapses elbows, knees and hips, and starting from a T-pose forgets how the artist
weighted the A-pose. For each joint we bend it at random within human limits, compare plain skinning
with (a) dual-quaternion skinning and (b) the full 163-bone rig, and fit the difference as a linear
function of the joint's rotation matrix, which is the form the SMPL-X file can hold.
"""

import numpy as np

from pipeline.body.free.makehuman import MakeHuman
from pipeline.body.free.mesh import Surface
from pipeline.body.free.skeleton import about_axis, solve_tpose
from pipeline.body.modelfile import JOINT_NAMES, PARENTS, POSE_BASIS_DIM

DUAL_QUATERNION_SHARE = 0.7
"""How far to go from linear towards dual-quaternion skinning, which alone bulges at joints."""

_SAMPLES = 160
_RIDGE_FIT = 0.05
_RIDGE_INVERSE = 0.02
_SMALLEST_M = 2e-4  # entries below this are zeroed: invisible, and the file compresses better

# Rotation-vector limits in radians of left joints, (low, high) about X, Y, Z. First match wins.
_LIMITS_RAD = (
    ("shoulder", ((-0.8, 0.8), (-1.6, 0.6), (-1.4, 1.3))),
    ("elbow", ((-0.8, 0.8), (-2.5, 0.05), (-0.1, 0.1))),
    ("knee", ((0, 2.4), (-0.2, 0.2), (-0.1, 0.1))),
    ("hip", ((-2.1, 0.6), (-0.5, 0.5), (-0.4, 0.8))),
    ("wrist", ((-0.9, 0.9), (-0.5, 0.5), (-1.2, 1.2))),
    ("collar", ((-0.2, 0.2), (-0.3, 0.3), (-0.25, 0.4))),
    ("ankle", ((-0.6, 0.6), (-0.4, 0.4), (-0.3, 0.3))),
    ("foot", ((-0.8, 0.5), (-0.1, 0.1), (-0.1, 0.1))),
    ("jaw", ((-0.05, 0.5), (-0.1, 0.1), (-0.1, 0.1))),
    ("eye", None),
    ("thumb", ((-0.3, 0.6), (-0.3, 1.2), (-0.6, 0.4))),
    *((f, ((-0.1, 0.1), (-0.25, 0.25), (-1.9, 0.3))) for f in ("index", "middle", "pinky", "ring")),
    ("", ((-0.5, 0.7), (-0.6, 0.6), (-0.5, 0.5))),
)

_AVERAGE_ADULT = {"age": 0.667, "height": 0.35, "proportions": 0.6}


def learn_correctives(
    rng: np.random.Generator, body: MakeHuman, surface: Surface, fold: np.ndarray
) -> np.ndarray:
    """posedirs (V, 3, 486) float32, metres, in the order of `surface.keep`.

    Learned on one average adult and shared by all shapes, as SMPL-X does.
    """
    vertices = body.rest_vertices({axis: np.array([v]) for axis, v in _AVERAGE_ADULT.items()})
    tpose = solve_tpose(body, fold, vertices)
    bone_weights = body.bone_weights[surface.keep]
    # Where each bone alone would carry each vertex (V, 163, 3), and their blend, the T-pose.
    carried = np.einsum("kij,vj->vki", tpose.bone_rotations[0], vertices[0, surface.keep])
    carried += tpose.bone_offsets[0]
    blended = np.einsum("vk,vki->vi", bone_weights, carried)
    basis = np.zeros((len(surface.keep), 3, len(JOINT_NAMES) - 1, 9), np.float32)
    for j in range(1, len(JOINT_NAMES)):
        limits = _limits(JOINT_NAMES[j])
        if limits is None:
            continue
        turned_bones = fold[:, _descendants(j)].sum(axis=1)
        moving_share = bone_weights @ turned_bones
        # What the moved bones' own skinning of the A-pose says beyond the blended T-pose.
        detail = np.einsum("vk,vki->vi", bone_weights * turned_bones, carried)
        detail -= moving_share[:, None] * blended
        partly = (moving_share > 0.004) & (moving_share < 0.996)
        active = np.flatnonzero(partly | (np.linalg.norm(detail, axis=1) > 1e-4))
        if len(active):
            basis[active, :, j - 1] = _fit_joint(
                _sample_rotations(rng, limits),
                blended[active] - tpose.joints[0, j],
                moving_share[active],
                detail[active],
            )
    basis[np.abs(basis) < _SMALLEST_M] = 0
    return basis.reshape(len(basis), 3, POSE_BASIS_DIM)


def _fit_joint(rotations, points, share, detail) -> np.ndarray:
    """Linear map (V, 3, 9) from (R - I) to template offsets.

    rotations (K, 3, 3); points (V, 3) from the joint; share (V,) of weight that moves; detail
    (V, 3) extra template offset seen by the moving bones.
    """
    identity = np.eye(3)
    turned = np.einsum("kij,vj->kvi", rotations, points)
    linear = (1 - share)[:, None] * points + share[:, None] * turned
    wanted = DUAL_QUATERNION_SHARE * (_dual_quaternion(rotations, points, share) - linear)
    wanted += np.einsum("kij,vj->kvi", rotations - identity, detail)
    # The corrective acts before skinning: undo the blended matrix, regularised where it is near
    # singular (half of a half turn), or the offsets would explode there.
    skinning = (1 - share)[:, None, None] * identity + share[:, None, None] * rotations[:, None]
    transposed = skinning.swapaxes(-1, -2)
    inverse = transposed @ np.linalg.inv(skinning @ transposed + _RIDGE_INVERSE * identity)
    offsets = np.einsum("kvij,kvj->kvi", inverse, wanted)
    features = (rotations - identity).reshape(len(rotations), 9)
    solve = np.linalg.solve(features.T @ features + _RIDGE_FIT * np.eye(9), features.T)
    return np.einsum("pk,kvi->vip", solve, offsets)


def _dual_quaternion(rotations, points, share) -> np.ndarray:
    """Points (K, V, 3) turned by the blend of identity and rotation, as quaternions.

    Both transforms keep the joint fixed, so the dual part vanishes.
    """
    from scipy.spatial.transform import Rotation

    vector, angle = _axis_angle(Rotation.from_matrix(rotations))
    real = np.cos(angle / 2)[:, None] * share + (1 - share)
    imaginary = np.sin(angle / 2)[:, None, None] * share[None, :, None] * vector[:, None]
    norm = np.sqrt(real**2 + (imaginary**2).sum(axis=-1))
    real, imaginary = real / norm, imaginary / norm[..., None]
    inner = np.cross(imaginary, points) + real[..., None] * points
    return points + 2 * np.cross(imaginary, inner)


def _axis_angle(rotation) -> tuple[np.ndarray, np.ndarray]:
    vector = rotation.as_rotvec()
    angle = np.linalg.norm(vector, axis=1)
    return vector / np.maximum(angle, 1e-9)[:, None], angle


def _sample_rotations(rng: np.random.Generator, limits: np.ndarray) -> np.ndarray:
    size = rng.uniform(0.15, 1, (_SAMPLES, 1))
    vector = rng.uniform(limits[:, 0], limits[:, 1], (_SAMPLES, 3)) * size
    return about_axis(vector, np.linalg.norm(vector, axis=1))


def _limits(joint: str) -> np.ndarray | None:
    limits = next(limits for word, limits in _LIMITS_RAD if word in joint)
    if limits is None:
        return None
    limits = np.array(limits, float)
    if joint.startswith("right"):  # mirrored: rotations about Y and Z change sign
        limits[1:] = -limits[1:, ::-1]
    return limits


def _descendants(joint: int) -> list[int]:
    found = {joint}
    for k in range(joint + 1, len(PARENTS)):
        if PARENTS[k] in found:
            found.add(k)
    return sorted(found)
