"""TALS: errors of wrong cameras against closed forms, and against scipy's own minimisers."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from made_scenes import made_dataset
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.shards.read import read_samples
from pipeline.storage import npz_bytes, read_json, read_npz
from pipeline.tals.cameras import CAMERAS, errors_2d, project_all
from pipeline.tals.command import measure_tals, whole_people
from pipeline.tals.people import (
    MIN_POINTS,
    POSE_POINT_COUNT,
    People,
    carriers,
    make_people,
    read_people,
)
from pipeline.tals.poses import (
    PIXEL_SIGMA,
    TURN_SIGMA_RAD,
    PoseErrors,
    pose_errors,
    skeletons_of,
)
from pipeline.tals.tables import POINT_NAMES, TURN_NAMES, CameraErrors, statistics
from pipeline.truth.keypoints import KEYPOINT_SETS

# Rounding of float64 through a minimiser that stops at steps of 1e-10 of the distance.
EXACT = 1e-7
SIZE = np.array([[512.0, 512.0]])


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def people(made):
    return read_people(Dataset(made.plan.out))[0]


def seen(points: np.ndarray, focal_px: float = 600.0) -> People:
    """One made person of 44 points (44, 3) m; nothing here asks for a skeleton."""
    K = np.array([[[focal_px, 0, 256.0], [0, focal_px, 256.0], [0, 0, 1]]])
    empty = {"joints": np.zeros((1, 22, 3)), "turns": np.zeros((1, 22, 3, 3))}
    return make_people(points[None], K, SIZE, **empty, knuckles=np.zeros((1, 4, 3)))


def test_the_true_camera_makes_no_error(people):
    assert np.nanmax(np.abs(errors_2d(people, people.K))) < EXACT
    whole = people.some(whole_people(people))
    found = pose_errors(whole, whole.K)
    # The angle of a rotation matrix is known to about the root of float64's rounding.
    assert found.turn_rad.max() < 1e-6 and found.left_2d.max() < EXACT


@pytest.mark.parametrize("name", CAMERAS)
def test_a_board_that_faces_the_camera_looks_right_through_every_camera(name):
    board = np.random.default_rng(1).uniform(-1, 1, (44, 3)) * [0.4, 0.9, 0] + [0.3, 0.1, 4.0]
    person = seen(board)
    assert np.nanmax(np.abs(errors_2d(person, CAMERAS[name](person)))) < EXACT
    tilted = seen(board + np.outer(board[:, 1], [0, 0, 0.3]))
    error = np.nanmax(np.abs(errors_2d(tilted, CAMERAS[name](tilted))))
    assert error < EXACT if name == "true" else error > 1e-4


@pytest.mark.parametrize("distance", [8.0, 16.0])
@pytest.mark.parametrize("half_depth", [0.01, 0.02])
@pytest.mark.parametrize("ratio", [0.8, 1.25, 20.0])
def test_error_is_what_the_first_order_formula_predicts(distance, half_depth, ratio):
    """A point x beside the axis, d behind the body's middle at Z, is off by f x d / Z^2 (1 - f/f').

    Four points, two before and two behind on crossed axes, have an error that no translation takes
    away: its sum and its product with the points vanish.
    """
    focal, x = 600.0, 0.5
    four = np.array([[x, 0, 1], [-x, 0, 1], [0, x, -1], [0, -x, -1]])
    points = np.tile(four * [1, 1, half_depth] + [0, 0, distance], (11, 1))
    person = seen(points, focal)
    K = person.K.copy()
    K[:, 0, 0] = K[:, 1, 1] = focal * ratio
    size = focal * x * half_depth / distance**2 * (1 - 1 / ratio) / person.side_px[0]
    expected = np.tile(np.sign(four[:, :2]) * [[1, 1], [1, 1], [-1, -1], [-1, -1]], (11, 1)) * size
    # Relative size of the next order: depth over distance, a few times.
    assert np.abs(errors_2d(person, K)[0] - expected).max() < 4 * half_depth / distance * abs(size)


def test_placing_agrees_with_scipy(people):
    K = CAMERAS["fov+20%"](people)
    mine = errors_2d(people, K)
    for k in range(len(people)):
        inside = people.inside[k]
        points, uv = people.points[k, inside], people.uv_px[k, inside]

        def off(shift, points=points, uv=uv, k=k):
            uvw = (points + shift) @ K[k].T
            return ((uvw[:, :2] / uvw[:, 2:] - uv) / people.side_px[k]).ravel()

        best = least_squares(off, [0, 0, -0.5], xtol=1e-15, ftol=1e-15, gtol=1e-15)
        # What scipy's numeric derivatives leave.
        assert np.abs(best.fun.reshape(-1, 2) - mine[k, inside]).max() < 1e-6


def _scipy_pose(people: People, K: np.ndarray) -> np.ndarray:
    """Angles (22,) of one person by scipy, whose skeleton is turned joint by joint in a loop."""
    parents = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19]
    bodies, points = skeletons_of(people)
    carrier = carriers()
    uv = project_all(people.K, points)[0]

    def posed(parameters):
        turns = [
            Rotation.from_matrix(bodies.truth[0, j]) * Rotation.from_rotvec(one)
            for j, one in enumerate(parameters[:66].reshape(22, 3))
        ]
        world, place = [turns[0]], [people.joints[0, 0] + parameters[66:]]
        for j in range(1, 22):
            place.append(place[parents[j]] + world[parents[j]].apply(bodies.bones[0, j]))
            world.append(world[parents[j]] * turns[j])
        return np.array(
            [place[c] + world[c].apply(o) for c, o in zip(carrier, bodies.offsets[0], strict=True)]
        )

    def residual(parameters):
        uvw = posed(parameters) @ K.T
        off = (uvw[:, :2] / uvw[:, 2:] - uv) / people.side_px[0] / PIXEL_SIGMA
        return np.concatenate([off.ravel(), parameters[:66] / TURN_SIGMA_RAD])

    assert np.abs(posed(np.zeros(69)) - points[0]).max() < 1e-9
    scale = (K[0, 0] / people.K[0, 0, 0] - 1) * people.distance_m[0]
    best = least_squares(residual, [*np.zeros(68), scale], x_scale="jac", xtol=1e-12, ftol=1e-12)
    return np.linalg.norm(best.x[:66].reshape(22, 3), axis=1)


@pytest.mark.parametrize("name", ["fov+10%", "crop5000"])
def test_the_nearest_pose_that_fits_agrees_with_scipy(people, name):
    one = people.some(whole_people(people)[:1])
    K = CAMERAS[name](one)
    mine = pose_errors(one, K)
    theirs = _scipy_pose(one, K[0])
    assert mine.turn_rad.max() > 0.01
    # Two minimisers' stopping rules: steps of 1e-6 rad here, costs within 1e-12 there.
    assert np.abs(mine.turn_rad[0] - theirs).max() < 2e-4


def test_pose_gives_way_so_that_the_picture_fits(people):
    whole = people.some(whole_people(people))
    K = CAMERAS["crop5000"](whole)
    before = np.sqrt((errors_2d(whole, K) ** 2).sum(axis=2).mean(axis=1))
    found = pose_errors(whole, K)
    assert (found.left_2d < before / 2).all()
    milder = pose_errors(whole, CAMERAS["fov+5%"](whole))
    assert (milder.turn_rad.mean(axis=1) < found.turn_rad.mean(axis=1)).all()


def test_points_are_carried_by_the_joint_that_moves_them(made, people):
    """Toes turn with the foot, heels with the ankle, the face with the head, the rest is itself."""
    carrier = carriers()
    named = dict(zip(POINT_NAMES, carrier, strict=False))
    assert len(POINT_NAMES) == len(KEYPOINT_SETS["hmr44"]) and len(carrier) == POSE_POINT_COUNT
    assert {named[n] for n in ("nose", "left_ear", "head_top", "jaw", "head")} == {15}
    assert (named["left_big_toe"], named["right_small_toe"]) == (10, 11)
    assert (named["left_heel"], named["right_heel"]) == (7, 8)
    assert (named["right_wrist"], named["right_wrist_lsp"], named["spine"]) == (21, 21, 6)
    assert list(carrier[44:]) == [20, 20, 21, 21]
    # A point that is a joint lies on its carrier.
    on = {"neck": 12, "right_elbow": 19, "mid_hip": 0, "left_ankle": 7, "thorax": 12}
    for name, joint in on.items():
        assert named[name] == joint
        gap = people.points[:, POINT_NAMES.index(name)] - people.joints[:, joint]
        assert np.abs(gap).max() == 0


def test_crop_is_the_square_around_the_points_in_the_picture(people):
    for k in range(len(people)):
        uv = people.uv_px[k][people.inside[k]]
        assert ((uv >= 0) & (uv < people.size_px[k])).all()
        assert people.side_px[k] == pytest.approx(1.2 * np.ptp(uv, axis=0).max())
        middle = (uv.min(axis=0) + uv.max(axis=0)) / 2
        assert people.centre_px[k] == pytest.approx(middle)


def test_cameras_are_what_their_names_say(people):
    K = CAMERAS["crop5000"](people)
    assert K[:, 0, 0] * 256 / people.side_px == pytest.approx(5000)
    assert (K[:, :2, 2] == people.centre_px).all()
    width, height = people.size_px[0]
    assert CAMERAS["diagonal"](people)[0, 0, 0] == pytest.approx(np.hypot(width, height))
    for name, share in (("fov-20%", 0.8), ("fov+5%", 1.05)):
        K = CAMERAS[name](people)
        wrong = np.degrees(2 * np.arctan(people.size_px[:, 1] / 2 / K[:, 1, 1]))
        assert wrong == pytest.approx(people.vfov_deg * share)
        assert (K[:, :2, 2] == people.K[:, :2, 2]).all()


def test_files_hold_the_tables_and_are_the_same_every_time(made, people, tmp_path):
    text = measure_tals(made.plan.out, tmp_path / "a")
    assert "`crop5000`" in text and f"{len(people)} people" in text
    data, arrays = read_json(tmp_path / "a" / "tals.json"), read_npz(tmp_path / "a" / "tals.npz")
    assert data["people"] == len(people)
    assert data["points"] == list(POINT_NAMES) and data["joints"] == list(TURN_NAMES[1:])
    off = errors_2d(people, CAMERAS["fov+10%"](people))
    l1 = np.abs(off[..., 0]) + np.abs(off[..., 1])
    for k in range(44):
        own = l1[people.inside[:, k], k]
        assert arrays["fov+10%/l1_mean"][k] == pytest.approx(own.mean())
        assert data["cameras"]["fov+10%"]["l1_mean"][k] == pytest.approx(own.mean(), rel=1e-8)
    angles = data["cameras"]["crop5000"]["turn_rad_p95"]
    assert len(angles["body"]) == 23 and angles["root"] > 0
    assert angles["body"][21:] == angles["body"][19:21], "hands have the angles of their wrists"
    measure_tals(made.plan.out, tmp_path / "b")
    for name in ("tals.json", "tals.npz", "tals.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_nobody_shows_has_no_constant():
    values = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert statistics(values)["mean"].tolist() == [2.0, -1.0]
    nobody = CameraErrors(np.zeros((1, 44, 2)), PoseErrors(np.zeros((0, 22)), np.zeros(0)))
    assert set(statistics(nobody.turns_rad)["p95"]) == {-1.0}


def _rewritten(made, folder, change) -> Dataset:
    """A copy of the dataset whose first sample's labels went through `change`."""
    (folder / "shards").mkdir(parents=True)
    (folder / "dataset.json").write_bytes((made.plan.out / "dataset.json").read_bytes())
    for tar in sorted((made.plan.out / "shards").glob("*.tar")):
        with tarfile.open(folder / "shards" / tar.name, "w") as archive:
            for sample in read_samples(tar, only=("json", "npz")):
                labels = sample.labels()
                if sample.key == "000000_0000":
                    change(labels)
                for ending, data in (("json", sample.members["json"]), ("npz", npz_bytes(labels))):
                    info = tarfile.TarInfo(f"{sample.key}.{ending}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    return Dataset(folder)


def test_who_cannot_be_measured_is_counted(made, people, tmp_path):
    def change(labels):
        labels["hmr44_cam"][0, 3, 2] = -0.5
        labels["hmr44_cam"][1, MIN_POINTS - 1 :, 0] += 50

    kept, left_out = read_people(_rewritten(made, tmp_path / "a", change))
    assert len(kept) == len(people) - 2 and list(left_out.values()) == [1, 1]
    with pytest.raises(GenbError, match="no key-point set hmr44"):
        read_people(_rewritten(made, tmp_path / "b", lambda labels: labels.pop("hmr44_cam")))


def test_a_planted_error_is_measured(people):
    """A body that is really deeper than the labels say does not pass as true."""
    deeper = people.points.copy()
    deeper[:, :, 2] += 0.3 * (deeper[:, :, 1] - deeper[:, :, 1].mean(axis=1, keepdims=True))
    assert np.nanmax(np.abs(errors_2d(replace(people, points=deeper), people.K))) > 1e-3
