"""Near and on the ground: squatting, crouching, picking up and kneeling.

Knee and instep thickness are estimated from bone lengths (measured on the free body model's
mesh), so that knees and feet touch the same ground for most bodies.
"""

from __future__ import annotations

import numpy as np

from .figure import SIDES, Figure
from .hands import set_hand
from .ik import unit
from .kinematics import JOINT, turn
from .manner import hang_arm, pose_head, pose_trunk, rest_hand, sample_phase
from .signals import drift, hold
from .stance import Footing, sample_footing, stand

# Height above the ground of joints that rest on it, in leg lengths.
KNEE_HEIGHT = 0.072  # knee joint of someone sitting on the heels
UPRIGHT_KNEE_HEIGHT = 0.061  # knee joint under an upright thigh
INSTEP_HEIGHT = 0.06  # ankle joint of a foot lying on its instep


def squat(figure: Figure, rng: np.random.Generator) -> None:
    """Repeated knee bends with the arms held forward for balance."""
    phase = sample_phase(rng, figure.t, rng.uniform(2.2, 3.2))
    down = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    deep = rng.uniform(0.28, 0.46)
    footing = Footing(width=rng.uniform(0.17, 0.23), toe_out=rng.uniform(0.25, 0.45))
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.03, 4.0), sink=deep * down,
        back=0.36 * deep * down, pitch=1.0 * deep * down, knee_out=0.2,
    )  # fmt: skip
    pose_trunk(figure, rng, 0.75 * deep * down)
    for side in SIDES:
        figure.swing_arm(
            side,
            0.2 + 1.35 * down,
            rng.uniform(0.2, 0.3),
            0.25,
            inward=0.1,
            pronate=0.4 + 0.5 * down,
        )
        rest_hand(figure, rng, side, "flat")
    pose_head(figure, rng, -0.6 * deep * down, look_deg=6.0)


def crouch(figure: Figure, rng: np.random.Generator) -> None:
    """Squatting low on the balls of the feet, forearms on the thighs."""
    heel = rng.uniform(0.3, 0.55)
    footing = Footing(
        width=rng.uniform(0.13, 0.18), ahead=rng.uniform(-0.12, 0.12),
        toe_out=rng.uniform(0.2, 0.4), left_heel_up=heel, right_heel_up=heel,
    )  # fmt: skip
    sink = rng.uniform(0.60, 0.66) + drift(rng, figure.t, 0.006, 3.5)
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.08, 4.0), sink=sink, back=0.06,
        pitch=0.30, knee_out=0.28,
    )  # fmt: skip
    pose_trunk(figure, rng, rng.uniform(0.40, 0.55))
    lean_on_knees(figure, rng)
    pose_head(figure, rng, -0.38, look_deg=16.0)


def lean_on_knees(
    figure: Figure, rng: np.random.Generator, inward: float = 0.12,
    elbow: tuple[float, float, float] = (0.9, -0.5, -0.2),
) -> None:  # fmt: skip
    """Forearms across the knees, hands hanging loosely between them."""
    for side, sign in SIDES.items():
        reach = figure.arm_m
        offset = figure.points(
            -sign * inward * reach, rng.uniform(0.20, 0.26) * reach, 0.28 * reach
        )
        figure.reach_arm(side, figure.position(f"{side}_knee") + offset, np.array(elbow))
        figure.aim_hand(
            side, figure.forearm_direction(side) + figure.chest_direction(0.0, -0.6, 0.2),
            figure.chest_direction(-0.5 * sign, -0.8, -0.2),
        )  # fmt: skip
        set_hand(
            figure, side, "relaxed", "grip", rng.uniform(0, 0.4), drift(rng, figure.t, 0.03, 3)
        )


def pick_up(figure: Figure, rng: np.random.Generator) -> None:
    """Bending knees and back to take something from the ground."""
    phase = sample_phase(rng, figure.t, rng.uniform(3.4, 4.6))
    down = hold(phase, (0.0, 0.36), (0.52, 0.95))
    sink = rng.uniform(0.18, 0.32)
    footing = sample_footing(rng, (0.14, 0.19))
    stand(
        figure, rng, footing, weight=drift(rng, figure.t, 0.08, 4.0), sink=sink * down,
        back=0.15 * down, pitch=(0.95 - 0.4 * sink) * down, knee_out=0.04,
    )  # fmt: skip
    pose_trunk(figure, rng, (0.85 - 0.5 * sink) * down, -0.08 * down, -0.1 * down)
    hang_arm(figure, rng, "left", forward=0.2 * down, out=0.5 * down, bend=0.4 * down)
    hang_arm(figure, rng, "right")
    before = figure.local.copy()
    reach, leg = figure.arm_m, figure.leg_m
    target = figure.points(-0.47 * leg, 0.42 * reach, 0.20 * leg)
    figure.reach_arm("right", target, np.array([0.9, 0.2, -0.4]), lift=-0.05, forward=0.2)
    figure.aim_hand("right", figure.points(0.1, -1.0, 0.25), figure.points(0.6, 0.0, -0.6))
    set_hand(figure, "right", "open", "grip", hold(phase, (0.38, 0.46), (0.96, 0.999)))
    figure.mix_arm("right", before, down)
    pose_head(figure, rng, -0.25 * down, 0.0, look_deg=6.0)


