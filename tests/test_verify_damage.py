"""Damage to single fields of one sample: `genb verify` names it, with its sample and its person.

All checksums are repaired after each damage, so what finds it is what the labels mean.
"""

import copy
import re

import damage_to_labels  # noqa: F401 (it fills the table)
import damage_to_pixels  # noqa: F401
import numpy as np
import pytest
from damage_cases import CASES, KEY
from damaged_shards import describe, published, read_members, repack, restored
from made_scenes import made_dataset

from pipeline.errors import GenbError
from pipeline.shards.read import find_sample
from pipeline.verify import frame, verify, verify_report


@pytest.fixture(scope="module")
def sound(body_dir, tmp_path_factory):
    made = made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")
    return published(made.plan.out, tmp_path_factory.mktemp("damage") / "dataset")


@pytest.fixture
def dataset(sound):
    with restored(sound):
        yield sound


def test_a_sound_dataset_has_neither_faults_nor_notes(sound):
    report = verify_report(sound)
    assert (report.faults, report.notes) == ([], [])


def test_there_are_fifty_kinds_of_damage_and_more():
    assert len(CASES) >= 50


@pytest.mark.parametrize("told", CASES)
def test_damage_is_named_with_its_sample_though_checksums_are_right(dataset, told):
    change, fault = CASES[told]
    repack(dataset, change)
    faults = verify(dataset)
    wanted = re.compile(rf"genb-000000\.tar: {KEY}: (.* )?{fault}")
    assert any(wanted.match(found) for found in faults), faults
    # Nobody else is accused.
    assert not [f for f in faults if "000000_0001" in f or "000002_0000" in f]


def test_damage_leaves_the_sound_dataset_as_it_was(sound):
    assert verify(sound) == []


def test_every_damage_changes_the_sample(sound):
    """A damage that changes nothing would prove nothing."""
    members = {n.partition(".")[2]: d for n, d in read_members(sound).items() if n.startswith(KEY)}
    for told, (change, _) in CASES.items():
        damaged = copy.copy(members)
        change(damaged)
        assert damaged != members, told


def test_a_licensed_model_that_is_not_here_is_told_and_the_rest_is_checked(dataset):
    """As with SMPL-X, whose file a dataset may not contain."""

    def told(description):
        for file in description["body"]["files"]:
            (dataset / file["path"]).unlink()
            file["included"], file["sha256"] = False, "0" * 64

    describe(dataset, told)
    (dataset / "body" / "smplx").rmdir()
    (dataset / "body").rmdir()
    report = verify_report(dataset)
    assert report.faults == []
    assert len(report.notes) == 1 and "bodies were not re-evaluated" in report.notes[0]
    assert "SMPLX_NEUTRAL.npz" in report.notes[0] and "(3 samples)" in report.notes[0]
    repack(dataset, CASES["one joint half a pixel off"][0])
    assert any("person 1: K @ joints_cam" in fault for fault in verify(dataset))


def test_without_opengl_the_drawn_checks_are_told_to_be_missing(dataset, monkeypatch):
    def nothing(*_):
        raise GenbError("cannot open an OpenGL context (made up)")

    monkeypatch.setattr(frame, "render_depth", nothing)
    monkeypatch.setattr("pipeline.truth.visibility.render_depth", nothing)
    report = verify_report(dataset)
    assert report.faults == []
    assert report.notes == [
        "bodies were not drawn: cannot open an OpenGL context (made up) (3 samples)"
    ]


def test_facts_of_the_cases_are_those_of_the_dataset(sound):
    """The table above speaks of people, parts and codes that must be there to be damaged."""
    sample = find_sample(sound, KEY)
    labels = sample.labels()
    assert len(labels["betas"]) == 3 and sample.json()["frames"] == 2
    assert (labels["joints_code"][2] == 0).any() and (labels["joints_code"][0] == 1).any()
    assert {1, 3, 7} <= set(np.unique(sample.image("part.png")))
    assert sample.json()["people"][0]["garments"] == "tshirt"
