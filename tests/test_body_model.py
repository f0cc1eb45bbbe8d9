"""The body model file reader and its two evaluators."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body.kid import with_kid
from pipeline.body.model import EVALUATORS, BodyModelError, load_body_model
from pipeline.body.modelfile import (
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
    VERTEX_JOINTS,
    model_path,
    read_model_file,
)
from pipeline.conventions import PARTS

TOLERANCE_M = 1e-5  # float32 bases and positions of a few metres


@pytest.fixture(scope="module")
def smplx_model(body_dir):
    return load_body_model(body_dir, num_betas=30, num_expression=12)


@pytest.fixture(scope="module")
def numpy_model(body_dir):
    return load_body_model(body_dir, num_betas=30, num_expression=12, evaluator="numpy")


@pytest.fixture(scope="module")
def arrays(body_dir):
    with np.load(model_path(body_dir, "neutral"), allow_pickle=False) as archive:
        return dict(archive)


def written(folder, arrays, **changes):
    """A model folder holding `arrays` with changes; None removes a member."""
    members = {k: v for k, v in (arrays | changes).items() if v is not None}
    path = model_path(folder, "neutral")
    path.parent.mkdir(parents=True)
    np.savez(path, **members)
    return folder


def test_evaluators_agree_on_random_bodies(smplx_model, numpy_model):
    rng = np.random.default_rng(1)
    for size in (0.2, 0.6, 1.5):
        betas = rng.normal(0, 1.5, 30)
        pose = rng.normal(0, size, (4, 165))
        transl, expression = rng.normal(0, 2, (4, 3)), rng.normal(0, 1.5, (4, 12))
        a = smplx_model.evaluate(betas, pose, transl, expression)
        b = numpy_model.evaluate(betas, pose, transl, expression)
        assert a.vertices.dtype == a.joints.dtype == b.vertices.dtype == np.float32
        assert a.joints.shape == b.joints.shape == (4, 127, 3)
        assert np.abs(a.vertices - b.vertices).max() < TOLERANCE_M
        assert np.abs(a.joints - b.joints).max() < TOLERANCE_M


@pytest.mark.parametrize("num_betas", [1, 10, 11, 16, 300])
def test_any_number_of_coefficients(body_dir, arrays, num_betas):
    rng = np.random.default_rng(num_betas)
    betas, zero = rng.normal(0, 1, num_betas), np.zeros((2, 3))
    expected = arrays["v_template"] + arrays["shapedirs"][:, :, :num_betas].astype(float) @ betas
    for evaluator in EVALUATORS:
        model = load_body_model(body_dir, num_betas=num_betas, evaluator=evaluator)
        posed = model.evaluate(betas, np.zeros((2, 165)), zero)
        assert np.abs(posed.vertices - expected).max() < TOLERANCE_M
        assert np.abs(posed.joints[:, :55] - model.rest_joints(betas)).max() < TOLERANCE_M


def test_zero_pose_is_the_shaped_template(numpy_model, arrays):
    betas = np.random.default_rng(2).normal(0, 1, 30)
    posed = numpy_model.evaluate(betas, np.zeros((1, 165)), np.array([[1.0, 2.0, 3.0]]))
    expected = arrays["v_template"] + arrays["shapedirs"][:, :, :30].astype(float) @ betas
    assert np.abs(posed.vertices[0] - expected - [1, 2, 3]).max() < TOLERANCE_M
    rest = numpy_model.rest_joints(betas)
    assert np.abs(posed.joints[0, :55] - rest - [1, 2, 3]).max() < TOLERANCE_M
    np.testing.assert_array_equal(numpy_model.pelvis(betas), rest[0])


def test_root_rotation_turns_about_the_pelvis(smplx_model):
    betas = np.random.default_rng(3).normal(0, 1, 30)
    still = np.zeros((1, 165))
    turned = still.copy()
    turned[0, :3] = [0.5, 1.0, -0.3]
    zero = np.zeros((1, 3))
    rest = smplx_model.evaluate(betas, still, zero).vertices[0]
    R, pelvis = Rotation.from_rotvec(turned[0, :3]).as_matrix(), smplx_model.pelvis(betas)
    expected = (rest - pelvis) @ R.T + pelvis
    assert np.abs(smplx_model.evaluate(betas, turned, zero).vertices[0] - expected).max() < 1e-5


@pytest.mark.parametrize("joint", ["left_elbow", "right_knee", "head", "right_thumb2", "jaw"])
def test_a_joint_moves_its_descendants_rigidly_and_nothing_else(numpy_model, joint):
    pose = np.zeros((1, 165))
    index = JOINT_INDEX[joint]
    pose[0, 3 * index : 3 * index + 3] = [0.3, -0.2, 0.4]
    betas, zero = np.zeros(30), np.zeros((1, 3))
    rest = numpy_model.rest_joints(betas)
    joints = numpy_model.evaluate(betas, pose, zero).joints[0, :55]
    below = {index}
    for k, parent in enumerate(PARENTS):
        if parent in below:
            below.add(k)
    R = Rotation.from_rotvec([0.3, -0.2, 0.4]).as_matrix()
    for k in range(55):
        expected = (rest[k] - rest[index]) @ R.T + rest[index] if k in below else rest[k]
        assert np.abs(joints[k] - expected).max() < TOLERANCE_M, JOINT_NAMES[k]


def test_reported_joints_are_the_named_vertices(numpy_model):
    pose = np.random.default_rng(4).normal(0, 0.3, (1, 165))
    posed = numpy_model.evaluate(np.zeros(30), pose, np.zeros((1, 3)))
    picked = posed.vertices[0, list(VERTEX_JOINTS.values())]
    np.testing.assert_array_equal(posed.joints[0, 55:76], picked)


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_batches_do_not_change_frames(request, evaluator):
    model = request.getfixturevalue(f"{evaluator}_model")
    rng = np.random.default_rng(5)
    batch = EVALUATORS[evaluator].batch
    betas, pose = rng.normal(0, 1, 30), rng.normal(0, 0.4, (batch + 3, 165))
    transl = rng.normal(0, 1, (batch + 3, 3))
    together = model.evaluate(betas, pose, transl)
    assert together.vertices.shape[0] == together.joints.shape[0] == batch + 3
    for k in (0, batch - 1, batch, batch + 2):
        alone = model.evaluate(betas, pose[k : k + 1], transl[k : k + 1])
        assert np.abs(together.vertices[k] - alone.vertices[0]).max() < TOLERANCE_M
        assert np.abs(together.joints[k] - alone.joints[0]).max() < TOLERANCE_M


def test_the_numpy_evaluator_does_without_smplx_and_torch(body_dir):
    code = (
        "import sys, pathlib, numpy as np\n"
        "from pipeline.body.model import load_body_model\n"
        "model = load_body_model(pathlib.Path(sys.argv[1]), evaluator='numpy')\n"
        "posed = model.evaluate(np.zeros(16), np.zeros((2, 165)), np.zeros((2, 3)))\n"
        "assert posed.vertices.shape == (2, len(model.v_template), 3)\n"
        "assert not {'smplx', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(body_dir)], check=True)


def test_an_unknown_evaluator_is_refused(body_dir):
    with pytest.raises(ValueError, match=r"one of \['numpy', 'smplx'\], not 'jax'"):
        load_body_model(body_dir, evaluator="jax")


def test_wrong_shapes_are_refused(smplx_model):
    with pytest.raises(ValueError, match="betas has shape"):
        smplx_model.evaluate(np.zeros(10), np.zeros((1, 165)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="pose has shape"):
        smplx_model.evaluate(np.zeros(30), np.zeros((1, 63)), np.zeros((1, 3)))


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_more_coefficients_than_the_file_has_are_refused(body_dir, evaluator):
    with pytest.raises(BodyModelError, match="holds 300"):
        load_body_model(body_dir, num_betas=301, evaluator=evaluator)
    with pytest.raises(BodyModelError, match="holds 100"):
        load_body_model(body_dir, num_expression=101, evaluator=evaluator)


def test_a_missing_file_names_itself_and_the_next_command(tmp_path):
    with pytest.raises(BodyModelError, match=r"SMPLX_FEMALE\.npz.*genb doctor"):
        load_body_model(tmp_path, "female")


def test_a_truncated_file_is_refused(tmp_path, body_dir):
    path = model_path(tmp_path, "neutral")
    path.parent.mkdir(parents=True)
    shutil.copy(model_path(body_dir, "neutral"), path)
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)
    with pytest.raises(BodyModelError, match=r"damaged.*genb doctor"):
        read_model_file(path)


def test_a_flipped_byte_is_noticed(tmp_path, body_dir):
    content = bytearray(model_path(body_dir, "neutral").read_bytes())
    content[content.index(b"v_template.npy") + 5000] ^= 0xFF
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    path.write_bytes(content)
    with pytest.raises(BodyModelError, match="damaged"):
        read_model_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros((13854, 24), np.float32)}, "'weights' is"),
        ({"shapedirs": np.zeros((13854, 3, 8), np.float32)}, "8 columns"),
        ({"posedirs": np.zeros((13854, 3, 207), np.float32)}, "'posedirs' is"),
        ({"J_regressor": None}, "'J_regressor' is missing"),
        ({"v_template": np.zeros((6890, 3), np.float32)}, "too few for SMPL-X"),
        ({"kintree_table": np.zeros((2, 55), np.int64)}, "joint tree"),
        ({"v_template": np.full((13854, 3), np.nan, np.float32)}, "NaN"),
        ({"f": np.full((27612, 3), 99999, np.uint32)}, "outside"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, arrays, change, message):
    folder = written(tmp_path / "m", arrays, **change)
    with pytest.raises(BodyModelError, match=message) as caught:
        load_body_model(folder)
    assert "SMPLX_NEUTRAL.npz" in str(caught.value) and "genb doctor" in str(caught.value)


def test_old_files_hold_ten_shape_coefficients(tmp_path, arrays):
    short = np.concatenate(
        [arrays["shapedirs"][:, :, :10], arrays["shapedirs"][:, :, 300:310]], axis=2
    )
    folder = written(tmp_path / "m", arrays, shapedirs=short)
    with pytest.raises(BodyModelError, match="16 shape coefficients.*holds 10"):
        load_body_model(folder)
    rng = np.random.default_rng(6)
    betas, expression = rng.normal(0, 1, 10), rng.normal(0, 1, (1, 10))
    pose, zero = rng.normal(0, 0.3, (1, 165)), np.zeros((1, 3))
    a, b = (
        load_body_model(folder, num_betas=10, evaluator=e).evaluate(betas, pose, zero, expression)
        for e in ("smplx", "numpy")
    )
    assert np.abs(a.vertices - b.vertices).max() < TOLERANCE_M


class _Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was opened')",))


def test_pickled_members_are_never_opened(tmp_path, arrays):
    """Licensed SMPL-X files carry pickled tables that nothing here needs."""
    bomb = np.array({"part2num": _Bomb()}, dtype=object)
    folder = written(tmp_path / "m", arrays, part2num=bomb)
    model = load_body_model(folder)
    posed = model.evaluate(np.zeros(16), np.zeros((1, 165)), np.zeros((1, 3)))
    assert np.abs(posed.vertices[0] - arrays["v_template"]).max() < TOLERANCE_M


def test_parts_are_derived_when_the_file_names_none(tmp_path, arrays, body_dir):
    bare = written(
        tmp_path / "m", arrays, face_part=None, vertex_part=None, mh_index=None, vt=None, ft=None
    )
    derived, own = load_body_model(bare), load_body_model(body_dir)
    assert derived.uv is None and own.uv is not None
    eyes = np.isin(own.face_part, (1, 2))
    np.testing.assert_array_equal(derived.face_part[eyes], own.face_part[eyes])
    # Teeth and tongue cannot be told from the weights alone; everything else can.
    mouth = np.unique(own.faces[own.face_part >= 3])
    others = np.setdiff1d(np.arange(len(own.v_template)), mouth)
    assert (derived.vertex_part[others] == own.vertex_part[others]).mean() > 0.99


def test_parts_lie_where_they_should(smplx_model):
    part, points = smplx_model.vertex_part, smplx_model.v_template
    assert set(np.unique(part)) == {PARTS[n] for n in ("skin", "face", "hands", "feet")} | {5}
    head = smplx_model.rest_joints(np.zeros(30))[JOINT_INDEX["head"]]
    wrist = smplx_model.rest_joints(np.zeros(30))[JOINT_INDEX["left_wrist"]]
    ankle = smplx_model.rest_joints(np.zeros(30))[JOINT_INDEX["left_ankle"]]
    assert (np.abs(points[part == PARTS["hands"], 0]) > wrist[0] - 0.05).all()
    assert (points[part == PARTS["feet"], 1] < ankle[1] + 0.08).all()
    face = points[part == PARTS["face"]]
    assert (face[:, 1] > head[1] - 0.12).all() and (np.abs(face[:, 0]) < 0.12).all()
    assert face[:, 2].mean() > head[2] + 0.05
    for name in ("left_ear", "right_ear"):
        assert part[VERTEX_JOINTS[name]] == PARTS["skin"]
    assert part[VERTEX_JOINTS["nose"]] == PARTS["face"]
    assert part[VERTEX_JOINTS["left_eye"]] == PARTS["eyes_mouth"]


# --- the kid template ---


@pytest.fixture(scope="module")
def kid_template(arrays, tmp_path_factory):
    """A stand-in for AGORA's file: the template at 0.6, a larger head, away from the origin."""
    points = arrays["v_template"].astype(float)
    head = arrays["weights"][:, [JOINT_INDEX["head"], JOINT_INDEX["jaw"]]].sum(axis=1)[:, None]
    neck = arrays["J_regressor"][JOINT_INDEX["neck"]] @ points
    points = 0.6 * (points + 0.35 * head * (points - neck))
    path = tmp_path_factory.mktemp("kid") / "smplx_kid_template.npy"
    np.save(path, points + [0.1, 5.0, -0.2])
    return path


