"""Lying, and exercises near the ground: supine, on the side, crunches, planks, push-ups, crawling.

The person's up axis is level here: on the back the head is at -Z, face down it is at +Z.
"""

from __future__ import annotations

import numpy as np

from .figure import HEEL_RADIUS, SIDES, Figure
from .hands import set_hand
from .kinematics import JOINT, transform, turn
from .manner import pose_head, pose_trunk, rest_hand, sample_phase
from .signals import drift, hold

ELBOW_RADIUS = 0.09  # elbow joint above the ground it rests on, in arm lengths
SHOULDER_RADIUS = 0.07  # shoulder joint to the skin at the side, in leg lengths
WRIST_HEIGHT = 0.06  # wrist joint above the ground under a lying hand, in arm lengths


def lie_back_pelvis(figure: Figure, rng: np.random.Generator, pitch: float = 1.52) -> None:
    """Pelvis of someone lying on their back."""
    sway = drift(rng, figure.t, 0.002, 5.0)
    figure.pelvis[:] = figure.points(sway, 1.02 * figure.flesh.seat_m, 0.0)
    figure.set_pelvis(-pitch, 0.0, 0.5 * sway)


def lying_leg(figure: Figure, side: str, far: float, out: float, foot_out: float = 0.35) -> None:
    """A leg stretched along the ground on its heel. far: ankle distance in legs; out: aside."""
    sign, leg = SIDES[side], figure.leg_m
    heel = HEEL_RADIUS * figure.foot_m
    hip = figure.position(f"{side}_hip")
    ankle = hip + figure.points(sign * out * leg, 0.0, far * leg)
    ankle[:, 1] = heel
    figure.reach_leg(side, ankle, figure.points(sign * (0.15 + foot_out), 1.0, 0.1))
    figure.set_foot(side, turn("y", figure.curve(sign * foot_out)) @ turn("x", figure.curve(-1.05)))


def bent_leg(figure: Figure, side: str, far: np.ndarray | float, out: float, knee: float) -> None:
    """A leg with its sole on the ground and the knee up. far: sole from the hip, in legs."""
    sign, leg = SIDES[side], figure.leg_m
    hip = figure.position(f"{side}_hip")
    base = hip + figure.points(sign * out * leg, 0.0, far * leg)
    base[:, 1] = 0.0
    ankle, foot = figure.foot_ankle(base, sign * 0.15, 0.0)
    figure.reach_leg(side, ankle, figure.points(sign * knee, 1.0, 0.3))
    figure.set_foot(side, foot)


def arm_along(figure: Figure, rng: np.random.Generator, side: str) -> None:
    """An arm lying on the ground beside the body."""
    out = rng.uniform(0.35, 0.9)
    sign, reach = SIDES[side], figure.arm_m
    shoulder = figure.position(f"{side}_shoulder")
    toward = figure.points(sign * np.sin(out), 0.0, np.cos(out))
    wrist = shoulder + 0.95 * reach * toward
    wrist[:, 1] = WRIST_HEIGHT * reach
    figure.reach_arm(side, wrist, figure.points(sign, 0.1, -0.2), 0.0, 0.0, chest_axes=False)
    palm_up = rng.uniform() < 0.4
    palm = figure.points(-0.8 * sign, 0.6 if palm_up else -0.7, 0.0)
    figure.aim_hand(side, toward, palm)
    rest_hand(figure, rng, side)


def arm_on_belly(figure: Figure, rng: np.random.Generator, side: str) -> None:
    """A hand resting on the belly of someone on their back."""
    sign, reach, breath = SIDES[side], figure.arm_m, np.sin(2 * np.pi * figure.t / 3.6)
    wrist = figure.position("spine1") + figure.chest_direction(
        sign * 0.26 * reach, rng.uniform(-0.05, 0.12) * reach,
        figure.flesh.belly_m + 0.15 * reach + 0.006 * breath,
    )  # fmt: skip
    figure.reach_arm(side, wrist, np.array([0.95, -0.3, 0.0]), forward=0.05)
    fingers = figure.chest_direction(-sign, -0.15, 0.0)
    figure.aim_hand(side, fingers, figure.chest_direction(-0.2 * sign, 0.0, -1.0))
    rest_hand(figure, rng, side, "flat")


