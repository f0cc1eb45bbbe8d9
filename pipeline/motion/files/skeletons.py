"""The skeletons that BVH files come with, and which of their joints drive which SMPL-X joint.

A new kind of skeleton is one row in `SKELETONS`. Names are compared without case, punctuation,
namespace ("mixamorig:") or the prefix that stands before the root's own name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..motion import MotionError

SIDES = ("left", "right")
_NEEDED = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class Skeleton:
    """One naming scheme.

    trunk, limbs: SMPL-X joint -> source joints whose rotations add up to it, from the trunk
    outwards (those that a file lacks are left out). In limbs the joint has no side, and "#" in a
    source stands for the spelling of the side in `sides` (left, right). tips: what a hand without
    knuckles points to. feet_follow_legs: in a rest pose of spread legs the feet are tilted with
    them, not flat on the ground.
    """

    name: str
    trunk: dict[str, str]
    limbs: dict[str, str]
    sides: tuple[str, str]
    tips: str
    feet_follow_legs: bool = False

    def joints(self) -> dict[str, tuple[str, ...]]:
        """SMPL-X joint -> source joints, both sides written out."""
        table = {joint: tuple(sources.split()) for joint, sources in self.trunk.items()}
        for side, spelling in zip(SIDES, self.sides, strict=True):
            for joint, sources in self.limbs.items():
                table[f"{side}_{joint}"] = tuple(sources.replace("#", spelling).split())
        return table

    @property
    def needs(self) -> tuple[str, ...]:
        """SMPL-X joints without a source for which a file cannot be used."""
        return ("pelvis", "spine1", *(f"{side}_{limb}" for side in SIDES for limb in _NEEDED))


_CMU_LIMBS = {
    "hip": "#UpLeg", "knee": "#Leg", "ankle": "#Foot", "foot": "#ToeBase #Toe",
    "collar": "#Shoulder", "shoulder": "#Arm", "elbow": "#ForeArm", "wrist": "#Hand",
}  # fmt: skip
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_MIXAMO_FINGERS = {f"{f}{k}": f"#Hand{f.title()}{k}" for f in _FINGERS for k in (1, 2, 3)}
_MAKEHUMAN_LIMBS = {
    "hip": "upperleg01.# upperleg02.#", "knee": "lowerleg01.# lowerleg02.#", "ankle": "foot.#",
    "foot": "toe1-1.#", "collar": "clavicle.# shoulder01.#",
    "shoulder": "upperarm01.# shoulder02.# upperarm02.#", "elbow": "lowerarm01.# lowerarm02.#",
    "wrist": "wrist.#", "eye": "eye.#",
}  # fmt: skip
_MAKEHUMAN_FINGERS = {
    f"{f}{k}": f"finger{n}-{k}.#" for n, f in enumerate(_FINGERS, 1) for k in (1, 2, 3)
}

SKELETONS: tuple[Skeleton, ...] = (
    Skeleton(
        "cmu",
        trunk={
            "pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1",
            "neck": "Neck Neck1", "head": "Head",
        },
        limbs=_CMU_LIMBS,
        sides=("Left", "Right"),
        tips="#HandIndex1 #FingerBase",
        feet_follow_legs=True,
    ),
    Skeleton(
        "mixamo",
        trunk={
            "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2 Spine3",
            "neck": "Neck Neck1", "head": "Head",
        },
        limbs=_CMU_LIMBS | _MIXAMO_FINGERS,
        sides=("Left", "Right"),
        tips="#HandMiddle1 #HandIndex1",
    ),
    Skeleton(
        "daz",
        trunk={
            "pelvis": "hip", "spine1": "abdomen", "spine2": "chest", "neck": "neck", "head": "head",
        },
        limbs={
            "hip": "#Thigh", "knee": "#Shin", "ankle": "#Foot", "foot": "#Toe",
            "collar": "#Collar", "shoulder": "#Shldr", "elbow": "#ForeArm", "wrist": "#Hand",
        },
        sides=("l", "r"),
        tips="#Mid1 #Index1",
    ),
    Skeleton(
        "makehuman",
        trunk={
            "pelvis": "root", "spine1": "spine05 spine04", "spine2": "spine03",
            "spine3": "spine02 spine01", "neck": "neck01 neck02 neck03", "head": "head",
            "jaw": "jaw",
        },
        limbs=_MAKEHUMAN_LIMBS | _MAKEHUMAN_FINGERS,
        sides=("L", "R"),
        tips="finger3-1.# metacarpal2.#",
    ),
)  # fmt: skip
"""Offered in this order; the first whose needs are met wins."""


@dataclass(frozen=True)
class Match:
    """A file's joints in a skeleton's roles.

    sources: SMPL-X joint -> indices of the file's joints, from the trunk outwards, at least one.
    tips: "left"/"right" -> index of the joint a hand points to, or absent.
    """

    skeleton: Skeleton
    sources: dict[str, tuple[int, ...]]
    tips: dict[str, int]


def plain(name: str) -> str:
    """A joint's name as it is compared: no namespace, case or punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].lower())


def match_skeleton(path: Path, names: Sequence[str]) -> Match:
    """Find the skeleton that a file's joint names belong to.

    names: in file order, the root first. Raises MotionError listing what the nearest one lacks.
    """
    root = plain(names[0])
    prefix = root.removesuffix("hips") if root.endswith("hips") else ""
    # Reversed: of several joints with one name the first counts.
    index = {plain(name).removeprefix(prefix): k for k, name in reversed([*enumerate(names)])}
    lacking = {}
    for skeleton in SKELETONS:
        table = skeleton.joints()
        sources = {joint: _present(sources, index) for joint, sources in table.items()}
        missing = [" or ".join(table[joint]) for joint in skeleton.needs if not sources[joint]]
        if not missing:
            tips = {
                side: found[0]
                for side, spelling in zip(SIDES, skeleton.sides, strict=True)
                if (found := _present(skeleton.tips.replace("#", spelling).split(), index))
            }
            return Match(skeleton, _whole_fingers(sources), tips)
        lacking[skeleton.name] = missing
    nearest = min(lacking, key=lambda name: len(lacking[name]))
    raise MotionError(
        f"{path}: unknown skeleton. The nearest, {nearest!r}, lacks {', '.join(lacking[nearest])}; "
        f"the file has {', '.join(names[:12])} ... Rename the joints, or export with one of the "
        f"skeletons {', '.join(lacking)} (docs/motion-files.md)"
    )


def _present(names: Sequence[str], index: dict[str, int]) -> tuple[int, ...]:
    return tuple(index[plain(name)] for name in names if plain(name) in index)


def _whole_fingers(sources: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Only joints that the file has; a finger with fewer than its three joints stands for something
    else (CMU's one finger is the whole hand) and is left out."""

    def whole(joint: str) -> bool:
        finger = re.fullmatch(r"((?:left|right)_(?:index|middle|ring|pinky|thumb))\d", joint)
        return finger is None or all(sources.get(f"{finger[1]}{k}") for k in (1, 2, 3))

    return {joint: found for joint, found in sources.items() if found and whole(joint)}
