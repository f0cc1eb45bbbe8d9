"""`genb verify` accepts a sound dataset and names each planted fault, checksums repaired or not."""

import io
import json

import numpy as np
import pytest
from damaged_shards import describe, label_change, published, repack, restored
from made_appearances import record_of, rerecorded
from made_scenes import made_dataset
from PIL import Image

from pipeline.errors import GenbError
from pipeline.inspection import inspect, sample_picture
from pipeline.shards.index import read_index, write_index
from pipeline.shards.read import find_sample
from pipeline.shards.write import png_bytes
from pipeline.storage import canonical_json, npz_bytes, read_json, write_json
from pipeline.verify import verify


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def copy(made, tmp_path_factory):
    return published(made.plan.out, tmp_path_factory.mktemp("verify") / "dataset")


@pytest.fixture
def dataset(copy):
    """A copy to damage, without the work folder: that is all a user has."""
    with restored(copy):
        yield copy


def test_sound_dataset_has_no_faults(dataset):
    assert verify(dataset) == []


def test_flipped_byte(dataset):
    tar = dataset / "shards" / "genb-000001.tar"
    data = bytearray(tar.read_bytes())
    data[len(data) // 2] ^= 1
    tar.write_bytes(data)
    assert any("genb-000001.tar: its SHA-256" in fault for fault in verify(dataset))


def test_truncated_tar(dataset):
    tar = dataset / "shards" / "genb-000000.tar"
    tar.write_bytes(tar.read_bytes()[:700_000])
    faults = verify(dataset)
    assert any("cannot be read as a tar" in fault for fault in faults)
    assert any("its samples are not those" in fault for fault in faults)


def test_missing_tar(dataset):
    (dataset / "shards" / "genb-000001.tar").unlink()
    faults = verify(dataset)
    assert "genb-000001.tar: missing" in faults
    assert any("scene 2 is neither" in fault for fault in faults)


def test_extra_tar(dataset):
    (dataset / "shards" / "genb-000009.tar").write_bytes(b"")
    assert verify(dataset) == ["shards/genb-000009.tar: not listed in dataset.json"]


def test_missing_checksum_file(dataset):
    (dataset / "shards" / "genb-000000.tar.sha256").unlink()
    assert any(fault.startswith("genb-000000.tar.sha256") for fault in verify(dataset))


def set_joint_2d(labels):
    labels["joints_2d"][1, 7] += 0.5


def set_joint_cam(labels):
    labels["joints_cam"][0, 20, 0] += 0.01


def set_joint_world(labels):
    labels["joints_world"][2, 3, 2] += 0.001


def set_extrinsics(labels):
    labels["T_cam_world"][0, 3] += 0.01


def mirror_extrinsics(labels):
    labels["T_cam_world"][0] *= -1


def set_intrinsics(labels):
    labels["K"][0, 2] += 1


def set_box(labels):
    labels["box_modal"][0, 2] += 1


def set_amodal_box(labels):
    labels["box_amodal"][0, 2] -= 40


def set_area(labels):
    labels["mask_area_px"][0] += 1


def set_occlusion(labels):
    labels["occlusion"][0] = 1.5


def set_code(labels):
    labels["joints_code"][0, 0] = 4


def see_outside(labels):
    labels["joints_code"][2][labels["joints_code"][2] == 2] = 3


def set_finger_pose(labels):
    labels["pose_cam"][0, 100] += 0.1


def drop_array(labels):
    del labels["betas"]


def wrong_type(labels):
    labels["joints_2d"] = labels["joints_2d"].astype(np.float64)


def not_a_number(labels):
    labels["transl_cam"][0, 0] = np.nan


def fewer_people(labels):
    labels["betas"] = labels["betas"][:2]


LABEL_FAULTS = {
    set_joint_2d: "px from joints_2d",
    set_joint_cam: "T_cam_world @ joints_world",
    set_joint_world: "T_cam_world @ joints_world",
    set_extrinsics: "T_cam_world @ joints_world",
    mirror_extrinsics: "not a rigid motion",
    set_intrinsics: "px from joints_2d",
    set_box: "box_modal",
    set_amodal_box: "outside box_amodal",
    set_area: "mask_area_px",
    set_occlusion: "occlusion is not a share",
    set_code: "joints_visible does not follow",
    see_outside: "coded as inside",
    set_finger_pose: "more than the root",
    drop_array: "betas is missing",
    wrong_type: "joints_2d has type float64",
    not_a_number: "transl_cam holds NaN",
    fewer_people: "has shape",
}


@pytest.mark.parametrize("change", LABEL_FAULTS, ids=lambda f: f.__name__)
def test_wrong_label_is_found_though_checksums_are_right(dataset, change):
    repack(dataset, label_change(change))
    faults = verify(dataset)
    assert any(LABEL_FAULTS[change] in fault for fault in faults), faults
    assert all(fault.startswith("genb-000000.tar: 000000_0000") for fault in faults), faults


def swap_mask_ids(members):
    mask = np.asarray(Image.open(io.BytesIO(members["mask.png"])))
    members["mask.png"] = png_bytes(np.array([0, 2, 1, 3], np.uint8)[mask])


def ghost_in_mask(members):
    mask = np.asarray(Image.open(io.BytesIO(members["mask.png"]))).copy()
    mask[mask == 3] = 9
    members["mask.png"] = png_bytes(mask)


def part_without_person(members):
    part = np.asarray(Image.open(io.BytesIO(members["part.png"]))).copy()
    part[0, 0] = 1
    members["part.png"] = png_bytes(part)


def small_picture(members):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG")
    members["rgb.jpg"] = buffer.getvalue()


def broken_picture(members):
    members["cg.png"] = members["cg.png"][:200]


def hole_in_depth(members):
    with io.BytesIO(members["depth.npy"]) as file:
        depth = np.load(file)
    depth[np.isfinite(depth)] = np.inf
    buffer = io.BytesIO()
    np.save(buffer, depth)
    members["depth.npy"] = buffer.getvalue()


def long_normals(members):
    with io.BytesIO(members["normal.npy"]) as file:
        normal = np.load(file)
    buffer = io.BytesIO()
    np.save(buffer, normal * np.float16(1.1))
    members["normal.npy"] = buffer.getvalue()


def _geometry(members, change):
    with np.load(io.BytesIO(members["geometry.npz"])) as archive:
        arrays = {name: archive[name].copy() for name in archive.files}
    change(arrays)
    members["geometry.npz"] = npz_bytes(arrays)


def hole_in_amodal(members):
    _geometry(members, lambda arrays: arrays["amodal"][1].fill(False))


def body_beside_people(members):
    _geometry(members, lambda arrays: arrays["body_face"].fill(3))


def heavy_corner(members):
    _geometry(members, lambda arrays: arrays["body_bary"].__iadd__(np.float16(0.7)))


def lost_surface(members):
    _geometry(members, lambda arrays: arrays.pop("body_face"))


def flow_of_nobody(members):
    flow = np.full_like(np.load(io.BytesIO(members["flow.npy"])), np.inf)
    buffer = io.BytesIO()
    np.save(buffer, flow)
    members["flow.npy"] = buffer.getvalue()


def small_flow(members):
    buffer = io.BytesIO()
    np.save(buffer, np.load(io.BytesIO(members["flow.npy"]))[::2])
    members["flow.npy"] = buffer.getvalue()


def lost_member(members):
    del members["part.png"]


def wrong_fov(members):
    members["json"] = members["json"].replace(b'"vfov_deg":34.0', b'"vfov_deg":35.0')
    members["json"] = members["json"].replace(b'"vfov_deg":33.99', b'"vfov_deg":35.99')


def wrong_key(members):
    members["json"] = members["json"].replace(b'"key":"000000_0000"', b'"key":"000000_0007"')


def wrong_appearance(members):
    facts = json.loads(members["json"])
    record = record_of(facts) | {"appearance": 1}
    members["json"] = canonical_json(rerecorded(facts, record)).encode()


MEMBER_FAULTS = {
    swap_mask_ids: "mask_area_px",
    ghost_in_mask: "holds id 9",
    part_without_person: "do not cover the same pixels",
    small_picture: "rgb.jpg is (64, 64, 3)",
    broken_picture: "cannot be read",
    hole_in_depth: "a person's pixel has no depth",
    long_normals: "not of unit length",
    hole_in_amodal: "person 1: a pixel of the mask is not in the amodal mask",
    body_beside_people: "do not agree on where bodies are",
    heavy_corner: "weights outside of their triangle",
    lost_surface: "geometry.npz holds",
    flow_of_nobody: "nobody in the picture has a flow",
    small_flow: "flow is (96, 224, 2)",
    lost_member: "expected",
    wrong_fov: "vfov_deg in the JSON does not belong",
    wrong_key: "its JSON says it is 000000_0007",
    wrong_appearance: "and 000000_0000_a1",
}


@pytest.mark.parametrize("change", MEMBER_FAULTS, ids=lambda f: f.__name__)
def test_wrong_member_is_found_though_checksums_are_right(dataset, change):
    repack(dataset, change)
    faults = verify(dataset)
    assert any(MEMBER_FAULTS[change] in fault for fault in faults), faults


@pytest.mark.parametrize("name", ["README.md", "croissant.json", "index.parquet"])
def test_missing_description(dataset, name):
    (dataset / name).unlink()
    assert verify(dataset) == [f"{name}: missing"]


def test_index_that_is_not_the_published_one(dataset):
    rows = read_index(dataset / "index.parquet")
    rows[0]["stature_m"] += 0.1
    write_index(dataset / "index.parquet", rows)
    assert any("SHA-256 of index.parquet" in fault for fault in verify(dataset))


def test_index_row_missing(dataset):
    write_index(dataset / "index.parquet", read_index(dataset / "index.parquet")[1:])
    assert any("not the people in the shards" in fault for fault in verify(dataset))


def test_index_value_wrong(dataset):
    rows = read_index(dataset / "index.parquet")
    rows[0]["occlusion"] += 0.1
    write_index(dataset / "index.parquet", rows)
    assert any("000000_0000 person 0: occlusion" in fault for fault in verify(dataset))


@pytest.mark.parametrize("count", ["samples", "people", "shards", "rejected"])
def test_wrong_count(dataset, count):
    description = read_json(dataset / "dataset.json")
    description["counts"][count] += 1
    write_json(dataset / "dataset.json", description)
    assert any(f"{count}, but there are" in fault for fault in verify(dataset))


def test_silently_dropped_scene(dataset):
    def forget(description):
        description["rejected"] = []
        description["counts"]["rejected"] = 0

    describe(dataset, forget)
    assert verify(dataset) == ["scene 1 is neither in a shard nor rejected"]


def test_rejection_without_reason(dataset):
    description = read_json(dataset / "dataset.json")
    description["rejected"][0]["reason"] = ""
    write_json(dataset / "dataset.json", description)
    assert verify(dataset) == ["scene 1 is rejected without a stage and a reason"]


def test_no_dataset_at_all(tmp_path):
    assert "no dataset.json" in verify(tmp_path)[0]


def test_description_that_is_no_description(dataset):
    (dataset / "dataset.json").write_text(canonical_json({"shards": 3}))
    assert len(verify(dataset)) == 1


def test_inspect_tells_the_counts_and_the_rejections(dataset):
    text = inspect(dataset)
    assert "3 images, 7 people, 2 shard(s), 3 scenes of which 1 rejected" in text
    assert "scene 1 at render" in text


def test_inspect_sample_draws_it(dataset, tmp_path):
    text = inspect(dataset, "000000_0001", tmp_path / "look.png")
    assert "person 2: female, 23 years" in text and "dense_437_2d" in text
    assert Image.open(tmp_path / "look.png").size == (4 * 224, 192)


def test_inspect_without_dataset_says_so(tmp_path):
    with pytest.raises(GenbError, match="no finished dataset"):
        inspect(tmp_path)


def test_sample_picture_marks_a_seen_joint_where_the_label_says(dataset):
    sample = find_sample(dataset, "000002_0000")
    labels = sample.labels()
    picture = sample_picture(sample)[:, 2 * 224 : 3 * 224]
    right_wrist = 21
    u, v = labels["joints_2d"][0, right_wrist].astype(int)
    assert labels["joints_code"][0, right_wrist] == 0
    # Green of a visible joint.
    assert picture[v, u, 1] > 180 and picture[v, u, 0] < 140
