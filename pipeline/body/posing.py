"""Subjects through their clips, and scenes full of placed bodies.

Both evaluate the same model with the same parameters, so that a garment simulated in the subject
frame fits the body that is rendered and labelled in the world frame.
"""

from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.frames import SUBJECT_FROM_BODY, transform_root
from pipeline.body.gaze import look_at_point
from pipeline.body.model import BodyModel, load_body_model
from pipeline.body.modelfile import model_path, read_model_file
from pipeline.config import MotionSection
from pipeline.contracts import SceneBodies, SubjectMotion
from pipeline.conventions import rotation_z
from pipeline.errors import GenbError, SceneRejected
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.garments.shoe_kinds import BAREFOOT
from pipeline.motion.clips import perform
from pipeline.motion.flesh import measure_flesh
from pipeline.motion.kinematics import forward_kinematics
from pipeline.motion.motion import MotionError
from pipeline.motion.resample import ease_in, ease_in_length, neighbours
from pipeline.plausibility.ground import airborne, settle_m
from pipeline.plausibility.judgement import Plausibility, judge
from pipeline.plausibility.selfcontact import BodySegments
from pipeline.scene import MotionSpec, PersonSpec, SceneSpec, SubjectSpec
from pipeline.stages import Plan

BODIES_FILE = "bodies.npz"
MOTION_FILE = "motion.npz"
_MAX_FIT_ERROR_M = 2e-5
_FLOOR_PERCENTILE = 10.0


@cache
def _model(folder: Path, gender: str, num_betas: int, evaluator: str, kid: Path | None):
    return load_body_model(folder, gender, num_betas, evaluator=evaluator, kid_template=kid)


@cache
def _segments(folder: Path, gender: str) -> BodySegments:
    file = read_model_file(model_path(folder, gender))
    return BodySegments.of(file.weights, file.faces, file.face_part)


def subject_model(plan: Plan, subject: SubjectSpec) -> BodyModel:
    """The body model that a subject's betas belong to (loaded once per process)."""
    body = plan.config.body
    kid = plan.body_dir / body.kid_template if subject.kid else None
    num_betas = len(subject.betas) - subject.kid
    return _model(plan.body_dir, subject.gender, num_betas, body.evaluator, kid)


def pose_subject(plan: Plan, subject: SubjectSpec, folder: Path) -> None:
    """Evaluate a subject over its ease-in and clip; writes `motion.npz` (SubjectMotion).

    Raises SceneRejected when the motion file cannot be used or the moving body breaks a limit of
    [plausibility].
    """
    try:
        moved, found = move_subject(plan, subject)
    except MotionError as error:
        # The reason becomes part of the dataset, which should not tell where things lay.
        spec = subject.motion
        reason = str(error).replace(spec.path or spec.name, spec.name)
        raise SceneRejected(f"motion {reason}") from error
    if found.faults:
        raise SceneRejected(
            f"motion {subject.motion.name} is not plausible: {'; '.join(found.faults)}"
        )
    moved.save(folder / MOTION_FILE)


