"""Every sentence of docs/labels.md about a label, checked by a route that does not use its code."""

import numpy as np
import pytest
from made_scenes import (
    HEIGHT,
    WIDTH,
    Mesh,
    camera_axes,
    made_dataset,
    make_spec,
    pose_people,
    project_plainly,
    ray_cast,
    render,
    shirt_mesh,
)

from pipeline.scene import SceneSpec, frame_name
from pipeline.storage import read_json, read_npz
from pipeline.truth.dense import dense_indices, dense_labels, farthest_points
from pipeline.truth.frame import body_models, label_frame
from pipeline.truth.schema import LABEL_ARRAYS, VISIBILITY, array_faults
from pipeline.truth.silhouette import render_depth

# float32 of coordinates up to 6 m, through a sum of a few terms.
FLOAT32_M = 5e-6
FLOAT32_PX = 2e-3


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def labels(made):
    return read_npz(made.plan.scene_dir("truth", 0) / "frame_0001.npz")


@pytest.fixture(scope="module")
def facts(made):
    return read_json(made.plan.scene_dir("truth", 0) / "frame_0001.json")


def in_camera(spec: SceneSpec, points_world: np.ndarray) -> np.ndarray:
    eye, axes, _ = camera_axes(spec)
    return (points_world.astype(float) - eye) @ axes.T


def test_arrays_are_as_the_schema_says(labels):
    assert array_faults(labels, LABEL_ARRAYS) == []


@pytest.mark.parametrize("frame", ["world", "cam"])
def test_model_returns_the_body_in_the_frame_of_its_parameters(made, labels, frame):
    expected = made.bodies[0].vertices[1]
    if frame == "cam":
        expected = in_camera(made.specs[0], expected)
    for k in range(3):
        posed = made.model.evaluate(
            labels["betas"][k],
            labels[f"pose_{frame}"][k : k + 1],
            labels[f"transl_{frame}"][k : k + 1],
            labels["expression"][k : k + 1],
        )
        assert np.abs(posed.vertices[0] - expected[k]).max() < FLOAT32_M
        assert np.abs(posed.joints[0] - labels[f"joints_{frame}"][k]).max() < FLOAT32_M


def test_joints_project_where_plain_geometry_puts_them(made, labels):
    uv, depth = project_plainly(made.specs[0], labels["joints_world"].astype(float))
    assert np.abs(uv - labels["joints_2d"]).max() < FLOAT32_PX
    assert np.abs(depth - labels["joints_cam"][..., 2]).max() < FLOAT32_M


def test_amodal_box_is_that_of_all_vertices_and_modal_box_that_of_the_mask(made, labels):
    uv, _ = project_plainly(made.specs[0], made.bodies[0].vertices[1].astype(float))
    expected = np.concatenate([uv.min(axis=1), uv.max(axis=1)], axis=1)
    assert np.abs(labels["box_amodal"] - expected).max() < FLOAT32_PX
    for k in range(3):
        rows, columns = np.nonzero(made.passes[0][1].instance == k + 1)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert labels["box_modal"][k].tolist() == box
        assert labels["mask_area_px"][k] == len(rows)


def test_occlusion_is_the_hidden_share_of_the_body_alone(made, labels):
    for k in range(3):
        mesh = Mesh(
            made.bodies[0].vertices[1, k], made.model.faces, k + 1, np.ones(len(made.model.faces))
        )
        alone = ray_cast(made.specs[0], [mesh])["instance"] > 0
        hidden = (made.passes[0][1].instance[alone] != k + 1).mean()
        # The two rasterisers may differ in a handful of rim pixels of about 2000.
        assert abs(labels["occlusion"][k] - hidden) < 0.003
    assert labels["occlusion"][0] > 0.02 and labels["occlusion"][1] > 0.02
    assert labels["occlusion"][2] < 0.003


def test_truncation_is_the_share_outside_a_larger_picture(made, labels):
    spec = made.specs[0]
    tall = 3 * HEIGHT
    vfov = 2 * np.degrees(np.arctan(3 * np.tan(np.radians(spec.camera.vfov_deg / 2))))
    camera = spec.camera.model_copy(update={"width": 3 * WIDTH, "height": tall, "vfov_deg": vfov})
    wide = spec.model_copy(update={"camera": camera})
    for k in range(3):
        mesh = Mesh(
            made.bodies[0].vertices[1, k], made.model.faces, 1, np.ones(len(made.model.faces))
        )
        whole = ray_cast(wide, [mesh])["instance"] > 0
        inside = whole[HEIGHT : 2 * HEIGHT, WIDTH : 2 * WIDTH].sum() / whole.sum()
        # Counted at a coarser scale by the code: half a pixel along the image's edge.
        assert abs(labels["truncation"][k] - (1 - inside)) < 0.005
    assert labels["truncation"][2] > 0.02


