"""The free body: its data, its anatomy, its people, and the files a build leaves behind."""

import hashlib
import json

import numpy as np
import pytest

from pipeline.body.free import build, hands, mesh, regressor, shapes, skeleton
from pipeline.body.free.makehuman import PHENOTYPES, load_makehuman, phenotype_weights
from pipeline.body.measures import measure_bodies
from pipeline.body.model import load_body_model
from pipeline.body.modelfile import (
    JOINT_INDEX,
    JOINT_NAMES,
    VERTEX_JOINTS,
    model_path,
    read_model_file,
)
from pipeline.body.statures import SEXES


@pytest.fixture(scope="module")
def makehuman():
    return load_makehuman()


@pytest.fixture(scope="module")
def model(body_dir):
    return load_body_model(body_dir, num_betas=300, evaluator="numpy")


@pytest.fixture(scope="module")
def arrays(body_dir):
    with np.load(model_path(body_dir, "neutral"), allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def people(body_dir):
    with np.load(body_dir / "people.npz", allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def report(body_dir):
    return json.loads((body_dir / "report.json").read_text())


# --- the MakeHuman data ---


def test_phenotype_weights_share_one_unit(makehuman):
    rng = np.random.default_rng(0)
    values = {axis: rng.random(6) for axis in ("gender", "age", "muscle", "weight", "height")}
    weights = phenotype_weights(values, makehuman.blend_mask)
    names = [name for axis in PHENOTYPES.values() for name in axis]
    has = {name: makehuman.blend_mask[:, k] for k, name in enumerate(names)}
    length = makehuman.blend_mask.sum(axis=1)
    universal = (length == 4) & (has["male"] | has["female"])
    universal &= (has["minweight"] | has["averageweight"] | has["maxweight"]) & ~has["mincup"]
    np.testing.assert_allclose(weights[:, universal].sum(axis=1), 1, atol=1e-6)
    ancestry = has["african"] | has["asian"] | has["caucasian"]
    np.testing.assert_allclose(weights[:, ancestry].sum(axis=1), 1, atol=1e-6)


def test_height_slope_is_exact(makehuman):
    some = {"age": np.array([0.3, 0.8]), "gender": np.array([0.1, 0.9])}
    low = makehuman.rest_vertices(some | {"height": np.zeros(2)})
    middle = makehuman.rest_vertices(some | {"height": np.full(2, 0.37)})
    slope = makehuman.height_slope(some)
    assert np.abs(low + 0.37 * slope - middle).max() < 1e-5


def test_local_changes_have_two_signs(makehuman):
    amount = np.zeros((3, len(makehuman.local_changes)))
    k = next(i for i, c in enumerate(makehuman.local_changes) if c.group == "nose")
    amount[:, k] = 0, 0.5, -0.5
    plain, up, down = makehuman.rest_vertices({"age": np.full(3, 0.67)}, amount)
    change = makehuman.local_changes[k]
    for vertices, (index, offset) in ((up, change.positive), (down, change.negative)):
        np.testing.assert_allclose(vertices[index] - plain[index], 0.5 * offset, atol=1e-6)
        untouched = np.setdiff1d(np.arange(len(plain)), index)
        np.testing.assert_array_equal(vertices[untouched], plain[untouched])


def test_every_bone_weight_reaches_the_joints(makehuman):
    fold = skeleton.fold_matrix(makehuman)
    np.testing.assert_allclose(fold.sum(axis=1), 1)
    assert (fold.sum(axis=0) > 0).all()


def test_population_and_tpose_are_reproducible_and_exact(makehuman):
    surface, fold = mesh.kept_surface(makehuman), skeleton.fold_matrix(makehuman)

    def draw(seed):
        people = shapes.sample_population(np.random.default_rng(seed), makehuman, 4, 2)
        return people, *shapes.tposed_bodies(makehuman, surface, fold, people, batch=3)

    people, vertices, joints = draw(1)
    again = draw(1)
    np.testing.assert_array_equal(vertices, again[1])
    np.testing.assert_array_equal(joints, again[2])
    assert np.abs(vertices - draw(2)[1]).max() > 0.01
    np.testing.assert_allclose(np.ptp(vertices[:, :, 1], axis=1), people.stature_m, atol=1e-5)
    assert (people.age_years[:2] < 18).all() and (people.age_years[2:] >= 18).all()
    # T-pose: arms along X, legs down, palms down (thumb in front), pelvis at the origin.
    at = {name: joints[:, k] for k, name in enumerate(JOINT_NAMES)}
    assert np.abs(at["pelvis"]).max() < 1e-6
    for side, sign in (("left", 1), ("right", -1)):
        arm = at[f"{side}_wrist"] - at[f"{side}_shoulder"]
        assert (sign * arm[:, 0] / np.linalg.norm(arm, axis=1) > 0.98).all()
        leg = at[f"{side}_ankle"] - at[f"{side}_hip"]
        assert (leg[:, 1] / np.linalg.norm(leg, axis=1) < -0.98).all()
        assert (at[f"{side}_thumb3"][:, 2] > at[f"{side}_pinky3"][:, 2] + 0.02).all()
        assert (at[f"{side}_foot"][:, 2] > at[f"{side}_ankle"][:, 2] + 0.03).all()


def test_weight_goes_on_beyond_the_heaviest_shape(makehuman):
    some = {"gender": np.full(3, 0.2), "age": np.full(3, 0.7), "weight": np.array([0.5, 1.0, 1.6])}
    average, heaviest, beyond = makehuman.rest_vertices(some)
    # One straight line: 1.6 is 2.2 times as far from average as 1.0. float32 sums of 60 shapes.
    np.testing.assert_allclose(beyond - average, 2.2 * (heaviest - average), atol=2e-6)


def test_age_map_follows_makehumans_named_ages():
    value, years = np.array(shapes.AGE_MAP).T
    for named, expected in ((0, 1), (1 / 3, 10), (2 / 3, 25), (1, 90)):
        assert np.interp(named, value, years) == expected


# --- rotations, regressor and hands ---


def test_rotation_between_directions():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 20, 3))
    turned = np.einsum("bij,bj->bi", skeleton.between(a, b), skeleton.unit(a))
    np.testing.assert_allclose(turned, skeleton.unit(b), atol=1e-12)


