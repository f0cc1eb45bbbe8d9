"""Feet and legs against each other: apart, together, staggered, crossed, lifted, folded."""

from pipeline.text.bands import BANDS
from pipeline.text.body import SIDES, Body, other
from pipeline.text.fact import Fact
from pipeline.text.ground import feet_apart, support
from pipeline.text.posture import bend_deg, thigh_deg

_UPRIGHT = ("standing", "crouching", "squatting", "lunge_left", "lunge_right")
_UP_M, _FLAT_M = 0.27, 0.2
"""Heights (adult) from which on a knee is drawn up, and up to which it lies flat."""

_SEATED = ("sitting", "reclining", "lying_back")


def leg_facts(body: Body, posture: str) -> list[Fact]:
    """How the legs are, as far as words fit the posture."""
    if posture in _UPRIGHT:
        return _stance(body) + _thighs(body)
    if posture in ("on_left_foot", "on_right_foot"):
        return _lifted(body, other(posture.split("_")[1])) + _thighs(body)
    if posture in _SEATED:
        return _folded(body)
    return []


def _stance(body: Body) -> list[Fact]:
    left, front = feet_apart(body)
    facts = []
    if BANDS["feet_crossed"](-left):
        facts.append(Fact("feet", "across", "crossed", left, "legs"))
    elif BANDS["feet_wide"](left):
        facts.append(Fact("feet", "across", "wide", left, "legs"))
    elif BANDS["feet_apart"](left):
        facts.append(Fact("feet", "across", "apart", left, "legs"))
    elif BANDS["feet_together"](-abs(left)) and abs(front) < 0.15:
        facts.append(Fact("feet", "across", "together", left, "legs"))
    if BANDS["feet_staggered"](abs(front)):
        ahead = "left" if front > 0 else "right"
        facts.append(Fact("feet", "along", ahead, abs(front), "legs"))
    return facts


def _lifted(body: Body, side: str) -> list[Fact]:
    height = support(body).feet[side]
    behind = (body.joint(f"{side}_ankle") - body.joint("pelvis")) @ body.heading[:, 2]
    where = (
        "behind" if behind * body.scale < -0.2 else "ahead" if behind * body.scale > 0.2 else "up"
    )
    return [Fact(f"{side}_foot", "lifted", where, height / body.scale, "m")]


def _thighs(body: Body) -> list[Fact]:
    return [
        Fact(f"{side}_thigh", "raised", "raised", thigh_deg(body, side), "deg")
        for side in SIDES
        if BANDS["thigh_raised"](thigh_deg(body, side)) and body.height(f"{side}_foot") > 0.1
    ]


def _folded(body: Body) -> list[Fact]:
    """Of somebody on the ground: crossed, stretched out, drawn up."""
    pelvis = body.axes("pelvis").T
    ankles = pelvis @ (body.joint("left_ankle") - body.joint("right_ankle")) / body.leg_m
    knees = pelvis @ (body.joint("left_knee") - body.joint("right_knee")) / body.leg_m
    bends = {side: bend_deg(body, side, "knee") for side in SIDES}
    if ankles[0] < 0.1 and knees[0] > 0.6 and min(bends.values()) > 90:
        return [Fact("legs", "fold", "cross_legged", float(ankles[0]), "legs")]
    if BANDS["feet_crossed"](-ankles[0]) and max(bends.values()) < 60:
        return [Fact("legs", "fold", "ankles_crossed", float(ankles[0]), "legs")]
    ups = {s: (body.joint(f"{s}_knee")[2] - body.floor_m) * body.scale for s in SIDES}
    facts: list[Fact] = []
    for side in SIDES:
        if BANDS["clearly_bent"](bends[side]) and ups[side] > _UP_M:
            facts.append(Fact(f"{side}_leg", "fold", "knee_up", bends[side], "deg"))
        elif (
            BANDS["bent"](bends[side]) is False
            and ups[side] < _UP_M
            and -30 < thigh_deg(body, side) < 115
        ):
            facts.append(Fact(f"{side}_leg", "fold", "stretched", bends[side], "deg"))
    if len(facts) == 2:
        return facts
    # A word about one leg alone says that the other is different.
    lone = facts and facts[0].value == "knee_up" and min(ups.values()) < _FLAT_M
    return facts if lone else []