def move_subject(plan: Plan, subject: SubjectSpec) -> tuple[SubjectMotion, Plausibility]:
    """A subject over its ease-in and clip, and how plausibly it moves.

    The clip is lifted by one offset so that its lowest vertex (of a file: of all but a tenth of its
    frames) stands on the ground, or on the sole of its shoe when the configuration dresses people
    in shoes; a jump stays a jump. A clip whose stride is fitted to the body also follows the floor
    slowly (`settle_m`). A clip that keeps its file's own ground is not lifted. Raises MotionError
    for an unusable motion file.
    """
    model = subject_model(plan, subject)
    betas = np.array(subject.betas, np.float32)
    spec = subject.motion
    rest = model.evaluate(betas, np.zeros((1, 165), np.float32), np.zeros((1, 3), np.float32))
    rest_joints = model.rest_joints(betas)
    flesh = measure_flesh(rest.vertices[0], rest_joints)
    motion = perform(spec, rest_joints, plan.config.motion, flesh)
    own_ground = spec.ground == "file"
    transl = motion.transl.astype(np.float64)
    if own_ground:
        transl = transl + motion.own_place(model.pelvis(betas))
    lead = ease_in_length(motion.pose[0], plan.config.garments.ease_in_frames)
    ease_pose = ease_in(motion.pose[0], lead)
    ease_transl = np.repeat(transl[:1], len(ease_pose), axis=0)
    posed = model.evaluate(betas, motion.pose, transl)

    shod = plan.config.garments.shoes and subject.shoes != BAREFOOT and not own_ground
    sole_m = SHOE_SOLE_M if shod else 0.0
    lowest_m = posed.vertices[..., 1].min(axis=1)
    # One dip of a captured foot must not leave the rest of the clip in the air.
    floor_m = np.percentile(lowest_m, _FLOOR_PERCENTILE) if spec.path else lowest_m.min()
    lift_m = np.zeros(spec.frames) if own_ground else np.full(spec.frames, sole_m - floor_m)
    if spec.fit_stride and not own_ground:
        flight = airborne(lowest_m - floor_m, posed.joints[:, 0, 1], spec.fps)
        lift_m += settle_m(lowest_m - floor_m, flight, spec.fps)
    up = (lift_m[:, None] * [0.0, 1.0, 0.0]).astype(np.float32)
    clip = _to_subject(posed.vertices + up[:, None])
    tpose = _to_subject(rest.vertices[0])
    found = judge(
        clip - np.array([0.0, 0.0, sole_m], np.float32),
        tpose,
        _to_subject(posed.joints[:, 0] + up),
        motion.pose,
        spec.fps,
        _segments(plan.body_dir, subject.gender),
        model.vertex_part,
        plan.config.plausibility,
        grounded=not own_ground,
    )
    eased = model.evaluate(betas, ease_pose, ease_transl)
    moved = SubjectMotion(
        tpose=tpose,
        ease_in=_to_subject(eased.vertices + up[0]),
        clip=clip,
        pose=motion.pose,
        transl=(transl + up).astype(np.float32),
        joints=_to_subject(posed.joints + up[:, None]),
        ground_gap_mm=found.ground_gap_mm,
        airborne=found.airborne,
        self_penetration_mm=found.self_penetration_mm,
        T_subject_motion=_subject_from_motion(
            spec, motion.pose, transl + up, rest_joints, plan.config.motion
        ),
    )
    return moved, found


def _subject_from_motion(
    spec: MotionSpec,
    pose: np.ndarray,
    transl: np.ndarray,
    rest_joints: np.ndarray,
    section: MotionSection,
) -> np.ndarray:
    """T_subject_motion (T, 4, 4): where each frame of the clip went from its place in the file.

    pose (T, 165) and transl (T, 3) are the clip's own. Both roots are known, so the rigid motion
    between them is. A mirrored clip is no rigid motion of its file, and gets the identity.
    """
    if spec.path is None or spec.mirrored:
        return np.tile(np.eye(4), (spec.frames, 1, 1))
    own = spec.model_copy(update={"heading": "file", "ground": "file", "fit_stride": False})
    file = perform(own, rest_joints, section)
    pelvis = rest_joints[0].astype(np.float64)
    file_transl = file.transl + file.own_place(pelvis)
    roots = [Rotation.from_rotvec(p[:, :3].astype(np.float64)) for p in (pose, file.pose)]
    turn = SUBJECT_FROM_BODY @ (roots[0] * roots[1].inv()).as_matrix() @ SUBJECT_FROM_BODY.T
    here, there = ((t + pelvis) @ SUBJECT_FROM_BODY.T for t in (transl, file_transl))
    T_subject_motion = np.tile(np.eye(4), (spec.frames, 1, 1))
    T_subject_motion[:, :3, :3] = turn
    T_subject_motion[:, :3, 3] = here - np.einsum("tij,tj->ti", turn, there)
    return T_subject_motion


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
        betas=_stacked([p.subject.betas for p in spec.people]),
        expression=np.stack([np.array(p.expression) for p in spec.people]),
        tpose=np.stack([person["tpose"] for person in placed]),
        ground_gap_mm=per_frame("ground_gap_mm"),
        airborne=per_frame("airborne"),
        self_penetration_mm=per_frame("self_penetration_mm"),
        velocity=per_frame("velocity"),
    ).save(folder / BODIES_FILE)


def _stacked(betas: list[list[float]]) -> np.ndarray:
    """Everybody's betas (P, B), padded with zeros: a kid has one more than the others."""
    longest = max(map(len, betas))
    return np.array([[*mine, *[0.0] * (longest - len(mine))] for mine in betas])


