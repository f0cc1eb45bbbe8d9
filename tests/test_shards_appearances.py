"""Several appearances of a frame as samples, and what is told of their re-rendering."""

import numpy as np
import pytest
from made_appearances import painted, record_of, rerecorded, two_appearances
from made_scenes import made_dataset
from PIL import Image

from pipeline.diffusion.noise import REGIONS
from pipeline.shards.index import read_index
from pipeline.shards.read import read_samples
from pipeline.shards.records import shard_path
from pipeline.shards.sample import PERSON_DRIFT, UNMEASURED, label_facts
from pipeline.storage import read_json

KEYS = ["000000_0000", "000000_0001", "000002_0000"]


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def varied(made):
    """Samples of the dataset with two appearances, by key in the order of the tars."""
    plan = two_appearances(made.plan.body_dir, made.plan.out)
    tars = sorted((plan.out / "shards").glob("*.tar"))
    return {sample.key: sample for tar in tars for sample in read_samples(tar)}


def test_samples_of_two_appearances_differ_in_their_picture_alone(varied):
    assert list(varied) == [name for key in KEYS for name in (key, f"{key}_a1")]
    for key in KEYS:
        first, second = varied[key], varied[f"{key}_a1"]
        differing = {n for n in first.members if first.members[n] != second.members[n]}
        assert differing == {"rgb.jpg", "json"} and set(first.members) == set(second.members)
        assert label_facts(first.json()) == label_facts(second.json())
        assert [s.json()["appearance"] for s in (first, second)] == [0, 1]
        assert (first.json()["key"], second.json()["key"]) == (key, f"{key}_a1")


def test_each_appearance_has_the_picture_and_the_record_made_for_it(made, varied):
    plan = two_appearances(made.plan.body_dir, made.plan.out)
    for key, name in ((KEYS[1], "frame_0001"), (f"{KEYS[1]}_a1", "frame_0001_a1")):
        path = plan.scene_dir("rerender", 0) / f"{name}.png"
        error = varied[key].image("rgb.jpg").astype(float) - np.asarray(Image.open(path))
        # JPEG at quality 95; the two appearances are more than 3 apart.
        assert np.sqrt((error**2).mean()) < 3
        assert record_of(varied[key].json()) == read_json(path.with_suffix(".json"))
    looks = [varied[key].image("rgb.jpg").astype(float) for key in (KEYS[1], f"{KEYS[1]}_a1")]
    assert np.sqrt(((looks[0] - looks[1]) ** 2).mean()) > 3


def test_public_readers_see_every_appearance_and_can_select_one(made, tmp_path):
    import webdataset
    from datasets import load_dataset

    plan = two_appearances(made.plan.body_dir, made.plan.out)
    tars = [str(shard_path(plan, i)) for i in range(2)]
    keys = sorted([*KEYS, *(f"{key}_a1" for key in KEYS)])
    reader = webdataset.WebDataset(tars, shardshuffle=False).decode("pil")
    assert sorted(sample["__key__"] for sample in reader) == keys
    first = reader.select(lambda sample: sample["json"]["appearance"] == 0)
    assert [sample["__key__"] for sample in first] == KEYS
    rows = load_dataset(
        "webdataset", data_files={"train": tars}, split="train", cache_dir=str(tmp_path)
    )
    assert sorted(rows["__key__"]) == keys
    row = rows.with_format("numpy")[1]
    assert row["__key__"] == f"{KEYS[0]}_a1" and row["json"]["appearance"] == 1
    assert np.array_equal(np.asarray(row["mask.png"]), made.passes[0][0].instance)


def test_index_tells_appearances_noise_and_drift(made, varied):
    plan = two_appearances(made.plan.body_dir, made.plan.out)
    rows = read_index(plan.out / "index.parquet")
    assert len(rows) == 14 and [row["appearance"] for row in rows[:6]] == [0, 0, 0, 1, 1, 1]
    assert {n for n in rows[0] if n.startswith("level_")} == {f"level_{r}" for r in REGIONS}
    for row in rows:
        record = record_of(varied[row["key"]].json())
        person = record["drift"]["people"][row["person"]]
        assert row["drift_mean_px"] == person["mean_px"] and row["change"] == person["change"]
        assert row["image_drift_mean_px"] == record["drift"]["mean_px"]
        assert row["strategy"] == "regional" and row["drift_decision"] == "accepted"
        first_frame = row["frame"] == 0
        assert (row["flicker_all"] == UNMEASURED) == first_frame
    assert read_json(plan.out / "dataset.json")["counts"]["samples"] == 6
    assert "2 pictures of every frame" in (plan.out / "README.md").read_text()


REPAIRS = {
    "accepted": ({}, ["accepted", "accepted", "accepted"]),
    "calmed": ({1: "calmed"}, ["accepted", "calmed", "accepted"]),
    "render": ({0: "render", 1: "calmed"}, ["render", "calmed", "accepted"]),
    "passthrough": (dict.fromkeys(range(3), "render"), ["render", "render", "render"]),
}


@pytest.mark.parametrize("decision", REPAIRS)
def test_facts_tell_what_was_painted_and_who_was_repaired(varied, decision):
    treated, people = REPAIRS[decision]
    facts = varied[KEYS[0]].json()
    record = painted(record_of(facts), [0.3, 5.0, 0.4], [0.3, 0.5, 0.4], decision, treated)
    record["drift"]["people"][2] |= {"mean_px": None, "boundary_ratio": None}
    record["flicker"] = {"people": 1.5, "all": None}
    changed = rerecorded(facts, record)
    rerender = changed["rerender"]
    assert rerender["steps_run"] == 6
    assert rerender["steps_applied"] == (0 if decision == "passthrough" else 6)
    assert rerender["references"] == "one,two" and rerender["revision"] == ""
    assert rerender["first_drift_mean_px"] == pytest.approx(5.7 / 3)
    assert (rerender["flicker_people"], rerender["flicker_all"]) == (1.5, UNMEASURED)
    told = changed["people"]
    assert [person["drift_decision"] for person in told] == people
    assert [person["drift_mean_px"] for person in told] == [0.3, 0.5, UNMEASURED]
    assert [person["first_drift_mean_px"] for person in told] == [0.3, 5.0, 0.4]
    assert told[2]["boundary_ratio"] == UNMEASURED
    assert _types(changed) == _types(facts)


def test_person_without_a_pixel_has_no_drift_but_a_decision(varied):
    facts = varied[KEYS[0]].json()
    record = record_of(facts)
    record["drift"]["people"] = record["drift"]["people"][:2]
    last = rerecorded(facts, record)["people"][2]
    assert all(last[name] == UNMEASURED for name in PERSON_DRIFT)
    assert last["drift_decision"] == "accepted"


def _types(value) -> object:
    """Keys and types of JSON data, which Arrow wants to be the same in every sample."""
    if isinstance(value, dict):
        return {name: _types(inner) for name, inner in value.items()}
    return [_types(value[0])] if isinstance(value, list) else type(value)
