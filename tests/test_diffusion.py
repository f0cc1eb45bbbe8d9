"""Integer noise levels, regional noise on unmodified diffusers, and the whole stage.

The models are random and tiny: they test the machinery, never the looks.
"""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from diffusion_pictures import part_picture, passes_of, people_picture

from pipeline.config import Config, DiffusionSection, load_config
from pipeline.conventions import PARTS
from pipeline.diffusion import backends, noise
from pipeline.diffusion.__main__ import Rerenderer, read_image, write_image
from pipeline.diffusion.backends import Request, make_backend
from pipeline.diffusion.models import check_models
from pipeline.diffusion.regional import RegionalNoise, cell_levels, strength_of
from pipeline.diffusion.tiny import CONTROLS, write_tiny_pipeline
from pipeline.errors import GenbError, SceneRejected
from pipeline.jobs import Job
from pipeline.scene import SceneSpec
from pipeline.stages import Plan
from pipeline.storage import read_json, write_json, write_npz
from pipeline.truth.schema import VISIBILITY

SIZE = 128


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folders of the tiny SD1.5 and SDXL pipelines."""
    root = tmp_path_factory.mktemp("tiny")
    return {family: write_tiny_pipeline(root / family, family) for family in ("sd15", "sdxl")}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The models are too small to share."""
    torch.set_num_threads(1)


def _section(tiny, family="sd15", controls=CONTROLS, **options) -> dict:
    folder = tiny[family]
    return {
        "backend": "diffusers",
        "family": family,
        "model": str(folder / "base"),
        "controlnets": [
            {"control": name, "model": str(folder / f"controlnet_{name}")} for name in controls
        ],
        "steps": 8,
        "denoise_steps": 4,
        "guidance_scale": 1.0,
        "finish": False,
        **options,
    }


def _config(tiny, family="sd15", **options) -> Config:
    return Config.model_validate({"diffusion": _section(tiny, family, **options)})


def _request(config: Config, shape=(SIZE, SIZE), seed: int = 3) -> Request:
    image, part, instance = people_picture(1, SIZE)
    image, part, instance = (x[: shape[0], : shape[1]] for x in (image, part, instance))
    levels = noise.level_map(config.diffusion, part, instance)
    controls = {net.control: image for net in config.diffusion.controlnets}
    return Request(image, levels, part, controls, "a photo of two people", seed)


# --- levels -----------------------------------------------------------------------------------


def test_every_part_is_in_exactly_one_region():
    parts = [name for names in noise.REGIONS.values() for name in names]
    assert sorted(parts) == sorted(PARTS)


def test_level_map_gives_every_region_its_integer_and_minus_one_the_global_level():
    part, instance = part_picture(SIZE)
    section = DiffusionSection(denoise_steps=7, noise={"face": 2, "hands": 0, "background": 9})
    levels = noise.level_map(section, part, instance)
    expected = {"face": 2, "hands": 0, "background": 9, "upper": 7, "hair": 7, "skin": 7}
    for name, level in expected.items():
        assert (levels[part == PARTS[name]] == level).all(), name
    assert levels.dtype == np.int32


def test_the_silhouette_band_caps_and_never_raises():
    part, instance = part_picture(SIZE)
    section = DiffusionSection(
        denoise_steps=7, noise={"face": 0, "silhouette_band": 3, "silhouette_band_px": 4}
    )
    levels = noise.level_map(section, part, instance)
    # An independent band: pixels whose 9 x 9 neighbourhood holds more than one instance id.
    ids = instance.astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    near = cv2.dilate(ids, kernel) != cv2.erode(ids, kernel)
    agreement = ((levels <= 3) | (part == PARTS["face"])) == (near | (part == PARTS["face"]))
    # OpenCV's distances are those between pixel centres, its ellipse is a rough disc.
    assert agreement.mean() > 0.98
    assert set(np.unique(levels)) == {0, 3, 7} and (levels[part == PARTS["face"]] == 0).all()


@pytest.mark.parametrize("steps", [1, 7, 20, 22, 50, 100])
def test_strength_always_floors_to_the_level(steps):
    for level in range(1, steps + 1):
        assert min(int(steps * strength_of(level, steps)), steps) == level