def kneel(figure: Figure, rng: np.random.Generator) -> None:
    """Resting on one knee: left foot flat in front, right knee and toes on the ground."""
    leg = figure.leg_m
    thigh, shin = figure.length("right_knee"), figure.length("right_ankle")
    lean = rng.uniform(0.02, 0.12)
    sway = drift(rng, figure.t, 0.004, 4.0)
    height = UPRIGHT_KNEE_HEIGHT * leg + 0.985 * thigh - figure.offset("right_hip")[1]
    figure.pelvis[:] = figure.points(sway, height, sway)
    figure.set_pelvis(lean, drift(rng, figure.t, 0.02, 5.0), 0.0)
    hip = figure.position("right_hip")
    toes = rng.uniform(1.0, 1.1)
    base = np.stack([hip[0, 0] - 0.02, 0.0, hip[0, 2] - 0.99 * shin])
    ankle, foot = figure.foot_ankle(np.tile(base, (len(figure.t), 1)), -0.05, toes)
    # Slide the foot so that the ankle, not the sole, is a shin's length behind the knee.
    knee_z = hip[0, 2] + np.sqrt(thigh**2 - (0.985 * thigh) ** 2)
    drop = ankle[0, 1] - UPRIGHT_KNEE_HEIGHT * leg
    ankle[:, 2] = knee_z - np.sqrt(shin**2 - drop**2)
    figure.reach_leg("right", ankle, figure.points(-0.08, -0.2, 1.0))
    figure.set_foot("right", foot)
    figure.local[:, JOINT["right_foot"]] = turn("x", np.full(len(figure.t), -toes))
    front = figure.points(
        0.15 * leg, 0.0, hip[0, 2] + rng.uniform(0.40, 0.50) * leg - 0.2 * figure.foot_m
    )
    figure.plant_foot("left", front, rng.uniform(0.0, 0.25), knee_out=0.12)
    pose_trunk(figure, rng, rng.uniform(0.05, 0.25))
    hang_arm(figure, rng, "right", forward=-lean)
    rest_on_thigh(figure, rng, "left", 0.93)
    pose_head(figure, rng, 0.0, look_deg=18.0)


def rest_on_thigh(
    figure: Figure, rng: np.random.Generator, side: str, along: float,
    elbow: tuple[float, float, float] = (0.9, -0.3, -0.5),
) -> None:  # fmt: skip
    """A hand lying on the thigh, `along` of the way from hip to knee."""
    hip, knee = figure.position(f"{side}_hip"), figure.position(f"{side}_knee")
    thigh = unit(knee - hip)
    # The upper side of the thigh, whichever way the knee falls.
    up = figure.points(0.0, 1.0, 0.0)
    up = unit(up - thigh * np.sum(up * thigh, axis=1, keepdims=True))
    # The wrist lies about a hand's length before the finger tips; towards the knee every thigh
    # is about equally thin.
    slim = np.clip(2 * along - 1.3, 0.0, 1.0)
    thick = (1 - slim) * figure.flesh.thigh_m + slim * 0.10 * figure.leg_m
    place = (
        hip
        + along * (knee - hip)
        + (thick + (0.053 - 0.03 * along) * figure.leg_m) * up
        - 0.16 * figure.arm_m * thigh
    )
    figure.reach_arm(side, place, np.array(elbow), forward=0.1)
    figure.aim_hand(side, thigh - 0.05 * up, -up)
    set_hand(figure, side, "relaxed", "flat", rng.uniform(0.4, 0.8))


def kneel_sit(figure: Figure, rng: np.random.Generator) -> None:
    """Sitting on the heels, hands on the thighs."""
    leg, count = figure.leg_m, len(figure.t)
    thigh, shin = figure.length("left_knee"), figure.length("left_ankle")
    sway = drift(rng, figure.t, 0.003, 4.0)
    hip_up = 0.30 * leg
    figure.pelvis[:] = figure.points(sway, hip_up - figure.offset("left_hip")[1], 0.5 * sway)
    figure.set_pelvis(rng.uniform(0.0, 0.12), 0.0, 0.0)
    apart = rng.uniform(0.0, 0.06) * leg
    for side, sign in SIDES.items():
        hip = figure.position(f"{side}_hip")[0]
        ahead = np.sqrt(thigh**2 - (hip_up - KNEE_HEIGHT * leg) ** 2 - apart**2)
        knee = hip + [sign * apart, KNEE_HEIGHT * leg - hip_up, ahead]
        back = np.sqrt(shin**2 - ((INSTEP_HEIGHT - KNEE_HEIGHT) * leg) ** 2)
        ankle = np.array([knee[0] - sign * apart, INSTEP_HEIGHT * leg, knee[2] - back])
        figure.reach_leg(side, np.tile(ankle, (count, 1)), figure.points(sign * apart, 0.3, 1.0))
        figure.set_foot(
            side, turn("y", np.full(count, -sign * 0.15)) @ turn("x", np.full(count, 2.75))
        )
    pose_trunk(figure, rng, rng.uniform(0.0, 0.15))
    for side in SIDES:
        rest_on_thigh(figure, rng, side, rng.uniform(0.62, 0.75), elbow=(1.0, -0.12, -0.45))
    pose_head(figure, rng, 0.03, look_deg=18.0)
