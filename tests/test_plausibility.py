"""Flight, float, sink, slide and self-contact against analytic bodies, and on the free body."""

import numpy as np
import pytest
import trimesh

from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.body.gaze import MOST_YAW_DEG, look_at_point
from pipeline.body.model import load_body_model
from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES, model_path, read_model_file
from pipeline.config import PlausibilitySection
from pipeline.motion.kinematics import forward_kinematics, matrices
from pipeline.plausibility.ground import airborne, lowest_point_m, settle_m, slide_m_s, spells
from pipeline.plausibility.judgement import float_mm, judge, sink_mm
from pipeline.plausibility.selfcontact import BodySegments, segment_depths, self_penetration_m

FPS = 25.0


def test_a_thrown_body_flies_and_a_hovering_one_does_not():
    t = np.arange(20) / FPS
    # Off the floor from 0.2 s on with 2 m/s, back on it 2v/g = 0.408 s later: frames 6 to 15.
    height = np.where(t > 0.2, 2.0 * (t - 0.2) - 4.905 * (t - 0.2) ** 2, 0.0).clip(0)
    flight = airborne(height, 1.0 + height, FPS)
    assert flight[6:15].all() and not flight[:5].any() and not flight[16:].any()
    hover = np.full(20, 0.08)
    assert not airborne(hover, 1.0 + hover, FPS).any()
    # Walking down a slope that is not there: sinking at constant speed is no flight either.
    assert not airborne(hover, 1.0 - 0.5 * t, FPS).any()


def test_spells_are_the_runs_of_true():
    assert spells(np.array([1, 1, 0, 1, 0, 0, 1], bool)) == [(0, 2), (3, 4), (6, 7)]
    assert spells(np.zeros(3, bool)) == []


def wheel(radius_m, turn_per_frame, slip_m, frames=12):
    """A wheel (T, N, 3) that rolls along x by radius * turn, and slips by slip_m a frame."""
    around = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    points = []
    for k in range(frames):
        angle = around - k * turn_per_frame
        x = radius_m * np.sin(angle) + k * (radius_m * turn_per_frame + slip_m)
        points.append(np.stack([x, 0 * x, radius_m - radius_m * np.cos(angle)], axis=1))
    return np.stack(points)


def test_a_rolling_wheel_does_not_slide_and_a_slipping_one_does():
    # The least moving spoke of 720 is half a degree from rest: well under a millimetre a frame.
    level = np.ones(12)
    assert slide_m_s(wheel(0.1, 0.05, 0.0), level, FPS) < 0.01
    # 10 mm a frame, 25 frames a second.
    assert slide_m_s(wheel(0.1, 0.0, 0.010), level, FPS) == pytest.approx(0.25, abs=1e-9)


def test_a_swinging_foot_does_not_count_while_the_other_stands():
    standing, swinging = wheel(0.1, 0.0, 0.0), wheel(0.1, 0.0, 0.05) + [0.0, 0.3, 0.004]
    level, both = np.ones(12), np.concatenate([standing, swinging], axis=1)
    assert slide_m_s(both, level, FPS) == 0.0
    assert slide_m_s(swinging, level, FPS) == pytest.approx(1.25, abs=1e-9)
    # Whoever falls freely a finger's breadth over the floor slides on nothing.
    falling = 1.0 - 4.905 * (np.arange(12) / FPS) ** 2
    assert slide_m_s(swinging, falling, FPS) == 0.0


def test_a_slow_error_of_the_floor_settles_and_flight_and_climbing_stay():
    t = np.arange(60) / FPS
    bob = 0.012 + 0.012 * np.sin(2 * np.pi * t / 0.6)
    contact = np.zeros(60, bool)
    left = bob + settle_m(bob, contact, FPS)
    # A Gaussian of 0.05 s keeps exp(-(2 pi 0.05 / 0.6)^2 / 2) = 0.87 of a 0.6 s wave.
    assert np.abs(left[10:-10]).max() == pytest.approx(0.012 * (1 - 0.872), abs=2e-4)
    jump = np.where((t > 1.0) & (t < 1.4), 0.2, 0.0)
    settled = jump + settle_m(jump, jump > 0, FPS)
    assert np.abs(settled - jump).max() < 1e-9
    stairs = np.linspace(0, 1.0, 60)
    assert (stairs + settle_m(stairs, contact, FPS))[-1] > 0.94