@pytest.mark.parametrize("num_betas", [10, 16])
def test_kids_are_those_of_the_smplx_package(body_dir, kid_template, num_betas):
    """Our numpy evaluator against smplx's own age='kid', created as AGORA's code creates it."""
    import smplx
    import torch

    oracle = smplx.create(
        str(model_path(body_dir, "neutral")),
        model_type="smplx",
        ext="npz",
        use_pca=False,
        flat_hand_mean=True,
        num_betas=num_betas,
        age="kid",
        kid_template_path=str(kid_template),
    )
    rng = np.random.default_rng(8)
    model = load_body_model(
        body_dir, num_betas=num_betas, evaluator="numpy", kid_template=kid_template
    )
    assert model.num_betas == num_betas + 1
    for share in (0.0, 0.4, 1.0):
        betas = np.append(rng.normal(0, 1, num_betas), share).astype(np.float32)
        pose = rng.normal(0, 0.4, (1, 165)).astype(np.float32)
        transl = np.array([[0.5, 1.0, 2.0]], np.float32)
        ours = model.evaluate(betas, pose, transl)
        parts = {
            "global_orient": pose[:, :3],
            "body_pose": pose[:, 3:66],
            "jaw_pose": pose[:, 66:69],
            "leye_pose": pose[:, 69:72],
            "reye_pose": pose[:, 72:75],
            "left_hand_pose": pose[:, 75:120],
            "right_hand_pose": pose[:, 120:],
        }
        with torch.no_grad():
            theirs = oracle(
                betas=torch.tensor(betas[None]),
                transl=torch.tensor(transl),
                **{name: torch.tensor(part) for name, part in parts.items()},
            )
        assert np.abs(ours.vertices - theirs.vertices.numpy()).max() < TOLERANCE_M
        assert np.abs(ours.joints - theirs.joints.numpy()).max() < TOLERANCE_M


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_the_last_beta_goes_from_adult_to_template(body_dir, arrays, kid_template, evaluator):
    model = load_body_model(body_dir, num_betas=10, evaluator=evaluator, kid_template=kid_template)
    pose, zero = np.zeros((1, 165)), np.zeros((1, 3))
    betas = np.append(np.random.default_rng(9).normal(0, 1, 10), 0.0)
    adult = load_body_model(body_dir, num_betas=10, evaluator=evaluator)
    same = adult.evaluate(betas[:10], pose, zero).vertices
    assert np.abs(model.evaluate(betas, pose, zero).vertices - same).max() < TOLERANCE_M
    child = np.load(kid_template)
    child -= child.mean(axis=0)
    shown = model.evaluate(np.eye(11)[10], pose, zero).vertices[0]
    assert np.abs(shown - child).max() < TOLERANCE_M
    half = model.evaluate(np.eye(11)[10] / 2, pose, zero).vertices[0]
    assert np.abs(half - (child + arrays["v_template"]) / 2).max() < TOLERANCE_M
    np.testing.assert_allclose(
        model.pelvis(np.eye(11)[10]), arrays["J_regressor"][0] @ child, atol=TOLERANCE_M
    )


