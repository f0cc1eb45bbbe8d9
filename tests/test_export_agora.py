"""AGORA's tables, fits and masks: AGORA's own way from a name and a fit to pixels gives the labels.

That way (lens and camera by the picture's name, place and yaw by the table, body by `smplx` with
the mean hand) is re-stated here on files opened by pandas and plain pickle.
"""

import pickle
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pandas
import pytest
import smplx
import torch
from made_scenes import (
    box_mesh,
    load_model,
    make_plan,
    make_spec,
    pose_people,
    render,
    run_stages,
    write_upstream,
)
from made_smpl import write_smpl_assets

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports import agora
from pipeline.exports.agora_camera import RIGS, STREET, agora_camera, rig_of
from pipeline.exports.agora_fit import hand_means, kept_betas
from pipeline.exports.agora_rows import COLUMNS, mask_name, picture_name, stored_name
from pipeline.exports.formats import ExportOptions
from pipeline.exports.pickles import Table, read_pickle, write_pickle
from pipeline.scene import SceneSpec
from pipeline.storage import read_npz

LEVEL, HDRI, OTHER = 0, 1, 2
"""Scenes: 28 mm, level; 50 mm, pitched and rolled; a lens that AGORA has not."""
SIZE = (320, 180)


def lens(focal_mm, **view):
    """A camera of 36 x 20.25 mm with this lens."""
    vfov_deg = np.degrees(2 * np.arctan(20.25 / 2 / focal_mm))
    return {"width": SIZE[0], "height": SIZE[1], "vfov_deg": float(vfov_deg), **view}


_CAMERAS = {
    LEVEL: lens(28, eye_m=(0.6, -4.2, 1.1), target_m=(0.2, 0.0, 1.1), roll_deg=0.0),
    HDRI: lens(50, eye_m=(-3.0, 5.0, 2.6), target_m=(0.1, 0.0, 0.9), roll_deg=5.0),
    OTHER: {"roll_deg": 3.0},
}
_PEOPLE = {
    LEVEL: [
        {"x": -0.4, "y": 0.0, "yaw": 20, "seed": 1},
        {"x": -0.3, "y": 0.9, "yaw": -70, "seed": 2},
    ],
    HDRI: [{"x": 0.6, "y": 0.2, "yaw": 215, "seed": 3}],
    OTHER: [{"x": 0.1, "y": 0.3, "yaw": 90, "seed": 5}],
}
FULL = OTHER
"""The scene whose bodies keep all of their 16 betas; the others' last six are 0."""


def spec_of(scene):
    told = make_spec(scene, _PEOPLE[scene], **_CAMERAS[scene]).model_dump(mode="json")
    for person in told["people"]:
        if scene != FULL:
            person["subject"]["betas"][10:] = [0.0] * 6
    return SceneSpec.model_validate(told | {"split": "val" if scene == OTHER else "train"})


@cache
def agora_dataset(body_dir, out):
    plan = make_plan(out)
    model, box = load_model(body_dir), box_mesh([-0.5, -0.6, 0.2], [0.3, 0.2, 0.4])
    for scene in _PEOPLE:
        spec = spec_of(scene)
        bodies = pose_people(spec, model)
        passes = [render(spec, bodies, model, 0, box)]
        write_upstream(plan, spec, bodies, passes)
    run_stages(plan)
    return Dataset(plan.out)


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return agora_dataset(body_dir, tmp_path_factory.getbasetemp() / "agora")


@pytest.fixture(scope="module")
def frames(dataset):
    return {frame.facts["scene"]: frame for frame in dataset.frames()}


@pytest.fixture(scope="module")
def no_smpl(tmp_path_factory):
    return ExportOptions(assets=tmp_path_factory.mktemp("no_assets"))


@pytest.fixture(scope="module")
def exported(dataset, no_smpl, tmp_path_factory):
    out = tmp_path_factory.mktemp("agora_export")
    return out, agora.write(dataset, out, no_smpl)


