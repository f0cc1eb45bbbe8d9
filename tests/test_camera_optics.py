"""Lenses, portrait pictures, focus and shutter: what is drawn, and what it means."""

import numpy as np
import pytest
from posed_cast import PosedCast

from pipeline.compose.framing import sample_rig_camera, sample_vfov, turned_upright
from pipeline.config import CameraSection, Config
from pipeline.conventions import focal_from_fov, fov_from_focal, project, transform
from pipeline.motion.kinematics import JOINT
from pipeline.scene import CameraSpec


def test_lenses_are_drawn_uniformly_in_field_of_view():
    """14 to 400 mm on 36 mm: uniform in millimetres, nine in ten would be telephotos."""
    section = CameraSection(width=1280, height=720, lenses=[{"focal_mm": (14, 400)}])
    rng = np.random.default_rng(0)
    hfov_deg = np.array(
        [fov_from_focal(focal_from_fov(sample_vfov(rng, section), 720), 1280) for _ in range(4000)]
    )
    low, high = fov_from_focal(400, 36), fov_from_focal(14, 36)
    assert hfov_deg.min() >= low - 1e-6 and hfov_deg.max() <= high + 1e-6
    share, _ = np.histogram(hfov_deg, bins=8, range=(low, high))
    # 500 a bin, standard deviation 21.
    assert np.abs(share / 4000 - 1 / 8).max() < 5 * 21 / 4000


def test_a_lens_of_one_focal_length_is_that_lens():
    section = CameraSection(width=1280, height=720, lenses=[{"focal_mm": (50, 50)}])
    vfov_deg = sample_vfov(np.random.default_rng(0), section)
    assert focal_from_fov(vfov_deg, 720) == pytest.approx(50 / 36 * 1280)


def test_weights_choose_between_lenses():
    lenses = [{"focal_mm": (20, 20), "weight": 3}, {"focal_mm": (200, 200), "weight": 1}]
    section = CameraSection(lenses=lenses)
    rng = np.random.default_rng(1)
    wide = np.mean([sample_vfov(rng, section) > 30 for _ in range(2000)])
    assert wide == pytest.approx(0.75, abs=0.05)


def test_a_camera_turned_upright_keeps_its_lens():
    """Same focal length in pixels and in millimetres; only the frame around it is turned."""
    rig = {
        "name": "r",
        "hfov_deg": [65.470451],
        "distance_m": (9, 9),
        "height_m": (1.6, 1.6),
        "pitch_deg": (0, 0),
    }
    level = CameraSection(width=1280, height=720, rigs=[rig])
    upright = turned_upright(level)
    assert (upright.width, upright.height) == (720, 1280)
    a, b = (sample_rig_camera(np.random.default_rng(3), s, 30.0) for s in (level, upright))
    assert b.K()[0, 0] == pytest.approx(a.K()[0, 0], rel=1e-7)
    focal_mm = [c.K()[0, 0] * c.sensor_width_mm / c.width for c in (a, b)]
    assert focal_mm == pytest.approx([28.0, 28.0], rel=1e-4)
    assert a.eye_m == b.eye_m and a.target_m == b.target_m
    assert b.K()[0, 2] == 360 and b.K()[1, 2] == 640


def composed(tmp_path_factory, **camera):
    config = Config.model_validate(
        {
            "camera": {"width": 640, "height": 384, **camera},
            "scene": {"frames": 4, "people": (1, 2)},
            "cast": {"size": 4, "clip_frames": 6},
            "motion": {"sources": [{"kind": "library", "include": ["walk", "wave"]}]},
        }
    )
    cast = PosedCast(config, 5, tmp_path_factory.mktemp("optics"))
    return cast, [cast.compose(k) for k in range(12)]


@pytest.fixture(scope="module")
def shots(tmp_path_factory, body_dir):
    return composed(
        tmp_path_factory,
        portrait_share=0.5,
        movement={"kinds": {"static": 1.0, "dolly": 1.0}},
        optics={
            "depth_of_field_share": 0.5,
            "motion_blur_share": 0.5,
            "f_number": (1.8, 8.0),
            "shutter_s": (0.004, 0.02),
        },
    )


def test_a_portrait_share_of_the_scenes_is_upright(shots):
    _, specs = shots
    sizes = {(s.camera.width, s.camera.height) for s in specs}
    assert sizes == {(640, 384), (384, 640)}
    for spec in specs:
        K = spec.camera.K()
        assert K[0, 2] == spec.camera.width / 2 and K[1, 2] == spec.camera.height / 2
        long_mm = spec.camera.sensor_width_mm * max(640 / spec.camera.width, 1)
        assert long_mm == pytest.approx(36.0)


