"""Jumps with a true flight phase: between take-off and landing the pelvis falls freely.

`_leap` plans one cycle of pelvis height: sink, push, flight, give, stand. Feet leave the ground a
little later than the pelvis leaves its take-off height and come down a little earlier, as ankles
do, so that no joint has to change its speed at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BPoly

from .figure import SIDES, Figure
from .hands import set_hand
from .kinematics import turn
from .locomotion import GRAVITY
from .manner import pose_head, pose_trunk, rest_hand
from .signals import drift, ease


@dataclass(frozen=True)
class _Leap:
    """How someone jumps. Lengths in legs, times in seconds, heights from take-off height."""

    rise: float  # of the pelvis in flight
    crouch: float  # depth before take-off
    give: float  # depth after landing
    rest: float  # depth while standing between jumps
    heel_down: float  # depth at which the heels are back on the ground
    push_s: float
    give_s: float
    pause_s: float  # from the deepest point of landing to the next crouch


@dataclass(frozen=True)
class _Flight:
    """A leap over time."""

    height: np.ndarray  # (T,) metres above take-off height
    clock: np.ndarray  # (T,) seconds since take-off, negative before it
    flight_s: float
    cycle_s: float
    jump: np.ndarray  # (T,) int, number of the jump


def _plan(figure: Figure, leap: _Leap, start: float) -> _Flight:
    """Pelvis height of a repeated leap; `start`: 0..1, where in its cycle the clip begins."""
    leg = figure.leg_m
    speed = np.sqrt(2 * GRAVITY * leap.rise * leg)
    flight_s = 2 * speed / GRAVITY
    times = np.cumsum([-leap.push_s, leap.push_s, flight_s, leap.give_s])
    times = np.append(times, times[-1] + leap.pause_s * np.array([0.5, 1.0]))
    # Position, velocity, acceleration at: deepest, take-off, landing, deepest, standing, deepest.
    knots = [
        [-leap.crouch * leg, 0.0, 3.0], [0.0, speed, -GRAVITY], [0.0, -speed, -GRAVITY],
        [-leap.give * leg, 0.0, 3.0], [-leap.rest * leg, 0.0, 0.0], [-leap.crouch * leg, 0.0, 3.0],
    ]  # fmt: skip
    curve = BPoly.from_derivatives(times, knots)
    cycle_s = float(times[-1] - times[0])
    when = figure.t + start * cycle_s
    return _Flight(
        curve(times[0] + np.mod(when, cycle_s)), times[0] + np.mod(when, cycle_s),
        float(flight_s), cycle_s, np.floor(when / cycle_s).astype(int),
    )  # fmt: skip


def _lift(height: np.ndarray, lag_m: float) -> np.ndarray:
    """Height of the toes: the pelvis' rise less `lag_m`, zero with zero speed on the ground."""
    up = np.maximum(height, 0.0)
    return np.where(up < 2 * lag_m, up**2 / (4 * lag_m), up - lag_m)


