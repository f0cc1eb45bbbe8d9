"""What carries a person, and so how they are: standing, squatting, kneeling, sitting, lying, ...

Only the skin's heights over the floor, the trunk's direction and the knees decide.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.text.bands import BANDS
from pipeline.text.body import SIDES, Body, other
from pipeline.text.fact import Fact
from pipeline.text.posture import bend_deg, lean_deg, thigh_deg

_KNEE_M = 0.13
"""Skin within this distance of the knee joint is the knee (adult)."""

LYING = ("lying_back", "lying_front", "lying_left", "lying_right", "plank", "forearm_plank")
"""Postures with a level trunk, for which front, upright and facing mean nothing."""

_LABELS = ("pose_world", "joints_world", "betas", "foot_float_mm", "airborne")


@dataclass(frozen=True)
class Support:
    """Heights over the floor, m of an adult: of each side's foot, knee and hand, the seat, the
    back (with the belly)."""

    feet: dict[str, float]
    knees: dict[str, float]
    hands: dict[str, float]
    forearms: dict[str, float]
    seat: float
    back: float

    def down(self, height: float) -> bool | None:
        """Whether what has this height rests on the floor; None when unsure."""
        up = BANDS["off_floor"](height)
        return None if up is None else not up

    def both_down(self, heights: dict[str, float]) -> bool:
        """Whether both sides surely rest on the floor."""
        return all(self.down(heights[side]) for side in SIDES)

    def none_down(self, heights: dict[str, float]) -> bool:
        """Whether surely neither side rests on the floor."""
        return all(self.down(heights[side]) is False for side in SIDES)


def support(body: Body) -> Support:
    """The heights that matter."""
    return Support(
        feet={side: body.height(f"{side}_foot") for side in SIDES},
        knees={side: _knee_height(body, side) for side in SIDES},
        hands={side: body.height(f"{side}_hand") for side in SIDES},
        forearms={side: body.height(f"{side}_forearm") for side in SIDES},
        seat=body.height("pelvis"),
        back=body.height("chest", "belly"),
    )


def posture(body: Body) -> Fact | None:
    """What carries the person, as a fact `body.posture`; None when no word is sure.

    Values: mid_air, lying_back, lying_front, lying_left, lying_right, reclining, sitting, plank,
    forearm_plank, all_fours, kneeling, kneeling_on_left, kneeling_on_right, sitting_on_heels,
    squatting, crouching, lunge_left, lunge_right, on_left_foot, on_right_foot, standing,
    seated, on_feet (carried by feet, and no more is sure), upright (not even that).
    """
    value = "mid_air" if body.airborne else _carried(body, support(body))
    return Fact("body", "posture", value, labels=_LABELS) if value else None


def _carried(body: Body, s: Support) -> str:
    whole = lean_deg(body)[0]
    # Arms under the body, or behind it, lift somebody who lies.
    low = all(BANDS["off_bed"](height) is False for height in (s.seat, s.back))
    if s.down(s.seat) or (low and BANDS["lying"](whole)):
        return _on_seat(body, whole)
    if BANDS["lying"](whole) and body.axes("spine3")[2, 2] < -0.7 and s.none_down(s.knees):
        if s.both_down(s.feet) and s.both_down(s.forearms):
            return "forearm_plank"
        if s.both_down(s.feet) and s.both_down(s.hands):
            return "plank"
    if s.both_down(s.knees):
        return _on_knees(body, s, whole)
    if s.down(s.seat) is None:
        return ""
    for side in SIDES:
        far = other(side)
        if s.down(s.knees[side]) and s.down(s.knees[far]) is False and s.down(s.feet[far]):
            return f"kneeling_on_{side}"
    if not s.none_down(s.knees):
        return ""
    low = [BANDS["foot_up"](s.feet[side]) is False for side in SIDES]
    lifted = [BANDS["leg_lifted"](s.feet[side]) is not False for side in SIDES]
    word = _on_feet(body, s) or ("on_feet" if any(low) and not any(lifted) else "")
    return word or ("upright" if BANDS["clear_lean"](whole) is False else "")


def _on_seat(body: Body, whole: float) -> str:
    # Elevations of where the chest faces and of the person's left.
    faces, left = np.degrees(np.arcsin(np.clip(body.axes("spine3")[2, [2, 0]], -1, 1)))
    level = BANDS["lying"](whole)
    if level and BANDS["chest_up"](faces):
        return "lying_back"
    if level and BANDS["on_side"](abs(left)):
        return "lying_left" if left < 0 else "lying_right"
    if level and BANDS["chest_up"](-faces) and BANDS["off_floor"](body.height("chest")) is False:
        return "lying_front"
    if faces < 0 or (level is False and not BANDS["clear_lean"](whole)):
        # However far somebody bends forward over their legs, they sit.
        return "sitting"
    return "" if level else "reclining"


def _on_knees(body: Body, s: Support, whole: float) -> str:
    if BANDS["lying"](whole) is not False:
        return "all_fours" if BANDS["lying"](whole) and s.both_down(s.hands) else ""
    folded = BANDS["folded_knees"](min(bend_deg(body, side, "knee") for side in SIDES))
    hips = min(body.joint(f"{side}_hip")[2] for side in SIDES) - body.floor_m
    high = BANDS["hips_high"](hips * body.scale)
    if folded and high is False:
        return "sitting_on_heels"
    return "kneeling" if folded is False and high else ""


def _on_feet(body: Body, s: Support) -> str:
    for side in SIDES:
        lifted = BANDS["leg_lifted"](s.feet[other(side)])
        if BANDS["foot_up"](s.feet[side]) is False and lifted:
            return f"on_{side}_foot"
    if any(BANDS["foot_up"](s.feet[side]) is not False for side in SIDES):
        return ""
    knees = {side: bend_deg(body, side, "knee") for side in SIDES}
    if _on_a_chair(body) and BANDS["low_knees"](min(knees.values())):
        return "seated"
    across, ahead = feet_apart(body)
    side = "left" if ahead > 0 else "right"
    far = BANDS["lunge"](abs(ahead))
    front = BANDS["lunge_knee"](min(knees[side], thigh_deg(body, side)))
    if far and front:
        return f"lunge_{side}"
    low, deep = BANDS["low_knees"](min(knees.values())), BANDS["deep_knees"](min(knees.values()))
    if low:
        # Feet far apart are no squat, and what else is hard to say.
        near = far is False and BANDS["feet_wide"](across) is False
        word = {True: "squatting", False: "crouching", None: ""}[deep]
        return word if near else ""
    high = BANDS["low_knees"](max(knees.values())) is False
    return "standing" if high and not (far and front is not False) else ""


def _on_a_chair(body: Body) -> bool:
    """Whether the thighs are level and the weight is behind the feet: a squat would topple."""
    feet = np.mean([body.joint(f"{side}_ankle") for side in SIDES], axis=0)
    behind = float((feet - body.joint("pelvis")) @ body.heading[:, 2]) * body.scale
    thighs = min(thigh_deg(body, side) for side in SIDES)
    return bool(BANDS["behind_feet"](behind) and BANDS["level_thighs"](thighs))


def feet_apart(body: Body) -> tuple[float, float]:
    """How far the left ankle is left of, and ahead of, the right one, in lengths of the leg."""
    between = body.joint("left_ankle") - body.joint("right_ankle")
    left, _, front = body.heading.T @ between / body.leg_m
    return float(left), float(front)


def _knee_height(body: Body, side: str) -> float:
    skin = body.skin(f"{side}_thigh", f"{side}_shin")
    near = np.linalg.norm(skin - body.joint(f"{side}_knee"), axis=1) * body.scale < _KNEE_M
    return float(skin[near, 2].min() - body.floor_m) * body.scale
