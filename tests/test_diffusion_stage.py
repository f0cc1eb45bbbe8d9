"""The stage as a whole: what it writes, what it accepts, mends and gives up, and the small model.

The models are random and tiny: they test the machinery, never the looks.
"""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from diffusion_models import request_of, run_stage, tiny_config, write_scene
from diffusion_pictures import passes_of, people_picture

from pipeline.config import Config, load_config
from pipeline.diffusion.backends import Rendered, Request, make_backend
from pipeline.diffusion.images import read_image, write_image
from pipeline.diffusion.models import check_models
from pipeline.diffusion.rerender import Rerenderer, load_frame
from pipeline.errors import GenbError, SceneRejected
from pipeline.jobs import Job
from pipeline.stages import Plan
from pipeline.storage import read_json, write_json

STRICT = {
    "max_px": 0.01,
    "min_followed": 0.0,
    "max_lost": 1.0,
    "max_boundary_px": 0.0,
    "retries": 0,
}


def _render(folder, frame: int = 0) -> np.ndarray:
    """The picture that a frame in the stage's folder was made from."""
    work = folder.parents[2]
    return read_image(next(work.glob(f"render/*/scene_000000/frame_{frame:04d}.png")))


def _instance(folder, frame: int = 0) -> np.ndarray:
    work = folder.parents[2]
    path = next(work.glob(f"render/*/scene_000000/frame_{frame:04d}.npz"))
    return np.load(path)["instance"]


def _records(folder, count: int = 2) -> list[dict]:
    return [read_json(folder / f"frame_{i:04d}.json") for i in range(count)]


def test_passthrough_without_finish_is_byte_equal_to_the_render(tmp_path):
    folder = run_stage(Config.model_validate({"diffusion": {"finish": False}}), tmp_path)
    for frame, record in enumerate(_records(folder)):
        final = read_image(folder / f"frame_{frame:04d}.png")
        assert (final == _render(folder, frame)).all()
        assert record["decision"] == "accepted" and record["drift"]["mean_px"] == 0
        assert record["steps_run"] == 0 and record["backend"] == "passthrough"


def test_the_default_is_passthrough_with_finish(tmp_path):
    folder = run_stage(Config(), tmp_path)
    records = _records(folder)
    assert (read_image(folder / "frame_0000.png") != _render(folder)).any()
    assert records[0]["finish"] == records[1]["finish"] and records[0]["finish"]["grain"] > 0
    assert all(r["drift"]["mean_px"] < 0.2 and len(r["drift"]["people"]) == 2 for r in records)