@pytest.fixture(scope="module")
def tables(exported):
    """The rows with joints and vertices, by scene, as pandas returns them."""
    out = exported[0]
    train = pandas.read_pickle(out / "Cam_withjv" / "train_0_withjv.pkl")
    validation = pandas.read_pickle(out / "Cam_withjv" / "validation_0_withjv.pkl")
    return {LEVEL: train.iloc[0], HDRI: train.iloc[1], OTHER: validation.iloc[0]}


# --- AGORA's readers, in other words -------------------------------------------------------------

NAMED = {
    "hdri": (50, 0, [0, 0, 170], 0),
    "cam00": (18, 30, [400, -275, 265], 135),
    "cam01": (18, 30, [400, 225, 265], -135),
    "cam02": (18, 30, [-490, 170, 265], -45),
    "cam03": (18, 30, [-490, -275, 265], 45),
    "ag2": (28, 15, [0, 0, 170], 0),
}
"""Word in a name -> focal length mm, pitch, position cm, yaw."""


def to_camera(row, person, points_fit):
    """Camera-frame points of a fit's, and the focal length that the name stands for."""
    position, yaw, lowered = [row.camX, row.camY, row.camZ], row.camYaw, [0, -1.7, 0]
    focal_mm, pitch = 28, 0
    for word, camera in NAMED.items():
        if word in row.imgPath:
            focal_mm, pitch, position, yaw = camera
            lowered = [0, 0, 0]
            break

    def about(axis, angle_deg):
        return cv2.Rodrigues(np.eye(3)[axis] * np.radians(angle_deg))[0]

    def metres(unreal_cm):
        return np.array([unreal_cm[1], -unreal_cm[2], unreal_cm[0]]) / 100

    standing = points_fit * [1, -1, -1] @ about(1, row.Yaw[person] - 90).T
    standing = standing + metres([row.X[person], row.Y[person], row.Z[person]])
    seen = (standing - metres(position) - lowered) @ about(1, -yaw).T
    return seen @ about(0, pitch).T, focal_mm


def to_pixels(points_cam, focal_mm, width=3840, height=2160):
    uv = points_cam[:, :2] / points_cam[:, 2:]
    return uv * focal_mm * [width / 36, height / 20.25] + [width / 2, height / 2]


def package_body(body_dir, fit):
    """Vertices and joints by `smplx` as AGORA's readers create it: hands about the mean hand."""
    package = smplx.create(
        str(body_dir), "smplx", gender="neutral", use_pca=False, ext="npz", num_betas=10
    )
    with torch.no_grad():
        out = package(**{name: torch.tensor(array) for name, array in fit.items()})
    return out.vertices[0].numpy().astype(float), out.joints[0].numpy().astype(float)


def fit_of(out, obj_path):
    return pickle.loads((out / obj_path.replace(".obj", ".pkl")).read_bytes())


FLOAT32_M = 1e-5
"""Bodies of some metres, three times rounded to float32 in poses, shapes and translations."""


@pytest.mark.parametrize("scene", [LEVEL, HDRI])
def test_the_fit_is_the_body_in_front_of_the_camera(scene, exported, tables, frames, body_dir):
    row, frame = tables[scene], frames[scene]
    for k in range(len(row.gender)):
        fit = fit_of(exported[0], row.gt_path_smplx[k])
        vertices, joints = package_body(body_dir, fit)
        cam, _ = to_camera(row, k, vertices)
        np.testing.assert_allclose(cam, frame.vertices[k], atol=FLOAT32_M)
        np.testing.assert_allclose(cam, row.gt_verts[k], atol=FLOAT32_M)
        cam, _ = to_camera(row, k, joints)
        np.testing.assert_allclose(cam, row.gt_joints_3d[k], atol=FLOAT32_M)


@pytest.mark.parametrize("scene", [LEVEL, HDRI])
def test_the_name_and_the_fit_give_the_labels_pixels(scene, exported, tables, frames, body_dir):
    """For cameras with a lens of AGORA's, whatever their pitch and roll."""
    row, frame = tables[scene], frames[scene]
    for k in range(len(row.gender)):
        _, joints = package_body(body_dir, fit_of(exported[0], row.gt_path_smplx[k]))
        uv = to_pixels(*to_camera(row, k, joints))
        # 10 micrometres at 4 m through 50 mm are 0.014 px across 3840.
        np.testing.assert_allclose(uv, row.gt_joints_2d[k], atol=0.05)
        uv = to_pixels(*to_camera(row, k, joints), *SIZE)
        np.testing.assert_allclose(uv, frame.labels["joints_2d"][k], atol=0.01)


