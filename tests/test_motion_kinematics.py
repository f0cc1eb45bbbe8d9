"""Forward and inverse kinematics, against the smplx package and against geometry."""

import numpy as np
import pytest
from motion_skeleton import adult, varied
from scipy.spatial.transform import Rotation

from pipeline.motion.figure import Figure
from pipeline.motion.ik import solve_two_bone
from pipeline.motion.kinematics import (
    JOINT,
    JOINT_NAMES,
    JOINTS,
    MIRROR,
    PARENTS,
    forward_kinematics,
    matrices,
    mirror_points,
    mirror_pose,
    mirror_rest_joints,
    transform,
    turn,
)

VERTICES = 9930  # smplx reads vertex 9929 as a finger tip


@pytest.fixture(scope="session")
def boneless_body(tmp_path_factory):
    """The real smplx package on a made-up model file: random vertices, our joint regressor."""
    smplx = pytest.importorskip("smplx")
    folder = tmp_path_factory.mktemp("made_body") / "smplx"
    folder.mkdir()
    rng = np.random.default_rng(0)
    template = rng.normal(0, 0.3, (VERTICES, 3)).astype(np.float32)
    template[:JOINTS] = varied(3)
    regressor = np.zeros((JOINTS, VERTICES), np.float32)
    regressor[np.arange(JOINTS), np.arange(JOINTS)] = 1
    weights = np.zeros((VERTICES, JOINTS), np.float32)
    weights[:, 0] = 1
    parents = np.where(np.array(PARENTS) < 0, 4294967295, PARENTS)
    np.savez(
        folder / "SMPLX_NEUTRAL.npz",
        v_template=template, f=np.zeros((10, 3), np.uint32), weights=weights,
        J_regressor=regressor, kintree_table=np.stack([parents, np.arange(JOINTS)]),
        shapedirs=np.zeros((VERTICES, 3, 400), np.float16),
        posedirs=np.zeros((VERTICES, 3, 486), np.float16),
        hands_meanl=np.zeros(45), hands_meanr=np.zeros(45),
        hands_componentsl=np.eye(45), hands_componentsr=np.eye(45),
        lmk_faces_idx=np.zeros(51, np.int64), lmk_bary_coords=np.full((51, 3), 1 / 3),
        dynamic_lmk_faces_idx=np.zeros((79, 17), np.int64),
        dynamic_lmk_bary_coords=np.full((79, 17, 3), 1 / 3),
    )  # fmt: skip
    return smplx.create(
        str(folder.parent), model_type="smplx", ext="npz", use_pca=False, flat_hand_mean=True,
        num_betas=10, num_expression_coeffs=10,
    )  # fmt: skip


def smplx_joints(model, pose, transl):
    """First 55 joints (T, 55, 3) from the smplx package."""
    import torch

    def part(first, last):
        return torch.tensor(pose[:, 3 * first : 3 * last], dtype=torch.float32)

    count = len(pose)
    with torch.no_grad():
        output = model(
            betas=torch.zeros(count, 10), expression=torch.zeros(count, 10),
            global_orient=part(0, 1), body_pose=part(1, 22), jaw_pose=part(22, 23),
            leye_pose=part(23, 24), reye_pose=part(24, 25), left_hand_pose=part(25, 40),
            right_hand_pose=part(40, 55), transl=torch.tensor(transl, dtype=torch.float32),
        )  # fmt: skip
    return output.joints[:, :JOINTS].numpy().astype(np.float64)


def test_names_and_parents_are_those_of_smplx():
    names = pytest.importorskip("smplx.joint_names").JOINT_NAMES[:JOINTS]
    ours = [{"left_eye": "left_eye_smplhf", "right_eye": "right_eye_smplhf"}.get(n, n)
            for n in JOINT_NAMES]  # fmt: skip
    assert ours == names


def test_forward_kinematics_equals_smplx(boneless_body):
    rng = np.random.default_rng(1)
    pose = rng.normal(0, 0.7, (16, 165)).astype(np.float32)
    transl = rng.normal(0, 1, (16, 3)).astype(np.float32)
    ours = forward_kinematics(pose, transl, varied(3))
    # 1e-5 m: a chain of nine float32 rotations in smplx.
    assert np.abs(ours - smplx_joints(boneless_body, pose, transl)).max() < 1e-5
    assert tuple(boneless_body.parents.tolist()) == PARENTS


def test_forward_kinematics_rejects_other_skeletons():
    with pytest.raises(ValueError, match=r"rest_joints must be \(55, 3\)"):
        forward_kinematics(np.zeros((1, 165)), np.zeros((1, 3)), np.zeros((24, 3)))


def test_mirrored_pose_gives_mirrored_joints():
    rng = np.random.default_rng(2)
    pose, transl = rng.normal(0, 0.6, (5, 165)), rng.normal(0, 1, (5, 3))
    rest = varied(4)
    left = forward_kinematics(pose, transl, rest)
    right = forward_kinematics(mirror_pose(pose), mirror_points(transl), mirror_rest_joints(rest))
    assert np.abs(mirror_points(left)[:, list(MIRROR)] - right).max() < 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_two_bone_ik_reaches_and_bends_the_right_way(seed):
    rng = np.random.default_rng(seed)
    upper = np.array([0.02, -0.40, 0.01]) + rng.normal(0, 0.01, 3)
    lower = np.array([-0.01, -0.42, -0.02]) + rng.normal(0, 0.01, 3)
    aim = rng.normal(0, 1, (50, 3))
    target = aim / np.linalg.norm(aim, axis=1, keepdims=True) * rng.uniform(0.25, 0.77, (50, 1))
    pole = rng.normal(0, 1, (50, 3))
    axis = np.array([1.0, 0, 0])
    rotation, angle = solve_two_bone(upper, lower, axis, (0.02, 2.7), target, pole)
    end = transform(rotation, upper + transform(turn("x", angle), lower))
    assert np.abs(end - target).max() < 1e-9
    assert (angle > 0).all()
    # The knee lies in the half plane of the pole, seen along the line from hip to ankle.
    knee, line = transform(rotation, upper), target / np.linalg.norm(target, axis=1, keepdims=True)
    off = knee - line * np.sum(knee * line, axis=1, keepdims=True)
    side = pole - line * np.sum(pole * line, axis=1, keepdims=True)
    bent = np.linalg.norm(off, axis=1) > 0.05  # a straight leg has no side to speak of
    cosine = np.sum(off * side, 1) / np.linalg.norm(off, axis=1) / np.linalg.norm(side, axis=1)
    assert (cosine[bent] > 0.95).all()


