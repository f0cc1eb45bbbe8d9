"""Subjects through their clips, and scenes full of placed bodies.

Both evaluate the same model with the same parameters, so that a garment simulated in the subject
frame fits the body that is rendered and labelled in the world frame.
"""

from functools import cache
from pathlib import Path

import numpy as np

from pipeline.body.frames import SUBJECT_FROM_BODY, transform_root
from pipeline.body.model import BodyModel, load_body_model
from pipeline.contracts import SceneBodies, SubjectMotion
from pipeline.conventions import rotation_z
from pipeline.errors import GenbError
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.motion.library import make_motion
from pipeline.motion.resample import ease_in
from pipeline.scene import PersonSpec, SceneSpec, SubjectSpec
from pipeline.seeding import Stream, generator
from pipeline.stages import Plan

BODIES_FILE = "bodies.npz"
MOTION_FILE = "motion.npz"
_MAX_FIT_ERROR_M = 2e-5


@cache
def _model(folder: Path, gender: str, num_betas: int) -> BodyModel:
    return load_body_model(folder, gender, num_betas)


def subject_model(plan: Plan, subject: SubjectSpec) -> BodyModel:
    """The body model that a subject's betas belong to (loaded once per process)."""
    return _model(plan.body_dir, subject.gender, len(subject.betas))


def pose_subject(plan: Plan, subject: SubjectSpec, folder: Path) -> None:
    """Evaluate a subject over its ease-in and clip; writes `motion.npz` (SubjectMotion).

    The clip is lifted by one offset so that its lowest vertex stands on the ground, or on the sole
    of its shoe when the configuration dresses people in shoes; a jump stays a jump.
    """
    model = subject_model(plan, subject)
    betas = np.array(subject.betas, np.float32)
    spec = subject.motion
    motion = make_motion(
        spec.name,
        generator(spec.seed, Stream.MOTION),
        spec.fps,
        spec.frames,
        model.rest_joints(betas),
    )
    ease_pose = ease_in(motion.pose[0], plan.config.garments.ease_in_frames)
    ease_transl = np.repeat(motion.transl[:1], len(ease_pose), axis=0)
    rest = model.evaluate(betas, np.zeros((1, 165), np.float32), np.zeros((1, 3), np.float32))
    eased = model.evaluate(betas, ease_pose, ease_transl)
    posed = model.evaluate(betas, motion.pose, motion.transl)

    sole_m = SHOE_SOLE_M if plan.config.garments.shoes else 0.0
    up = np.array([0.0, sole_m - posed.vertices[..., 1].min(), 0.0], np.float32)
    SubjectMotion(
        tpose=_to_subject(rest.vertices[0]),
        ease_in=_to_subject(eased.vertices + up),
        clip=_to_subject(posed.vertices + up),
        pose=motion.pose,
        transl=motion.transl + up,
        joints=_to_subject(posed.joints + up),
    ).save(folder / MOTION_FILE)


def _to_subject(points_body: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(points_body @ SUBJECT_FROM_BODY.T, np.float32)


def place_scene(plan: Plan, spec: SceneSpec, folder: Path) -> None:
    """Evaluate every person of a scene in the world; writes `bodies.npz` (SceneBodies).

    Raises GenbError when the world evaluation and the rigidly moved subject disagree, because then
    labels and garments would not belong to the same body.
    """
    placed = [_place_person(plan, spec, person) for person in spec.people]

    def per_frame(name: str) -> np.ndarray:
        return np.stack([person[name] for person in placed], axis=1)

    SceneBodies(
        vertices=per_frame("vertices"),
        joints=per_frame("joints"),
        pose_world=per_frame("pose_world"),
        transl_world=per_frame("transl_world"),
        T_world_subject=per_frame("T_world_subject"),
        betas=np.stack([np.array(p.subject.betas) for p in spec.people]),
        expression=np.stack([np.array(p.expression) for p in spec.people]),
        tpose=np.stack([person["tpose"] for person in placed]),
    ).save(folder / BODIES_FILE)


def _place_person(plan: Plan, spec: SceneSpec, person: PersonSpec) -> dict[str, np.ndarray]:
    subject = person.subject
    clip = SubjectMotion.load(plan.subject_dir("pose", subject) / MOTION_FILE)
    window = slice(person.first_frame, person.first_frame + spec.frames)
    if window.stop > len(clip.clip):
        raise GenbError(
            f"scene {spec.scene}: subject {subject.subject} has {len(clip.clip)} frames, but "
            f"frames {window.start}..{window.stop - 1} are asked for. Lower first_frame or raise "
            "motion.frames in the scene file."
        )
    model = subject_model(plan, subject)
    betas = np.array(subject.betas, np.float32)
    pose, transl = clip.pose[window].astype(float), clip.transl[window].astype(float)
    T_world_subject = subject_placement(clip.joints[0, 0], person)
    R = T_world_subject[:3, :3] @ SUBJECT_FROM_BODY
    root, transl_world = transform_root(
        R, T_world_subject[:3, 3], pose[:, :3], transl, model.pelvis(betas)
    )
    pose_world = np.concatenate([root, pose[:, 3:]], axis=1)
    expression = np.array(person.expression, np.float32)
    moving = np.repeat(expression[None], len(pose), axis=0)
    posed = model.evaluate(betas, pose_world, transl_world, moving)

    plain = model.evaluate(betas, pose_world, transl_world).vertices
    expected = clip.clip[window] @ T_world_subject[:3, :3].T + T_world_subject[:3, 3]
    error_m = float(np.abs(plain - expected).max())
    if error_m > _MAX_FIT_ERROR_M:
        raise GenbError(
            f"scene {spec.scene}: subject {subject.subject} in the world differs from its clip by "
            f"{error_m * 1000:.3f} mm; delete {plan.subject_dir('pose', subject)} and run again."
        )
    return {
        "vertices": posed.vertices,
        "joints": posed.joints,
        "pose_world": pose_world,
        "transl_world": transl_world,
        "T_world_subject": np.repeat(T_world_subject[None], len(pose), axis=0),
        "tpose": clip.tpose,
    }


def subject_placement(first_pelvis_m: np.ndarray, person: PersonSpec) -> np.ndarray:
    """T_world_subject (4, 4): turn about the clip's first pelvis, then stand at the position.

    first_pelvis_m: (3,) subject frame, metres; only x and y matter (feet keep their height).
    """
    T = np.eye(4)
    T[:3, :3] = rotation_z(person.yaw_deg)
    pivot = np.array([first_pelvis_m[0], first_pelvis_m[1], 0.0])
    T[:3, 3] = np.array([*person.position_m, 0.0]) - T[:3, :3] @ pivot
    return T
