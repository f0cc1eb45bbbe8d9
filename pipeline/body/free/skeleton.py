"""From MakeHuman's 163-bone A-pose rig to SMPL-X's 55 joints and T-pose.

Each bone is folded onto one joint (a few onto two). The limbs are turned into a T-pose like
SMPL-X's own, fingers along X and palms down; spine, head and collars keep their rest pose.
B bodies, all float64 unless said otherwise, metres, Y up, facing +Z.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.body.free.makehuman import MakeHuman
from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES, PARENTS

FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
"""SMPL-X finger name -> MakeHuman finger number."""

SIDES = (("left", "L", 1.0), ("right", "R", -1.0))
"""SMPL-X side, MakeHuman side, sign of X."""

# Bone directions of the T-pose, for the left side (the right side mirrors X).
_THIGH = (0.075, -1.0, 0.0)
_SHIN = (-0.02, -1.0, -0.07)
_UPPER_ARM = (0.994, -0.035, -0.10)
_FOREARM = (0.999, 0.0, 0.02)
_FOOT_TURNOUT_DEG = 9.0
_FINGER_DROP = -0.03
_FINGER_SPREAD_KEPT = 0.6
_FINGER_SPREAD_LIMIT = 0.22
# Share of the wrist's twist that each forearm bone takes, so that the forearm does not wring.
_FOREARM_TWIST = {"lowerarm01": 0.3, "lowerarm02": 0.75}


@dataclass(frozen=True)
class TPose:
    """How bodies are carried from MakeHuman's rest pose into the T-pose.

    bone_rotations (B, 163, 3, 3), bone_offsets (B, 163, 3): x_tpose = R @ x_rest + t, per bone.
    joints (B, 55, 3): T-pose joints with the pelvis at the origin.
    """

    bone_rotations: np.ndarray
    bone_offsets: np.ndarray
    joints: np.ndarray


def fold_matrix(body: MakeHuman) -> np.ndarray:
    """(163, 55) float32: which share of each bone's skinning weight goes to each joint."""
    direct = _bone_to_joints()
    fold = np.zeros((len(body.bones), len(JOINT_NAMES)), np.float32)
    for row, bone in enumerate(body.bones):
        while bone not in direct:  # face, eyelid and tongue bones follow their parents
            bone = body.bone_parents[bone]
        for joint, share in direct[bone]:
            fold[row, JOINT_INDEX[joint]] += share
    return fold


def _bone_to_joints() -> dict[str, list[tuple[str, float]]]:
    table = {
        "root": [("pelvis", 1)],
        "pelvis.L": [("pelvis", 1)],
        "pelvis.R": [("pelvis", 1)],
        "spine05": [("pelvis", 1)],
        "spine04": [("pelvis", 0.5), ("spine1", 0.5)],
        "spine03": [("spine1", 1)],
        "spine02": [("spine1", 0.5), ("spine2", 0.5)],
        "spine01": [("spine3", 1)],
        "breast.L": [("spine3", 1)],
        "breast.R": [("spine3", 1)],
        "neck01": [("neck", 1)],
        "neck02": [("neck", 1)],
        "neck03": [("neck", 0.5), ("head", 0.5)],
        "head": [("head", 1)],
        "jaw": [("jaw", 1)],
        "eye.L": [("left_eye", 1)],
        "eye.R": [("right_eye", 1)],
    }
    limbs = {
        "clavicle": "collar",
        "shoulder01": "collar",
        "upperarm01": "shoulder",
        "upperarm02": "shoulder",
        "lowerarm01": "elbow",
        "lowerarm02": "elbow",
        "wrist": "wrist",
        "upperleg01": "hip",
        "upperleg02": "hip",
        "lowerleg01": "knee",
        "lowerleg02": "knee",
        "foot": "ankle",
    }
    for side, letter, _ in SIDES:
        for bone, joint in limbs.items():
            table[f"{bone}.{letter}"] = [(f"{side}_{joint}", 1)]
        for toe in range(1, 6):
            for k in (1, 2, 3):
                table[f"toe{toe}-{k}.{letter}"] = [(f"{side}_foot", 1)]
        for metacarpal in range(1, 5):
            table[f"metacarpal{metacarpal}.{letter}"] = [(f"{side}_wrist", 1)]
        for finger, number in FINGERS.items():
            for k in (1, 2, 3):
                table[f"finger{number}-{k}.{letter}"] = [(f"{side}_{finger}{k}", 1)]
    return table


