"""Playing a foreign skeleton's motion on SMPL-X joints, by world orientation.

Each driven joint takes its source's rotation relative to the source's rest pose, corrected once by
the rotation that lays the SMPL-X rest bone along the source's rest bone (`_rest_turns`). Limbs and
fingers then point exactly where the source's do, whatever the two rest poses are. Trunk, head,
collars and feet go from rest to rest instead: copying their bone directions would copy the other
skeleton's spine curve, shoulder slope and ankle height.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..ik import frame, unit
from ..kinematics import JOINT, JOINT_NAMES, JOINTS, PARENTS, rotvecs, transform
from ..motion import MotionError
from .bvh_text import BvhHeader
from .skeletons import SIDES, Match

UNITS_M = {
    "millimetre": 0.001, "centimetre": 0.01, "inch": 0.0254, "CMU unit": 0.056444,
    "decimetre": 0.1, "metre": 1.0,
}  # fmt: skip
"""Lengths that BVH files come in. CMU's capture unit is an inch divided by 0.45."""
_ADULT_M = 1.7
_AXIS_SNAP = np.cos(np.radians(15))

# Joint -> the joint its bone ends in, for joints whose bone direction is copied.
_BONES = {
    **{f"{s}_{a}": f"{s}_{b}" for s in SIDES for a, b in (
        ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"),
        ("wrist", "middle1"))},
    **{f"{s}_{f}{k}": f"{s}_{f}{k + 1}" for s in SIDES
       for f in ("index", "middle", "ring", "pinky", "thumb") for k in (1, 2)},
}  # fmt: skip


def unit_m(rest: np.ndarray, up: np.ndarray) -> float:
    """Metres per file unit, guessed: the unit that makes the rest pose nearest to 1.7 m tall.

    rest: (J, 3) rest positions, end sites included. up: (3,) unit vector.
    """
    height = float(np.ptp(rest @ up))
    return min(UNITS_M.values(), key=lambda unit: abs(np.log(height * unit / _ADULT_M)))


