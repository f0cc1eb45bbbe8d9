"""Ball games and effort: golf, tennis, dribbling, pushing. Balls and clubs are not there."""

from __future__ import annotations

import numpy as np

from .figure import SIDES, Figure
from .hands import set_hand
from .manner import hang_arm, pose_head, pose_trunk, rest_hand, sample_phase
from .signals import drift, hold, keys
from .stance import Footing, stand


def golf_swing(figure: Figure, rng: np.random.Generator) -> None:
    """Both hands on a club: address, back to the right, through to the left."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.6, 4.6))
    times = (0.0, 0.14, 0.44, 0.56, 0.70, 0.82)
    size = rng.uniform(0.75, 1.0)

    def curve(values: list) -> np.ndarray:
        return keys(phase, times, np.array(values))

    shift = curve([0.0, 0.0, -0.5, 0.25, 0.75, 0.7])
    footing = Footing(
        width=rng.uniform(0.19, 0.25), toe_out=rng.uniform(0.12, 0.3),
        right_heel_up=0.62 * hold(phase, (0.50, 0.70), (0.84, 0.99)),
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=0.5 * shift,
        sink=curve([0.05, 0.05, 0.05, 0.045, 0.035, 0.035]),
        back=curve([0.07, 0.07, 0.06, 0.06, 0.02, 0.02]),
        pitch=curve([0.28, 0.28, 0.24, 0.24, 0.06, 0.06]),
        yaw=size * curve([0.0, 0.0, -0.40, 0.15, 0.60, 0.60]),
    )  # fmt: skip
    pose_trunk(
        figure, rng, curve([0.35, 0.35, 0.28, 0.30, 0.0, 0.0]), 0.0,
        size * curve([0.0, 0.0, -0.75, 0.05, 0.55, 0.55]),
    )  # fmt: skip
    reach = figure.arm_m
    # The grip in chest axes; the arms are long and the hands one above the other. Low enough for
    # the chin to stay clear of the shoulders, and before the belly.
    grip = curve([
        [0.0, -0.80, 0.74], [0.0, -0.80, 0.74], [-0.42, -0.38 * size, 0.64], [0.02, -0.80, 0.70],
        [0.44, -0.15 * size, 0.64], [0.40, -0.18, 0.60],
    ])  # fmt: skip
    stout = max(figure.front_m - 0.30 * reach, 0.0)
    wrist = figure.from_torso(grip[:, 0] * reach, grip[:, 1] * reach, grip[:, 2] * reach + stout)
    for side, sign, step in (("left", 1.0, 0.075), ("right", -1.0, -0.075)):
        aside = figure.chest_direction(sign * 0.08 * reach, step * reach, 0.0)
        figure.reach_arm(side, wrist + aside, np.array([0.55, -0.8, -0.1]), lift=-0.1, forward=0.2)
        along = figure.forearm_direction("left") + figure.forearm_direction("right")
        palm = figure.chest_direction(-sign, 0.0, 0.1)
        figure.aim_hand(side, figure.forearm_direction(side) + 0.3 * along, palm)
        set_hand(figure, side, "fist", "grip", rng.uniform(0.2, 0.4))
    pose_head(
        figure, rng, curve([0.35, 0.35, -0.10, 0.25, -0.15, -0.15]),
        curve([0.0, 0.0, 0.50, -0.1, 0.25, 0.3]) * size, 2.0,
    )  # fmt: skip


def tennis_swing(figure: Figure, rng: np.random.Generator) -> None:
    """Forehands with a racket in the right hand: ready, back, through, across."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.4, 3.2))
    times = (0.0, 0.36, 0.52, 0.66, 0.80)
    footing = Footing(
        width=rng.uniform(0.17, 0.23), ahead=rng.uniform(0.2, 0.4), toe_out=0.3,
        right_heel_up=0.6 * hold(phase, (0.42, 0.60), (0.74, 0.98)),
    )  # fmt: skip

    def curve(values: list) -> np.ndarray:
        return keys(phase, times, np.array(values))

    shift = curve([0.0, -0.6, 0.3, 0.6, 0.3])
    stand(
        figure, rng, footing, weight=0.35 * shift, sink=0.06, back=-0.10 * shift + 0.03,
        pitch=0.12, yaw=curve([-0.05, -0.5, 0.05, 0.35, 0.15]),
    )  # fmt: skip
    pose_trunk(
        figure, rng, 0.14, curve([0.0, -0.05, 0.02, 0.0, 0.0]),
        curve([0.0, -0.50, 0.15, 0.45, 0.2]),
    )  # fmt: skip
    height = rng.uniform(-0.15, 0.2)
    arm = curve([
        [0.30, -0.80, 0.50], [0.85, -0.50 + height, -0.10], [0.65, -0.45 + height, 0.60],
        [-0.15, -0.15 + 0.5 * height, 0.95], [0.10, -0.70, 0.65],
    ])  # fmt: skip
    toward = curve([
        [-0.25, 0.2, 0.9], [0.25, 0.35, 0.6], [-0.05, 0.2, 0.9], [-0.85, 0.45, 0.1],
        [-0.5, 0.3, 0.7],
    ])  # fmt: skip
    figure.aim_arm("right", arm, toward, curve([1.15, 0.75, 0.40, 1.35, 1.3]), 0.1)
    figure.bend_wrist("right", curve([0.0, -0.4, -0.1, 0.2, 0.0]), 0.1)
    set_hand(figure, "right", "grip", "fist", rng.uniform(0.3, 0.7))
    other = curve([
        [0.20, -0.80, 0.55], [0.35, -0.20, 0.90], [0.60, -0.55, 0.50], [0.60, -0.80, 0.05],
        [0.35, -0.85, 0.35],
    ])  # fmt: skip
    figure.aim_arm(
        "left", other, np.array([-0.5, 0.45, 0.6]), curve([1.25, 0.6, 1.2, 1.3, 1.2]), 0.3
    )
    rest_hand(figure, rng, "left")
    pose_head(figure, rng, 0.0, curve([0.05, 0.6, 0.1, -0.55, -0.2]), 4.0)


