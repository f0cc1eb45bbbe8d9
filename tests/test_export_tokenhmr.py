"""TokenHMR's and 4D-Humans' tars: read as their loaders read them, they give back the labels.

The loaders' steps are re-stated here, on tars opened by the `webdataset` package and pickles opened
by the restricted reader.
"""

import io
import re

import cv2
import numpy as np
import pytest
import smplx
import torch
import webdataset
from made_portraits import LYING, OUTSIDE, UPRIGHT, portrait_dataset
from made_smpl import write_smpl_assets
from made_splits import divided_dataset
from PIL import Image

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports import fourdhumans, tokenhmr
from pipeline.exports.formats import ExportOptions
from pipeline.exports.pickles import load_pickle
from pipeline.exports.tars import read_tars, write_tars
from pipeline.shards.read import Sample
from pipeline.truth.schema import SEEN

BEDLAM = "dataset_tars/bedlam/genb_train"


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return portrait_dataset(body_dir, tmp_path_factory.getbasetemp() / "portraits")


@pytest.fixture(scope="module")
def dataset(made):
    return Dataset(made.plan.out)


@pytest.fixture(scope="module")
def frames(dataset):
    """Key -> frame, with all members."""
    return {frame.key: frame for frame in dataset.frames()}


@pytest.fixture(scope="module")
def no_smpl(tmp_path_factory):
    return ExportOptions(assets=tmp_path_factory.mktemp("no_assets"))


@pytest.fixture(scope="module")
def with_smpl(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("assets")
    write_smpl_assets(folder, model)
    return ExportOptions(assets=folder)


@pytest.fixture(scope="module")
def bedlam(dataset, no_smpl, tmp_path_factory):
    """Folder and notes of a TokenHMR export without SMPL."""
    out = tmp_path_factory.mktemp("tokenhmr")
    return out, tokenhmr.write(dataset, out, no_smpl)


@pytest.fixture(scope="module")
def hmr(dataset, no_smpl, tmp_path_factory):
    out = tmp_path_factory.mktemp("hmr")
    return out, fourdhumans.write(dataset, out, no_smpl)


def opened(folder):
    """Samples as webdataset groups them, with our reader for the pickles."""
    tars = sorted(str(path) for path in folder.glob("*.tar"))
    for sample in webdataset.WebDataset(tars, shardshuffle=False):
        yield {
            "key": sample["__key__"],
            "jpg": np.asarray(Image.open(io.BytesIO(sample["jpg"]))),
            "bytes": sample["jpg"],
            "people": load_pickle(sample["data.pyd"], sample["__key__"]),
            "masks": np.load(io.BytesIO(sample["detection.npz"]))["masks"],
        }


def loaded(folder):
    """People as TokenHMR's bedlam loader has them before it crops."""
    for sample in opened(folder):
        for person in sample["people"]:
            picture = sample["jpg"]
            mask = sample["masks"][person["extra_info"]["detection_npz_idx"]]
            if "closeup" in sample["key"]:
                picture, mask = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE), mask.transpose(1, 0)
            away = person["trans_cam"].astype("f4") + person["cam_ext"][:3, 3].astype("f4")
            yield sample["key"], person, picture, mask, away


def of_labels(frames, key, person):
    """Frame and number of the person of a loaded row, by their place in the picture."""
    frame = frames[key.removesuffix("_closeup")]
    away = np.abs(frame.labels["joints_2d"] - person["gtkps"][:, :2]).max(axis=(1, 2))
    assert away.min() == 0
    return frame, int(away.argmin())


def projected(points, away, K):
    points = points + away
    return (points / points[:, 2:]) @ K.T[:, :2]


