"""What of a person the picture shows: which parts, how much is hidden and by what, where it is cut.

A part is shown when its own joints are inside the picture and nobody and nothing else hides them,
and at least half of them are seen (the others may be behind the person's own body).
"""

from dataclasses import replace

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.text.bands import BANDS
from pipeline.text.fact import Fact
from pipeline.truth.schema import SEEN, VISIBILITY

_OWN = (*SEEN, VISIBILITY["self_occluded"])
_SURFACE_NOSE = 55
_FACE = (_SURFACE_NOSE, 56, 57)


def _sided(*parts: str) -> dict[str, tuple[int, ...]]:
    return {
        side: tuple(JOINT_INDEX[f"{side}_{part}"] for part in parts) for side in ("left", "right")
    }


_HANDS, _FEET = _sided("wrist", "middle1"), _sided("ankle", "foot")
_PARTS = {
    "trunk": tuple(JOINT_INDEX[n] for n in ("pelvis", "spine2", "neck")),
    "head": (JOINT_INDEX["head"], _SURFACE_NOSE),
    "face": _FACE,
    "eyes": (56, 57),
    "hands": _HANDS["left"] + _HANDS["right"],
    "feet": _FEET["left"] + _FEET["right"],
    "legs": _sided("knee", "ankle")["left"] + _sided("knee", "ankle")["right"],
}
for _side in ("left", "right"):
    _PARTS[f"{_side}_elbow"] = _sided("elbow", "wrist")[_side]
    _PARTS[f"{_side}_arm"] = _sided("elbow", "wrist")[_side]
    _PARTS[f"{_side}_hand"] = _HANDS[_side]
    _PARTS[f"{_side}_knee"] = _sided("knee", "ankle")[_side]
    _PARTS[f"{_side}_leg"] = _sided("knee", "ankle")[_side]
    _PARTS[f"{_side}_thigh"] = _sided("hip", "knee")[_side]
    _PARTS[f"{_side}_foot"] = _FEET[_side]


def part_shown(codes: np.ndarray, part: str) -> bool:
    """Whether a part shows. codes: (127,) of one person, see `schema.VISIBILITY`."""
    mine = codes[list(_PARTS[part])]
    if part == "trunk":
        # A hand or a neighbour in front of one of three joints hides no trunk.
        return bool(np.isin(mine, _OWN).sum() > 1 and np.isin(mine, SEEN).any())
    return bool(np.isin(mine, _OWN).all() and np.isin(mine, SEEN).mean() >= 0.5)


def with_seen(facts: list[Fact], codes: np.ndarray) -> list[Fact]:
    """The facts with `seen` set by what the picture shows."""
    return [replace(fact, seen=_shows(fact, codes)) for fact in facts]


def _shows(fact: Fact, codes: np.ndarray) -> bool:
    if fact.about == "body":
        if fact.name != "posture":
            return part_shown(codes, "trunk")
        # How somebody stands or sits shows in the legs.
        return part_shown(codes, "trunk") and any(
            part_shown(codes, f"{side}_knee") for side in ("left", "right")
        )
    if fact.value in ("arms_crossed", "clasped_behind"):
        # Such arms hide each other's hands, or the trunk does; one glimpse tells.
        mine = codes[list(_PARTS["hands"])]
        return bool(np.isin(mine, _OWN).all() and np.isin(mine, SEEN).any())
    if fact.name in ("twist", "side_bend", "lean"):
        return part_shown(codes, "trunk")
    if fact.name in ("turn", "tilt"):
        return part_shown(codes, "head") and part_shown(codes, "trunk")
    if fact.id == "head.pitch":
        return part_shown(codes, "face") or part_shown(codes, "head")
    return part_shown(codes, fact.about)