def arm_beside_head(figure: Figure, rng: np.random.Generator, side: str) -> None:
    """An arm on the ground, elbow out, the hand beside or above the head."""
    sign, reach = SIDES[side], figure.arm_m
    place = figure.from_head(sign * rng.uniform(1.5, 2.2), rng.uniform(1.4, 2.4), 0.0)[0]
    wrist = figure.points(*place)  # stays when the head turns
    wrist[:, 1] = 1.8 * WRIST_HEIGHT * reach
    figure.reach_arm(side, wrist, np.array([0.9, 0.2, 0.0]), lift=0.2, forward=0.0)
    fingers = figure.forearm_direction(side) + figure.points(-0.3 * sign, 0.0, 0.0)
    figure.aim_hand(side, fingers, figure.points(0.0, 1.0, 0.3))
    rest_hand(figure, rng, side)


def hand_at_temple(figure: Figure, rng: np.random.Generator, side: str) -> None:
    """Finger tips at the side of the head, elbow out."""
    sign = SIDES[side]
    wrist = figure.from_head(sign * 1.45, -0.35, 0.35)
    figure.reach_arm(side, wrist, np.array([0.9, 0.0, 0.2]), lift=0.2, forward=0.0)
    fingers = figure.head_direction(-0.35 * sign, 0.9, -0.3)
    figure.aim_hand(side, fingers, figure.head_direction(-sign, -0.2, 0.0))
    set_hand(figure, side, "relaxed", "flat", rng.uniform(0.3, 0.8))


def lie_back(figure: Figure, rng: np.random.Generator) -> None:
    """Lying on the back, one or both legs stretched, arms beside, on the belly, beside the head."""
    lie_back_pelvis(figure, rng)
    bent = rng.uniform() < 0.5
    for side in SIDES:
        if bent and side == "right":
            tilt = rng.uniform(0.0, 0.2)
            bent_leg(figure, side, rng.uniform(0.42, 0.55), 0.04, tilt)
        else:
            lying_leg(figure, side, rng.uniform(0.97, 0.985), rng.uniform(0.03, 0.16))
    pose_trunk(figure, rng, -0.09)
    arms = {"along": arm_along, "belly": arm_on_belly, "up": arm_beside_head}
    places = {side: str(rng.choice(list(arms))) for side in SIDES}
    # The back of the head on the ground; a child's is larger and needs less of a bend.
    pose_head(figure, rng, 3.0 * figure.head_m / figure.leg_m - 0.60, 0.0, look_deg=12.0)
    for side, place in places.items():
        arms[place](figure, rng, side)


def crunch(figure: Figure, rng: np.random.Generator) -> None:
    """Sit-ups on bent legs: the trunk curls up and lies down again."""
    lie_back_pelvis(figure, rng)
    far, wide = rng.uniform(0.42, 0.50), rng.uniform(0.0, 0.05)
    phase = sample_phase(rng, figure.t, rng.uniform(2.6, 3.8))
    up = hold(phase, (0.0, 0.36), (0.48, 0.92))
    figure.set_pelvis(-1.52 + 0.05 * up, 0.0, 0.0)
    for side in SIDES:
        bent_leg(figure, side, far, wide, 0.02)
    pose_trunk(figure, rng, 0.03 + rng.uniform(0.75, 1.0) * up)
    pose_head(figure, rng, 0.30 * up, look_deg=3.0)
    at_temples = rng.uniform() < 0.5
    for side in SIDES:
        if at_temples:
            hand_at_temple(figure, rng, side)
            continue
        figure.swing_arm(side, 0.35 + 0.45 * up, rng.uniform(0.2, 0.3), 0.15, 0.1, 0.5)
        rest_hand(figure, rng, side, "flat")