def test_kids_with_too_many_coefficients_are_refused(body_dir, kid_template):
    with pytest.raises(BodyModelError, match="holds 300"):
        load_body_model(body_dir, num_betas=301, kid_template=kid_template)


def _save_pickle(path):
    np.save(path, np.array([_Bomb()], dtype=object), allow_pickle=True)


def _save_text(path):
    path.write_text("<html>please log in</html>")


def _save_truncated(path):
    np.save(path, np.zeros((13854, 3)))
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda path: None, "no kid template there"),
        (lambda path: np.save(path, np.zeros((6890, 3))), r"\(6890, 3\).*needs \(13854, 3\)"),
        (lambda path: np.save(path, np.full((13854, 3), np.nan)), "NaN"),
        (lambda path: np.save(path, np.zeros((13854, 3), "<U3")), "real numbers"),
        (_save_pickle, "plain .npy array .*objects"),
        (_save_text, "plain .npy array .*magic"),
        (_save_truncated, "damaged"),
    ],
)
def test_a_bad_kid_template_is_refused_by_name(tmp_path, body_dir, save, message):
    path = tmp_path / "smplx_kid_template.npy"
    save(path)
    file = read_model_file(model_path(body_dir, "neutral"))
    with pytest.raises(BodyModelError, match=message) as caught:
        with_kid(file, path)
    said = str(caught.value)
    assert "smplx_kid_template.npy" in said and "agora.is.tue.mpg.de" in said
    assert "children_share = 0" in said
