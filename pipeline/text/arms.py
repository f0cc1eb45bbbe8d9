"""Where arms point and where hands are, in the axes of the chest and against the body's heights.

Left, front and up of an arm are those of the chest turned upright, so that "raised" and "hanging"
mean what they mean to a reader, as long as the trunk is anywhere near upright.
"""

import numpy as np

from pipeline.text.bands import BANDS
from pipeline.text.body import SIDES, Body, level, unit
from pipeline.text.fact import Fact
from pipeline.text.posture import bend_deg, lean_deg

_DIRECTIONS = {
    "up": (0, 1, 0), "forward": (0, 0, 1), "backward": (0, 0, -1),
    "sideways": (1, 0, 0), "across": (-1, 0, 0), "forward_sideways": (1, 0, 1),
    "forward_up": (0, 1, 1), "forward_down": (0, -1, 1), "sideways_up": (1, 1, 0),
    "sideways_down": (1, -1, 0), "backward_down": (0, -1, -1),
}  # fmt: skip
_NEAR_DEG, _CLEAR_DEG = 26.0, 8.0
"""A direction is named within the first angle of it, unless another is nearly as near."""

_HANGS_DEG, _RAISED_DEG = 24.0, 33.0
"""Up to the first angle from straight down an arm hangs; from the second on it points somewhere."""


def hand(body: Body, side: str) -> np.ndarray:
    """Middle (3,) m of a hand: between the wrist and the knuckle of the middle finger."""
    return (body.joint(f"{side}_wrist") + body.joint(f"{side}_middle1")) / 2


def arm_direction(body: Body, side: str) -> np.ndarray:
    """Unit vector (3,) shoulder to wrist: outwards, up and forward of the upright chest."""
    vector = unit(body.joint(f"{side}_wrist") - body.joint(f"{side}_shoulder"))
    left, up, front = level(body.axes("spine3")).T @ vector
    return np.array([left if side == "left" else -left, up, front])


def direction_word(direction: np.ndarray) -> str:
    """The name of a direction (3,); empty between two names."""
    raised = _raised_deg(direction)
    if raised < _HANGS_DEG:
        return "down"
    if raised < _RAISED_DEG:
        return ""
    names = list(_DIRECTIONS)
    table = unit(np.array([_DIRECTIONS[name] for name in names], float))
    off = np.degrees(np.arccos(np.clip(table @ direction, -1, 1)))
    first, second = np.argsort(off, kind="stable")[:2]
    sure = off[first] <= _NEAR_DEG and off[second] - off[first] >= _CLEAR_DEG
    return names[first] if sure else ""


def _raised_deg(direction: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(-direction[1], -1, 1))))


def hand_height(body: Body, side: str) -> tuple[str, float]:
    """Level of a hand on the own body ("" between levels), and its height over the floor, m.

    The body's levels are those of its joints; the trunk must be upright.
    """
    z = hand(body, side)[2]
    top = body.skin("head")[:, 2].max()
    shoulder = np.mean([body.joint(f"{s}_shoulder")[2] for s in SIDES])
    chin, chest = body.joint("neck")[2], body.joint("spine2")[2]
    hips, navel = body.joint("pelvis")[2], body.joint("spine1")[2]
    m = 1 / body.scale
    rows = (
        ("above_head", top + BANDS["above"].yes * m, np.inf),
        ("head_top", top - 0.04 * m, top + 0.04 * m),
        ("head", chin + 0.06 * m, top - 0.04 * m),
        ("shoulder", shoulder - 0.05 * m, shoulder + 0.06 * m),
        ("chest", chest + 0.02 * m, shoulder - 0.1 * m),
        ("waist", hips + 0.05 * m, navel + 0.05 * m),
        ("hip", hips - 0.14 * m, hips + 0.01 * m),
        ("below_hip", -np.inf, hips - 0.2 * m),
    )
    word = next((name for name, low, high in rows if low <= z <= high), "")
    return word, float(z - body.floor_m)


def hand_place(body: Body, side: str) -> str:
    """front, side, across or behind of the trunk, or "" where no word is sure."""
    axes = level(body.axes("spine3"))
    middle = (body.joint("pelvis") + body.joint("spine3")) / 2
    left, _, front = axes.T @ (hand(body, side) - middle) * body.scale
    out = left if side == "left" else -left
    wide = abs(axes[:, 0] @ (body.joint("left_shoulder") - middle)) * body.scale
    if BANDS["hand_behind"](-front) and out < wide + 0.1:
        return "behind"
    if BANDS["hand_out"](out - wide) and front < 0.25:
        return "side"
    if BANDS["hand_ahead"](front) and out < wide + 0.08:
        return "across" if out < -0.05 else "front"
    return ""


def arm_facts(body: Body) -> list[Fact]:
    """Direction of nearly straight arms, height and place of hands; of upright trunks only."""
    whole = lean_deg(body)[0]
    if not whole < BANDS["far_lean"].no:
        return []
    facts = []
    for side in SIDES:
        bend = bend_deg(body, side, "elbow")
        direction = arm_direction(body, side)
        word = direction_word(direction)
        if bend < BANDS["clearly_bent"].no and word:
            deg = _raised_deg(direction)
            facts.append(Fact(f"{side}_arm", "direction", word, deg, "deg"))
        if whole < BANDS["clear_lean"].no:
            height, up = hand_height(body, side)
            if height:
                facts.append(Fact(f"{side}_hand", "height", height, up, "m"))
            if place := hand_place(body, side):
                facts.append(Fact(f"{side}_hand", "place", place))
    return facts


def crossed(body: Body) -> bool:
    """Whether the hands have changed sides in front of the chest."""
    axes = level(body.axes("spine3"))
    at = {side: axes.T @ (hand(body, side) - body.joint("spine3")) for side in SIDES}
    ahead = all(at[side][2] * body.scale > 0.05 for side in SIDES)
    return ahead and (at["left"] - at["right"])[0] * body.scale < -0.03
