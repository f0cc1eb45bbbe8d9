"""The registry of built-in motion families and `make_motion`, which samples one.

Every stylistic choice (speed, amplitude, leading side, phase, hands, gaze) comes from the
random generator, so a family is a population of motions, not a clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import (
    airborne,
    athletics,
    daily,
    exercise,
    floor,
    gaits,
    gestures,
    greetings,
    locomotion,
    lying,
    reaching,
    sitting,
    sports,
)
from .figure import Figure
from .flesh import Flesh
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
        ("walk_phone", "walking with a phone", gaits.walk_phone, "upright locomotion"),
        ("walk_waving", "walking and waving", gaits.walk_waving, "upright locomotion"),
        ("walk_carry", "carrying something", gaits.walk_carry, "upright locomotion"),
        ("walk_texting", "walking and texting", gaits.walk_texting, "upright locomotion"),
        ("walk_hands_behind", "strolling", gaits.walk_hands_behind, "upright locomotion"),
        ("shuffle", "shuffling", gaits.shuffle, "upright locomotion"),
        ("tiptoe", "sneaking on tiptoe", gaits.tiptoe, "upright locomotion"),
        ("side_step", "side stepping", locomotion.side_step, "upright locomotion"),
        ("jog", "jogging", locomotion.jog, "upright locomotion fast airborne"),
        ("run", "running", gaits.run, "upright locomotion fast airborne"),
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
        ("clap", "clapping", gestures.clap, "upright planted"),
        ("texting", "texting", daily.texting, "upright planted"),
        ("selfie", "taking a selfie", daily.selfie, "upright planted"),
        ("drink", "drinking", daily.drink, "upright planted"),
        ("think", "thinking", daily.think, "upright planted"),
        ("touch_hair", "touching the hair", daily.touch_hair, "upright planted"),
        ("hands_behind_back", "waiting", daily.hands_behind_back, "upright planted"),
        ("bow", "bowing", greetings.bow, "upright planted"),
        ("salute", "saluting", greetings.salute, "upright planted"),
        ("shrug", "shrugging", greetings.shrug, "upright planted"),
        ("cheer", "cheering", greetings.cheer, "upright planted"),
        ("hand_on_heart", "hand on heart", greetings.hand_on_heart, "upright planted"),
        ("reach_up", "reaching up", reaching.reach_up, "upright planted"),
        ("reach_forward", "reaching forward", reaching.reach_forward, "upright planted"),
        ("stretch", "stretching", reaching.stretch, "upright planted"),
        ("dance", "dancing", sports.dance, "upright planted"),
        ("squat", "squatting", floor.squat, "upright planted"),
        ("pick_up", "picking something up", floor.pick_up, "upright planted"),
        ("throw", "throwing", sports.throw, "upright planted fast"),
        ("kick", "kicking", sports.kick, "upright fast"),
        ("lunge", "lunging", sports.lunge, "upright planted"),
        ("punch", "punching", sports.punch, "upright planted fast"),
        ("arm_circles", "exercising", sports.arm_circles, "upright planted"),
        ("golf_swing", "swinging a golf club", athletics.golf_swing, "upright planted fast"),
        ("tennis_swing", "playing tennis", athletics.tennis_swing, "upright planted fast"),
        ("dribble", "dribbling a ball", athletics.dribble, "upright planted fast"),
        ("push", "pushing", athletics.push, "upright planted"),
        ("lift_overhead", "lifting a weight", athletics.lift_overhead, "upright planted"),
        ("toe_touch", "bending down", exercise.toe_touch, "upright planted"),
        ("trunk_twist", "twisting the trunk", exercise.trunk_twist, "upright planted"),
        ("side_bend", "bending sideways", exercise.side_bend, "upright planted"),
        ("side_lunge", "lunging sideways", exercise.side_lunge, "upright planted"),
        ("tree_pose", "standing on one leg", exercise.tree_pose, "upright"),
        ("warrior", "holding a yoga pose", exercise.warrior, "upright planted"),
        ("jump", "jumping", airborne.jump, "upright airborne fast"),
        ("jumping_jack", "jumping jacks", airborne.jumping_jack, "upright airborne fast"),
        ("rope_skip", "skipping rope", airborne.rope_skip, "upright airborne fast"),
        ("hop", "hopping on one leg", airborne.hop, "upright airborne fast"),
        ("crouch", "crouching", floor.crouch, "low planted"),
        ("kneel", "kneeling", floor.kneel, "low floor"),
        ("kneel_sit", "sitting on the heels", floor.kneel_sit, "low floor sitting"),
        ("sit_cross_legged", "sitting cross-legged", sitting.sit_cross_legged, "low floor sitting"),
        ("sit_knees_up", "sitting on the ground", sitting.sit_knees_up, "low floor sitting"),
        ("sit_lean_back", "sitting, leaning back", sitting.sit_lean_back, "low floor sitting"),
        ("sit_one_knee_up", "sitting, one knee up", sitting.sit_one_knee_up, "low floor sitting"),
        ("sit_and_reach", "stretching on the ground", sitting.sit_and_reach, "low floor sitting"),
        ("lie_back", "lying on the back", lying.lie_back, "low floor lying"),
        ("lie_side", "lying on the side", lying.lie_side, "low floor lying"),
        ("crunch", "doing sit-ups", lying.crunch, "low floor lying"),
        ("plank", "holding a plank", lying.plank, "low floor"),
        ("push_up", "doing push-ups", lying.push_up, "low floor"),
    ]
    return {
        name: MotionFamily(name, act, make, frozenset(t.split())) for name, act, make, t in rows
    }


MOTIONS: dict[str, MotionFamily] = _families()


def list_motions(*tags: str) -> tuple[str, ...]:
    """Names of the families that carry all the given tags, in registry order."""
    return tuple(name for name, family in MOTIONS.items() if family.tags.issuperset(tags))


def make_motion(
    name: str,
    rng: np.random.Generator,
    fps: float,
    frames: int,
    rest_joints: np.ndarray,
    flesh: Flesh | None = None,
) -> Motion:
    """Sample one motion of a family for one body.

    rest_joints: (55, 3) metres, T-pose joints of the shaped body, body-model frame. flesh: the
    body's thickness (`measure_flesh`), so that hands rest on it and it rests on the ground; None
    for an average estimate. Raises MotionError for an unknown family or an empty request.
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
        mirror_rest_joints(rest_joints) if mirrored else rest_joints, np.arange(frames) / fps, flesh
    )
    family.generate(figure, rng)
    motion = figure.to_motion(family.name, family.action, fps)
    return mirror(motion) if mirrored else motion
