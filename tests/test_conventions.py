"""docs/conventions.md, sentence by sentence: each test fails when a sign or order is flipped."""

import numpy as np
import pytest

from pipeline.conventions import (
    focal_from_fov,
    fov_from_focal,
    intrinsics,
    look_at,
    pixel_centres,
    project,
    rotation_z,
    transform,
    unproject,
)

EYE = np.array([0.0, -5.0, 1.0])
AHEAD = np.array([0.0, 0.0, 1.0])


def test_camera_axes_are_right_down_forward():
    T = look_at(EYE, AHEAD)
    # From -Y looking to +Y with Z up: world +X is to the right, world +Z is up (-Y of the camera).
    assert np.allclose(transform(T, AHEAD), [0, 0, 5])
    assert np.allclose(transform(T, AHEAD + [1, 0, 0]), [1, 0, 5])
    assert np.allclose(transform(T, AHEAD + [0, 0, 1]), [0, -1, 5])
    assert np.isclose(np.linalg.det(T[:3, :3]), 1)


def test_positive_roll_turns_the_camera_clockwise():
    # A camera turned clockwise sees the world turn anticlockwise: "up" moves to the left.
    up = transform(look_at(EYE, AHEAD, roll_deg=10), AHEAD + [0, 0, 1])
    assert up[0] < 0 and up[1] < 0


def test_vertical_view_is_refused():
    with pytest.raises(ValueError, match="straight up"):
        look_at(np.zeros(3), np.array([0, 0, 1.0]))


def test_pixels_are_continuous_with_the_origin_at_the_outer_corner():
    uv = pixel_centres(4, 3)
    assert uv.shape == (3, 4, 2)
    assert np.array_equal(uv[0, 0], [0.5, 0.5])
    assert np.array_equal(uv[2, 1], [1.5, 2.5])


def test_principal_point_is_half_the_image():
    K = intrinsics(640, 480, 500.0)
    assert np.array_equal(project(K, np.array([0.0, 0.0, 3.0])), [320, 240])
    # One focal length to the right at unit depth is one focal length in pixels.
    assert np.array_equal(project(K, np.array([1.0, 0.0, 1.0])), [820, 240])
    assert np.array_equal(project(K, np.array([0.0, 0.1, 1.0])), [320, 290])


def test_field_of_view_spans_the_image():
    focal = focal_from_fov(90.0, 480)
    assert np.isclose(focal, 240)
    assert np.isclose(fov_from_focal(focal, 480), 90)
    K = intrinsics(640, 480, focal)
    assert np.isclose(project(K, np.array([0.0, 1.0, 1.0]))[1], 480)


def test_depth_is_planar_not_ray_length():
    K = intrinsics(64, 48, 50.0)
    points = unproject(K, np.full((48, 64), 2.0))
    assert np.allclose(points[..., 2], 2.0)
    assert np.allclose(project(K, points), pixel_centres(64, 48))


def test_yaw_is_anticlockwise_from_above():
    assert np.allclose(rotation_z(90) @ [1, 0, 0], [0, 1, 0])
