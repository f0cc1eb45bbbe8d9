"""Is a folder of a diffusers model complete? Looks at names and safetensors headers only."""

import json
from pathlib import Path

from pipeline.errors import GenbError
from pipeline.storage import read_json

_WEIGHTLESS = ("scheduler", "tokenizer", "tokenizer_2")
_HEADER_LIMIT = 100_000_000
"""The format's own limit of the header's length, bytes."""


def check_component(folder: Path, model: str) -> str | None:
    """Variant of a component's weights (None for those without); raises GenbError on a fault."""
    if not folder.is_dir():
        raise GenbError(f"{model} lacks its folder {folder.name}/: fetch the whole model again")
    if folder.name in _WEIGHTLESS:
        if not any(folder.iterdir()):
            raise GenbError(f"{model}: {folder.name}/ is empty; fetch the whole model again")
        return None
    if not (folder / "config.json").is_file():
        raise GenbError(f"{model}: {folder.name}/config.json is missing; fetch the model again")
    return weight_variant(folder, model)


def weight_variant(folder: Path, model: str) -> str:
    """'' for plain safetensors, 'fp16' when only those exist; raises GenbError without complete
    ones."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise GenbError(
            f"{model}: {folder.name}/ has no .safetensors weights (pickled .bin/.ckpt weights are "
            "never loaded); fetch a safetensors revision of the model"
        )
    variant = "" if any(".fp16." not in path.name for path in files) else "fp16"
    for path in files:
        if (".fp16." in path.name) == (variant == "fp16"):
            _check_file(path, model)
    for index in folder.glob("*.safetensors.index*.json"):
        if ("fp16" in index.name) != (variant == "fp16"):
            continue
        missing = set(read_json(index)["weight_map"].values()) - {path.name for path in files}
        if missing:
            raise GenbError(
                f"{model}: {folder.name}/ lacks {', '.join(sorted(missing))}, which {index.name} "
                "lists; fetch the model again"
            )
    return variant


def _check_file(path: Path, model: str) -> None:
    """Compare a safetensors file's length with what its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(size - 8, _HEADER_LIMIT):
            raise GenbError(f"{model}: {path} is not a safetensors file; fetch the model again")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise GenbError(f"{model}: {path} is not a safetensors file ({error})") from error
    ends = [row["data_offsets"][1] for name, row in header.items() if name != "__metadata__"]
    wanted = 8 + length + max(ends, default=0)
    if size != wanted:
        raise GenbError(
            f"{model}: {path} has {size} bytes, but its header says {wanted}; fetch it again"
        )
