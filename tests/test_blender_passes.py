"""Ground truth of Cycles against closed forms and a numpy ray caster; no body model is needed."""

import numpy as np
import pytest

from pipeline.config import ExecutionSection, RenderSection
from pipeline.conventions import intrinsics, look_at, pixel_centres, project, transform, unproject

bpy = pytest.importorskip("bpy", reason="Blender's Python module is not installed")

from pipeline.blender import amodal, passes, people, session  # noqa: E402
from pipeline.blender import camera as camera_module  # noqa: E402
from pipeline.errors import GenbError  # noqa: E402

SIZE = (160, 96)
CENTRE_TOLERANCE_PX = 0.01
"""Cycles' smallest pixel filter samples within 0.005 px of a pixel's centre, per axis."""


def new_scene(K, T_cam_world, size=SIZE):
    scene = session.reset()
    session.configure(scene, RenderSection(), ExecutionSection(threads=1), size)
    camera_module.add_camera(scene, K, T_cam_world, size)
    return scene


def off_centre_camera():
    K = intrinsics(*SIZE, focal_px=190.0)
    K[0, 2], K[1, 2] = 61.3, 70.8
    return K, look_at(np.array([0.4, -3.0, 1.3]), np.array([0.1, 0.0, 0.8]), roll_deg=7.0)


def rays_world(K, T_cam_world):
    """Camera position (3,) and directions (H, W, 3) scaled so that depth along Z is the factor."""
    eye = np.linalg.inv(T_cam_world)[:3, 3]
    points = unproject(K, np.ones(SIZE[::-1]))
    return eye, points @ T_cam_world[:3, :3]


def cast(triangles, K, T_cam_world):
    """Planar depth (H, W), inf = nothing, and index of the nearest triangle, -1 = nothing."""
    eye, directions = rays_world(K, T_cam_world)
    depth, index = np.full(SIZE[::-1], np.inf), np.full(SIZE[::-1], -1)
    for number, (a, b, c) in enumerate(triangles):
        normal = np.cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = ((a - eye) @ normal) / (directions @ normal)
        hit = eye + directions * t[..., None]
        inside = t > 0
        for start, end in ((a, b), (b, c), (c, a)):
            inside &= np.cross(end - start, hit - start) @ normal >= 0
        nearer = inside & (t < depth)
        depth[nearer], index[nearer] = t[nearer], number
    return depth, index


@pytest.fixture(scope="module")
def soup():
    """Forty random triangles as forty instances, half of them with another part id."""
    K, T_cam_world = off_centre_camera()
    scene = new_scene(K, T_cam_world)
    rng = np.random.default_rng(3)
    centres = rng.uniform([-1.0, -0.5, 0.2], [1.0, 1.5, 1.5], (40, 3))
    triangles = centres[:, None] + rng.normal(0, 0.25, (40, 3, 3))
    triangles = triangles.astype(np.float32).astype(float)
    for number, corners in enumerate(triangles):
        thing = people.new_mesh(f"t{number}", corners, np.array([[0, 1, 2]]), smooth=False)
        people.label(thing, number + 1, 7 + number % 2)
    material = passes.prepare(scene)
    truth = passes.render_truth(scene, material)
    truth["amodal"] = amodal.render_amodal(scene, amodal.prepare(scene, 40), 40)
    return K, T_cam_world, triangles, truth


def away_from_edges(index):
    """Pixels whose four neighbours hit the same: the tolerance on silhouettes is one pixel."""
    same = np.ones(index.shape, bool)
    for axis in (0, 1):
        for shift in (1, -1):
            same &= np.roll(index, shift, axis) == index
    return same


def test_masks_equal_a_ray_caster(soup):
    K, T_cam_world, triangles, truth = soup
    depth, index = cast(triangles, K, T_cam_world)
    differ = truth["instance"] != index + 1
    assert not (differ & away_from_edges(index)).any()
    # At the exact centres nearly every silhouette pixel agrees too; half a pixel off, 5 % do not.
    assert differ.mean() < 0.001
    expected_part = np.where(index >= 0, 7 + index % 2, 0)
    assert np.array_equal(truth["part"][~differ], expected_part[~differ])
    inside = ~differ & (index >= 0)
    # Slanted triangles turn the 0.005 px of the filter into depth; 1e-4 of it is float32's own.
    assert np.abs(truth["depth"][inside] - depth[inside]).max() < 2e-3
    assert np.isinf(truth["depth"][index < 0]).mean() > 0.99


def test_amodal_masks_of_forty_equal_a_ray_caster(soup):
    """Each triangle alone, through the others: fourteen channels of three people each."""
    K, T_cam_world, triangles, truth = soup
    assert truth["amodal"].shape == (40, *SIZE[::-1])
    assert (truth["amodal"].sum(axis=0) > 2).sum() > 50, "too few lie over each other"
    differ = 0
    for number, triangle in enumerate(triangles):
        _, alone = cast([triangle], K, T_cam_world)
        wrong = truth["amodal"][number] != (alone == 0)
        assert not (wrong & away_from_edges(alone)).any(), number
        differ += wrong.sum()
    assert differ / truth["amodal"].size < 0.001


def test_positions_project_to_pixel_centres(soup):
    K, T_cam_world, _, truth = soup
    hit = truth["instance"] > 0
    assert passes.position_error_px(truth["position"], hit, K, T_cam_world) < CENTRE_TOLERANCE_PX


def test_a_wrong_camera_is_noticed(soup):
    K, T_cam_world, _, truth = soup
    wrong = K.copy()
    wrong[0, 2] += 0.5  # the classic half-pixel mistake
    error = passes.position_error_px(truth["position"], truth["instance"] > 0, wrong, T_cam_world)
    assert 0.49 < error < 0.51