def test_another_lens_is_said_and_its_camera_given(exported, tables, frames):
    """In this scene the name's pixels are wrong, the table's right."""
    row, frame, notes = tables[OTHER], frames[OTHER], exported[1]
    wrong = to_pixels(row.gt_joints_3d[0].astype(float), 28)
    assert np.abs(wrong - row.gt_joints_2d[0]).max() > 50
    cameras = read_npz(exported[0] / "Cam" / "validation_0_intrinsics.npz")
    K, size = cameras["cam_int"][0], cameras["size"][0]
    assert tuple(size) == frame.size and cameras["key"][0] == frame.key
    assert cameras["imgPath"][0] == row.imgPath
    assert np.array_equal(cameras["T_cam_world"][0], frame.labels["T_cam_world"])
    right = row.gt_joints_3d[0].astype(float) @ K.T
    right = right[:, :2] / right[:, 2:] * 3840 / size[0]
    np.testing.assert_allclose(right, row.gt_joints_2d[0], atol=0.05)  # float32
    assert not cameras["named_lens"][0]
    assert read_npz(exported[0] / "Cam" / "train_0_intrinsics.npz")["named_lens"].all()
    assert any(note.startswith("1 pictures have another lens") for note in notes)
    assert "Pictures with a lens of AGORA's, exact from name and fit: 1 of 50 mm, 1 of 28 mm." in (
        notes
    )
    assert any("224x192 are not 16:9" in note for note in notes)


def test_betas_beyond_ten_are_told_and_the_pelvis_stays(exported, tables, frames, body_dir):
    row, frame = tables[FULL], frames[FULL]
    vertices, joints = package_body(body_dir, fit_of(exported[0], row.gt_path_smplx[0]))
    cam, _ = to_camera(row, 0, joints)
    np.testing.assert_allclose(cam[0], row.gt_joints_3d[0][0], atol=FLOAT32_M)
    off_mm = 1000 * np.linalg.norm(to_camera(row, 0, vertices)[0] - frame.vertices[0], axis=1)
    told = next(note for note in exported[1] if note.startswith("Fits hold 10 betas"))
    told_mm = float(told.split("up to ")[1].split(" mm")[0])
    # Told of the T-pose; limbs carry what the shape moves in the joints above them.
    assert 0.5 * told_mm < off_mm.max() < 2 * told_mm


def test_hands_are_stored_about_the_mean_hand(exported, tables, frames, model):
    fit = fit_of(exported[0], tables[LEVEL].gt_path_smplx[0])
    pose = frames[LEVEL].labels["pose_cam"][0]
    for name, part, key in (
        ("left_hand_pose", slice(75, 120), "hands_meanl"),
        ("right_hand_pose", slice(120, 165), "hands_meanr"),
    ):
        with np.load(model.path) as file:
            mean = file[key]
        assert np.abs(mean).max() > 0.1
        np.testing.assert_allclose(fit[name][0] + mean, pose[part], atol=1e-6)
    assert hand_means(model.path).shape == (90,)


def test_fits_have_agoras_arrays(exported, tables):
    sizes = {
        **{"betas": 10, "global_orient": 3, "body_pose": 63, "left_hand_pose": 45},
        **{"right_hand_pose": 45, "jaw_pose": 3, "leye_pose": 3, "reye_pose": 3},
        **{"expression": 10, "transl": 3},
    }
    for row in tables.values():
        for path in row.gt_path_smplx:
            assert path.startswith("smplx_gt/") and path.endswith(".obj") and "bfh" in path
            fit = fit_of(exported[0], path)
            assert {name: array.shape for name, array in fit.items()} == {
                name: (1, size) for name, size in sizes.items()
            }
            assert all(array.dtype == np.float32 for array in fit.values())