def _jump(
    figure: Figure, rng: np.random.Generator, leap: _Leap, feet: dict[str, np.ndarray],
    heel_up: float, lean: float, start: float, toe_out: float = 0.12,
) -> _Flight:  # fmt: skip
    """Pose pelvis, trunk and the legs that jump.

    feet: side -> sideways place (T,) in legs from the middle, for each foot that stands. heel_up:
    radians at take-off. lean: of pelvis and trunk at a crouch one leg deep, radians.
    """
    flight, leg = _plan(figure, leap, start), figure.leg_m
    low = np.maximum(-flight.height / leg, 0.0)
    lag_m = min(0.06, 0.35 * leap.rise) * leg
    toes_up = _lift(flight.height, lag_m)
    pitch = heel_up * (1 - ease(low / leap.heel_down))
    figure.pelvis[:, 0] = drift(rng, figure.t, 0.003, 3.0)
    figure.pelvis[:, 2] = (0.02 - 0.15 * lean * low) * leg
    figure.set_pelvis(lean * low, drift(rng, figure.t, 0.02, 4.0), 0.0)
    bases, room = {}, []
    for side, place in feet.items():
        bases[side] = figure.points(SIDES[side] * place * leg, toes_up, 0.0)
        ankle, _ = figure.foot_ankle(bases[side], SIDES[side] * toe_out, pitch)
        room.append(figure.pelvis_ceiling(side, ankle, 0.985) - flight.height)
    figure.pelvis[:, 1] = flight.height + np.min(room)
    # Toes take longer to point than the foot to leave the ground, and are level before landing.
    early = np.minimum(flight.clock, flight.flight_s - flight.clock)
    # Toe tips, half a foot length ahead of the toe joint, must not point into the ground.
    highest_m = leap.rise * leg - lag_m
    pointing = min(1.0, 0.8 * highest_m / (0.5 * figure.foot_m * heel_up))
    flat = 1 - pointing * ease((early - 0.01) / min(0.16, flight.flight_s / 2 - 0.02))
    for side, base in bases.items():
        figure.plant_foot(
            side, base, SIDES[side] * toe_out, pitch, flat, knee_out=0.10 + 0.15 * low
        )
    pose_trunk(figure, rng, 0.03 + 0.8 * lean * low)
    return flight