def hidden_facts(
    occlusion: float, codes: np.ndarray, joints_2d: np.ndarray, mask: np.ndarray, person: int
) -> list[Fact]:
    """How much something else hides (`body.hidden`), and what does (`body.hidden_by`).

    occlusion: the label. codes (127,), joints_2d (127, 2) px of the person; mask: (H, W) ids.
    hidden_by is an instance id as text, several joined by "+", or "object".
    """
    labels = ("occlusion", "joints_code", "joints_2d", "mask")
    hidden = BANDS["hidden"](occlusion)
    if hidden is None:
        return []
    if not hidden:
        return [Fact("body", "hidden", "free", occlusion, "share", labels=("occlusion",))]
    mostly = BANDS["mostly_hidden"](occlusion)
    word = "mostly" if mostly else "partly"
    facts = [Fact("body", "hidden", word, occlusion, "share", labels=("occlusion",))]
    behind = np.flatnonzero(codes == VISIBILITY["person_occluded"])
    u, v = joints_2d[behind].astype(int).T
    ids = mask[v, u] if len(behind) else np.zeros(0, int)
    counts = {int(i): int((ids == i).sum()) for i in np.unique(ids) if i not in (0, person + 1)}
    things = int((codes == VISIBILITY["object_occluded"]).sum())
    most = max(counts, key=counts.get, default=None)
    if most is not None and counts[most] >= max(4, 2 * things):
        facts.append(Fact("body", "hidden_by", str(most), counts[most], "joints", labels=labels))
    elif things >= 4 and things > 2 * sum(counts.values()):
        facts.append(Fact("body", "hidden_by", "object", things, "joints", labels=labels))
    return facts


_CHAIN = (
    ("feet", ("left_foot", "right_foot")),
    ("ankles", ("left_ankle", "right_ankle")),
    ("knees", ("left_knee", "right_knee")),
    ("hips", ("left_hip", "right_hip")),
    ("chest", ("spine3",)),
    ("shoulders", ("left_shoulder", "right_shoulder")),
    ("head", ("head",)),
)
"""From below: what is inside the picture when the person is cut there."""


def cut_facts(truncation: float, joints_2d: np.ndarray, size: tuple[int, int]) -> list[Fact]:
    """Where the edge of the picture cuts the person off (`body.cut`), from below or above.

    Values: whole, or where: shins, thighs, waist, chest, shoulders, head; edge when only part of
    a limb is outside.
    """
    labels = ("truncation", "joints_2d")
    cut = BANDS["cut"](truncation)
    if cut is None:
        return []
    if not cut:
        return [Fact("body", "cut", "whole", truncation, "share", labels=labels)]
    inside = ((joints_2d >= 0) & (joints_2d < np.array(size))).all(axis=1)

    def shown(*names: str) -> list[bool]:
        return [bool(inside[JOINT_INDEX[name]]) for name in names]

    rows = [(name, shown(*joints)) for name, joints in _CHAIN]
    facts = []
    if not any(shown("head")):
        facts.append(Fact("body", "cut_head", "head", truncation, "share", labels=labels))
    # The lowest level that is wholly inside, with all below it wholly outside.
    first = next((i for i, (_, seen) in enumerate(rows) if all(seen)), None)
    if first and not any(any(seen) for _, seen in rows[:first]) and _from_below(joints_2d, size):
        where = {"ankles": "ankles", "knees": "shins", "hips": "thighs", "chest": "waist",
                 "shoulders": "chest", "head": "shoulders"}[rows[first][0]]  # fmt: skip
        facts.append(Fact("body", "cut", where, truncation, "share", labels=labels))
    elif first == 0:
        facts.append(Fact("body", "cut", "edge", truncation, "share", labels=labels))
    return facts


def _from_below(joints_2d: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether the ankles are outside because they are below the picture."""
    ankles = joints_2d[[JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]]
    return bool((ankles[:, 1] >= size[1] * 0.98).all())


def place_facts(person: dict, width: int) -> list[Fact]:
    """Where in the picture a person is (`place.image`: left, middle, right) and how far away.

    person: facts of the JSON. width: of the picture, px.
    """
    if not person["mask_area_px"]:
        return []
    x = (person["box_modal"][0] + person["box_modal"][2]) / 2 / width
    facts = []
    for name, (low, high) in _THIRDS.items():
        if low <= x <= high:
            facts.append(Fact("place", "image", name, x, "widths", labels=("box_modal",)))
    metres = person["distance_m"]
    labels = ("joints_cam",)
    return [*facts, Fact("place", "distance", f"{metres:.1f}", metres, "m", labels=labels)]


_THIRDS = {"left": (0.0, 0.33), "middle": (0.42, 0.58), "right": (0.67, 1.0)}