def lie_side(figure: Figure, rng: np.random.Generator) -> None:
    """Lying on the right side, knees bent, the head on the lower arm."""
    leg, reach = figure.leg_m, figure.arm_m
    sway = drift(rng, figure.t, 0.002, 5.0)
    figure.pelvis[:] = figure.points(0.0, 1.145 * figure.flesh.hip_m, sway)
    # Tilted so that hip and shoulder both touch.
    shoulder = figure.rest[JOINT["right_shoulder"]] - figure.rest[0]
    narrower = 1.145 * figure.flesh.hip_m - abs(shoulder[0]) - SHOULDER_RADIUS * leg
    figure.set_pelvis(0.0, 0.0, np.pi / 2 + narrower / shoulder[1])
    down = {"right": 0.10 * leg, "left": 0.17 * leg}
    for side, ahead, bend in (
        ("right", rng.uniform(0.25, 0.5), rng.uniform(0.6, 1.0)),
        ("left", rng.uniform(0.6, 0.9), rng.uniform(0.9, 1.3)),
    ):
        # x is along the body here: the feet are at +X.
        thigh, shin = figure.length(f"{side}_knee"), figure.length(f"{side}_ankle")
        hip = figure.position(f"{side}_hip")
        knee = hip + thigh * figure.points(np.cos(ahead), 0.0, np.sin(ahead))
        ankle = knee + shin * figure.points(np.cos(ahead - bend), 0.0, np.sin(ahead - bend))
        ankle[:, 1] = down[side]
        pole = figure.points(np.sin(ahead), -0.15 if side == "left" else 0.05, np.cos(ahead))
        figure.reach_leg(side, ankle, figure.points(0.0, 0.0, 1.0) + 0.3 * pole)
        along = figure.points(np.cos(ahead - bend), 0.0, np.sin(ahead - bend))
        heel_to_toe = figure.points(-np.sin(ahead - bend), 0.0, np.cos(ahead - bend))
        figure.aim_foot(side, heel_to_toe + 0.6 * along, along - 0.6 * heel_to_toe)
    pose_trunk(figure, rng, rng.uniform(0.1, 0.3), 0.0)
    pose_head(figure, rng, 0.1, 0.0, look_deg=6.0, roll=0.45)
    wrist = figure.position("head") + figure.points(0.16 * reach, 0.0, 1.4 * figure.head_m)
    wrist[:, 1] = 1.2 * WRIST_HEIGHT * reach
    figure.reach_arm("right", wrist, figure.points(0.5, 0.0, 1.0), 0.1, 0.2, chest_axes=False)
    figure.aim_hand("right", figure.points(-1.0, 0.0, -0.1), figure.points(0.0, 1.0, 0.0))
    rest_hand(figure, rng, "right")
    chest = figure.position("spine3")
    hand = chest + figure.points(
        rng.uniform(0.2, 0.4) * reach, 0.0, figure.front_m + rng.uniform(0.3, 0.4) * reach
    )
    hand[:, 1] = 3.3 * WRIST_HEIGHT * reach
    figure.reach_arm("left", hand, figure.points(0.5, 1.0, 0.3), 0.0, 0.2, chest_axes=False)
    figure.aim_hand("left", figure.points(-0.4, 0.0, 0.9), figure.points(0.0, -1.0, 0.0))
    rest_hand(figure, rng, "left", "flat")


