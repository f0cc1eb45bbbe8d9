"""Shards: what goes in comes out, in two public readers, twice the same bytes, nothing dropped."""

import io
import tarfile

import numpy as np
import pytest
from made_scenes import (
    REASON,
    SCENES,
    made_dataset,
    make_plan,
    run_stages,
    write_rejection,
    write_upstream,
)
from PIL import Image

from pipeline import assets
from pipeline.errors import GenbError
from pipeline.jobs import Job
from pipeline.shards.__main__ import run
from pipeline.shards.finish import dataset_complete, finish_dataset
from pipeline.shards.index import read_index
from pipeline.shards.licences import asset_rows
from pipeline.shards.read import find_sample, read_samples
from pipeline.shards.records import checksum_path, read_record, shard_complete, shard_path
from pipeline.stages import Plan
from pipeline.storage import read_json, read_npz, sha256_file

KEYS = ["000000_0000", "000000_0001", "000002_0000"]


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def samples(made):
    tars = sorted((made.plan.out / "shards").glob("*.tar"))
    return {sample.key: sample for tar in tars for sample in read_samples(tar)}


def test_every_frame_of_every_accepted_scene_is_there_once(samples):
    assert sorted(samples) == KEYS


def test_members_hold_what_the_stages_wrote(made, samples):
    for key, scene, frame in ((KEYS[0], 0, 0), (KEYS[1], 0, 1), (KEYS[2], 2, 0)):
        sample, passes = samples[key], made.passes[scene][frame]
        assert np.array_equal(sample.array("depth.npy"), passes.depth)
        assert np.array_equal(sample.array("normal.npy"), passes.normal)
        geometry = sample.arrays("geometry.npz")
        for name in ("amodal", "body_face", "body_bary"):
            assert np.array_equal(geometry[name], getattr(passes, name))
        flow = sample.array("flow.npy")
        assert np.array_equal(flow, passes.flow) if passes.flow.size else np.isinf(flow).all()
        assert np.array_equal(sample.image("mask.png"), passes.instance)
        assert np.array_equal(sample.image("part.png"), passes.part)
        stem = f"frame_{frame:04d}"
        cg = Image.open(made.plan.scene_dir("render", scene) / f"{stem}.png")
        assert np.array_equal(sample.image("cg.png"), np.asarray(cg))
        final = np.asarray(Image.open(made.plan.scene_dir("rerender", scene) / f"{stem}.png"))
        error = sample.image("rgb.jpg").astype(float) - final
        # JPEG at quality 95.
        assert np.sqrt((error**2).mean()) < 3
        labels, truth = (
            sample.labels(),
            read_npz(made.plan.scene_dir("truth", scene) / f"{stem}.npz"),
        )
        assert all(np.array_equal(labels[name], truth[name]) for name in truth)
        extra = {f"dense_{n}_{what}" for n in (138, 437) for what in ("2d", "index", "code")}
        assert set(labels) - set(truth) == extra


def test_chroma_is_not_subsampled(samples):
    image = Image.open(io.BytesIO(samples[KEYS[0]].members["rgb.jpg"]))
    assert all(layer[1:3] == (1, 1) for layer in image.layer)


def test_tar_metadata_says_nothing_about_when_who_and_where(made):
    with tarfile.open(shard_path(made.plan, 0)) as tar:
        members = tar.getmembers()
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    names = [m.name for m in members]
    assert names == sorted(names)


def test_webdataset_decodes_every_member(made):
    import webdataset

    urls = [str(shard_path(made.plan, i)) for i in range(2)]
    reader = webdataset.WebDataset(urls, shardshuffle=False).decode("pil")
    seen = {sample["__key__"]: sample for sample in reader}
    assert sorted(seen) == KEYS
    sample = seen[KEYS[0]]
    assert np.array_equal(sample["depth.npy"], made.passes[0][0].depth)
    assert sample["normal.npy"].dtype == np.float16
    assert np.array_equal(np.asarray(sample["mask.png"])[..., 0], made.passes[0][0].instance)
    assert sample["rgb.jpg"].size == (224, 192)
    assert sample["npz"]["joints_2d"].shape == (3, 127, 2)
    assert sample["json"]["people"][2]["instance_id"] == 3