def first_hit(origin, target, triangles) -> tuple[float, int]:
    """Distance in front of `target` of the first surface on the way from `origin`, and which."""
    direction = target - origin
    a, b, c = np.moveaxis(triangles, 1, 0)
    e1, e2 = b - a, c - a
    p = np.cross(direction, e2)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / (e1 * p).sum(axis=1)
        s = origin - a
        u = (s * p).sum(axis=1) * inverse
        q = np.cross(s, e1)
        v = (q * direction).sum(axis=1) * inverse
        t = (q * e2).sum(axis=1) * inverse
    t = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0), t, np.inf)
    nearest = int(np.argmin(t))
    return (1 - t[nearest]) * np.linalg.norm(direction), nearest


def test_visibility_of_surface_joints_agrees_with_rays(made, labels):
    """Joints 55..126 lie on the skin: one is hidden when a ray to it meets something before."""
    spec, vertices = made.specs[0], made.bodies[0].vertices[1]
    meshes = [Mesh(v, made.model.faces, k + 1, np.array([])) for k, v in enumerate(vertices)]
    meshes += [shirt_mesh(made.model, vertices[0], 1), made.box]
    triangles = np.concatenate([m.vertices[m.faces] for m in meshes]).astype(float)
    owner = np.concatenate([np.full(len(m.faces), m.instance) for m in meshes])
    eye, _, _ = camera_axes(spec)
    agree, total = 0, 0
    for k in range(3):
        for j in range(55, 127):
            code = int(labels["joints_code"][k, j])
            uv = labels["joints_2d"][k, j]
            if not (0 <= uv[0] < WIDTH and 0 <= uv[1] < HEIGHT):
                assert code == VISIBILITY["outside_image"]
                continue
            gap_m, hit = first_hit(eye, labels["joints_world"][k, j].astype(float), triangles)
            expected = {0: "object_occluded", k + 1: "self_occluded"}.get(
                owner[hit], "person_occluded"
            )
            # A surface point's ball is empty, so what it may lie below the surface is 15 mm.
            allowed = {"visible", "covered"} if gap_m <= 0.015 else {expected}
            agree += code in {VISIBILITY[name] for name in allowed}
            total += 1
    # Pixels of 1 cm decide in the code, points in this test: they differ near rims only.
    assert total > 150 and agree / total > 0.9


def codes_of_one_person(made, yaw: float) -> np.ndarray:
    spec = make_spec(9, [{"x": 0.0, "y": 0.0, "yaw": yaw, "seed": 8}], target_m=(0, 0, 0.9))
    bodies = pose_people(spec, made.model)
    passes = render(spec, bodies, made.model, 0, None)
    models = body_models(made.plan, spec)
    labels, _ = label_frame(made.plan, spec, bodies, passes, 0, models)
    return labels["joints_code"][0]


def test_own_flesh_does_not_hide_a_joint_but_the_far_side_of_the_body_does(made):
    nose, hips, eyes = 55, [1, 2], [23, 24]
    front, back, side = (codes_of_one_person(made, yaw) for yaw in (0, 180, 90))
    seen = {VISIBILITY["visible"], VISIBILITY["covered"]}
    hidden = VISIBILITY["self_occluded"]
    assert front[nose] in seen and back[nose] == hidden
    assert set(front[eyes]) <= seen and set(back[eyes]) == {hidden}
    assert set(front[hips]) <= seen and set(back[hips]) <= seen
    assert sorted(c == hidden for c in side[hips]) == [False, True]


def test_shirt_covers_joints_without_hiding_them(labels):
    covered = labels["joints_code"] == VISIBILITY["covered"]
    assert covered[0].any() and not covered[1:].any()
    assert labels["joints_visible"][covered].all()


def test_box_in_front_of_the_shins_is_named_as_an_object(labels):
    assert VISIBILITY["object_occluded"] in labels["joints_code"][0]
    assert VISIBILITY["person_occluded"] in labels["joints_code"][1]


def test_fields_of_view_are_the_angles_between_opposite_borders(facts):
    _, _, focal = camera_axes(make_spec(0, [{"x": 0, "y": 0, "yaw": 0, "seed": 1}]))
    rays = np.array([[-WIDTH / 2, 0, focal], [WIDTH / 2, 0, focal]])
    cosine = rays[0] @ rays[1] / np.linalg.norm(rays[0]) / np.linalg.norm(rays[1])
    assert facts["camera"]["hfov_deg"] == pytest.approx(np.degrees(np.arccos(cosine)))
    assert facts["camera"]["vfov_deg"] == pytest.approx(34.0)