def test_people_stand_upright_in_a_portrait_picture(shots):
    """No surprise of a rotated image: heads are above pelvises, in pixels."""
    cast, specs = shots
    from pipeline.contracts import SubjectMotion

    upright = [s for s in specs if s.camera.height > s.camera.width]
    assert upright
    for spec in upright:
        person = spec.people[0]
        folder = cast.plan.subject_dir("pose", person.subject)
        joints = SubjectMotion.load(folder / "motion.npz").joints[person.first_frame]
        place = [*person.position_m, 0.0] - joints[0] * [1, 1, 0]
        uv = project(spec.camera.K(), transform(spec.camera.T_cam_world(), joints + place))
        assert uv[JOINT["head"], 1] < uv[JOINT["pelvis"], 1] - 20


def test_focus_lies_on_somebodys_head_in_every_frame(shots):
    _, specs = shots
    focused = [s for s in specs if s.camera.f_number]
    assert 2 <= len(focused) <= 10
    for spec in focused:
        assert 1.8 <= spec.camera.f_number <= 8.0
        views = [spec.camera_at(k) for k in range(spec.frames)]
        assert len({v.f_number for v in views}) == 1
        people = np.array([[*p.position_m, 1.4] for p in spec.people])
        for view in views:
            depth = transform(view.T_cam_world(), people)[:, 2]
            # Heads move within a metre of where their clips start in 0.2 s of walking.
            assert np.abs(depth - view.focus_m).min() < 1.0


def test_shutters_are_drawn_within_their_range(shots):
    _, specs = shots
    blurred = [s.shutter_s for s in specs if s.shutter_s]
    assert 2 <= len(blurred) <= 10
    assert all(0.004 <= t <= 0.02 for t in blurred)


def test_optics_change_nothing_else(shots, tmp_path_factory):
    """The same scene with and without blur: same people, same camera but for its f-number."""
    _, specs = shots
    _, plain = composed(
        tmp_path_factory, portrait_share=0.5, movement={"kinds": {"static": 1.0, "dolly": 1.0}}
    )
    for a, b in zip(specs, plain, strict=True):
        assert a.people == b.people and a.light == b.light
        sharp = {"f_number": 0.0, "focus_m": 1.0}
        assert a.camera.model_copy(update=sharp) == b.camera
        assert [c.model_copy(update=sharp) for c in a.camera_path] == b.camera_path


def moving_spec(shots):
    return next(s for s in shots[1] if s.camera_path).model_copy(update={"shutter_s": 0.01})


def test_the_shutter_opens_before_and_closes_after_the_frame(shots):
    spec = moving_spec(shots)
    step_s = spec.seconds_between_frames()
    for frame in range(spec.frames):
        here = np.array(spec.camera_at(frame).eye_m)
        opening, closing = (np.array(c.eye_m) for c in spec.camera_ends(frame))
        if frame + 1 < spec.frames:
            ahead = np.array(spec.camera_at(frame + 1).eye_m) - here
            np.testing.assert_allclose(closing - here, ahead * 0.005 / step_s, atol=1e-9)
        if frame:
            behind = np.array(spec.camera_at(frame - 1).eye_m) - here
            np.testing.assert_allclose(opening - here, behind * 0.005 / step_s, atol=1e-9)
    first_open, first_close = spec.camera_ends(0)
    here = np.array(spec.camera_at(0).eye_m)
    np.testing.assert_allclose(
        here - np.array(first_open.eye_m), np.array(first_close.eye_m) - here, atol=1e-9
    )


def test_a_still_camera_does_not_move_while_exposing():
    view = CameraSpec(width=64, height=64, vfov_deg=30, eye_m=(0, -3, 1), target_m=(0, 0, 1))
    assert view.towards(view, 0.4) == view


def test_impossible_optics_are_refused():
    with pytest.raises(ValueError, match="no lens is faster"):
        CameraSection(optics={"f_number": (0.1, 2.0)})
    with pytest.raises(ValueError, match="shutter_s lies"):
        CameraSection(optics={"shutter_s": (0.0, 0.1)})
    with pytest.raises(ValueError, match="focal_mm lies"):
        CameraSection(lenses=[{"focal_mm": (1, 20)}])


def test_an_impossible_framing_rejects_the_scene_with_its_figures():
    from pipeline.compose.framing import sample_camera
    from pipeline.errors import SceneRejected

    section = CameraSection(vfov_deg=(30, 30), framing_margin=(1.0, 1.0))
    spheres, radii = np.array([[0, 0, 0.1], [0, 0, 1.7]]), np.array([0.1, 0.1])
    with pytest.raises(SceneRejected, match=r"field of view of 30.0 degrees, a margin of 1.00"):
        sample_camera(np.random.default_rng(0), section, spheres, radii, 0.0)