def test_the_loaders_projection_is_the_labels(bedlam, frames, made):
    count = 0
    for key, person, _, _, away in loaded(bedlam[0] / BEDLAM):
        frame, k = of_labels(frames, key, person)
        # The expression, which the loader has not, moves the neck joint by up to 0.01 px.
        expression = frame.labels["expression"][k : k + 1]
        pose, betas = person["pose_cam"][None], person["shape"][:16]
        posed = made.model.evaluate(betas, pose, np.zeros((1, 3)), expression)
        body = slice(0, 22)
        uv = projected(posed.joints[0, body].astype(float), away, person["cam_int"])
        np.testing.assert_allclose(uv, frame.labels["joints_2d"][k, body], atol=0.01)
        # cam_ext matters: without it the body would be somewhere else.
        alone = projected(posed.joints[0, body], person["trans_cam"], person["cam_int"])
        assert np.abs(alone - uv).max() > 10
        count += 1
    # Two appearances of 2 + 2 lying, 2 upright and 1 square.
    assert count == 14


def test_no_gaze_turns_a_hand(bedlam, frames):
    """SMPL's hands are where SMPL-X has jaw and left eye; all else is the labels'."""
    for key, person, *_ in loaded(bedlam[0] / BEDLAM):
        frame, k = of_labels(frames, key, person)
        pose = frame.labels["pose_cam"][k].copy()
        assert np.abs(pose[66:72]).max() > 0.01
        pose[66:72] = 0
        assert np.array_equal(person["pose_cam"], pose)


def test_data_has_the_types_that_the_loader_wants(bedlam):
    types = {
        "gtkps": ("f4", (127, 3)),
        "center": ("f8", (2,)),
        "pose_cam": ("f8", (165,)),
        "shape": ("f4", (16,)),
        "trans_cam": ("f8", (3,)),
        "cam_ext": ("f8", (4, 4)),
        "cam_int": ("f8", (3, 3)),
    }
    for _, person, *_ in loaded(bedlam[0] / BEDLAM):
        others = {"scale", "gender", "body_model", "extra_info"}
        assert set(person) == set(types) | others
        for name, (kind, shape) in types.items():
            assert person[name].dtype == kind and person[name].shape == shape, name
        assert isinstance(person["scale"], np.float64)
        assert (person["scale"] * 200).max() > 1  # a numpy scalar has .max(), a float has not
        assert person["gender"] in ("m", "f") and person["body_model"] == "smplx"
        assert (person["gtkps"][:, 2] == 1).all()


def test_upright_pictures_lie_in_the_tar_and_stand_again_in_the_loader(bedlam, frames):
    seen = {"lying": 0, "standing": 0}
    for sample in opened(bedlam[0] / BEDLAM):
        frame = frames[sample["key"].removesuffix("_closeup")]
        width, height = frame.size
        if height > width:
            assert sample["key"].endswith("_closeup")
            assert sample["jpg"].shape == (width, height, 3)
            seen["standing"] += 1
        else:
            assert "closeup" not in sample["key"]
            assert sample["bytes"] == frame.sample.members["rgb.jpg"]
            seen["lying"] += 1
        assert "." not in sample["key"]
    assert seen == {"lying": 6, "standing": 2}


def test_pictures_and_masks_of_the_loader_are_those_of_the_dataset(bedlam, frames):
    for key, person, picture, mask, _ in loaded(bedlam[0] / BEDLAM):
        frame, k = of_labels(frames, key, person)
        assert np.array_equal(mask, frame.sample.image("mask.png") == k + 1)
        original = frame.sample.image("rgb.jpg").astype(float)
        # Encoded again with the same quantisation: within rounding.
        assert np.sqrt(((picture - original) ** 2).mean()) < 0.6
        if "closeup" in key:
            wrong = cv2.rotate(picture, cv2.ROTATE_180)
            assert np.sqrt(((wrong - original) ** 2).mean()) > 10
            assert not np.array_equal(mask[::-1], frame.sample.image("mask.png") == k + 1)


