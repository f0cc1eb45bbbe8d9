"""The Croissant metadata as its reference implementation reads it, offline: valid, and true."""

import io
import json
import shutil

import numpy as np
import pytest
from made_parts import build, scene_of
from made_scenes import made_dataset
from PIL import Image

from pipeline.errors import GenbError
from pipeline.shards.columns import COLUMNS
from pipeline.shards.derived import shard_facts
from pipeline.shards.index import index_rows, read_index
from pipeline.shards.publish import date_published, publish
from pipeline.shards.read import read_samples
from pipeline.shards.tars import shard_tar, write_checksum
from pipeline.storage import read_json, write_json

_DATE = 'Property "https://schema.org/datePublished" is recommended'


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made").plan.out


@pytest.fixture
def read(monkeypatch, tmp_path):
    """read(folder) -> mlcroissant.Dataset, which unpacks tars into a folder of this test."""
    import mlcroissant
    from etils import epath
    from mlcroissant._src.operation_graph.operations import extract

    # It finds unpacked tars by their relative name, so another dataset's would be taken.
    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "unpacked"))
    return lambda folder: mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))


def issues(dataset):
    found = dataset.metadata.ctx.issues
    return found.errors, found.warnings


def plain(value):
    return value.decode() if isinstance(value, bytes) else value


def test_valid_but_for_the_date_that_nobody_knows_yet(made, read):
    errors, warnings = issues(read(made))
    assert not errors
    assert len(warnings) == 1 and _DATE in next(iter(warnings))


def test_no_warning_with_a_date_of_publication(made, read, tmp_path, monkeypatch):
    out = tmp_path / "dated"
    shutil.copytree(made, out, ignore=shutil.ignore_patterns("work"))
    description = read_json(out / "dataset.json")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    publish(out, description | date_published(), read_index(out / "index.parquet"))
    dataset = read(out)
    assert issues(dataset) == (set(), set())
    assert dataset.metadata.date_published.date().isoformat() == "2026-01-01"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(GenbError, match="date \\+%s"):
        date_published()


def test_a_fault_is_reported(made, read, tmp_path):
    import mlcroissant

    metadata = read_json(made / "croissant.json")
    metadata["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "nothing.parquet"
    write_json(tmp_path / "croissant.json", metadata)
    with pytest.raises(mlcroissant.ValidationError, match="nothing.parquet"):
        read(tmp_path)


def test_records_are_the_rows_of_the_index(made, read):
    rows = read_index(made / "index.parquet")
    records = list(read(made).records("people"))
    assert len(records) == len(rows) == 7
    for record, row in zip(records, rows, strict=True):
        told = {name.removeprefix("people/"): plain(value) for name, value in record.items()}
        assert told == row


def test_every_column_is_described_with_its_unit(made):
    (people,) = [r for r in read_json(made / "croissant.json")["recordSet"] if r["@id"] == "people"]
    fields = {field["name"]: field for field in people["field"]}
    assert list(fields) == list(COLUMNS)
    assert "mm" in fields["foot_float_mm"]["description"]
    assert fields["airborne"]["dataType"] == "sc:Boolean"


def test_splits_are_counted(body_dir, read, tmp_path):
    scenes = [scene_of(0, "train", [(1, "idle")]), scene_of(1, "val", [(2, "wave")])]
    out = build(tmp_path / "divided", scenes).out
    records = [
        {name.removeprefix("splits/"): plain(value) for name, value in record.items()}
        for record in read(out).records("splits")
    ]
    assert {r["name"]: int(r["images"]) for r in records} == {"train": 1, "val": 1, "test": 0}
    (splits,) = [r for r in read_json(out / "croissant.json")["recordSet"] if r["@id"] == "splits"]
    assert splits["dataType"] == "cr:Split" and "No person and no motion" in splits["description"]


def large_jpeg():
    """More than 64 KiB, as a training image of 512 px usually is."""
    noise = np.random.default_rng(0).integers(0, 256, (192, 224, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=100, subsampling=0)
    assert len(buffer.getvalue()) > 1 << 16
    return buffer.getvalue()


def test_pictures_come_with_their_keys(made, read, tmp_path):
    """mlcroissant takes a tar for a zip if an .npz ends in its last 64 KiB, hence a large last
    picture, which all but very small images are."""
    out = tmp_path / "large"
    shutil.copytree(made, out, ignore=shutil.ignore_patterns("work"))
    description, pictures = read_json(out / "dataset.json"), {}
    for number, shard in enumerate(description["shards"]):
        tar = out / "shards" / shard["shard"]
        samples = list(read_samples(tar))
        with shard_tar(tar) as add:
            for sample in samples:
                last = {"rgb.jpg": large_jpeg()} if sample is samples[-1] else {}
                members = sample.members | last
                pictures[sample.key] = members["rgb.jpg"]
                add(sample.key, members)
        description["shards"][number] = shard_facts(tar, write_checksum(tar), shard["samples"])
    tars = [out / "shards" / shard["shard"] for shard in description["shards"]]
    publish(out, description, index_rows(tars))
    records = {plain(r["pictures/key"]): r["pictures/image"] for r in read(out).records("pictures")}
    assert records.keys() == pictures.keys() and len(pictures) == 3
    for key, image in records.items():
        wanted = Image.open(io.BytesIO(pictures[key]))
        assert np.array_equal(np.asarray(image), np.asarray(wanted))


def test_what_a_user_should_know_is_in_the_responsible_ai_fields(made, read):
    metadata = read(made).metadata
    assert "1 of 3 scenes were rejected" in metadata.data_collection_missing_data
    assert "nobody depicted exists" in metadata.personal_sensitive_information[0]
    assert metadata.data_limitations and metadata.data_biases and metadata.data_use_cases
    assert "Synthetic" in metadata.data_collection_type
    assert metadata.cite_as.startswith("@misc{genb_")
    assert set(metadata.license) >= {"CC0-1.0"}


def test_nothing_points_outside_of_the_dataset(made):
    text = (made / "croissant.json").read_text()
    data = json.loads(text)
    urls = [file["contentUrl"] for file in data["distribution"] if "contentUrl" in file]
    assert urls and all((made / url).is_file() for url in urls)