def _on_toes(figure: Figure, rise: np.ndarray, toes: float) -> None:
    """A straight body from toes to neck, face down. rise: (T,) radians above level.

    The toe joints stay where they are; the pelvis follows the legs.
    """
    leg, count = figure.leg_m, len(figure.t)
    heading = np.tile(np.eye(3), (count, 1, 1))
    figure.set_pelvis(np.pi / 2 - rise, 0.0, 0.0)
    ankles, feet = {}, {}
    for side, sign in SIDES.items():
        base = figure.points(sign * 0.10 * leg, 0.0, 0.0)
        ankles[side], feet[side] = figure.foot_ankle(base, 0.0, toes)
    middle = (ankles["left"] + ankles["right"]) / 2
    hips = transform(
        figure.local[:, 0], (figure.offset("left_hip") + figure.offset("right_hip")) / 2
    )
    figure.pelvis[:] = middle + 0.992 * leg * figure.points(0, np.sin(rise), np.cos(rise)) - hips
    for side in SIDES:
        figure.reach_leg(side, ankles[side], figure.points(0.0, -1.0, 0.2))
        figure.set_foot(side, feet[side])
        figure.local[:, JOINT[f"{side}_foot"]] = heading @ turn("x", figure.curve(-min(toes, 1.05)))


def push_up(figure: Figure, rng: np.random.Generator) -> None:
    """Push-ups: a straight body on hands and toes, lowered and raised."""
    reach = figure.arm_m
    phase = sample_phase(rng, figure.t, rng.uniform(1.9, 3.0))
    down = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    body = figure.leg_m + figure.length("spine1") + figure.length("spine2") + 0.3 * reach
    high = 0.86 * reach / body
    rise = high - rng.uniform(0.5, 0.75) * high * down
    _on_toes(figure, rise, 1.05)
    pose_trunk(figure, rng, -0.02)
    pose_head(figure, rng, -0.25, look_deg=4.0)
    wide = rng.uniform(0.10, 0.35)
    shoulders = (figure.position("left_shoulder") + figure.position("right_shoulder")) / 2
    ahead = shoulders[:, 2].max() + 0.10 * reach
    for side, sign in SIDES.items():
        across = abs(figure.position(f"{side}_shoulder")[0, 0]) + wide * reach
        wrist = figure.points(sign * across, 0.145 * reach, ahead)
        pole = figure.points(sign, 0.35, -0.9)
        figure.reach_arm(side, wrist, pole, 0.0, 0.15, chest_axes=False)
        figure.aim_hand(side, figure.points(0.1 * sign, -0.05, 1.0), figure.points(0, -1.0, 0))
        set_hand(figure, side, "open", "flat", rng.uniform(0.2, 0.7))


def plank(figure: Figure, rng: np.random.Generator) -> None:
    """Holding a straight body on forearms and toes."""
    reach, upper, fore = figure.arm_m, figure.length("left_elbow"), figure.length("left_wrist")
    pose_trunk(figure, rng, rng.uniform(-0.02, 0.06))
    pose_head(figure, rng, -0.2, look_deg=6.0)
    # However the trunk sways, the shoulders stay an upper arm above the elbows.
    elbow_up = ELBOW_RADIUS * reach
    rise = figure.curve(0.1)
    for _ in range(4):
        _on_toes(figure, rise, 1.05)
        shoulders = (figure.position("left_shoulder") + figure.position("right_shoulder")) / 2
        missing = elbow_up + 0.97 * upper - shoulders[:, 1]
        rise = rise + missing / (shoulders[:, 2] - figure.position("left_foot")[:, 2])
    inward = rng.uniform(0.0, 0.35)
    for side, sign in SIDES.items():
        shoulder = figure.position(f"{side}_shoulder")[0]
        elbow = np.array([shoulder[0], elbow_up, shoulder[2] + 0.2 * upper])
        drop = elbow_up - 2.1 * WRIST_HEIGHT * reach
        level = np.sqrt(fore**2 - drop**2)
        wrist = elbow + [-sign * inward * level, -drop, np.sqrt(1 - inward**2) * level]
        pole = elbow - figure.position(f"{side}_shoulder")
        figure.reach_arm(side, figure.points(*wrist), pole, 0.0, 0.15, chest_axes=False)
        figure.aim_hand(side, figure.forearm_direction(side), figure.points(-sign * 0.9, -0.5, 0.0))
        set_hand(figure, side, "fist", "relaxed", rng.uniform(0.0, 0.8))
