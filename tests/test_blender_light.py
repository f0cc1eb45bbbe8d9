"""The light meter against closed forms, and against what Cycles makes of the same panorama."""

import numpy as np
import pytest

from pipeline.assets import find_file
from pipeline.config import ExecutionSection, RenderSection
from pipeline.conventions import intrinsics, look_at, pixel_centres
from pipeline.scene import CameraSpec, LightSpec

bpy = pytest.importorskip("bpy", reason="Blender's Python module is not installed")

from pipeline.blender import light_meter, passes, session, world  # noqa: E402
from pipeline.blender.camera import add_camera  # noqa: E402


def environment(panorama, rotation_deg=0.0):
    return light_meter.Environment(panorama.astype(np.float32), rotation_deg, np.ones(3))


def test_even_sky_gives_pi_times_its_radiance():
    sky = environment(np.full((64, 128, 3), 2.0))
    for normal in ([0, 0, 1], [1, 0, 0], [-1, 2, -3]):
        # The sum over 64 x 128 texels has the error of a midpoint rule: 1e-3.
        assert np.allclose(sky.irradiance(np.array(normal)), 2 * np.pi, rtol=2e-3)


def test_rotation_turns_the_panorama_anticlockwise():
    panorama = np.zeros((64, 128, 3))
    panorama[32, 64] = 1.0  # u = v = 0.5: along +X at the horizon
    seen = environment(panorama, 90.0).radiance(np.array([[0.0, 1, 0.03], [1.0, 0, 0.03]]))
    assert seen[0].min() > 0.4 and seen[1].max() == 0


def test_white_balance_is_neutral_at_full_strength_and_keeps_luminance():
    rng = np.random.default_rng(0)
    panorama = (rng.random((16, 32, 3)) * [1.0, 0.6, 0.3]).astype(np.float32)
    gains = light_meter.white_balance(panorama, 1.0)
    sky = light_meter.Environment(panorama, 0.0, gains)
    every_way = sum(sky.irradiance(n) for n in np.vstack([np.eye(3), -np.eye(3)]))
    assert np.ptp(every_way) / every_way.mean() < 0.02
    plain = light_meter.white_balance(panorama, 0.0)
    assert np.allclose(plain, 1.0)


def test_brighter_light_gets_less_exposure():
    rng = np.random.default_rng(0)
    panorama = rng.random((32, 64, 3))
    K, pose = intrinsics(64, 64, 70.0), look_at(np.array([0, -4.0, 1.5]), np.array([0, 0, 1.0]))
    once = light_meter.exposure_stops(environment(panorama), pose, K)
    four = light_meter.exposure_stops(environment(4 * panorama), pose, K)
    assert four == pytest.approx(once - 2.0, abs=1e-3)


def scene_without_people(monkeypatch, eye_m, target_m):
    """A scene with a real HDRI; returns (scene, camera)."""
    monkeypatch.setattr(world, "GROUND_PX", 1024)
    camera = CameraSpec(width=96, height=64, vfov_deg=50, eye_m=eye_m, target_m=target_m)
    light = LightSpec(hdri="city", rotation_deg=40.0, strength=1.0, exposure_stops=0.0)
    scene = session.reset()
    session.configure(scene, RenderSection(), ExecutionSection(threads=2), (96, 64))
    add_camera(scene, camera.K(), camera.T_cam_world(), (96, 64))
    world.add_world(scene, find_file("hdri", "city"), light, camera, np.random.default_rng(0))
    return scene, camera


def linear_picture(scene, samples):
    session.picture_settings(scene, RenderSection(samples=samples, denoise=False), seed=1)
    with passes.captured() as channels, session.quiet():
        bpy.ops.render.render()
    return channels["Combined"][..., :3]


def test_cycles_sees_the_panorama_where_the_meter_does(monkeypatch):
    scene, camera = scene_without_people(monkeypatch, (0.2, -4, 1.5), (0, 0, 1.0))
    bpy.data.objects["ground"].hide_render = True
    picture = linear_picture(scene, 16)
    image = next(i for i in bpy.data.images if i.name.startswith("city"))
    pixels = world.pixels(image)
    gains = light_meter.white_balance(pixels, world.WHITE_BALANCE)
    sky = light_meter.Environment(pixels, 40.0, gains)
    uv = pixel_centres(96, 64)
    rays = np.concatenate([uv, np.ones((64, 96, 1))], axis=-1) @ np.linalg.inv(camera.K()).T
    expected = sky.radiance(rays @ camera.T_cam_world()[:3, :3])
    # Cubic against linear interpolation and the pixel filter: a few percent where it is smooth.
    ratio = np.log(picture + 1e-3) - np.log(expected + 1e-3)
    assert np.median(np.abs(ratio)) < 0.05
    mirrored = light_meter.Environment(pixels, -40.0, gains).radiance(
        rays @ camera.T_cam_world()[:3, :3]
    )
    assert np.median(np.abs(np.log(picture + 1e-3) - np.log(mirrored + 1e-3))) > 0.2


def test_ground_continues_the_photo(monkeypatch):
    """Without people the ground is invisible: the same picture with it and without it."""
    monkeypatch.setattr(world, "FADE_FROM_M", 13.9)
    camera = {"eye_m": (0.2, -6.0, 1.5), "target_m": (0.0, -12.0, 0.2)}
    scene, _ = scene_without_people(monkeypatch, **camera)
    with_ground = linear_picture(scene, 64)
    bpy.data.objects["ground"].hide_render = True
    without = linear_picture(scene, 16)
    # These rows look at ground 7 to 13 m from the middle, beyond where furniture is painted over.
    rows = np.s_[24:56]
    ratio = with_ground[rows].mean(axis=0) / without[rows].mean(axis=0)
    assert np.abs(np.median(ratio) - 1) < 0.04  # grain, and some texels above the highest albedo


def test_a_plain_floor_has_one_colour_under_the_people_and_the_panoramas_far_away():
    rng = np.random.default_rng(3)
    sky = environment(rng.uniform(0.1, 1.0, (64, 128, 3)))
    eye = np.array([0.0, -4.0, 1.5])
    photo, plain = (
        light_meter.ground_albedo(sky, eye, 14.0, 280, plain) for plain in (False, True)
    )
    step = ((np.arange(280) + 0.5) / 280 * 2 - 1) * 14
    distance = np.hypot(*np.meshgrid(step, step))
    near, far = distance < light_meter.PLAIN_M[0], distance > light_meter.PLAIN_M[1]
    assert np.ptp(plain[near], axis=0).max() < 1e-6 < np.ptp(photo[near], axis=0).max()
    np.testing.assert_allclose(plain[far], photo[far], atol=1e-6)


def test_boards_keep_the_floors_brightness_and_show_their_pattern():
    session.reset()
    image = bpy.data.images.new("ground", 4, 4, alpha=True, float_buffer=True)
    for seed in range(6):
        material = world._ground_material(image, np.random.default_rng(seed))
        brick = next(n for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeTexBrick")
        first, second = (brick.inputs[name].default_value[0] for name in ("Color1", "Color2"))
        assert (first + second) / 2 == pytest.approx(1) and 0.05 < second - first < 0.5
        assert 0.08 < brick.inputs["Row Height"].default_value <= 0.61
    photo = world._ground_material(image, None)
    assert not any(n.bl_idname == "ShaderNodeTexBrick" for n in photo.node_tree.nodes)
