"""Captions and the text export: what they say and keep silent about, and that files hold it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_scenes import made_dataset
from scipy.spatial.transform import Rotation
from text_people import People, facts_of

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports import text as export
from pipeline.exports.formats import ExportOptions, format_module
from pipeline.storage import sha256_file
from pipeline.text.actions import action_fact
from pipeline.text.bands import BANDS
from pipeline.text.captions import LENGTHS, caption, picture_caption, pose_caption
from pipeline.text.describe import MEMBERS, describe
from pipeline.text.fact import Fact, PoseFacts
from pipeline.text.layout import describe_scene
from pipeline.text.scene_captions import scene_caption, whole_caption
from pipeline.text.seen import cut_facts, hidden_facts, with_seen
from pipeline.text.upright import upright_pose
from pipeline.text.who import clothes_facts, hair_colour
from pipeline.text.words import article, listed, paragraph, plural
from pipeline.truth.schema import VISIBILITY

FAMILIES = ("phone", "wave", "kneel", "sit_cross_legged", "lie_side", "squat", "run", "push_up")


@pytest.fixture(scope="module")
def people(model):
    return People(model)


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return Dataset(made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made").plan.out)


@pytest.fixture(scope="module")
def frames(dataset):
    return {frame.key: frame for frame in dataset.frames(members=MEMBERS)}


@pytest.fixture(scope="module")
def written(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("text")
    return out, format_module("text").write(dataset, out, ExportOptions())


def who() -> list[Fact]:
    return [Fact("person", "sex", "female"), Fact("person", "age", "adult")]


def pictured(body, codes=None) -> PoseFacts:
    """Facts of a body in a picture that shows all of it, or what `codes` (127,) say."""
    facts = facts_of(body)
    seen = facts.facts if codes is None else tuple(with_seen(list(facts.facts), codes))
    return replace(facts, facts=(*who(), *seen))


def test_same_data_same_text_and_other_variants_other_words_about_the_same(people):
    differ = 0
    for family in FAMILIES:
        facts = pictured(people.clip(family, 1)[1])
        for length in LENGTHS:
            told = [picture_caption(facts, length, variant) for variant in range(6)]
            assert told == [picture_caption(facts, length, variant) for variant in range(6)]
            assert len({one.facts for one in told}) == 1
            differ += len({one.text for one in told}) - 1
    # Every length has some sentence with two wordings, so six variants are hardly ever all alike.
    assert differ > 2 * len(FAMILIES)


def test_wordings_depend_on_key_and_person(people):
    facts = pictured(people.clip("phone", 1)[1])
    texts = {picture_caption(replace(facts, key=f"{n:06d}_0000"), "long").text for n in range(12)}
    assert len(texts) > 3


def test_longer_captions_tell_more(people):
    for family in FAMILIES:
        facts = pictured(people.clip(family, 1)[1])
        short, medium, long = (picture_caption(facts, length) for length in LENGTHS)
        assert set(short.facts) <= set(medium.facts) <= set(long.facts)
        assert len(short.text) <= len(medium.text) <= len(long.text)


def test_captions_say_what_the_facts_say(people):
    """Each told fact must be found in the text by a word that is written down here once more."""
    words = {
        "left": "left", "right": "right", "slightly": "slightly|little", "sharply": "sharply",
        "right_angle": "right angle", "straight": "straight", "ear": "side of their head",
        "cross_legged": "cross", "kneeling_on_left": "left knee", "kneeling_on_right": "right knee",
        "sitting": "sit", "squatting": "squat", "lying_left": "left side",
        "lying_right": "right side",
        "plank": "push-up|plank", "above_head": "above their head|higher than their head",
        "head": "head", "down": "down|hang|bowed|lowered", "standing": "stand",
    }  # fmt: skip
    found = 0
    for family in FAMILIES:
        facts = pictured(people.clip(family, 1)[1])
        told = picture_caption(facts, "long")
        for id in told.facts:
            word = words.get(facts.value(id))
            if word and id != "body.side":
                assert re.search(word, told.text), (id, facts.value(id), told.text)
                found += 1
            side = id.split("_")[0]
            if side in ("left", "right"):
                assert re.search(f"{side}|both|their hands|their knees", told.text.lower())
    assert found > 25


def test_left_and_right_always_say_whose(people):
    """Own sides are "their left" or name a limb; the image's are "the left of the image"."""
    own = r"(their|the) (left|right) \w+|to their (left|right)|(left|right) (leg|hand|foot)"
    image = r"(left|right) (part )?(of|in) the image"
    for family in FAMILIES:
        for variant in range(4):
            text = picture_caption(
                pictured(people.clip(family, 1)[1]), "long", variant
            ).text.lower()
            rest = re.sub(f"{image}|{own}|right angle|right one|of the (left|right)", "", text)
            assert not re.search(r"\b(left|right)\b", rest.replace("ahead of the", "")), text


