"""Damage to what describes a dataset: `genb verify` names file, row or count.

All checksums that are not the damage itself are repaired.
"""

import re

import pytest
from damaged_shards import TAR, describe, published, reindex, repack, repair, restored, rewrite
from made_scenes import made_dataset

from pipeline.shards.index import read_index
from pipeline.shards.publish import split_facts
from pipeline.storage import read_json, write_json
from pipeline.verify import verify

KEY = "000000_0000"


@pytest.fixture(scope="module")
def sound(body_dir, tmp_path_factory):
    made = made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")
    return published(made.plan.out, tmp_path_factory.mktemp("files") / "dataset")


@pytest.fixture
def dataset(sound):
    with restored(sound):
        yield sound


def found(faults: list[str], fault: str) -> bool:
    return any(re.search(fault, one) for one in faults)


@pytest.mark.parametrize("name", ["README.md", "croissant.json", "index.parquet"])
def test_missing_file(dataset, name):
    (dataset / name).unlink()
    assert verify(dataset) == [f"{name}: missing"]


def test_stale_checksum_beside_the_tar(dataset):
    (dataset / "shards" / f"{TAR}.sha256").write_text(f"{'0' * 64}  {TAR}\n")
    assert verify(dataset) == [f"{TAR}.sha256: missing, or not the checksum in dataset.json"]


def test_unknown_file_among_the_shards(dataset):
    (dataset / "shards" / "notes.txt").write_text("a note")
    assert verify(dataset) == ["shards/notes.txt: not listed in dataset.json"]


def test_stale_index_row(dataset):
    reindex(dataset, lambda rows: rows[1].update(distance_m=rows[1]["distance_m"] + 0.1))
    assert verify(dataset) == [
        f"index.parquet: differs from the shards at {KEY} person 1: distance_m"
    ]


ROWS = {
    "missing": (lambda rows: rows[1:], f"{KEY} person 0 is missing"),
    "double": (lambda rows: [*rows, rows[2]], f"{KEY} person 2 is not in the shards"),
    "nobody's": (
        lambda rows: [*rows, rows[2] | {"key": "000009_0000"}],
        "000009_0000 person 2 is not in the shards",
    ),
}


@pytest.mark.parametrize("damage", ROWS)
def test_index_rows_are_the_people_of_the_shards(dataset, damage):
    change, told = ROWS[damage]
    reindex(dataset, change)
    fault = f"index.parquet: its rows are not the people in the shards: {told}"
    assert verify(dataset) == [fault]


def test_index_in_another_order_is_as_good(dataset):
    reindex(dataset, lambda rows: rows[::-1])
    assert verify(dataset) == []


def test_index_that_is_no_parquet(dataset):
    (dataset / "index.parquet").write_bytes(b"PAR1, or so")
    repair(dataset)
    assert found(verify(dataset), r"^index\.parquet: cannot be read")


def change_croissant(out, change):
    croissant = read_json(out / "croissant.json")
    change(croissant)
    write_json(out / "croissant.json", croissant)


CROISSANT = {
    "stale checksum of a shard": (
        lambda data: data["distribution"][0].update(sha256="0" * 64),
        f"the SHA-256 of {TAR} is not that of the file",
    ),
    "stale checksum of the index": (
        lambda data: data["distribution"][2].update(sha256="0" * 64),
        "the SHA-256 of index.parquet is not that of the file",
    ),
    "a file too many": (
        lambda data: data["distribution"].append({"@id": "more", "@type": "cr:FileObject"}),
        "more is no file of the dataset",
    ),
    "a column renamed": (
        lambda data: data["recordSet"][0]["field"][3].update(name="scenes"),
        "its columns are not those of index.parquet",
    ),
    "another name": (lambda data: data.update(name="other"), "name is not that of dataset.json"),
}


@pytest.mark.parametrize("damage", CROISSANT)
def test_croissant_describes_the_dataset(dataset, damage):
    change, told = CROISSANT[damage]
    change_croissant(dataset, change)
    assert verify(dataset) == [f"croissant.json: {told}"]


