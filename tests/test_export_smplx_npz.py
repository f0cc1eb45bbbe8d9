"""Motion files of a dataset: our own readers give the same pose, smplx the same joints."""

from dataclasses import replace

import numpy as np
import pytest
from made_scenes import NUM_BETAS
from made_splits import divided_dataset
from scipy.spatial.transform import Rotation

from pipeline.body.model import load_body_model
from pipeline.conventions import project, transform
from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports import smplx_npz
from pipeline.exports.formats import ExportOptions
from pipeline.motion.files import identify, inspect, read_body, read_motion

Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
"""Y-up world -> Z-up world, written out independently of the reader."""


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return divided_dataset(body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def out(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("smplx")
    smplx_npz.write(dataset, folder, ExportOptions())
    return folder


@pytest.fixture(scope="module")
def tracks(out):
    return {row["file"]: row for row in smplx_npz.read(out)}


def test_one_file_per_person_and_scene(tracks):
    wanted = {f"train/000000_p00{k}_f0000.npz": ["000000_0000", "000000_0001"] for k in range(3)}
    wanted["val/000002_p000_f0000.npz"] = ["000002_0000"]
    assert {name: row["keys"].tolist() for name, row in tracks.items()} == wanted


def test_our_motion_reader_takes_the_files_for_amass_and_gives_the_same_pose(out, tracks):
    for name, row in tracks.items():
        path = out / name
        assert identify(path) == "amass"
        info = inspect(path)
        assert (info.frames, info.fps, info.gender) == (len(row["keys"]), 25.0, "neutral")
        motion = read_motion(path, heading="file")
        # Motions are float32 of angles up to pi (3e-7 rad).
        assert np.allclose(motion.pose[:, 3:], row["poses"][:, 3:], rtol=0, atol=1e-6)
        turned = Z_UP @ Rotation.from_rotvec(motion.pose[:, :3]).as_matrix()
        root = Rotation.from_rotvec(row["poses"][:, :3]).as_matrix()
        assert np.allclose(turned, root, rtol=0, atol=1e-6)
        assert np.allclose(motion.transl @ Z_UP.T, row["trans"] - row["trans"][0], atol=1e-6)
        assert np.array_equal(motion.start, row["trans"][0])
        body = read_body(path)
        assert body.gender == "neutral" and np.array_equal(body.betas, row["betas"])


def test_poses_are_the_parts_in_order(tracks):
    for row in tracks.values():
        parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
        assert [row[part].shape[1] for part in parts] == [3, 63, 3, 6, 90]
        assert np.array_equal(np.concatenate([row[part] for part in parts], axis=1), row["poses"])


def test_the_model_and_the_camera_of_the_file_give_the_labels(body_dir, dataset, tracks):
    """smplx on the file's numbers, through the file's camera, lands on joints_2d."""
    model = load_body_model(body_dir, "neutral", NUM_BETAS)
    frames = {frame.key: frame for frame in dataset.frames(members=())}
    for name, row in tracks.items():
        k = int(name.split("_")[1][1:])
        posed = model.evaluate(row["betas"], row["poses"], row["trans"], row["expression"])
        for t, key in enumerate(row["keys"].tolist()):
            labels = frames[key].labels
            uv = project(row["K"][t], transform(row["T_cam_world"][t], posed.joints[t]))
            # smplx is float32: 1e-6 m at 4 m and 314 px focal length is 1e-4 px; ten times that.
            assert np.allclose(uv, labels["joints_2d"][k], rtol=0, atol=1e-3)


def with_facts(frame: Frame, number: int, clip: int) -> Frame:
    """The frame as another one of its scene, its people at frame `clip` of their motion."""
    other = replace(frame)
    people = [person | {"motion_frame": clip} for person in frame.people]
    key = f"000002_{number:04d}"
    other.__dict__["facts"] = frame.facts | {"frame": number, "key": key, "people": people}
    object.__setattr__(other, "sample", replace(frame.sample, key=key))
    return other


class Chosen(Dataset):
    """A dataset of given frames."""

    given: tuple = ()

    def frames(self, split=None, members=None):
        return iter(self.given)


def test_gaps_divide_tracks_and_the_step_sets_the_rate(dataset, tmp_path):
    """Frames 0, 1, 2 and 5, 6 of a scene whose images are 4 clip frames of 25 Hz apart."""
    [frame] = dataset.frames("val")
    chosen = Chosen(dataset.out)
    chosen.given = tuple(with_facts(frame, n, 10 + 4 * n) for n in (0, 1, 1, 2, 5, 6))
    smplx_npz.write(chosen, tmp_path, ExportOptions())
    rows = list(smplx_npz.read(tmp_path))
    assert [row["frames"].tolist() for row in rows] == [[0, 1, 2], [5, 6]]
    assert [float(row["mocap_frame_rate"]) for row in rows] == [25 / 4, 25 / 4]
    assert [row["file"][-8:] for row in rows] == ["0000.npz", "0005.npz"]


def test_left_overs_of_a_larger_export_are_refused(dataset, tmp_path):
    smplx_npz.write(dataset, tmp_path, ExportOptions())
    with pytest.raises(GenbError, match="earlier export"):
        smplx_npz.write(dataset, tmp_path, ExportOptions("val"))