def two_spheres(distance_m, radius_m=0.05):
    """A 'head' and a 'left hand', spheres at a distance: vertices, segments."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=radius_m)
    count = len(ball.vertices)
    vertices = np.concatenate([ball.vertices, ball.vertices + [distance_m, 0, 0]])
    faces = np.concatenate([ball.faces, ball.faces + count])
    weights = np.zeros((2 * count, len(JOINT_NAMES)))
    weights[:count, JOINT_INDEX["head"]] = 1
    weights[count:, JOINT_INDEX["left_wrist"]] = 1
    return vertices, BodySegments.of(weights, faces, np.zeros(len(faces), np.uint8))


@pytest.mark.parametrize("overlap_m", [0.0, 0.01, 0.03])
def test_two_overlapping_spheres_are_as_deep_as_geometry_says(overlap_m):
    vertices, segments = two_spheres(0.1 - overlap_m)
    depth = self_penetration_m(segment_depths(segments, vertices), {})
    # Faces of a subdivided icosphere of 50 mm bulge in by at most 0.2 mm; vertices lie 2 mm apart.
    assert depth == pytest.approx(overlap_m, abs=0.0006)


def test_what_touches_at_rest_does_not_count():
    vertices, segments = two_spheres(0.08)
    depths = segment_depths(segments, vertices)
    assert self_penetration_m(depths, depths) == 0.0


@pytest.fixture(scope="module")
def free_body(body_dir):
    model = load_body_model(body_dir, "neutral", 16)
    file = read_model_file(model_path(body_dir, "neutral"))
    return model, BodySegments.of(file.weights, file.faces, file.face_part)


def pose_body(model, pose):
    posed = model.evaluate(np.zeros(16), pose, np.zeros((len(pose), 3)))
    up = [0.0, -posed.vertices[..., 1].min(), 0.0]
    return (posed.vertices + up) @ SUBJECT_FROM_BODY.T, (posed.joints + up) @ SUBJECT_FROM_BODY.T


def test_an_arm_driven_through_the_trunk_is_found(free_body):
    model, segments = free_body
    pose = np.zeros((2, 165), np.float32)
    # Upper arm straight down, forearm across the body: the hand ends inside the belly.
    pose[1, 3 * JOINT_INDEX["left_shoulder"] + 2] = -1.45
    pose[1, 3 * JOINT_INDEX["left_elbow"] + 2] = -1.2
    vertices, _ = pose_body(model, pose)
    rest = segment_depths(segments, vertices[0])
    assert self_penetration_m(rest, {}) < 0.003
    depths = segment_depths(segments, vertices[1])
    assert self_penetration_m(depths, rest) > 0.04
    worst = max(depths, key=depths.get)
    assert "torso" in worst and any("left" in name for name in worst)


def standing(model, raise_m=0.0):
    pose = np.zeros((10, 165), np.float32)
    vertices, joints = pose_body(model, pose)
    return pose, vertices + [0, 0, raise_m], joints[:, 0] + [0, 0, raise_m]


@pytest.mark.parametrize(
    ("raise_m", "fault"), [(0.0, None), (0.035, "float_mm 35 > 20"), (-0.03, "sink_mm 30 > 20")]
)
def test_judgement_names_the_figure(free_body, raise_m, fault):
    model, segments = free_body
    pose, clip, pelvis = standing(model, raise_m)
    limits = PlausibilitySection()
    found = judge(clip, clip[0], pelvis, pose, FPS, segments, model.vertex_part, limits)
    assert found.faults == ([fault] if fault else [])
    assert float_mm(found) == pytest.approx(max(1000 * raise_m, 0), abs=0.01)
    assert sink_mm(found) == pytest.approx(max(-1000 * raise_m, 0), abs=0.01)
    assert np.allclose(lowest_point_m(clip), raise_m, atol=1e-6)


def test_a_clip_on_a_floor_of_its_own_is_not_judged_for_it(free_body):
    model, segments = free_body
    pose, clip, pelvis = standing(model, 0.4)
    limits = PlausibilitySection()
    found = judge(
        clip, clip[0], pelvis, pose, FPS, segments, model.vertex_part, limits, grounded=False
    )
    assert found.faults == []


def test_sliding_feet_and_broken_joints_are_faults(free_body):
    model, segments = free_body
    pose, clip, pelvis = standing(model)
    skate = clip + np.arange(10)[:, None, None] * [0.02, 0, 0]
    limits = PlausibilitySection()
    found = judge(skate, clip[0], pelvis, pose, FPS, segments, model.vertex_part, limits)
    # 20 mm a frame, 25 frames a second.
    assert found.slide_mm_s == pytest.approx(500, abs=0.1)
    assert "slide_mm_s 500 > 150" in found.faults
    pose[:, 3 * JOINT_INDEX["left_knee"]] = -1.0  # a knee bent forwards
    found = judge(clip, clip[0], pelvis, pose, FPS, segments, model.vertex_part, limits)
    assert len(found.faults) == 1 and "left_knee flexion" in found.faults[0]


def test_eyes_look_at_the_point_and_nothing_else_moves(free_body):
    model, _ = free_body
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.2, (3, 165))
    rest = model.rest_joints(np.zeros(16))
    joints = forward_kinematics(pose, np.zeros((3, 3)), rest)
    head = np.stack([rotation_of(p, "head") for p in pose])
    eyes = [JOINT_INDEX["left_eye"], JOINT_INDEX["right_eye"]]
    # Two metres before the face, off to a side, within what eyes can do.
    target = joints[0, JOINT_INDEX["head"]] + head[0] @ [0.5, 0.1, 2.0]
    looked = look_at_point(pose, joints, tuple(target))
    for eye in eyes:
        ahead = rotation_of(looked[0], JOINT_NAMES[eye]) @ [0.0, 0.0, 1.0]
        sight = target - joints[0, eye]
        assert ahead @ sight / np.linalg.norm(sight) == pytest.approx(1.0, abs=1e-9)
    others = np.delete(np.arange(165), np.r_[69:75])
    assert np.array_equal(looked[:, others], pose[:, others])
    behind = joints[0, JOINT_INDEX["head"]] + head[0] @ [1.0, 0.0, -1.0]
    far = look_at_point(pose, joints, tuple(behind))
    ahead = matrices(far[0, 69:72]) @ [0.0, 0.0, 1.0]
    assert np.degrees(np.arctan2(ahead[0], ahead[2])) == pytest.approx(MOST_YAW_DEG)


def rotation_of(pose, joint):
    """World rotation (3, 3) of a joint, multiplied out from the root."""
    from pipeline.body.modelfile import PARENTS

    chain, index = [], JOINT_INDEX[joint]
    while index >= 0:
        chain.append(matrices(pose[3 * index : 3 * index + 3]))
        index = int(PARENTS[index])
    return np.linalg.multi_dot(chain[::-1]) if len(chain) > 1 else chain[0]
