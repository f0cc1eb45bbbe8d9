"""Questions and answers: every answer again from the labels by plain numpy, and fair coins."""

import re
from dataclasses import replace

import numpy as np
import pytest
from made_scenes import made_dataset

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.dataset import Dataset, Frame
from pipeline.garments.outfits import KIND_LAYERS
from pipeline.text.describe import MEMBERS
from pipeline.text.layout import describe_scene
from pipeline.text.phrases import GARMENTS, HEIGHT
from pipeline.text.questions import KINDS, ask_all, questions
from pipeline.text.scene_captions import closest


@pytest.fixture(scope="module")
def frames(body_dir, tmp_path_factory):
    out = made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made").plan.out
    return list(Dataset(out).frames(members=(*MEMBERS, "geometry.npz")))


@pytest.fixture(scope="module")
def asked(frames):
    return [(frame, one.kind, one.question) for frame in frames for one in questions(frame)]


def of_kind(asked, *kinds, form=None):
    rows = [r for r in asked if r[1] in kinds and (form is None or r[2].form == form)]
    assert rows
    return rows


def bend(labels, person, side, hinge):
    """The bend (deg) from camera-frame joints by the law of cosines."""
    before, after = {"elbow": ("shoulder", "wrist"), "knee": ("hip", "ankle")}[hinge]
    points = labels["joints_cam"][person].astype(float)
    a, b, c = (points[JOINT_INDEX[f"{side}_{n}"]] for n in (before, hinge, after))
    ab, bc, ac = (np.linalg.norm(v) for v in (a - b, c - b, a - c))
    return 180 - np.degrees(np.arccos((ab**2 + bc**2 - ac**2) / (2 * ab * bc)))


def row_of(frame):
    """People from left to right by their boxes, and how a row of them is called."""
    boxes = frame.labels["box_modal"]
    order = sorted(range(len(boxes)), key=lambda k: boxes[k, 0] + boxes[k, 2])
    places = {1: [""], 3: [" on the left", " in the middle", " on the right"]}[len(order)]
    return {f"the person{place}": k for place, k in zip(places, order, strict=True)}


def mentioned(frame, text):
    """Numbers of the people a text names, in the order named: by box, or by place in the row."""
    boxes = re.findall(r"\((\d+), (\d+), (\d+), (\d+)\)", text)
    if boxes:
        known = np.round(frame.labels["box_modal"]).astype(int)
        return [int(np.abs(known - np.array(b, int)).sum(axis=1).argmin()) for b in boxes]
    table = row_of(frame)
    found = re.findall("|".join(sorted(table, key=len, reverse=True)), text)
    return [table[name] for name in found]


def test_angles_are_those_of_the_labels(asked):
    for frame, _, q in of_kind(asked, "knee_angle", "elbow_angle"):
        side, hinge = re.search(r"(left|right) (knee|elbow)", q.question).groups()
        assert mentioned(frame, q.question) == [q.person]
        # float32 joints a few metres away: 3e-7 m across a forearm of 0.25 m, ten times so.
        assert q.value == pytest.approx(bend(frame.labels, q.person, side, hinge), abs=1e-3)
        assert float(re.search(r"-?\d+", q.answer)[0]) == pytest.approx(q.value, abs=0.5)
        assert q.unit == "deg" and q.tolerance > 0 and "joints_world" in q.labels


def test_bent_and_straight_are_those_of_the_labels(asked):
    for frame, _, q in of_kind(asked, "knee_bent", "elbow_bent"):
        side, part, word = re.search(
            r"(left|right) (knee|elbow|leg|arm) .* (bent|straight)\?", q.question
        ).groups()
        deg = bend(frame.labels, q.person, side, {"leg": "knee", "arm": "elbow"}.get(part, part))
        # 31 degrees is the middle of the dead band: nothing is asked near it.
        assert (q.value == "yes") == ((deg > 31) == (word == "bent"))
        assert not 25.5 < deg < 36.5


