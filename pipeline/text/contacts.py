"""What hands touch: distances between a hand's skin and the skin of other parts of the body."""

import numpy as np
from scipy.spatial import cKDTree

from pipeline.text.arms import crossed, hand
from pipeline.text.bands import BANDS
from pipeline.text.body import SIDES, Body, other
from pipeline.text.fact import Fact
from pipeline.text.ground import LYING
from pipeline.text.posture import bend_deg

_LOWER_LIP = 76 + 40
_NEAR_M = 0.065
"""Nearer than this a hand rests on a hip or an arm, when the arm's shape says so too."""

_FAR_M, _KNEE_M = 0.2, 0.215
_LEGS = tuple(
    f"{whose}_{part}" for part in ("knee", "foot", "shin", "thigh") for whose in ("own", "other")
)
_LABELS = ("pose_world", "betas", "joints_world")


def touched(body: Body, side: str) -> dict[str, float]:
    """Distance (m of an adult) from a hand's skin to each part of the body it might touch; inf
    beyond 20 cm.

    Names: other_hand, head, neck, chest, belly, hips, own_thigh, other_thigh, own_knee,
    other_knee, own_shin, other_shin, own_foot, other_foot, other_forearm, other_upper_arm, floor.
    """
    far = other(side)
    tree = cKDTree(body.skin(f"{side}_hand"))

    def away(skin: np.ndarray) -> float:
        near = tree.query(skin, distance_upper_bound=_FAR_M)[0] if len(skin) else np.array([np.inf])
        return float(near.min()) * body.scale

    found = {
        "other_hand": away(body.skin(f"{far}_hand")),
        "other_forearm": away(body.skin(f"{far}_forearm")),
        "other_upper_arm": away(body.skin(f"{far}_upper_arm")),
        "floor": max(body.height(f"{side}_hand"), 0.0),
    }
    for part, region in (
        ("head", "head"),
        ("neck", "neck"),
        ("chest", "chest"),
        ("belly", "belly"),
    ):
        found[part] = away(body.skin(region))
    found["hips"] = away(body.skin("pelvis"))
    for name, whose in (("own", side), ("other", far)):
        thigh, shin = body.skin(f"{whose}_thigh"), body.skin(f"{whose}_shin")
        knee = body.joint(f"{whose}_knee")
        both = np.concatenate([thigh, shin])
        near = np.linalg.norm(both - knee, axis=1) * body.scale < 0.11
        found[f"{name}_knee"] = away(both[near])
        found[f"{name}_thigh"], found[f"{name}_shin"] = away(thigh), away(shin)
        found[f"{name}_foot"] = away(body.skin(f"{whose}_foot"))
    return found


def head_part(body: Body, side: str) -> str:
    """Which part of the head a hand is at: the nearest of face, lower_face, ear, forehead, top of
    the head and back of the head."""
    head, axes = body.skin("head"), body.axes("head")
    distance = cKDTree(body.skin(f"{side}_hand")).query(head)[0]
    at = head[distance <= distance.min() + 0.015 / body.scale].mean(axis=0)
    eyes = (body.joint("left_eye") + body.joint("right_eye")) / 2
    chin = body.joints[_LOWER_LIP] - 0.025 / body.scale * axes[:, 1]
    places = {
        "face": [body.surface("nose"), eyes],
        "lower_face": [body.joints[_LOWER_LIP].astype(float), chin],
        "ear": [body.surface("left_ear"), body.surface("right_ear")],
        "forehead": [eyes + 0.06 / body.scale * axes[:, 1]],
        "top_of_head": [head[(head @ axes[:, 1]).argmax()]],
        "back_of_head": [head[(-head @ axes[:, 2]).argmax()]],
    }
    off = {name: min(np.linalg.norm(at - p) for p in points) for name, points in places.items()}
    return min(off, key=off.get)


def contact_facts(body: Body, posture: str) -> list[Fact]:
    """Gestures of both hands, then what each hand touches."""
    found = {side: touched(body, side) for side in SIDES}
    gesture = _gesture(body, found)
    facts = [Fact("hands", "gesture", gesture, labels=_LABELS)] if gesture else []
    for side in SIDES:
        part = _touch(body, side, found[side], posture)
        if part:
            facts.append(
                Fact(
                    f"{side}_hand",
                    "touches",
                    part,
                    _distance(found[side], part),
                    "m",
                    labels=_LABELS,
                )
            )
    return facts


def _gesture(body: Body, found: dict[str, dict[str, float]]) -> str:
    bent = all(bend_deg(body, side, "elbow") > 60 for side in SIDES)
    across = [min(found[s]["other_forearm"], found[s]["other_upper_arm"]) for s in SIDES]
    if bent and crossed(body) and max(across) < _NEAR_M and found["left"]["other_hand"] > 0.02:
        return "arms_crossed"
    if BANDS["off_skin"](found["left"]["other_hand"]) is False:
        front = body.axes("pelvis")[:, 2] * body.scale
        back = [float((body.joint("pelvis") - hand(body, side)) @ front) for side in SIDES]
        return "clasped_behind" if min(back) > 0.06 and max(back) > 0.1 else "hands_together"
    if all(_on_hip(body, side, found[side]) for side in SIDES):
        return "hands_on_hips"
    return ""


def _on_hip(body: Body, side: str, found: dict[str, float]) -> bool:
    """A hand at the side of waist or hips, the elbow out."""
    axes = body.axes("pelvis")
    wrist, elbow = (
        body.joint(f"{side}_{part}") - body.joint("pelvis") for part in ("wrist", "elbow")
    )
    sign = 1 if side == "left" else -1
    out = sign * axes[:, 0] @ wrist * body.scale
    spread = sign * axes[:, 0] @ (elbow - wrist) * body.scale
    height = axes[:, 1] @ wrist * body.scale
    bent = bend_deg(body, side, "elbow") > 60
    near = min(found["hips"], found["belly"]) < _NEAR_M
    return near and bent and out > 0.1 and spread > 0.03 and -0.1 < height < 0.32


def _touch(body: Body, side: str, found: dict[str, float], posture: str) -> str:
    touch = {name for name, m in found.items() if BANDS["off_skin"](m) is False}
    if "head" in touch:
        return head_part(body, side)
    if posture not in LYING and _on_hip(body, side, found):
        return "own_hip"
    if "floor" in touch:
        return "floor"
    for name in _LEGS:
        if name in touch and BANDS["palm_off"](_palm_m(body, side, name)) is False:
            return name
    bent = BANDS["bent"](bend_deg(body, side, "elbow"))
    order = ("chest", "belly", "neck", "other_forearm", "other_upper_arm") if bent else ()
    return next((name for name in order if name in touch), "")


def _palm_m(body: Body, side: str, name: str) -> float:
    """From the middle of the hand to the skin of a part of a leg, m of an adult."""
    whose, part = name.split("_")
    leg = side if whose == "own" else other(side)
    regions = {"knee": ("thigh", "shin")}.get(part, (part,))
    skin = body.skin(*(f"{leg}_{region}" for region in regions))
    palm = hand(body, side)
    if part == "knee" and np.linalg.norm(palm - body.joint(f"{leg}_knee")) * body.scale > _KNEE_M:
        return np.inf
    return float(np.linalg.norm(skin - palm, axis=1).min()) * body.scale


def _distance(found: dict[str, float], part: str) -> float:
    names = {"own_hip": "hips"}
    return found[names.get(part, part if part in found else "head")]
