"""Gymnastics and yoga on two feet or one: toe touches, twists, side bends, tree, warrior."""

from __future__ import annotations

import numpy as np

from .figure import SIDES, Figure
from .hands import set_hand
from .ik import unit
from .manner import hang_arm, pose_head, pose_trunk, rest_hand, sample_phase
from .signals import drift, hold
from .stance import Footing, stand


def toe_touch(figure: Figure, rng: np.random.Generator) -> None:
    """Bending down with straight knees, hands towards the feet, and up again."""
    phase = sample_phase(rng, figure.t, rng.uniform(4.0, 5.5))
    down = hold(phase, (0.0, 0.36), (0.56, 0.95))
    deep = rng.uniform(0.82, 1.0)
    footing = Footing(width=rng.uniform(0.09, 0.16), toe_out=rng.uniform(0.05, 0.2))
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.05, 4.0), back=0.19 * deep * down,
        pitch=1.12 * deep * down, knee_out=0.05, sink=0.01 * down,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.85 * deep * down)
    for side in SIDES:
        hang_arm(figure, rng, side)
    before, pulse = figure.local.copy(), 0.04 * np.sin(2 * np.pi * figure.t * rng.uniform(0.8, 1.2))
    # The arms hang towards the feet: in chest axes that is up and ahead.
    ahead = (2.05 + pulse) * deep
    for side in SIDES:
        figure.swing_arm(side, ahead, rng.uniform(0.10, 0.22), 0.12, 0.9, 0.3)
        set_hand(figure, side, "flat", "relaxed", rng.uniform(0.2, 0.6))
        figure.mix_arm(side, before, down)
    pose_head(figure, rng, 0.2 * down, look_deg=4.0)


def trunk_twist(figure: Figure, rng: np.random.Generator) -> None:
    """Turning the trunk from side to side, arms bent before the chest or swinging along."""
    phase = sample_phase(rng, figure.t, rng.uniform(1.8, 2.8))
    turn_left = rng.uniform(0.8, 1.0) * np.sin(2 * np.pi * phase)
    late = np.sin(2 * np.pi * phase - 0.5)
    footing = Footing(width=rng.uniform(0.17, 0.24), toe_out=rng.uniform(0.1, 0.3))
    stand(
        figure, rng, footing, weight=0.25 * turn_left, sink=0.03, back=0.01,
        yaw=0.28 * turn_left,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.04, 0.0, 0.62 * turn_left)
    swinging = rng.uniform() < 0.5
    out = rng.uniform(0.9, 1.35)
    for side, sign in SIDES.items():
        if swinging:
            # The arm on the side turned to swings behind, the other wraps across the front.
            figure.swing_arm(
                side, 0.45 - 0.35 * sign * late, 0.60 + 0.20 * sign * late,
                0.75 - 0.35 * sign * late, inward=0.55 - 0.3 * sign * late, pronate=0.3,
            )  # fmt: skip
            rest_hand(figure, rng, side)
        else:
            arm = (np.sin(out), -np.cos(out), 0.45)
            figure.aim_arm(side, arm, np.array([-0.75, 0.05, 0.65]), 1.75 + 0.05 * late, 0.7)
            set_hand(figure, side, "fist", "flat", rng.uniform(0.1, 0.9))
    pose_head(figure, rng, 0.0, 0.35 * turn_left, look_deg=3.0)


def side_bend(figure: Figure, rng: np.random.Generator) -> None:
    """Bending to one side with one arm arched overhead, the other hand sliding down the thigh."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.2, 4.6))
    over = hold(phase, (0.0, 0.34), (0.52, 0.92))
    deep = rng.uniform(0.7, 1.0)
    footing = Footing(width=rng.uniform(0.18, 0.26), toe_out=rng.uniform(0.15, 0.35))
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.05, 4.0), across=-0.05 * over,
        sink=0.01,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.0, 0.75 * deep * over)
    hang_arm(figure, rng, "left", out=0.12 * over)
    hang_arm(figure, rng, "right")
    before = figure.local.copy()
    # The hand slides down the outside of the thigh, as far as the arm is long.
    hip, knee = figure.position("left_hip"), figure.position("left_knee")
    beside = figure.flesh.hip_m - figure.hip_half_m + 0.11 * figure.arm_m
    shoulder = figure.position("left_shoulder")
    down = unit(hip + 0.65 * (knee - hip) + figure.points(beside, 0.0, 0.0) - shoulder)
    figure.reach_arm("left", shoulder + 0.97 * figure.arm_m * down, np.array([0.5, 0.0, -0.8]))
    figure.aim_hand("left", unit(knee - hip), figure.points(-1.0, 0.0, 0.0))
    set_hand(figure, "left", "flat")
    figure.mix_arm("left", before, over)
    arm = (0.05, 1.0, rng.uniform(0.05, 0.2))
    figure.aim_arm("right", arm, np.array([-0.95, 0.1, 0.25]), rng.uniform(0.4, 0.8), 0.5)
    set_hand(figure, "right", "flat", "relaxed", rng.uniform(0.1, 0.5))
    figure.mix_arm("right", before, over)
    pose_head(figure, rng, 0.0, 0.1 * over, look_deg=5.0)


def side_lunge(figure: Figure, rng: np.random.Generator) -> None:
    """Wide feet, sinking over one bent knee and then over the other."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.4, 4.8))
    over = np.sin(2 * np.pi * phase)
    over = over * (1.5 - 0.5 * over**2)  # stays longer at the ends
    footing = Footing(width=rng.uniform(0.40, 0.48), toe_out=rng.uniform(0.25, 0.45))
    deep = rng.uniform(0.75, 1.0)
    stand(
        figure, rng, footing, weight=0.0, across=0.22 * deep * over,
        sink=0.02 + 0.10 * deep * over**2, back=0.10 * over**2, pitch=0.45 * deep * over**2,
        knee_out=0.10,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.25 * over**2, -0.08 * over)
    style = rng.uniform()
    for side in SIDES:
        if style < 0.5:
            figure.swing_arm(side, 0.75 + 0.25 * over**2, 0.25, 1.9, inward=0.60, pronate=0.3)
            set_hand(figure, side, "fist", "grip", rng.uniform(0.0, 0.5))
        else:
            figure.swing_arm(side, 1.2 + 0.2 * over**2, 0.2, 0.2, 0.1, 0.8)
            set_hand(figure, side, "flat", "relaxed", rng.uniform(0.0, 0.5))
    pose_head(figure, rng, -0.3 * over**2, look_deg=5.0)


