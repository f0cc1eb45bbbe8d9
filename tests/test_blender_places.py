"""Places in Blender: the sun, free room, exposure, and scene files whole and broken."""

import numpy as np
import pytest
from PIL import Image

from pipeline.assets import Asset, find_file
from pipeline.contracts import RenderPasses
from pipeline.errors import SceneRejected
from pipeline.scene import PlaceSpec

bpy = pytest.importorskip("bpy", reason="Blender's Python module is not installed")

from blender_stage import config, make_stage  # noqa: E402

from pipeline.blender import meter, passes, people, scene_file, session, sky, world  # noqa: E402
from pipeline.blender.camera import add_camera  # noqa: E402
from pipeline.blender.light_meter import KEY, SKIN_ALBEDO  # noqa: E402
from pipeline.blender.nodes import Graph, bare_material  # noqa: E402
from pipeline.blender.place import Surroundings, add_place  # noqa: E402
from pipeline.blender.scene_render import Stage, render_scene  # noqa: E402
from pipeline.config import ExecutionSection, RenderSection  # noqa: E402
from pipeline.conventions import intrinsics, look_at, transform  # noqa: E402

PLACE = {"kind": "room", "x_m": 0.3, "y_m": -1.2, "yaw_deg": 25.0, "size_m": (5.6, 7.0, 2.8)}


def empty_scene(size=(64, 48)):
    scene = session.reset()
    session.configure(scene, RenderSection(), ExecutionSection(threads=2), size)
    return scene


def picture(folder):
    with Image.open(folder / "frame_0000.png") as image:
        return np.asarray(image).astype(float).mean(axis=-1)


def sunlit_ball(scene):
    """Radiance (N,) and normals (N, 3) of a white ball seen from above and from the south."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=128, ring_count=64, radius=0.5)
    bpy.ops.object.shade_smooth()
    material, graph, surface = bare_material("white")
    graph.tree.links.new(graph.add("BsdfDiffuse", {"Color": (1.0,) * 3}).outputs[0], surface)
    bpy.context.object.data.materials.append(material)
    scene.view_layers[0].use_pass_normal = True
    scene.cycles.samples, scene.cycles.max_bounces = 256, 0
    radiance, normals = [], []
    for eye in ([0, -3, 2.0], [0, 3, 2.0]):
        T = look_at(np.array(eye), np.zeros(3))
        add_camera(scene, intrinsics(64, 48, 120.0), T, (64, 48))
        with passes.captured() as raw, session.quiet():
            bpy.ops.render.render()
        whole = np.linalg.norm(raw["Normal"], axis=-1) > 0.999
        radiance.append(raw["Combined"][..., 1][whole])
        normals.append(raw["Normal"][whole])
    return np.concatenate(radiance), np.concatenate(normals)


def test_the_sun_shines_from_where_the_place_says_and_as_the_sky_has_it():
    """A white ball's shading points at the sun; lamp and disc shed the same light."""
    spec = PlaceSpec(kind="field", sun_elevation_deg=35.0, sun_azimuth_deg=60.0)
    found = {}
    for source in ("lamp", "disc", "neither"):
        scene = empty_scene()
        sky.add_sky(scene, spec, np.random.default_rng(0))
        if source != "lamp":
            bpy.data.objects.remove(bpy.data.objects["sun"])
            texture = next(n for n in scene.world.node_tree.nodes if n.type == "TEX_SKY")
            texture.sun_disc = source == "disc"
        found[source], normals = sunlit_ball(scene)
    turn, rise = np.radians(60.0), np.radians(35.0)
    expected = [np.cos(rise) * np.sin(turn), np.cos(rise) * np.cos(turn), np.sin(rise)]
    lit = normals @ expected > 0.3
    # Without the sky's own light a ball's radiance is linear in its normal.
    sun, *_ = np.linalg.lstsq(normals[lit], (found["lamp"] - found["neither"])[lit], rcond=None)
    assert np.degrees(np.arccos(sun @ expected / np.linalg.norm(sun))) < 1
    # 256 samples of disc and sky leave some percent of noise in the mean of the lit side.
    assert found["lamp"][lit].mean() == pytest.approx(found["disc"][lit].mean(), rel=0.04)