COUNTS = {
    ("counts", "samples"): "dataset.json counts 4 samples, but there are 3",
    ("counts", "people"): "dataset.json counts 8 people, but there are 7",
    ("counts", "shards"): "dataset.json counts 3 shards, but there are 2",
    ("counts", "scenes"): "scene 3 is neither in a shard nor rejected",
    ("splits", "train", "motions"): "dataset.json counts 2 motions of split train, but there are 1",
    ("splits", "val", "images"): "dataset.json counts 1 images of split val, but there are 0",
}


@pytest.mark.parametrize("path", COUNTS, ids="-".join)
def test_wrong_count(dataset, path):
    def more(description):
        *way, last = path
        for name in way:
            description = description[name]
        description[last] += 1

    describe(dataset, more)
    assert verify(dataset) == [COUNTS[path]]


def set_format(description):
    description["format"] = "genb-0"


def present_though_rejected(description):
    description["rejected"].append({"scene": 0, "stage": "truth", "reason": "made up"})
    description["counts"]["rejected"] += 1


def hold_out_nothing(description):
    description["held_out"] = True


def other_body(description):
    description["body"]["files"][0]["gender"] = "female"


def no_body(description):
    del description["body"]


def more_samples(description):
    description["shards"][0]["samples"].append("000000_0002")


DESCRIPTIONS = {
    set_format: r"^dataset\.json: format is 'genb-0', expected 'genb-2'$",
    present_though_rejected: r"^scene 0 is both in a shard and rejected$",
    hold_out_nothing: r"^dataset\.json: held_out and its reason do not agree with the splits$",
    other_body: r"^dataset\.json: the body model of gender 'female' is listed or used, not both$",
    no_body: r"^dataset\.json: body missing or of another type$",
    more_samples: rf"^{TAR}: its samples are not those listed in dataset\.json$",
}


@pytest.mark.parametrize("change", DESCRIPTIONS, ids=lambda f: f.__name__)
def test_wrong_description(dataset, change):
    describe(dataset, change)
    assert found(verify(dataset), DESCRIPTIONS[change])


def test_size_of_a_shard(dataset):
    description = read_json(dataset / "dataset.json")
    description["shards"][0]["bytes"] += 1
    write_json(dataset / "dataset.json", description)
    assert f"{TAR}: its size is not the one in dataset.json" in verify(dataset)


def retell_split(out, key, split):
    """Move a sample to another split: in its JSON, the index and the counts."""
    repack(out, rewrite(lambda facts: facts.update(split=split)), key)

    def move(rows):
        for row in rows:
            if row["key"] == key:
                row["split"] = split

    reindex(out, move)
    describe(out, lambda told: told.update(split_facts(read_index(out / "index.parquet"), "")))


def test_a_motion_in_two_splits_is_a_leak(dataset):
    retell_split(dataset, "000002_0000", "test")
    assert verify(dataset) == ["motion 'idle' is in several splits: test, train"]


def test_a_person_in_two_splits_is_a_leak(dataset):
    retell_split(dataset, "000002_0000", "test")
    one = "subject_0001"
    repack(dataset, rewrite(lambda f: f["people"][0].update(subject=one)), "000002_0000")
    faults = verify(dataset)
    assert f"subject '{one}' is in several splits: test, train" in faults


def test_a_scene_in_two_splits(dataset):
    retell_split(dataset, "000000_0001", "val")
    faults = verify(dataset)
    told = f"{TAR}: 000000_0001: is of split 'val', its scene 'train'"
    assert told in faults
    assert found(faults, r"^the body with betas .* is in several splits: \['train', 'val'\]$")


def test_unknown_split(dataset):
    repack(dataset, rewrite(lambda facts: facts.update(split="dev")), "000002_0000")
    assert "split 'dev' is none of train, val, test" in verify(dataset)


def test_body_model_altered(dataset):
    path = dataset / "body" / "smplx" / "SMPLX_NEUTRAL.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    told = "body/smplx/SMPLX_NEUTRAL.npz: its SHA-256 is not the one in dataset.json"
    assert told in verify(dataset)


def test_body_model_missing(dataset):
    (dataset / "body" / "smplx" / "SMPLX_NEUTRAL.npz").unlink()
    assert "body/smplx/SMPLX_NEUTRAL.npz: missing" in verify(dataset)


def test_body_model_that_nobody_lists(dataset):
    (dataset / "body" / "smplx" / "SMPLX_MALE.npz").write_bytes(b"")
    assert verify(dataset) == ["body/smplx/SMPLX_MALE.npz: not listed in dataset.json"]
