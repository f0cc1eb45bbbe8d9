"""COCO export: pycocotools reads it, masks are the sample's, and truth scores 1 against itself."""

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from made_splits import divided_dataset
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.errors import GenbError
from pipeline.exports import coco
from pipeline.exports.coco_rows import PARTS, coco_points, image_id, person_rows
from pipeline.exports.formats import ExportOptions
from pipeline.storage import read_json
from pipeline.truth.schema import VISIBILITY

# The 17 names and the 19 edges (1-based) of COCO's own person category.
PAIRS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
NAMES = ["nose", *(f"{side}_{name}" for name in PAIRS for side in ("left", "right"))]
EDGES = {
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9)),
    *((8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
}


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return divided_dataset(body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def frames(dataset):
    return {frame.key: frame for frame in dataset.frames()}


@pytest.fixture(scope="module")
def out(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    coco.write(dataset, folder, ExportOptions())
    return folder


def opened(out, kind, split="train"):
    """The file as pycocotools sees it (which prints as it loads)."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(out / "annotations" / f"{kind}_{split}.json"))


@pytest.mark.parametrize("kind", coco.KINDS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_boxes_and_areas_are_those_of_the_sample(out, frames, kind, split):
    api = opened(out, kind, split)
    assert len(api.imgs) == {"train": 2, "val": 1}[split]
    for image in api.imgs.values():
        frame = frames[image["genb"]["key"]]
        mask = frame.sample.image("mask.png")
        assert (image["width"], image["height"]) == mask.shape[::-1]
        assert (out / split / image["file_name"]).read_bytes() == frame.sample.members["rgb.jpg"]
        annotations = api.loadAnns(api.getAnnIds(image["id"]))
        assert [one["genb"]["person"] for one in annotations] == list(range(len(frame.people)))
        for one in annotations:
            own = mask == one["genb"]["person"] + 1
            assert np.array_equal(api.annToMask(one), own)
            assert one["area"] == own.sum() == coco_mask.area(api.annToRLE(one))
            # pycocotools' own box of a mask.
            assert one["bbox"] == coco_mask.toBbox(api.annToRLE(one)).tolist()
            amodal = coco_mask.decode(api.annToRLE(one | {"segmentation": amodal_of(one)}))
            person = one["genb"]["person"]
            assert np.array_equal(amodal, frame.sample.arrays("geometry.npz")["amodal"][person])


def amodal_of(annotation):
    return annotation["genb"]["amodal_segmentation"]


def evaluate(api, kind, results):
    """Average precision (at OKS or IoU 0.5:0.95, all areas) of results."""
    with contextlib.redirect_stdout(io.StringIO()):
        # loadRes writes into what it is given.
        judge = COCOeval(api, api.loadRes(copy.deepcopy(results)), kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[0]


def detections(api, field):
    names = ("image_id", "category_id", field)
    return [
        copy.deepcopy({name: one[name] for name in names} | {"score": 1.0})
        for one in api.anns.values()
    ]


@pytest.mark.parametrize(
    ("kind", "field"), [("keypoints", "keypoints"), ("segm", "segmentation"), ("bbox", "bbox")]
)
def test_truth_is_perfect_against_itself_and_a_moved_one_is_not(out, kind, field):
    api = opened(out, "person_keypoints")
    results = detections(api, field)
    assert evaluate(api, kind, results) == 1.0
    for result in results:
        if field == "segmentation":
            moved = np.roll(coco_mask.decode(result[field]), 12, axis=1)
            result[field] = coco_mask.encode(np.asfortranarray(moved))
        else:
            # x of every point, or of the box.
            step = 3 if field == "keypoints" else 4
            result[field][::step] = [x + 12 for x in result[field][::step]]
    assert evaluate(api, kind, results) < 0.5


def test_category_has_cocos_own_names_and_edges(out):
    [category] = opened(out, "person_keypoints").cats.values()
    assert (category["id"], category["name"]) == (1, "person")
    assert category["keypoints"] == NAMES
    assert {tuple(edge) for edge in category["skeleton"]} == EDGES
    [plain] = opened(out, "instances").cats.values()
    assert "keypoints" not in plain


def test_visibility_follows_the_reason_codes(out, frames):
    """0 outside the image, 2 seen or under the own clothes, 1 hidden by whatever; x y of codes."""
    seen = {0: 2, 1: 2, 2: 0, 3: 1, 4: 1, 5: 1}
    assert seen.keys() == set(VISIBILITY.values())
    counted = set()
    for one in opened(out, "person_keypoints").anns.values():
        frame, k = frames[one["genb"]["key"]], one["genb"]["person"]
        codes = frame.labels["coco17_code"][k]
        x, y, v = np.array(one["keypoints"]).reshape(17, 3).T
        assert v.tolist() == [seen[code] for code in codes.tolist()]
        assert all(isinstance(value, int) for value in one["keypoints"][2::3])
        uv = np.where(v[:, None] > 0, frame.labels["coco17_2d"][k], 0)
        assert np.array_equal(np.float32([x, y]).T, uv.astype(np.float32))
        assert one["num_keypoints"] == (v > 0).sum()
        counted |= set(v.tolist())
    assert counted == {0, 1, 2}, "the made scenes show all three"


def test_points_outside_the_image_are_zeros():
    uv = np.float32([[1.5, 2.5], [-3, 4], [7, 8]])
    codes = np.uint8([VISIBILITY["visible"], VISIBILITY["outside_image"], VISIBILITY["covered"]])
    assert coco_points(uv, codes).tolist() == [[1.5, 2.5, 2], [0, 0, 0], [7, 8, 2]]


def test_wholebody_joins_to_the_133_points_in_order(out, frames):
    """body, feet, face, left hand, right hand, as loaders of COCO-WholeBody concatenate them."""
    for one in opened(out, "coco_wholebody").anns.values():
        frame, k = frames[one["genb"]["key"]], one["genb"]["person"]
        fields = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
        joined = np.float32(sum((one[field] for field in fields), [])).reshape(133, 3)
        wanted = coco_points(frame.labels["coco133_2d"][k], frame.labels["coco133_code"][k])
        assert np.array_equal(joined, wanted)
        for part in PARTS:
            points = np.float32(one[f"{part}_kpts"]).reshape(-1, 3)
            there = points[points[:, 2] > 0]
            assert one[f"{part}_valid"] == bool(len(there))
            if part == "foot":
                assert "foot_box" not in one
                continue
            x, y, w, h = np.float32(one[f"{part}_box"])
            if len(there):
                # Smallest and largest coordinate; x + w in float32 of some 200 px: 1.5e-5 px.
                assert [x, y] == there[:, :2].min(axis=0).tolist()
                assert np.allclose([x + w, y + h], there[:, :2].max(axis=0), rtol=0, atol=4e-5)
            else:
                assert [x, y, w, h] == [0, 0, 0, 0]
    valid = {part: set() for part in PARTS}
    for one in opened(out, "coco_wholebody").anns.values():
        for part in PARTS:
            valid[part].add(one[f"{part}_valid"])
    assert any(len(values) == 2 for values in valid.values()), "both cases are in the made scenes"


def test_left_hand_is_the_left_hand(out, frames):
    """Its first point is the left wrist of the 17 body points."""
    for one in opened(out, "coco_wholebody").anns.values():
        body = np.array(one["keypoints"]).reshape(17, 3)
        for side in ("left", "right"):
            wrist = body[NAMES.index(f"{side}_wrist")]
            assert one[f"{side}hand_kpts"][:3] == wrist.tolist()


def test_ids_depend_on_scene_frame_appearance_and_person_alone(dataset, out, tmp_path):
    facts = {"key": "", "scene": 2, "frame": 0, "appearance": 0}
    assert image_id(facts) == opened(out, "instances", "val").getImgIds()[0]
    ids = {
        image_id({"key": "", "scene": s, "frame": f, "appearance": a})
        for s in (0, 1, 999_999)
        for f in (0, 1, 9_999)
        for a in (0, 1, 99)
    }
    assert len(ids) == 27
    # Doubles, which pycocotools keeps ids in, are exact up to 2**53.
    assert max(ids) * 1_000 + 999 < 2**53
    with pytest.raises(GenbError, match="room for 10000 frames"):
        image_id(facts | {"frame": 10_000})
    coco.write(dataset, tmp_path, ExportOptions("val"))
    name = "annotations/instances_val.json"
    assert (tmp_path / name).read_bytes() == (out / name).read_bytes()
    assert 0 not in opened(out, "instances").anns


def test_who_is_not_seen_is_left_out_and_counted(dataset, tmp_path, frames):
    frame = frames["000000_0000"]
    hidden = frame.labels["mask_area_px"].copy()
    hidden[1] = 0
    frame.labels["mask_area_px"], shown = hidden, frame.labels["mask_area_px"]
    try:
        assert [row["person"] for row in person_rows(frame)] == [0, 2]

        class Hidden(type(dataset)):
            def frames(self, split=None, members=None):
                for one in super().frames(split, members):
                    yield frame if one.key == frame.key else one

        notes = coco.write(Hidden(dataset.out), tmp_path, ExportOptions())
        assert notes[0].startswith("1 people without a visible pixel")
        document = read_json(tmp_path / "annotations" / "instances_train.json")
        assert len(document["annotations"]) == 5 and len(document["images"]) == 2
    finally:
        frame.labels["mask_area_px"] = shown


def test_a_changed_picture_or_a_contradiction_is_noticed(dataset, tmp_path):
    coco.write(dataset, tmp_path, ExportOptions())
    picture = tmp_path / "val" / "000002_0000.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:-1] + b"\0")
    with pytest.raises(GenbError, match=picture.name):
        list(coco.read(tmp_path))
    picture.write_bytes(whole)
    path = tmp_path / "annotations" / "instances_train.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["area"] += 1
    path.write_text(json.dumps(document))
    with pytest.raises(GenbError, match=path.name):
        list(coco.read(tmp_path))


def test_left_overs_of_a_larger_export_are_refused(dataset, tmp_path):
    coco.write(dataset, tmp_path, ExportOptions())
    with pytest.raises(GenbError, match=r"coco_wholebody_train.json and 2 more .* earlier export"):
        coco.write(dataset, tmp_path, ExportOptions("val"))
