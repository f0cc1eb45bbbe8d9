"""CameraHMR's tables: the key-point network's, and SMPL's with files made from the free body."""

import cv2
import numpy as np
import pytest
from made_portraits import OPTIONS, exported
from made_scenes import camera_axes, project_plainly
from made_smpl import chosen_vertices, write_smpl_assets
from scipy.spatial.transform import Rotation

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports import bedlam2, camerahmr
from pipeline.exports.bedlam_frames import is_portrait
from pipeline.exports.formats import ExportOptions
from pipeline.smpl.model import read_smpl_model

PIXELS = 0.01  # float32 labels


@pytest.fixture(scope="module")
def written(body_dir, tmp_path_factory):
    return exported(camerahmr, body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def assets(model, tmp_path_factory):
    """Licensed files' stand-ins, and a matrix (138, 6890) that picks vertices."""
    folder = tmp_path_factory.mktemp("assets")
    write_smpl_assets(folder, model)
    matrix = np.zeros((138, 6890), np.float32)
    matrix[np.arange(138), np.arange(138) * 49] = 1
    np.savez(folder / "downsample_mat.npz", matrix=matrix)
    return folder


class Few(Dataset):
    """One frame of every scene, first appearance, so that few bodies are fitted."""

    def frames(self, split=None, members=None):
        for frame in super().frames(split, members):
            if not frame.facts["frame"] and not frame.facts["appearance"]:
                yield frame


def test_without_smpl_files_a_note_says_what_to_do(written):
    note = next(note for note in written.notes if "no SMPL labels" in note)
    assert "smplx2smpl.pkl" in note and "--assets DIR" in note
    assert not (written.out / "training-labels/bedlam-labels").exists()


def test_smplx_table_is_bedlam2s(written):
    """The same rows; only the word that marks upright pictures differs."""
    smplx = [row for row in written.rows if row["table"] == "smplx"]
    other = list(bedlam2.rows(written.dataset, OPTIONS))
    assert len(smplx) == len(other) == 14
    for a, b in zip(smplx, other, strict=True):
        assert a["scene"].replace("closeup", "portrait") == b["scene"]
        for name in set(b) - {"scene"}:
            assert np.array_equal(a[name], b[name]), name


def test_what_is_read_is_what_was_made(written):
    made, read = list(camerahmr.rows(written.dataset, OPTIONS)), list(camerahmr.read(written.out))
    assert [row["table"] for row in read] == ["smplx"] * 14 + ["dense"] * 14
    for a, b in zip(made, read, strict=True):
        assert set(a) == set(b)
        for name in a:
            x, y = np.asarray(a[name]), np.asarray(b[name])
            assert x.dtype == y.dtype and np.array_equal(x, y), name


@pytest.mark.parametrize("key", ["genb", "genb-closeup"])
def test_the_keypoint_networks_reading_steps(written, key):
    """Crop of 256 px around all 44 points, points as px / 256 - 0.5; 138 surface points."""
    path = written.out / f"training-labels/dense-keypoints/{key}_6fps.npz"
    with np.load(path, allow_pickle=False) as table:
        table = dict(table)
    count = len(table["imgname"])
    assert {name: array.shape[1:] for name, array in table.items()} == {
        "imgname": (),
        "center": (2,),
        "scale": (),
        "gtkps": (44, 3),
        "proj_verts": (138, 3),
    }
    assert table["proj_verts"].dtype == table["gtkps"].dtype == np.float32
    for i in range(count):
        stored = cv2.imread(
            str(written.out / f"training-images/{key}_6fps/png" / table["imgname"][i])
        )
        if "closeup" in key:
            stored = cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE)
        size = np.array(stored.shape[1::-1])
        side, uv = 200 * table["scale"][i], table["gtkps"][i, :, :2].astype(float)
        inside = ((uv >= 0) & (uv <= size)).all(axis=1)
        unit = (uv - table["center"][i]) / side
        # The box of the points is 1 / 1.2 of the crop along its longer side, centred.
        assert np.abs(unit[inside]).max() == pytest.approx(0.5 / 1.2, abs=1e-6)