def test_ik_out_of_reach_stays_close_and_straight():
    bone = np.array([0.0, -0.4, 0.0])
    target = np.array([[0.0, -1.5, 0.0]])
    rotation, angle = solve_two_bone(
        bone, bone, np.array([1.0, 0, 0]), (0.02, 2.7), target, np.array([[0.0, 0, 1.0]])
    )
    end = transform(rotation, bone + transform(turn("x", angle), bone))[0]
    assert 0.79 < -end[1] < 0.8 and abs(end[0]) < 1e-9


def test_figure_reads_the_same_joints_as_forward_kinematics():
    rng = np.random.default_rng(5)
    figure = Figure(varied(6), np.arange(4) / 25)
    figure.local[:] = matrices(rng.normal(0, 0.5, (4, JOINTS, 3)))
    figure.pelvis[:] = rng.normal(0, 1, (4, 3))
    motion = figure.to_motion("made", "made", 25)
    joints = forward_kinematics(motion.pose, motion.transl, figure.rest)
    for name in ("left_wrist", "right_foot", "head"):
        moved = figure.position(name) - figure.pelvis[0] + figure.rest[0]
        assert np.abs(joints[:, JOINT[name]] - moved).max() < 1e-6


def test_hanging_arm_hangs_and_reaching_arm_reaches():
    figure = Figure(adult(), np.zeros(1))
    figure.swing_arm("left", forward=0.0, out=0.2, bend=0.0, inward=0.0)
    upper = figure.position("left_elbow") - figure.position("left_shoulder")
    upper /= np.linalg.norm(upper)
    assert np.allclose(upper, [[np.sin(0.2), -np.cos(0.2), 0.0]], atol=1e-9)
    goal = np.array([[0.2, 0.6, 0.35]]) + figure.pelvis
    figure.reach_arm("right", goal * [-1, 1, 1], np.array([0.5, -1.0, 0.0]))
    assert np.allclose(figure.position("right_wrist"), goal * [-1, 1, 1], atol=1e-9)


def test_foot_rolls_without_moving_its_toes():
    """Heel up: the toe joint keeps its place and the toes stay level."""
    figure = Figure(adult(), np.zeros(1))
    base = np.array([[0.13, 0.0, 0.0]])
    figure.pelvis[:, 1] -= 0.08
    places = []
    for pitch in (0.0, 0.4, 0.9):
        figure.plant_foot("left", base, yaw=0.2, pitch=pitch)
        places.append(figure.position("left_foot")[0])
        up = figure.rotation("left_foot")[0] @ [0.0, 1.0, 0.0]
        assert np.allclose(up, [0, 1, 0], atol=1e-9)
    assert np.ptp(places, axis=0).max() < 1e-9


def test_foot_turns_as_asked_within_the_ankles_range():
    figure = Figure(adult(), np.zeros(1))
    figure.plant_foot("left", np.array([[0.13, 0.0, 0.0]]), yaw=0.0)
    figure.aim_foot("left", np.array([0.1, -0.5, 1.0]), np.array([0.0, -1.0, -0.5]))
    foot = figure.rotation("left_ankle")[0]
    wanted = np.array([0.1, -0.5, 1.0]) / np.linalg.norm([0.1, -0.5, 1.0])
    assert np.allclose(foot @ [0.0, 0.0, 1.0], wanted, atol=0.01)
    # Toes to the back are out of reach: the ankle goes to its end and stops there.
    figure.aim_foot("left", np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0]))
    turned = Rotation.from_matrix(figure.local[0, JOINT["left_ankle"]]).magnitude()
    assert turned < np.radians(85)


def test_mixing_arms_bends_the_elbow_as_a_hinge():
    """Half way between two bent and twisted arms no elbow bends sideways."""
    figure = Figure(adult(), np.zeros(3))
    figure.aim_arm("right", (0.3, -0.9, 0.1), np.array([0.0, 0.2, 1.0]), 0.2, pronate=1.2)
    before = figure.local.copy()
    figure.aim_arm("right", (0.8, 0.3, 0.3), np.array([-0.9, 0.4, 0.1]), 2.2, pronate=-0.8)
    after = figure.local.copy()
    figure.mix_arm("right", before, np.array([0.0, 0.5, 1.0]))
    elbow = JOINT["right_elbow"]
    assert np.allclose(figure.local[0], before[0]) and np.allclose(figure.local[2], after[2])
    ends = [
        Rotation.from_matrix(pose).as_euler("YXZ")
        for pose in (before[0, elbow], after[0, elbow], figure.local[1, elbow])
    ]
    assert np.allclose(ends[2], (ends[0] + ends[1]) / 2, atol=1e-9)