def test_hugging_face_datasets_decodes_every_member(made, tmp_path):
    from datasets import load_dataset
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    files = {"train": [str(shard_path(made.plan, i)) for i in range(2)]}
    rows = load_dataset("webdataset", data_files=files, split="train", cache_dir=str(tmp_path))
    rows = {row["__key__"]: row for row in rows.with_format("numpy")}
    assert sorted(rows) == KEYS
    row = rows[KEYS[2]]
    assert np.array_equal(np.array(row["depth.npy"], np.float32), made.passes[2][0].depth)
    assert np.array_equal(np.asarray(row["mask.png"]), made.passes[2][0].instance)
    assert row["json"]["people"][0]["subject"] == "subject_0005"
    labels = read_npz(made.plan.scene_dir("truth", 2) / "frame_0000.npz")
    assert np.allclose(row["npz"]["pose_cam"], labels["pose_cam"], atol=0)


def test_another_machine_ends_in_the_same_bytes(made, tmp_path):
    """Another folder, other execution settings: all published files are equal to the byte."""
    config = made.plan.config
    execution = config.execution.model_copy(update={"threads": 7})
    plan = Plan(config.model_copy(update={"execution": execution}), made.plan.seed, tmp_path / "b")
    for scene, spec in made.specs.items():
        write_upstream(plan, spec, made.bodies[scene], made.passes[scene])
    write_rejection(plan, "render", 1, REASON)
    run_stages(plan)
    published = [p for p in made.plan.out.rglob("*") if p.is_file()]
    published = [p.relative_to(made.plan.out) for p in published]
    # The report tells timings, so its page alone may differ.
    published = [p for p in published if p.parts[0] != "work" and p.name != "index.html"]
    assert len(published) > 20
    for path in published:
        assert sha256_file(plan.out / path) == sha256_file(made.plan.out / path), path


def test_nothing_published_tells_where_it_was_made(made):
    for path in made.plan.out.glob("*.*"):
        assert str(made.plan.out).encode() not in path.read_bytes()


def test_rejected_scene_is_listed_with_its_reason(made):
    assert read_record(made.plan, 0)["rejected"] == [
        {"scene": 1, "stage": "render", "reason": REASON}
    ]
    description = read_json(made.plan.out / "dataset.json")
    assert description["rejected"] == read_record(made.plan, 0)["rejected"]
    assert description["counts"] == {
        "scenes": 3,
        "rejected": 1,
        "samples": 3,
        "people": 7,
        "shards": 2,
    }
    assert REASON in (made.plan.out / "README.md").read_text()


def test_too_many_rejections_fail_and_keep_failing(made, tmp_path):
    plan = make_plan(tmp_path / "strict", limits={"max_reject_share": 0.0})
    write_upstream(plan, made.specs[2], made.bodies[2], made.passes[2])
    for stage in ("compose", "bodies", "render"):
        plan.scene_dir(stage, 2).rename(plan.scene_dir(stage, 0))
    write_rejection(plan, "rerender", 1, REASON)
    write_rejection(plan, "rerender", 0, "another reason")
    run(Job("shards", plan, scenes=(0, 1)))
    with pytest.raises(GenbError, match="2 of 2 scenes were rejected(.|\n)*another reason"):
        finish_dataset(plan, range(2))
    assert not dataset_complete(plan, 2)
    assert read_json(plan.out / "dataset.json")["counts"]["rejected"] == 2


def test_index_has_one_row_per_person_per_image(made, samples):
    rows = read_index(made.plan.out / "index.parquet")
    assert [(row["key"], row["person"]) for row in rows] == [
        *((key, k) for key in KEYS[:2] for k in range(3)),
        (KEYS[2], 0),
    ]
    for row in rows:
        sample = samples[row["key"]]
        assert row["occlusion"] == float(sample.labels()["occlusion"][row["person"]])
        box = [row[f"box_{side}"] for side in ("x0", "y0", "x1", "y1")]
        assert box == sample.labels()["box_modal"][row["person"]].tolist()
        assert row["hdri"] == "city" and row["vfov_deg"] == pytest.approx(34)
        assert row["shard"] == sample.json()["shard"]


def test_card_names_every_asset_and_the_tools_with_strings_attached(made):
    card = (made.plan.out / "README.md").read_text()
    for word in ("city", "free", "CC0-1.0", "smplx", "research", "bpy", "GPL", "Known limits"):
        assert word in card


def test_croissant_points_at_files_that_exist_with_those_checksums(made):
    data = read_json(made.plan.out / "croissant.json")
    files = [d for d in data["distribution"] if d["@type"] == "cr:FileObject"]
    assert len(files) == 3
    for file in files:
        assert sha256_file(made.plan.out / file["contentUrl"]) == file["sha256"]
    columns = {field["name"] for field in data["recordSet"][0]["field"]}
    assert columns == set(read_index(made.plan.out / "index.parquet")[0])


