"""Cameras, bodies and key-points of BEDLAM's labels: its formulas by a second route."""

import numpy as np
import pytest
from bedlam_files import cv, right_handed
from made_portraits import UPRIGHT, exported, frame_of, smplx_body
from made_scenes import camera_axes, project_plainly
from scipy.spatial.transform import Rotation

from pipeline.bedlam.unreal import camera_pose
from pipeline.body.modelfile import JOINT_INDEX
from pipeline.exports import bedlam, bedlam2
from pipeline.exports.bedlam_frames import bedlam_camera, unreal_pose

FLOAT32_M = 1e-5  # the smplx package computes in float32, some 1e-6 m at 5 m
PARAMETERS = 1e-5  # the rest pelvis by the package, in float32
PIXELS = 0.01  # float32 labels, and the package's 1e-6 m at about 300 px focal length


@pytest.fixture(scope="module")
def v1(body_dir, tmp_path_factory):
    return exported(bedlam, body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def v2(body_dir, tmp_path_factory):
    return exported(bedlam2, body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def made(v1):
    return v1.made


def plainly_in_camera(spec, points):
    eye, axes, _ = camera_axes(spec)
    return (points - eye) @ axes.T


@pytest.mark.parametrize("scene", [0, 1, 2])
def test_angles_are_those_of_the_unreal_camera(made, scene):
    """From the matrix alone, against the camera's own description and Unreal's order of turns."""
    camera = made.specs[scene].camera
    pose, expected = unreal_pose(camera.T_cam_world()), camera_pose(camera)
    for name in ("x", "y", "z", "yaw", "pitch", "roll"):
        assert getattr(pose, name) == pytest.approx(getattr(expected, name), abs=1e-9)
    ahead = np.subtract(camera.target_m, camera.eye_m)
    assert pose.yaw == pytest.approx(np.degrees(np.arctan2(-ahead[1], ahead[0])))
    assert pose.pitch == pytest.approx(np.degrees(np.arcsin(ahead[2] / np.linalg.norm(ahead))))
    assert pose.roll == pytest.approx(camera.roll_deg)


def test_cam_ext_holds_pitch_roll_and_the_place_of_our_origin(v1):
    """Rext = Rz(-roll) Rx(-pitch); T = Rfull (cv(origin) - cv(camera)), BEDLAM's formulas."""
    for row, spec, *_ in v1.sources():
        pose = camera_pose(spec.camera)
        tilt = right_handed("z", -pose.roll) @ right_handed("x", -pose.pitch)
        full = tilt @ right_handed("y", -pose.yaw)
        np.testing.assert_allclose(row["cam_ext"][:3, :3], tilt, atol=1e-12)
        place = full @ (cv((0, 0, 0)) - cv((pose.x, pose.y, pose.z)))
        np.testing.assert_allclose(row["cam_ext"][:3, 3], place, atol=1e-12)
        np.testing.assert_array_equal(row["cam_ext"][3], [0, 0, 0, 1])


def test_everybody_in_a_picture_has_one_camera(v1):
    cameras = {}
    for row in v1.rows:
        cameras.setdefault(row["imgname"], row["cam_ext"])
        np.testing.assert_array_equal(cameras[row["imgname"]], row["cam_ext"])


def test_portrait_camera_is_that_of_the_stored_frame_with_roll_less_90(made):
    """A camera rolled 90 degrees further takes the stored picture; its pixels turned to the right
    are the upright ones."""
    spec = made.specs[UPRIGHT]
    width, height = spec.camera.width, spec.camera.height
    rolled = spec.model_copy(
        update={"camera": spec.camera.model_copy(update={"roll_deg": spec.camera.roll_deg + 90})}
    )
    points = made.bodies[UPRIGHT].joints[0, 0].astype(float)
    upright, _ = project_plainly(spec, points)
    stored, _ = project_plainly(rolled, points)
    stored += np.array([height - width, width - height]) / 2  # its picture is height x width
    turned = np.stack([width - stored[:, 1], stored[:, 0]], axis=1)
    np.testing.assert_allclose(turned, upright, atol=1e-9)
    assert unreal_pose(rolled.camera.T_cam_world()).roll - 90 == pytest.approx(9.0)


# Bodies


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_cam_parameters_give_the_body_in_the_camera(version, request):
    written = request.getfixturevalue(version)
    for row, spec, vertices, joints in written.sources():
        body = smplx_body(written.made, row, "pose_cam", "trans_cam")
        for found, world in zip(body, (vertices, joints), strict=True):
            found = found + row["cam_ext"][:3, 3]
            np.testing.assert_allclose(found, plainly_in_camera(spec, world), atol=FLOAT32_M)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_world_parameters_give_the_same_body_through_cam_ext(version, request):
    written = request.getfixturevalue(version)
    for row, spec, vertices, joints in written.sources():
        body = smplx_body(written.made, row, "pose_world", "trans_world")
        R, t = row["cam_ext"][:3, :3], row["cam_ext"][:3, 3]
        for found, world in zip(body, (vertices, joints), strict=True):
            found = found @ R.T + t
            np.testing.assert_allclose(found, plainly_in_camera(spec, world), atol=FLOAT32_M)


def test_both_sets_of_parameters_agree_by_bedlams_formulas(v1):
    """pose_cam = Rext pose_world and trans_cam = Rext (trans_world + J0) - J0."""
    made, seen_m = v1.made, 0.0
    for row in v1.rows:
        tilt = row["cam_ext"][:3, :3]
        roots = [Rotation.from_rotvec(row[name][:3]) for name in ("pose_cam", "pose_world")]
        turned = tilt @ roots[1].as_matrix()
        np.testing.assert_allclose(roots[0].as_matrix(), turned, atol=PARAMETERS)
        np.testing.assert_array_equal(row["pose_cam"][3:], row["pose_world"][3:])
        rest = made.model.evaluate(row["shape"][:16], np.zeros((1, 165)), np.zeros((1, 3)))
        pelvis = rest.joints[0, 0].astype(float)
        expected = tilt @ (row["trans_world"] + pelvis) - pelvis
        np.testing.assert_allclose(row["trans_cam"], expected, atol=PARAMETERS)
        without_pivot = tilt @ row["trans_world"]
        seen_m = max(seen_m, np.abs(without_pivot - row["trans_cam"]).max())
    assert seen_m > 0.05  # forgetting the pelvis would be seen


def test_bedlams_world_has_gravity_down_and_no_yaw(made):
    for spec in made.specs.values():
        camera = bedlam_camera(spec.camera.K(), spec.camera.T_cam_world())
        np.testing.assert_allclose(camera.R_level_world @ [0, 0, -1], [0, 1, 0], atol=1e-12)
        ahead = np.subtract(spec.camera.target_m, spec.camera.eye_m) * [1, 1, 0]
        level = camera.R_level_world @ ahead / np.linalg.norm(ahead)
        np.testing.assert_allclose(level, [0, 0, 1], atol=1e-12)


def test_keypoints_are_projections(v1):
    for row, spec, vertices, joints in v1.sources():
        index = frame_of(v1.dataset, row["imgname"]).labels["dense_437_index"]
        for name, world in (("gtkps", joints), ("proj_verts", vertices[index])):
            uv, _ = project_plainly(spec, world)
            np.testing.assert_allclose(row[name][:, :2], uv, atol=PIXELS)
            assert (row[name][:, 2] == 1).all()
        cam = smplx_body(v1.made, row, "pose_cam", "trans_cam")[1] + row["cam_ext"][:3, 3]
        uv1 = cam @ row["cam_int"].T / cam[:, 2:]
        np.testing.assert_allclose(uv1, row["gtkps"], atol=PIXELS)


def test_bedlam2_keypoints_are_openpose_then_extra_then_joints(v1, v2):
    joints = {(row["imgname"], row["sub"]): row["gtkps"] for row in v1.rows}
    for row, spec, vertices, world in v2.sources():
        _, _, person = v2.place(row)
        subject = spec.people[person].subject.subject
        np.testing.assert_array_equal(row["gtkps"][44:], joints[row["imgname"], subject])
        first = [world[55], *(world[JOINT_INDEX[n]] for n in ("neck", "right_shoulder"))]
        last = [world[JOINT_INDEX[name]] for name in ("pelvis", "neck", "spine2", "jaw", "head")]
        uv, _ = project_plainly(spec, np.array([*first, *last]))
        chosen = [0, 1, 2, 39, 40, 41, 42, 43]
        np.testing.assert_allclose(row["gtkps"][chosen, :2], uv, atol=PIXELS)
        head, _ = project_plainly(spec, vertices)
        away = np.linalg.norm(head - row["gtkps"][38, :2], axis=1)
        assert vertices[away.argmin(), 2] > vertices[:, 2].max() - 0.1  # the top of the head