def test_a_turned_picture_loses_less_than_a_plain_second_encoding(bedlam, frames):
    sample = next(s for s in opened(bedlam[0] / BEDLAM) if "closeup" in s["key"])
    original = frames[sample["key"].removesuffix("_closeup")].sample.image("rgb.jpg")
    turned = np.rot90(original)
    buffer = io.BytesIO()
    Image.fromarray(turned).save(buffer, "JPEG", quality=95, subsampling=0)

    def loss(picture):
        return ((np.asarray(picture).astype(float) - turned) ** 2).mean()

    assert loss(sample["jpg"]) < 0.6 * loss(Image.open(buffer))


def test_crops_hold_the_body(bedlam, frames):
    for key, person, *_ in loaded(bedlam[0] / BEDLAM):
        frame, k = of_labels(frames, key, person)
        uv = frame.labels["joints_2d"][k, :22]
        uv = uv[((uv >= 0) & (uv <= frame.size)).all(axis=1)]
        longer = (uv.max(axis=0) - uv.min(axis=0)).max()
        assert person["scale"] == pytest.approx(1.2 * longer / 200, rel=1e-6)
        np.testing.assert_allclose(person["center"], (uv.max(0) + uv.min(0)) / 2, atol=1e-4)


def test_who_is_left_out_is_told(bedlam, hmr, frames):
    for out, notes in (bedlam, hmr):
        folder = next((out / "dataset_tars").rglob("000000.tar")).parent
        lying = [s for s in opened(folder) if s["key"].startswith(f"{LYING:06d}")]
        assert [len(s["people"]) for s in lying] == [2, 2, 2, 2]
        assert [s["masks"].shape[0] for s in lying] == [2, 2, 2, 2]
        assert any(note.startswith("4 people left out: fewer than 8") for note in notes)
    assert len(frames[f"{LYING:06d}_0000"].people) == OUTSIDE + 1


def test_a_picture_without_anybody_is_left_out_and_told(dataset, no_smpl, tmp_path, monkeypatch):
    monkeypatch.setattr(fourdhumans, "is_behind", lambda frame, person: frame.size == (160, 160))
    notes = fourdhumans.write(dataset, tmp_path, no_smpl)
    assert "2 images left out: nobody in them is kept." in notes
    assert any("2 people left out: a part of the body is behind" in note for note in notes)
    assert len(list(opened(tmp_path / "dataset_tars/genb-train"))) == 6


def test_only_training_tars_lie_where_the_training_loader_looks(
    body_dir, no_smpl, tmp_path, tmp_path_factory
):
    divided = divided_dataset(body_dir, tmp_path_factory.getbasetemp())
    tokenhmr.write(divided, tmp_path, no_smpl)
    folders = {path.parent for path in (tmp_path / "dataset_tars/bedlam").rglob("*.tar")}
    assert folders == {tmp_path / BEDLAM} and "agora" not in BEDLAM
    keys = [s["key"] for s in opened(tmp_path / BEDLAM)]
    assert keys == ["000000_0000", "000000_0001"]
    elsewhere = tmp_path / "dataset_tars/bedlam_val/genb_val"
    assert [s["key"] for s in opened(elsewhere)] == ["000002_0000"]
    for split, count in (("train", 6), ("val", 1)):
        with np.load(tmp_path / f"smplh/{split}/{split}_GENB.npz") as corpus:
            assert len(corpus["pose_body"]) == count


def test_the_pose_corpus_has_every_body_once(bedlam, made):
    with np.load(bedlam[0] / "smplh/train/train_GENB.npz", allow_pickle=False) as corpus:
        arrays = {name: corpus[name] for name in corpus.files}
    # 3 + 3 lying, 2 upright, 1 square; of two appearances one counts.
    assert {name: array.shape for name, array in arrays.items()} == {
        "pose_body": (9, 63),
        "betas": (9, 10),
        "gender": (9,),
        "name": (9,),
    }
    assert arrays["pose_body"].dtype == arrays["betas"].dtype == np.float32
    bodies = made.bodies[UPRIGHT]
    rows = [list(arrays["name"]).index(f"{UPRIGHT:06d}_0000_{k}") for k in range(2)]
    turns = bodies.pose_world[0, :, 3:66].astype(np.float32)
    assert np.array_equal(arrays["pose_body"][rows], turns)
    np.testing.assert_allclose(arrays["betas"][rows], bodies.betas[:, :10], rtol=1e-6)
    assert set(arrays["gender"]) == {"neutral"}


