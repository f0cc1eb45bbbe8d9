"""Standing gestures: what people do with arms, hands and gaze while on their feet.

Each family is a function (figure, rng) that poses everything. The right hand leads; the library
mirrors half of the motions.
"""

from __future__ import annotations

import numpy as np

from .figure import Curve, Figure
from .hands import set_hand
from .kinematics import transform
from .manner import hang_arm, pose_head, pose_trunk, sample_phase
from .signals import drift, glances, hold
from .stance import contrapposto, sample_footing, stand


def upright(
    figure: Figure, rng: np.random.Generator, flex: Curve = 0.0, twist: Curve = 0.0
) -> None:
    """Casual standing legs and trunk."""
    weight = stand(figure, rng)
    pose_trunk(figure, rng, flex, contrapposto(weight), twist)


def idle(figure: Figure, rng: np.random.Generator) -> None:
    """Waiting: weight on one leg, then the other."""
    upright(figure, rng)
    for side in ("left", "right"):
        hang_arm(figure, rng, side)
    pose_head(figure, rng, look_deg=20.0)


def look_around(figure: Figure, rng: np.random.Generator) -> None:
    """Searching: large head turns that the trunk follows, sometimes a hand above the eyes."""
    search = glances(rng, figure.t, np.radians(58), (0.5, 1.6))
    tilt = glances(rng, figure.t, np.radians(14), (0.8, 2.0))
    upright(figure, rng, twist=0.45 * search)
    for side in ("left", "right"):
        hang_arm(figure, rng, side)
    pose_head(figure, rng, tilt - 0.04, 0.75 * search, look_deg=4.0)
    if rng.uniform() < 0.4:
        shade_eyes(figure, rng, "right")


def shade_eyes(figure: Figure, rng: np.random.Generator, side: str) -> None:
    """Raise one flat hand to the brow."""
    s, size = (1.0 if side == "left" else -1.0), figure.head_m
    brow = figure.points(s * 0.85 * size, 1.02 * size, 1.12 * size)
    hand = figure.points(s * 1.25 * size, -0.15 * size, 0.35 * size)
    wrist = figure.position("head") + transform(figure.rotation("head"), brow + hand)
    figure.reach_arm(side, wrist, np.array([0.9, -0.55, 0.15]), lift=0.2, forward=0.15)
    fingers = transform(figure.rotation("head"), figure.points(-s, 0.25, 0.15))
    figure.aim_hand(side, fingers, transform(figure.rotation("head"), figure.points(0, -1, 0.1)))
    set_hand(figure, side, "flat", "relaxed", rng.uniform(0, 0.3))


def wave_arm(figure: Figure, rng: np.random.Generator, side: str, low: bool = False) -> None:
    """Greet with one hand: forearm up, palm ahead, swinging from the elbow."""
    beat = np.sin(2 * np.pi * (figure.t * rng.uniform(1.1, 1.8) + rng.uniform()))
    swing = rng.uniform(0.22, 0.38) * beat
    height = rng.uniform(-0.55, -0.2) if low else rng.uniform(-0.45, 0.35)
    arm = figure.points(rng.uniform(0.65, 0.9), height, rng.uniform(0.3, 0.55))
    toward = figure.points(0.25 + np.sin(swing), np.cos(swing), rng.uniform(0.1, 0.35))
    bend = rng.uniform(1.5, 1.9) - 0.6 * max(height, 0.0)
    figure.aim_arm(side, arm, toward, bend + 0.06 * beat)
    ahead = figure.chest_direction(0.0, 0.1, 1.0)
    figure.aim_hand(side, figure.forearm_direction(side), ahead)
    figure.bend_wrist(side, -0.08, rng.uniform(0.1, 0.2) * beat)
    set_hand(figure, side, "open", "flat", rng.uniform(0, 0.8), drift(rng, figure.t, 0.03, 1.5))


def wave(figure: Figure, rng: np.random.Generator) -> None:
    """Standing and waving to someone."""
    upright(figure, rng)
    hang_arm(figure, rng, "left")
    wave_arm(figure, rng, "right")
    pose_head(figure, rng, -0.04, rng.normal(0, 0.1), look_deg=8.0, talking=rng.uniform() < 0.5)