def test_a_latent_cell_is_as_protected_as_its_most_protected_pixel():
    levels = np.full((16, 24), 5, np.int32)
    levels[3, 9] = 2
    assert cell_levels(levels, 8).tolist() == [[5, 2, 5], [5, 5, 5]]


def test_levels_beyond_the_steps_and_unknown_regions_are_errors():
    for bad in ({"denoise_steps": 30}, {"noise": {"face": 21}}, {"noise": {"fase": 1}}):
        with pytest.raises(ValueError, match="denois|noise|fase"):
            Config.model_validate({"diffusion": {"steps": 20, **bad}})


# --- unmodified diffusers ----------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++"])
def test_protected_latents_are_bit_equal_and_others_change(tiny, scheduler):
    config = _config(tiny, controls=["depth"], scheduler=scheduler)
    backend = make_backend(config)
    request = _request(config)
    cells = np.full((SIZE // 8, SIZE // 8), 4, np.int32)
    cells[4:8, 4:8], cells[8:12, 8:12] = 0, 2
    with torch.inference_mode():
        clean = backend._encode(request.image)
        generator = torch.Generator().manual_seed(1)
        drawn = torch.randn(clean.shape, generator=generator)
        regional = RegionalNoise(backend.pipe, clean, drawn, cells, 8)
        latents = backend._denoise(request, request.image, regional, generator)
    change = (latents - clean).abs().amax(dim=1)[0].numpy()
    assert (change[cells == 0] == 0).all()
    assert (change[cells == 4] > 0).all() and (change[cells == 2] > 0).all()
    assert change[cells == 2].mean() < change[cells == 4].mean()
    assert regional.steps_run == 4


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++"])
def test_a_uniform_level_is_plain_img2img(tiny, scheduler):
    config = _config(tiny, controls=["depth"], scheduler=scheduler)
    backend = make_backend(config)
    request = _request(config)
    cells = np.full((SIZE // 8, SIZE // 8), 4, np.int32)
    with torch.inference_mode():
        clean = backend._encode(request.image)
        drawn = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
        regional = RegionalNoise(backend.pipe, clean, drawn, cells, 8)
        ours = backend._denoise(request, request.image, regional, torch.Generator())
        # Without our callback and with diffusers' own noising of the same latents.
        picture = torch.from_numpy(request.image.copy()).permute(2, 0, 1)[None].float() / 255
        theirs = backend.pipe(
            prompt=request.prompt,
            negative_prompt=config.diffusion.negative_prompt,
            image=clean
            / backend.pipe.vae.config.scaling_factor
            * backend.pipe.vae.config.scaling_factor,
            control_image=[picture],
            height=SIZE,
            width=SIZE,
            strength=4.5 / 8,
            num_inference_steps=8,
            guidance_scale=1.0,
            controlnet_conditioning_scale=[1.0],
            generator=torch.Generator().manual_seed(1),
            output_type="latent",
        ).images
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_repeats_are_bit_equal_and_seeds_matter(tiny, family):
    config = _config(tiny, family)
    backend = make_backend(config)
    first = backend.rerender(_request(config)).image
    assert (first == backend.rerender(_request(config)).image).all()
    assert (first == make_backend(config).rerender(_request(config)).image).all()
    assert (first != backend.rerender(_request(config, seed=4)).image).any()


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("shape", [(SIZE, SIZE), (120, 72)])
def test_face_stays_as_rendered_while_the_background_changes(tiny, family, shape):
    config = _config(tiny, family, noise={"face": 0, "hands": 0})
    request = _request(config, shape)
    rendered = make_backend(config).rerender(request)
    change = np.abs(rendered.image.astype(int) - request.image).max(axis=-1)
    kept = np.isin(request.part, [PARTS["face"], PARTS["hands"]])
    assert rendered.image.shape == request.image.shape
    assert (change[kept] == 0).all()
    assert (change[request.part == 0] > 0).mean() > 0.9
    regions = rendered.record["regions"]
    assert regions["face"]["level"] == 0 and regions["face"]["max_steps"] == 0
    assert regions["background"]["level"] == 4 and 2 < regions["background"]["mean_steps"] < 4
    assert rendered.record["steps_run"] == 4


def test_without_paste_back_the_autoencoder_changes_the_face(tiny):
    config = _config(tiny, controls=["depth"], noise={"face": 0}, paste_back=False)
    request = _request(config)
    image = make_backend(config).rerender(request).image
    face = request.part == PARTS["face"]
    assert (image[face] != request.image[face]).any()


def test_residual_detail_adds_only_what_denoising_changed(tiny):
    common = {"controls": ["depth"], "paste_back": False, "noise": {"background": 0}}
    request = _request(_config(tiny, **common))
    errors = {}
    for detail in ("decoded", "residual"):
        config = _config(tiny, detail=detail, **common)
        image = make_backend(config).rerender(request).image.astype(int)
        errors[detail] = np.abs(image - request.image)[:16, -16:].mean()
    # In this far corner no latent changed; what is left is the decoder's image-wide normalisation.
    assert errors["residual"] < 0.5 * errors["decoded"]


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_reaches_the_network(tiny, control):
    config = _config(tiny, controls=[control])
    backend = make_backend(config)
    request = _request(config)
    other = Request(
        request.image,
        request.levels,
        request.part,
        {control: 255 - request.image},
        request.prompt,
        request.seed,
    )
    assert (backend.rerender(request).image != backend.rerender(other).image).any()


def test_level_zero_everywhere_loads_no_model(tiny):
    section = {"backend": "diffusers", "model": "/does/not/exist", "denoise_steps": 0}
    config = Config.model_validate({"diffusion": section})
    check_models(config)
    request = _request(config)
    rendered = make_backend(config).rerender(request)
    assert (rendered.image == request.image).all() and rendered.record["steps_run"] == 0


def test_every_backend_of_the_registry_honours_level_zero(tiny):
    for name in backends.BACKENDS:
        config = _config(tiny, controls=["depth"], backend=name)
        request = _request(config)
        untouched = Request(request.image, request.levels * 0, request.part, {}, "", 1)
        rendered = make_backend(config).rerender(untouched)
        assert (rendered.image == request.image).all(), name
        assert rendered.record["backend"] == name


def test_a_missing_gpu_is_an_error_not_a_fallback(tiny):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    section = _section(tiny)
    config = Config.model_validate({"diffusion": section, "execution": {"device": "cuda"}})
    with pytest.raises(GenbError, match="execution.device"):
        make_backend(config)


# --- models ------------------------------------------------------------------------------------


def test_a_good_configuration_passes(tiny):
    for family in ("sd15", "sdxl"):
        check_models(_config(tiny, family))


def test_all_faults_of_the_models_are_named_at_once(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    write_json(pickled / "config.json", {"conditioning_embedding_out_channels": [1]})
    (pickled / "diffusion_pytorch_model.bin").write_bytes(b"")
    nets = [
        {"control": "openpose", "model": "someone/no-such-controlnet", "revision": "abc"},
        {"control": "depth", "model": str(tiny["sdxl"] / "controlnet_depth")},
        {"control": "canny", "model": str(tiny["sd15"] / "base" / "unet")},
        {"control": "normal", "model": str(pickled)},
        {"control": "normal", "model": "/nowhere"},
    ]
    with pytest.raises(GenbError) as caught:
        check_models(_config(tiny, controlnets=nets))
    message = str(caught.value)
    for part in (
        "`hf download someone/no-such-controlnet --revision abc`",
        "made for another family",
        "UNet2DConditionModel, not a ControlNetModel",
        "no .safetensors weights",
        "the model folder /nowhere does not exist",
        "render_configs/diffusion/",
    ):
        assert part in message


def test_a_wrong_family_and_missing_controlnets_are_errors(tiny):
    with pytest.raises(GenbError, match="family 'sdxl'.*diffusion.family = 'sd15'"):
        check_models(_config(tiny, model=str(tiny["sdxl"] / "base")))
    with pytest.raises(GenbError, match="controlnets is empty"):
        check_models(_config(tiny, controlnets=[]))


def test_checking_models_imports_no_torch(tiny):
    code = (
        "import sys; from pipeline.config import CONFIG_DIR, load_config\n"
        "from pipeline.diffusion.models import check_models\n"
        "try: check_models(load_config(str(CONFIG_DIR / 'diffusion' / 'sd15.toml')))\n"
        "except Exception as e: print(type(e).__name__)\n"
        "print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    )
    environment = {"HF_HUB_CACHE": str(tiny["sd15"]), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert run.stdout.decode().split("\n")[:2] == ["GenbError", "[]"], run.stderr.decode()


@pytest.mark.parametrize("name", ["sd15", "sdxl", "random"])
def test_presets_parse_and_their_models_have_licences(name):
    from pipeline import assets
    from pipeline.config import CONFIG_DIR

    section = load_config(str(CONFIG_DIR / "diffusion" / f"{name}.toml")).diffusion
    assert section.backend == "diffusers" and 0 < section.denoise_steps < section.steps
    for model in {section.model, *(net.model for net in section.controlnets)} - {"random-tiny"}:
        assert assets.find("diffusion", model).asset.licence


# --- the stage ----------------------------------------------------------------------------------


def _write_scene(plan: Plan, frames: int = 2) -> SceneSpec:
    """The files that the stages before leave behind, from a made-up picture."""
    person = {
        "subject": {
            "subject": "s0",
            "gender": "neutral",
            "sex": "female",
            "age_years": 30,
            "ancestry": [1, 0, 0],
            "betas": [0.0],
            "motion": {"name": "walk", "seed": 1, "frames": 2, "fps": 25},
            "outfit": [{"kind": "dress", "layer": "full"}],
        },
        "first_frame": 0,
        "position_m": [0, 0],
        "yaw_deg": 0,
        "expression": [],
        "appearance": {
            "skin_tone": 0.5,
            "iris": "blue",
            "hair_style": "short",
            "hair_colour": "grey",
            "garment_seeds": [1],
            "shoe_seed": 1,
            "seed": 1,
        },
    }
    spec = SceneSpec.model_validate(
        {
            "scene": 0,
            "seed": 5,
            "frames": frames,
            "people": [person, person],
            "camera": {
                "width": SIZE,
                "height": SIZE,
                "vfov_deg": 40,
                "eye_m": [0, -4, 1],
                "target_m": [0, 0, 1],
            },
            "light": {"hdri": "city", "rotation_deg": 0, "strength": 1, "exposure_stops": 0},
        }
    )
    write_json(plan.scene_dir("compose", 0) / "scene.json", spec.model_dump(mode="json"))
    rng = np.random.default_rng(0)
    for frame in range(frames):
        image, part, instance = people_picture(frame, SIZE)
        name = f"frame_{frame:04d}"
        write_image(plan.scene_dir("render", 0) / f"{name}.png", image)
        passes_of(part, instance).save(plan.scene_dir("render", 0) / f"{name}.npz")
        labels = {
            "joints_2d": rng.uniform(20, SIZE - 20, (2, 127, 2)).astype(np.float32),
            "joints_code": np.full((2, 127), VISIBILITY["visible"], np.uint8),
        }
        write_npz(plan.scene_dir("truth", 0) / f"{name}.npz", labels)
    return spec


def _run_stage(config: Config, out) -> tuple[Plan, list]:
    plan = Plan(config, 5, out)
    _write_scene(plan)
    folder = plan.scene_dir("rerender", 0)
    folder.mkdir(parents=True)
    Rerenderer(Job("rerender", plan, (0,))).scene(0, folder)
    return plan, [read_json(folder / f"frame_{i:04d}.json") for i in range(2)]


def test_passthrough_without_finish_is_byte_equal_to_the_render(tmp_path):
    plan, records = _run_stage(Config.model_validate({"diffusion": {"finish": False}}), tmp_path)
    for frame, record in enumerate(records):
        name = f"frame_{frame:04d}.png"
        final = read_image(plan.scene_dir("rerender", 0) / name)
        assert (final == read_image(plan.scene_dir("render", 0) / name)).all()
        assert record["decision"] == "accepted" and record["drift"]["mean_px"] == 0
        assert record["steps_run"] == 0 and record["backend"] == "passthrough"


def test_the_default_is_passthrough_with_finish(tmp_path):
    plan, records = _run_stage(Config(), tmp_path)
    final = read_image(plan.scene_dir("rerender", 0) / "frame_0000.png")
    assert (final != read_image(plan.scene_dir("render", 0) / "frame_0000.png")).any()
    assert records[0]["finish"] == records[1]["finish"] and records[0]["finish"]["grain"] > 0
    assert all(r["drift"]["mean_px"] < 0.2 and len(r["drift"]["people"]) == 2 for r in records)


def test_the_stage_process_writes_everything_and_equals_a_run_in_another_process(tiny, tmp_path):
    options = {"save_controls": True, "noise": {"face": 0}, "finish": True}
    config = _config(tiny, max_drift_px=1000.0, min_flow_share=0.0, **options)
    here, _ = _run_stage(config, tmp_path / "here")
    plan = Plan(config, 5, tmp_path / "process")
    _write_scene(plan)
    job_file = tmp_path / "job.json"
    write_json(job_file, Job("rerender", plan, (0,)).to_json())
    command = [sys.executable, "-m", "pipeline.diffusion", str(job_file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outputs = [
        {path.name: path.read_bytes() for path in p.scene_dir("rerender", 0).iterdir()}
        for p in (here, plan)
    ]
    frame_files = {".json", ".png", *(f".{name}.png" for name in CONTROLS)}
    assert set(outputs[0]) == {f"frame_{i:04d}{end}" for i in (0, 1) for end in frame_files}
    assert outputs[0] == outputs[1]
    record = read_json(plan.scene_dir("rerender", 0) / "frame_0001.json")
    assert record["decision"] == "accepted" and record["steps_run"] == 4
    assert record["regions"]["face"]["max_steps"] == 0
    assert record["prompt"].startswith("a photograph of two women wearing dress, in a city square")
    assert record["levels"]["garments"] == 4 and len(record["controlnets"]) == 4


def test_drift_beyond_the_limit_is_repaired_or_rejects_the_scene(tiny, tmp_path):
    repaired = _config(tiny, controls=["depth"], on_drift="passthrough", max_drift_px=0.01)
    plan, records = _run_stage(repaired, tmp_path / "a")
    assert [r["decision"] for r in records] == ["repaired"] * 2 and records[0]["reason"]
    final = read_image(plan.scene_dir("rerender", 0) / "frame_0000.png")
    assert (final == read_image(plan.scene_dir("render", 0) / "frame_0000.png")).all()
    rejecting = _config(tiny, controls=["depth"], on_drift="reject", max_drift_px=0.01)
    with pytest.raises(SceneRejected, match="frame_0000: person"):
        _run_stage(rejecting, tmp_path / "b")


def test_the_scale_of_noise_can_be_swept_without_touching_the_render(tmp_path):
    plans = [
        Plan(Config.model_validate({"diffusion": {"denoise_steps": level}}), 5, tmp_path)
        for level in (0, 3)
    ]
    assert plans[0].key("render") == plans[1].key("render")
    assert plans[0].key("rerender") != plans[1].key("rerender")


# --- the demo model ------------------------------------------------------------------------------


def test_a_trained_demo_model_repeats_and_re_renders(tmp_path):
    from pipeline.diffusion.train import train

    dataset = tmp_path / "dataset"
    _write_scene(Plan(Config(), 5, dataset), frames=6)
    models = [tmp_path / name for name in ("one", "two")]
    for model in models:
        train(dataset, model, minutes=1, iterations=(3, 2))
    weights = [
        {p.relative_to(m): p.read_bytes() for p in sorted(m.rglob("*.safetensors"))} for m in models
    ]
    assert weights[0] == weights[1] and len(weights[0]) == 7
    config = load_config(str(models[0] / "rerender.toml"))
    check_models(config)
    request = _request(config)
    rendered = make_backend(config).rerender(request)
    assert rendered.record["steps_run"] == 6 and (rendered.image != request.image).any()


def test_training_without_enough_renders_says_what_to_make(tmp_path):
    from pipeline.diffusion.training_data import load_training_data

    dataset = tmp_path / "dataset"
    _write_scene(Plan(Config(), 5, dataset), frames=2)
    with pytest.raises(GenbError, match="2 labelled renders.*--scenes"):
        load_training_data(dataset)