def test_place_and_yaw_say_where_a_person_is(tables, frames):
    """Of a level street camera the table's world is ours in Unreal's axes."""
    row, labels = tables[LEVEL], frames[LEVEL].labels
    pelvis = labels["joints_world"][:, 0]
    np.testing.assert_allclose(row.X, 100 * pelvis[:, 0], rtol=1e-6)
    np.testing.assert_allclose(row.Y, -100 * pelvis[:, 1], rtol=1e-6)
    assert row.Z == [0.0, 0.0]
    eye = [60.0, 420.0, 110.0 - 170.0]
    np.testing.assert_allclose([row.camX, row.camY, row.camZ], eye, atol=1e-9)
    # It looks from (0.6, -4.2) to (0.2, 0): Unreal's -Y, a little to -X.
    assert row.camYaw == pytest.approx(-90 - np.degrees(np.arctan(0.4 / 4.2)))
    # A person at yaw 0 faces our -Y, Unreal's +Y, which is Yaw 0; ours turns to the left.
    np.testing.assert_allclose(row.Yaw, [-20, 70], atol=1e-4)


def test_people_before_a_level_camera_stand_upright_in_their_fits(exported, tables):
    row = tables[LEVEL]
    for path in row.gt_path_smplx:
        fit = fit_of(exported[0], path)
        # Made people only turn about the vertical, which Yaw takes; their fit does not turn at all.
        np.testing.assert_allclose(fit["global_orient"], 0, atol=1e-5)


def test_an_hdri_picture_is_seen_from_the_origin_at_170_cm(tables, frames):
    row, labels = tables[HDRI], frames[HDRI].labels
    assert [row.camX, row.camY, row.camZ, row.camYaw] == [0, 0, 170, 0]
    pelvis = labels["joints_world"][0, 0].astype(float)
    eye = np.array([-3.0, 5.0, 2.6])
    ahead = np.array([3.1, -5.0]) / np.hypot(3.1, 5.0)
    to_right = np.array([ahead[1], -ahead[0]])
    away = (pelvis - eye)[:2]
    np.testing.assert_allclose([row.X[0], row.Y[0]], [100 * away @ ahead, 100 * away @ to_right])
    # Seen from there our +X is on the left.
    assert row.Y[0] < -30
    assert row.Z[0] == pytest.approx(170 - 260)


@pytest.mark.parametrize(
    ("focal_mm", "kind", "word"),
    [(50, "hdri", "hdri"), (28, "street", None), (18, "archviz", "cam00")],
)
def test_names_stand_for_the_lens(focal_mm, kind, word, frames):
    K = np.array([[focal_mm / 36 * 320, 0, 160], [0, focal_mm / 20.25 * 180, 90], [0, 0, 1]])
    rig, exact = rig_of(K, SIZE)
    assert exact and rig.kind == kind and rig.focal_mm == focal_mm
    name = picture_name(frames[LEVEL], rig)
    assert [w for w in NAMED if w in name] == ([word] if word else [])
    assert "bfh" in name and name.endswith("_00000.png") and name.count(".") == 1
    assert name.split("_")[:4] == ["ag", "trainset", "genb", "bfh"]


@pytest.mark.parametrize(
    "K_changed", [(0, 0, 1e-5), (1, 1, 1e-5), (0, 2, 1e-5), (1, 2, 1e-5), (0, 1, 1.0)]
)
def test_a_lens_that_is_nearly_agoras_is_another(K_changed):
    K = STREET.K(*SIZE)
    i, j, share = K_changed
    K[i, j] += share * max(K[i, j], 1)
    assert rig_of(K, SIZE) == (STREET, False)


