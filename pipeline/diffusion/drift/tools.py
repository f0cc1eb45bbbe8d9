"""The models that drift can be measured with: a keypoint detector and a depth estimator.

`check_tools` looks at files only and is called before the first render; `load_tools` loads, once.
"""

import ast
import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import DriftSection
from pipeline.diffusion.drift.depth import Depth, load_depth
from pipeline.diffusion.drift.keypoints import Detector
from pipeline.errors import GenbError


@dataclass(frozen=True)
class Tools:
    """What was loaded; None where nothing is configured."""

    detector: Detector | None = None
    depth: Depth | None = None


def load_tools(section: DriftSection, local_files_only: bool = True) -> Tools:
    """Import the detector and load the depth model; raises GenbError as `check_tools` does."""
    check_tools(section, local_files_only)
    detector = None
    if section.detector:
        module, _, function = section.detector.partition(":")
        detector = getattr(_imported(section.detector, module), function)
    depth = load_depth(section.depth_model, local_files_only) if section.depth_model else None
    return Tools(detector, depth)


def check_tools(section: DriftSection, local_files_only: bool) -> None:
    """Raise GenbError, with every fault, when the configured tools cannot be loaded.

    The detector's source is read, not run. If it has a function `check`, that is called: it raises
    GenbError when, say, weights are missing, and its module must not need long to import.
    """
    faults: list[str] = []
    looks = (
        (section.detector, lambda: _check_detector(section.detector)),
        (section.depth_model, lambda: _check_depth(section.depth_model, local_files_only)),
    )
    for configured, look in looks:
        try:
            if configured:
                look()
        except GenbError as error:
            faults.append(str(error))
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise GenbError(f"drift cannot be measured as configured:\n{listed}")


def _check_detector(detector: str) -> None:
    module, _, function = detector.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise GenbError(
            f"diffusion.drift.detector = {detector!r}: there is no module {module!r}; put its "
            "folder on PYTHONPATH, or correct the name"
        )
    if not (spec.origin or "").endswith(".py"):
        return
    names = _top_level_names(Path(spec.origin))
    if function not in names:
        raise GenbError(
            f"diffusion.drift.detector = {detector!r}: {spec.origin} has no function "
            f"{function!r}; correct the name behind the colon"
        )
    if "check" in names:
        _imported(detector, module).check()


def _imported(detector: str, module: str):
    try:
        return importlib.import_module(module)
    except Exception as error:  # a plug-in may fail in any way
        raise GenbError(
            f"diffusion.drift.detector = {detector!r}: importing {module!r} failed with "
            f"{type(error).__name__}: {error}; try `python -c 'import {module}'`"
        ) from error


def _top_level_names(source: Path) -> set[str]:
    """Names that a Python file defines or imports at its top level."""
    names = set()
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _check_depth(model: str, local_files_only: bool) -> None:
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _cached(model, local_files_only)
        if folder is None:
            return
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise GenbError(
                f"diffusion.drift.depth_model = {model!r}: {folder} holds no {name}: it is not a "
                "model folder of transformers; name the folder that `hf download` printed"
            )
    if not any(folder.glob("*.safetensors")):
        raise GenbError(
            f"diffusion.drift.depth_model = {model!r}: {folder} holds no .safetensors weights "
            "(pickled .bin weights are never loaded); fetch a safetensors revision of the model"
        )


def _cached(model: str, local_files_only: bool) -> Path | None:
    """Folder of a hub id in the local cache; None if it is still to be downloaded."""
    if model.startswith((".", "~", "/")) or model.count("/") != 1:
        raise GenbError(
            f"diffusion.drift.depth_model: the folder {model} does not exist; correct it, or leave "
            "depth_model empty"
        )
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json")
    if isinstance(found, str):
        return Path(found).parent
    if local_files_only:
        raise GenbError(
            f"diffusion.drift.depth_model: {model} is not in the local Hugging Face cache: fetch "
            f"it with `hf download {model}`, or set diffusion.local_files_only = false"
        )
    return None
