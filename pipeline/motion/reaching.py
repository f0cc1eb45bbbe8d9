"""Reaching up, reaching ahead and stretching: the whole standing body follows the arms."""

from __future__ import annotations

import numpy as np

from .figure import Figure
from .hands import set_hand
from .manner import hang_arm, pose_head, pose_trunk, sample_phase
from .signals import drift, hold
from .stance import Footing, sample_footing, stand


def reach_up(figure: Figure, rng: np.random.Generator) -> None:
    """Taking something from a high shelf, on tiptoe."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.2, 4.6))
    up = hold(phase, (0.0, 0.26), (0.66, 0.95))
    tiptoe = rng.uniform(0.1, 0.5)
    footing = Footing(
        width=rng.uniform(0.11, 0.16), ahead=rng.normal(0, 0.05), left_heel_up=tiptoe * up,
        right_heel_up=tiptoe * up,
    )  # fmt: skip
    stand(figure, rng, footing, weight=drift(rng, figure.t, 0.12, 4.0))
    pose_trunk(figure, rng, -0.12 * up, 0.14 * up, 0.12 * up)
    hang_arm(figure, rng, "left", out=0.12 * up)
    hang_arm(figure, rng, "right")
    before = figure.local.copy()
    arm = figure.points(rng.uniform(0.02, 0.3), rng.uniform(0.8, 0.95), rng.uniform(0.3, 0.6))
    figure.aim_arm("right", arm, np.array([-0.5, -0.1, 0.9]), rng.uniform(0.12, 0.4), 0.5)
    set_hand(figure, "right", "open", "grip", hold(phase, (0.34, 0.44), (0.9, 0.99)))
    figure.mix_arm("right", before, up)
    pose_head(figure, rng, -0.5 * up, -0.1 * up, look_deg=6.0)


def reach_forward(figure: Figure, rng: np.random.Generator) -> None:
    """Leaning to take something from a low table in front."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.4, 5.0))
    down = hold(phase, (0.0, 0.28), (0.62, 0.95))
    deep = rng.uniform(0.55, 0.95)
    stand(
        figure, rng, sample_footing(rng, (0.12, 0.18)), weight=drift(rng, figure.t, 0.1, 4.0),
        sink=0.05 * down, back=0.10 * deep * down, pitch=0.42 * deep * down, knee_out=0.15,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.5 * deep * down, 0.0, 0.2 * down)
    hang_arm(figure, rng, "left", forward=0.25 * down, bend=0.2 * down)
    hang_arm(figure, rng, "right")
    before = figure.local.copy()
    arm = figure.points(rng.uniform(0.0, 0.2), rng.uniform(-0.25, 0.05), 1.0)
    figure.aim_arm("right", arm, np.array([-0.3, 0.9, 0.1]), rng.uniform(0.15, 0.45), 0.9)
    set_hand(figure, "right", "open", "grip", hold(phase, (0.36, 0.46), (0.92, 0.99)))
    figure.mix_arm("right", before, down)
    pose_head(figure, rng, -0.15 * down, -0.08 * down, look_deg=6.0)


def stretch(figure: Figure, rng: np.random.Generator) -> None:
    """Both arms stretched overhead, bending the trunk from side to side."""
    phase = sample_phase(rng, figure.t, rng.uniform(5.0, 7.0))
    up = hold(phase, (0.0, 0.22), (0.78, 0.98))
    bend = rng.uniform(0.1, 0.32) * np.sin(2 * np.pi * (phase * 2 + rng.uniform())) * up
    heel = rng.uniform(0.0, 0.3) * up
    footing = Footing(width=rng.uniform(0.14, 0.2), left_heel_up=heel, right_heel_up=heel)
    stand(figure, rng, footing, weight=drift(rng, figure.t, 0.08, 4.0), across=-0.05 * bend)
    pose_trunk(figure, rng, -0.14 * up, bend)
    for side in ("left", "right"):
        hang_arm(figure, rng, side)
    before = figure.local.copy()
    arm = (rng.uniform(0.12, 0.3), 1.0, rng.uniform(0.02, 0.2))
    for side in ("left", "right"):
        toward = np.array([-0.8, 0.1, 0.5])
        figure.aim_arm(side, arm, toward, rng.uniform(0.15, 0.5), rng.uniform(0.2, 0.7))
        set_hand(figure, side, "open", "relaxed", rng.uniform(0.1, 0.6))
        figure.mix_arm(side, before, up)
    pose_head(figure, rng, -0.2 * up, 0.0, look_deg=6.0)
