"""A whole scene with the free body: masks against ray casting, parts, exposure, repeatability."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pipeline.contracts import RenderPasses
from pipeline.conventions import PARTS, pixel_centres

pytest.importorskip("bpy", reason="Blender's Python module is not installed")

from blender_stage import SIZE, config, make_stage

from pipeline.blender import hems
from pipeline.blender.scene_render import render_scene

HDRIS = ("city", "courtyard", "forest", "sunrise", "sunset", "interior", "studio")


@pytest.fixture(scope="module")
def rendered(model, small_ground, tmp_path_factory):
    folder = tmp_path_factory.mktemp("render")
    stage = make_stage(model)
    render_scene(stage, config(), folder)
    passes = RenderPasses.load(folder / "frame_0000.npz")
    return SimpleNamespace(stage=stage, folder=folder, passes=passes)


def test_files(rendered):
    assert sorted(p.name for p in rendered.folder.iterdir()) == [
        "frame_0000.npz",
        "frame_0000.png",
        "render.json",
    ]
    with Image.open(rendered.folder / "frame_0000.png") as image:
        assert image.mode == "RGB" and image.size == (SIZE, SIZE)
        assert not image.text, "a PNG with dates or timings is not repeatable"
    facts = json.loads((rendered.folder / "render.json").read_text())
    assert facts["device"] == "cpu" and facts["view_transform"] == "AgX"


def test_labels_camera_is_blenders_camera(rendered):
    camera = rendered.stage.spec.camera
    from pipeline.conventions import project, transform

    ours = project(camera.K(), transform(camera.T_cam_world(), rendered.stage.bodies.vertices[0]))
    assert np.abs(rendered.passes.vertex_uv - ours).max() < 2e-3
    assert float(rendered.passes.position_error_px) < 0.01


def test_body_mask_and_depth_equal_trimesh(rendered, model):
    """trimesh casts the same rays at the naked bodies; only silhouette pixels may differ."""
    import trimesh

    camera = rendered.stage.spec.camera
    T_world_cam = np.linalg.inv(camera.T_cam_world())
    rays = np.concatenate([pixel_centres(SIZE, SIZE), np.ones((SIZE, SIZE, 1))], axis=-1)
    rays = rays[::2, ::2].reshape(-1, 3) @ np.linalg.inv(camera.K()).T
    instance = np.zeros(len(rays), int)
    depth = np.full(len(rays), np.inf)
    for k, vertices in enumerate(rendered.stage.bodies.vertices[0]):
        mesh = trimesh.Trimesh(vertices, model.faces, process=False)
        points, ray, _ = mesh.ray.intersects_location(
            np.broadcast_to(T_world_cam[:3, 3], rays.shape), rays @ T_world_cam[:3, :3].T
        )
        z = (points - T_world_cam[:3, 3]) @ T_world_cam[:3, 2]
        for index, value in zip(ray, z, strict=True):
            if value < depth[index]:
                depth[index], instance[index] = value, k + 1
    instance = instance.reshape(SIZE // 2, SIZE // 2)
    depth = depth.reshape(instance.shape)
    mine = rendered.passes.body_instance[::2, ::2].astype(int)
    assert (instance == mine).mean() > 0.998
    agree = (instance == mine) & (mine > 0)
    error = np.abs(rendered.passes.body_depth[::2, ::2][agree] - depth[agree])
    assert np.percentile(error, 99) < 1e-3
    assert np.isinf(rendered.passes.body_depth[rendered.passes.body_instance == 0]).all()


def test_clothes_and_hair_are_in_the_masks_and_only_add(rendered):
    passes = rendered.passes
    parts = set(np.unique(passes.part))
    wanted = ("background", "skin", "face", "hands", "hair", "lower", "feet")
    assert {PARTS[name] for name in wanted} <= parts
    assert ((passes.instance > 0) == (passes.part > 0)).all()
    assert (passes.body_instance[passes.instance == 0] == 0).all()
    covered = (passes.part == PARTS["lower"]) & (passes.body_instance == passes.instance)
    assert covered.any()
    assert (passes.depth[covered] < passes.body_depth[covered] + 0.02).all()


def test_ground_has_depth_and_is_background(rendered):
    passes = rendered.passes
    camera = rendered.stage.spec.camera
    empty = passes.instance == 0
    assert np.isinf(passes.depth[0, 0]) and empty[0, 0]
    row = SIZE - 2
    column = int(np.argmax(empty[row]))
    ray = np.linalg.inv(camera.K()) @ [column + 0.5, row + 0.5, 1.0]
    down = (ray @ camera.T_cam_world()[:3, :3])[2]
    assert passes.depth[row, column] == pytest.approx(-camera.eye_m[2] / down, rel=1e-3)
    normal = passes.normal[row, column].astype(float) @ camera.T_cam_world()[:3, :3]
    assert np.allclose(normal, [0, 0, 1], atol=2e-3)


def test_rendering_again_gives_the_same_bytes(rendered, model, small_ground, tmp_path):
    """After another scene in the same process, and with another number of threads."""
    first, second = tmp_path / "other", tmp_path / "again"
    first.mkdir()
    second.mkdir()
    render_scene(make_stage(model, "forest", ("bald", "medium"), size=64), config(), first)
    render_scene(make_stage(model), config(threads=1), second)
    for path in sorted(rendered.folder.iterdir()):
        assert (second / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("hdri", HDRIS)
def test_people_are_well_exposed_under_every_hdri(model, small_ground, hdri, tmp_path):
    stage = make_stage(model, hdri, ("bald", "bald"), size=64)
    # With fewer samples the noise alone makes a tenth of dark cloth black.
    render_scene(stage, config(denoise=False, hair=False, samples=16), tmp_path)
    with Image.open(tmp_path / "frame_0000.png") as image:
        picture = np.asarray(image).astype(float).mean(axis=-1)
    people = picture[RenderPasses.load(tmp_path / "frame_0000.npz").instance > 0]
    # Medium skin and cloth belong in the middle half of the display range, with detail left.
    assert 55 < people.mean() < 190
    assert (people > 250).mean() < 0.08 and (people < 4).mean() < 0.08
    assert picture.mean() > 25


def test_hem_closes_the_border_with_one_orientation():
    n = 6
    rest = np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2) * 0.05
    rest = np.column_stack([rest, np.zeros(n * n)])
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + n], 1), np.stack([a + 1, a + n + 1, a + n], 1)])
    hem = hems.plan_hem(faces, len(rest))
    assert len(hem.border) == 4 * (n - 1)
    edges = np.concatenate([hem.faces[:, [i, (i + 1) % 3]] for i in range(3)])
    assert len(np.unique(edges, axis=0)) == len(edges), "two faces run along an edge the same way"
    folded = hem.extend(rest)[len(rest) :]
    assert np.allclose(folded[:, 2], -hems.THICKNESS_M, atol=1e-6)
    assert np.allclose(hem.extend(rest)[: len(rest)], rest, atol=1e-7)


@pytest.mark.parametrize("size", [(96, 160), (160, 96)], ids=["portrait", "landscape"])
def test_two_routes_agree_upright_and_level(model, small_ground, size, tmp_path):
    """Blender against OpenGL from the labels' own camera: ids but for the rim, depth to a mm."""
    from pipeline.conventions import project, transform
    from pipeline.truth.audit import naked_scene
    from pipeline.truth.frame import alone_depths

    view = {
        **{"width": size[0], "height": size[1], "vfov_deg": 40.0, "roll_deg": 4.0},
        **{"eye_m": [0.1, -3.6, 1.3], "target_m": [0.2, 0, 0.95]},
    }
    stage = make_stage(model, camera=view)
    render_scene(stage, config(), tmp_path)
    found = RenderPasses.load(tmp_path / "frame_0000.npz")
    with Image.open(tmp_path / "frame_0000.png") as image:
        assert image.size == size
    camera = stage.spec.camera
    local = transform(camera.T_cam_world(), stage.bodies.vertices[0].astype(float))
    assert np.abs(found.vertex_uv - project(camera.K(), local)).max() < 2e-3
    alone = alone_depths(camera.K(), local, [model.faces] * 2, found.depth.shape)
    instance, depth = naked_scene(alone)
    assert (instance == found.body_instance).mean() > 0.998
    both = (instance > 0) & (instance == found.body_instance)
    assert np.percentile(np.abs(depth[both] - found.body_depth[both]), 99) < 1e-3
    # Upright in the picture: heads above feet for everybody.
    for person in (0, 1):
        rows = np.nonzero(found.body_instance == person + 1)[0]
        head = local[person][stage.bodies.vertices[0, person, :, 2] > 1.5]
        assert project(camera.K(), head)[:, 1].mean() < np.median(rows)
