"""Angles of joints, trunk and head, and their words.

Elbows and knees: 180 degrees less the angle at the joint centre. Trunk: hips to neck against the
vertical. Twist, side bend and head: one bone's axes in those of another, from the pose parameters.
"""

import numpy as np

from pipeline.text.bands import BANDS, levels
from pipeline.text.body import SIDES, Body, angle_deg
from pipeline.text.fact import Fact

_HINGES = {"elbow": ("shoulder", "wrist"), "knee": ("hip", "ankle")}
UP = np.array([0.0, 0.0, 1.0])


def bend_deg(body: Body, side: str, hinge: str) -> float:
    """How much an elbow or knee is bent, degrees: 0 is a straight line of joint centres."""
    before, after = _HINGES[hinge]
    at = body.joint(f"{side}_{hinge}")
    return 180.0 - angle_deg(
        body.joint(f"{side}_{before}") - at, body.joint(f"{side}_{after}") - at
    )


def bend_word(deg: float) -> str:
    """straight, slightly, bent, right_angle or sharply; empty between straight and slightly."""
    if BANDS["bent"](deg) is False:
        return "straight"
    steps = levels(deg, "bent", "clearly_bent", "right_angle", "sharply_bent")
    if steps == 0:
        return ""
    if steps == 1:
        return "slightly" if BANDS["clearly_bent"](deg) is False else "bent"
    if steps == 3:
        return "right_angle" if BANDS["past_right_angle"](deg) is False else "bent"
    return "sharply" if steps == 4 else "bent"


def thigh_deg(body: Body, side: str) -> float:
    """How far a thigh is raised towards the front of the pelvis: 0 hangs in line, 90 sits."""
    thigh = body.joint(f"{side}_knee") - body.joint(f"{side}_hip")
    x, y, z = body.axes("pelvis").T @ thigh
    return float(np.degrees(np.arctan2(z, -y)))


def lean_deg(body: Body) -> tuple[float, float, float]:
    """The trunk's angle to the vertical, and its parts forward and to the person's left."""
    left, _, front = body.heading.T @ body.trunk
    return (
        angle_deg(body.trunk, UP),
        float(np.degrees(np.arctan2(front, body.trunk[2]))),
        float(np.degrees(np.arctan2(left, body.trunk[2]))),
    )


def turn_deg(body: Body, bone: str, base: str) -> tuple[float, float, float]:
    """Of one bone in the axes of another: turned left, bent forward, tilted left, degrees."""
    inner = body.axes(base).T @ body.axes(bone)
    front, up = inner[:, 2], inner[:, 1]
    return (
        float(np.degrees(np.arctan2(front[0], front[2]))),
        float(np.degrees(np.arctan2(up[2], up[1]))),
        float(np.degrees(np.arctan2(up[0], up[1]))),
    )


def bend_facts(body: Body) -> list[Fact]:
    """How elbows and knees are bent."""
    facts = []
    for hinge in _HINGES:
        for side in SIDES:
            deg = bend_deg(body, side, hinge)
            if word := bend_word(deg):
                facts.append(Fact(f"{side}_{hinge}", "bend", word, deg, "deg"))
    return facts


def trunk_facts(body: Body) -> list[Fact]:
    """Lean, twist and side bend of the trunk."""
    whole, forward, left = lean_deg(body)
    facts, steps = [], levels(whole, "lean", "clear_lean", "far_lean")
    if steps and max(abs(forward), abs(left)) > 2 * min(abs(forward), abs(left)):
        if abs(forward) > abs(left):
            where = "forward" if forward > 0 else "backward"
        else:
            where = "left" if left > 0 else "right"
        # Between two amounts the plain "leans forward" is true of both.
        slightly = BANDS["clear_lean"](whole) is False
        amount = "slightly" if slightly else "far" if steps == 3 else "clearly"
        facts.append(Fact("trunk", "lean", f"{amount}_{where}", whole, "deg"))
    elif BANDS["lean"](whole) is False:
        facts.append(Fact("trunk", "lean", "upright", whole, "deg"))
    turned, _, tilted = turn_deg(body, "spine3", "pelvis")
    facts += _sided("trunk", "twist", "twist", turned)
    facts += _sided("trunk", "side_bend", "side_bend", tilted)
    return facts


def head_facts(body: Body) -> list[Fact]:
    """The head against the chest (turn, tilt) and against the horizon (pitch)."""
    turned, _, tilted = turn_deg(body, "head", "spine3")
    facts = _sided("head", "turn", "head_turn", turned)
    facts += _sided("head", "tilt", "head_tilt", tilted)
    if abs(lean_deg(body)[0]) < BANDS["lying"].no:
        down = face_down_deg(body)
        if BANDS["head_pitch"](abs(down)):
            facts.append(
                Fact("head", "pitch", "down" if down > 0 else "up", down, "deg", labels=_POSE)
            )
    return facts


def face_down_deg(body: Body) -> float:
    """How far the face points below the horizon, degrees."""
    return float(-np.degrees(np.arcsin(np.clip(body.axes("head")[2, 2], -1, 1))))


_POSE = ("pose_world",)


def _sided(about: str, name: str, band: str, deg: float) -> list[Fact]:
    if not BANDS[band](abs(deg)):
        return []
    return [Fact(about, name, "left" if deg > 0 else "right", deg, "deg", labels=_POSE)]
