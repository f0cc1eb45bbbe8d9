"""Sporting actions: throw, kick, lunge, punch, warming up, dancing."""

from __future__ import annotations

import numpy as np

from .figure import SIDES, Figure
from .hands import set_hand
from .manner import hang_arm, pose_head, pose_trunk, rest_hand, sample_phase
from .signals import drift, hold, keys
from .stance import Footing, stand


def throw(figure: Figure, rng: np.random.Generator) -> None:
    """An overarm throw, over and over: wind up, release, follow through."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.8, 3.4))
    times = (0.0, 0.34, 0.52, 0.66, 0.80)
    footing = Footing(
        width=rng.uniform(0.12, 0.16), ahead=rng.uniform(0.38, 0.52), toe_out=0.3,
        right_heel_up=0.55 * hold(phase, (0.40, 0.60), (0.75, 0.98)),
    )  # fmt: skip
    shift = keys(phase, times, np.array([0.0, -0.75, 0.3, 0.8, 0.5]))
    stand(
        figure, rng, footing, weight=0.3 * shift, sink=0.03, back=-0.13 * shift - 0.02,
        pitch=0.06 + 0.08 * shift, yaw=keys(phase, times, np.array([-0.2, -0.55, 0.05, 0.3, 0.1])),
    )  # fmt: skip
    pose_trunk(
        figure, rng, keys(phase, times, np.array([0.05, -0.08, 0.1, 0.35, 0.15])),
        keys(phase, times, np.array([0.0, -0.12, 0.12, 0.05, 0.0])),
        keys(phase, times, np.array([0.0, -0.50, 0.2, 0.5, 0.2])),
    )  # fmt: skip
    arm = np.array([[0.3, -0.8, 0.5], [0.95, 0.05, -0.30], [0.65, 0.25, 0.70], [-0.1, -0.4, 0.9],
                    [0.2, -0.8, 0.5]])  # fmt: skip
    toward = np.array([[-0.5, 0.4, 0.8], [0.1, 1.0, -0.1], [-0.2, 1.0, 0.0], [-0.7, 0.6, 0.3],
                       [-0.6, 0.3, 0.7]])  # fmt: skip
    bend = keys(phase, times, np.array([1.2, 1.75, 0.75, 0.45, 0.8]))
    figure.aim_arm("right", keys(phase, times, arm), keys(phase, times, toward), bend, 0.3)
    figure.bend_wrist("right", keys(phase, times, np.array([0.0, -0.5, 0.1, 0.5, 0.2])))
    set_hand(figure, "right", "grip", "open", hold(phase, (0.49, 0.58), (0.8, 0.95)))
    other = np.array([[0.25, -0.8, 0.5], [0.45, 0.0, 0.85], [0.7, -0.5, 0.3], [0.5, -0.85, -0.3],
                      [0.4, -0.9, 0.1]])  # fmt: skip
    figure.aim_arm(
        "left", keys(phase, times, other), np.array([-0.5, 0.5, 0.6]),
        keys(phase, times, np.array([1.1, 0.4, 1.1, 0.9, 0.7])), 0.3,
    )  # fmt: skip
    rest_hand(figure, rng, "left")
    pose_head(figure, rng, 0.0, keys(phase, times, np.array([0.2, 0.9, -0.2, -0.6, -0.2])), 4.0)


def kick(figure: Figure, rng: np.random.Generator) -> None:
    """Kicking a ball with the right foot, arms out for balance."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.4, 3.0))
    size = rng.uniform(0.7, 1.0)
    back = hold(phase, (0.05, 0.30), (0.33, 0.52))
    ahead = hold(phase, (0.33, 0.58), (0.62, 0.98))
    step = np.stack(
        [
            0.07 * ahead + 0.02 * back,
            size * (0.20 * back + 0.40 * ahead**2) + 0.03 * (back + ahead),
            size * (-0.40 * back + 0.60 * ahead),
        ],
        axis=-1,
    )
    footing = Footing(
        width=0.08, ahead=0.04, toe_out=0.15, right_step=step,
        right_heel_up=size * (0.95 * back + 0.25 * ahead),
    )  # fmt: skip
    raised = np.maximum(back, ahead)
    stand(
        figure, rng, footing, weight=0.25 + 0.7 * raised, sink=0.02 + 0.03 * raised,
        pitch=0.12 * back - 0.22 * ahead, yaw=-0.25 * back + 0.30 * ahead,
    )  # fmt: skip
    pose_trunk(
        figure, rng, 0.06 + 0.38 * ahead * size, 0.1 * raised, 0.25 * back - 0.45 * ahead
    )  # fmt: skip
    hang_arm(figure, rng, "left", -0.7 * back + 0.75 * ahead, 0.55 * raised, 0.3 * raised)
    hang_arm(figure, rng, "right", 0.35 * back - 0.5 * ahead, 0.45 * raised, 0.35 * raised)
    pose_head(figure, rng, 0.18 + 0.1 * raised, 0.0, look_deg=5.0)


