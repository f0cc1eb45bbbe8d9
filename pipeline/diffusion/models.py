"""Where the diffusion weights are, and whether they fit together. Looks at files only.

Called before any render, so that a missing model costs seconds and not hours. Nothing here imports
torch or diffusers. The model name 'random-tiny' stands for the random test pipeline of
`pipeline.diffusion.tiny`, which is made in the cache when first asked for; 'embedded' for the small
one that comes with this package (docs/noise.md).
"""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import assets
from pipeline.config import Config, ControlNet, DiffusionSection, Reference
from pipeline.diffusion import controls, drift, prompts
from pipeline.diffusion.noise import is_passthrough
from pipeline.diffusion.weights import check_component, weight_variant
from pipeline.errors import GenbError
from pipeline.storage import read_json

RANDOM_TINY = "random-tiny"
EMBEDDED = "embedded"
_RANDOM_TINY_VERSION = 2
_PRESETS = (
    'Ready presets are in render_configs/diffusion/ (extends = ["diffusion/sd15"]); without any '
    "model use diffusion.backend = 'passthrough'."
)
_NET_CLASSES = {
    "sd15": "ControlNetModel",
    "sdxl": "ControlNetModel",
    "sdxl-union": "ControlNetUnionModel",
    "flux": "FluxControlNetModel",
}
_TOKEN_WIDTHS = {"flux": ("transformer", "joint_attention_dim")}
"""Family -> part and key of the base whose text width a ControlNet must share; else the UNet's."""


@dataclass(frozen=True)
class ModelFiles:
    """A model that can be loaded: `source` is a folder, or a hub id still to be downloaded.

    commit: the hub's commit of cached files, whether it was asked for or not.
    """

    source: str
    revision: str | None
    variant: str | None
    folder: Path | None
    commit: str = ""


def check_models(config: Config) -> None:
    """Raise GenbError, with every fault, when the configured re-rendering cannot be run."""
    section = config.diffusion
    faults: list[str] = []
    _collect(faults, lambda: drift.check_tools(section.drift, section.local_files_only))
    if not is_passthrough(section):
        _check_painting(config, faults)
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise GenbError(f"the re-rendering models are not usable:\n{listed}\n{_PRESETS}")


def _check_painting(config: Config, faults: list[str]) -> None:
    section = config.diffusion
    if RANDOM_TINY in (section.model, *(net.model for net in section.controlnets)):
        _make_random_tiny(section.family)
    base = _collect(faults, lambda: locate_base(config))
    if not section.controlnets:
        faults.append(
            "diffusion.controlnets is empty: name at least one [[diffusion.controlnets]] with "
            "control and model (scale = 0.0 switches one off)"
        )
    for net in unique_controlnets(section):
        _collect(faults, lambda net=net: _check_controlnet(config, net, base))
    _collect(faults, lambda: _check_modes(section))
    for lora in section.loras:
        _collect(faults, lambda lora=lora: _locate_file(section, lora, lora.weight_name))
    for one in section.references:
        weights = f"{one.subfolder}/{one.weight_name}" if one.subfolder else one.weight_name
        _collect(faults, lambda one=one, w=weights: _locate_file(section, one, w))
        _collect(faults, lambda one=one: _check_encoder(section, one))
        for image in one.images:
            _collect(faults, lambda image=image: assets.find_file("reference", image))
    _collect(faults, lambda: controls.check_annotators(section))
    _collect(faults, lambda: prompts.check_prompts(section))


def unique_controlnets(section: DiffusionSection) -> list[ControlNet]:
    """The ControlNets to load: union models stand once for all their controls."""
    if len({net.model for net in section.controlnets}) == 1 and section.family in (
        "sdxl-union",
        "flux",
    ):
        return section.controlnets[:1]
    return section.controlnets


def locate_base(config: Config) -> ModelFiles:
    """The base model; raises GenbError when it is missing, incomplete or of another family."""
    section = config.diffusion
    model = _named_folder(section.model, section.family, "base")
    files = _locate(model, section.revision, section.local_files_only, "model_index.json")
    if files.folder is None:
        return files
    index = read_json(files.folder / "model_index.json")
    family = _family_of(index)
    if family != section.family.removesuffix("-union"):
        raise GenbError(
            f"{model} is a {index.get('_class_name')} (family {family!r}), but "
            f"diffusion.family = {section.family!r}"
        )
    parts = [name for name, made in index.items() if isinstance(made, list) and made[0]]
    used = [name for name in parts if name not in ("safety_checker", "feature_extractor")]
    used = [name for name in used if name != "image_encoder"]
    variants = {check_component(files.folder / name, model) for name in used} - {None}
    return replace(files, variant="fp16" if "fp16" in variants else None)


