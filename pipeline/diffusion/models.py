"""Where the diffusion weights are, and whether they fit together. Looks at files only.

Called before any render, so that a missing model costs seconds and not hours. Nothing here imports
torch or diffusers. The model name 'random-tiny' stands for the random test pipeline of
`pipeline.diffusion.tiny`, which is made in the cache when first asked for.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import assets
from pipeline.config import Config, ControlNet
from pipeline.diffusion.noise import is_passthrough
from pipeline.errors import GenbError
from pipeline.storage import read_json

RANDOM_TINY = "random-tiny"
_RANDOM_TINY_VERSION = 1
_PRESETS = (
    'Ready presets are in render_configs/diffusion/ (extends = ["diffusion/sd15"]); without any '
    "model use diffusion.backend = 'passthrough'."
)


@dataclass(frozen=True)
class ModelFiles:
    """A model that can be loaded: `source` is a folder, or a hub id still to be downloaded."""

    source: str
    revision: str | None
    variant: str | None
    folder: Path | None


def check_models(config: Config) -> None:
    """Raise GenbError, with every fault, when the configured models cannot be used."""
    section = config.diffusion
    if is_passthrough(section):
        return
    if RANDOM_TINY in (section.model, *(net.model for net in section.controlnets)):
        _make_random_tiny(section.family)
    faults: list[str] = []
    base = _collect(faults, lambda: locate_base(config))
    if not section.controlnets:
        faults.append(
            "diffusion.controlnets is empty: name at least one [[diffusion.controlnets]] with "
            "control and model (scale = 0.0 switches one off)"
        )
    for net in section.controlnets:
        _collect(faults, lambda net=net: _check_controlnet(locate_controlnet(config, net), base))
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise GenbError(f"the re-rendering models are not usable:\n{listed}\n{_PRESETS}")


def locate_base(config: Config) -> ModelFiles:
    """The base model; raises GenbError when it is missing or of another family."""
    section = config.diffusion
    model = _named_folder(section.model, section.family, "base")
    files = _locate(model, section.revision, section.local_files_only, "model_index.json")
    if files.folder is None:
        return files
    index = read_json(files.folder / "model_index.json")
    family = "sdxl" if "text_encoder_2" in index else "sd15"
    if family != section.family:
        raise GenbError(
            f"{model} is a {index.get('_class_name')} (family {family!r}), but "
            f"diffusion.family = {section.family!r}"
        )
    parts = [name for name in ("unet", "vae", "text_encoder", "text_encoder_2") if name in index]
    variants = {_variant(files.folder / name, model) for name in parts}
    return replace(files, variant="fp16" if "fp16" in variants else None)


def locate_controlnet(config: Config, net: ControlNet) -> ModelFiles:
    """One ControlNet's files; raises GenbError when they are missing."""
    section = config.diffusion
    model = _named_folder(net.model, section.family, f"controlnet_{net.control}")
    files = _locate(model, net.revision, section.local_files_only, "config.json")
    if files.folder is None:
        return files
    return replace(files, variant=_variant(files.folder, model))


def _named_folder(model: str, family: str, part: str) -> str:
    if model == RANDOM_TINY:
        return str(_random_tiny_dir(family) / part)
    return model


def _random_tiny_dir(family: str) -> Path:
    return assets.cache_dir() / "diffusion" / f"{RANDOM_TINY}-{family}-{_RANDOM_TINY_VERSION}"


def _make_random_tiny(family: str) -> None:
    folder = _random_tiny_dir(family)
    if folder.is_dir():
        return
    print(f"Writing the random test pipeline to {folder} ...", flush=True)
    command = [sys.executable, "-m", "pipeline.diffusion.tiny", str(folder), "--family", family]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise GenbError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def _collect(faults: list[str], look):
    try:
        return look()
    except GenbError as error:
        faults.append(str(error))
        return None


def _locate(model: str, revision: str | None, local_only: bool, index: str) -> ModelFiles:
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / index).is_file():
            raise GenbError(f"{model} holds no {index}: it is not a diffusers model folder")
        return ModelFiles(str(folder), None, None, folder)
    if _looks_like_path(model):
        raise GenbError(f"the model folder {model} does not exist")
    cached = _hub_cache(model, revision, index)
    if cached is None and local_only:
        wanted = f"{model} --revision {revision}" if revision else model
        raise GenbError(
            f"{model} is not in the local Hugging Face cache: fetch it with `hf download {wanted}`,"
            " or set diffusion.local_files_only = false"
        )
    return ModelFiles(model, revision, None, cached)


def _looks_like_path(model: str) -> bool:
    """A hub id is exactly `owner/name`; anything else was meant as a folder."""
    return model.startswith((".", "~", "/", os.sep)) or model.count("/") != 1


def _hub_cache(model: str, revision: str | None, index: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, index, revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def _variant(folder: Path, model: str) -> str | None:
    """None for plain safetensors, 'fp16' when only those exist; raises GenbError without any."""
    names = [path.name for path in folder.glob("*.safetensors")]
    if any(".fp16." not in name for name in names):
        return None
    if names:
        return "fp16"
    raise GenbError(
        f"{model}: {folder.name}/ has no .safetensors weights (pickled .bin/.ckpt weights are "
        "never loaded); fetch a safetensors revision of the model"
    )


def _check_controlnet(files: ModelFiles, base: ModelFiles | None) -> None:
    if files.folder is None:
        return
    net = read_json(files.folder / "config.json")
    if "conditioning_embedding_out_channels" not in net:
        raise GenbError(f"{files.source} is a {net.get('_class_name')}, not a ControlNetModel")
    if base and base.folder:
        unet = read_json(base.folder / "unet" / "config.json")
        if net["cross_attention_dim"] != unet["cross_attention_dim"]:
            raise GenbError(
                f"{files.source} was made for another family: its cross_attention_dim is "
                f"{net['cross_attention_dim']}, the base model's is {unet['cross_attention_dim']}"
            )
