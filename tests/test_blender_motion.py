"""Flow, correspondence, amodal masks, motion blur and depth of field of a scene that moves."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pipeline.contracts import RenderPasses
from pipeline.conventions import PARTS, pixel_centres, project, transform, unproject

bpy = pytest.importorskip("bpy", reason="Blender's Python module is not installed")

from blender_stage import SIZE, STEP_M, config, make_stage  # noqa: E402

from pipeline.blender import scene_render  # noqa: E402
from pipeline.scene import CameraSpec  # noqa: E402

FRAMES = 3
_MESH_PX = 0.02
"""Both ends of a flow lie within Cycles' filter (0.005 px per axis) of their pixel centres, and the
weights of a corner are float16 in the correspondence."""


def cameras():
    """A camera that moves, turns, rolls and zooms."""
    return [
        {
            "width": SIZE,
            "height": SIZE,
            "vfov_deg": 36 - k,
            "eye_m": [0.1 + 0.15 * k, -3.6 + 0.1 * k, 1.3],
            "target_m": [0, 0.02 * k, 0.95],
            "roll_deg": 1.5 * k,
        }
        for k in range(FRAMES)
    ]


@pytest.fixture(scope="module")
def moving(model, small_ground, tmp_path_factory):
    """Rendered with blur and focus, and without either."""
    path = cameras()
    blurred = [c | {"f_number": 0.7, "focus_m": 3.3} for c in path]
    found = {}
    for name, views, shutter_s in (("sharp", path, 0.0), ("blurred", blurred, 0.03)):
        stage = make_stage(
            model,
            frames=FRAMES,
            velocity_m_s=[[1.0, -0.75, 0.5], [-1.25, 0.0, 0.0]] if shutter_s else None,
            camera=views[0],
            camera_path=views,
            shutter_s=shutter_s,
        )
        folder = tmp_path_factory.mktemp(name)
        scene_render.render_scene(stage, config(), folder)
        passes = [RenderPasses.load(folder / f"frame_000{k}.npz") for k in range(FRAMES)]
        pictures = [np.asarray(Image.open(folder / f"frame_000{k}.png")) for k in range(FRAMES)]
        found[name] = SimpleNamespace(stage=stage, passes=passes, pictures=pictures, folder=folder)
    return found


def surface_points(passes, vertices, faces):
    """World points (N, 3) of the correspondence's pixels on bodies (P, V, 3), and their pixels."""
    at = np.nonzero(passes.body_face >= 0)
    corners = faces[passes.body_face[at]]
    first_two = passes.body_bary[at].astype(float)
    weights = np.column_stack([first_two, 1 - first_two.sum(axis=1)])
    body = vertices[passes.body_instance[at].astype(int) - 1]
    points = np.take_along_axis(body, corners[..., None], axis=1)
    return (weights[..., None] * points).sum(axis=1), at


def test_correspondence_lies_under_its_pixel(moving, model):
    made = moving["sharp"]
    for frame, passes in enumerate(made.passes):
        assert np.array_equal(passes.body_face >= 0, passes.body_instance > 0)
        points, at = surface_points(passes, made.stage.bodies.vertices[frame], model.faces)
        view = made.stage.spec.camera_at(frame)
        local = transform(view.T_cam_world(), points)
        off = project(view.K(), local) - pixel_centres(SIZE, SIZE)[at]
        assert np.abs(off).max() < 0.05
        assert np.abs(local[:, 2] - passes.body_depth[at]).max() < 1e-3


def test_flow_of_skin_is_that_of_the_projected_surface(moving, model):
    """Two routes: Cycles' next positions, and the correspondence on the next frame's vertices."""
    made = moving["sharp"]
    for frame in range(FRAMES - 1):
        passes = made.passes[frame]
        following, at = surface_points(passes, made.stage.bodies.vertices[frame + 1], model.faces)
        view = made.stage.spec.camera_at(frame + 1)
        expected = project(view.K(), transform(view.T_cam_world(), following))
        expected -= pixel_centres(SIZE, SIZE)[at]
        bare = np.isin(passes.part[at], [PARTS[p] for p in ("skin", "face", "hands", "feet")])
        # Brows and lashes count as face, and stand a little before the skin.
        bare &= np.abs(passes.depth[at] - passes.body_depth[at]) < 1e-4
        assert bare.sum() > 300
        off = np.abs(passes.flow[at][bare] - expected[bare]).max(axis=1)
        assert np.median(off) < _MESH_PX and off.max() < 0.1


