"""Special ways of moving along: running, sneaking, shuffling, and walks with busy arms."""

from __future__ import annotations

import numpy as np

from .daily import clasp_behind, text_arms
from .figure import SIDES, Figure
from .gestures import phone_arm, wave_arm
from .hands import set_hand
from .locomotion import Gait, froude_speed, travel, walking_gait
from .manner import pose_head
from .signals import drift


def run(figure: Figure, rng: np.random.Generator) -> None:
    """Running fast: long flight, high heels behind, elbows driving."""
    speed = froude_speed(figure, rng.uniform(0.85, 1.05))
    cycle_s = 0.76 * np.sqrt(figure.leg_m / 0.81) * rng.uniform(0.97, 1.05)
    gait = Gait(
        forward=speed, cycle_s=cycle_s, duty=0.30, width=0.035, toe_out=rng.uniform(0.0, 0.1),
        strike=rng.uniform(0.0, 0.1), push=0.88, lift=0.20, bob=0.034, extension=0.965, trail=0.09,
        lean=rng.uniform(0.12, 0.17), arm_swing=rng.uniform(0.5, 0.68),
        arm_back=rng.uniform(0.2, 0.32), arm_bend=rng.uniform(1.3, 1.5), pelvis_turn=0.12,
        hand=str(rng.choice(["grip", "fist", "flat"])),
    )  # fmt: skip
    travel(figure, rng, gait, wander=0.03, look_deg=5.0)


def tiptoe(figure: Figure, rng: np.random.Generator) -> None:
    """Sneaking on the balls of the feet, stooped, hands held away from the body."""
    gait = walking_gait(
        figure, rng, rng.uniform(0.02, 0.05), strike=0.0, push=0.25, lift=rng.uniform(0.09, 0.14),
        on_toes=rng.uniform(0.45, 0.65), extension=0.965, bob=0.006, lean=rng.uniform(0.08, 0.16),
        stoop=rng.uniform(0.1, 0.3), arm_swing=rng.uniform(0.05, 0.15),
        arm_bend=rng.uniform(0.6, 1.1), arm_back=-0.1,
    )  # fmt: skip
    travel(figure, rng, gait, wander=0.03, look_deg=22.0)


def shuffle(figure: Figure, rng: np.random.Generator) -> None:
    """An old person's walk: short, flat, wide steps, bent knees, a rounded back."""
    speed = froude_speed(figure, rng.uniform(0.012, 0.03))
    stride = rng.uniform(0.50, 0.66) * figure.leg_m
    gait = Gait(
        forward=speed, cycle_s=float(np.clip(stride / speed, 0.9, 1.5)), duty=0.70,
        width=rng.uniform(0.10, 0.13), toe_out=rng.uniform(0.15, 0.35), strike=0.04, push=0.25,
        lift=rng.uniform(0.012, 0.025), bob=0.005, extension=rng.uniform(0.95, 0.97),
        lean=rng.uniform(0.10, 0.18), stoop=rng.uniform(0.30, 0.55), arm_swing=0.08,
        arm_bend=rng.uniform(0.3, 0.7), arm_back=-0.15, pelvis_turn=0.02,
    )  # fmt: skip
    travel(figure, rng, gait, wander=0.03, look_deg=10.0)


def walk_carry(figure: Figure, rng: np.random.Generator) -> None:
    """Walking with both arms around something held in front, leaning back against it."""
    gait = walking_gait(
        figure, rng, rng.uniform(0.06, 0.14), arm_swing=0.0, lean=rng.uniform(-0.05, 0.0)
    )
    travel(figure, rng, gait)
    reach, load = figure.arm_m, drift(rng, figure.t, 0.008, 2.5)
    wide, high = rng.uniform(0.30, 0.45), rng.uniform(-0.78, -0.60)
    ahead = figure.flesh.belly_m + rng.uniform(0.33, 0.42) * reach
    for side, sign in SIDES.items():
        wrist = figure.from_torso(sign * wide * reach, high * reach + load, ahead)
        figure.reach_arm(side, wrist, np.array([0.5, -0.75, -0.5]), forward=0.12)
        forward = figure.forearm_direction(side) + figure.chest_direction(-0.3 * sign, 0.1, 0.2)
        figure.aim_hand(side, forward, figure.chest_direction(-sign, 0.75, 0.0))
        set_hand(figure, side, "grip", "open", rng.uniform(0.1, 0.4))


def walk_texting(figure: Figure, rng: np.random.Generator) -> None:
    """Strolling with the eyes on a telephone."""
    travel(figure, rng, walking_gait(figure, rng, rng.uniform(0.05, 0.11)))
    pose_head(figure, rng, rng.uniform(0.35, 0.5), 0.0, look_deg=4.0)
    text_arms(figure, rng)


def walk_hands_behind(figure: Figure, rng: np.random.Generator) -> None:
    """A stroll with the hands held together behind the back."""
    gait = walking_gait(
        figure, rng, rng.uniform(0.05, 0.11), arm_swing=0.0, stoop=rng.uniform(0.0, 0.2)
    )
    travel(figure, rng, gait, look_deg=20.0)
    clasp_behind(figure, rng)


def walk_waving(figure: Figure, rng: np.random.Generator) -> None:
    """Walking while greeting someone with a raised hand."""
    travel(figure, rng, walking_gait(figure, rng, rng.uniform(0.08, 0.18)))
    wave_arm(figure, rng, "right", low=True)


def walk_phone(figure: Figure, rng: np.random.Generator) -> None:
    """Strolling with a telephone at the ear."""
    travel(figure, rng, walking_gait(figure, rng, rng.uniform(0.06, 0.14)))
    phone_arm(figure, rng, "right")
