"""Sitting on the ground: cross-legged, knees up, leaning back, stretching.

The seat's height comes from the body's flesh; feet and hands are set down beside it.
"""

from __future__ import annotations

import numpy as np

from .figure import HEEL_RADIUS, SIDES, Figure
from .floor import lean_on_knees, rest_on_thigh
from .hands import set_hand
from .kinematics import transform, turn
from .manner import pose_head, pose_trunk, sample_phase
from .signals import drift, hold

# The outer edge of a left foot from its ankle (outwards, up, ahead), in foot lengths.
FOOT_EDGE = ((0.25, -0.45, -0.2), (0.33, -0.42, 0.8), (0.30, -0.42, 1.15), (0.05, -0.42, 1.45))
EDGE_RADIUS = 0.06


def seat_height(figure: Figure, straight: float) -> float:
    """Height of the pelvis joint above the ground it sits on, metres.

    straight: 0 for drawn-up legs, 1 for stretched legs or a trunk that leans far back. Fitted to
    50 people of the free body model; the error is 7 to 10 mm (SD).
    """
    drop = -(figure.offset("left_hip")[1] + figure.offset("right_hip")[1]) / 2
    return (0.70 + 0.21 * straight) * figure.flesh.seat_m + 1.17 * drop


def _sit(figure: Figure, rng: np.random.Generator, pitch: float, straight: float = 0.0) -> None:
    """Pelvis on the ground, tilted; facing ahead."""
    sway = drift(rng, figure.t, 0.003, 5.0)
    figure.pelvis[:] = figure.points(sway, seat_height(figure, straight), 0.0)
    figure.set_pelvis(pitch + drift(rng, figure.t, 0.008, 6.0), 0.0, 0.0)


def fold_leg(
    figure: Figure, side: str, x: float, z: float, knee_up: float, toes_ahead: float = 0.4
) -> None:
    """Fold a leg flat on the ground, knee out, the outer edge of the foot on the ground.

    x, z: place of the ankle, metres. knee_up: upward part of the direction to the knee;
    toes_ahead: forward part of that of the toes.
    """
    sign, height = SIDES[side], 0.08 * figure.leg_m
    for _ in range(2):
        pole = figure.points(sign, knee_up, 0.25)
        figure.reach_leg(side, figure.points(x, height, z), pole)
        toes = figure.points(-0.9 * sign, 0.3, toes_ahead)
        figure.aim_foot(side, toes, figure.points(-0.35 * sign, 0.1, -0.9))
        # How the foot lies depends on the leg's proportions: look, and set it down again.
        turned, ankle = figure.rotation(f"{side}_ankle"), figure.position(f"{side}_ankle")
        edge = figure.foot_m * np.array(FOOT_EDGE) * [sign, 1.0, 1.0]
        low = min((ankle + transform(turned, point))[:, 1].min() for point in edge)
        height -= float(low) - EDGE_RADIUS * figure.foot_m


def sit_cross_legged(figure: Figure, rng: np.random.Generator) -> None:
    """Sitting on the ground, one folded shin before the other, hands on the knees or in the lap."""
    leg = figure.leg_m
    _sit(figure, rng, rng.uniform(-0.15, 0.02))
    for side, x, ahead in (("left", -0.03, 0.52), ("right", -0.07, 0.28)):
        # One shin before the other; the toes of the inner foot keep behind the outer shin.
        toes = 0.4 if side == "left" else 0.0
        fold_leg(figure, side, x * leg, ahead * leg, rng.uniform(0.25, 0.4), toes)
    pose_trunk(figure, rng, rng.uniform(0.15, 0.45))
    lap = rng.uniform() < 0.4
    for side, sign in SIDES.items():
        if lap:
            wrist = figure.points(sign * 0.14 * leg, 0.30 * leg, 0.35 * leg)
            figure.reach_arm(side, wrist, np.array([0.9, -0.3, -0.5]), forward=0.15)
            figure.aim_hand(side, figure.points(-sign, -0.25, 0.5), figure.points(0, -0.4, -1.0))
            set_hand(figure, side, "relaxed", "grip", rng.uniform(0.1, 0.6))
        else:
            rest_on_thigh(figure, rng, side, rng.uniform(0.72, 0.85), elbow=(0.3, -0.5, -0.8))
    pose_head(figure, rng, rng.uniform(-0.25, 0.0), look_deg=20.0)