def _swing(flight: _Flight, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Repeating curve through `values` at `times` (s since take-off), level at each."""
    ends = np.append(times, times[0] + flight.cycle_s)
    knots = [[value, 0.0, 0.0] for value in [*values, values[0]]]
    clock = ends[0] + np.mod(flight.clock - ends[0], flight.cycle_s)
    return BPoly.from_derivatives(ends, knots)(clock)


def jump(figure: Figure, rng: np.random.Generator) -> None:
    """Jumping up from both feet with an arm swing, over and over with a pause."""
    leap = _Leap(
        rise=rng.uniform(0.16, 0.25), crouch=rng.uniform(0.36, 0.44), give=rng.uniform(0.30, 0.38),
        rest=0.17, heel_down=0.32, push_s=0.48, give_s=0.37, pause_s=rng.uniform(1.1, 1.5),
    )  # fmt: skip
    place = figure.curve(rng.uniform(0.13, 0.18))
    flight = _jump(
        figure, rng, leap, {"left": place, "right": place}, 0.65, rng.uniform(1.1, 1.4),
        rng.uniform(),
    )  # fmt: skip
    reach_up = rng.uniform(1.6, 2.3)
    times = np.array([-0.40, 0.10, flight.flight_s + 0.24, flight.flight_s + 0.24 + 0.55])
    ahead = _swing(flight, times, np.array([-0.75, reach_up, 0.55, 0.1]))
    for side in SIDES:
        figure.swing_arm(
            side,
            ahead + rng.normal(0, 0.05),
            rng.uniform(0.32, 0.42),
            0.45 + 0.1 * ahead,
            0.1 + 0.9 * ease((ahead - 0.6) / 1.6),
            0.2,
        )
        rest_hand(figure, rng, side, str(rng.choice(["flat", "grip", "open"])))
    pose_head(figure, rng, 0.12 - 0.16 * ahead, look_deg=4.0)


def jumping_jack(figure: Figure, rng: np.random.Generator) -> None:
    """Feet apart and arms up, feet together and arms down, with a small jump each time."""
    leap = _Leap(
        rise=rng.uniform(0.07, 0.10), crouch=0.13, give=0.14, rest=0.10,
        heel_down=0.15, push_s=0.17, give_s=0.15, pause_s=rng.uniform(0.10, 0.20),
    )  # fmt: skip
    first, close, wide = int(rng.integers(2)), rng.uniform(0.07, 0.10), rng.uniform(0.30, 0.38)
    start = rng.uniform()
    plan = _plan(figure, leap, start)

    def opened(begin_s: float, takes_s: float) -> np.ndarray:
        """1 while open: changes once in each cycle."""
        change = ease((plan.clock - begin_s) / takes_s)
        before = (plan.jump + first) % 2
        return before + (1 - 2 * before) * change

    place = close + (wide - close) * opened(0.0, plan.flight_s)
    _jump(figure, rng, leap, {"left": place, "right": place}, 0.55, 0.5, start)
    # Arms start with the push and arrive with the landing.
    up = opened(-0.6 * leap.push_s, plan.flight_s + leap.push_s)
    for side in SIDES:
        angle = 0.38 + rng.uniform(2.15, 2.35) * up
        arm = figure.points(np.sin(angle), -np.cos(angle), 0.12)
        figure.aim_arm(side, arm, np.array([-0.15, 0.25, 1.0]), 0.25 + 0.15 * up, 0.2)
        rest_hand(figure, rng, side, "flat")
    pose_head(figure, rng, -0.05, look_deg=4.0)


def rope_skip(figure: Figure, rng: np.random.Generator) -> None:
    """Small quick jumps with wrists that turn a rope."""
    leap = _Leap(
        rise=rng.uniform(0.05, 0.08), crouch=0.11, give=0.12, rest=0.10,
        heel_down=0.14, push_s=0.14, give_s=0.13, pause_s=rng.uniform(0.06, 0.14),
    )  # fmt: skip
    place = figure.curve(rng.uniform(0.06, 0.09))
    flight = _jump(figure, rng, leap, {"left": place, "right": place}, 0.6, 0.5, rng.uniform())
    circle = 2 * np.pi * (flight.clock + 0.1) / flight.cycle_s
    out, bend = rng.uniform(0.35, 0.5), rng.uniform(0.9, 1.2)
    for side in SIDES:
        figure.swing_arm(
            side, -0.2 + 0.05 * np.cos(circle), out, bend + 0.12 * np.sin(circle), inward=-0.45,
            pronate=-0.3,
        )  # fmt: skip
        figure.bend_wrist(side, 0.25 * np.sin(circle), 0.2 * np.cos(circle))
        set_hand(figure, side, "fist", "grip", rng.uniform(0.1, 0.4))
    pose_head(figure, rng, 0.02, look_deg=5.0)


def hop(figure: Figure, rng: np.random.Generator) -> None:
    """Hopping on the left foot, the other one held up behind."""
    leap = _Leap(
        rise=rng.uniform(0.08, 0.13), crouch=0.19, give=0.20, rest=0.14,
        heel_down=0.22, push_s=0.25, give_s=0.21, pause_s=rng.uniform(0.18, 0.35),
    )  # fmt: skip
    flight = _jump(
        figure, rng, leap, {"left": figure.curve(0.03)}, 0.50, 0.8, rng.uniform(), toe_out=0.08
    )
    bob = flight.height / figure.leg_m
    hip = figure.position("right_hip")
    shin, knee_bend = figure.length("right_ankle"), rng.uniform(1.75, 2.0)
    thigh_ahead = rng.uniform(0.15, 0.45) - 0.5 * bob
    knee = hip + figure.length("right_knee") * figure.points(
        -0.06, -np.cos(thigh_ahead), np.sin(thigh_ahead)
    )
    angle = knee_bend - thigh_ahead
    ankle = knee + shin * figure.points(0.0, -np.cos(angle), -np.sin(angle))
    figure.reach_leg("right", ankle, figure.points(-0.08, 0.0, 1.0))
    figure.set_foot("right", turn("x", angle + 0.5))
    for side in SIDES:
        figure.swing_arm(
            side, 0.15 + 1.2 * bob + rng.normal(0, 0.1), rng.uniform(0.6, 0.95) + 0.8 * bob,
            rng.uniform(0.6, 1.1), 0.1, 0.3,
        )  # fmt: skip
        rest_hand(figure, rng, side, "open")
    pose_head(figure, rng, 0.05, look_deg=4.0)