def point(figure: Figure, rng: np.random.Generator) -> None:
    """Pointing at something with a stretched arm, lowering it now and then."""
    azimuth, height = rng.uniform(-0.3, 1.25), rng.uniform(-0.25, 0.4)
    upright(figure, rng, twist=-0.22 * azimuth)
    hang_arm(figure, rng, "left")
    hang_arm(figure, rng, "right")
    before = figure.local.copy()
    wobble = drift(rng, figure.t, 0.03, 1.7)
    arm = figure.points(
        np.cos(height) * np.sin(azimuth + wobble), np.sin(height + wobble),
        np.cos(height) * np.cos(azimuth + wobble),
    )  # fmt: skip
    figure.aim_arm(
        "right", arm, np.array([-0.35, 0.9, 0.2]), rng.uniform(0.1, 0.3), rng.uniform(0.2, 0.9)
    )
    figure.bend_wrist("right", rng.normal(-0.02, 0.05), 0.03)
    set_hand(figure, "right", "point")
    phase = sample_phase(rng, figure.t, rng.uniform(4.0, 6.0))
    up = hold(phase, (0.0, 0.16), (0.8, 0.97))
    figure.mix_arm("right", before, up)
    pose_head(figure, rng, -0.4 * height * up, -0.6 * azimuth * up, look_deg=7.0)


def talk(figure: Figure, rng: np.random.Generator) -> None:
    """Explaining something with both hands in front of the body."""
    upright(figure, rng)
    reach = figure.arm_m
    for side, sign in (("left", 1.0), ("right", -1.0)):
        beat = drift(rng, figure.t, 1.0, rng.uniform(1.1, 1.6)) * rng.uniform(0.5, 1.0)
        wide = rng.uniform(0.38, 0.55) + 0.09 * drift(rng, figure.t, 1.0, 2.6)
        height = rng.uniform(-0.72, -0.5) + 0.06 * beat + 0.05 * drift(rng, figure.t, 1.0, 3.1)
        depth = rng.uniform(0.62, 0.74) + 0.05 * drift(rng, figure.t, 1.0, 2.2)
        wrist = figure.from_torso(sign * wide * reach, height * reach, depth * reach)
        figure.reach_arm(side, wrist, np.array([0.55, -0.75, -0.5]), forward=0.1)
        open_up = rng.uniform(-0.2, 0.6) + 0.3 * drift(rng, figure.t, 1.0, 1.9)
        palm = figure.chest_direction(-sign * 0.8, open_up, 0.1)
        figure.aim_hand(
            side,
            figure.forearm_direction(side) + figure.chest_direction(-0.2 * sign, 0.1, 0.2),
            palm,
        )
        set_hand(
            figure, side, "relaxed", "open", 0.45 + 0.3 * np.tanh(beat),
            drift(rng, figure.t, 0.06, 1.1),
        )  # fmt: skip
    pose_head(figure, rng, look_deg=10.0, talking=True)


def hands_on_hips(figure: Figure, rng: np.random.Generator) -> None:
    """Fists or hands at the sides of the waist, elbows out."""
    weight = stand(figure, rng, sample_footing(rng, (0.13, 0.19)))
    pose_trunk(figure, rng, -0.03, contrapposto(weight))
    fist = rng.uniform() < 0.6
    side_m = (figure.flesh.waist_m + figure.flesh.hip_m) / 2  # where the waist widens to the hips
    height, ahead = rng.uniform(0.10, 0.16), rng.uniform(0.0, 0.03)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        place = figure.points(
            sign * (side_m + 0.145 * figure.leg_m), height * figure.leg_m,
            ahead * figure.leg_m,
        )  # fmt: skip
        wrist = figure.pelvis + transform(figure.local[:, 0], place)
        figure.reach_arm(side, wrist, np.array([0.9, 0.1, -0.5]), lift=0.06, forward=0.0)
        figure.aim_hand(
            side,
            figure.chest_direction(-sign * 0.5, -0.5, 0.65),
            figure.chest_direction(-sign * 0.6, -0.6, -0.5),
        )
        set_hand(figure, side, "fist" if fist else "grip", "relaxed", rng.uniform(0.05, 0.3))
    pose_head(figure, rng, look_deg=18.0)


def arms_crossed(figure: Figure, rng: np.random.Generator) -> None:
    """Forearms crossed in front of the lower chest."""
    upright(figure, rng, flex=0.03)
    reach, height = figure.arm_m, rng.uniform(-0.48, -0.40)
    for side, sign, past, above, depth, outward in (
        ("right", -1.0, 0.05, 0.09, 0.28, 0.0), ("left", 1.0, -0.02, -0.05, 0.15, 0.02)
    ):  # fmt: skip
        ahead = figure.front_m + depth * reach
        wrist = figure.from_torso(-sign * past * reach, (height + above) * reach, ahead)
        figure.reach_arm(side, wrist, np.array([0.9, -0.6, 0.2]), lift=0.05, forward=0.3)
        fingers = figure.chest_direction(-sign, 0.25 if side == "right" else -0.1, outward)
        figure.aim_hand(side, fingers, figure.chest_direction(0.0, -0.25, -1.0))
        set_hand(figure, side, "relaxed", "grip", rng.uniform(0.1, 0.6))
    pose_head(figure, rng, 0.02, look_deg=15.0)


