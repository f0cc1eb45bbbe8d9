"""Appending, merging and selecting: nothing but names changes, and splits stay free of leaks."""

import shutil
from collections import defaultdict

import pytest
from damaged_shards import repack, rewrite
from made_parts import build, renamed, scene_of
from made_scenes import REASON, made_dataset

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.shards.index import read_index
from pipeline.shards.merge import merge
from pipeline.shards.parts import AGREEING, check_agreement, numbered
from pipeline.shards.read import read_samples
from pipeline.shards.subset import select_keys, subset
from pipeline.storage import read_json, sha256_file, write_json
from pipeline.verify import verify

ONE = [
    scene_of(0, "train", [(1, "idle"), (2, "walk")], frames=2),
    scene_of(1, "val", [(3, "wave")], frames=2),
    scene_of(2, "test", [(4, "clap")], frames=2),
]
TWO = [
    # subject_0001 is the same person here and there, subject_0002 another one.
    renamed(scene_of(0, "train", [(1, "idle"), (12, "walk")], frames=2), "subject_0012",
            "subject_0002"),
    scene_of(1, "test", [(14, "clap")], frames=2),
]  # fmt: skip


@pytest.fixture(scope="module")
def datasets(body_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    frames = {"scene": {"frames": 2}}
    one = build(folder / "one", ONE, name="first", **frames).out
    two = build(folder / "two", TWO, seed=8, name="second", **frames).out
    return one, two


def copied(dataset, target):
    """What a user has: no work folder."""
    shutil.copytree(dataset, target, ignore=shutil.ignore_patterns("work"))
    return target


def samples_of(out):
    tars = [out / "shards" / s["shard"] for s in read_json(out / "dataset.json")["shards"]]
    return {sample.key: sample for tar in tars for sample in read_samples(tar)}


def content(sample):
    return {name: data for name, data in sample.members.items() if name != "json"}


def split_sets(out):
    """What each split shows, from the index: subjects, bodies and motions."""
    shown = defaultdict(set)
    for row in read_index(out / "index.parquet"):
        body = tuple(row[f"beta_{i}"] for i in range(10))
        shown[row["split"]] |= {("subject", row["subject"]), body, ("motion", row["motion"])}
    return shown


def assert_no_leak(out):
    shown = split_sets(out)
    for a in shown:
        for b in set(shown) - {a}:
            assert not shown[a] & shown[b]


# -- appending ------------------------------------------------------------------------------------


def test_appending_leaves_full_shards_alone(body_dir, tmp_path):
    scenes = [scene_of(n, "train", [(n + 1, "idle")]) for n in range(4)]
    plan = build(tmp_path / "grown", scenes[:2])
    tar = plan.out / "shards" / "genb-000000.tar"
    before = {path: (path.stat().st_mtime_ns, sha256_file(path)) for path in tar.parent.iterdir()}
    labels = {key: sample.members for key, sample in samples_of(plan.out).items()}
    build(tmp_path / "grown", scenes[:3])
    partial = samples_of(plan.out)["000002_0000"]
    build(tmp_path / "grown", scenes)
    for path, was in before.items():
        assert (path.stat().st_mtime_ns, sha256_file(path)) == was
    grown = samples_of(plan.out)
    assert list(grown) == ["000000_0000", "000001_0000", "000002_0000", "000003_0000"]
    assert {key: grown[key].members for key in labels} == labels
    # The last shard was not full: it is written again, and its earlier samples stay as they were.
    assert grown["000002_0000"].members == partial.members
    # Asked for at once, the bytes are the same.
    at_once = build(tmp_path / "at_once", scenes)
    published = [p.relative_to(plan.out) for p in plan.out.rglob("*") if p.is_file()]
    for path in published:
        if path.parts[0] != "work" and path.name != "index.html":
            assert sha256_file(at_once.out / path) == sha256_file(plan.out / path), path
    assert verify(plan.out) == []


# -- merging --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def merged(datasets, tmp_path_factory):
    out = tmp_path_factory.mktemp("merged") / "both"
    parts = [copied(d, out.parent / d.name) for d in datasets]
    return out, merge(parts, out)


def test_merged_dataset_is_sound(merged):
    assert verify(merged[0]) == []


def test_merged_samples_keep_all_but_names_and_numbers(datasets, merged):
    one, two, both = (samples_of(out) for out in (*datasets, merged[0]))
    shifted = {f"{int(key[:6]) + 3:06d}{key[6:]}": sample for key, sample in two.items()}
    assert list(both) == [*one, *shifted]
    for key, sample in (one | shifted).items():
        assert content(both[key]) == content(sample)
        told, was = both[key].json(), sample.json()
        changed = {name for name in was if told[name] != was[name]}
        moved = {"scene", "key", "shard", "people"} if key in shifted else set()
        assert changed <= moved and told.keys() == was.keys()
        assert told["key"] == key and told["scene"] == int(key[:6])
        for mine, other in zip(told["people"], was["people"], strict=True):
            assert mine | {"subject": ""} == other | {"subject": ""}


def test_only_another_person_of_the_same_name_is_renamed(merged):
    out, summary = merged
    names = [[p["subject"] for p in s.json()["people"]] for s in samples_of(out).values()]
    assert names[0] == ["subject_0001", "subject_0002"]
    assert names[6] == ["subject_0001", "subject_0002_2"]
    assert "1 subjects renamed" in summary


def test_description_tells_where_everything_comes_from(datasets, merged):
    description, told = read_json(merged[0] / "dataset.json"), [
        read_json(out / "dataset.json") for out in datasets
    ]  # fmt: skip
    parts = description["parts"]
    assert [p["first_scene"] for p in parts] == [0, 3] and [p["scenes"] for p in parts] == [3, 2]
    for part, source in zip(parts, told, strict=True):
        for name in ("name", "seed", "fingerprint", "config"):
            assert part[name] == source[name]
    assert description["name"] == "first-second" and description["config_differs"] == ["name"]
    assert description["held_out"] and description["split_changes"] == []
    counts = {split: n["scenes"] for split, n in description["splits"].items()}
    assert counts == {"train": 2, "val": 1, "test": 2}
    card = (merged[0] / "README.md").read_text()
    assert "`first` (seed 7" in card and "`second` (seed 8" in card and "from scene 3" in card
    assert "| val | 1 | 2 | 2 | 1 | 1 |" in card and "Nobody and no motion of one split" in card
    assert "The body model files are in `body/`" in card
    assert_no_leak(merged[0])


def test_merging_twice_gives_the_same_bytes(datasets, merged, tmp_path):
    merge(list(datasets), tmp_path / "again")
    published = [p.relative_to(merged[0]) for p in merged[0].rglob("*") if p.is_file()]
    assert len(published) > 10
    for path in published:
        assert sha256_file(tmp_path / "again" / path) == sha256_file(merged[0] / path), path


def test_what_training_shows_is_no_longer_held_out(datasets, body_dir, tmp_path):
    """The third set trains on a held-out motion: that scene joins training, and the scenes that
    show its motion too; others stay."""
    trained = [scene_of(0, "train", [(21, "clap")], frames=2)]
    three = build(tmp_path / "three", trained, seed=9, scene={"frames": 2}).out
    summary = merge([*datasets, three], tmp_path / "all")
    description = read_json(tmp_path / "all" / "dataset.json")
    assert description["split_changes"] == [
        {"scene": 2, "from": "test", "to": "train"},
        {"scene": 4, "from": "test", "to": "train"},
    ]
    assert "2 scenes moved to another split" in summary
    counts = {split: n["scenes"] for split, n in description["splits"].items()}
    assert counts == {"train": 5, "val": 1, "test": 0}
    assert_no_leak(tmp_path / "all")
    assert verify(tmp_path / "all") == []
    # Without the rule there would have been a leak.
    assert split_sets(datasets[0])["test"] & split_sets(three)["train"] == {("motion", "clap")}


def test_rejected_scenes_are_renumbered_and_a_body_is_not_held_out_twice(
    datasets, body_dir, tmp_path_factory, tmp_path
):
    """The made dataset trains on the body of the first set's validation scene."""
    made = made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made").plan.out
    merge([datasets[0], made], tmp_path / "out")
    description = read_json(tmp_path / "out" / "dataset.json")
    assert description["rejected"] == [{"scene": 4, "stage": "render", "reason": REASON}]
    assert description["split_changes"] == [{"scene": 1, "from": "val", "to": "train"}]
    assert "limits.max_reject_share" in description["config_differs"]
    assert_no_leak(tmp_path / "out")
    assert verify(tmp_path / "out") == []


def test_a_merged_dataset_can_be_merged_and_selected_from(merged, body_dir, tmp_path):
    more = [scene_of(0, "train", [(31, "walk")], frames=2)]
    three = build(tmp_path / "three", more, seed=10, scene={"frames": 2}).out
    part = tmp_path / "part"
    subset(merged[0], part, "split <> 'val' AND frame = 0")
    merge([three, part], tmp_path / "all")
    description = read_json(tmp_path / "all" / "dataset.json")
    assert [p["first_scene"] for p in description["parts"]] == [0, 1, 4]
    assert description["left_out"]["scenes"] == [2]
    second_frames = [f"{scene:06d}_0001" for scene in (1, 3, 4, 5)]
    assert description["left_out"]["samples"] == second_frames
    assert verify(tmp_path / "all") == []


def changed_config(dataset, target, dotted, value):
    """A copy of a dataset that says it was made with another setting."""
    copied(dataset, target)
    description = read_json(target / "dataset.json")
    table, *path = dotted.split(".")
    place = description["config"][table] if path else description["config"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    write_json(target / "dataset.json", description)
    return target


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shards.geometry", False),
        ("shards.dense_keypoints", [138]),
        ("diffusion.appearances", 2),
        ("diffusion.drift.max_px", 99.0),
        ("audit.min_silhouette_iou", 0.5),
        ("exposure.max_black_share", 0.5),
        ("scene.frames", 3),
        ("body.source", "smplx"),
        ("body.num_betas", 10),
    ],
)
def test_settings_of_one_dataset_must_agree(datasets, tmp_path, key, value):
    assert any(key.startswith(name) for name in AGREEING)
    other = changed_config(datasets[1], tmp_path / "other", key, value)
    with pytest.raises(GenbError) as error:
        merge([datasets[0], other], tmp_path / "out")
    assert key in str(error.value) and str(value) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_settings_that_may_differ_do(datasets, tmp_path):
    other = changed_config(datasets[1], tmp_path / "other", "render.samples", 99)
    check_agreement(numbered([Dataset(datasets[0]), Dataset(other)]))