def smpl_joints(options, pose, betas):
    """The 24 joints (24, 3) by the smplx package, translation 0, of the file that was brought."""
    path = options.assets / "smpl" / "SMPL_NEUTRAL.pkl"
    package = smplx.SMPL(str(path), num_betas=10, create_transl=False)
    tensors = {"global_orient": pose[None, :3], "body_pose": pose[None, 3:], "betas": betas[None]}
    with torch.no_grad():
        out = package(**{k: torch.tensor(v, dtype=torch.float32) for k, v in tensors.items()})
    return out.joints[0, :24].numpy().astype(float)


def worst_mm(notes):
    """How far SMPL is from the mesh on the worst body, mean over vertices, as the notes tell."""
    return float(re.search(r"by ([\d.]+) mm on the worst body", " ".join(notes)).group(1))


def test_with_smpl_the_loader_poses_smpl_itself(dataset, frames, with_smpl, tmp_path):
    notes = tokenhmr.write(dataset, tmp_path, with_smpl)
    limit_mm = 4 * worst_mm(notes)  # a joint is as far off as the vertices around it, or less
    assert 0 < limit_mm < 60
    for key, person, _, _, away in loaded(tmp_path / BEDLAM):
        assert person["body_model"] == "smpl"
        assert person["pose_cam"].shape == (72,) and person["shape"].shape == (10,)
        frame, k = of_labels(frames, key, person)
        joints = smpl_joints(with_smpl, person["pose_cam"], person["shape"]) + away
        off = np.linalg.norm(joints[:22] - frame.labels["joints_cam"][k, :22], axis=1)
        assert 1000 * off.mean() < limit_mm


def test_hmr_people_are_the_labels(hmr, frames):
    for sample in opened(hmr[0] / "dataset_tars/genb-train"):
        frame = frames[sample["key"]]
        assert sample["bytes"] == frame.sample.members["rgb.jpg"]
        for person in sample["people"]:
            uv = person["keypoints_2d"]
            off = np.abs(frame.labels["hmr44_2d"] - uv[:, :2]).max(axis=(1, 2))
            k = int(off.argmin())
            assert off[k] == 0
            codes = frame.labels["hmr44_code"][k]
            assert np.array_equal(uv[:, 2] > 0, np.isin(codes, SEEN))
            assert set(np.unique(uv[:, 2])) <= {0, 1}
            place = person["keypoints_3d"].astype(float)
            assert (place[:, 3] == 1).all()
            again = place[:, :3] @ frame.labels["K"].T
            # float32 in 2-D and 3-D.
            np.testing.assert_allclose(again[:, :2] / again[:, 2:], uv[:, :2], atol=1e-3)
            mask = sample["masks"][person["extra_info"]["detection_npz_idx"]]
            assert np.array_equal(mask, frame.sample.image("mask.png") == k + 1)
            inside = ((uv[:, :2] >= 0) & (uv[:, :2] <= frame.size)).all(axis=1)
            low, high = uv[inside, :2].min(axis=0), uv[inside, :2].max(axis=0)
            np.testing.assert_allclose(person["center"], (low + high) / 2, atol=1e-4)
            np.testing.assert_allclose(person["scale"] * 200, 1.2 * (high - low), rtol=1e-5)