def test_sentences_are_well_formed(people, frames):
    texts = [
        pose_caption(facts_of(people.clip(family, 2)[1]), length, v).text
        for family in FAMILIES
        for length in LENGTHS
        for v in range(3)
    ]
    texts += [
        scene_caption(f, length, v) for f in frames.values() for length in LENGTHS for v in (0, 1)
    ]
    for text in texts:
        assert text.endswith(".") and "  " not in text and "{" not in text and ".." not in text
        assert not re.search(
            r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]| ,| ;|\bthey (is|has|\w+s)\b", text
        ), text
        assert all(s[0].isupper() for s in re.split(r"(?<=\.) ", text))


def test_small_words():
    assert (article("open jacket"), article("T-shirt")) == ("an open jacket", "a T-shirt")
    assert [plural(n) for n in ("woman", "boy", "baby", "person", "dress")] == [
        "women", "boys", "babies", "people", "dresses"
    ]  # fmt: skip
    assert listed(["a", "b", "c"]) == "a, b and c" and listed(["a"]) == "a"
    assert paragraph(["they sit", "", "one."]) == "They sit. One."


def test_an_arm_that_is_outside_the_picture_is_not_told(people):
    body = people.clip("phone", 1)[1]
    codes = np.full(127, VISIBILITY["visible"], np.uint8)
    ear = next(s for s in ("left", "right") if facts_of(body).value(f"{s}_hand.touches") == "ear")
    assert f"{ear} hand" in picture_caption(pictured(body, codes), "long").text
    for part in ("elbow", "wrist", "middle1"):
        codes[JOINT_INDEX[f"{ear}_{part}"]] = VISIBILITY["outside_image"]
    told = picture_caption(pictured(body, codes), "long")
    assert not [
        id for id in told.facts if id.startswith((f"{ear}_hand", f"{ear}_arm", f"{ear}_elbow"))
    ]
    assert f"their {ear} hand" not in told.text.lower()
    # The caption of the pose itself tells it all the same.
    assert f"{ear} hand" in pose_caption(pictured(body, codes), "long").text


def test_somebody_elses_body_hides_and_ones_own_may():
    codes = np.full(127, VISIBILITY["self_occluded"], np.uint8)
    codes[JOINT_INDEX["left_wrist"]] = VISIBILITY["covered"]
    fact = Fact("left_hand", "height", "head")
    assert with_seen([fact], codes)[0].seen
    codes[JOINT_INDEX["left_middle1"]] = VISIBILITY["person_occluded"]
    assert not with_seen([fact], codes)[0].seen
    codes[:] = VISIBILITY["self_occluded"]
    assert not with_seen([fact], codes)[0].seen