def test_the_same_pictures_are_refused(datasets, tmp_path):
    same = copied(datasets[0], tmp_path / "same")
    with pytest.raises(GenbError, match="000000_0000 of .*same is the same picture as 000000_0000"):
        merge([datasets[0], datasets[1], same], tmp_path / "out")


def test_another_body_model_is_refused(datasets, tmp_path):
    other = copied(datasets[1], tmp_path / "other")
    model = next((other / "body").rglob("*.npz"))
    model.write_bytes(model.read_bytes() + b"x")
    description = read_json(other / "dataset.json")
    description["body"]["files"][0]["sha256"] = sha256_file(model)
    write_json(other / "dataset.json", description)
    with pytest.raises(GenbError, match="another neutral body model"):
        merge([datasets[0], other], tmp_path / "out")


def test_body_models_are_kept_if_only_one_dataset_has_them(datasets, tmp_path):
    bare = copied(datasets[0], tmp_path / "bare")
    shutil.rmtree(bare / "body")
    description = read_json(bare / "dataset.json")
    description["body"]["files"][0]["included"] = False
    write_json(bare / "dataset.json", description)
    merge([bare, datasets[1]], tmp_path / "out")
    assert verify(tmp_path / "out") == []
    (file,) = read_json(tmp_path / "out" / "dataset.json")["body"]["files"]
    assert file["included"] and (tmp_path / "out" / file["path"]).is_file()


