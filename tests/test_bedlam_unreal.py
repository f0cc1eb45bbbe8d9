"""Unreal's axes and angles, against BEDLAM's formulas written in camera axes."""

import numpy as np
import pytest
from bedlam_files import cv, right_handed

from pipeline.bedlam.unreal import (
    UnrealPose,
    camera_hfov_deg,
    camera_pose,
    camera_spec,
    compose,
    relative,
)

ANGLES = [(0, 0, 0), (35, 0, 0), (0, 20, 0), (0, 0, 25), (-140, -38, 89.5), (179, 61, -92)]
ROUNDING = 1e-12  # float64, coordinates of about 10 m


def test_one_point_per_axis():
    np.testing.assert_allclose(UnrealPose(100, 0, 0).position_m, [1, 0, 0])
    np.testing.assert_allclose(UnrealPose(0, 100, 0).position_m, [0, -1, 0])
    np.testing.assert_allclose(UnrealPose(0, 0, 100).position_m, [0, 0, 1])


def test_directions_by_hand():
    """Yaw 90 looks along Unreal's +Y (our -Y); pitch 90 - looks up; roll lowers the right side."""
    np.testing.assert_allclose(UnrealPose(yaw=90).rotation[:, 0], [0, -1, 0], atol=ROUNDING)
    assert UnrealPose(pitch=30).rotation[2, 0] == pytest.approx(0.5)
    right = -UnrealPose(roll=30).rotation[:, 1]
    assert right[2] == pytest.approx(-0.5)


@pytest.mark.parametrize("yaw,pitch,roll", ANGLES)
def test_camera_is_bedlams(yaw, pitch, roll):
    """X_cam = Rz(-roll) Rx(-pitch) Ry(-yaw) (cv(p) - cv(eye)), for points all around."""
    eye, rng = (123.0, -456.0, 170.0), np.random.default_rng(1)
    spec = camera_spec(UnrealPose(*eye, yaw, pitch, roll), 52.0, 1280, 720)
    T = spec.T_cam_world()
    full = right_handed("z", -roll) @ right_handed("x", -pitch) @ right_handed("y", -yaw)
    for point in rng.uniform(-900, 900, (20, 3)):
        ours = T[:3, :3] @ (np.array([point[0], -point[1], point[2]]) / 100) + T[:3, 3]
        np.testing.assert_allclose(ours, full @ (cv(point) - cv(eye)), atol=ROUNDING)


@pytest.mark.parametrize("yaw,pitch,roll", ANGLES)
def test_camera_there_and_back(yaw, pitch, roll):
    pose = UnrealPose(-30310.5, 12.25, 71.0, yaw, pitch, roll)
    spec = camera_spec(pose, 65.470451, 1280, 720)
    back = camera_pose(spec)
    # A coordinate of 300 m keeps 6e-14 m, that is 1e-12 degrees at 4 m.
    np.testing.assert_allclose(
        [back.x, back.y, back.z, back.yaw, back.pitch, back.roll],
        [pose.x, pose.y, pose.z, yaw, pitch, roll],
        atol=1e-10,
    )
    assert camera_hfov_deg(spec) == pytest.approx(65.470451, abs=1e-12)


def test_focal_length_is_bedlams():
    """28 mm on a sensor of 36 mm: f_px = 28 / 36 * 1280, the same in both directions."""
    hfov = 2 * np.degrees(np.arctan(36 / 56))
    K = camera_spec(UnrealPose(), hfov, 1280, 720).K()
    assert K[0, 0] == pytest.approx(28 / 36 * 1280, rel=1e-12)
    assert K[1, 1] == K[0, 0] and (K[0, 2], K[1, 2]) == (640, 360)


def test_a_camera_on_a_turned_root():
    """By hand: 2 m before a root that is turned right by 90 degrees and tilted up by 30."""
    root = UnrealPose(100, 200, 50, yaw=90, pitch=30)
    world = compose(root, UnrealPose(x=-200))
    down, back = 200 * np.sin(np.radians(30)), 200 * np.cos(np.radians(30))
    np.testing.assert_allclose([world.x, world.y, world.z], [100, 200 - back, 50 - down], atol=1e-9)
    np.testing.assert_allclose([world.yaw, world.pitch, world.roll], [90, 30, 0], atol=1e-9)


def test_relative_undoes_compose():
    root = UnrealPose(100, 200, 50, 211.5, -20, 5)
    child = UnrealPose(-3, 1, 170, 12, -15, 88)
    again = relative(root, compose(root, child))
    assert np.allclose(list(vars(again).values()), list(vars(child).values()), atol=1e-9)


def test_impossible_cameras_are_refused():
    with pytest.raises(ValueError, match="straight up or down"):
        camera_spec(UnrealPose(pitch=90), 50, 1280, 720)
    with pytest.raises(ValueError, match="field of view of 180"):
        camera_spec(UnrealPose(), 180, 1280, 720)
    with pytest.raises(ValueError, match="no yaw"):
        compose(UnrealPose(pitch=90), UnrealPose())