def test_twist_angle_ignores_swing():
    axis = np.array([1.0, 0.0, 0.0])
    twist = skeleton.about_axis(np.tile(axis, (3, 1)), np.array([-0.7, 0.2, 1.1]))
    swing = skeleton.about_axis(np.tile([0.0, 1.0, 0.3], (3, 1)), np.full(3, 0.6))
    np.testing.assert_allclose(skeleton.twist_angle(swing @ twist, axis), [-0.7, 0.2, 1.1])


def test_hand_components_are_an_orthonormal_mirrored_basis():
    mean_l, components_l, mean_r, components_r = hands.hand_pose_space(np.random.default_rng(0))
    np.testing.assert_allclose(components_l @ components_l.T, np.eye(45), atol=1e-5)
    flip = np.tile([1, -1, -1], 15)
    np.testing.assert_array_equal(components_r, components_l * flip)
    np.testing.assert_array_equal(mean_r, mean_l * flip)
    assert (mean_l[2::9][:4] < 0).all()  # left fingers curl about -Z: palms face down


def test_joint_regressor_is_a_symmetric_average(arrays):
    rows = arrays["J_regressor"].astype(np.float64)
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    joints = rows @ arrays["v_template"]
    flip = np.array([-1, 1, 1])
    for k, name in enumerate(JOINT_NAMES):
        if name.startswith("left_"):
            twin = joints[JOINT_INDEX[name.replace("left", "right")]]
            # The mean of sampled people is nearly, not exactly, symmetric.
            assert np.abs(joints[k] * flip - twin).max() < 0.005, name


# --- the model file ---