def test_every_rig_reproduces_any_camera(frames):
    """The room's camera too, which looks down by 30 degrees; no body is needed for that."""
    rng = np.random.default_rng(5)
    labels = frames[HDRI].labels
    points_cam = rng.normal(size=(20, 3)) + [0, 0, 5]
    for rig in RIGS:
        camera = agora_camera(rig, labels["T_cam_world"])
        spot, yaw = camera.place(np.array([0.3, -0.2, 0.0]), np.array([0.5, 0.8, 0.1]))
        R, t = camera.fit_from_cam(spot, yaw)
        x, y, z = camera.position_cm
        cells = {"camX": x, "camY": y, "camZ": z, "camYaw": camera.yaw_deg, "Yaw": [yaw]}
        name = picture_name(frames[HDRI], rig)
        row = pandas.Series(
            cells | dict(zip("XYZ", spot[:, None], strict=True)) | {"imgPath": name}
        )
        again, focal_mm = to_camera(row, 0, points_cam @ R.T + t)
        np.testing.assert_allclose(again, points_cam, atol=1e-9)
        assert focal_mm == rig.focal_mm


def test_keys_that_look_like_another_camera_are_refused(frames):
    frame = frames[LEVEL]
    for key in ("hdri_0000", "cam01_0000", "ag2-000000_0000", "a.b_0000"):
        odd = replace(frame, sample=replace(frame.sample, key=key))
        with pytest.raises(GenbError, match="another camera"):
            picture_name(odd, STREET)


@pytest.mark.parametrize("folder,ending", [("Cam", ""), ("Cam_withjv", "_withjv")])
def test_tables_load_in_pandas_with_columns_of_objects(folder, ending, exported, frames):
    out = exported[0]
    for name, scenes in (("train_0", [LEVEL, HDRI]), ("validation_0", [OTHER])):
        path = out / folder / f"{name}{ending}.pkl"
        frame = pandas.read_pickle(path)
        extra = ["gt_joints_2d", "gt_joints_3d", "gt_verts"] if ending else []
        assert list(frame.columns) == [*COLUMNS, *extra] and len(COLUMNS) == 17
        assert all(kind == object for kind in frame.dtypes)  # noqa: E721, numpy's object dtype
        assert len(frame) == len(scenes)
        for scene, (_, row) in zip(scenes, frame.iterrows(), strict=True):
            people = len(frames[scene].people)
            for column in frame.columns:
                scalar = column in ("imgPath", "camX", "camY", "camZ", "camYaw")
                assert isinstance(row[column], list) != scalar, column
                assert scalar or len(row[column]) == people
        table = read_pickle(path)
        assert isinstance(table, Table) and table.columns.keys() == set(frame.columns)
        assert table.columns["imgPath"] == frame["imgPath"].tolist()
    assert not list(out.rglob("test_*"))


def test_cells_say_who_it_is_and_how_much_is_hidden(tables, frames):
    for scene, row in tables.items():
        frame = frames[scene]
        assert row.gender == ["neutral"] * len(frame.people)
        assert row.kid == [False] * len(frame.people)
        np.testing.assert_allclose(row.occlusion, 100 * frame.labels["occlusion"], rtol=1e-6)
        assert row.isValid == [o <= 90 for o in row.occlusion]
        assert row.age == [f"{person['age_years']:.0f}" for person in frame.people]
        assert set(row.ethnicity) == {"unknown"} and set(row.gt_path_smpl) == {""}
        assert all(type(flag) is bool for flag in (*row.isValid, *row.kid))
    assert max(tables[LEVEL].occlusion) > 5  # somebody is hidden a little


def test_too_hidden_people_are_not_valid(dataset, no_smpl, frames):
    frame = frames[LEVEL]
    shares = zip(frame.people, (0.9, 0.91), strict=True)
    people = [person | {"occlusion": share} for person, share in shares]
    facts = frame.facts | {"people": people}
    hidden = type(frame)(dataset, frame.sample)
    vars(hidden)["facts"] = facts
    valid = [cells["isValid"] for cells in agora.AgoraRows(no_smpl).picture(hidden).people]
    assert valid == [True, False]


