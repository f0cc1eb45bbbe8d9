"""What people do while they stand about: texting, drinking, thinking, hands behind the back.

Objects (a cup, a telephone) are not there; the hands are closed as if they were.
"""

from __future__ import annotations

import numpy as np

from .figure import SIDES, Figure
from .gestures import upright
from .hands import set_hand
from .kinematics import transform
from .manner import hang_arm, pose_head, sample_phase
from .signals import drift, hold


def text_arms(figure: Figure, rng: np.random.Generator) -> None:
    """Both hands around a telephone before the chest, thumbs at work."""
    reach = figure.arm_m
    height = rng.uniform(-0.58, -0.42) * reach + drift(rng, figure.t, 0.004, 3.0)
    ahead = max(0.58 * reach, figure.flesh.belly_m + 0.22 * reach)
    for side, sign in SIDES.items():
        wrist = figure.from_torso(sign * 0.18 * reach, height, ahead)
        figure.reach_arm(side, wrist, np.array([0.6, -0.8, -0.2]), forward=0.15)
        fingers = figure.chest_direction(-0.55 * sign, 0.55, 0.55)
        figure.aim_hand(side, fingers, figure.chest_direction(-0.55 * sign, 0.25, -0.7))
        tapping = 0.05 * np.sin(2 * np.pi * 2.3 * figure.t + rng.uniform(0, 6))
        set_hand(figure, side, "grip", "pinch", rng.uniform(0.1, 0.5), tapping)


def texting(figure: Figure, rng: np.random.Generator) -> None:
    """Standing with bowed head, writing on a telephone."""
    upright(figure, rng, flex=rng.uniform(0.05, 0.2))
    pose_head(figure, rng, rng.uniform(0.35, 0.5), 0.0, look_deg=4.0)
    text_arms(figure, rng)


def clasp_behind(figure: Figure, rng: np.random.Generator) -> None:
    """One hand around the other wrist behind the lower back."""
    leg, height = figure.leg_m, rng.uniform(0.02, 0.12)
    for side, sign, away in (("right", -1.0, 0.12), ("left", 1.0, 0.015)):
        back = figure.flesh.seat_m + (away + 0.01) * leg
        place = figure.points(sign * 0.055 * leg, height * leg, -back)
        wrist = figure.pelvis + transform(figure.local[:, 0], place)
        figure.reach_arm(side, wrist, np.array([0.75, -0.1, -0.75]), lift=0.0, forward=-0.2)
        fingers = figure.chest_direction(-sign, -0.55, -0.1)
        figure.aim_hand(side, fingers, figure.chest_direction(-sign * 0.1, 0.3, -1.0))
        set_hand(figure, side, "relaxed", "grip", rng.uniform(0.2, 0.7))


def hands_behind_back(figure: Figure, rng: np.random.Generator) -> None:
    """Standing with the hands together behind the back."""
    upright(figure, rng, flex=-0.04)
    pose_head(figure, rng, 0.0, look_deg=18.0)
    clasp_behind(figure, rng)


def drink(figure: Figure, rng: np.random.Generator) -> None:
    """Holding a cup and now and then drinking from it."""
    upright(figure, rng)
    phase = sample_phase(rng, figure.t, rng.uniform(3.6, 5.4))
    up = hold(phase, (0.0, 0.24), (0.56, 0.82))
    tip = hold(phase, (0.20, 0.36), (0.46, 0.62))
    hang_arm(figure, rng, "left")
    pose_head(figure, rng, -0.22 * tip, 0.0, look_deg=9.0 if rng.uniform() < 0.5 else 4.0)
    reach = figure.arm_m
    figure.aim_arm(
        "right", figure.points(0.22, -1.0, rng.uniform(0.05, 0.25)), np.array([-0.15, 0.3, 1.0]),
        rng.uniform(1.35, 1.6),
    )  # fmt: skip
    forward = figure.forearm_direction("right") + figure.chest_direction(0.3, 0.1, 0.0)
    figure.aim_hand("right", forward, figure.chest_direction(1.0, 0.1, 0.0))
    set_hand(figure, "right", "grip")
    before = figure.local.copy()
    wrist = figure.from_head(-0.85, -0.75 + 0.25 * tip, 1.55) + figure.points(0, 0.0, 0.02 * reach)
    figure.reach_arm("right", wrist, np.array([0.75, -0.75, 0.1]), lift=0.05, forward=0.15)
    fingers = figure.head_direction(0.8, 0.35 + 0.3 * tip, 0.15)
    figure.aim_hand("right", fingers, figure.head_direction(0.35, 0.0, -0.9))
    set_hand(figure, "right", "grip")
    figure.mix_arm("right", before, up)