def sit_knees_up(figure: Figure, rng: np.random.Generator) -> None:
    """Sitting on the ground with drawn-up knees, arms around or on them."""
    leg = figure.leg_m
    _sit(figure, rng, rng.uniform(-0.48, -0.36))
    for side, sign in SIDES.items():
        base = figure.points(
            sign * rng.uniform(0.10, 0.13) * leg, 0.0, rng.uniform(0.80, 0.87) * leg
        )
        ankle, foot = figure.foot_ankle(base, sign * 0.12, 0.0)
        figure.reach_leg(side, ankle, figure.points(sign * 0.06, 1.0, 0.4))
        figure.set_foot(side, foot)
    pose_trunk(figure, rng, rng.uniform(0.42, 0.58))
    if rng.uniform() < 0.5:
        lean_on_knees(figure, rng, 0.0, elbow=(1.0, 0.5, 0.0))
    else:
        for side, sign, near in (("left", 1.0, 0.12), ("right", -1.0, 0.17)):
            shin = 0.78 * figure.position(f"{side}_knee") + 0.22 * figure.position(f"{side}_ankle")
            place = shin + figure.points(-sign * 0.01 * leg, near * leg, (0.19 + 0.5 * near) * leg)
            figure.reach_arm(side, place, np.array([1.0, 0.1, 0.0]), forward=0.25)
            figure.aim_hand(side, figure.points(-sign, -0.2, 0.15), figure.points(0, -0.2, -1))
            set_hand(figure, side, "relaxed", "grip", rng.uniform(0.2, 0.7))
    pose_head(figure, rng, -0.3, look_deg=20.0)


def sit_lean_back(figure: Figure, rng: np.random.Generator) -> None:
    """Sitting on the ground, legs stretched out, leaning on the hands behind."""
    leg, reach = figure.leg_m, figure.arm_m
    _sit(figure, rng, rng.uniform(-0.62, -0.5), straight=1.0)
    bent = rng.uniform() < 0.5
    for side, sign in SIDES.items():
        far = 0.60 if bent and side == "right" else rng.uniform(0.93, 0.96)
        if far < 0.9:
            base = figure.points(sign * 0.14 * leg, 0.0, far * leg)
            ankle, foot = figure.foot_ankle(base, sign * 0.1, 0.0)
        else:
            aside = sign * rng.uniform(0.12, 0.2)
            ankle = figure.points(aside * leg, 0.95 * HEEL_RADIUS * figure.foot_m, far * leg)
            foot = turn("y", figure.curve(sign * 0.3)) @ turn("x", figure.curve(-1.15))
        figure.reach_leg(side, ankle, figure.points(sign * 0.1, 1.0, 0.2))
        figure.set_foot(side, foot)
    pose_trunk(figure, rng, rng.uniform(0.05, 0.2))
    for side, sign in SIDES.items():
        # Almost straight arms: the hands are as far behind as their length and height allow.
        figure.set_collar(side, 0.12, -0.15)
        shoulder = figure.position(f"{side}_shoulder")[0]
        height, aside = 0.18 * reach, rng.uniform(0.1, 0.25) * reach
        level = (rng.uniform(0.94, 0.97) * reach) ** 2 - (shoulder[1] - height) ** 2 - aside**2
        behind = np.sqrt(max(level, (0.25 * reach) ** 2))
        wrist = figure.points(shoulder[0] + sign * aside, height, shoulder[2] - behind)
        figure.reach_arm(side, wrist, np.array([0.3, 0.0, -1.0]), lift=0.12, forward=-0.15)
        figure.aim_hand(side, figure.points(sign * 0.5, -0.05, -0.9), figure.points(0, -1.0, 0))
        set_hand(figure, side, "flat", "open", rng.uniform(0.2, 0.8))
    pose_head(figure, rng, 0.15, look_deg=22.0)