def locate_controlnet(config: Config, net: ControlNet) -> ModelFiles:
    """One ControlNet's files; raises GenbError when they are missing."""
    section = config.diffusion
    model = _named_folder(net.model, section.family, f"controlnet_{net.control}")
    files = _locate(model, net.revision, section.local_files_only, "config.json")
    if files.folder is None:
        return files
    variant = weight_variant(files.folder, model)
    return replace(files, variant="fp16" if variant == "fp16" else None)


def _family_of(index: dict) -> str:
    if "transformer" in index:
        return "flux" if "Flux" in str(index.get("_class_name")) else str(index.get("_class_name"))
    return "sdxl" if "text_encoder_2" in index else "sd15"


def _named_folder(model: str, family: str, part: str) -> str:
    if model == RANDOM_TINY:
        return str(_random_tiny_dir(family) / part)
    if model == EMBEDDED:
        return str(assets.EMBEDDED_MODEL_DIR / part)
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
    return ModelFiles(model, revision, None, cached, cached.name if cached else "")


def _locate_file(section: DiffusionSection, row, name: str) -> None:
    """Raise GenbError unless a LoRA's or an IP-Adapter's file is there (or may be downloaded)."""
    if name.endswith((".bin", ".ckpt", ".pt", ".pth")):
        raise GenbError(f"{row.model}: {name} is pickled; only .safetensors weights are loaded")
    _locate(row.model, row.revision, section.local_files_only, name)


def _check_encoder(section: DiffusionSection, one: Reference) -> None:
    """Raise GenbError unless an IP-Adapter's image encoder is there, as safetensors."""
    index = f"{one.image_encoder}/config.json"
    files = _locate(one.model, one.revision, section.local_files_only, index)
    if files.folder:
        weight_variant(files.folder / one.image_encoder, one.model)


def commits_in_use(config: Config) -> dict[str, str]:
    """Hub id -> commit of the cached files that are loaded, of the base model and the ControlNets,
    whether a revision was asked for or not. Local folders have none."""
    section = config.diffusion
    nets = unique_controlnets(section)
    found = {section.model: locate_base(config).commit}
    found |= {net.model: locate_controlnet(config, net).commit for net in nets}
    return {model: commit for model, commit in found.items() if commit}


def _looks_like_path(model: str) -> bool:
    """A hub id is exactly `owner/name`; anything else was meant as a folder."""
    return model.startswith((".", "~", "/", os.sep)) or model.count("/") != 1


def _hub_cache(model: str, revision: str | None, index: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, index, revision=revision)
    if not isinstance(found, str):
        return None
    return Path(found).parents[index.count("/")]


def _check_controlnet(config: Config, net: ControlNet, base: ModelFiles | None) -> None:
    files, family = locate_controlnet(config, net), config.diffusion.family
    if files.folder is None:
        return
    told = read_json(files.folder / "config.json")
    if told.get("_class_name") != _NET_CLASSES[family]:
        raise GenbError(
            f"{files.source} is a {told.get('_class_name')}, not a {_NET_CLASSES[family]}, which "
            f"diffusion.family = {family!r} takes"
        )
    if not (base and base.folder):
        return
    part, key = _TOKEN_WIDTHS.get(family, ("unet", "cross_attention_dim"))
    wanted = read_json(base.folder / part / "config.json")[key]
    if told[key] != wanted:
        raise GenbError(
            f"{files.source} was made for another family: its {key} is {told[key]}, the base "
            f"model's is {wanted}"
        )


def _check_modes(section: DiffusionSection) -> None:
    """Union ControlNets know some controls only."""
    known = {
        "sdxl-union": ("openpose", "depth", "softedge", "canny", "normal", "seg"),
        "flux": ("canny", "depth", "openpose"),
    }.get(section.family)
    unknown = sorted({n.control for n in section.controlnets} - set(known)) if known else []
    if unknown:
        raise GenbError(
            f"family {section.family!r} knows no control {', '.join(unknown)}; it knows "
            f"{', '.join(known)}"
        )
