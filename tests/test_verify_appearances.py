"""`genb verify`: appearances of a frame share their labels, and decisions follow from the drift."""

import io

import numpy as np
import pytest
from damaged_shards import label_change, published, repack, restored, rewrite, without_rows
from made_appearances import painted, record_of, rerecorded, two_appearances
from PIL import Image

from pipeline.config import DriftSection
from pipeline.inspection import inspect
from pipeline.shards.consistency import rerender_faults
from pipeline.shards.read import find_sample
from pipeline.shards.write import png_bytes
from pipeline.storage import canonical_json, read_json, write_json
from pipeline.verify import verify


@pytest.fixture(scope="module")
def copy(body_dir, tmp_path_factory):
    plan = two_appearances(body_dir, tmp_path_factory.getbasetemp() / "made")
    return published(plan.out, tmp_path_factory.mktemp("verify") / "varied")


@pytest.fixture
def varied(copy):
    """A copy to damage of the dataset with two appearances per frame."""
    with restored(copy):
        yield copy


def other_expression(members):
    label_change(lambda labels: labels["expression"].__iadd__(0.01))(members)


def other_depth(members):
    with io.BytesIO(members["depth.npy"]) as file:
        depth = np.load(file)
    buffer = io.BytesIO()
    np.save(buffer, depth * np.float32(1.01))
    members["depth.npy"] = buffer.getvalue()


def other_part(members):
    part = np.asarray(Image.open(io.BytesIO(members["part.png"])))
    members["part.png"] = png_bytes(np.where(part == 7, 8, part).astype(np.uint8))


def other_action(members):
    rewrite(lambda facts: facts["people"][0].update(action="something else"))(members)


LABELS_OF_ONE_APPEARANCE = {
    other_expression: "npz",
    other_depth: "depth.npy",
    other_part: "part.png",
    other_action: "json",
}


def test_sound_dataset_of_two_appearances_has_no_faults(varied):
    assert verify(varied) == []


@pytest.mark.parametrize("change", LABELS_OF_ONE_APPEARANCE, ids=lambda f: f.__name__)
def test_labels_must_be_those_of_the_other_appearance(varied, change):
    repack(varied, change, "000000_0000_a1")
    name = LABELS_OF_ONE_APPEARANCE[change]
    told = f"genb-000000.tar: 000000_0000_a1: {name} differs from that of 000000_0000"
    assert any(fault.startswith(told) for fault in verify(varied))


@pytest.mark.parametrize("key", ["000000_0001_a1", "000000_0000"])
def test_missing_appearance(varied, key):
    repack(varied, dict.clear, key)
    without_rows(varied, [key])
    assert verify(varied) == [f"genb-000000.tar: {key}: missing"]


def test_missing_frame(varied):
    keys = ["000000_0001", "000000_0001_a1"]
    for key in keys:
        repack(varied, dict.clear, key)
    without_rows(varied, keys)
    assert verify(varied) == [f"genb-000000.tar: {key}: missing" for key in keys]


def test_more_appearances_than_the_configuration_asks_for(varied):
    description = read_json(varied / "dataset.json")
    description["config"]["diffusion"]["appearances"] = 1
    write_json(varied / "dataset.json", description)
    faults = verify(varied)
    assert len(faults) == 3 and all("a1: is no picture of its scene" in f for f in faults)


