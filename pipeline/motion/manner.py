"""What every motion shares: breathing, a wandering head and gaze, arms that hang, resting hands.

Generators call these after placing the pelvis and the legs; each takes its choices from `rng`.
"""

from __future__ import annotations

import numpy as np

from .figure import Curve, Figure
from .hands import set_hand
from .signals import drift, glances


def sample_phase(rng: np.random.Generator, seconds: np.ndarray, period_s: float) -> np.ndarray:
    """Cycle phase (T,) of a repeating action that starts anywhere in its cycle."""
    return seconds / period_s + rng.uniform()


def pose_trunk(
    figure: Figure, rng: np.random.Generator, flex: Curve = 0.0, side: Curve = 0.0,
    twist: Curve = 0.0,
) -> None:  # fmt: skip
    """Spine with breathing, slow sway and a personal habit of standing straight or slumped."""
    breath = 0.012 * np.sin(2 * np.pi * (figure.t / rng.uniform(3.2, 4.8) + rng.uniform()))
    habit = rng.normal(0.02, 0.04)
    figure.set_spine(
        figure.curve(flex) + habit + breath + drift(rng, figure.t, 0.012, 5.0),
        figure.curve(side) + drift(rng, figure.t, 0.012, 6.0),
        figure.curve(twist) + drift(rng, figure.t, 0.018, 7.0),
    )


def pose_head(
    figure: Figure, rng: np.random.Generator, pitch: Curve = 0.0, yaw: Curve = 0.0,
    look_deg: float = 14.0, talking: bool = False, roll: Curve = 0.0,
) -> None:  # fmt: skip
    """Head with glances of up to about `look_deg`, eyes that lead them, blink-free jaw."""
    look = glances(rng, figure.t, np.radians(look_deg), (0.8, 2.6))
    nod = glances(rng, figure.t, np.radians(0.4 * look_deg), (1.0, 3.0))
    eyes = glances(rng, figure.t, np.radians(12.0), (0.4, 1.6))
    figure.set_head(
        figure.curve(pitch) + nod + rng.normal(0.02, 0.04) + drift(rng, figure.t, 0.01, 3.0),
        figure.curve(yaw) + look,
        figure.curve(roll) + rng.normal(0, 0.03) + drift(rng, figure.t, 0.015, 5.0),
    )
    figure.set_eyes(eyes, 0.04 + 0.4 * nod)
    opening = 0.02 + 0.01 * (1 + np.sin(figure.t))
    if talking:
        syllables = np.sin(2 * np.pi * 3.1 * figure.t + rng.uniform(0, 6)) * np.sin(
            2 * np.pi * 1.3 * figure.t + rng.uniform(0, 6)
        )
        opening = 0.05 + 0.045 * (1 + syllables)
    figure.set_jaw(opening)


def hang_arm(
    figure: Figure, rng: np.random.Generator, side: str, forward: Curve = 0.0, out: Curve = 0.0,
    bend: Curve = 0.0,
) -> None:  # fmt: skip
    """An arm that hangs beside the body, clear of clothed hips, with relaxed fingers.

    forward, out, bend: additions to the hanging angles, radians.
    """
    base = rng.normal(0.03, 0.05)
    figure.swing_arm(
        side,
        figure.curve(forward) + base + drift(rng, figure.t, 0.012, 4.5),
        figure.curve(out) + rng.uniform(0.30, 0.38) + drift(rng, figure.t, 0.008, 5.5),
        figure.curve(bend) + rng.uniform(0.18, 0.38),
        inward=rng.uniform(0.0, 0.25),
        pronate=rng.uniform(0.0, 0.35),
    )
    rest_hand(figure, rng, side)


def rest_hand(figure: Figure, rng: np.random.Generator, side: str, shape: str = "relaxed") -> None:
    """A relaxed hand, each time a little more open or closed."""
    other = rng.choice(["open", "grip", "flat"], p=[0.3, 0.45, 0.25])
    set_hand(figure, side, shape, str(other), rng.uniform(0, 0.45), drift(rng, figure.t, 0.03, 2.5))
    figure.bend_wrist(side, rng.normal(0.08, 0.06), rng.normal(0.0, 0.04))