@pytest.mark.parametrize(
    "bottom, word",
    [("ankle", "ankles"), ("knee", "shins"), ("hip", "thighs"), ("shoulder", "chest")],
)
def test_where_the_picture_cuts_somebody_off(people, bottom, word):
    """The edge is put just below a pair of joints of a standing person: all below it is outside."""
    body = people.pose(left_shoulder=(0, 0, -68), right_shoulder=(0, 0, 68))
    uv = np.stack([100 + 100 * body.joints[:, 0], -300 * body.joints[:, 2]], axis=1)
    edge = max(uv[JOINT_INDEX[f"{side}_{bottom}"], 1] for side in ("left", "right")) + 1
    uv[:, 1] += 700 - edge
    facts = cut_facts(0.3, uv, (200, 700))
    assert [(f.name, f.value) for f in facts] == [("cut", word)]
    assert cut_facts(0.0, uv, (200, 700))[0].value == "whole"
    assert cut_facts(0.015, uv, (200, 700)) == []


def test_who_hides_whom_is_read_off_the_mask():
    mask = np.zeros((40, 40), np.uint8)
    mask[:, :20], mask[:, 20:] = 2, 3
    uv = np.tile([5.0, 5.0], (127, 1))
    codes = np.full(127, VISIBILITY["visible"], np.uint8)
    codes[:12] = VISIBILITY["person_occluded"]
    facts = {f.name: f.value for f in hidden_facts(0.4, codes, uv, mask, 2)}
    assert facts == {"hidden": "partly", "hidden_by": "2"}
    codes[:12] = VISIBILITY["object_occluded"]
    facts = {f.name: f.value for f in hidden_facts(0.8, codes, uv, mask, 2)}
    assert facts == {"hidden": "mostly", "hidden_by": "object"}
    assert hidden_facts(0.1, codes, uv, mask, 2) == []


def test_clothes_are_told_when_their_pixels_show():
    person = {"garments": "trousers+tshirt+jacket", "shoes": "boot", "hair": "short",
              "hair_colour": "brown", "instance_id": 1, "age_years": 30}  # fmt: skip
    mask, part = np.ones((40, 40), np.uint8), np.full((40, 40), 8, np.uint8)
    part[:10], part[10:12] = 10, 6
    codes = np.full(127, VISIBILITY["visible"], np.uint8)
    seen = {f.value: f.seen for f in clothes_facts(person, codes, mask, part)}
    assert seen == {"trousers": True, "tshirt": False, "jacket": True, "boot": False,
                    "short": True, "brown": True}  # fmt: skip
    assert [hair_colour("black", age) for age in (30, 48, 60)] == ["black", "", "greying"]
    assert hair_colour("grey", 60) == "grey" and hair_colour("blond", 60) == ""


@pytest.mark.parametrize(
    "family, values, words",
    [
        ("wave", {"left_hand.height": "head"}, "waving"),
        ("wave", {"left_hand.height": "hip"}, None),
        ("jump", {"body.posture": "mid_air"}, "jumping"),
        ("jump", {"body.posture": "standing"}, None),
        ("walk_phone", {"body.posture": "standing"}, "walking"),
        ("idle", {"body.posture": "standing"}, None),
    ],
)
def test_an_action_is_told_only_where_the_pose_bears_it_out(family, values, words):
    facts = [Fact(*id.split("."), value) for id, value in values.items()]
    known = PoseFacts("k", 0, 1, tuple(facts), {})
    fact = action_fact({"motion_source": "library", "motion": family, "action": "x"}, known)
    assert (fact.value if fact else None) == words


def test_actions_of_files_are_told_when_they_read_like_one():
    known = PoseFacts("k", 0, 1, (), {})

    def told(label):
        row = {"motion_source": "bedlam", "motion": "it_4001", "action": label}
        fact = action_fact(row, known)
        return fact.value if fact else None

    assert told("Walking slowly") == "walking slowly"
    assert told("it_4001_XL_2400") is None and told("turn") is None