def rest_joints(body: MakeHuman, vertices: np.ndarray) -> tuple[np.ndarray, dict]:
    """Joints (B, 55, 3) in the rest pose, and finger tips (side, finger) -> (B, 3)."""

    def head(bone: str) -> np.ndarray:
        return body.head_of(bone, vertices)

    def tail(bone: str) -> np.ndarray:
        return body.tail_of(bone, vertices)

    at = {
        "pelvis": 0.35 * head("spine05") + 0.65 * tail("spine05"),
        "spine1": head("spine03"),
        "spine2": 0.5 * (head("spine02") + tail("spine02")),
        "spine3": head("spine01"),
        "neck": head("neck01"),
        "head": head("neck03"),
    }
    for joint in at.values():
        joint[:, 0] = 0  # the trunk lies in the plane of symmetry
    at["jaw"] = head("jaw")
    limbs = {
        "shoulder": "upperarm01",
        "elbow": "lowerarm01",
        "wrist": "wrist",
        "hip": "upperleg01",
        "knee": "lowerleg01",
        "ankle": "foot",
    }
    tips = {}
    for side, letter, _ in SIDES:
        at[f"{side}_eye"] = head(f"eye.{letter}")
        at[f"{side}_collar"] = 0.5 * (head(f"clavicle.{letter}") + tail(f"clavicle.{letter}"))
        at[f"{side}_foot"] = np.mean([head(f"toe{k}-1.{letter}") for k in (1, 2, 3)], axis=0)
        for joint, bone in limbs.items():
            at[f"{side}_{joint}"] = head(f"{bone}.{letter}")
        for finger, number in FINGERS.items():
            tips[side, finger] = tail(f"finger{number}-3.{letter}").astype(float)
            for k in (1, 2, 3):
                at[f"{side}_{finger}{k}"] = head(f"finger{number}-{k}.{letter}")
    return np.stack([at[name] for name in JOINT_NAMES], axis=1).astype(float), tips


def solve_tpose(body: MakeHuman, fold: np.ndarray, vertices: np.ndarray) -> TPose:
    """Bone transforms that carry rest-pose bodies (B, 19158, 3) into the T-pose."""
    joints, tips = rest_joints(body, vertices)
    count = len(joints)
    rotation = np.tile(np.eye(3), (count, len(JOINT_NAMES), 1, 1))
    wrist_twist = {}
    for side, _, sign in SIDES:
        _straighten_leg(rotation, joints, side, sign)
        wrist_twist[side] = _straighten_arm(rotation, joints, side, sign)
        for finger in FINGERS:
            _straighten_finger(rotation, joints, tips[side, finger], side, sign, finger)
    tpose_joints = np.zeros_like(joints)
    for j in range(1, len(JOINT_NAMES)):
        p = PARENTS[j]
        tpose_joints[:, j] = tpose_joints[:, p] + _turn(rotation[:, p], joints[:, j] - joints[:, p])
    main_joint = fold.argmax(axis=1)
    bone_rotations = rotation[:, main_joint].copy()
    for side, letter, sign in SIDES:
        axis = np.tile(_mirrored(_FOREARM, sign), (count, 1))
        for bone, share in _FOREARM_TWIST.items():
            twist = about_axis(axis, wrist_twist[side] * share)
            elbow = rotation[:, JOINT_INDEX[f"{side}_elbow"]]
            bone_rotations[:, body.bone_index(f"{bone}.{letter}")] = twist @ elbow
    # Every bone turns about the joint it is folded onto, so that bones of one joint stay together.
    pivot = joints[:, main_joint]
    offsets = tpose_joints[:, main_joint] - np.einsum("bkij,bkj->bki", bone_rotations, pivot)
    return TPose(bone_rotations, offsets, tpose_joints)


def skin_to_tpose(
    weights: np.ndarray, tpose: TPose, vertices: np.ndarray, keep: np.ndarray
) -> np.ndarray:
    """T-pose vertices (B, N, 3) float32 of base-mesh vertices `keep`; weights (N, 163)."""
    transforms = np.concatenate([tpose.bone_rotations, tpose.bone_offsets[..., None]], axis=-1)
    transforms = transforms.reshape(len(vertices), -1, 12).astype(np.float32)
    out = np.empty((len(vertices), len(keep), 3), np.float32)
    for b, points in enumerate(vertices[:, keep]):
        blended = (weights @ transforms[b]).reshape(-1, 3, 4)
        out[b] = np.einsum("vij,vj->vi", blended[:, :, :3], points) + blended[:, :, 3]
    return out