def test_damage_is_not_given_a_fresh_checksum(datasets, tmp_path):
    other = copied(datasets[1], tmp_path / "other")
    tar = other / "shards" / "genb-000000.tar"
    data = bytearray(tar.read_bytes())
    data[len(data) // 2] ^= 1
    tar.write_bytes(data)
    for make in (
        lambda out: merge([datasets[0], other], out),
        lambda out: subset(other, out, "true"),
    ):
        with pytest.raises(GenbError, match="genb verify"):
            make(tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_targets_and_parts_are_checked(datasets, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(GenbError, match="exists already"):
        merge(list(datasets), tmp_path / "full")
    with pytest.raises(GenbError, match="at least two"):
        merge([datasets[0]], tmp_path / "out")
    with pytest.raises(GenbError, match="no finished dataset"):
        merge([datasets[0], tmp_path], tmp_path / "out")
    old = copied(datasets[0], tmp_path / "old")
    write_json(old / "dataset.json", read_json(old / "dataset.json") | {"format": "genb-0"})
    with pytest.raises(GenbError, match="genb-0"):
        subset(old, tmp_path / "out", "true")


# -- subsets --------------------------------------------------------------------------------------


def test_a_subset_is_a_sound_dataset_with_the_same_samples(datasets, tmp_path):
    source = copied(datasets[0], tmp_path / "source")
    summary = subset(source, tmp_path / "part", "motion = 'wave' OR (scene = 0 AND frame = 1)")
    part, whole = samples_of(tmp_path / "part"), samples_of(source)
    assert list(part) == ["000000_0001", "000001_0000", "000001_0001"]
    for key, sample in part.items():
        assert content(sample) == content(whole[key])
        assert sample.json() | {"shard": ""} == whole[key].json() | {"shard": ""}
    description = read_json(tmp_path / "part" / "dataset.json")
    assert description["left_out"] == {"scenes": [2], "samples": ["000000_0000"]}
    assert description["subset_of"]["where"].startswith("motion = 'wave'")
    assert "3 of 6 images, 4 of 8 people, 1 shard(s)" in summary
    assert "`motion = 'wave'" in (tmp_path / "part" / "README.md").read_text()
    assert verify(tmp_path / "part") == []


def test_an_image_is_selected_when_any_of_its_people_is(datasets):
    index = datasets[0] / "index.parquet"
    rows = read_index(index)
    for where, chosen in (
        ("subject = 'subject_0002'", lambda r: r["subject"] == "subject_0002"),
        ("occlusion < 0.2 -- a remark", lambda r: r["occlusion"] < 0.2),
        ("split IN ('val', 'test') AND people_count = 1", lambda r: r["split"] != "train"),
    ):
        assert select_keys(index, where) == {row["key"] for row in rows if chosen(row)}
    # Everybody: those of whom nobody fails.
    everybody = "key NOT IN (SELECT key FROM people WHERE motion = 'walk')"
    assert select_keys(index, everybody) == {r["key"] for r in rows if r["scene"] > 0}


def test_shards_of_a_subset_hold_whole_scenes(datasets, body_dir, tmp_path):
    scenes = [scene_of(n, "train", [(40 + n, "idle")], frames=2) for n in range(5)]
    source = build(tmp_path / "five", scenes, scene={"frames": 2}).out
    subset(source, tmp_path / "part", "scene <> 1 AND (scene <> 4 OR frame = 1)")
    shards = read_json(tmp_path / "part" / "dataset.json")["shards"]
    assert [[int(key[:6]) for key in shard["samples"]] for shard in shards] == [
        [0, 0, 2, 2],
        [3, 3, 4],
    ]
    assert verify(tmp_path / "part") == []


def test_body_and_assets_are_those_of_the_selected(datasets, tmp_path):
    source = copied(datasets[0], tmp_path / "source")
    description = read_json(source / "dataset.json")
    elsewhere = {"kind": "hdri", "id": "forest"}
    description["assets"].append(description["assets"][0] | elsewhere)
    write_json(source / "dataset.json", description)
    subset(source, tmp_path / "part", "scene = 1")
    told = read_json(tmp_path / "part" / "dataset.json")["assets"]
    ids = {(asset["kind"], asset["id"]) for asset in told}
    assert ("hdri", "city") in ids and ("hdri", "forest") not in ids
    assert len(told) == len(description["assets"]) - 1


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("occlusions < 0.3", ["occlusions", "occlusion", "docs/searching.md"]),
        ("mask_area > 10", ["mask_area_px"]),
        ('sex = "female"', ["female", "single quotes"]),
        ("occlusion <", ["syntax error", "docs/searching.md"]),
        ("occlusion", ["is a value (DOUBLE)", "occlusion < 0.3"]),
        ("age_years > 900", ["selects none"]),
        ("sex = 'female'; DROP TABLE people", ["syntax error"]),
        ("key IN (SELECT content FROM read_text('/etc/hostname'))", ["disabled"]),
    ],
)
def test_a_bad_condition_is_explained(datasets, tmp_path, where, words):
    with pytest.raises(GenbError) as error:
        subset(datasets[0], tmp_path / "out", where)
    for word in words:
        assert word in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_subset_of_training_says_that_nothing_is_held_out(datasets, tmp_path):
    subset(datasets[0], tmp_path / "part", "split = 'train'")
    description = read_json(tmp_path / "part" / "dataset.json")
    assert not description["held_out"]
    assert "only training images were selected" in description["held_out_reason"]
    assert "Nothing is held out: only" in (tmp_path / "part" / "README.md").read_text()


def test_a_leak_is_found_by_verify(datasets, tmp_path):
    leaky = copied(datasets[0], tmp_path / "leaky")

    def show_a_motion_of_training(facts):
        facts["people"][0]["motion"] = "idle"

    repack(leaky, rewrite(show_a_motion_of_training), "000001_0000")
    assert "motion 'idle' is in several splits: train, val" in verify(leaky)
