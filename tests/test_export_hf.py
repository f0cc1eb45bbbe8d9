"""Hugging Face export: `datasets` decodes it offline, without configuration, to the same data."""

import io
import json

import numpy as np
import pytest
from made_splits import divided_dataset
from PIL import Image

from pipeline.errors import GenbError
from pipeline.exports import hf
from pipeline.exports.formats import ExportOptions
from pipeline.truth.schema import LABEL_ARRAYS

KEYS = {"train": ["000000_0000", "000000_0001"], "val": ["000002_0000"]}


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return divided_dataset(body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def frames(dataset):
    return {frame.key: frame for frame in dataset.frames()}


@pytest.fixture(scope="module")
def out(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf")
    hf.write(dataset, folder, ExportOptions())
    return folder


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """load_dataset with a cache of its own and without progress bars."""
    from datasets import load_dataset
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    cache = str(tmp_path_factory.mktemp("cache"))
    return lambda *args, **options: load_dataset(*args, cache_dir=cache, **options)


def pixels(frame):
    return np.asarray(Image.open(io.BytesIO(frame.sample.members["rgb.jpg"])))


def test_the_folder_loads_as_the_hub_would(out, load, frames):
    """README.md's header names the splits; `image` is a picture without any configuration."""
    loaded = load(str(out))
    assert {split: rows["key"][:] for split, rows in loaded.items()} == KEYS
    for rows in loaded.values():
        for row in rows:
            frame = frames[row["key"]]
            assert np.array_equal(np.asarray(row["image"]), pixels(frame))
            assert len(row["people"]) == row["people_count"] == len(frame.people)
            assert np.array_equal(row["K"], frame.labels["K"])


def test_people_hold_every_label_of_the_npz_and_every_fact_of_the_json(out, load, frames):
    files = {split: str(out / "data" / f"{split}-*.parquet") for split in KEYS}
    for rows in load("parquet", data_files=files).values():
        for row in rows:
            frame = frames[row["key"]]
            for k, person in enumerate(row["people"]):
                of_people = set(frame.labels) - {"K", "T_cam_world"}
                of_people -= {name for name in of_people if name.endswith("_index")}
                assert set(person) == of_people | set(frame.people[k])
                assert set(LABEL_ARRAYS) - {"K", "T_cam_world"} <= of_people
                for name in of_people:
                    wanted = frame.labels[name][k]
                    if wanted.dtype == np.float64:
                        wanted = wanted.astype(np.float32)
                    assert np.array_equal(np.array(person[name], wanted.dtype), wanted), name
                for name in set(person) - of_people:
                    assert person[name] == frame.people[k][name], name


def test_numpy_and_torch_formats_give_arrays(out, load, frames):
    rows = load("parquet", data_files=str(out / "data" / "val-*.parquet"), split="train")
    [frame] = [frame for frame in frames.values() if frame.facts["split"] == "val"]
    row = rows.with_format("numpy")[0]
    assert np.array_equal(row["image"], pixels(frame))
    assert np.array_equal(row["people"][0]["joints_2d"], frame.labels["joints_2d"][0])
    row = rows.with_format("torch")[0]
    assert row["image"].shape == (3, 192, 224)
    assert row["people"][0]["pose_cam"].shape == (165,)


def test_image_folder_loads_with_its_metadata(out, load, frames):
    """Its loader calls `val` validation; that is its own naming."""
    loaded = load("imagefolder", data_dir=str(out / "imagefolder"))
    assert set(loaded) == {"train", "validation"}
    seen = {}
    for row in (row for rows in loaded.values() for row in rows):
        frame = seen[row["key"]] = frames[row["key"]]
        assert np.array_equal(np.asarray(row["image"]), pixels(frame))
        for k, person in enumerate(row["people"]):
            for name in ("betas", "pose_cam", "transl_cam", "coco17_2d", "box_modal"):
                wanted = frame.labels[name][k].astype(np.float32)
                assert np.array_equal(np.float32(person[name]), wanted), name
            assert person["subject"] == frame.people[k]["subject"]
    assert seen.keys() == frames.keys()
    for split, keys in KEYS.items():
        for key in keys:
            picture = out / "imagefolder" / split / f"{key}.jpg"
            assert picture.read_bytes() == frames[key].sample.members["rgb.jpg"]


def test_large_splits_are_divided_and_counted(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(hf, "SHARD_IMAGES", 1)
    monkeypatch.setattr(hf, "GROUP_IMAGES", 1)
    hf.write(dataset, tmp_path, ExportOptions())
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
        "val-00000-of-00001.parquet",
    ]
    assert [row["key"] for row in hf.read(tmp_path)] == KEYS["train"] + KEYS["val"]


def test_an_index_of_other_pictures_is_an_error(dataset, tmp_path, monkeypatch):
    for wrong in ({"train": 3}, {"train": 1}):
        monkeypatch.setattr(hf, "images_by_split", lambda *_, wrong=wrong: wrong)
        monkeypatch.setattr(hf, "SHARD_IMAGES", 1)
        monkeypatch.setattr(hf, "GROUP_IMAGES", 1)
        with pytest.raises(GenbError, match="genb verify"):
            hf.write(dataset, tmp_path, ExportOptions())
        assert not (tmp_path / "README.md").exists()


def test_reading_notices_a_folder_that_tells_something_else(dataset, tmp_path):
    hf.write(dataset, tmp_path, ExportOptions("val"))
    path = tmp_path / "imagefolder" / "val" / "metadata.jsonl"
    line = path.read_text()
    told = json.loads(line)
    path.write_text(line.replace(f'"scene":{told["scene"]}', '"scene":7'))
    with pytest.raises(GenbError, match=r"metadata.jsonl.*000002_0000.jpg"):
        list(hf.read(tmp_path))
    path.write_text(line)
    picture = path.with_name("000002_0000.jpg")
    picture.write_bytes(picture.read_bytes()[:-1] + b"\0")
    with pytest.raises(GenbError, match=picture.name):
        list(hf.read(tmp_path))


def test_the_folder_may_be_deleted(dataset, tmp_path):
    import shutil

    hf.write(dataset, tmp_path, ExportOptions())
    shutil.rmtree(tmp_path / "imagefolder")
    assert [row["key"] for row in hf.read(tmp_path)] == KEYS["train"] + KEYS["val"]


def test_readme_names_every_asset_and_its_licence(out, dataset):
    text = (out / "README.md").read_text()
    assert "license: other" in text.split("---")[1]
    for asset in dataset.description["assets"]:
        listed = f"| {asset['id']} | {asset['licence']} |" in text
        assert listed == (asset["kind"] != "software")


def test_left_overs_of_a_larger_export_are_refused(dataset, tmp_path):
    hf.write(dataset, tmp_path, ExportOptions())
    with pytest.raises(GenbError, match="earlier export"):
        hf.write(dataset, tmp_path, ExportOptions("val"))