def rest_axes(path: Path, rest: np.ndarray, match: Match) -> np.ndarray:
    """Columns left, up, forward (3, 3) of the source's rest pose, in file axes.

    Up is a coordinate axis; the heading snaps to one within 15 degrees, so that a slightly uneven
    hip line does not turn the body. Raises MotionError when the rest pose does not stand.
    """
    at = {joint: rest[indices[0]] for joint, indices in match.sources.items()}
    hips = (at["left_hip"] + at["right_hip"]) / 2
    legs = hips - (at["left_ankle"] + at["right_ankle"]) / 2
    chest = (at["left_shoulder"] + at["right_shoulder"]) / 2 - hips
    up = _nearest_axis(legs)
    if min(unit(legs) @ up, unit(chest) @ up) < 0.8:
        raise MotionError(
            f"{path}: the rest pose (all rotations zero) does not stand upright; export the file "
            "again with a T-pose or A-pose as the rest pose"
        )
    left = at["left_hip"] - at["right_hip"]
    left = unit(left - up * (left @ up))
    if np.abs(left).max() > _AXIS_SNAP:
        left = _nearest_axis(left)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def retarget(
    header: BvhHeader,
    match: Match,
    world: np.ndarray,
    places: np.ndarray,
    axes: np.ndarray,
    rest_joints: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """SMPL-X pose (T, 165) and pelvis positions (T, 3) metres, both in the file's axes.

    world (T, J, 3, 3), places (T, J, 3): the posed source. axes: from `rest_axes`. rest_joints:
    (55, 3) T-pose of the target body, metres; with it the root moves in proportion to the legs,
    without it a plain T-pose stands in and the file's unit is guessed.
    """
    source_rest = header.rest_positions()
    rest = _plain_t_pose() if rest_joints is None else np.asarray(rest_joints, np.float64)
    turns = _rest_turns(match, source_rest, rest, axes)
    out = np.empty((len(world), JOINTS, 3, 3))
    for j, name in enumerate(JOINT_NAMES):
        if name not in match.sources:
            out[:, j] = out[:, PARENTS[j]]
            continue
        out[:, j] = world[:, match.sources[name][-1]] @ turns[j]
        bone = _bone(match, name)
        if bone is not None:
            wanted = unit(places[:, bone[1]] - places[:, bone[0]])
            drawn = transform(out[:, j], unit(rest[JOINT[_BONES[name]]] - rest[j]))
            # Nothing to do for a rigid bone; several source joints may bend within one of ours.
            out[:, j] = swing(drawn, wanted) @ out[:, j]
    local = out.copy()
    for j in range(1, JOINTS):
        local[:, j] = np.swapaxes(out[:, PARENTS[j]], -1, -2) @ out[:, j]

    if rest_joints is None:
        scale = unit_m(source_rest, axes[:, 1])
    else:
        scale = _leg(rest, {name: (k,) for k, name in enumerate(JOINT_NAMES)}) / _leg(
            source_rest, match.sources
        )
    left, right = (match.sources[f"{side}_hip"][0] for side in SIDES)
    hips = scale * (places[:, left] + places[:, right]) / 2
    below = (rest[JOINT["left_hip"]] + rest[JOINT["right_hip"]]) / 2 - rest[0]
    return rotvecs(local).reshape(len(world), -1), hips - transform(out[:, 0], below)


def swing(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Smallest rotations (..., 3, 3) that take unit vectors start (..., 3) to stop (..., 3)."""
    cosine = np.sum(start * stop, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(np.cross(start, stop), -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    turned = np.eye(3) + skew + skew @ skew / np.maximum(1 + cosine, 1e-9)
    # Opposite vectors: half a turn about any axis across.
    across = unit(np.cross(start, np.eye(3)[np.abs(start).argmin(axis=-1)]))
    half = 2 * across[..., :, None] * across[..., None, :] - np.eye(3)
    return np.where(cosine < -1 + 1e-9, half, turned)


def _rest_turns(match: Match, source: np.ndarray, rest: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """For each joint the rotation (55, 3, 3) from SMPL-X's rest to the source's rest."""
    turns = np.empty((JOINTS, 3, 3))
    for j, name in enumerate(JOINT_NAMES):
        side, _, part = name.partition("_")
        turns[j] = axes if j == 0 else turns[PARENTS[j]]
        bone = _bone(match, name)
        if part == "ankle":
            base = turns[j] if match.skeleton.feet_follow_legs else axes
            turns[j] = _heading(match, source, rest, side, base) @ base
        elif bone is not None:
            wanted = unit(source[bone[1]] - source[bone[0]])
            drawn = unit(rest[JOINT[_BONES[name]]] - rest[j])
            knuckles = [f"{side}_index1", f"{side}_pinky1"]
            if part == "wrist" and all(k in match.sources for k in knuckles):
                first, last = (match.sources[k][0] for k in knuckles)
                across = rest[JOINT[knuckles[1]]] - rest[JOINT[knuckles[0]]]
                turns[j] = frame(wanted, source[last] - source[first]) @ frame(drawn, across).T
            else:
                turns[j] = swing(turns[j] @ drawn, wanted) @ turns[j]
    return turns


def _heading(
    match: Match, source: np.ndarray, rest: np.ndarray, side: str, base: np.ndarray
) -> np.ndarray:
    """Turn (3, 3) about the foot's vertical that gives our rest foot the source's toe-out."""
    ankle, toe = (match.sources.get(f"{side}_{part}") for part in ("ankle", "foot"))
    if toe is None:
        return np.eye(3)
    up = base[:, 1]
    ours = base @ (rest[JOINT[f"{side}_foot"]] - rest[JOINT[f"{side}_ankle"]])
    theirs = source[toe[0]] - source[ankle[0]]
    flat = [vector - up * (vector @ up) for vector in (ours, theirs)]
    if min(np.linalg.norm(vector) for vector in flat) < 1e-6:
        return np.eye(3)
    return frame(up, unit(flat[1])) @ frame(up, unit(flat[0])).T


def _bone(match: Match, name: str) -> tuple[int, int] | None:
    """Source joints at the ends of a joint's bone; None when its direction is not copied."""
    end = _BONES.get(name)
    if end is None or name not in match.sources:
        return None
    if end in match.sources:
        return match.sources[name][0], match.sources[end][0]
    tip = match.tips.get(name.partition("_")[0]) if name.endswith("wrist") else None
    return None if tip is None else (match.sources[name][0], tip)


def _leg(joints: np.ndarray, at: dict[str, tuple[int, ...]]) -> float:
    """Mean length of both legs, hip to knee to ankle."""
    return float(
        np.mean(
            [
                np.linalg.norm(joints[at[f"{s}_{a}"][0]] - joints[at[f"{s}_{b}"][0]])
                for s in SIDES
                for a, b in (("hip", "knee"), ("knee", "ankle"))
            ]
        )
        * 2
    )


def _nearest_axis(vector: np.ndarray) -> np.ndarray:
    axis = np.zeros(3)
    axis[np.abs(vector).argmax()] = np.sign(vector[np.abs(vector).argmax()])
    return axis


def _plain_t_pose() -> np.ndarray:
    """Rest joints (55, 3) whose bones only have the directions of a T-pose, unit lengths."""
    rest = np.zeros((JOINTS, 3))
    for j in range(1, JOINTS):
        side, _, part = JOINT_NAMES[j].partition("_")
        out = 1.0 if side == "left" else -1.0
        knuckle = {"index1": 0.3, "ring1": -0.3, "pinky1": -0.6}.get(part, 0.0)
        if part in ("knee", "ankle"):
            bone = [0.0, -1.0, 0.0]
        elif part == "foot":
            bone = [0.0, 0.0, 1.0]
        elif part == "hip":
            bone = [0.0, 0.0, 0.0]
        elif part.startswith("thumb"):
            bone = [0.6 * out, -0.5, 0.6]
        elif part:
            bone = [out, 0.0, knuckle]
        else:
            bone = [0.0, 1.0, 0.0]
        rest[j] = rest[PARENTS[j]] + bone
    return rest