def test_hmr_types_and_filters(hmr, frames):
    types = {
        "keypoints_2d": ("f4", (44, 3)),
        "keypoints_3d": ("f4", (44, 4)),
        "center": ("f8", (2,)),
        "scale": ("f8", (2,)),
        "body_pose": ("f4", (72,)),
        "betas": ("f4", (10,)),
    }
    for sample in opened(hmr[0] / "dataset_tars/genb-train"):
        for person in sample["people"]:
            for name, (kind, shape) in types.items():
                assert person[name].dtype == kind and person[name].shape == shape, name
            flags = [person["has_body_pose"], person["has_betas"]]
            assert flags == [0, 0] and all(isinstance(flag, np.float32) for flag in flags)
            assert not person["body_pose"].any() and not person["betas"].any()
            # What its filters ask.
            assert person["scale"].min().item() * 200 > 1
            loss = person["extra_info"]["fitting_loss"]
            assert loss.shape == () and loss.item().get("reprojection_loss") < 10**4.5


def test_hmr_with_smpl_has_poses(dataset, frames, with_smpl, tmp_path):
    notes = fourdhumans.write(dataset, tmp_path, with_smpl)
    for sample in opened(tmp_path / "dataset_tars/genb-train"):
        labels = frames[sample["key"]].labels
        for person in sample["people"]:
            assert person["has_body_pose"] == person["has_betas"] == 1
            off = np.abs(labels["hmr44_2d"] - person["keypoints_2d"][:, :2]).max(axis=(1, 2))
            truth = labels["joints_cam"][off.argmin(), :22].astype(float)
            joints = smpl_joints(with_smpl, person["body_pose"], person["betas"])[:22]
            # Without a translation, which HMR2's loss does not see.
            apart = (joints - joints.mean(axis=0)) - (truth - truth.mean(axis=0))
            assert 1000 * np.linalg.norm(apart, axis=1).mean() < 4 * worst_mm(notes)


@pytest.mark.parametrize("module", [tokenhmr, fourdhumans])
def test_without_smpl_the_notes_say_so(module, bedlam, hmr):
    notes = {tokenhmr: bedlam, fourdhumans: hmr}[module][1]
    assert any(note.startswith("No SMPL bodies") and "smplx2smpl" in note for note in notes)


def test_bbox_factor_is_the_users(dataset, no_smpl, hmr):
    wide = ExportOptions(bbox_factor=2.4, assets=no_smpl.assets)
    for module in (tokenhmr, fourdhumans):
        pairs = zip(module.rows(dataset, no_smpl), module.rows(dataset, wide), strict=True)
        for a, b in pairs:
            if "scale" in a:
                np.testing.assert_allclose(b["scale"], 2 * a["scale"])


def samples(count):
    return [
        Sample(f"{k:06d}", {"jpg": bytes([k + 1]) * 700, "data.pyd": b"x"}) for k in range(count)
    ]


def test_tars_hold_a_given_number_of_samples_and_show_a_cut_anywhere(tmp_path):
    tars = write_tars(tmp_path, iter(samples(5)), per_tar=2)
    assert [tar.name for tar in tars] == ["000000.tar", "000001.tar", "000002.tar"]
    assert list(read_tars(tmp_path)) == samples(5)
    whole = tars[0].read_bytes()
    # The plain reader does not notice a tar that ends between two members. Two samples of headers
    # and contents are 2 * (512 + 1024 + 512 + 512) bytes; what follows is zeros.
    assert not any(whole[2 * 2560 :])
    for length in range(0, 2 * 2560 + 512, 512):
        tars[0].write_bytes(whole[:length])
        with pytest.raises(GenbError, match=r"000000\.tar"):
            list(read_tars(tmp_path))


def test_tars_of_a_larger_export_are_refused(tmp_path):
    write_tars(tmp_path, samples(5), per_tar=2)
    with pytest.raises(GenbError, match=r"000002\.tar"):
        write_tars(tmp_path, samples(3), per_tar=2)


def test_keys_with_dots_are_refused(tmp_path):
    with pytest.raises(GenbError, match="dot"):
        write_tars(tmp_path, [Sample("a.b", {"jpg": b""})])
    assert list(tmp_path.iterdir()) == []