def _straighten_leg(rotation: np.ndarray, joints: np.ndarray, side: str, sign: float) -> None:
    hip, knee, ankle, foot = (JOINT_INDEX[f"{side}_{n}"] for n in ("hip", "knee", "ankle", "foot"))
    thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
    rotation[:, hip] = between(thigh, _mirrored(_THIGH, sign))
    shin = _turn(rotation[:, hip], shin)
    rotation[:, knee] = between(shin, _mirrored(_SHIN, sign)) @ rotation[:, hip]
    sole = joints[:, foot] - joints[:, ankle]
    turn = np.radians(_FOOT_TURNOUT_DEG) * sign - np.arctan2(sole[:, 0], sole[:, 2])
    up = np.tile([0.0, 1.0, 0.0], (len(joints), 1))
    rotation[:, ankle] = rotation[:, foot] = about_axis(up, turn)


def _straighten_arm(rotation: np.ndarray, joints: np.ndarray, side: str, sign: float) -> np.ndarray:
    """Fill shoulder, elbow and wrist; return the wrist's twist relative to the elbow, radians."""
    names = ("shoulder", "elbow", "wrist", "middle1", "index1", "pinky1")
    shoulder, elbow, wrist, middle, index, pinky = (JOINT_INDEX[f"{side}_{n}"] for n in names)
    upper, fore = joints[:, elbow] - joints[:, shoulder], joints[:, wrist] - joints[:, elbow]
    # The elbow's hinge axis ends up vertical: elbows bend forwards about Y.
    hinge = np.cross(upper, fore) * sign
    target = frame(_mirrored(_UPPER_ARM, sign)[None], np.array([[0.0, -1.0, 0.0]]))
    rotation[:, shoulder] = target @ frame(upper, hinge).swapaxes(1, 2)
    forearm = _mirrored(_FOREARM, sign)
    fore = _turn(rotation[:, shoulder], fore)
    rotation[:, elbow] = between(fore, forearm) @ rotation[:, shoulder]
    hand = frame(joints[:, middle] - joints[:, wrist], joints[:, index] - joints[:, pinky])
    flat = frame(np.array([[sign, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]]))
    rotation[:, wrist] = flat @ hand.swapaxes(1, 2)
    return twist_angle(rotation[:, wrist] @ rotation[:, elbow].swapaxes(1, 2), forearm)


def _straighten_finger(rotation, joints, tip, side: str, sign: float, finger: str) -> None:
    chain = [JOINT_INDEX[f"{side}_{finger}{k}"] for k in (1, 2, 3)]
    points = [joints[:, j] for j in chain] + [tip]
    before = rotation[:, JOINT_INDEX[f"{side}_wrist"]]
    last_direction = 0.0
    for k, joint in enumerate(chain):
        direction = _turn(before, points[k + 1] - points[k])
        if finger == "thumb":
            # The thumb keeps its natural place; its outer bones are only half straightened.
            wanted = unit(unit(direction) + last_direction)
        elif k == 0:
            spread = np.arctan2(direction[:, 2], sign * direction[:, 0]) * _FINGER_SPREAD_KEPT
            spread = np.clip(spread, -_FINGER_SPREAD_LIMIT, _FINGER_SPREAD_LIMIT)
            drop = np.full(len(spread), _FINGER_DROP)
            wanted = np.stack([sign * np.cos(spread), drop, np.sin(spread)], axis=-1)
        rotation[:, joint] = between(direction, wanted) @ before
        before = rotation[:, joint]
        last_direction = unit(_turn(before, points[k + 1] - points[k]))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def cross_matrix(vectors: np.ndarray) -> np.ndarray:
    """(B, 3, 3) matrices K with K @ x = v x x."""
    x, y, z = vectors.T
    zero = np.zeros(len(vectors))
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)


def about_axis(axis: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Rotations (B, 3, 3) by angle (B,) about axes (B, 3)."""
    k = cross_matrix(unit(axis))
    angle = np.asarray(angle_rad, float)[:, None, None]
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shortest rotations (B, 3, 3) that turn directions a (B, 3) into b (B or 1, 3)."""
    a, b = unit(a), unit(np.broadcast_to(b, a.shape))
    k = cross_matrix(np.cross(a, b))
    return np.eye(3) + k + k @ k / (1 + (a * b).sum(axis=-1))[:, None, None]


def frame(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Right-handed frames (B, 3, 3), columns: along x, near y, and their normal."""
    x = unit(x)
    z = unit(np.cross(x, y))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def twist_angle(rotation: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Angle (B,) in radians of the part of rotations (B, 3, 3) that is about `axis` (3,)."""
    sine = np.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        axis=-1,
    )
    return 2 * np.arctan2(sine @ unit(axis), 1 + np.trace(rotation, axis1=1, axis2=2))


def _mirrored(direction: tuple[float, float, float], sign: float) -> np.ndarray:
    return unit(np.array(direction) * [sign, 1, 1])


def _turn(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("bij,bj->bi", rotation, vectors)
