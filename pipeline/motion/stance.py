"""Standing: two planted feet, weight that shifts between them, and a pelvis that may sink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .figure import SIDES, Curve, Figure
from .signals import drift, ease, glances


@dataclass(frozen=True)
class Footing:
    """Where the feet stand. Lengths are fractions of the leg length, angles radians."""

    width: float = 0.11  # of each ankle from the middle
    ahead: float = 0.0  # left foot before, right foot behind
    toe_out: float = 0.15
    left_heel_up: Curve = 0.0
    right_heel_up: Curve = 0.0
    right_step: np.ndarray | None = None  # (T, 3) path of a right foot that is off the ground

    def heel_up(self, side: str) -> Curve:
        return self.left_heel_up if side == "left" else self.right_heel_up


def sample_footing(rng: np.random.Generator, width: tuple[float, float] = (0.10, 0.17)) -> Footing:
    """A casual standing position of the feet."""
    return Footing(
        width=rng.uniform(*width), ahead=rng.normal(0, 0.035), toe_out=rng.uniform(0.05, 0.32)
    )


def sample_weight(rng: np.random.Generator, seconds: np.ndarray, most: float = 0.8) -> np.ndarray:
    """Weight on the left (+1) or the right (-1) foot (T,), changing now and then."""
    shift = glances(rng, seconds, 1.0, (2.5, 6.0))
    # Stretch towards the ends: people rest on one leg or on both, seldom in between.
    return most * np.tanh(1.6 * shift) / np.tanh(1.6) + drift(rng, seconds, 0.03, 3.0)


def stand(
    figure: Figure, rng: np.random.Generator, footing: Footing | None = None,
    weight: Curve | None = None, sink: Curve = 0.0, back: Curve = 0.0, pitch: Curve = 0.0,
    yaw: Curve = 0.0, knee_out: Curve = 0.12, across: Curve = 0.0,
) -> np.ndarray:  # fmt: skip
    """Plant both feet and balance the pelvis over them.

    weight: (T,) -1..1, sampled when None. sink: drop of the pelvis, in leg lengths. back: shift
    of the pelvis backwards, in leg lengths. pitch, yaw: of the pelvis, radians. across: extra
    sideways shift to the left, in leg lengths. Returns the weight (T,).
    """
    footing = sample_footing(rng) if footing is None else footing
    weight = sample_weight(rng, figure.t) if weight is None else figure.curve(weight)
    leg = figure.leg_m
    bases, ankles = {}, {}
    for side, sign in SIDES.items():
        base = np.array([sign * footing.width * leg, 0.0, sign * footing.ahead * leg / 2])
        bases[side] = np.broadcast_to(base, (len(figure.t), 3))
        if side == "right" and footing.right_step is not None:
            bases[side] = bases[side] + leg * footing.right_step
        ankles[side] = figure.foot_ankle(
            bases[side], sign * footing.toe_out, footing.heel_up(side)
        )[0]
    figure.pelvis[:, 0] = (
        0.55 * footing.width * leg * weight + leg * figure.curve(across)
        + drift(rng, figure.t, 0.003, 2.7)
    )  # fmt: skip
    figure.pelvis[:, 2] = (
        -leg * figure.curve(back) + 0.25 * footing.ahead * leg * weight + 0.02 * leg
        + drift(rng, figure.t, 0.003, 3.1)
    )  # fmt: skip
    # The hip of the loaded leg rises, the free knee gives way.
    figure.set_pelvis(pitch, figure.curve(yaw) - 0.05 * weight, 0.09 * weight)
    loaded = ("left",) * 2 if footing.right_step is not None else SIDES
    ceilings = [figure.pelvis_ceiling(side, ankles[side], 0.993) for side in loaded]
    # A minimum without a corner, so that a change of the loaded leg does not jerk.
    middle, apart = (ceilings[0] + ceilings[1]) / 2, (ceilings[0] - ceilings[1]) / 2
    figure.pelvis[:, 1] = middle - np.hypot(apart, 0.004 * leg) - leg * figure.curve(sink)
    for side, sign in SIDES.items():
        free = 0.10 * np.maximum(-sign * weight, 0)
        plant_knee = figure.curve(knee_out) - free
        figure.plant_foot(
            side, bases[side], sign * footing.toe_out, footing.heel_up(side),
            knee_out=plant_knee, toe_flat=float(len(set(loaded)) == 2 or side == "left"),
        )  # fmt: skip
    return weight


def contrapposto(weight: np.ndarray) -> np.ndarray:
    """Sideways spine bend (T,) that keeps the shoulders over a tilted pelvis, radians."""
    return 0.11 * weight


def settle(seconds: np.ndarray, begin_s: float, takes_s: float) -> np.ndarray:
    """0 before `begin_s`, then a smooth change to 1 within `takes_s` seconds (T,)."""
    return ease((seconds - begin_s) / takes_s)