@pytest.fixture
def shard(made, tmp_path):
    """A complete copy of shard 0 that a test may damage."""
    plan = make_plan(tmp_path / "copy", shards={"scenes_per_shard": 2})
    for scene in (0, 1):
        write_rejection(plan, "rerender", scene, REASON)
    run(Job("shards", plan, scenes=(0, 1)))
    assert shard_complete(plan, 0, [0, 1])
    return plan


def test_shard_is_complete_only_for_exactly_its_scenes(shard):
    assert not shard_complete(shard, 0, [0])
    assert not shard_complete(shard, 0, [0, 1, 2])
    assert not shard_complete(shard, 1, [2])


@pytest.mark.parametrize("damage", ["tar", "checksum", "cut", "other", "record"])
def test_damaged_shard_is_not_complete(shard, damage):
    tar = shard_path(shard, 0)
    if damage == "tar":
        tar.unlink()
    elif damage == "checksum":
        checksum_path(tar).unlink()
    elif damage == "cut":
        tar.write_bytes(tar.read_bytes()[:-512])
    elif damage == "other":
        # Another configuration wrote a tar of the same size to the same name.
        checksum_path(tar).write_text(f"{'0' * 64}  {tar.name}\n")
    else:
        (shard.stage_dir("shards") / "shard_000000.json").unlink()
    assert not shard_complete(shard, 0, [0, 1])


def test_finished_dataset_is_complete_and_a_missing_piece_undoes_it(made):
    assert dataset_complete(made.plan, SCENES)
    assert not dataset_complete(made.plan, SCENES - 1)
    changed = made.plan.config.model_copy(update={"description": "other words"})
    assert not dataset_complete(Plan(changed, made.plan.seed, made.plan.out), SCENES)
    report = made.plan.out / "report" / "index.html"
    hidden = report.rename(report.with_name("hidden"))
    assert not dataset_complete(made.plan, SCENES)
    hidden.rename(report)


def test_tars_of_an_earlier_larger_run_are_set_aside_not_deleted(shard):
    extra = shard_path(shard, 5)
    extra.write_bytes(b"an earlier shard")
    with pytest.raises(GenbError):
        finish_dataset(shard, range(2))
    assert not extra.exists()
    assert (shard.out / "work" / "earlier_shards" / extra.name).read_bytes() == b"an earlier shard"


def test_finishing_without_a_shard_says_what_is_missing(shard):
    shard_path(shard, 0).unlink()
    with pytest.raises(GenbError, match="genb-000000.tar is missing"):
        finish_dataset(shard, range(2))


def test_licences_cover_every_model_and_reference_of_the_painting(tmp_path, monkeypatch):
    row = {"licence": "CC-BY-4.0", "source": "a friend", "obtained": "by post"}
    lines = [f'{name} = "{value}"' for name, value in row.items()]
    lines += ['id = "street"', "redistributable = true", "commercial_use = false"]
    (tmp_path / "reference.toml").write_text("[[asset]]\n" + "\n".join(lines))
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    assets.manifest.cache_clear()
    painting = {
        "backend": "diffusers",
        "denoise_steps": 4,
        "model": "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "controlnets": [{"control": "softedge", "model": "random-tiny"}],
        "loras": [{"model": "a/lora"}],
        "references": [{"model": "an/adapter", "images": ["street"]}],
    }
    rows = asset_rows(make_plan(tmp_path, diffusion=painting).config, [], [], [], [])
    painted_by = {r["id"]: r for r in rows if r["kind"] in ("diffusion", "reference")}
    assert set(painted_by) == {
        *("stable-diffusion-v1-5/stable-diffusion-v1-5", "random-tiny", "a/lora", "an/adapter"),
        *("street", "lllyasviel/Annotators"),
    }
    assert painted_by["street"]["licence"] == "CC-BY-4.0"
    assert not painted_by["street"]["commercial_use"]
    assert "not in the manifest" in painted_by["a/lora"]["licence"]
    assert painted_by["random-tiny"]["commercial_use"]
    still = make_plan(tmp_path, diffusion=painting | {"denoise_steps": 0}).config
    assert not {r["kind"] for r in asset_rows(still, [], [], [], [])} & {"diffusion", "reference"}
    assets.manifest.cache_clear()


def test_unknown_key_is_an_error_with_an_example(made):
    with pytest.raises(GenbError, match="Keys look like"):
        find_sample(made.plan.out, "999999_0000")
