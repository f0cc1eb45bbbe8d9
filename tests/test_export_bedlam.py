"""BEDLAM's and BEDLAM2's labels: tables, pictures, crops, notes, and the loader's reading steps."""

import io

import cv2
import numpy as np
import pytest
from made_portraits import (
    LYING,
    OPTIONS,
    OUTSIDE,
    UPRIGHT,
    exported,
    frame_of,
    smplx_body,
)
from PIL import Image
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports import bedlam, bedlam2
from pipeline.exports.bedlam_files import image_name
from pipeline.exports.bedlam_rows import RowSource, expression_px
from pipeline.exports.crops import BEHIND, TOO_FEW, crop_around, is_behind
from pipeline.exports.formats import ExportOptions


@pytest.fixture(scope="module")
def v1(body_dir, tmp_path_factory):
    return exported(bedlam, body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def v2(body_dir, tmp_path_factory):
    return exported(bedlam2, body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def made(v1):
    return v1.made


@pytest.fixture(scope="module")
def dataset(v1):
    return v1.dataset


V1_TYPES = {
    "imgname": ("U", ()),
    "center": ("f8", (2,)),
    "scale": ("f8", ()),
    "pose_cam": ("f8", (165,)),
    "pose_world": ("f8", (165,)),
    "shape": ("f4", (16,)),
    "trans_cam": ("f8", (3,)),
    "trans_world": ("f8", (3,)),
    "gtkps": ("f4", (127, 3)),
    "cam_int": ("f8", (3, 3)),
    "cam_ext": ("f8", (4, 4)),
    "gender": ("U", ()),
    "proj_verts": ("f4", (437, 3)),
    "motion_info": ("U", (6,)),
    "sub": ("U", ()),
    "expression": ("f8", (10,)),
}
HANDS_TYPES = V1_TYPES | {
    "left_hand": ("b1", ()),
    "right_hand": ("b1", ()),
    "scale_hand": ("f8", (2,)),
    "center_hand": ("f8", (2, 2)),
    "right_hand_abs_pose": ("f8", (48,)),
}
V2_TYPES = {name: kind for name, kind in V1_TYPES.items() if name not in ("motion_info", "sub")} | {
    "gtkps": ("f4", (171, 3)),
    "lh_c": ("f8", (2,)),
    "rh_c": ("f8", (2,)),
    "lh_s": ("f8", ()),
    "rh_s": ("f8", ()),
    "hand_det_conf": ("i8", (2, 1)),
}
TABLES = [
    ("v1", "training_labels/all_npz_12_training/genb{}_6fps.npz", "-closeup", V1_TYPES),
    ("v1", "training_labels/all_npz_12_hands/genb{}_6fps-hands.npz", "-closeup", HANDS_TYPES),
    ("v2", "training-labels/bedlam_v2/genb{}.npz", "-portrait", V2_TYPES),
]


@pytest.mark.parametrize("version,path,word,types", TABLES)
def test_tables_have_the_formats_names_types_and_shapes(version, path, word, types, request):
    """Also: numpy reads them without pickles; upright people are in a table of their own."""
    out = request.getfixturevalue(version).out
    # Two appearances of 2 + 1 + 2 + 1 people (a third of scene 0 is out of the picture).
    for name, count in ((path.format(""), 10), (path.format(word), 4)):
        with np.load(out / name, allow_pickle=False) as table:
            assert set(table.files) == set(types)
            for column, (kind, shape) in types.items():
                array = table[column]
                assert array.shape == (count, *shape), column
                assert array.dtype.kind == "U" if kind == "U" else array.dtype == kind, column
                assert kind == "U" or array.dtype == bool or np.isfinite(array).all(), column


@pytest.mark.parametrize("module,version", [(bedlam, "v1"), (bedlam2, "v2")])
def test_what_is_read_is_what_was_made(module, version, request):
    written = request.getfixturevalue(version)
    made, read = list(module.rows(written.dataset, OPTIONS)), list(module.read(written.out))
    assert len(made) == len(read) == 14 * len(module.LAYOUT.tables)
    for a, b in zip(made, read, strict=True):
        assert set(a) == set(b)
        for name in a:
            x, y = np.asarray(a[name]), np.asarray(b[name])
            assert x.dtype == y.dtype and np.array_equal(x, y), name


@pytest.mark.parametrize("module,version", [(bedlam, "v1"), (bedlam2, "v2")])
def test_a_second_export_has_the_same_bytes(module, version, request, tmp_path):
    written = request.getfixturevalue(version)
    module.write(written.dataset, tmp_path / "again", OPTIONS)
    files = [p.relative_to(written.out) for p in written.out.rglob("*") if p.is_file()]
    assert len(files) > 8
    for path in files:
        again = (tmp_path / "again" / path).read_bytes()
        assert again == (written.out / path).read_bytes(), path


def test_rows_come_by_sequence_person_and_time(v1):
    places = [(row["imgname"].split("/")[0], row["sub"], row["imgname"]) for row in v1.rows]
    lying = [place for place in places if "seq_000000" in place[0]]
    assert lying == sorted(lying) and len(lying) == 8
    assert [place[0][:10] for place in places] == ["seq_000000"] * 8 + ["seq_000002"] * 2 + [
        "seq_000001"
    ] * 4


def test_who_and_what(v1, v2):
    for row, spec, *_ in v1.sources():
        person = spec.people[v1.place(row)[2]]
        assert row["sub"] == person.subject.subject
        assert row["gender"] == person.subject.sex[0]
        clip = spec.clip_frames(person)
        # The action is the library's name for the family "idle".
        assert list(row["motion_info"][1:]) == [
            *("-1", "library/idle", "25"),
            *(str(clip[0]), str(clip[-1])),
        ]
        np.testing.assert_allclose(row["expression"], person.expression, atol=1e-12)
    assert {row["gender"] for row in v2.rows} == {"neutral"}


# Pictures


@pytest.mark.parametrize("version,word", [("v1", "closeup"), ("v2", "portrait")])
def test_pictures_are_the_samples_and_only_upright_ones_are_stored_turned(version, word, request):
    written = request.getfixturevalue(version)
    layout = (bedlam if version == "v1" else bedlam2).LAYOUT
    names = []
    for frame in written.dataset.frames(members=("rgb.jpg",)):
        upright = frame.facts["scene"] == UPRIGHT
        scene = f"genb-{word}" if upright else "genb"
        path = written.out / layout.images.format(scene=scene) / image_name(frame)
        names.append(path)
        stored = cv2.imread(str(path))
        assert (stored.shape[1] >= stored.shape[0]) and path.suffix == ".png"
        # What the loaders do, and when they do it.
        if word in scene:
            stored = cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE)
        np.testing.assert_array_equal(stored[..., ::-1], frame.sample.image("rgb.jpg"))
    assert len(set(names)) == 2 * 4
    assert sorted(written.out.rglob("*.png")) == sorted(names)


def test_a_further_appearance_is_a_sequence_of_its_own(v1):
    names = {row["imgname"] for row in v1.rows}
    assert {name for name in names if "seq_000000" in name} == {
        "seq_000000/seq_000000_0000.png",
        "seq_000000/seq_000000_0001.png",
        "seq_000000_a1/seq_000000_a1_0000.png",
        "seq_000000_a1/seq_000000_a1_0001.png",
    }


def test_joints_land_on_their_person(v1):
    """Seen joints, within 2 px of the person's mask as in the audit; mirrored ones do not."""
    on, mirrored = [], []
    for row in v1.rows:
        person = v1.place(row)[2]
        frame = frame_of(v1.dataset, row["imgname"])
        mask = (frame.sample.image("mask.png") == person + 1).astype(np.uint8)
        near = cv2.dilate(mask, np.ones((5, 5), np.uint8))
        column, line = row["gtkps"][frame.labels["joints_visible"][person], :2].astype(int).T
        on.append(near[line, column].mean())
        mirrored.append(near[line, mask.shape[1] - 1 - column].mean())
    assert min(on) > 0.97 and np.mean(mirrored) < 0.6


@pytest.mark.parametrize(
    "name,expected",
    [("genb", "genb"), ("Street 2", "street-2"), ("my_portraits", "genb"), ("agora", "genb")],
)
def test_no_name_of_a_data_set_means_something_to_a_loader(dataset, name, expected):
    """A loader would turn every picture of a data set that has 'portrait' in its name."""
    renamed = Dataset(dataset.out)
    renamed.description = dataset.description | {"name": name}
    assert bedlam.LAYOUT.scene(renamed, OPTIONS, False) == expected
    assert bedlam.LAYOUT.scene(renamed, ExportOptions("val"), True) == f"{expected}-val-closeup"
    assert bedlam2.LAYOUT.scene(renamed, OPTIONS, True) == f"{expected}-portrait"


# Crops and filters


def test_crop_is_the_square_around_the_points_in_the_image():
    points = np.array([[0, 0], [100, 40], [60, 90], [101, 20], [-1, 50], [50, -0.1]], np.float32)
    crop = crop_around(points, (100, 90), 1.2)
    np.testing.assert_array_equal(crop.center, [50, 45])
    assert crop.scale == pytest.approx(100 / 200 * 1.2) and crop.inside == 3


@pytest.mark.parametrize("points", [[[5, 5]], [[200, 200], [-3, 4]], [[5, 5], [5, 5]]])
def test_no_crop_without_extent(points):
    crop = crop_around(np.array(points), (100, 90), 1.2)
    assert not crop.exists and crop.scale == -1 and (crop.center == -1).all()


def test_rows_hold_the_crop_of_22_points_and_hands_of_15(v1, v2, made):
    for written, count in ((v1, 127), (v2, 171)):
        for row in written.rows:
            scene, *_ = written.place(row)
            size = made.specs[scene].camera.width, made.specs[scene].camera.height
            uv = row["gtkps"][:22, :2].astype(float)
            uv = uv[((uv >= 0) & (uv <= size)).all(axis=1)]
            low, high = uv.min(axis=0), uv.max(axis=0)
            np.testing.assert_array_equal(row["center"], (low + high) / 2)
            assert row["scale"] == pytest.approx(max(high - low) / 200 * 1.2)
            assert len(row["gtkps"]) == count
    hands = [row for row in bedlam.read(v1.out) if row["table"] == "hands"]
    for one, two in zip(hands, v2.rows, strict=True):
        assert one["imgname"] == two["imgname"]
        np.testing.assert_array_equal(one["center_hand"], [two["lh_c"], two["rh_c"]])
        np.testing.assert_array_equal(one["scale_hand"], [two["lh_s"], two["rh_s"]])
        flags = [one["left_hand"], one["right_hand"]]
        assert flags == two["hand_det_conf"].ravel().astype(bool).tolist()
        left = one["gtkps"][25:40, :2].astype(float)
        scene, *_ = v2.place(two)
        size = made.specs[scene].camera.width, made.specs[scene].camera.height
        if ((left >= 0) & (left <= size)).all():
            low, high = left.min(axis=0), left.max(axis=0)
            assert one["scale_hand"][0] == pytest.approx(max(high - low) / 200 * 1.5)


def test_bbox_factor_may_be_chosen(v1, dataset):
    wider = next(bedlam.rows(dataset, ExportOptions(bbox_factor=1.8)))
    assert wider["scale"] == pytest.approx(v1.rows[0]["scale"] * 1.8 / 1.2)


def test_right_hand_is_turned_with_all_above_it(v1):
    """Rest bones of the right hand, turned by the first three numbers, lie as in the picture."""
    hands = [row for row in bedlam.read(v1.out) if row["table"] == "hands"]
    wrist, knuckles = JOINT_INDEX["right_wrist"], [JOINT_INDEX["right_index1"], 43, 46, 49, 52]
    for row in hands:
        rest = v1.made.model.evaluate(row["shape"][:16], np.zeros((1, 165)), np.zeros((1, 3)))
        posed = smplx_body(v1.made, row, "pose_cam", "trans_cam")[1]
        turn = Rotation.from_rotvec(row["right_hand_abs_pose"][:3])
        bones = (rest.joints[0, knuckles] - rest.joints[0, wrist]).astype(float)
        np.testing.assert_allclose(turn.apply(bones), posed[knuckles] - posed[wrist], atol=1e-5)
        np.testing.assert_array_equal(row["right_hand_abs_pose"][3:], row["pose_cam"][120:])


def test_left_out_people_are_counted_by_reason(v1, dataset):
    """Scene 0's third person, in two frames and two appearances."""
    frame = next(dataset.frames(members=()))
    points = frame.labels["joints_2d"][OUTSIDE]
    assert crop_around(points[:22], frame.size, 1.2).inside < 8 and frame.facts["scene"] == LYING
    assert f"4 people left out: {TOO_FEW}" in v1.notes


@pytest.mark.parametrize("nearest_m,behind", [(-0.3, True), (0.01, True), (0.03, False)])
def test_bodies_behind_the_camera_are_left_out(dataset, nearest_m, behind):
    """The nearest vertex is moved to that depth."""
    there = next(dataset.frames(members=())).vertices[0, :, 2].min()
    frame = next(dataset.frames(members=()))
    for name in ("transl_cam", "joints_cam"):
        frame.labels[name][0, ..., 2] += nearest_m - there
    assert is_behind(frame, 0) == behind
    source = RowSource(dataset, OPTIONS, 16)
    kept = source.crop(frame, 0, frame.labels["joints_2d"][0])
    assert (kept is None) == behind and source.left_out[BEHIND] == behind


def test_a_kid_of_the_template_is_left_out(dataset):
    frame = next(dataset.frames(members=()))
    frame.people[0]["kid_template"] = True
    source = RowSource(dataset, OPTIONS, 16)
    assert source.crop(frame, 0, frame.labels["joints_2d"][0]) is None
    assert source.crop(frame, 1, frame.labels["joints_2d"][1]) is not None
    assert [text for text in source.notes() if "kid template" in text]


# What the formats cannot say


def test_betas_are_never_cut(dataset):
    frame = next(dataset.frames(members=()))
    with pytest.raises(GenbError, match="16 betas and this format holds 10(.|\n)*num_betas = 10"):
        RowSource(dataset, OPTIONS, 10).smplx_row(frame, 0, frame.labels["joints_2d"][0])
    frame.labels["betas"][0, 10:] = 0
    row = RowSource(dataset, OPTIONS, 10).smplx_row(frame, 0, frame.labels["joints_2d"][0])
    np.testing.assert_array_equal(row["shape"], frame.labels["betas"][0, :10].astype(np.float32))


def test_notes_say_that_the_network_wants_11_betas(v1, v2):
    assert any("all 16 betas" in note and "num_betas = 11" in note for note in v1.notes)
    assert not any("BEDLAM's network" in note for note in v2.notes)


def test_the_expressions_effect_is_told_and_bounds_what_it_does(v1, dataset):
    told = next(note for note in v1.notes if "expression" in note)
    worst = 0.0
    for row in v1.rows:
        frame = frame_of(dataset, row["imgname"])
        person = v1.place(row)[2]
        with_it, without = row, row | {"expression": np.zeros(10)}
        uv = [
            (smplx_body(v1.made, r, "pose_cam", "trans_cam")[1] + r["cam_ext"][:3, 3])[76:]
            for r in (with_it, without)
        ]
        uv = [(points @ row["cam_int"].T)[:, :2] / points[:, 2:] for points in uv]
        moved = np.linalg.norm(uv[0] - uv[1], axis=1).max()
        bound = expression_px(frame, person)
        # 5 %: the jaw's joint moves a little with the expression.
        assert bound / 4 < moved < 1.05 * bound
        worst = max(worst, bound)
    assert f"up to {worst:.1f} px" in told


def test_missing_dense_points_are_an_error_that_says_what_to_do(dataset):
    frame = next(dataset.frames(members=()))
    del frame.labels["dense_437_2d"]
    with pytest.raises(GenbError, match="no 437 dense key-points(.|\n)*shards.dense_keypoints"):
        bedlam.BedlamRows(dataset, OPTIONS).row(frame, 0)


def test_an_empty_split_and_anothers_folder_are_errors(v1, dataset, tmp_path):
    with pytest.raises(GenbError, match="nobody to export"):
        bedlam.write(dataset, tmp_path / "empty", ExportOptions(split="test"))
    with pytest.raises(GenbError, match="another export"):
        bedlam2.write(dataset, v1.out, OPTIONS)
    with pytest.raises(GenbError, match="no export"):
        list(bedlam.read(tmp_path))


def test_png_is_plain_rgb(v1):
    for path in v1.out.rglob("*.png"):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            assert image.mode == "RGB" and not image.info