NOBODY, ALL = {}, dict.fromkeys(range(3), "render")
GOOD, BAD = [0.3, 0.2, 0.4], [0.3, 5.0, 0.4]
HONEST = {
    "accepted": (GOOD, GOOD, "accepted", NOBODY),
    "calmed": (BAD, GOOD, "calmed", {1: "calmed"}),
    "render": (BAD, GOOD, "render", {1: "render", 2: "calmed"}),
    "passthrough": (BAD, GOOD, "passthrough", ALL),
    "passthrough, whatever its finish did": (BAD, BAD, "passthrough", ALL),
}
LIES = {
    "accepted beyond the limits": ((BAD, BAD, "accepted", NOBODY), "accepted beyond the limits"),
    "accepted after a repair": ((BAD, GOOD, "accepted", NOBODY), "accepted beyond the limits"),
    "repaired, yet bad": ((BAD, BAD, "calmed", {1: "calmed"}), "the picture is beyond"),
    "repaired for nothing": ((GOOD, GOOD, "calmed", {1: "calmed"}), "nobody was beyond"),
    "calmed nobody": ((BAD, GOOD, "calmed", NOBODY), "does not follow from its people's"),
    "not the worst": ((BAD, GOOD, "calmed", {1: "render"}), "does not follow from its people's"),
    "half a render": ((BAD, GOOD, "passthrough", {1: "render"}), "does not follow from its peop"),
    "unknown": ((BAD, GOOD, "repaired", {1: "repaired"}), "unknown decisions"),
    "nobody there": ((BAD, GOOD, "calmed", {7: "calmed"}), "people who are not there"),
}


@pytest.fixture
def facts(varied):
    """The JSON of a sample that was not painted."""
    return find_sample(varied, "000000_0000").json()


@pytest.mark.parametrize("told", HONEST.values(), ids=HONEST)
def test_honest_record_has_no_faults(facts, told):
    facts = rerecorded(facts, painted(record_of(facts), *told))
    assert rerender_faults(facts, DriftSection()) == []


@pytest.mark.parametrize(("told", "fault"), LIES.values(), ids=LIES)
def test_decision_that_lies_is_found(facts, told, fault):
    facts = rerecorded(facts, painted(record_of(facts), *told))
    assert any(fault in found for found in rerender_faults(facts, DriftSection()))


def test_drift_is_judged_by_the_limits_of_the_dataset(facts):
    facts = rerecorded(facts, painted(record_of(facts), *HONEST["accepted"]))
    assert rerender_faults(facts, DriftSection(max_px=0.35))
    assert rerender_faults(facts, DriftSection(min_followed=0.99))


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"decision": "passthrough", "steps_applied": 6}, "yet 6 steps applied"),
        ({"steps_applied": 3}, "yet 3 steps applied"),
        ({"steps_run": 0, "steps_applied": 0, "decision": "calmed"}, "nothing was painted"),
    ],
)
def test_steps_that_lie_are_found(facts, told, fault):
    record = painted(record_of(facts), *HONEST["accepted"])
    lying = rerecorded(facts, record | told)
    assert any(fault in found for found in rerender_faults(lying, DriftSection()))


@pytest.mark.parametrize("told", [{"attempts": []}, {"drift": {}}, {"drift": {"people": [{}]}}])
def test_record_that_is_no_record_is_a_fault(facts, told):
    facts["rerender_record"] = canonical_json(record_of(facts) | told)
    assert any("cannot be read" in found for found in rerender_faults(facts, DriftSection()))


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts["rerender"].update(decision="passthrough"),
        lambda facts: facts["rerender"].update(steps_applied=1),
        lambda facts: facts["people"][1].update(drift_decision="render"),
        lambda facts: facts["people"][1].update(drift_mean_px=0.0),
        lambda facts: facts["rerender"]["levels"].update(face=19),
    ],
)
def test_facts_that_differ_from_their_record_are_found(varied, change):
    repack(varied, rewrite(change))
    told = "000000_0000: its re-rendering facts are not those of its rerender_record"
    assert any(told in fault for fault in verify(varied))


def test_lie_about_a_decision_is_found_in_the_dataset(varied):
    lie = painted(record_of(find_sample(varied, "000000_0000_a1").json()), *LIES["unknown"][0])
    repack(varied, rewrite(lambda facts: rerecorded(facts, lie)), "000000_0000_a1")
    assert any("000000_0000_a1: people who are not there" in fault for fault in verify(varied))


def test_inspect_tells_one_appearance_from_another(varied, tmp_path):
    assert "appearance     0 7, 1 7" in inspect(varied)
    text = inspect(varied, "000000_0001_a1", tmp_path / "look.png")
    assert "appearance 1: 0 of 20 steps (passthrough), accepted" in text