def test_made_people_are_turned_as_their_scene_file_says(frames):
    """Yaw 0 faces -Y and the camera stands at (0.3, -4.2): the angle by hand, from the scene."""
    from pipeline.text.orientation import facing_word

    for key, places in {
        "000000_0000": ((-0.35, 0.0, 20), (0.05, 0.8, -40), (1.5, 0.2, 200)),
        "000002_0000": ((0.1, 0.3, 90),),
    }.items():
        for k, (x, y, yaw) in enumerate(places):
            front = np.array([np.sin(np.radians(yaw)), -np.cos(np.radians(yaw))])
            to_camera = np.array([0.3 - x, -4.2 - y])
            cos = front @ to_camera / np.linalg.norm(to_camera)
            deg = np.degrees(np.arccos(cos))
            facts = describe(frames[key], k)
            # Made poses twist hips and chest by a few degrees at random.
            assert abs(facts.measures["body.facing"]) == pytest.approx(deg, abs=8)
            if facing_word(deg - 8) == facing_word(deg + 8):
                assert facts.value("body.facing") == facing_word(deg)


def test_what_made_people_are_and_wear(frames):
    frame = frames["000000_0000"]
    first, second = describe(frame, 0), describe(frame, 1)
    assert (first.value("person.sex"), second.value("person.sex")) == ("female", "male")
    assert first.seen("garment.tshirt") and not second.get("garment.tshirt")
    assert re.match(r"A woman (in|wearing) a T-shirt\b", caption(frame, 0, "short"))
    assert re.match(r"A man\b", caption(frame, 1, "short"))
    assert first.value("body.posture") == "standing"


def test_scene_captions_count_and_order(frames):
    scene = describe_scene(frames["000000_0000"])
    # Places in the picture follow x of the scene file, as the camera looks along +Y.
    assert scene.order == (0, 1, 2) and scene.get("people.count").value == "3"
    text = whole_caption(scene, "medium").text
    assert text.startswith("Three people in a city: two women and a man")
    alone = whole_caption(describe_scene(frames["000002_0000"]), "medium").text
    assert re.match(r"A woman\b.* in a city\.$", alone)
    assert len({whole_caption(scene, "long", v).text for v in range(6)}) > 1
    assert len({whole_caption(scene, "long", v).facts for v in range(6)}) == 1


def test_unknown_lengths_and_missing_members_are_explained(dataset, frames):
    with pytest.raises(GenbError, match="short, medium, long"):
        caption(frames["000000_0000"], 0, "tiny")
    bare = next(dataset.frames(members=()))
    with pytest.raises(GenbError, match="Dataset.frames"):
        describe(bare, 0)


def test_upright_poses_lose_the_heading_and_nothing_else():
    rng = np.random.default_rng(3)
    standing = np.zeros(165)
    standing[:3] = (
        Rotation.from_euler("z", 77, degrees=True) * Rotation.from_euler("x", 90, degrees=True)
    ).as_rotvec()
    upright = upright_pose(standing)
    # A standing body: Y down, facing the camera, which is half a turn about X.
    assert np.abs(upright[0]) == pytest.approx([np.pi, 0, 0], abs=1e-9)
    for _ in range(20):
        pose = rng.normal(size=165) * 0.6
        root = Rotation.from_rotvec(pose[:3])
        turned = pose.copy()
        turned[:3] = (
            Rotation.from_euler("z", rng.uniform(-180, 180), degrees=True) * root
        ).as_rotvec()
        a, b = upright_pose(pose), upright_pose(turned)
        same = Rotation.from_rotvec(a[0]).inv() * Rotation.from_rotvec(b[0])
        assert same.magnitude() < 1e-6
        assert np.array_equal(a[1:22], pose[3:66].reshape(21, 3)) and not a[22:].any()
        # What is vertical in the world is vertical still: the root's third row, by hand.
        down = Rotation.from_rotvec(a[0]).as_matrix()[1]
        assert down == pytest.approx(-root.as_matrix()[2], abs=1e-9)