def lunge(figure: Figure, rng: np.random.Generator) -> None:
    """Split squats: left foot ahead, right heel up, hands on the hips or swinging."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.4, 3.4))
    down = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    footing = Footing(
        width=rng.uniform(0.10, 0.14), ahead=rng.uniform(0.82, 0.98), toe_out=0.06,
        right_heel_up=0.75 + 0.2 * down,
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.05, 4.0) + 0.1,
        sink=0.03 + rng.uniform(0.18, 0.26) * down, pitch=0.08, knee_out=0.05,
    )  # fmt: skip
    pose_trunk(figure, rng, rng.uniform(0.0, 0.12))
    lift = rng.uniform(0.1, 0.5)
    for side in SIDES:
        figure.swing_arm(side, lift + 0.5 * down, 0.35, 0.5 + 0.9 * down, 0.2, 0.3)
        rest_hand(figure, rng, side, "grip")
    pose_head(figure, rng, -0.05, look_deg=7.0)


def punch(figure: Figure, rng: np.random.Generator) -> None:
    """Shadow boxing: a guard from which left and right jabs go out."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.0, 2.8))
    jabs = {
        "left": hold(phase, (0.05, 0.20), (0.22, 0.40)),
        "right": hold(phase, (0.48, 0.64), (0.66, 0.86)),
    }
    turn_left = 0.9 * jabs["right"] - 0.45 * jabs["left"]
    bounce = 0.5 - 0.5 * np.cos(8 * np.pi * phase)
    footing = Footing(
        width=rng.uniform(0.14, 0.18), ahead=rng.uniform(0.30, 0.40), toe_out=0.2,
        right_heel_up=0.25 + 0.3 * jabs["right"],
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=0.25 * turn_left, sink=0.05 + 0.012 * bounce,
        back=-0.05 * turn_left, yaw=-0.25 + 0.4 * turn_left, pitch=0.06,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.18, 0.0, -0.1 + 0.45 * turn_left)
    for side in SIDES:
        out = jabs[side][:, None]
        guard = np.array([0.35, -0.75, 0.45])
        goal = np.array([-0.12, 0.05, 1.0])
        figure.aim_arm(
            side, guard + out * (goal - guard), np.array([-0.35, 0.9, 0.25]),
            2.1 - 1.85 * jabs[side], 0.2 + 0.7 * jabs[side],
        )  # fmt: skip
        set_hand(figure, side, "fist")
    pose_head(figure, rng, 0.06, 0.3 - 0.75 * turn_left, look_deg=3.0)


def arm_circles(figure: Figure, rng: np.random.Generator) -> None:
    """Warming up: straight arms raised sideways overhead and lowered."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.4, 3.6))
    up = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    footing = Footing(width=rng.uniform(0.15, 0.22), toe_out=rng.uniform(0.1, 0.25))
    stand(figure, rng, footing, weight=drift(rng, figure.t, 0.06, 4.0), sink=0.01 * up)
    pose_trunk(figure, rng, -0.05 * up)
    for side in SIDES:
        raise_by = rng.uniform(0.92, 1.0)
        angle = 0.4 + raise_by * 2.2 * up
        arm = figure.points(np.sin(angle), -np.cos(angle), 0.12)
        figure.aim_arm(side, arm, np.array([-0.15, 0.25, 1.0]), rng.uniform(0.15, 0.3), 0.2)
        rest_hand(figure, rng, side, "flat")
    pose_head(figure, rng, -0.1 * up, look_deg=6.0)


def dance(figure: Figure, rng: np.random.Generator) -> None:
    """Swaying to music: hips, knees and bent arms move with the beat."""
    beat = sample_phase(rng, figure.t, rng.uniform(1.0, 1.5))
    sway = np.sin(2 * np.pi * beat)
    bounce = 0.5 - 0.5 * np.cos(4 * np.pi * beat)
    footing = Footing(
        width=rng.uniform(0.15, 0.2), toe_out=rng.uniform(0.15, 0.35),
        left_heel_up=0.3 * np.maximum(-sway, 0) ** 2, right_heel_up=0.3 * np.maximum(sway, 0) ** 2,
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=0.8 * sway, sink=0.025 + 0.03 * bounce, back=0.01,
        yaw=0.16 * np.sin(2 * np.pi * beat + 0.6), knee_out=0.15,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.05, 0.15 * sway, -0.3 * np.sin(2 * np.pi * beat + 0.4))
    height, swing = rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.4)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lag = np.sin(2 * np.pi * beat - 0.7 + rng.normal(0, 0.3))
        figure.swing_arm(
            side, height + sign * swing * lag, rng.uniform(0.5, 0.75), 1.35 + 0.25 * sign * lag,
            inward=0.05 + 0.15 * lag, pronate=rng.uniform(0.0, 0.6),
        )  # fmt: skip
        set_hand(figure, side, "relaxed", "grip", rng.uniform(0, 0.7), 0.08 * lag)
    pose_head(figure, rng, 0.06 * bounce, 0.12 * sway, look_deg=14.0)