def test_facts_tell_the_scene_and_repeat_the_labels(made, labels, facts):
    people = facts["people"]
    assert [p["subject"] for p in people] == ["subject_0001", "subject_0002", "subject_0003"]
    assert [p["garments"] for p in people] == ["tshirt", "", ""]
    assert [p["garments_inside"] for p in people] == [0.001, 0.0, 0.0]
    assert [p["garments_pinched"] for p in people] == [0.02, 0.0, 0.0]
    assert [p["garments_held"] for p in people] == [True, False, False]
    assert [p["action"] for p in people] == ["standing"] * 3
    for k, person in enumerate(people):
        vertices = made.bodies[0].tpose[k]
        assert person["stature_m"] == pytest.approx(vertices[:, 2].max() - vertices[:, 2].min())
        eye, _, _ = camera_axes(made.specs[0])
        away = np.linalg.norm(labels["joints_world"][k, 0] - eye)
        assert person["distance_m"] == pytest.approx(away, abs=1e-5)
        assert person["bmi"] == pytest.approx(person["mass_kg"] / person["stature_m"] ** 2)
        assert 15 < person["bmi"] < 45 and len(person["betas"]) == 10
        assert person["visible_joints"] == labels["joints_visible"][k].sum()


def test_ground_contact_is_told_as_float_and_sink(facts):
    people = facts["people"]
    assert [p["foot_float_mm"] for p in people] == [0.0, 4.0, 0.0]
    assert [p["foot_sink_mm"] for p in people] == [0.0, 0.0, 3.0]
    assert {p["airborne"] for p in people} == {False}
    assert {p["self_penetration_mm"] for p in people} == {2.0}


def test_farthest_points_spread_evenly_and_larger_sets_begin_with_smaller_ones():
    points = np.random.default_rng(0).normal(size=(800, 3))
    chosen = farthest_points(points, 60)
    picked = points[chosen]
    gaps = np.linalg.norm(picked[:, None] - picked[None], axis=-1) + 1e9 * np.eye(60)
    reach = np.linalg.norm(points[:, None] - picked[None], axis=-1).min(axis=1).max()
    assert len(set(chosen.tolist())) == 60
    # The defining property: chosen points are no closer together than any point is to its nearest.
    assert gaps.min() >= reach
    assert (farthest_points(points, 20) == chosen[:20]).all()
    with pytest.raises(ValueError, match="only 800"):
        farthest_points(points, 801)


def test_dense_keypoints_are_projections_of_their_vertices(made, labels):
    model = body_models(made.plan, made.specs[0])[0]
    indices = dense_indices(model, [138, 437])
    vertices = in_camera(made.specs[0], made.bodies[0].vertices[1])
    dense = dense_labels(vertices, labels["K"], indices, made.passes[0][1])
    for n in (138, 437):
        uv, _ = project_plainly(made.specs[0], made.bodies[0].vertices[1][:, indices[n]])
        assert np.abs(dense[f"dense_{n}_2d"] - uv).max() < FLOAT32_PX
        assert (model.vertex_part[indices[n]] != 5).all()
    assert (indices[437][:138] == indices[138]).all()


def test_opengl_samples_pixel_centres_and_planar_depth():
    """A tilted plate with known edges: which columns it covers, and its depth in each pixel."""
    f, width, height = 100.0, 64, 48
    K = np.array([[f, 0, 30.0], [0, f, 25.0], [0, 0, 1]])
    u0, u1, v0, v1 = 10.4, 20.6, 5.6, 30.3
    corners = []
    for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1)):
        # On the plane z = 2 + x.
        slope = (u - K[0, 2]) / f
        z = 2 / (1 - slope)
        corners.append([slope * z, (v - K[1, 2]) / f * z, z])
    depth = render_depth(np.array(corners), np.array([[0, 1, 2], [0, 2, 3]]), K, width, height)
    rows, columns = np.nonzero(np.isfinite(depth))
    assert sorted(set(columns)) == list(range(10, 21))
    assert sorted(set(rows)) == list(range(6, 30))
    expected = 2 / (1 - (columns + 0.5 - K[0, 2]) / f)
    assert np.abs(depth[rows, columns] - expected).max() < 2e-5


def test_every_frame_has_its_files(made):
    for frame in range(2):
        for ending in ("npz", "json"):
            assert (made.plan.scene_dir("truth", 0) / f"{frame_name(frame)}.{ending}").is_file()