def test_files_hold_the_rows(dataset, written):
    out, notes = written
    rows, back = list(export.rows(dataset, ExportOptions())), list(export.read(out))
    assert len(rows) == len(back) > 100
    for a, b in zip(rows, back, strict=True):
        assert set(a) == set(b)
        for name in a:
            if isinstance(a[name], np.ndarray):
                assert a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name])
            else:
                assert a[name] == b[name], (a["kind"], name)
    assert {row["kind"] for row in rows} == set(export.KINDS)
    images = sum(int(re.search(r"(\d+) images", note)[1]) for note in notes)
    assert images == 3


def test_posescript_files_have_the_same_ids_in_the_same_order(dataset, written):
    out, _ = written
    for path in out.glob("posescript_*.json"):
        split = path.stem.split("_")[1]
        texts = json.loads(path.read_text())
        with np.load(out / f"poses_{split}.npz", allow_pickle=False) as table:
            assert list(texts) == table["ids"].tolist()
            assert table["pose"].shape == (len(texts), 165)
            assert table["pose_upright"].shape == (len(texts), 24, 3)
        assert all(isinstance(t, str) for captions in texts.values() for t in captions)
    poses = [row for row in export.read(out) if row["kind"] == "pose"]
    labels = {frame.key: frame.labels for frame in dataset.frames(members=())}
    assert len(poses) == 7
    for row in poses:
        wanted = labels[row["key"]]["pose_world"][row["person"]].astype(np.float32)
        assert np.array_equal(row["pose"], wanted)


def test_conversations_are_llavas(written):
    out, _ = written
    for path in out.glob("vqa_*.json"):
        for talk in json.loads(path.read_text()):
            assert set(talk) == {"id", "image", "conversations"}
            assert (out / talk["image"]).is_file()
            turns = talk["conversations"]
            assert [t["from"] for t in turns] == ["human", "gpt"] * (len(turns) // 2)
            assert [i for i, t in enumerate(turns) if "<image>" in t["value"]] == [0]


def test_the_same_bytes_twice_and_only_the_split_asked_for(dataset, written, tmp_path):
    out, _ = written
    export.write(dataset, tmp_path / "again", ExportOptions())
    names = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
    assert names == sorted(
        p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()
    )
    assert all(sha256_file(out / n) == sha256_file(tmp_path / "again" / n) for n in names)
    splits = {frame.facts["split"] for frame in dataset.frames(members=())}
    split = sorted(splits)[0]
    export.write(dataset, tmp_path / "one", ExportOptions(split=split))
    assert {row["split"] for row in export.read(tmp_path / "one")} == {split}
    with pytest.raises(GenbError, match="no split"):
        export.write(dataset, tmp_path / "x", ExportOptions(split="all"))
    missing = sorted(set(export.SPLITS) - splits)
    with pytest.raises(GenbError, match="no samples"):
        export.write(dataset, tmp_path / "x", ExportOptions(split=missing[0]))
    with pytest.raises(GenbError, match="genb export"):
        list(export.read(tmp_path / "x"))


def test_further_appearances_have_words_of_their_own_but_no_second_pose(frames):
    frame = frames["000000_0000"]
    other = Frame(frame.dataset, replace(frame.sample, key="000000_0000_a1"))
    other.__dict__["facts"] = {**frame.facts, "appearance": 1}
    rows, first = list(export.frame_rows(other)), list(export.frame_rows(frame))
    kinds = {row["kind"] for row in rows}
    assert kinds == set(export.KINDS) - {"pose"}
    texts = [[r["text"] for r in made if r["kind"] == "caption"] for made in (rows, first)]
    assert len(texts[0]) == len(texts[1]) and texts[0] != texts[1]


def test_the_page_shows_every_threshold():
    page = (Path(__file__).parents[1] / "docs" / "text.md").read_text()
    for name, band in BANDS.items():
        row = f"| `{name}` | {band.no:g} | {band.yes:g} | {band.unit} | {band.meaning} |"
        assert row in page, row
