"""The registry of built-in motion families and `make_motion`, which samples one.

Every stylistic choice (speed, amplitude, leading side, phase, hands, gaze) comes from the
random generator, so a family is a population of motions, not a clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import floor, gestures, locomotion, reaching, sports
from .figure import Figure
from .kinematics import mirror_rest_joints
from .motion import Motion, MotionError
from .resample import mirror

Generator = Callable[[Figure, np.random.Generator], None]


@dataclass(frozen=True)
class MotionFamily:
    """A kind of motion: `generate(figure, rng)` poses a figure; tags say what it needs."""

    name: str
    action: str
    generate: Generator
    tags: frozenset[str]


def _families() -> dict[str, MotionFamily]:
    rows = [
        ("walk", "walking", locomotion.walk, "upright locomotion"),
        ("walk_brisk", "walking fast", locomotion.walk_brisk, "upright locomotion fast"),
        ("walk_turn", "turning while walking", locomotion.walk_turn, "upright locomotion"),
        ("walk_backward", "walking backwards", locomotion.walk_backward, "upright locomotion"),
        ("walk_phone", "walking with a phone", locomotion.walk_phone, "upright locomotion"),
        ("walk_waving", "walking and waving", locomotion.walk_waving, "upright locomotion"),
        ("side_step", "side stepping", locomotion.side_step, "upright locomotion"),
        ("jog", "jogging", locomotion.jog, "upright locomotion fast"),
        ("march_in_place", "marching in place", locomotion.march_in_place, "upright stepping"),
        ("idle", "standing", gestures.idle, "upright planted"),
        ("look_around", "looking around", gestures.look_around, "upright planted"),
        ("wave", "waving", gestures.wave, "upright planted"),
        ("point", "pointing", gestures.point, "upright planted"),
        ("talk", "talking with hands", gestures.talk, "upright planted"),
        ("hands_on_hips", "hands on hips", gestures.hands_on_hips, "upright planted"),
        ("arms_crossed", "crossing arms", gestures.arms_crossed, "upright planted"),
        ("hands_clasped", "clasping hands", gestures.hands_clasped, "upright planted"),
        ("phone", "talking on the phone", gestures.phone, "upright planted"),
        ("check_watch", "checking the watch", gestures.check_watch, "upright planted"),
        ("reach_up", "reaching up", reaching.reach_up, "upright planted"),
        ("reach_forward", "reaching forward", reaching.reach_forward, "upright planted"),
        ("stretch", "stretching", reaching.stretch, "upright planted"),
        ("clap", "clapping", gestures.clap, "upright planted"),
        ("dance", "dancing", sports.dance, "upright planted"),
        ("squat", "squatting", floor.squat, "upright planted"),
        ("pick_up", "picking something up", floor.pick_up, "upright planted"),
        ("crouch", "crouching", floor.crouch, "low planted"),
        ("kneel", "kneeling", floor.kneel, "low floor"),
        ("kneel_sit", "sitting on the heels", floor.kneel_sit, "low floor sitting"),
        ("sit_cross_legged", "sitting cross-legged", floor.sit_cross_legged, "low floor sitting"),
        ("sit_knees_up", "sitting on the ground", floor.sit_knees_up, "low floor sitting"),
        ("sit_lean_back", "sitting, leaning back", floor.sit_lean_back, "low floor sitting"),
        ("throw", "throwing", sports.throw, "upright planted fast"),
        ("kick", "kicking", sports.kick, "upright fast"),
        ("lunge", "lunging", sports.lunge, "upright planted"),
        ("punch", "punching", sports.punch, "upright planted fast"),
        ("arm_circles", "exercising", sports.arm_circles, "upright planted"),
    ]
    return {
        name: MotionFamily(name, act, make, frozenset(t.split())) for name, act, make, t in rows
    }


MOTIONS: dict[str, MotionFamily] = _families()


def list_motions(*tags: str) -> tuple[str, ...]:
    """Names of the families that carry all the given tags, in registry order."""
    return tuple(name for name, family in MOTIONS.items() if family.tags.issuperset(tags))


def make_motion(
    name: str, rng: np.random.Generator, fps: float, frames: int, rest_joints: np.ndarray
) -> Motion:
    """Sample one motion of a family for one body.

    rest_joints: (55, 3) metres, T-pose joints of the shaped body, body-model frame. Raises
    MotionError for an unknown family or an empty request.
    """
    family = MOTIONS.get(name)
    if family is None:
        raise MotionError(f"unknown motion '{name}'; choose one of: {', '.join(MOTIONS)}")
    if frames < 1 or not fps > 0:
        raise MotionError(f"motion '{name}': need frames >= 1 and fps > 0, got {frames}, {fps}")
    rest_joints = np.asarray(rest_joints, dtype=np.float64)
    if rest_joints.shape != (55, 3):
        raise MotionError(f"motion '{name}': rest_joints must be (55, 3), got {rest_joints.shape}")
    mirrored = bool(rng.uniform() < 0.5)
    figure = Figure(
        mirror_rest_joints(rest_joints) if mirrored else rest_joints, np.arange(frames) / fps
    )
    family.generate(figure, rng)
    motion = figure.to_motion(family.name, family.action, fps)
    return mirror(motion) if mirrored else motion
