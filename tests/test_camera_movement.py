"""Moving cameras: the geometry of every kind, and scenes that keep everybody in the picture."""

import numpy as np
import pytest
from posed_cast import PosedCast

from pipeline.compose.filming import film
from pipeline.compose.layout import Place
from pipeline.compose.movement import (
    Movement,
    camera_path,
    follow_shift,
    largest_that_fits,
    sample_movement,
)
from pipeline.compose.posed import candidate
from pipeline.config import CameraSection, Config
from pipeline.conventions import project, transform
from pipeline.scene import CameraSpec

FPS, FRAMES = 25.0, 51
SPAN_S = (FRAMES - 1) / FPS
STILL = np.zeros((FRAMES, 3))
KINDS = ("static", "follow", "orbit", "dolly", "zoom")


def camera():
    return CameraSpec(
        width=512, height=384, vfov_deg=40, eye_m=(0.5, -5.0, 1.6), target_m=(0.5, 1.0, 1.0)
    )


def movement(kind: str, rate: float = 0.0, shake_deg: float = 0.0, shake_m: float = 0.0):
    phase = np.random.default_rng(1).uniform(0, 2 * np.pi, (6, 3))
    return Movement(kind, rate, shake_deg, shake_m, phase)


def eyes(path):
    return np.array([c.eye_m for c in path])