def test_dense_points_are_the_datasets(written):
    read = [row for row in camerahmr.read(written.out) if row["table"] == "dense"]
    smplx = [row for row in written.rows if row["table"] == "smplx"]
    for row, body in zip(read, smplx, strict=True):
        scene, frame, person = written.place(body)
        spec, bodies = written.made.specs[scene], written.made.bodies[scene]
        index = next(written.dataset.frames(members=())).labels["dense_138_index"]
        uv, _ = project_plainly(spec, bodies.vertices[frame, person, index].astype(float))
        np.testing.assert_allclose(row["proj_verts"][:, :2], uv, atol=PIXELS)
        np.testing.assert_array_equal(row["gtkps"], body["gtkps"][:44])


def test_missing_dense_points_are_an_error(written):
    frame = next(written.dataset.frames(members=()))
    del frame.labels["dense_138_2d"]
    with pytest.raises(GenbError, match="no 138 dense key-points"):
        camerahmr.KeypointRows(written.dataset, OPTIONS).row(frame, 0)


def test_smpl_table_from_the_users_files(written, assets, model, tmp_path):
    """The fitted body, evaluated by its own numbers, is where the mesh's chosen vertices are."""
    dataset, options = Few(written.dataset.out), ExportOptions(assets=assets)
    notes = camerahmr.write(dataset, tmp_path / "smpl", options)
    worst_mm = float(next(n for n in notes if "mean distance" in n).split()[-2])
    assert not any("no SMPL labels" in note or "downsample_mat" in note for note in notes)
    read = [row for row in camerahmr.read(tmp_path / "smpl") if row["table"] == "smpl"]
    smplx = [row for row in camerahmr.read(tmp_path / "smpl") if row["table"] == "smplx"]
    made = [row for row in camerahmr.rows(dataset, options) if row["table"] == "smpl"]
    assert len(read) == len(smplx) == len(made) == 5
    smpl = read_smpl_model(assets / "smpl" / "SMPL_NEUTRAL.pkl")
    chosen, seen = chosen_vertices(model), []
    for row, body, again in zip(read, smplx, made, strict=True):
        assert set(row) == set(again)
        assert all(np.array_equal(row[name], again[name]) for name in row)
        assert row["pose_cam"].shape == (72,) and row["pose_cam"].dtype == np.float64
        assert row["shape"].shape == (10,) and row["shape"].dtype == np.float32
        assert row["gtkps"].shape == (44, 3) and row["proj_verts"].shape == (138, 3)
        assert ("closeup" in row["scene"]) == ("000001" in row["imgname"])
        scene, frame, person = written.place(body)
        spec, bodies = written.made.specs[scene], written.made.bodies[scene]
        turns = Rotation.from_rotvec(row["pose_cam"].reshape(24, 3)).as_matrix()
        posed = smpl.pose(row["shape"].astype(float), turns, row["trans_cam"])
        found = posed.vertices + row["cam_ext"][:3, 3]
        eye, axes, _ = camera_axes(spec)
        mesh = (bodies.vertices[frame, person, chosen].astype(float) - eye) @ axes.T
        distance_mm = 1000 * np.linalg.norm(found - mesh, axis=1).mean()
        assert distance_mm < 15  # fingers, 6 further betas and the expression are not SMPL's
        seen.append(distance_mm)
        np.testing.assert_array_equal(row["cam_ext"], body["cam_ext"])
        surface = found[np.arange(138) * 49] @ row["cam_int"].T
        uv = surface[:, :2] / surface[:, 2:]
        np.testing.assert_allclose(row["proj_verts"][:, :2], uv, atol=PIXELS)
    assert max(seen) == pytest.approx(worst_mm, abs=0.06)  # told to one decimal, betas in float32


def test_files_of_another_mesh_leave_smpl_out_and_say_so(written, assets, model, tmp_path):
    """The official matrix is for 10475 vertices; the free body has another mesh."""
    write_smpl_assets(tmp_path, model)
    np.savez(tmp_path / "other.npz", matrix=np.eye(6890, 10475, dtype=np.float32))
    (tmp_path / "smplx2smpl.pkl").unlink()
    (tmp_path / "other.npz").rename(tmp_path / "smplx2smpl.npz")
    dataset = Few(written.dataset.out)
    notes = camerahmr.write(dataset, tmp_path / "out", ExportOptions(assets=tmp_path))
    assert any("no SMPL labels" in note and "another mesh" in note for note in notes)
    assert {row["table"] for row in camerahmr.read(tmp_path / "out")} == {"smplx", "dense"}


def test_upright_pictures_are_those_higher_than_wide(written):
    frames = {frame.facts["scene"]: is_portrait(frame) for frame in written.dataset.frames()}
    assert frames == {0: False, 1: True, 2: False}
