"""SMPL conversion: parameters come back from bodies that were made of them."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from made_scenes import made_dataset
from made_smpl import SMPL_VERTICES, chosen_vertices, smpl_arrays, write_smpl_assets
from scipy.spatial.transform import Rotation

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.smpl.command import convert_dataset
from pipeline.smpl.convert import SmplConverter
from pipeline.smpl.model import PARENTS
from pipeline.storage import read_npz

# The fit stops when a step no longer lowers the distance by 1e-5 of it, or below 1e-8 m.
EXACT_MM = 1e-3
EXACT_RAD = 1e-5


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("licensed")
    write_smpl_assets(folder, model)
    return folder


@pytest.fixture(scope="module")
def converter(folder):
    return SmplConverter(folder)


@pytest.fixture(scope="module")
def arrays(model):
    return smpl_arrays(model)


def plain_smpl(arrays: dict, pose: np.ndarray, betas: np.ndarray, transl: np.ndarray):
    """Vertices (6890, 3) and joints (24, 3) of SMPL by its definition: 4 x 4 transforms."""
    shaped = arrays["v_template"] + arrays["shapedirs"] @ betas
    rest = arrays["J_regressor"] @ shaped
    turns = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix()
    posed = shaped + arrays["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    chain = []
    for j, turn in enumerate(turns):
        local = np.eye(4)
        local[:3, :3] = turn
        local[:3, 3] = rest[j] - (rest[PARENTS[j]] if j else 0)
        chain.append(chain[PARENTS[j]] @ local if j else local)
    joints = np.array([one[:3, 3] for one in chain])
    from_rest = []
    for one, joint in zip(chain, rest, strict=True):
        back = np.eye(4)
        back[:3, 3] = -joint
        from_rest.append(one @ back)
    blended = np.tensordot(arrays["weights"], np.array(from_rest), axes=1)
    homogeneous = np.concatenate([posed, np.ones((len(posed), 1))], axis=1)
    vertices = np.einsum("vab,vb->va", blended, homogeneous)[:, :3]
    return vertices + transl, joints + transl


def bodies(arrays: dict, model, count: int, spread: float):
    """Known parameters, and the SMPL-X meshes (B, V, 3) whose chosen vertices are their bodies."""
    rng = np.random.default_rng(int(10 * spread))
    pose = rng.normal(size=(count, 72)) * spread
    pose[:, :3] = rng.normal(size=(count, 3)) * 1.5
    betas, transl = rng.normal(size=(count, 10)), rng.normal(size=(count, 3)) * 3
    meshes = np.zeros((count, len(model.v_template), 3))
    joints = np.zeros((count, 24, 3))
    for k in range(count):
        body, joints[k] = plain_smpl(arrays, pose[k], betas[k], transl[k])
        meshes[k, chosen_vertices(model)] = body
    return pose, betas, transl, meshes, joints


def angles(pose: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angle between the rotations of two poses (..., 72), radians (n,)."""
    first, second = (Rotation.from_rotvec(p.reshape(-1, 3)) for p in (pose, other))
    return (first.inv() * second).magnitude()


@pytest.mark.parametrize("spread", [0.2, 0.6])
def test_parameters_come_back(converter, arrays, model, spread):
    pose, betas, transl, meshes, joints = bodies(arrays, model, 3, spread)
    fit = converter.convert(meshes, "neutral")
    assert fit.residual_max_mm.max() < EXACT_MM
    assert np.abs(fit.vertices - meshes[:, chosen_vertices(model)]).max() < EXACT_MM / 1000
    assert np.abs(fit.joints - joints).max() < EXACT_MM / 1000
    assert angles(fit.pose, pose).max() < EXACT_RAD
    assert np.abs(fit.betas - betas).max() < 1e-4
    assert np.abs(fit.transl - transl).max() < EXACT_MM / 1000
    assert (fit.residual_mm <= fit.residual_max_mm).all()
    # What is reported is the body of the reported parameters, by SMPL's definition.
    for k in range(3):
        again, again_joints = plain_smpl(arrays, fit.pose[k], fit.betas[k], fit.transl[k])
        assert np.abs(again - fit.vertices[k]).max() < 1e-9
        assert np.abs(again_joints - fit.joints[k]).max() < 1e-9


def test_noise_of_the_mesh_is_averaged_out_and_reported(converter, arrays, model):
    pose, betas, transl, meshes, _ = bodies(arrays, model, 1, 0.4)
    sigma_mm = 3.0
    noise = np.random.default_rng(3).normal(size=meshes.shape) * sigma_mm / 1000
    fit = converter.convert(meshes + noise, "neutral")
    # Mean length of a normal 3-vector: sigma sqrt(8 / pi). 85 parameters take their share of
    # 20670 numbers, 0.2 %, and a mean of 6890 lengths scatters by 0.5 %.
    assert fit.residual_mm[0] == pytest.approx(sigma_mm * np.sqrt(8 / np.pi), rel=0.03)
    exact = meshes[0, chosen_vertices(model)]
    moved_mm = 1000 * np.linalg.norm(fit.vertices[0] - exact, axis=1)
    # Of the noise, the part that 85 parameters can follow: sigma sqrt(85 / 6890), 0.33 mm rms.
    assert np.sqrt((moved_mm**2).mean()) < 1.5 * sigma_mm * np.sqrt(85 / SMPL_VERTICES)
    assert np.abs(fit.transl - transl).max() < 0.005 and np.median(angles(fit.pose, pose)) < 0.02