def test_in_the_middle_of_the_scene_the_camera_is_as_it_was_framed():
    for kind, rate in (("static", 0.0), ("orbit", 20.0), ("dolly", 0.5), ("zoom", 1.3)):
        middle = camera_path(camera(), movement(kind, rate), STILL, FPS)[FRAMES // 2]
        np.testing.assert_allclose(middle.T_cam_world(), camera().T_cam_world(), atol=1e-4)
        assert middle.vfov_deg == pytest.approx(camera().vfov_deg, abs=1e-5)


def test_an_orbit_keeps_distance_height_and_aim_and_turns_at_its_rate():
    path = camera_path(camera(), movement("orbit", 20.0), STILL, FPS)
    arm = eyes(path) - camera().target_m
    np.testing.assert_allclose(np.linalg.norm(arm, axis=1), np.sqrt(36 + 0.36), atol=1e-4)
    np.testing.assert_allclose(eyes(path)[:, 2], 1.6, atol=1e-4)
    angle = np.unwrap(np.arctan2(arm[:, 1], arm[:, 0]))
    assert np.degrees(angle[-1] - angle[0]) == pytest.approx(20 * SPAN_S, abs=0.01)
    for one in path:
        seen = project(one.K(), transform(one.T_cam_world(), np.array([camera().target_m])))
        np.testing.assert_allclose(seen[0], [256, 192], atol=0.01)


def test_a_dolly_moves_on_the_level_at_its_rate_and_stops_before_what_it_looks_at():
    for rate in (0.5, -0.5):
        path = camera_path(camera(), movement("dolly", rate), STILL, FPS)
        step = np.diff(eyes(path), axis=0)
        np.testing.assert_allclose(step, np.tile([0, rate / FPS, 0], (FRAMES - 1, 1)), atol=3e-5)
    fast = camera_path(camera(), movement("dolly", 9.0), STILL, FPS)
    assert np.linalg.norm(eyes(fast)[-1, :2] - camera().target_m[:2]) == pytest.approx(3, abs=1e-4)


def test_a_zoom_changes_the_focal_length_by_its_factor_per_second_and_nothing_else():
    path = camera_path(camera(), movement("zoom", 1.3), STILL, FPS)
    focal = np.array([c.K()[0, 0] for c in path])
    assert focal[-1] / focal[0] == pytest.approx(1.3**SPAN_S, rel=1e-5)
    assert np.ptp(eyes(path), axis=0).max() == 0


def test_a_following_camera_keeps_the_walker_where_they_are_in_the_picture():
    walk = np.stack([np.linspace(-1, 1, FRAMES), np.zeros(FRAMES), np.full(FRAMES, 0.9)], axis=1)
    shift = follow_shift(movement("follow"), walk[:, None])
    assert not shift[:, 2].any() and not shift[FRAMES // 2].any()
    path = camera_path(camera(), movement("follow"), shift, FPS)
    seen = [
        project(one.K(), transform(one.T_cam_world(), point[None]))[0]
        for one, point in zip(path, walk, strict=True)
    ]
    assert np.ptp(seen, axis=0).max() < 0.02
    assert not follow_shift(movement("static"), walk[:, None]).any()


def test_a_held_camera_shakes_as_much_as_asked_and_smoothly():
    frames = 2001
    path = camera_path(camera(), movement("static", 0, 0.4, 0.01), np.zeros((frames, 3)), FPS)
    sway = eyes(path) - camera().eye_m
    np.testing.assert_allclose(sway.std(axis=0), 0.01, rtol=0.05)
    roll = np.array([c.roll_deg for c in path])
    assert roll.std() == pytest.approx(0.4, rel=0.05) and abs(roll.mean()) < 0.02
    # Nothing jumps: a frame is a small part of the fastest wave.
    assert np.abs(np.diff(roll)).max() < 0.6
    view = np.array([c.T_cam_world()[2, :3] for c in path])
    turned = np.degrees(np.arccos(np.clip(view @ camera().T_cam_world()[2, :3], -1, 1)))
    # Two axes of 0.4 degrees each.
    assert np.sqrt((turned**2).mean()) == pytest.approx(0.4 * np.sqrt(2), rel=0.06)


def test_a_movement_that_does_not_fit_is_made_smaller_and_at_last_left_out():
    def fits(limit):
        return lambda path: np.ptp(eyes(path)[:, 1]) <= limit

    wanted = movement("dolly", 1.0)
    for limit, share in ((2.0001, 1.0), (1.1, 0.5), (0.25, 0.1)):
        path, made = largest_that_fits(camera(), wanted, STILL, FPS, fits(limit))
        assert made == share and np.ptp(eyes(path)[:, 1]) == pytest.approx(2.0 * share, abs=1e-4)
    assert largest_that_fits(camera(), wanted, STILL, FPS, fits(0.01)) == ([], 0.0)


def test_a_following_camera_gives_up_its_shake_before_it_loses_the_walker():
    walk = np.stack([np.linspace(-1, 1, FRAMES), np.zeros(FRAMES), np.full(FRAMES, 0.9)], axis=1)
    held = movement("follow", shake_deg=1.0, shake_m=0.01)
    shift = follow_shift(held, walk[:, None])
    steady = camera_path(camera(), movement("follow"), shift, FPS)
    path, share = largest_that_fits(camera(), held, shift, FPS, lambda path: path == steady)
    assert path == steady and share == 0
    assert (held.name, held.smaller(0).name) == ("follow+handheld", "follow")


def test_kinds_are_drawn_by_weight_and_both_directions_occur():
    section = CameraSection(
        movement={"kinds": {"orbit": 3, "zoom": 1, "static": 0}, "handheld_share": 0.25}
    )
    drawn = [sample_movement(np.random.default_rng(i), section) for i in range(800)]
    orbits = np.array([m.rate for m in drawn if m.kind == "orbit"])
    assert {m.kind for m in drawn} == {"orbit", "zoom"} and 540 < len(orbits) < 660
    assert 0.4 < (orbits > 0).mean() < 0.6 and np.abs(orbits).min() >= 5
    zooms = np.array([m.rate for m in drawn if m.kind == "zoom"])
    assert (zooms < 1).any() and np.exp(np.abs(np.log(zooms))).min() >= 1.05
    assert 0.19 < np.mean([m.shake_deg > 0 for m in drawn]) < 0.31


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kinds": {"pan": 1}}, "kinds"),
        ({"kinds": {"static": 0}}, "weight above 0"),
        ({"zoom_per_s": (0.5, 2)}, "zoom_per_s at 1"),
    ],
)
def test_impossible_movements_are_refused(change, fault):
    with pytest.raises(ValueError, match=fault):
        CameraSection(movement=change)


@pytest.fixture(scope="module")
def filmed(body_dir, tmp_path_factory):
    """Twelve scenes of six pictures, every kind of movement, all of them from the hand."""
    config = Config.model_validate(
        {
            "scene": {"frames": 6, "frame_step": 3, "people": [1, 2]},
            "motion": {"sources": [{"kind": "library", "include": ["walk", "wave", "jog"]}]},
            "cast": {"size": 4, "clip_frames": 18},
            "camera": {
                "movement": {"kinds": dict.fromkeys(KINDS, 1.0), "handheld_share": 1.0},
            },
        }
    )
    cast = PosedCast(config, 0, tmp_path_factory.mktemp("filmed"))
    return cast, [cast.compose(i) for i in range(12)]