def test_pictures_and_masks_are_the_datasets(exported, tables, frames):
    out = exported[0]
    for scene, row in tables.items():
        frame = frames[scene]
        part = "validation" if scene == OTHER else "train"
        picture = cv2.imread(str(out / "images" / part / row.imgPath))[..., ::-1]
        assert np.array_equal(picture, frame.sample.image("rgb.jpg"))
        stem = row.imgPath.removesuffix("_00000.png")
        folder = out / "masks" / part / "_".join(row.imgPath.split("_")[:5])
        everybody = cv2.imread(str(folder / f"{stem}_mask_000000_00000.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(everybody, frame.sample.image("mask.png"))
        amodal = frame.sample.arrays("geometry.npz")["amodal"]
        for k in range(len(frame.people)):
            path = folder / f"{stem}_mask_000000_{k + 1:05d}.png"
            whole = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert np.array_equal(whole, amodal[k] * np.uint8(255))
            assert (whole[everybody == k + 1] > 0).all()


def test_mask_names_are_agoras():
    """Examples spelt out from its rule, of a street, a room and the small version."""
    street = "ag_trainset_renderpeople_bfh_flowers_5_15_00003.png"
    assert mask_name(street, (3840, 2160), 2) == (
        "ag_trainset_renderpeople_bfh_flowers/"
        "ag_trainset_renderpeople_bfh_flowers_5_15_mask_000003_00002.png"
    )
    room = "ag_trainset_3dpeople_bfh_archviz_5_10_cam02_00012.png"
    assert mask_name(room, (1280, 720), 0) == (
        "ag_trainset_3dpeople_bfh_archviz/"
        "ag_trainset_3dpeople_bfh_archviz_5_10_mask_cam02_000012_00000_1280x720.png"
    )
    assert stored_name(street, (1280, 720)) == street.replace(".png", "_1280x720.png")
    assert stored_name(street, (640, 360)) == street


def test_with_smpl_there_are_smpl_fits(dataset, frames, model, tmp_path, tmp_path_factory):
    assets = tmp_path_factory.mktemp("assets")
    write_smpl_assets(assets, model)
    notes = agora.write(dataset, tmp_path, ExportOptions(assets=assets))
    told = next(note for note in notes if note.startswith("SMPL fitted to 4 bodies"))
    worst_mm = float(told.split("by ")[-1].split(" mm")[0])
    train = pandas.read_pickle(tmp_path / "Cam" / "train_0.pkl")
    for row, scene in zip(train.itertuples(), (LEVEL, HDRI), strict=True):
        for k, path in enumerate(row.gt_path_smpl):
            assert path.startswith("smpl_gt/")
            fit = fit_of(tmp_path, path)
            fit["global_orient"], fit["transl"] = fit.pop("root_pose"), fit.pop("translation")
            package = smplx.SMPL(str(assets / "smpl" / "SMPL_NEUTRAL.pkl"), num_betas=10)
            with torch.no_grad():
                out = package(**{name: torch.tensor(array) for name, array in fit.items()})
            cam, _ = to_camera(row, k, out.vertices[0].numpy())
            # The made SMPL's vertices are some of the body's.
            chosen = np.linspace(0, len(model.v_template) - 1, 6890).astype(int)
            off_mm = 1000 * np.linalg.norm(cam - frames[scene].vertices[k][chosen], axis=1)
            assert off_mm.mean() < worst_mm + 0.1  # the note is rounded


def test_fewer_betas_are_filled_up(model):
    assert kept_betas(model, np.arange(1.0, 5)).tolist() == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0]
    assert kept_betas(model, np.arange(16.0)).tolist() == list(range(10))
    kid = replace(model, kid_template=model.path, kid_direction=model.v_template)
    assert kept_betas(kid, np.array([1.0, 2, 9])).tolist() == [1, 2, *[0] * 8, 9]
    assert kept_betas(kid, np.arange(17.0)).tolist() == [*range(10), 16]


def test_files_that_do_not_belong_together_are_refused(dataset, no_smpl, tmp_path):
    out = tmp_path / "agora"
    agora.write(dataset, out, no_smpl)
    path = out / "Cam" / "train_0.pkl"
    table = read_pickle(path)
    write_pickle(path, Table(table.columns | {"camX": [0.0, 1.0]}))
    with pytest.raises(GenbError, match="not tables of the same pictures"):
        list(agora.read(out))
    write_pickle(path, table)
    (out / "Cam" / "train_7.pkl").write_bytes(path.read_bytes())
    with pytest.raises(GenbError, match="train_7"):
        agora.write(dataset, out, no_smpl)