def think(figure: Figure, rng: np.random.Generator) -> None:
    """Chin in one hand, the other arm across the belly under its elbow."""
    upright(figure, rng, flex=rng.uniform(0.05, 0.15))
    pose_head(figure, rng, rng.uniform(0.05, 0.2), rng.uniform(-0.1, 0.05), look_deg=4.0)
    wrist = figure.from_head(-0.50, -1.35, 1.12)
    figure.reach_arm("right", wrist, np.array([0.15, -0.6, 0.8]), lift=0.02, forward=0.2)
    fingers = figure.head_direction(0.35, 0.95, 0.0)
    figure.aim_hand("right", fingers, figure.head_direction(0.45, 0.15, -0.9))
    set_hand(
        figure, "right", "grip", "fist", rng.uniform(0.0, 0.5), drift(rng, figure.t, 0.03, 2.0)
    )
    reach = figure.arm_m
    # The wrist passes under the elbow, and no deeper than the belly and half a forearm allow.
    elbow = figure.position("right_elbow") - figure.position("neck")
    elbow = transform(np.swapaxes(figure.rotation("spine3"), -1, -2), elbow) / reach
    ahead = np.maximum(elbow[:, 2] + 0.03, figure.front_m / reach + 0.17)
    under = figure.from_torso(
        (elbow[:, 0] + 0.20) * reach, (elbow[:, 1] - 0.18) * reach, ahead * reach
    )
    figure.reach_arm("left", under, np.array([0.9, -0.4, 0.9]), forward=0.4)
    figure.aim_hand(
        "left", figure.chest_direction(-1.0, -0.05, 0.15), figure.chest_direction(0.0, 0.6, -0.7)
    )
    set_hand(figure, "left", "relaxed", "grip", rng.uniform(0.1, 0.5))


def selfie(figure: Figure, rng: np.random.Generator) -> None:
    """A telephone at the end of a stretched arm, smiling up at it."""
    azimuth, height = rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.5)
    upright(figure, rng, flex=-0.04, twist=-0.15)
    pose_head(figure, rng, -0.45 * height, -0.7 * azimuth, look_deg=3.0)
    wobble = drift(rng, figure.t, 0.012, 1.4)
    arm = figure.points(np.sin(azimuth), np.sin(height + wobble), np.cos(azimuth))
    figure.aim_arm("right", arm, np.array([-0.2, 0.9, 0.3]), rng.uniform(0.25, 0.5))
    back = figure.position("head") - figure.position("right_wrist")
    figure.aim_hand("right", figure.head_direction(0.15, 1.0, 0.35), back)
    set_hand(figure, "right", "grip", "pinch", rng.uniform(0.0, 0.4))
    if rng.uniform() < 0.5:
        hang_arm(figure, rng, "left")
        return
    # Two fingers up beside the face.
    wrist = figure.from_head(1.7, -1.2, 1.1)
    figure.reach_arm("left", wrist, np.array([0.6, -0.8, 0.0]), forward=0.15)
    figure.aim_hand(
        "left", figure.head_direction(-0.1, 1.0, 0.1), figure.head_direction(0.0, 0.0, 1.0)
    )
    set_hand(figure, "left", "two", "open", rng.uniform(0.0, 0.15))


def touch_hair(figure: Figure, rng: np.random.Generator) -> None:
    """Scratching the head or smoothing the hair, then letting the arm hang again."""
    upright(figure, rng)
    phase = sample_phase(rng, figure.t, rng.uniform(3.2, 4.6))
    bent, up = hold(phase, (0.0, 0.22), (0.74, 0.97)), hold(phase, (0.08, 0.30), (0.64, 0.90))
    for side in SIDES:
        hang_arm(figure, rng, side)
    pose_head(figure, rng, 0.12 * up, 0.1 * up, look_deg=7.0)
    before = figure.local.copy()
    # By way of a bent elbow before the chest: the straight way swings the arm far out.
    figure.aim_arm("right", (0.35, -0.8, 0.45), np.array([-0.1, 0.9, 0.45]), 1.9)
    figure.mix_arm("right", before, bent)
    before = figure.local.copy()
    high, far = rng.uniform(0.5, 1.0), rng.uniform(-0.5, 0.3)
    stroke = 0.12 * np.sin(2 * np.pi * (figure.t * rng.uniform(1.2, 2.0) + rng.uniform()))
    wrist = figure.from_head(-1.85, high, far + stroke)
    figure.reach_arm("right", wrist, np.array([0.9, -0.3, 0.3]), lift=0.25, forward=0.1)
    fingers = figure.head_direction(0.8, 0.55, -0.15)
    figure.aim_hand("right", fingers, figure.head_direction(0.55, -0.8, 0.0))
    set_hand(figure, "right", "relaxed", "grip", 0.3 + 2.0 * stroke)
    figure.mix_arm("right", before, up)