def test_everybody_stays_in_the_picture_of_a_moving_camera(filmed):
    cast, specs = filmed
    assert len({spec.movement.split("+")[0] for spec in specs}) >= 4
    assert all(spec.movement.endswith("+handheld") for spec in specs)
    for spec in specs:
        assert len(spec.camera_path) == 6 and spec.camera == spec.camera_path[0]
        for person in spec.people:
            body = candidate(cast.posed, person.subject, person.first_frame, 6, 3)
            place = Place(person.position_m, person.yaw_deg)
            for frame, vertices in enumerate(body.vertices):
                lens = spec.camera_at(frame)
                seen = transform(lens.T_cam_world(), place.apply(vertices))
                uv = project(lens.K(), seen)
                assert seen[:, 2].min() > 0.3
                assert uv.min() > 0 and (uv < [lens.width, lens.height]).all()


def test_a_moving_scene_is_the_same_alone(filmed):
    cast, specs = filmed
    assert cast.compose(5) == specs[5]


@pytest.fixture(scope="module")
def framed(filmed, tmp_path_factory):
    """Thirty single pictures, a third of them of each framing."""
    config = filmed[0].plan.config.model_copy(deep=True)
    config = Config.model_validate(
        {
            **config.model_dump(mode="json"),
            "scene": {"people": [1, 2]},
            "camera": {"framings": {"full_body": 1, "upper_body": 1, "close_up": 1}},
        }
    )
    cast = PosedCast(config, 0, tmp_path_factory.mktemp("framed"))
    return cast, [cast.compose(i) for i in range(30)]


def seen_joints(cast, spec):
    """(P, J, 2) px of everybody's joints, and the scene's size."""
    lens = spec.camera
    uv = []
    for person in spec.people:
        body = candidate(cast.posed, person.subject, person.first_frame, 1, 1)
        points = Place(person.position_m, person.yaw_deg).apply(body.joints[0])
        uv.append(project(lens.K(), transform(lens.T_cam_world(), points)))
    return np.stack(uv), (lens.width, lens.height)


def test_a_framing_shows_what_its_name_says(framed):
    cast, specs = framed
    head, pelvis, ankles = 15, 0, [7, 8]
    by_name = {name: [] for name in ("full_body", "upper_body", "close_up")}
    for spec in specs:
        uv, size = seen_joints(cast, spec)
        within = ((uv > 0) & (uv < size)).all(axis=-1)
        by_name[spec.framing].append((within, uv, size))
        # Never is somebody entirely out of the picture.
        assert within[:, :22].any(axis=1).all()
    assert min(len(found) for found in by_name.values()) >= 3
    for within, _, _ in by_name["full_body"]:
        assert within[:, :22].all()
    shown, whole = [head, pelvis, 20, 21], []
    for within, _, _ in by_name["upper_body"]:
        star = within[:, shown].all(axis=1)
        assert star.any()
        whole.append(within[star][:, ankles].any())
    assert np.mean(whole) < 0.4
    for within, uv, size in by_name["close_up"]:
        # Spheres of 15 cm around collars, neck and head fill 72 to 94 % of the picture.
        extent = np.ptp(uv[:, [12, 13, 14, head]], axis=1).max(axis=1)
        assert within[:, head].any() and extent.max() > 0.1 * size[1]


def test_a_framing_that_would_lose_somebody_is_widened_and_says_so(framed):
    _, specs = framed
    told = [spec for spec in specs if any(note.startswith("framed as") for note in spec.notes)]
    assert told and all(len(spec.people) > 1 for spec in told)


def test_a_movement_that_suits_nobody_is_not_claimed():
    """A camera that could only run into somebody stays where its rig put it."""
    config = Config.model_validate(
        {"camera": {"movement": {"kinds": {"dolly": 1}, "dolly_m_s": (9, 9)}}}
    )
    lens = CameraSpec(width=64, height=64, vfov_deg=60, eye_m=(0, -0.45, 0), target_m=(0, 1, 0))
    spheres, radii = np.zeros((16, 1, 1, 3)), np.full((1, 1), 0.02)
    for scene in range(8):
        shot = film(config, 0, scene, spheres, radii, 0.0, lens)
        assert (shot.camera, shot.path, shot.movement) == (lens, [], "static")
        assert shot.notes == ["the camera stands still: no dolly suits everybody"]