def test_normals_are_unit_face_the_camera_and_match(soup):
    K, T_cam_world, triangles, truth = soup
    hit = truth["instance"] > 0
    normal = passes.camera_normals(truth["normal"], hit, K, T_cam_world).astype(float)
    a, b, c = triangles[truth["instance"][hit].astype(int) - 1].transpose(1, 0, 2)
    true = np.cross(b - a, c - a) @ T_cam_world[:3, :3].T
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    rays = unproject(K, np.ones(SIZE[::-1]))[hit]
    true *= -np.sign((true * rays).sum(axis=1, keepdims=True))
    # float16 keeps 11 bits: 5e-4 per component.
    assert np.abs(normal[hit] - true).max() < 2e-3
    assert (normal[~hit] == 0).all()
    assert ((normal[hit] * rays).sum(axis=1) < 1e-3).all()


def test_sphere_depth_is_planar():
    K, T_cam_world = off_centre_camera()
    scene = new_scene(K, T_cam_world)
    centre, radius = np.array([0.1, 0.2, 0.8]), 0.45
    bpy.ops.mesh.primitive_uv_sphere_add(
        segments=256, ring_count=128, radius=radius, location=centre
    )
    people.label(bpy.context.object, 1, 1)
    truth = passes.render_truth(scene, passes.prepare(scene))
    eye, directions = rays_world(K, T_cam_world)
    a = (directions**2).sum(-1)
    b = (directions @ (eye - centre)) * 2
    c = ((eye - centre) ** 2).sum() - radius**2
    root = b**2 - 4 * a * c
    expected = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), np.inf)
    facing = root > 0.2 * root.max()  # away from the grazing rim
    # The facets of 256 x 128 lie at most r (1 - cos(pi / 128)) = 0.14 mm inside, more when slanted.
    error = np.abs(truth["depth"][facing] - expected[facing])
    assert error.max() < 5e-4
    ray_length = expected * np.linalg.norm(directions, axis=-1)
    assert np.abs(truth["depth"][facing] - ray_length[facing]).max() > 0.01  # not ray length


def test_a_corner_falls_between_four_pixels():
    """A quarter plane with its corner at uv (40, 30) covers exactly the pixels right and below."""
    K = intrinsics(*SIZE, focal_px=100.0)
    T_cam_world = look_at(np.array([0.0, -2.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    scene = new_scene(K, T_cam_world)
    uv = np.array([[40, 30], [400, 30], [400, 300], [40, 300]], float)
    on_plane = np.column_stack([(uv - K[:2, 2]) / 100.0 * 2.0, np.full(4, 2.0)])
    corners = transform(np.linalg.inv(T_cam_world), on_plane)
    people.label(people.new_mesh("q", corners, np.array([[0, 1, 2, 3]]), False), 1, 1)
    instance = passes.render_truth(scene, passes.prepare(scene))["instance"]
    expected = np.zeros(SIZE[::-1], int)
    expected[30:, 40:] = 1
    assert np.array_equal(instance, expected)


def test_blender_projects_as_our_conventions_do():
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    K, T_cam_world = off_centre_camera()
    scene = new_scene(K, T_cam_world)
    points = np.random.default_rng(0).uniform([-1, -1, 0], [1, 1, 2], (50, 3))
    uv = camera_module.blender_projection(scene, points)
    ours = project(K, transform(T_cam_world, points))
    # Blender keeps matrices and lens shifts in float32: 1e-7 of some hundred pixels.
    assert np.abs(uv - ours).max() < 2e-3
    for point, pixel in zip(points, uv, strict=True):
        x, y, _ = world_to_camera_view(scene, scene.camera, Vector(point))
        assert np.allclose([x * SIZE[0], (1 - y) * SIZE[1]], pixel, atol=2e-3)


def test_oblong_pixels_are_refused():
    K = intrinsics(*SIZE, focal_px=100.0)
    K[1, 1] = 101.0
    scene = session.reset()
    with pytest.raises(ValueError, match="square"):
        camera_module.add_camera(scene, K, np.eye(4), SIZE)


def test_an_absent_gpu_is_an_error_not_a_fallback():
    scene = session.reset()
    preferences = bpy.context.preferences.addons["cycles"].preferences
    with session.quiet():
        present = {d.type for d in preferences.get_devices_for_type("CUDA")}
    if "CUDA" in present:
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(GenbError, match="genb doctor"):
        session.select_device(scene, "cuda")
    with pytest.raises(GenbError, match="genb doctor"):
        session.select_device(scene, "metal")


def test_pixel_centres_are_half_integers():
    assert np.array_equal(pixel_centres(2, 1)[0], [[0.5, 0.5], [1.5, 0.5]])


def test_hidden_things_leave_no_trace(soup):
    """The naked pass depends on hide_render: an object hidden is absent from every channel."""
    K, T_cam_world = off_centre_camera()
    scene = new_scene(K, T_cam_world)
    near = people.new_mesh(
        "near", np.array([[-1, -1, 0], [1, -1, 0], [0, -1, 2.0]]), np.array([[0, 1, 2]])
    )
    far = people.new_mesh(
        "far", np.array([[-1, 0, 0], [1, 0, 0], [0, 0, 2.0]]), np.array([[0, 1, 2]])
    )
    people.label(near, 1, 7)
    people.label(far, 2, 1)
    material = passes.prepare(scene)
    both = passes.render_truth(scene, material)
    near.hide_render = True
    one = passes.render_truth(scene, material)
    assert (both["instance"] == 1).any()
    assert set(np.unique(one["instance"])) == {0, 2}
    assert (one["depth"][both["instance"] == 1] > both["depth"][both["instance"] == 1]).all()