def dribble(figure: Figure, rng: np.random.Generator) -> None:
    """Bouncing a ball with the right hand, knees bent, the other arm guarding."""
    beat = sample_phase(rng, figure.t, rng.uniform(0.62, 0.85))
    press = np.sin(2 * np.pi * beat)
    footing = Footing(
        width=rng.uniform(0.19, 0.25), ahead=rng.uniform(0.15, 0.4), toe_out=0.25,
        right_heel_up=rng.uniform(0.1, 0.3),
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.12, 2.5),
        sink=rng.uniform(0.08, 0.14) + 0.006 * press, back=0.06, pitch=0.32, knee_out=0.15,
        yaw=-0.1,
    )  # fmt: skip
    pose_trunk(figure, rng, rng.uniform(0.2, 0.35) - 0.02 * press, -0.05)
    side_way, reach = rng.uniform(0.38, 0.55), figure.arm_m
    hip = figure.position("right_hip")
    wrist = hip + figure.points(
        -side_way * reach, (0.20 + 0.17 * press) * reach, rng.uniform(0.5, 0.62) * reach
    )
    figure.reach_arm("right", wrist, np.array([0.75, -0.2, -0.65]), forward=0.05)
    figure.aim_hand(
        "right", figure.points(0.15, -0.35 + 0.15 * press, 0.9), figure.points(0.1, -1.0, 0.15)
    )
    set_hand(figure, "right", "open", "relaxed", 0.35 - 0.25 * press)
    figure.swing_arm("left", 0.65, rng.uniform(0.45, 0.7), rng.uniform(1.0, 1.4), 0.35, 0.5)
    rest_hand(figure, rng, "left", "open")
    pose_head(figure, rng, -0.32, 0.0, look_deg=16.0)


def push(figure: Figure, rng: np.random.Generator) -> None:
    """Leaning with both palms against something heavy and shoving it."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.6, 3.8))
    shove = hold(phase, (0.0, 0.30), (0.62, 0.95))
    lean = rng.uniform(0.16, 0.28)
    footing = Footing(
        width=rng.uniform(0.10, 0.15), ahead=rng.uniform(0.75, 0.95), toe_out=0.12,
        right_heel_up=0.5 + 0.3 * shove,
    )  # fmt: skip
    stand(
        figure, rng, footing, weight=0.2, sink=0.05 + 0.02 * (1 - shove), back=0.06 - 0.16 * shove,
        pitch=lean, knee_out=0.08,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.10 + 0.10 * shove)
    height, reach = rng.uniform(-0.30, 0.0), figure.arm_m
    # The wall gives way no further than the hands stay in place: they move with the feet's world.
    middle = figure.from_torso(0.0, height * reach, 0.72 * reach)
    place = middle[0] + 0.35 * (middle - middle[0])
    for side, sign in SIDES.items():
        wrist = place + figure.points(sign * 0.36 * reach, 0.0, 0.0)
        figure.reach_arm(side, wrist, np.array([0.75, -0.6, -0.1]), forward=0.2)
        figure.aim_hand(side, figure.points(-0.1 * sign, 0.95, 0.3), figure.points(0.0, 0.0, 1.0))
        set_hand(figure, side, "open", "flat", rng.uniform(0.2, 0.8))
    pose_head(figure, rng, 0.1 * shove, look_deg=4.0)


def lift_overhead(figure: Figure, rng: np.random.Generator) -> None:
    """Pressing a weight from the shoulders to straight arms and back."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.4, 3.6))
    up = hold(phase, (0.0, 0.34), (0.50, 0.90))
    footing = Footing(width=rng.uniform(0.15, 0.21), toe_out=rng.uniform(0.15, 0.35))
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.04, 4.0), sink=0.02 * (1 - up),
        back=0.01,
    )  # fmt: skip
    pose_trunk(figure, rng, -0.06 - 0.04 * up)
    wide = rng.uniform(0.30, 0.45)
    for side in SIDES:
        hang_arm(figure, rng, side)
        low, high = np.array([wide, -0.90, 0.40]), np.array([0.22, 1.0, 0.12])
        angle = up[:, None]
        # Around the side, not through the chest.
        arm = (1 - angle) * low + angle * high + 4 * angle * (1 - angle) * [0.45, 0.0, 0.15]
        figure.aim_arm(side, arm, np.array([0.0, 0.85, 0.55]), 2.15 - 1.95 * up, 0.3)
        figure.aim_hand(
            side, figure.forearm_direction(side) + figure.chest_direction(0.0, 0.0, -0.35),
            figure.chest_direction(0.0, 0.3, 1.0),
        )  # fmt: skip
        set_hand(figure, side, "fist", "grip", rng.uniform(0.1, 0.4))
    pose_head(figure, rng, -0.12 * up, look_deg=4.0)