def test_left_and_right_of_boxes(asked):
    for frame, _, q in of_kind(asked, "left_of"):
        a, b = mentioned(frame, q.question)
        boxes = frame.labels["box_modal"]
        centres = [boxes[k, 0] + boxes[k, 2] for k in (a, b)]
        left = "to the left of" in q.question
        assert (q.value == "yes") == ((centres[0] < centres[1]) == left)


def test_nearer_farther_and_distances(asked):
    for frame, kind, q in of_kind(asked, "nearer", "distance_between", "distance"):
        pelvis = frame.labels["joints_world"][:, 0].astype(float)
        T = frame.labels["T_cam_world"]
        eye = -T[:3, :3].T @ T[:3, 3]
        depth = (pelvis - eye) @ T[2, :3]
        people = mentioned(frame, q.question)
        if kind == "nearer":
            assert (q.value == "yes") == (depth[people[0]] < depth[people[1]])
        elif kind == "distance_between":
            gap = np.linalg.norm(pelvis[people[0]] - pelvis[people[1]])
            assert q.value == pytest.approx(gap, abs=1e-5)
        else:
            assert q.value == pytest.approx(np.linalg.norm(pelvis[people[0]] - eye), abs=1e-5)


def test_the_closest_person(frames):
    frame = frames[0]
    scene = describe_scene(frame)
    assert closest(scene) is None  # two of them are equally near
    moved = []
    for pair in scene.pairs:
        nearer = True if pair.a == 1 else False if pair.b == 1 else None
        moved.append(replace(pair, nearer=nearer))
    scene = replace(scene, pairs=tuple(moved))
    assert closest(scene) == 1
    question = next(one.question for one in ask_all(scene, frame) if one.kind == "closest_person")
    assert mentioned(frame, question.value) == [1]
    assert sorted(mentioned(frame, " ".join(question.options))) == [0, 1, 2]


def test_counting(asked):
    for frame, _, q in of_kind(asked, "count"):
        ids = np.unique(frame.sample.image("mask.png"))
        people = len(ids[ids > 0])
        words = ("no", "one", "two", "three", "four", "five")
        if q.form == "open":
            assert q.value == people and q.answer.lower() == f"{words[people]}."
        else:
            said = next(i for i, w in enumerate(words) if f" {w} p" in q.question)
            assert (q.value == "yes") == (said == people)


def test_the_camera(asked):
    for frame, kind, q in of_kind(
        asked, "camera_height", "camera_pitch", "field_of_view", form="open"
    ):
        T, K = frame.labels["T_cam_world"], frame.labels["K"]
        width, height = frame.size
        if kind == "camera_height":
            assert q.value == pytest.approx((-T[:3, :3].T @ T[:3, 3])[2], abs=1e-9)
        elif kind == "camera_pitch":
            assert np.sin(np.radians(q.value)) == pytest.approx(T[2, 2], abs=1e-9)
        else:
            extent = width if "horizontal" in q.question else height
            assert np.tan(np.radians(q.value / 2)) == pytest.approx(extent / 2 / K[0, 0], rel=1e-9)


def test_facing_by_hips_and_camera(asked):
    for frame, _, q in of_kind(asked, "facing_side"):
        joints = frame.labels["joints_cam"][q.person].astype(float)
        hips = joints[JOINT_INDEX["left_hip"]] - joints[JOINT_INDEX["right_hip"]]
        down = frame.labels["T_cam_world"][:3, :3] @ [0, 0, -1.0]
        front = np.cross(down, hips)
        away = joints[0] / np.linalg.norm(joints[0])
        # To the right as seen along the line of sight to the person.
        right = np.cross(down, away) @ front > 0
        assert (q.value == "yes") == (("towards the right" in q.question) == right)