def _place_person(plan: Plan, spec: SceneSpec, person: PersonSpec) -> dict[str, np.ndarray]:
    subject = person.subject
    clip = SubjectMotion.load(plan.subject_dir("pose", subject) / MOTION_FILE)
    window = spec.clip_frames(person)
    if window[-1] >= len(clip.clip):
        raise GenbError(
            f"scene {spec.scene}: subject {subject.subject} has {len(clip.clip)} frames, but "
            f"frames {window[0]}..{window[-1]} are asked for. Lower first_frame or raise "
            "motion.frames in the scene file."
        )
    model = subject_model(plan, subject)
    betas = np.array(subject.betas, np.float32)
    T_world_subject = subject_placement(clip.joints[0, 0], person)
    pose_world, transl_world = _world_pose(model, person, clip, window, T_world_subject)
    _check_placement(plan, spec, person, clip, model, pose_world, transl_world, T_world_subject)

    def evaluate(frames: list[int]):
        pose, transl = _world_pose(model, person, clip, frames, T_world_subject)
        if person.gaze_m is not None:
            joints = forward_kinematics(pose, transl, model.rest_joints(betas))
            pose = look_at_point(pose, joints, person.gaze_m)
        expression = np.repeat(np.array(person.expression, np.float32)[None], len(pose), axis=0)
        return pose, model.evaluate(betas, pose, transl, expression)

    pose_world, posed = evaluate(window)
    velocity = np.zeros((0, *posed.vertices.shape[1:]), np.float32)
    if spec.shutter_s > 0:
        before, after, seconds = neighbours(window, len(clip.clip), subject.motion.fps)
        moved = evaluate(after)[1].vertices - evaluate(before)[1].vertices
        velocity = (moved / seconds[:, None, None]).astype(np.float32)
    return {
        "vertices": posed.vertices,
        "joints": posed.joints,
        "pose_world": pose_world,
        "transl_world": transl_world,
        "T_world_subject": np.repeat(T_world_subject[None], len(window), axis=0),
        "velocity": velocity,
        "tpose": clip.tpose,
        "ground_gap_mm": clip.ground_gap_mm[window],
        "airborne": clip.airborne[window],
        "self_penetration_mm": clip.self_penetration_mm[window],
    }


def _world_pose(
    model, person: PersonSpec, clip: SubjectMotion, frames: list[int], T_world_subject: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """pose (F, 165) and transl (F, 3) that give clip frames in the world."""
    pose, transl = clip.pose[frames].astype(float), clip.transl[frames].astype(float)
    betas = np.array(person.subject.betas, np.float32)
    R = T_world_subject[:3, :3] @ SUBJECT_FROM_BODY
    root, transl_world = transform_root(
        R, T_world_subject[:3, 3], pose[:, :3], transl, model.pelvis(betas)
    )
    return np.concatenate([root, pose[:, 3:]], axis=1), transl_world


def _check_placement(plan, spec, person, clip, model, pose_world, transl_world, T_world_subject):
    """Raise GenbError unless the world parameters give the clip's body, rigidly moved."""
    subject, window = person.subject, spec.clip_frames(person)
    plain = model.evaluate(np.array(subject.betas, np.float32), pose_world, transl_world).vertices
    expected = clip.clip[window] @ T_world_subject[:3, :3].T + T_world_subject[:3, 3]
    error_m = float(np.abs(plain - expected).max())
    # float32 coordinates lose precision with distance from the origin.
    if error_m > _MAX_FIT_ERROR_M + 2e-6 * float(np.abs(expected).max()):
        raise GenbError(
            f"scene {spec.scene}: subject {subject.subject} in the world differs from its clip by "
            f"{error_m * 1000:.3f} mm; delete {plan.subject_dir('pose', subject)} and run again."
        )


def subject_placement(first_pelvis_m: np.ndarray, person: PersonSpec) -> np.ndarray:
    """T_world_subject (4, 4): turn about the clip's first pelvis, then stand at the position.

    first_pelvis_m: (3,) subject frame, metres; only x and y matter (feet keep their height). A clip
    that keeps its file's own place turns about the file's origin.
    """
    T = np.eye(4)
    T[:3, :3] = rotation_z(person.yaw_deg)
    pivot = np.array([first_pelvis_m[0], first_pelvis_m[1], 0.0])
    if person.subject.motion.ground == "file":
        pivot = np.zeros(3)
    T[:3, 3] = np.array([*person.position_m, person.height_m]) - T[:3, :3] @ pivot
    return T
