"""Configuration: TOML layers checked once by pydantic, then trusted.

The tables are in `pipeline.config_sections` and the other `pipeline.config_*` modules;
the files in `render_configs/` only say what differs from their defaults.
"""

import difflib
import tomllib
from pathlib import Path

from pydantic import BaseModel, ValidationError, model_validator

from pipeline.config_camera import CameraRig, CameraSection
from pipeline.config_diffusion import (
    ControlNet,
    DiffusionSection,
    DriftSection,
    Lora,
    NoiseSection,
    Reference,
    ViewSection,
)
from pipeline.config_looks import FabricFolder, HairSection, LookSection
from pipeline.config_place import PlaceSection
from pipeline.config_sections import (
    AuditSection,
    BodySection,
    CastSection,
    ExecutionSection,
    ExposureSection,
    GarmentSection,
    LightSection,
    LimitSection,
    MotionSection,
    MotionSource,
    PlausibilitySection,
    RenderSection,
    SceneSection,
    Section,
    ShardSection,
    Spread,
)
from pipeline.errors import GenbError

__all__ = [
    "AuditSection",
    "BodySection",
    "CONFIG_DIR",
    "CameraRig",
    "CameraSection",
    "CastSection",
    "Config",
    "ControlNet",
    "DiffusionSection",
    "DriftSection",
    "ExecutionSection",
    "ExposureSection",
    "FabricFolder",
    "GarmentSection",
    "HairSection",
    "LightSection",
    "LimitSection",
    "LookSection",
    "Lora",
    "MotionSection",
    "MotionSource",
    "NoiseSection",
    "PlausibilitySection",
    "Reference",
    "RenderSection",
    "SceneSection",
    "Section",
    "ShardSection",
    "Spread",
    "ViewSection",
    "find_config",
    "load_config",
]

CONFIG_DIR = Path(__file__).resolve().parent.parent / "render_configs"


class Config(Section):
    """The whole configuration of a dataset."""

    name: str = "genb"
    description: str = ""
    scene: SceneSection = SceneSection()
    cast: CastSection = CastSection()
    motion: MotionSection = MotionSection()
    plausibility: PlausibilitySection = PlausibilitySection()
    body: BodySection = BodySection()
    garments: GarmentSection = GarmentSection()
    look: LookSection = LookSection()
    camera: CameraSection = CameraSection()
    light: LightSection = LightSection()
    place: PlaceSection = PlaceSection()
    render: RenderSection = RenderSection()
    audit: AuditSection = AuditSection()
    exposure: ExposureSection = ExposureSection()
    diffusion: DiffusionSection = DiffusionSection()
    shards: ShardSection = ShardSection()
    limits: LimitSection = LimitSection()
    execution: ExecutionSection = ExecutionSection()

    @model_validator(mode="after")
    def _consistent(self):
        if self.cast.size < self.scene.people[1]:
            raise ValueError(
                f"scene.people goes up to {self.scene.people[1]}, but cast.size is "
                f"{self.cast.size}; a scene shows each cast member at most once"
            )
        if self.scene.placement == "crowd" and not self.camera.rigs:
            raise ValueError(
                "scene.placement = 'crowd' steers who hides whom, so the camera must stand first: "
                "add [[camera.rigs]] (see render_configs/agora.toml)"
            )
        if self.scene.span > self.cast.clip_frames:
            raise ValueError(
                f"scene.frames = {self.scene.frames} (every {self.scene.frame_step}) spans "
                f"{self.scene.span} clip frames, but cast.clip_frames = {self.cast.clip_frames}"
            )
        return self


def load_config(name_or_path: str) -> Config:
    """Config from a name in `render_configs/` or a TOML path; raises GenbError with all faults."""
    path = find_config(name_or_path)
    data = _read_layers(path, seen=())
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise GenbError(_explain(error, path)) from error


def find_config(name_or_path: str) -> Path:
    """Path of a config given by name or path."""
    candidate = Path(name_or_path)
    path = CONFIG_DIR / f"{name_or_path}.toml"
    if candidate.suffix != ".toml" and path.is_file():
        return path
    if candidate.suffix == ".toml" or len(candidate.parts) > 1:
        if candidate.is_file():
            return candidate
        raise GenbError(f"config file {candidate} does not exist. Known names: {_known()}.")
    close = difflib.get_close_matches(name_or_path, _names(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise GenbError(f"no config named {name_or_path!r}.{hint} Known names: {_known()}.")


def _names() -> list[str]:
    return sorted(p.stem for p in CONFIG_DIR.glob("*.toml"))


def _known() -> str:
    return ", ".join(_names())


def _read_layers(path: Path, seen: tuple[Path, ...]) -> dict:
    path = path.resolve()
    if path in seen:
        raise GenbError(f"{path}: 'extends' runs in a circle: {' -> '.join(map(str, seen))}")
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise GenbError(f"{path} is not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise GenbError(f"cannot read the config {path}: {error}") from error
    merged: dict = {}
    for parent in data.pop("extends", []):
        beside = path.parent / f"{parent}.toml"
        parent_path = beside if beside.is_file() else find_config(parent)
        merged = _merge(merged, _read_layers(parent_path, (*seen, path)))
    return _merge(merged, data)


def _merge(below: dict, above: dict) -> dict:
    merged = dict(below)
    for key, value in above.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged


def _explain(error: ValidationError, path: Path) -> str:
    """Every fault on its own line, with a suggestion for misspelt keys."""
    lines = [f"{path} has {error.error_count()} fault(s):"]
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key" + _did_you_mean(fault["loc"])
        lines.append(f"  {where}: {message} (got {fault['input']!r})"[:400])
    lines.append("All keys, units and ranges are listed in render_configs/README.md.")
    return "\n".join(lines)


def _did_you_mean(loc: tuple) -> str:
    model: type[BaseModel] = Config
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    close = difflib.get_close_matches(str(loc[-1]), list(model.model_fields), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
