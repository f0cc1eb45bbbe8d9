"""Walking, turning, side-stepping and jogging from a plan of footsteps.

The plan fixes every footprint on the ground; the feet roll over it (heel, flat, ball), the
pelvis rides as high as the stance legs allow, and the legs follow by inverse kinematics. So a
stance foot cannot slide, at any speed, on any curve, for any body size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from .figure import SIDES, Figure
from .kinematics import transform, turn
from .manner import pose_head, pose_trunk, rest_hand
from .signals import drift, ease, keys

GRAVITY = 9.81


@dataclass(frozen=True)
class Gait:
    """How someone moves along. Speeds in m/s, times in s, angles in radians, lengths in legs."""

    forward: float  # speed straight ahead, m/s
    sideways: float = 0.0  # speed to the left, m/s
    turn_rate: float = 0.0  # to the left, radians/s
    cycle_s: float = 1.1  # two steps
    duty: float = 0.62  # part of the cycle a foot is on the ground
    width: float = 0.075  # of each footprint from the line of travel
    toe_out: float = 0.10
    strike: float = 0.30  # toes up at heel strike
    push: float = 0.75  # heel up at push-off
    lift: float = 0.05  # foot clearance in swing
    bob: float = 0.018  # pelvis up and down, half amplitude
    extension: float = 0.993  # most stretched stance leg
    trail: float = 0.025  # footprints behind the pelvis at midstance
    lean: float = 0.04
    stoop: float = 0.0  # rounded back
    on_toes: float = 0.0  # heels never lower than this, radians
    arm_swing: float = 0.42
    arm_back: float = 0.0  # mean upper arm behind the vertical
    arm_bend: float = 0.15
    pelvis_turn: float = 0.09
    hand: str = "relaxed"


@dataclass(frozen=True)
class _Path:
    """Where the body is and which way it heads, for any time of the sequence."""

    x: CubicSpline
    z: CubicSpline
    heading: CubicSpline

    def at(self, seconds: np.ndarray) -> np.ndarray:
        return np.stack([self.x(seconds), np.zeros_like(seconds), self.z(seconds)], -1)


def _plan_path(gait: Gait, rng: np.random.Generator, seconds: np.ndarray, wander: float) -> _Path:
    """Integrate speed and heading, with margins of two cycles for footsteps outside the clip."""
    grid = np.arange(
        seconds[0] - 2 * gait.cycle_s - 0.02, seconds[-1] + 2 * gait.cycle_s + 0.02, 0.01
    )
    heading = gait.turn_rate * grid + drift(rng, grid, wander, 9.0)
    heading -= np.interp(seconds[0], grid, heading)
    velocity = transform(
        turn("y", heading), np.broadcast_to([gait.sideways, 0.0, gait.forward], (len(grid), 3))
    )
    steps = np.diff(grid)[:, None] * (velocity[1:] + velocity[:-1]) / 2
    place = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    return _Path(
        CubicSpline(grid, place[:, 0]), CubicSpline(grid, place[:, 2]), CubicSpline(grid, heading)
    )


@dataclass(frozen=True)
class _Foot:
    """One foot over time: sole point, yaw, pitch, toe use, and where in its cycle it is."""

    base: np.ndarray  # (T, 3)
    yaw: np.ndarray
    pitch: np.ndarray
    toe_flat: np.ndarray
    soft: np.ndarray
    on_ground: np.ndarray  # (T,) bool
    landing: np.ndarray  # (T,) bool, second half of the swing


def _footfall(figure: Figure, gait: Gait, path: _Path, side: str, cycle: np.ndarray) -> _Foot:
    """Footprints of one foot. cycle: (T,) cycles since this foot's strike number 0."""
    sign, number = SIDES[side], np.floor(cycle)
    part = cycle - number
    start = figure.t - cycle * gait.cycle_s  # strike number 0, the same for all frames

    def footprint(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        middle = start + (index + gait.duty / 2) * gait.cycle_s
        heading = path.heading(middle)
        behind = gait.trail * figure.leg_m + 0.15 * figure.foot_m
        offset = figure.points(sign * gait.width * figure.leg_m, 0.0, -behind)
        return path.at(middle) + transform(turn("y", heading), offset), (
            heading + sign * gait.toe_out
        )

    here, yaw_here = footprint(number)
    there, yaw_there = footprint(number + 1)
    swing = np.clip((part - gait.duty) / (1 - gait.duty), 0, 1)
    # A cubic: with a gentler start the foot would lag behind and overstretch the knee.
    go = swing * swing * (3 - 2 * swing)
    base = here + go[:, None] * (there - here)
    base[:, 1] = gait.lift * figure.leg_m * (4 * swing * (1 - swing)) ** 2
    d = gait.duty
    pitch = keys(
        part,
        (0.0, 0.16 * d, 0.46 * d, d + 0.18 * (1 - d), d + 0.92 * (1 - d)),
        np.array([-gait.strike, 0.0, 0.0, gait.push, -gait.strike * 1.1]),
    )
    pitch = pitch + gait.on_toes
    # Toes hang in the swing; who lands on them has them level again in time.
    landing_toes = ease((swing - 0.55) / 0.4) if gait.on_toes else 0.0
    toe_flat = 1 - ease(swing / 0.85) * (1 - landing_toes)
    return _Foot(
        base, yaw_here + go * (yaw_there - yaw_here), pitch, toe_flat,
        0.12 * np.sin(np.pi * swing) ** 2, part < gait.duty, swing > 0.5,
    )  # fmt: skip


def _swing_arms(figure: Figure, rng: np.random.Generator, gait: Gait, legs: dict) -> None:
    """Arms that swing against the legs, elbows bending more on the forward swing."""
    out = rng.uniform(0.32, 0.42)
    pace = rng.uniform(0.85, 1.15)
    for side in SIDES:
        ahead = -legs[side]
        part = gait.arm_swing * rng.uniform(0.85, 1.15) * pace
        figure.swing_arm(
            side,
            part * (ahead + 0.05) - gait.arm_back + drift(rng, figure.t, 0.015, 3.0),
            out + 0.06 * gait.arm_bend * (1 - ahead),
            gait.arm_bend + rng.uniform(0.1, 0.25) + (0.08 + 0.28 * part) * (1 + ahead) / 2,
            inward=0.12 - 0.15 * gait.arm_bend,
            pronate=rng.uniform(0.1, 0.35),
        )
        rest_hand(figure, rng, side, gait.hand)


def travel(
    figure: Figure, rng: np.random.Generator, gait: Gait, wander: float = 0.05,
    look_deg: float = 14.0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Pose the whole figure for a gait; returns how far each leg is ahead (T,), -1..1."""
    path = _plan_path(gait, rng, figure.t, wander)
    cycle = figure.t / gait.cycle_s + rng.uniform()
    cycles = {"left": cycle, "right": cycle + 0.5}
    feet = {side: _footfall(figure, gait, path, side, cycles[side]) for side in SIDES}
    legs = {side: np.cos(2 * np.pi * (cycles[side] - 0.03)) for side in SIDES}
    heading = path.heading(figure.t)

    sway = 0.28 * gait.width * figure.leg_m * np.cos(2 * np.pi * (cycle - gait.duty / 2))
    figure.pelvis[:] = path.at(figure.t) + transform(turn("y", heading), figure.points(sway, 0, 0))
    list_left = 0.05 * np.sin(2 * np.pi * (cycle + 0.06)) * (1 + gait.forward / 3)
    twist = gait.pelvis_turn * legs["left"]
    figure.set_pelvis(gait.lean, heading - twist, list_left)

    # Midstance is the highest point of a walk and the lowest of a run.
    bob = gait.bob * figure.leg_m * np.cos(4 * np.pi * (cycle - gait.duty / 2))
    bob = bob if gait.duty > 0.5 else -bob
    room = np.full(len(figure.t), np.inf)
    for side, foot in feet.items():
        ankle, _ = figure.foot_ankle(foot.base, foot.yaw, foot.pitch, foot.soft)
        ceiling = figure.pelvis_ceiling(side, ankle, gait.extension)
        counts = foot.on_ground | (foot.landing & (gait.duty > 0.5))
        room = np.where(counts, np.minimum(room, ceiling - bob), room)
    figure.pelvis[:, 1] = bob + (room.min() if np.isfinite(room.min()) else figure.pelvis[0, 1])
    for side, foot in feet.items():
        figure.plant_foot(side, foot.base, foot.yaw, foot.pitch, foot.toe_flat, foot.soft)

    pose_trunk(
        figure, rng, flex=gait.lean + gait.stoop + 0.02, side=0.9 * list_left,
        twist=(1.0 + 1.2 * gait.arm_swing) * twist,
    )  # fmt: skip
    _swing_arms(figure, rng, gait, legs)
    lead = np.clip(0.35 * gait.turn_rate, -0.4, 0.4) + 0.12 * np.sign(gait.sideways)
    level = -1.4 * gait.lean - 0.7 * gait.stoop
    pose_head(figure, rng, level, lead - 0.8 * gait.arm_swing * twist, look_deg)
    return legs


def froude_speed(figure: Figure, froude: float) -> float:
    """Speed in m/s of a dynamically similar gait: sqrt(froude * g * leg length)."""
    return float(np.sqrt(froude * GRAVITY * figure.leg_m))


def walking_gait(figure: Figure, rng: np.random.Generator, froude: float, **more) -> Gait:
    """A walk of the given Froude number; step length and cadence share the speed.

    Adults: 0.10 is a stroll (0.9 m/s), 0.22 a usual walk (1.35 m/s), 0.38 brisk (1.8 m/s).
    """
    speed = froude_speed(figure, froude)
    # Stride over leg length grows with the square root of dimensionless speed.
    stride = 2.35 * froude**0.25 * figure.leg_m * rng.uniform(0.93, 1.05)
    style = {
        "forward": speed,
        "cycle_s": stride / speed,
        "duty": 0.70 - 0.18 * np.sqrt(froude),
        "width": rng.uniform(0.06, 0.10),
        "toe_out": rng.uniform(0.02, 0.20),
        "strike": 0.16 + 0.35 * np.sqrt(froude) * rng.uniform(0.8, 1.1),
        "push": 0.50 + 0.80 * np.sqrt(froude),
        "bob": 0.012 + 0.04 * np.sqrt(froude),
        "lean": rng.normal(0.03, 0.02),
        "arm_swing": 0.15 + 0.6 * np.sqrt(froude) * rng.uniform(0.6, 1.2),
        "arm_bend": 0.05 + rng.uniform(0, 0.15),
        "pelvis_turn": 0.05 + 0.12 * np.sqrt(froude),
    }
    return Gait(**(style | more))


def walk(figure: Figure, rng: np.random.Generator) -> None:
    """An everyday walk, about straight ahead."""
    travel(figure, rng, walking_gait(figure, rng, rng.uniform(0.10, 0.25)))


def walk_brisk(figure: Figure, rng: np.random.Generator) -> None:
    """A fast walk with strong arm swing."""
    gait = walking_gait(
        figure, rng, rng.uniform(0.28, 0.38), arm_bend=rng.uniform(0.15, 0.5),
        lean=rng.uniform(0.05, 0.10),
    )  # fmt: skip
    travel(figure, rng, gait, look_deg=9.0)


def walk_turn(figure: Figure, rng: np.random.Generator) -> None:
    """A slow walk on a tight curve."""
    gait = walking_gait(
        figure, rng, rng.uniform(0.05, 0.11), turn_rate=rng.uniform(0.35, 0.75),
        width=rng.uniform(0.08, 0.11),
    )  # fmt: skip
    travel(figure, rng, gait, look_deg=16.0)


def walk_backward(figure: Figure, rng: np.random.Generator) -> None:
    """A careful walk backwards, toes landing first, with looks over the shoulder."""
    gait = walking_gait(figure, rng, rng.uniform(0.025, 0.05))
    speed = -froude_speed(figure, 0.03) * rng.uniform(0.8, 1.1)
    gait = Gait(
        forward=speed, cycle_s=gait.cycle_s, duty=0.66, width=rng.uniform(0.08, 0.11), strike=0.0,
        push=0.30, lift=0.06, bob=0.008, lean=0.05, arm_swing=-0.10, arm_bend=0.3,
        pelvis_turn=-0.03,
    )  # fmt: skip
    travel(figure, rng, gait, look_deg=24.0)


def side_step(figure: Figure, rng: np.random.Generator) -> None:
    """Steps to the side, facing ahead, as when making room for someone."""
    speed = 0.45 * figure.leg_m * rng.uniform(0.75, 1.15)
    gait = Gait(
        forward=0.0, sideways=speed, cycle_s=rng.uniform(1.0, 1.25), duty=0.62,
        width=rng.uniform(0.19, 0.23), strike=0.0, push=0.22, lift=0.05, bob=0.006,
        extension=0.975, lean=0.04, arm_swing=0.0, arm_bend=rng.uniform(0.1, 0.5), pelvis_turn=0.0,
    )  # fmt: skip
    travel(figure, rng, gait, wander=0.03, look_deg=16.0)


def jog(figure: Figure, rng: np.random.Generator) -> None:
    """An easy run with a flight phase and bent arms."""
    speed = froude_speed(figure, rng.uniform(0.45, 0.70))
    cycle_s = 0.73 * np.sqrt(figure.leg_m / 0.81) * rng.uniform(0.97, 1.06)
    gait = Gait(
        forward=speed, cycle_s=cycle_s, duty=0.36, width=0.045, toe_out=rng.uniform(0.0, 0.12),
        strike=rng.uniform(0.05, 0.18), push=0.95, lift=0.17, bob=0.028, extension=0.978,
        trail=0.07, lean=rng.uniform(0.06, 0.11), arm_swing=rng.uniform(0.38, 0.5),
        arm_back=rng.uniform(0.15, 0.3), arm_bend=rng.uniform(1.15, 1.4), pelvis_turn=0.10,
        hand="grip",
    )  # fmt: skip
    travel(figure, rng, gait, look_deg=7.0)


def march_in_place(figure: Figure, rng: np.random.Generator) -> None:
    """Walking on the spot with lifted knees, as in a warm-up."""
    gait = Gait(
        forward=0.0, cycle_s=rng.uniform(1.0, 1.3), duty=0.56, width=rng.uniform(0.09, 0.12),
        strike=0.0, push=0.35, lift=rng.uniform(0.19, 0.27), bob=0.004, extension=0.99,
        arm_swing=rng.uniform(0.35, 0.55), arm_bend=rng.uniform(0.7, 1.2), pelvis_turn=0.03,
    )  # fmt: skip
    travel(figure, rng, gait, wander=0.02)
