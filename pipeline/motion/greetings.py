"""Signals to other people: bowing, saluting, shrugging, cheering."""

from __future__ import annotations

import numpy as np

from .figure import SIDES, Figure
from .gestures import upright
from .hands import set_hand
from .manner import hang_arm, pose_head, pose_trunk, rest_hand, sample_phase
from .signals import drift, hold
from .stance import Footing, contrapposto, sample_footing, sample_weight, stand


def bow(figure: Figure, rng: np.random.Generator) -> None:
    """A bow from the hips, arms along the thighs."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.0, 4.2))
    down = hold(phase, (0.0, 0.32), (0.5, 0.85))
    deep = rng.uniform(0.5, 1.0)
    footing = Footing(width=rng.uniform(0.07, 0.11), toe_out=rng.uniform(0.05, 0.25))
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.06, 4.0), back=0.13 * deep * down,
        pitch=0.65 * deep * down, knee_out=0.05,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.35 * deep * down)
    for side in SIDES:
        hang_arm(figure, rng, side, forward=0.55 * deep * down, bend=-0.1 * down)
    pose_head(figure, rng, 0.15 * down, look_deg=4.0)


def salute(figure: Figure, rng: np.random.Generator) -> None:
    """Standing straight, a flat hand at the brow."""
    footing = Footing(width=rng.uniform(0.07, 0.10), toe_out=rng.uniform(0.2, 0.4))
    stand(figure, rng, footing, weight=drift(rng, figure.t, 0.05, 4.0), knee_out=0.05)
    pose_trunk(figure, rng, -0.06)
    pose_head(figure, rng, -0.03, look_deg=4.0)
    for side in SIDES:
        hang_arm(figure, rng, side, out=-0.04)
        set_hand(figure, side, "flat", "relaxed", rng.uniform(0.2, 0.6))
    before = figure.local.copy()
    wrist = figure.from_head(-1.95, rng.uniform(0.1, 0.4), 0.75)
    figure.reach_arm("right", wrist, np.array([0.95, -0.35, 0.1]), lift=0.15, forward=0.1)
    fingers = figure.head_direction(0.85, 0.45, 0.05)
    figure.aim_hand("right", fingers, figure.head_direction(0.3, -0.75, 0.5))
    set_hand(figure, "right", "flat", "relaxed", rng.uniform(0.0, 0.2))
    phase = sample_phase(rng, figure.t, rng.uniform(3.0, 4.5))
    figure.mix_arm("right", before, hold(phase, (0.0, 0.16), (0.72, 0.92)))


def shrug(figure: Figure, rng: np.random.Generator) -> None:
    """Raised shoulders, palms turned up, the head to one side."""
    upright(figure, rng)
    for side in SIDES:
        hang_arm(figure, rng, side)
    before = figure.local.copy()
    phase = sample_phase(rng, figure.t, rng.uniform(2.2, 3.4))
    up = hold(phase, (0.0, 0.22), (0.5, 0.82))
    bend = rng.uniform(1.2, 1.6)
    for side, sign in SIDES.items():
        figure.aim_arm(side, np.array([0.35, -0.9, 0.05]), np.array([0.75, 0.15, 0.75]), bend)
        figure.set_collar(side, rng.uniform(0.22, 0.34), 0.05)
        fingers = figure.forearm_direction(side) + figure.chest_direction(0.5 * sign, 0.0, 0.1)
        figure.aim_hand(side, fingers, figure.chest_direction(0.1 * sign, 1.0, 0.1))
        set_hand(figure, side, "open", "relaxed", rng.uniform(0.0, 0.4))
        figure.mix_arm(side, before, up)
    pose_head(figure, rng, -0.05 * up, 0.0, look_deg=8.0, talking=rng.uniform() < 0.5)


def cheer(figure: Figure, rng: np.random.Generator) -> None:
    """Both arms thrown up in joy, bouncing on the toes."""
    beat = sample_phase(rng, figure.t, rng.uniform(0.7, 1.1))
    bounce = 0.5 - 0.5 * np.cos(2 * np.pi * beat)
    heel = rng.uniform(0.15, 0.4) * bounce
    footing = Footing(
        width=rng.uniform(0.12, 0.19), toe_out=rng.uniform(0.1, 0.3), left_heel_up=heel,
        right_heel_up=heel,
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.1, 3.0), sink=0.05 * (1 - bounce),
        back=0.02 * (1 - bounce), pitch=0.08 * (1 - bounce),
    )  # fmt: skip
    pose_trunk(figure, rng, 0.02 - 0.12 * bounce)
    shape, pump = str(rng.choice(["fist", "open", "flat"])), rng.uniform(0.1, 0.35)
    for side in SIDES:
        arm = (rng.uniform(0.25, 0.55), 0.9, rng.uniform(0.05, 0.25))
        bend = rng.uniform(0.3, 0.6) + pump * (1 - bounce)
        figure.aim_arm(side, arm, np.array([-0.5, 0.5, 0.6]), bend, rng.uniform(0.0, 0.5))
        set_hand(figure, side, shape, "relaxed", rng.uniform(0.0, 0.2))
    pose_head(figure, rng, -0.18, look_deg=9.0, talking=True)


def hand_on_heart(figure: Figure, rng: np.random.Generator) -> None:
    """One hand laid on the chest, as in thanks or an anthem."""
    weight = sample_weight(rng, figure.t, 0.5)
    stand(figure, rng, sample_footing(rng, (0.09, 0.14)), weight=weight)
    pose_trunk(figure, rng, -0.02, contrapposto(weight))
    pose_head(figure, rng, rng.uniform(-0.1, 0.15), look_deg=8.0, talking=rng.uniform() < 0.5)
    hang_arm(figure, rng, "left")
    reach = figure.arm_m
    wrist = figure.from_torso(
        -0.17 * reach, rng.uniform(-0.36, -0.26) * reach, 0.45 * figure.flesh.belly_m + 0.17 * reach
    )
    figure.reach_arm("right", wrist, np.array([0.85, -0.65, 0.0]), forward=0.2)
    fingers = figure.chest_direction(1.0, rng.uniform(0.15, 0.4), 0.1)
    figure.aim_hand("right", fingers, figure.chest_direction(0.1, 0.0, -1.0))
    rest_hand(figure, rng, "right", "flat")