def test_mesh_is_clean_and_faces_outwards(arrays):
    faces, points = arrays["f"].astype(int), arrays["v_template"].astype(float)
    assert (faces[:, 0] != faces[:, 1]).all() and (faces[:, 1] != faces[:, 2]).all()
    assert len(np.unique(faces)) == len(points)
    assert len(np.unique(np.sort(faces, axis=1), axis=0)) == len(faces)
    skin = faces[arrays["face_part"] == 0]
    edges = np.sort(skin[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert uses.max() == 2, "no edge of the skin is shared by three triangles"
    assert (uses == 1).mean() < 0.005, "the skin is closed but for small rims"
    mass = measure_bodies(points, skin).mass_kg[0]
    assert 50 < mass < 90, "positive volume: triangles wind outwards"


def test_texture_map_covers_every_corner(arrays):
    assert arrays["vt"].min() >= 0 and arrays["vt"].max() <= 1
    assert len(np.unique(arrays["ft"])) == len(arrays["vt"])
    a, b, c = (arrays["vt"][arrays["ft"][:, k].astype(int)].astype(float) for k in range(3))
    area = np.abs(np.cross(b - a, c - a))
    assert (area > 0).mean() > 0.999


def test_skinning_weights_are_a_partition(arrays):
    weights = arrays["weights"].astype(np.float64)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    assert (weights > 0.3).any(axis=0).all(), "every joint moves some skin"


def test_named_vertices_are_anatomy(arrays):
    points = arrays["v_template"]
    at = {name: points[k] for name, k in VERTEX_JOINTS.items()}
    joints = dict(zip(JOINT_NAMES, arrays["J_regressor"] @ points, strict=True))
    assert at["nose"][2] > max(at[f"{s}_eye"][2] for s in ("left", "right"))
    assert at["nose"][1] < at["left_eye"][1] and abs(at["nose"][0]) < 0.005
    for side, sign in (("left", 1), ("right", -1)):
        assert 0.02 < sign * at[f"{side}_eye"][0] < 0.05
        assert 0.06 < sign * at[f"{side}_ear"][0] < 0.12
        assert at[f"{side}_heel"][2] < joints[f"{side}_ankle"][2]
        assert at[f"{side}_heel"][1] < points[:, 1].min() + 0.05
        assert at[f"{side}_big_toe"][2] > joints[f"{side}_foot"][2] + 0.03
        assert sign * at[f"{side}_small_toe"][0] > sign * at[f"{side}_big_toe"][0] + 0.03
        assert sign * at[f"{side}_middle"][0] > sign * at[f"{side}_pinky"][0] + 0.01
        for finger in skeleton.FINGERS:
            reach = np.linalg.norm(at[f"{side}_{finger}"] - joints[f"{side}_{finger}3"])
            assert 0.012 < reach < 0.045, finger


def test_face_landmarks_follow_the_usual_order(model):
    marks = model.evaluate(np.zeros(300), np.zeros((1, 165)), np.zeros((1, 3))).joints[0, 76:]
    x, y = marks[:, 0], marks[:, 1]
    assert (np.diff(x[:10]) > 0).all(), "brows run from the person's right to left"
    assert (np.diff(y[10:14]) < 0).all(), "the nose ridge runs down"
    assert (np.diff(x[14:19]) > 0).all()
    right_eye, left_eye = marks[19:25], marks[25:31]
    assert right_eye[:, 0].max() < 0 < left_eye[:, 0].min()
    assert right_eye[0, 0] == right_eye[:, 0].min() and left_eye[3, 0] == left_eye[:, 0].max()
    for eye in (right_eye, left_eye):
        assert eye[1:3, 1].min() > eye[4:6, 1].max(), "upper lid above lower lid"
    mouth = marks[31:]
    assert mouth[0, 0] == mouth[:12, 0].min() and mouth[6, 0] == mouth[:12, 0].max()
    assert abs(mouth[12, 0] - mouth[0, 0]) < 0.002 and abs(mouth[16, 0] - mouth[6, 0]) < 0.002
    assert (np.diff(mouth[:7, 0]) > 0).all() and (np.diff(mouth[6:12, 0]) < 0).all()
    assert mouth[2:5, 1].min() > mouth[8:11, 1].max() + 0.008, "lips have a height"


def test_face_contour_runs_over_the_chin(arrays):
    points, faces = arrays["v_template"], arrays["f"].astype(int)
    weight, face = arrays["dynamic_lmk_bary_coords"], arrays["dynamic_lmk_faces_idx"]
    assert face.shape == (79, 17)
    front = np.einsum("nc,ncd->nd", weight[0], points[faces[face[0]]])
    assert (np.diff(front[:, 0]) >= 0).all()
    assert front[8, 1] < front[:, 1].min() + 0.004 and abs(front[8, 0]) < 0.005
    assert front[0, 0] < -0.05 and front[16, 0] > 0.05
    eye_z = points[VERTEX_JOINTS["left_eye"], 2]
    turned = np.einsum("nc,ncd->nd", weight[39], points[faces[face[39]]])
    mirrored = np.einsum("nc,ncd->nd", weight[78], points[faces[face[78]]])
    # Mirror vertices; the mean of sampled people is symmetric to about a millimetre.
    assert np.abs(turned[::-1] * [-1, 1, 1] - mirrored).max() < 0.002
    assert (front[:, 2] > eye_z - 0.1).all()


def test_first_coefficient_is_size(arrays, people):
    """beta 0 orders people by stature; larger is taller."""
    assert np.corrcoef(people["betas"][:, 0], people["stature_m"])[0, 1] > 0.95
    spread = np.sqrt((arrays["shapedirs"][:, :, :300].astype(float) ** 2).sum(axis=(0, 1)))
    assert (np.diff(spread) < 1e-3).all(), "coefficients are ordered by what they explain"


def bend(**rotations):
    pose = np.zeros((1, 165))
    for name, vector in rotations.items():
        k = JOINT_INDEX[name]
        pose[0, 3 * k : 3 * k + 3] = vector
    return pose


def test_correctives_keep_bent_limbs_full(body_dir, arrays):
    """A strongly bent knee and elbow lose less flesh than under plain linear skinning."""
    from dataclasses import replace

    from pipeline.body.lbs import NumpyEvaluator

    file = read_model_file(model_path(body_dir, "neutral"))
    plain = replace(file, posedirs=np.zeros_like(file.posedirs))
    skin = arrays["f"].astype(int)[arrays["face_part"] == 0]
    pose = bend(left_knee=(2.0, 0, 0), right_knee=(2.0, 0, 0))
    pose += bend(left_elbow=(0, -2.0, 0), right_elbow=(0, 2.0, 0))
    rest, full, thin = (
        measure_bodies(
            NumpyEvaluator(f, 10, 10)
            .evaluate(np.zeros(10), p, np.zeros((1, 3)), np.zeros((1, 10)))
            .vertices,
            skin,
        ).mass_kg[0]
        for f, p in ((file, 0 * pose), (file, pose), (plain, pose))
    )
    assert thin < full, "correctives add flesh"
    assert abs(full - rest) < 0.6 * abs(thin - rest)
    assert abs(full - rest) / rest < 0.02


# --- the people ---


def test_people_are_both_genders_and_all_ages(people):
    count = len(people["betas"])
    age, gender = people["age_years"], people["gender"]
    assert people["betas"].shape == (count, 300) and people["betas"].dtype == np.float32
    assert gender.dtype == "<U6" and set(gender) == {"male", "female"}
    assert (age < 18).sum() >= 150 and age.min() >= 3 and age.max() <= 85
    assert 0.45 < (gender == "male").mean() < 0.55
    np.testing.assert_allclose(people["ancestry"].sum(axis=1), 1, atol=1e-5)
    assert people["betas_gendered"].shape == (count, 300)
    assert people["muscle_slider"].min() >= 0 and people["muscle_slider"].max() <= 1
    assert people["weight_slider"].min() >= 0 and people["weight_slider"].max() < 1.8
    assert people["weight_slider"][age < 18].max() <= 1, "only adults are heavier than average"


@pytest.mark.parametrize(
    ("gender", "mean", "sd"), [("male", 1.765, 0.07), ("female", 1.635, 0.065)]
)
def test_adult_statures_follow_the_statistics(people, gender, mean, sd):
    mine = people["stature_m"][(people["age_years"] >= 18) & (people["gender"] == gender)]
    # Three standard errors of a mean and of a standard deviation.
    assert abs(mine.mean() - mean) < 3 * sd / np.sqrt(len(mine))
    assert abs(mine.std() - sd) < 3 * sd / np.sqrt(2 * len(mine))


def test_children_grow(people):
    child = people["age_years"] < 18
    stature, age = people["stature_m"][child], people["age_years"][child]
    assert np.corrcoef(age, stature)[0, 1] > 0.9
    assert 0.85 < stature[age < 5].mean() < 1.1 and 1.5 < stature[age > 15].mean() < 1.8


def test_betas_give_the_person_back(model, people):
    rng = np.random.default_rng(7)
    for k in rng.choice(len(people["betas"]), 12, replace=False):
        posed = model.evaluate(people["betas"][k], np.zeros((1, 165)), np.zeros((1, 3)))
        stature = np.ptp(posed.vertices[0, :, 1])
        assert abs(stature - people["stature_m"][k]) < 0.003  # 300 of 1400 directions


# --- one model per sex ---


def test_models_differ_in_shape_only(body_dir, arrays):
    for gender in SEXES:
        with np.load(model_path(body_dir, gender), allow_pickle=False) as archive:
            own = dict(archive)
        assert set(own) == set(arrays)
        for name in set(own) - {"v_template", "shapedirs"}:
            np.testing.assert_array_equal(own[name], arrays[name], err_msg=name)
        # Expressions are shared, too; the shape space is not, and the pelvis stays in its place.
        np.testing.assert_array_equal(own["shapedirs"][..., 300:], arrays["shapedirs"][..., 300:])
        assert np.abs(own["v_template"] - arrays["v_template"]).max() > 0.02
        pelvis = own["J_regressor"][0] @ own["v_template"]
        np.testing.assert_allclose(pelvis, [0, -0.35, 0.01], atol=1e-5)


def test_templates_are_the_average_man_and_woman(body_dir, people, arrays):
    skin = arrays["f"].astype(int)[arrays["face_part"] == 0]
    grown = people["age_years"] >= 18
    for gender in SEXES:
        mean = people["stature_m"][grown & (people["gender"] == gender)].mean()
        template = read_model_file(model_path(body_dir, gender)).v_template
        # The highest point of a mean shape lies below the mean of the highest points, as heads
        # differ in place: by millimetres.
        assert abs(measure_bodies(template, skin).stature_m[0] - mean) < 0.01


@pytest.mark.parametrize("gender", SEXES)
def test_a_person_is_the_same_body_in_either_model(body_dir, model, people, gender):
    own = load_body_model(body_dir, gender, num_betas=300, evaluator="numpy")
    rows = np.flatnonzero(people["gender"] == gender)[::97]
    pose, zero = np.random.default_rng(3).normal(0, 0.2, (1, 165)), np.zeros((1, 3))
    for row in rows:
        # Relative to the pelvis: each template has its own in the same place.
        a, b = (
            posed.vertices[0] - posed.joints[0, 0]
            for posed in (
                model.evaluate(people["betas"][row], pose, zero),
                own.evaluate(people["betas_gendered"][row], pose, zero),
            )
        )
        # Each space keeps 300 directions: the held-out tail is 0.6 mm at the 99th percentile, and
        # these people were learned from.
        assert np.percentile(np.linalg.norm(a - b, axis=-1), 99) < 0.0012


@pytest.mark.parametrize("gender", SEXES)
def test_gendered_files_load_through_the_smplx_package(body_dir, gender):
    rng = np.random.default_rng(4)
    betas, pose, transl = rng.normal(0, 1, 300), rng.normal(0, 0.4, (3, 165)), np.ones((3, 3))
    a, b = (
        load_body_model(body_dir, gender, num_betas=300, evaluator=e).evaluate(betas, pose, transl)
        for e in ("smplx", "numpy")
    )
    assert np.abs(a.vertices - b.vertices).max() < 1e-5  # 0.01 mm: float32 at a few metres
    assert np.abs(a.joints - b.joints).max() < 1e-5


# --- the build ---


def test_report_meets_the_acceptance_figures(report):
    for group in ("adults", "children"):
        held_out = report["held_out"][group]
        limits = {"10": (7.5, 27.0), "16": (5.2, 19.0), "50": (2.1, 8.0), "100": (1.1, 4.0)}
        for count, (mean, p99) in limits.items():
            assert held_out["shape_error_by_betas"][count]["mean_mm"] < mean
            assert held_out["shape_error_by_betas"][count]["p99_mm"] < p99
        assert held_out["joint_error_mm"]["mean"] < 2.8
        assert held_out["joint_error_mm"]["worst"] < 18.0
        for sex in SEXES:
            by_sex = held_out["by_sex"][sex]
            for count, (mean, p99) in limits.items():
                assert by_sex["own_model"][count]["mean_mm"] < mean
                assert by_sex["own_model"][count]["p99_mm"] < p99
            # A space of one's own sex is the better one when coefficients are few.
            own, neutral = (by_sex[m]["10"]["mean_mm"] for m in ("own_model", "neutral_model"))
            assert own < neutral
    assert set(report["held_out"]["adults"]["surface_joints_to_rig_mm"]) == set(
        regressor.SURFACE_DEFINED
    )


def test_report_names_the_files_it_describes(report, body_dir):
    assert report["version"] == build.FREE_BODY_VERSION
    for name, digest in report["sha256"].items():
        assert hashlib.sha256((body_dir / name).read_bytes()).hexdigest() == digest


def test_a_finished_build_is_left_alone(body_dir, report):
    before = (body_dir / "people.npz").stat().st_mtime_ns
    assert build.build_free_body(body_dir) == report
    assert (body_dir / "people.npz").stat().st_mtime_ns == before