def test_a_body_of_other_shape_keeps_a_residual(converter, arrays, model):
    """What SMPL cannot be is not hidden: a dent of 5 cm in the belly stays in the largest error."""
    *_, meshes, _ = bodies(arrays, model, 1, 0.3)
    chosen = chosen_vertices(model)
    centre = arrays["v_template"][:, 1].argmin()
    near = np.argsort(((arrays["v_template"] - arrays["v_template"][centre]) ** 2).sum(axis=1))[:5]
    meshes[0, chosen[near]] += [0.05, 0, 0]
    fit = converter.convert(meshes, "neutral")
    assert 40 < fit.residual_max_mm[0] < 52 and fit.residual_mm[0] < 1


def test_held_betas_stay_and_cost_what_they_must(converter, arrays, model):
    pose, betas, _, meshes, _ = bodies(arrays, model, 1, 0.4)
    held = converter.convert(meshes, "neutral", betas[0])
    assert held.residual_max_mm[0] < EXACT_MM and np.array_equal(held.betas[0], betas[0])
    wrong = converter.convert(meshes, "neutral", betas[0] + 1)
    assert wrong.residual_mm[0] > 1 and np.array_equal(wrong.betas[0], betas[0] + 1)
    assert angles(held.pose, pose).max() < EXACT_RAD


def test_bodies_are_converted_one_by_one(converter, arrays, model):
    *_, meshes, _ = bodies(arrays, model, 3, 0.4)
    together = converter.convert(meshes, "neutral")
    alone = converter.convert(meshes[1:2], "neutral")
    assert np.array_equal(together.pose[1], alone.pose[0])


def test_moving_the_mesh_moves_the_parameters(converter, arrays, model):
    """In another frame only the root and the translation are others."""
    *_, meshes, _ = bodies(arrays, model, 1, 0.4)
    turn = Rotation.from_rotvec([0.3, -1.2, 0.5])
    first = converter.convert(meshes, "neutral")
    second = converter.convert(turn.apply(meshes[0])[None] + [1, -2, 5], "neutral")
    assert angles(first.pose[:, 3:], second.pose[:, 3:]).max() < EXACT_RAD
    root = turn * Rotation.from_rotvec(first.pose[0, :3])
    assert (root.inv() * Rotation.from_rotvec(second.pose[0, :3])).magnitude() < EXACT_RAD


@pytest.fixture(scope="module")
def converted(made, folder, tmp_path_factory):
    target = tmp_path_factory.mktemp("converted")
    return convert_dataset(made.plan.out, target, folder), target


def test_dataset_has_a_row_for_everybody_and_one_shape_per_subject(made, converted):
    text, target = converted
    rows = read_npz(target / "smpl.npz")
    people = [
        (frame.key, k, person["subject"], person["gender"])
        for frame in Dataset(made.plan.out).frames()
        for k, person in enumerate(frame.people)
    ]
    names = ("key", "person", "subject", "gender")
    assert list(zip(*(rows[name].tolist() for name in names), strict=True)) == people
    assert len(people) == 7 and "7 bodies (4 subjects" in text
    assert {name: (rows[name].dtype.str, rows[name].shape) for name in rows} == {
        **{name: (rows[name].dtype.str, (7,)) for name in names},
        "pose_cam": ("<f8", (7, 72)),
        "transl_cam": ("<f8", (7, 3)),
        "betas": ("<f8", (7, 10)),
        "joints_cam": ("<f4", (7, 24, 3)),
        "residual_mm": ("<f4", (7,)),
        "residual_max_mm": ("<f4", (7,)),
    }
    for subject in set(rows["subject"]):
        assert len(np.unique(rows["betas"][rows["subject"] == subject], axis=0)) == 1
    assert (target / "smpl.txt").read_text().strip() in text


def test_rows_give_the_labelled_bodies_in_the_camera_frame(made, converted, arrays, model):
    """The made SMPL has the bodies' own skinning, but neither their fingers nor their faces: the
    bodies of the rows lie where the labels' bodies are, but for those."""
    rows = read_npz(converted[1] / "smpl.npz")
    chosen = chosen_vertices(model)
    row = 0
    for frame in Dataset(made.plan.out).frames():
        for k in range(len(frame.people)):
            target = frame.vertices[k, chosen]
            body, joints = plain_smpl(
                arrays, *(rows[name][row] for name in ("pose_cam", "betas", "transl_cam"))
            )
            distance_mm = 1000 * np.linalg.norm(body - target, axis=1)
            assert distance_mm.mean() == pytest.approx(rows["residual_mm"][row], rel=1e-4)
            assert distance_mm.max() == pytest.approx(rows["residual_max_mm"][row], rel=1e-4)
            assert np.median(distance_mm) < 5
            assert np.abs(joints - rows["joints_cam"][row]).max() < 1e-5
            skeleton = frame.joints[k, :22]
            assert np.linalg.norm(joints[:22] - skeleton, axis=1).max() < 0.03
            row += 1
    assert row == len(rows["key"])


def test_same_dataset_gives_the_same_bytes(made, folder, converted, tmp_path):
    convert_dataset(made.plan.out, tmp_path, folder)
    for name in ("smpl.npz", "smpl.txt"):
        assert (tmp_path / name).read_bytes() == (converted[1] / name).read_bytes()


def test_free_bodies_with_the_official_matrix_are_refused(made, model, tmp_path):
    write_smpl_assets(tmp_path, model)
    official = scipy.sparse.eye(SMPL_VERTICES, 10475, format="csr")
    (tmp_path / "smplx2smpl.pkl").write_bytes(pickle.dumps({"matrix": official}))
    with pytest.raises(GenbError, match="6890 x 10475, but these bodies have .*'free'"):
        convert_dataset(made.plan.out, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