@pytest.mark.parametrize("kind", ["room", "plaza", "field"])
def test_nothing_stands_where_people_may(model, kind):
    """No vertex of the place lies in the free rectangle, furniture's half metre at walls aside."""
    for seed in range(4):
        scene = empty_scene()
        place = PlaceSpec(**{**PLACE, "kind": kind, "seed": seed})
        spec = make_stage(model).spec.model_copy(update={"place": place})
        add_place(scene, spec, Surroundings(find_file("hdri", "city")), np.random.default_rng(0))
        meshes = [t for t in scene.objects if t.type == "MESH" and t.name not in ("ground",)]
        assert meshes
        inner = np.array(place.size_m[:2]) / 2 - (0.55 if kind == "room" else 0.3)
        for thing in meshes:
            points = people.read_vertices(thing).astype(float)
            local = transform(np.linalg.inv(place.T_world_place()), points)
            inside = (np.abs(local[:, :2]) < inner).all(axis=1)
            inside &= (local[:, 2] > 0.01) & (local[:, 2] < 2.3)
            assert not inside.any(), (thing.name, seed)


@pytest.mark.parametrize("kind", ["room", "plaza", "field"])
def test_people_are_well_exposed_everywhere(model, kind, tmp_path):
    lumas = []
    for seed in range(3):
        place = {**PLACE, "kind": kind, "seed": seed, "sun_elevation_deg": 20.0 + 20 * seed}
        if kind == "plaza":
            place["size_m"] = (14.0, 17.0, 0.0)
        stage = make_stage(model, styles=("bald", "bald"), size=64, place=place)
        render_scene(stage, config(denoise=False, hair=False, samples=16), tmp_path)
        shown = picture(tmp_path)
        mine = shown[RenderPasses.load(tmp_path / "frame_0000.npz").instance > 0]
        lumas.append(mine.mean())
        assert (mine > 250).mean() < 0.15 and (mine < 4).mean() < 0.15
        for path in tmp_path.iterdir():
            path.unlink()
    assert all(50 < luma < 195 for luma in lumas), lumas


def test_a_room_is_the_same_to_the_byte_and_hides_from_the_naked_pass(model, tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "panorama")]
    for folder, place in zip(folders, (PLACE, PLACE, {}), strict=True):
        folder.mkdir()
        render_scene(make_stage(model, size=64, place=place), config(), folder)
    for name in ("frame_0000.png", "frame_0000.npz", "render.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    room, bare = (RenderPasses.load(f / "frame_0000.npz") for f in folders[1:])
    assert np.array_equal(room.body_instance, bare.body_instance)
    assert np.array_equal(room.amodal, bare.amodal)
    assert np.array_equal(room.instance, bare.instance), "nothing stands before anybody here"
    assert np.isfinite(room.depth).mean() > np.isfinite(bare.depth).mean()


def test_the_meter_reads_a_grey_ball_in_even_light():
    """In even light of radiance 1 a ball of albedo a shines with a, before a frame of 1."""
    scene = empty_scene()
    scene.world = bpy.data.worlds.new("even")
    graph = Graph(scene.world.node_tree)
    graph.set(scene.world.node_tree.nodes["Background"], "Color", (1.0, 1.0, 1.0))
    graph.set(scene.world.node_tree.nodes["Background"], "Strength", 1.0)
    K, T = intrinsics(64, 48, 80.0), look_at(np.array([0, -3.0, 1.6]), np.array([0, 0, 1.6]))
    add_camera(scene, K, T, (64, 48))
    stops, white = meter.meter(scene, [], np.array([[0.0, 0.0, 1.6], [0.4, 0.3, 1.5]]))
    # A bright frame may pull the people's own exposure by half a stop at most.
    own = np.log2(KEY / SKIN_ALBEDO)
    expected = max(np.log2(KEY / SKIN_ALBEDO**0.65), own - 0.5)
    assert stops == pytest.approx(expected, abs=0.05)
    assert np.allclose(white, 1, atol=0.03)
    assert not [t for t in bpy.data.objects if t.name.startswith("Sphere")]


def test_coloured_light_is_half_balanced():
    scene = empty_scene()
    scene.world = bpy.data.worlds.new("warm")
    graph = Graph(scene.world.node_tree)
    graph.set(scene.world.node_tree.nodes["Background"], "Color", (1.0, 0.6, 0.3))
    add_camera(
        scene,
        intrinsics(64, 48, 80.0),
        look_at(np.array([0, -3.0, 1.6]), np.array([0, 0, 1.6])),
        (64, 48),
    )
    _, white = meter.meter(scene, [], np.array([[0.0, 0.0, 1.6]]))
    assert white[0] / white[2] == pytest.approx((1.0 / 0.3) ** 0.5, rel=0.05)


# --- scene files ------------------------------------------------------------------------------

FLOOR = [(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)]


def manifest_row(**extra) -> Asset:
    plain = {"licence": "CC0-1.0", "source": "made here", "obtained": "generated"}
    return Asset.model_validate(
        {"id": "hall", **plain, "redistributable": True, "commercial_use": True, "walkable": FLOOR}
        | extra
    )


def build_hall(texture=None):
    """A floor, a pillar of 0.2 m at (1, 2), a lamp and a camera, in a new Blender."""
    session.reset()
    bpy.ops.mesh.primitive_plane_add(size=8)
    floor = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(1, 2, 0.1))
    bpy.context.object.name = "pillar"
    bpy.context.object.pass_index = 7
    bpy.ops.object.light_add(type="POINT", location=(0, 0, 2.5))
    bpy.context.object.data.energy = 200
    bpy.ops.object.camera_add(location=(0, -9, 1))
    if texture is not None:
        material = bpy.data.materials.new("tiles")
        graph = Graph(material.node_tree)
        image = bpy.data.images.load(str(texture))
        node = graph.add("TexImage", image=image)
        graph.set(material.node_tree.nodes["Principled BSDF"], "Base Color", node.outputs[0])
        floor.data.materials.append(material)