def test_flow_of_clothes_and_hair(moving):
    """Everything in the scene moves rigidly with its person here, so depth alone predicts it."""
    made = moving["sharp"]
    passes = made.passes[0]
    view, after = made.stage.spec.camera_at(0), made.stage.spec.camera_at(1)
    world_points = transform(
        np.linalg.inv(view.T_cam_world()), unproject(view.K(), passes.depth.astype(float))
    )
    for part, tolerance_px in (("lower", 0.02), ("hair", 0.3), ("background", 0.02)):
        mine = (passes.part == PARTS[part]) & np.isfinite(passes.depth)
        person = passes.instance[mine].astype(int)
        step = np.where((person > 0)[:, None], STEP_M[person - 1], 0.0)
        moved = transform(after.T_cam_world(), world_points[mine] + step)
        expected = project(after.K(), moved) - pixel_centres(SIZE, SIZE)[mine]
        off = np.abs(passes.flow[mine] - expected).max(axis=1)
        assert mine.sum() > 50
        # Strands are grown anew in every frame and meet float32 vertices.
        assert np.percentile(off, 95) < tolerance_px, part


def test_flow_of_the_sky_is_the_turn_of_the_camera(moving):
    made = moving["sharp"]
    passes = made.passes[1]
    sky = np.isinf(passes.depth)
    view, after = made.stage.spec.camera_at(1), made.stage.spec.camera_at(2)
    rays = np.concatenate([pixel_centres(SIZE, SIZE), np.ones((SIZE, SIZE, 1))], axis=-1)
    far = rays @ np.linalg.inv(view.K()).T * 1e7
    world_points = transform(np.linalg.inv(view.T_cam_world()), far)
    expected = project(after.K(), transform(after.T_cam_world(), world_points))
    off = passes.flow[sky] - (expected - pixel_centres(SIZE, SIZE))[sky]
    assert sky.any() and np.abs(off).max() < 1e-3


def test_the_last_frame_has_no_flow(moving):
    assert moving["sharp"].passes[-1].flow.size == 0


def test_amodal_masks_are_those_of_each_person_alone(moving, model, tmp_path):
    made = moving["sharp"]
    passes = made.passes[0]
    for person in (1, 2):
        assert passes.amodal[person - 1][passes.instance == person].all()
    assert (passes.amodal.all(axis=0)).any(), "nobody stands before anybody in this test"
    stage = made.stage
    scene, figures, _ = scene_render.build_scene(stage, config())
    scene_render.show_frame(scene, stage.spec, figures, 0)
    material = scene_render.passes.prepare(scene)
    for k, figure in enumerate(figures):
        with scene_render._only(scene, figure.things):
            alone = scene_render.passes.render_truth(scene, material)["instance"] == k + 1
        assert np.array_equal(alone, passes.amodal[k])