def test_the_stage_process_writes_everything_and_equals_a_run_in_another_process(tiny, tmp_path):
    options = {"save_controls": True, "noise": {"face": 0}, "finish": True, "appearances": 2}
    config = tiny_config(tiny, **options)
    here = run_stage(config, tmp_path / "here")
    plan = Plan(config, 5, tmp_path / "process")
    write_scene(plan)
    job_file = tmp_path / "job.json"
    write_json(job_file, Job("rerender", plan, (0,)).to_json())
    command = [sys.executable, "-m", "pipeline.diffusion", str(job_file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outputs = [
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (here, plan.scene_dir("rerender", 0))
    ]
    endings = {f".{net.control}.png" for net in config.diffusion.controlnets}
    endings |= {".json", ".png", "_a1.json", "_a1.png"}
    assert set(outputs[0]) == {f"frame_{i:04d}{end}" for i in (0, 1) for end in endings}
    assert outputs[0] == outputs[1]
    record = read_json(plan.scene_dir("rerender", 0) / "frame_0001.json")
    assert record["decision"] == "accepted" and record["steps_run"] == 4
    assert record["regions"]["face"]["max_steps"] == 0
    assert "two grey-haired women in dresses" in record["prompt"]
    assert record["levels"]["upper"] == 4 and len(record["controlnets"]) == 4


def test_the_batch_size_changes_no_byte(tiny, tmp_path):
    config = tiny_config(tiny, controls=["depth"])
    many = config.model_copy(update={"execution": config.execution.model_copy(update={"batch": 3})})
    files = [
        {path.name: path.read_bytes() for path in run_stage(one, tmp_path / name, 4).iterdir()}
        for one, name in ((config, "one"), (many, "three"))
    ]
    assert files[0] == files[1] and len(files[0]) == 8


def test_appearances_differ_in_paint_and_share_the_labels(tiny, tmp_path):
    folder = run_stage(tiny_config(tiny, controls=["depth"], appearances=3), tmp_path, frames=1)
    pictures = [read_image(folder / f"frame_0000{end}.png") for end in ("", "_a1", "_a2")]
    records = [read_json(folder / f"frame_0000{end}.json") for end in ("", "_a1", "_a2")]
    assert len({record["seed"] for record in records}) == 3
    assert [record["appearance"] for record in records] == [0, 1, 2]
    for one, other in ((0, 1), (1, 2)):
        assert (pictures[one] != pictures[other]).any(axis=-1).mean() > 0.5


def test_one_seed_per_scene_gives_every_frame_the_same_noise(tiny, tmp_path):
    seeds = {}
    for policy in ("frame", "scene"):
        config = tiny_config(tiny, controls=["depth"], seed_per=policy)
        folder = run_stage(config, tmp_path / policy)
        seeds[policy] = [record["seed"] for record in _records(folder)]
    assert seeds["frame"][0] != seeds["frame"][1] and seeds["scene"][0] == seeds["scene"][1]


def test_what_happens_to_people_who_drift(tiny, tmp_path):
    """A random model moves everybody: the limits decide what becomes of the picture."""
    common = {"controls": ["depth"]}
    whole = run_stage(
        tiny_config(tiny, **common, drift=STRICT | {"on_drift": "passthrough"}), tmp_path / "a"
    )
    for frame, record in enumerate(_records(whole)):
        assert record["decision"] == "passthrough" and "person 0" in record["reason"]
        assert record["steps_applied"] == 0 and record["steps_run"] == 4
        assert (read_image(whole / f"frame_{frame:04d}.png") == _render(whole, frame)).all()
        assert record["drift"]["mean_px"] == 0 and record["attempts"][0]["drift"]["mean_px"] > 0
    people = run_stage(
        tiny_config(tiny, **common, drift=STRICT | {"on_drift": "person"}), tmp_path / "b"
    )
    record, picture = _records(people)[0], read_image(people / "frame_0000.png")
    render, instance = _render(people), _instance(people)
    assert record["decision"] == "render"
    assert record["treated"] == [{"person": k, "decision": "render"} for k in (0, 1)]
    assert (picture[instance > 0] == render[instance > 0]).all()
    assert (picture[instance == 0] != render[instance == 0]).any(axis=-1).mean() > 0.5
    with pytest.raises(SceneRejected, match="frame_0000: person"):
        run_stage(
            tiny_config(tiny, **common, drift=STRICT | {"on_drift": "reject"}), tmp_path / "c"
        )


class _Mover:
    """A backend that moves the picture to the right by half a pixel per step of noise."""

    def rerender(self, requests: list[Request]) -> list[Rendered]:
        return [self._moved(request) for request in requests]

    def _moved(self, request: Request) -> Rendered:
        y, x = np.mgrid[: request.levels.shape[0], : request.levels.shape[1]].astype(np.float32)
        distance = cv2.GaussianBlur(request.levels.astype(np.float32), (0, 0), 2) / 2
        image = cv2.remap(request.image, x - distance, y, cv2.INTER_CUBIC)
        return Rendered(image, {"backend": "mover", "steps_run": int(request.levels.max())})


@pytest.mark.parametrize(
    ("limit_px", "retries", "decision", "paintings"),
    [
        (3.0, 1, "accepted", 1),
        (1.5, 1, "calmed", 2),
        (0.75, 2, "calmed", 3),
        (0.75, 1, "render", 3),
    ],
)
def test_people_are_painted_with_less_noise_until_they_fit(
    tmp_path, limit_px, retries, decision, paintings
):
    """Everybody moves 2 px at level 4, 1 px at level 2, half a pixel at level 1."""
    limits = STRICT | {"max_px": limit_px, "retries": retries}
    options = {"steps": 8, "denoise_steps": 4, "finish": False, "drift": limits}
    config = Config.model_validate({"diffusion": options})
    spec = write_scene(Plan(config, 5, tmp_path), 1)
    frame = load_frame(Plan(config, 5, tmp_path), spec, 0)
    rerenderer = Rerenderer(config)
    rerenderer.backend = _Mover()
    record = rerenderer.pictures([frame])[0].record
    assert record["decision"] == decision and len(record["attempts"]) == paintings
    assert {one["decision"] for one in record["treated"]} <= {decision}
    moved = [attempt["drift"]["people"][0]["mean_px"] for attempt in record["attempts"]]
    # The bar of the drift meter: a quarter of a pixel.
    expected = [2.0, 1.0, 0.5][: paintings - (decision == "render")]
    assert moved[: len(expected)] == pytest.approx(expected, abs=0.25)
    assert record["drift"]["people"][0]["mean_px"] <= limit_px


def test_noise_can_be_changed_without_touching_the_render(tmp_path):
    plans = [
        Plan(Config.model_validate({"diffusion": {"denoise_steps": level}}), 5, tmp_path)
        for level in (0, 3)
    ]
    assert plans[0].key("render") == plans[1].key("render")
    assert plans[0].key("rerender") != plans[1].key("rerender")


# --- training a small model ----------------------------------------------------------------------


def test_a_trained_model_repeats_and_re_renders(tmp_path):
    from pipeline.diffusion.train import train

    dataset = tmp_path / "dataset"
    _large_scenes(dataset, 6)
    models = [tmp_path / name for name in ("one", "two")]
    for model in models:
        train(dataset, model, minutes=1, iterations=(3, 4))
    weights = [
        {p.relative_to(m): p.read_bytes() for p in sorted(m.rglob("*.safetensors"))} for m in models
    ]
    assert weights[0] == weights[1] and len(weights[0]) == 5
    config = load_config(str(models[0] / "rerender.toml"))
    check_models(config)
    request = request_of(config)
    rendered = make_backend(config).rerender([request])[0]
    assert rendered.record["steps_run"] == config.diffusion.denoise_steps
    assert (rendered.image != request.image).any()


def _large_scenes(dataset, frames: int) -> None:
    """Made-up frames, enlarged: training cuts pieces of up to 224 px."""
    plan = Plan(Config(), 5, dataset)
    write_scene(plan, frames)
    for frame in range(frames):
        image, part, instance = people_picture(frame, 256)
        name = f"frame_{frame:04d}"
        write_image(plan.scene_dir("render", 0) / f"{name}.png", cv2.GaussianBlur(image, (0, 0), 1))
        passes_of(part, instance).save(plan.scene_dir("render", 0) / f"{name}.npz")


def test_training_without_enough_renders_says_what_to_make(tmp_path):
    from pipeline.diffusion.training_data import load_training_data

    dataset = tmp_path / "dataset"
    write_scene(Plan(Config(), 5, dataset), frames=2)
    with pytest.raises(GenbError, match="2 labelled renders.*--scenes"):
        load_training_data(dataset)