def hands_clasped(figure: Figure, rng: np.random.Generator) -> None:
    """Hands held together in front of the lap."""
    upright(figure, rng, flex=0.02)
    reach, height = figure.arm_m, rng.uniform(-0.95, -0.82)
    for side, sign, depth in (("right", -1.0, 0.66), ("left", 1.0, 0.56)):
        wrist = figure.from_torso(sign * 0.17 * reach, height * reach, depth * reach)
        figure.reach_arm(side, wrist, np.array([0.9, -0.3, -0.5]), forward=0.12)
        fingers = figure.chest_direction(-sign * 0.85, -0.75, 0.12)
        figure.aim_hand(side, fingers, figure.chest_direction(-sign * 0.2, 0.25, -1.0))
        set_hand(figure, side, "relaxed", "grip", rng.uniform(0.2, 0.6))
    pose_head(figure, rng, 0.03, look_deg=14.0)


def phone_arm(figure: Figure, rng: np.random.Generator, side: str) -> None:
    """One hand beside the ear, as if holding a telephone."""
    sign, size = (1.0 if side == "left" else -1.0), figure.head_m
    turn_head = figure.rotation("head")
    place = figure.points(sign * 1.34 * size, -0.42 * size, 0.42 * size)
    wrist = figure.position("head") + transform(turn_head, place)
    figure.reach_arm(side, wrist, np.array([0.5, -0.85, 0.25]), lift=0.1, forward=0.15)
    fingers = transform(turn_head, figure.points(-0.12 * sign, 1.0, -0.28))
    figure.aim_hand(side, fingers, transform(turn_head, figure.points(-sign, 0.0, -0.15)))
    set_hand(figure, side, "grip", "relaxed", rng.uniform(0.2, 0.5))


def phone(figure: Figure, rng: np.random.Generator) -> None:
    """Standing with a telephone at the ear, talking."""
    upright(figure, rng)
    hang_arm(figure, rng, "left")
    pose_head(figure, rng, 0.05, look_deg=12.0, talking=True)
    phone_arm(figure, rng, "right")


def check_watch(figure: Figure, rng: np.random.Generator) -> None:
    """Lifting the left forearm and looking at the wrist, then waiting again."""
    upright(figure, rng, flex=0.03)
    for side in ("left", "right"):
        hang_arm(figure, rng, side)
    before, reach = figure.local.copy(), figure.arm_m
    wrist = figure.from_torso(
        0.02 * reach, rng.uniform(-0.52, -0.38) * reach, rng.uniform(0.62, 0.72) * reach
    )
    figure.reach_arm("left", wrist, np.array([0.9, -0.45, 0.1]), forward=0.2)
    figure.aim_hand(
        "left", figure.forearm_direction("left"), figure.chest_direction(0.0, -0.8, -0.55)
    )
    set_hand(figure, "left", "relaxed", "fist", rng.uniform(0.2, 0.6))
    phase = sample_phase(rng, figure.t, rng.uniform(3.6, 5.2))
    up = hold(phase, (0.0, 0.18), (0.78, 0.97))
    figure.mix_arm("left", before, up)
    pose_head(figure, rng, 0.42 * up, 0.12 * up, look_deg=6.0)


def clap(figure: Figure, rng: np.random.Generator) -> None:
    """Applauding in front of the chest."""
    upright(figure, rng)
    reach, height = figure.arm_m, rng.uniform(-0.42, -0.25)
    apart = 0.5 + 0.5 * np.sin(2 * np.pi * (figure.t * rng.uniform(1.7, 2.3) + rng.uniform()))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wide = 0.10 + 0.20 * apart
        wrist = figure.from_torso(sign * wide * reach, height * reach, 0.62 * reach)
        figure.reach_arm(side, wrist, np.array([0.75, -0.7, -0.1]), forward=0.15)
        fingers = figure.chest_direction(0.0, 0.75, 0.6)
        figure.aim_hand(side, fingers, figure.chest_direction(-sign, 0.0, 0.0))
        set_hand(figure, side, "flat", "relaxed", rng.uniform(0.0, 0.2))
    pose_head(figure, rng, look_deg=9.0, talking=rng.uniform() < 0.3)