def test_hands_heights(asked):
    levels = {words[0]: name for name, words in HEIGHT.items()}
    for frame, kind, q in of_kind(asked, "hand_height", "above_head"):
        side = re.search(r"the (left|right) hand", q.question)[1]
        points = frame.labels["joints_world"][q.person].astype(float)
        hand = points[[JOINT_INDEX[f"{side}_wrist"], JOINT_INDEX[f"{side}_middle1"]], 2].mean()
        hips, shoulder = points[0, 2], points[JOINT_INDEX[f"{side}_shoulder"], 2]
        if kind == "above_head":
            # Arms of the made people hang.
            assert hand < shoulder and (q.value == "yes") == ("lower than" in q.question)
            continue
        said = next(name for words, name in levels.items() if q.question.endswith(f"{words}?"))
        low = {"above_head", "head_top", "head", "shoulder", "chest"}
        if said in low:
            assert q.value == "no" and hand < hips + 0.2
        elif q.value == "yes":
            assert (said == "waist") == (hand > hips + 0.03)


def test_clothes_age_and_hiding(asked):
    for frame, kind, q in of_kind(asked, "clothes", "age", "hidden"):
        person = frame.people[q.person]
        if kind == "clothes" and q.form == "yes_no":
            named = {GARMENTS.get(kind, kind): kind for kind in KIND_LAYERS}
            word = re.search(r"wearing (an? )?(.*)\?", q.question)[2]
            assert (q.value == "yes") == (named[word] in person["garments"].split("+"))
        elif kind == "age":
            assert (q.value == "yes") == ((person["age_years"] >= 18) == ("adult" in q.question))
        elif kind == "hidden":
            amodal = frame.sample.arrays("geometry.npz")["amodal"][q.person]
            mine = frame.sample.image("mask.png") == q.person + 1
            share = 1 - mine.sum() / amodal.sum()
            assert (q.value == "yes") == ((share > 0.1) == ("partly hidden" in q.question))


def test_choices_have_one_right_letter(asked):
    for _, _, q in of_kind(asked, "posture", "facing", "camera_pitch", form="choice"):
        letter, text = re.match(r"\((\w)\) (.*)", q.answer).groups()
        assert text == q.value and q.options["ABCDEFGH".index(letter)] == text
        assert len(set(q.options)) == len(q.options) and f"({letter}) {text}" in q.question


def test_coins_are_fair(frames):
    """The same picture under 300 other keys: whatever it shows, half of the answers are yes."""
    frame = frames[0]
    scene = describe_scene(frame)
    answers: dict[str, list[bool]] = {}
    for n in range(300):
        for one in ask_all(replace(scene, key=f"{n:06d}_0000"), frame):
            if one.question.form == "yes_no":
                answers.setdefault(one.kind, []).append(one.question.value == "yes")
    assert len(answers) >= 9
    for kind, said in answers.items():
        # Five standard deviations of a fair coin, of 300 pictures; questions of one picture share
        # no coin.
        assert abs(np.mean(said) - 0.5) < 5 * 0.5 / np.sqrt(300), kind


def test_questions_are_the_same_every_time_and_of_every_kind_that_fits(frames, asked):
    again = [(one.kind, one.question) for frame in frames for one in questions(frame)]
    assert again == [(kind, q) for _, kind, q in asked]
    kinds = {kind for _, kind, _ in asked}
    # Nobody here turns the head, sits, does anything, or has the feet apart.
    assert set(KINDS) - kinds <= {"closest_person", "head_turn", "foot_ahead", "action", "looks"}
    assert all(q.labels for _, _, q in asked)


def test_exchanged_sides_would_be_noticed(frames):
    """Labels with left and right exchanged give answers that the check above refuses."""
    frame = Frame(frames[1].dataset, frames[1].sample)
    labels = dict(frame.labels)
    arms = [JOINT_INDEX[f"left_{part}"] for part in ("shoulder", "elbow", "wrist")]
    swap = np.arange(127)
    swap[arms], swap[np.add(arms, 1)] = np.add(arms, 1), arms
    labels["joints_world"] = labels["joints_world"][:, swap]
    frame.__dict__["labels"] = labels
    off = []
    for one in questions(frame):
        if one.kind == "elbow_angle":
            side = re.search(r"left|right", one.question.question.split(" elbow")[0])[0]
            true = bend(frames[1].labels, one.question.person, side, "elbow")
            off.append(abs(one.question.value - true))
    assert max(off) > 5
