"""Models that cannot be used are named before anything is rendered, all faults together."""

import shutil
import subprocess
import sys

import pytest
from diffusion_models import FAMILY_CONTROLS, tiny_config

from pipeline.config import CONFIG_DIR, load_config
from pipeline.diffusion.models import check_models
from pipeline.errors import GenbError
from pipeline.storage import read_json, write_json

PRESETS = sorted(path.stem for path in (CONFIG_DIR / "diffusion").glob("*.toml"))


@pytest.mark.parametrize("family", list(FAMILY_CONTROLS))
def test_a_good_configuration_passes(tiny, family):
    check_models(tiny_config(tiny, family))


def test_all_faults_of_the_models_are_named_at_once(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    write_json(pickled / "config.json", {"_class_name": "ControlNetModel"})
    (pickled / "diffusion_pytorch_model.bin").write_bytes(b"")
    nets = [
        {"control": "openpose", "model": "someone/no-such-controlnet", "revision": "abc"},
        {"control": "depth", "model": str(tiny["sdxl"] / "controlnet_depth")},
        {"control": "canny", "model": str(tiny["sd15"] / "base" / "unet")},
        {"control": "normal", "model": str(pickled)},
        {"control": "normal", "model": "/nowhere"},
    ]
    config = tiny_config(
        tiny,
        controlnets=nets,
        loras=[{"model": str(pickled), "weight_name": "lora.bin"}],
        references=[{"model": str(pickled), "images": ["no_such_picture"]}],
    )
    with pytest.raises(GenbError) as caught:
        check_models(config)
    message = str(caught.value)
    for part in (
        "`hf download someone/no-such-controlnet --revision abc`",
        "made for another family",
        "UNet2DConditionModel, not a ControlNetModel",
        "no .safetensors weights",
        "the model folder /nowhere does not exist",
        "lora.bin is pickled",
        "holds no models/ip-adapter_sd15.safetensors",
        "unknown reference asset 'no_such_picture'",
        "render_configs/diffusion/",
    ):
        assert part in message, part


@pytest.mark.parametrize(
    ("asked", "given"), [("sd15", "sdxl"), ("sdxl", "sd15"), ("flux", "sdxl"), ("sd15", "flux")]
)
def test_another_family_than_configured_is_an_error(tiny, asked, given):
    config = tiny_config(tiny, asked, model=str(tiny[given] / "base"))
    with pytest.raises(GenbError, match=f"family '{given}'.*diffusion.family = '{asked}'"):
        check_models(config)


def test_a_union_controlnet_and_plain_ones_are_not_mixed_up(tiny):
    plain = [{"control": "depth", "model": str(tiny["sdxl"] / "controlnet_depth")}]
    union = [{"control": "depth", "model": str(tiny["sdxl-union"] / "controlnet_depth")}]
    with pytest.raises(GenbError, match="ControlNetModel, not a ControlNetUnionModel"):
        check_models(tiny_config(tiny, "sdxl-union", controlnets=plain))
    with pytest.raises(GenbError, match="ControlNetUnionModel, not a ControlNetModel"):
        check_models(tiny_config(tiny, "sdxl", controlnets=union))


@pytest.mark.parametrize(("family", "control"), [("sdxl-union", "depth_zoe"), ("flux", "normal")])
def test_controls_that_a_union_model_does_not_know_are_errors(tiny, family, control):
    nets = [{"control": control, "model": str(tiny[family] / "controlnet_depth")}]
    with pytest.raises(GenbError, match=f"knows no control {control}; it knows"):
        check_models(tiny_config(tiny, family, controlnets=nets))


def test_no_controlnet_at_all_is_an_error(tiny):
    with pytest.raises(GenbError, match="controlnets is empty"):
        check_models(tiny_config(tiny, controlnets=[]))


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _garbage(path):
    path.write_bytes(b"<html>not found</html>" * 50)


def _shards(path):
    index = path.with_name("diffusion_pytorch_model.safetensors.index.json")
    write_json(index, {"weight_map": {"a": path.name, "b": "other-00002-of-00002.safetensors"}})


@pytest.mark.parametrize(
    ("part", "damage", "told"),
    [
        ("unet/diffusion_pytorch_model.safetensors", _cut, "bytes, but its header says"),
        ("vae/diffusion_pytorch_model.safetensors", _garbage, "not a safetensors file"),
        ("unet/diffusion_pytorch_model.safetensors", _shards, "lacks other-00002-of-00002"),
        ("text_encoder/model.safetensors", lambda p: p.unlink(), "text_encoder/ has no .safe"),
        ("unet/config.json", lambda p: p.unlink(), "unet/config.json is missing"),
        ("vae", shutil.rmtree, "lacks its folder vae/"),
        ("model_index.json", lambda p: p.unlink(), "holds no model_index.json"),
    ],
)
def test_damaged_and_incomplete_models_are_found(tiny, tmp_path, part, damage, told):
    model = tmp_path / "base"
    shutil.copytree(tiny["sd15"] / "base", model)
    check_models(tiny_config(tiny, model=str(model)))
    damage(model / part)
    with pytest.raises(GenbError, match=told):
        check_models(tiny_config(tiny, model=str(model)))


def test_half_precision_files_alone_are_a_variant(tiny, tmp_path):
    from pipeline.diffusion.models import locate_base

    model = tmp_path / "base"
    shutil.copytree(tiny["sd15"] / "base", model)
    assert locate_base(tiny_config(tiny, model=str(model))).variant is None
    for path in list(model.rglob("*.safetensors")):
        path.rename(path.with_name(path.name.replace(".safetensors", ".fp16.safetensors")))
    assert locate_base(tiny_config(tiny, model=str(model))).variant == "fp16"


def test_a_cached_hub_model_is_found_with_its_commit(tiny, tmp_path, monkeypatch):
    """The layout of the hub's cache: refs name a commit, snapshots hold its files."""
    from huggingface_hub import constants

    from pipeline.diffusion.models import commits_in_use, locate_base

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    store = tmp_path / "models--someone--photos"
    (store / "refs").mkdir(parents=True)
    (store / "refs" / "main").write_text(commit)
    shutil.copytree(tiny["sd15"] / "base", store / "snapshots" / commit)
    config = tiny_config(tiny, model="someone/photos")
    assert locate_base(config).source == "someone/photos"
    # The ControlNets are local folders, which have no commit.
    assert commits_in_use(config) == {"someone/photos": commit}


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


@pytest.mark.parametrize("name", PRESETS)
def test_presets_parse_and_their_models_have_licences(name):
    from pipeline import assets

    section = load_config(str(CONFIG_DIR / "diffusion" / f"{name}.toml")).diffusion
    assert section.backend == "diffusers" and 0 < section.denoise_steps < section.steps
    models = {section.model, *(net.model for net in section.controlnets)}
    models |= {lora.model for lora in section.loras}
    for model in models - {"random-tiny"}:
        assert assets.find("diffusion", model).asset.licence


def test_every_family_has_a_preset():
    families = {
        load_config(str(CONFIG_DIR / "diffusion" / f"{name}.toml")).diffusion.family
        for name in PRESETS
    }
    assert families == set(FAMILY_CONTROLS)


def test_the_tiny_models_are_of_the_real_classes(tiny):
    wanted = {
        "sd15": ("StableDiffusionPipeline", "ControlNetModel"),
        "sdxl": ("StableDiffusionXLPipeline", "ControlNetModel"),
        "sdxl-union": ("StableDiffusionXLPipeline", "ControlNetUnionModel"),
        "flux": ("FluxPipeline", "FluxControlNetModel"),
    }
    for family, (pipe, net) in wanted.items():
        assert read_json(tiny[family] / "base" / "model_index.json")["_class_name"] == pipe
        told = read_json(tiny[family] / "controlnet_depth" / "config.json")
        assert told["_class_name"] == net