def save(path):
    with session.quiet():
        if path.suffix == ".blend":
            bpy.ops.wm.save_as_mainfile(filepath=str(path))
        else:
            bpy.ops.export_scene.gltf(filepath=str(path), export_lights=True)
    return path


def add(path, asset, **where):
    scene = empty_scene()
    place = PlaceSpec(kind="file", asset="hall", **where)
    scene_file.add_file(scene, place, asset, path)
    return scene, place


@pytest.mark.parametrize("ending", [".blend", ".glb"])
def test_a_file_lies_where_the_spec_says(ending, tmp_path):
    build_hall()
    path = save(tmp_path / f"hall{ending}")
    asset = manifest_row(floor_m=0.05, metres_per_unit=2.0)
    scene, place = add(path, asset, x_m=0.5, y_m=-0.7, yaw_deg=40.0)
    pillar = next(t for t in scene.objects if t.name.startswith("pillar"))
    low = people.read_vertices(pillar).min(axis=0)[2]
    centre = people.read_vertices(pillar).mean(axis=0)
    expected = transform(place.T_world_place(), np.array([2.0, 4.0, 0.1 * 2 - 0.05]))
    assert np.allclose(centre, expected, atol=1e-5)
    assert low == pytest.approx(-0.05, abs=1e-5)
    assert pillar.pass_index == 0, "a file's own numbers would be taken for people"
    assert not [t for t in scene.objects if t.type == "CAMERA"]


def test_a_scene_in_a_file_renders_with_exact_masks(model, tmp_path):
    """The pillar, before one person, is an object: it hides, and it belongs to nobody."""
    build_hall()
    bpy.data.objects["pillar"].scale = (1, 1, 12)
    path = save(tmp_path / "hall.blend")
    # The person at (-0.35, 0), seen from (0.1, -3.6): the pillar stands half way.
    place = {"kind": "file", "asset": "hall", "x_m": -0.13 - 1, "y_m": -1.8 - 2}
    stage = make_stage(model, size=96, place=place)
    around = Surroundings(find_file("hdri", "city"), file=path, asset=manifest_row())
    stage = Stage(stage.spec, stage.bodies, stage.wardrobe, stage.models, around)
    folder = tmp_path / "out"
    folder.mkdir()
    render_scene(stage, config(samples=16), folder)
    found = RenderPasses.load(folder / "frame_0000.npz")
    hidden = found.amodal[0] & (found.instance == 0)
    assert hidden.sum() > 50
    assert (found.depth[hidden] < 2.3).all() and (found.part[hidden] == 0).all()
    assert 20 < picture(folder)[found.instance > 0].mean() < 220


def test_a_file_without_its_pictures_is_named(tmp_path):
    texture = tmp_path / "tiles.png"
    Image.new("RGB", (8, 8), (200, 30, 30)).save(texture)
    build_hall(texture)
    path = save(tmp_path / "hall.blend")
    add(path, manifest_row())
    texture.unlink()
    with pytest.raises(SceneRejected, match=r"1 picture\(s\) that are not there: tiles.png"):
        add(path, manifest_row())


def test_broken_files_reject_their_scene(tmp_path):
    for name, content in (("hall.blend", b"BLENDER-v500 cut"), ("hall.glb", b"glTF cut")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SceneRejected, match="cannot be read"):
            add(tmp_path / name, manifest_row())
    session.reset()
    with pytest.raises(SceneRejected, match="holds no mesh"):
        add(save(tmp_path / "empty.blend"), manifest_row())


def test_a_damaged_panorama_rejects_its_scene(tmp_path):
    whole = find_file("hdri", "city").read_bytes()
    (tmp_path / "cut.exr").write_bytes(whole[:3000])
    session.reset()
    with pytest.raises(SceneRejected, match="damaged|cannot be opened"):
        world.load_panorama(tmp_path / "cut.exr")