def sit_one_knee_up(figure: Figure, rng: np.random.Generator) -> None:
    """Sitting on the ground, the left leg folded, the right knee up with an arm on it."""
    leg, reach = figure.leg_m, figure.arm_m
    _sit(figure, rng, rng.uniform(-0.30, -0.12))
    fold_leg(figure, "left", -0.04 * leg, rng.uniform(0.36, 0.42) * leg, 0.3)
    base = figure.points(-rng.uniform(0.16, 0.22) * leg, 0.0, rng.uniform(0.76, 0.84) * leg)
    ankle, foot = figure.foot_ankle(base, -0.15, 0.0)
    figure.reach_leg("right", ankle, figure.points(-0.15, 1.0, 0.4))
    figure.set_foot("right", foot)
    pose_trunk(figure, rng, rng.uniform(0.22, 0.40))
    over = figure.position("right_knee") + figure.points(
        rng.uniform(-0.05, 0.12) * reach, 0.24 * reach, 0.30 * reach
    )
    figure.reach_arm("right", over, np.array([0.9, -0.4, -0.2]), forward=0.2)
    figure.aim_hand(
        "right", figure.forearm_direction("right") + figure.points(0.0, -0.8, 0.1),
        figure.points(0.3, -0.7, -0.6),
    )  # fmt: skip
    set_hand(figure, "right", "relaxed", "grip", rng.uniform(0.0, 0.4))
    rest_on_thigh(figure, rng, "left", rng.uniform(0.72, 0.82))
    pose_head(figure, rng, -0.2, look_deg=20.0)


def sit_and_reach(figure: Figure, rng: np.random.Generator) -> None:
    """Sitting with stretched legs, reaching for the toes again and again."""
    leg, reach = figure.leg_m, figure.arm_m
    phase = sample_phase(rng, figure.t, rng.uniform(2.8, 4.4))
    over = hold(phase, (0.0, 0.36), (0.5, 0.92))
    deep = rng.uniform(0.7, 1.0)
    _sit(figure, rng, -0.20, straight=1.0)
    figure.set_pelvis(-0.20 + 0.42 * deep * over, 0.0, 0.0)
    out = rng.uniform(0.08, 0.22)
    for side, sign in SIDES.items():
        ankle = figure.points(sign * out * leg, 0.50 * figure.foot_m, 0.965 * leg)
        figure.reach_leg(side, ankle, figure.points(sign * 0.1, 1.0, 0.2))
        figure.set_foot(side, turn("y", figure.curve(sign * 0.15)) @ turn("x", figure.curve(-1.25)))
    pose_trunk(figure, rng, 0.25 + 0.65 * deep * over)
    pose_head(figure, rng, 0.1 * over, look_deg=5.0)
    for side, sign in SIDES.items():
        knee, ankle = figure.position(f"{side}_knee"), figure.position(f"{side}_ankle")
        along = 0.15 + 0.75 * deep * over
        place = knee + along[:, None] * (ankle - knee) - 0.30 * reach * figure.points(0, 0, 1.0)
        place += figure.points(0.02 * sign * leg, 0.80 * figure.flesh.thigh_m + 0.09 * reach, 0.0)
        figure.reach_arm(side, place, np.array([0.9, 0.1, -0.3]), forward=0.15)
        figure.aim_hand(side, figure.points(0.0, -0.15, 1.0), figure.points(0.0, -1.0, -0.1))
        set_hand(figure, side, "flat", "relaxed", rng.uniform(0.2, 0.7))