def tree_pose(figure: Figure, rng: np.random.Generator) -> None:
    """Standing on the left leg, the right sole against it, palms together."""
    leg = figure.leg_m
    wobble = drift(rng, figure.t, 0.006, 2.2)
    base = figure.points(0.045 * leg, 0.0, -0.02 * leg)
    figure.pelvis[:, 0] = 0.02 * leg + 0.4 * wobble * leg
    figure.pelvis[:, 2] = drift(rng, figure.t, 0.003, 2.9)
    figure.set_pelvis(0.0, drift(rng, figure.t, 0.015, 4.0), 0.08 + wobble)
    ankle, _ = figure.foot_ankle(base, 0.06, 0.0)
    figure.pelvis[:, 1] = figure.pelvis_ceiling("left", ankle, 0.993)
    figure.plant_foot("left", base, 0.06, knee_out=0.03)
    # The right heel rests above or below the left knee, never on it.
    hip, knee = figure.position("left_hip"), figure.position("left_knee")
    calf = rng.uniform() < 0.5
    down = rng.uniform(1.30, 1.42) if calf else rng.uniform(0.70, 0.80)
    shin = figure.position("left_ankle") - knee
    inside = hip + down * (knee - hip) if down < 1 else knee + (down - 1) * shin
    away = (0.07 * leg if calf else 0.66 * figure.flesh.thigh_m) + figure.ankle_up_m
    figure.reach_leg(
        "right", inside + figure.points(-away, 0.0, 0.02 * leg), figure.points(-1.0, 0.1, 0.45)
    )
    # Toes down, sole towards the standing leg.
    toes = figure.points(0.10, -1.0, 0.25)
    sole = figure.points(1.0, 0.1, 0.1)
    figure.aim_foot("right", toes, sole)
    pose_trunk(figure, rng, -0.02, 0.09)
    overhead = rng.uniform() < 0.5
    reach = figure.arm_m
    for side, sign in SIDES.items():
        if overhead:
            figure.aim_arm(side, (0.12, 1.0, 0.10), np.array([-0.9, 0.1, 0.3]), 0.35, 0.0)
            set_hand(figure, side, "flat")
            continue
        wrist = figure.from_torso(
            sign * 0.085 * reach, -0.40 * reach, max(0.42 * reach, figure.flesh.belly_m)
        )
        figure.reach_arm(side, wrist, np.array([0.95, -0.45, 0.0]), forward=0.15)
        figure.aim_hand(
            side, figure.chest_direction(0.0, 1.0, 0.2), figure.chest_direction(-sign, 0.0, 0.1)
        )
        set_hand(figure, side, "flat")
    pose_head(figure, rng, 0.02, look_deg=3.0)


def warrior(figure: Figure, rng: np.random.Generator) -> None:
    """A long stance, front knee bent, back foot flat and turned out, arms level or overhead."""
    leg = figure.leg_m
    phase = sample_phase(rng, figure.t, rng.uniform(5.0, 7.0))
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    front = figure.points(0.03 * leg, 0.0, 0.44 * leg)
    back = figure.points(-0.10 * leg, 0.0, -0.60 * leg)
    sink = rng.uniform(0.03, 0.05) * (1 - breath)
    figure.pelvis[:, 0] = drift(rng, figure.t, 0.003, 3.0)
    figure.pelvis[:, 2] = (-0.03 + 0.5 * sink) * leg
    figure.set_pelvis(0.05, -0.55, 0.0)
    ankles = {
        "left": figure.foot_ankle(front, 0.05, 0.0)[0],
        "right": figure.foot_ankle(back, -1.15, 0.0)[0],
    }
    ceiling = figure.pelvis_ceiling("right", ankles["right"], 0.985)
    figure.pelvis[:, 1] = np.minimum(ceiling, ceiling.min() + 0.02 * leg) - sink * leg
    figure.plant_foot("left", front, 0.05, knee_out=0.05)
    figure.plant_foot("right", back, -1.15, knee_out=0.0)
    level = rng.uniform() < 0.6
    pose_trunk(figure, rng, -0.04, 0.0, 0.10 if level else 0.50)
    for side in SIDES:
        if level:
            ahead = -0.15 if side == "right" else 0.15
            figure.aim_arm(side, (1.0, 0.05, ahead), np.array([0.0, 0.2, 1.0]), 0.08, 0.9)
        else:
            figure.aim_arm(side, (0.18, 1.0, 0.08), np.array([-0.8, 0.1, 0.4]), 0.2, 0.1)
        set_hand(figure, side, "flat", "open", rng.uniform(0.0, 0.3))
    pose_head(figure, rng, 0.0, 0.45 if level else 0.05, look_deg=3.0)
