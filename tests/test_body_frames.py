"""Body parameters moved between frames, checked against the model evaluated both ways."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body.frames import SUBJECT_FROM_BODY, transform_root
from pipeline.body.model import load_body_model
from pipeline.conventions import look_at

TOLERANCE_M = 1e-5  # float32 positions of a few metres


@pytest.fixture(scope="module")
def model(body_dir):
    return load_body_model(body_dir)


def test_subject_frame_is_z_up_and_faces_minus_y():
    np.testing.assert_array_equal(SUBJECT_FROM_BODY @ [1, 2, 3], [1, -3, 2])
    assert np.linalg.det(SUBJECT_FROM_BODY) == 1


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.6, np.pi - 1e-7, np.pi])
def test_moved_parameters_give_the_moved_body(model, angle):
    rng = np.random.default_rng(int(angle * 10))
    betas = rng.normal(0, 1, 16)
    pose = rng.normal(0, 0.3, (3, 165))
    axis = rng.normal(0, 1, (3, 3))
    pose[:, :3] = angle * axis / np.linalg.norm(axis, axis=1, keepdims=True)
    transl = rng.normal(0, 1, (3, 3))
    R = Rotation.from_rotvec([0.4, -2.9, 0.7]).as_matrix()
    t = np.array([0.5, -2.0, 3.0])
    before = model.evaluate(betas, pose, transl)
    root, moved = transform_root(R, t, pose[:, :3], transl, model.pelvis(betas))
    after = model.evaluate(betas, np.concatenate([root, pose[:, 3:]], axis=1), moved)
    assert np.abs(after.vertices - (before.vertices @ R.T + t)).max() < TOLERANCE_M
    assert np.abs(after.joints - (before.joints @ R.T + t)).max() < TOLERANCE_M


def test_camera_parameters_by_way_of_the_world(model):
    """Body -> world -> camera in two steps is the camera evaluation itself."""
    rng = np.random.default_rng(5)
    betas, pose = rng.normal(0, 1, 16), rng.normal(0, 0.3, (1, 165))
    pelvis = model.pelvis(betas)
    T_cam_world = look_at(np.array([2.0, -4.0, 1.5]), np.array([0.0, 0.0, 1.0]), roll_deg=7)
    world_t = np.array([0.3, 1.0, 0.9])
    root, transl = transform_root(SUBJECT_FROM_BODY, world_t, pose[:, :3], np.zeros((1, 3)), pelvis)
    body = model.evaluate(betas, pose, np.zeros((1, 3))).vertices
    R, t = T_cam_world[:3, :3], T_cam_world[:3, 3]
    root, transl = transform_root(R, t, root, transl, pelvis)
    camera = model.evaluate(betas, np.concatenate([root, pose[:, 3:]], axis=1), transl).vertices
    expected = (body @ SUBJECT_FROM_BODY.T + world_t) @ R.T + t
    assert np.abs(camera - expected).max() < TOLERANCE_M


def test_the_pivot_matters(model):
    """Without the pelvis correction the body would land centimetres off: the test can fail."""
    betas = np.zeros(16)
    wrong = transform_root(SUBJECT_FROM_BODY, 0, np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3))
    right = transform_root(
        SUBJECT_FROM_BODY, 0, np.zeros((1, 3)), np.zeros((1, 3)), model.pelvis(betas)
    )
    assert np.abs(wrong[1] - right[1]).max() > 0.1


def test_shapes_are_kept_and_inputs_untouched():
    root, transl = np.ones((4, 2, 3)), np.ones((4, 2, 3))
    out_root, out_transl = transform_root(SUBJECT_FROM_BODY, [1, 2, 3], root, transl, [0, 1, 0])
    assert out_root.shape == out_transl.shape == (4, 2, 3)
    assert (root == 1).all() and (transl == 1).all()


def test_a_mirror_is_refused():
    with pytest.raises(ValueError, match="proper rotation"):
        transform_root(np.diag([1, 1, -1]), np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3))