def test_labels_are_those_of_the_shutters_middle(moving):
    """Blur and focus change the picture and not one byte of the ground truth."""
    sharp, blurred = moving["sharp"], moving["blurred"]
    for a, b in zip(sharp.passes, blurred.passes, strict=True):
        for name in ("depth", "instance", "part", "amodal", "body_face", "flow", "vertex_uv"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for a, b in zip(sharp.pictures, blurred.pictures, strict=True):
        assert np.abs(a.astype(int) - b).mean() > 2


def quad_scene(size, velocity, z=1.0):
    """A white square before black, 3 m before the camera, with a velocity (3,) m/s."""
    from pipeline.blender import people, session
    from pipeline.blender.nodes import bare_material
    from pipeline.config import ExecutionSection, RenderSection

    scene = session.reset()
    session.configure(scene, RenderSection(), ExecutionSection(threads=2), (size, size))
    corners = np.array(
        [[-0.3, 0, z - 0.3], [0.3, 0, z - 0.3], [0.3, 0, z + 0.3], [-0.3, 0, z + 0.3]]
    )
    thing = people.new_mesh("quad", corners, np.array([[0, 1, 2, 3]]), smooth=False)
    material, graph, surface = bare_material("white")
    graph.tree.links.new(graph.add("Emission").outputs[0], surface)
    thing.data.materials.append(material)
    people.set_vector(thing.data, "velocity", np.tile(np.float32(velocity), (4, 1)))
    scene.cycles.samples, scene.cycles.pixel_filter_type = 512, "BOX"
    scene.cycles.filter_width, scene.cycles.seed = 1.0, 5
    return scene


def expose(scene, view, ends, shutter_s):
    from pipeline.blender import camera, passes, session

    camera.add_camera(scene, view.K(), view.T_cam_world(), (view.width, view.height))
    exposed = camera.exposed(scene, view, ends, shutter_s)
    with exposed, passes.captured() as raw, session.quiet():
        bpy.ops.render.render()
    return raw["Combined"][..., 0]


VIEW = CameraSpec(width=96, height=96, vfov_deg=30, eye_m=(0, -3, 1), target_m=(0, 0, 1))


def trapezoid(centre_px, half_px, travel_px, width):
    """How much of the exposure each pixel column sees a bar whose middle passes the centre."""
    moments = centre_px + np.linspace(-0.5, 0.5, 2001) * travel_px
    left = np.arange(width)[:, None]
    seen = np.minimum(moments + half_px, left + 1) - np.maximum(moments - half_px, left)
    return np.clip(seen, 0, 1).mean(axis=1)


@pytest.mark.parametrize("who", ["person", "camera", "both"])
def test_the_blur_is_centred_on_the_labelled_moment(who):
    """A moving square, a camera that moves the other way, and both together against the integral of
    the exposure."""
    shutter_s, speed = 0.05, 4.0
    moves = [speed, 0, 0] if who != "camera" else [0, 0, 0]
    scene = quad_scene(96, moves)
    ends, travel_m = (VIEW, VIEW), speed * shutter_s
    if who != "person":
        far = travel_m / 2
        ends = tuple(
            VIEW.model_copy(update={"eye_m": (x, -3, 1), "target_m": (x, 0, 1)})
            for x in (far, -far)
        )
        travel_m *= 2 if who == "both" else 1
    picture = expose(scene, VIEW, ends, shutter_s)
    focal = VIEW.K()[0, 0]
    expected = trapezoid(48, 0.3 * focal / 3, travel_m * focal / 3, 96)
    # 512 samples of a share s have a standard error of at most 0.022.
    assert np.abs(picture[44:52].mean(axis=0) - expected).max() < 0.035
    columns = np.arange(96) + 0.5
    middle = (picture[44:52].mean(axis=0) * columns).sum() / picture[44:52].mean(axis=0).sum()
    assert abs(middle - 48) < 0.1


def test_a_turning_camera_blurs_alike_wherever_it_looks():
    """Towards -Y a camera's quaternion is about to change its sign, which is no turn at all."""
    pictures = []
    for side in (-1, 1):
        view = VIEW.model_copy(update={"eye_m": (0, 3 * side, 1)})
        ends = tuple(view.model_copy(update={"target_m": (x * side, 0, 1)}) for x in (0.2, -0.2))
        pictures.append(expose(quad_scene(96, [0, 0, 0]), view, ends, 0.05)[44:52].mean(axis=0))
    focal = VIEW.K()[0, 0]
    travel_px = 2 * focal * 0.2 / 3
    for picture in pictures:
        # Panning moves the picture by f tan(a), and its edge by a percent more.
        assert np.abs(picture - trapezoid(48, 0.3 * focal / 3, travel_px, 96)).max() < 0.05
    assert np.abs(pictures[0] - pictures[1]).max() < 0.05


def test_a_camera_that_stops_still_blurs_what_it_has_moved():
    """Only the first half of the exposure moves: the blur lies on one side."""
    ends = (VIEW.model_copy(update={"eye_m": (0.3, -3, 1), "target_m": (0.3, 0, 1)}), VIEW)
    picture = expose(quad_scene(96, [0, 0, 0]), VIEW, ends, 0.05)[44:52].mean(axis=0)
    columns = np.arange(96) + 0.5
    # The square starts 0.3 m further left and rests in the middle for half of the time.
    middle = (picture * columns).sum() / picture.sum()
    assert middle == pytest.approx(48 - 0.25 * 0.3 * VIEW.K()[0, 0] / 3, abs=0.3)


def test_out_of_focus_things_blur_by_the_thin_lens():
    """A square edge 3 m away, focused at 1.5 m: the circle of confusion by the formula."""
    scene = quad_scene(96, [0, 0, 0])
    view = VIEW.model_copy(update={"f_number": 0.5, "focus_m": 1.5})
    sharp = expose(scene, VIEW, (VIEW, VIEW), 0.0)[48]
    soft = expose(scene, view, (view, view), 0.0)[48]
    focal_px = VIEW.K()[0, 0]
    aperture_m = focal_px * 36.0 / 96 / 1000 / view.f_number
    diameter_px = focal_px * aperture_m * abs(1 / 1.5 - 1 / 3)
    edge = 48 - 0.3 * focal_px / 3
    # An edge blurred by a disc of diameter c has the standard deviation c / 4 across it.
    rise = np.diff(soft[:48])
    at = np.arange(1, 48)
    mean = (rise * at).sum() / rise.sum()
    spread = np.sqrt((rise * (at - mean) ** 2).sum() / rise.sum() - 1 / 6)
    assert abs(mean - edge) < 0.15
    assert spread == pytest.approx(diameter_px / 4, rel=0.08)
    assert (np.diff(sharp[:48]) > 0.02).sum() <= 2


def test_a_sharp_pinhole_is_left_behind(moving):
    scene = quad_scene(96, [1, 0, 0])
    view = VIEW.model_copy(update={"f_number": 1.4, "focus_m": 1.5})
    other = VIEW.model_copy(update={"eye_m": (0.2, -3, 1), "vfov_deg": 20.0})
    expose(scene, view, (other, view), 0.05)
    camera = scene.camera
    assert not scene.render.use_motion_blur and not camera.data.dof.use_dof
    assert camera.animation_data is None or camera.animation_data.action is None
    assert np.allclose(np.array(camera.matrix_world)[:3, 3], VIEW.eye_m, atol=1e-6)
    assert camera.data.lens == pytest.approx(VIEW.K()[0, 0] * 36 / 96, rel=1e-6)


@pytest.mark.parametrize("moves", [True, False], ids=["moving", "static"])
def test_a_killed_scene_goes_on_where_it_was(moving, model, small_ground, tmp_path, moves):
    """Frames that are there are not rendered again, and the rest comes out the same."""
    stage, whole = moving["sharp"].stage, moving["sharp"].folder
    if not moves:
        stage, whole = make_stage(model, size=64, frames=2), tmp_path / "whole"
        whole.mkdir()
        scene_render.render_scene(stage, config(), whole)
    part = tmp_path / "part"
    part.mkdir()
    for name in ("frame_0000.png", "frame_0000.npz", "frame_0001.npz"):
        (part / name).write_bytes((whole / name).read_bytes())
    (part / "frame_0000.png").write_bytes(b"left alone")
    scene_render.render_scene(stage, config(), part)
    assert (part / "frame_0000.png").read_bytes() == b"left alone"
    names = {p.name for p in whole.iterdir()} - {"frame_0000.png"}
    for name in names:
        assert (part / name).read_bytes() == (whole / name).read_bytes(), name
    assert {p.name for p in part.iterdir()} == names | {"frame_0000.png"}
