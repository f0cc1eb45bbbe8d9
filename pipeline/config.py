"""Configuration: TOML layers checked once by pydantic, then trusted.

Defaults live in the models below and nowhere else; the files in `render_configs/` only say what
differs. `[execution]` never changes a result and is left out of every stage key.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import GenbError

CONFIG_DIR = Path(__file__).resolve().parent.parent / "render_configs"


def _ordered(pair: tuple) -> tuple:
    if pair[0] > pair[1]:
        raise ValueError(f"a range is [low, high], but {pair[0]} > {pair[1]}")
    return pair


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
IntRange = Annotated[tuple[int, int], AfterValidator(_ordered)]
Unit = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A config table: immutable, and a typo in a key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SceneSection(Section):
    """Who stands where, and for how many frames."""

    people: IntRange = (1, 4)
    frames: Annotated[int, Field(ge=1, le=24)] = 1
    stage_radius_m: Annotated[float, Field(gt=0)] = 1.7
    gap_m: Annotated[float, Field(ge=0)] = 0.06
    max_placement_tries: Annotated[int, Field(ge=1)] = 400

    @model_validator(mode="after")
    def _people_exist(self):
        if self.people[0] < 1:
            raise ValueError("people must be at least 1")
        return self


class CastSection(Section):
    """The pool of dressed, moving subjects that scenes draw from.

    A subject is one body, one motion clip and one simulated outfit; simulating is the dear part, so
    the same subject appears in many scenes at other moments, places and colours.
    """

    size: Annotated[int, Field(ge=1, le=10_000)] = 20
    children_share: Unit = 0.12
    clip_frames: Annotated[int, Field(ge=1, le=240)] = 20
    fps: Annotated[float, Field(gt=0)] = 25.0
    motions: list[str] = []
    # Cloth between thighs and belly has no room in this one: most of its simulations are rejected.
    motions_excluded: list[str] = ["sit_knees_up"]
    outfits: list[str] = []


class BodySection(Section):
    """Which body model, and how much of its shape space."""

    source: Literal["free", "smplx"] = "free"
    num_betas: Annotated[int, Field(ge=1, le=300)] = 16
    beta_std: Annotated[float, Field(gt=0, le=2)] = 1.0
    expression_std: Annotated[float, Field(ge=0, le=2)] = 0.5


class GarmentSection(Section):
    """Cloth simulation."""

    ease_in_frames: Annotated[int, Field(ge=5, le=120)] = 18
    quality: Annotated[int, Field(ge=1, le=40)] = 6
    collision_quality: Annotated[int, Field(ge=1, le=20)] = 3
    collision_distance_mm: Annotated[float, Field(gt=0, le=20)] = 3.0
    clearance_mm: Annotated[float, Field(gt=0, le=20)] = 2.5
    max_inside_share: Unit = 0.005
    shoes: bool = True


class CameraSection(Section):
    """One full perspective camera per image."""

    width: Annotated[int, Field(ge=64, le=8192, multiple_of=8)] = 512
    height: Annotated[int, Field(ge=64, le=8192, multiple_of=8)] = 512
    vfov_deg: Range = (24.0, 62.0)
    height_m: Range = (0.7, 2.1)
    roll_deg: Range = (-3.0, 3.0)
    framing_margin: Range = (0.06, 0.28)
    sensor_width_mm: Annotated[float, Field(gt=0)] = 36.0

    @model_validator(mode="after")
    def _possible(self):
        if not (self.vfov_deg[0] >= 5 and self.vfov_deg[1] <= 120):
            raise ValueError("vfov_deg must lie within 5 and 120 degrees")
        if self.height_m[0] <= 0.1:
            raise ValueError("height_m must stay above 0.1 m (the ground is at 0)")
        return self


class LightSection(Section):
    """Image-based light."""

    hdris: list[str] = ["city", "courtyard", "forest", "sunrise", "interior", "studio"]
    strength: Range = (0.9, 1.1)
    exposure_stops: Range = (-0.25, 0.35)
    rotation_deg: Range = (0.0, 360.0)


class RenderSection(Section):
    """Cycles."""

    samples: Annotated[int, Field(ge=1, le=65536)] = 16
    denoise: bool = True
    view_transform: Literal["AgX", "Filmic", "Standard"] = "AgX"
    hair: bool = True


class AuditSection(Section):
    """Limits an image must keep before its labels are believed."""

    min_silhouette_iou: Unit = 0.99
    max_vertex_error_px: Annotated[float, Field(gt=0)] = 0.1
    max_depth_error_mm: Annotated[float, Field(gt=0)] = 1.0
    max_parameter_error_mm: Annotated[float, Field(gt=0)] = 0.2
    min_joints_in_mask: Unit = 0.98
    min_clothed_in_front: Unit = 0.98
    max_interpenetration_mm: Annotated[float, Field(ge=0)] = 15.0


class ControlNet(Section):
    """One ControlNet and the ground-truth control that drives it."""

    control: Literal["openpose", "depth", "normal", "canny"]
    model: str
    revision: str | None = None
    scale: Annotated[float, Field(ge=0, le=2)] = 1.0


class NoiseSection(Section):
    """Noise level per region, in denoising steps out of `steps`; -1 means the global level.

    `silhouette_band` caps the level within `silhouette_band_px` of every outline; -1 is no cap.
    """

    face: int = -1
    hands: int = -1
    skin: int = -1
    garments: int = -1
    hair: int = -1
    background: int = -1
    silhouette_band: int = -1
    silhouette_band_px: Annotated[int, Field(ge=0, le=64)] = 6


class DiffusionSection(Section):
    """Re-rendering with an integer noise level: `denoise_steps` of `steps`, 0 is a pass-through."""

    backend: Literal["passthrough", "diffusers"] = "passthrough"
    family: Literal["sd15", "sdxl"] = "sd15"
    model: str = ""
    revision: str | None = None
    controlnets: list[ControlNet] = []
    steps: Annotated[int, Field(ge=1, le=200)] = 20
    denoise_steps: Annotated[int, Field(ge=0, le=200)] = 0
    noise: NoiseSection = NoiseSection()
    scheduler: Literal["ddim", "euler", "dpm++"] = "dpm++"
    guidance_scale: Annotated[float, Field(ge=0, le=30)] = 5.0
    prompt: str = ""
    negative_prompt: str = "cartoon, painting, 3d render, deformed hands, extra limbs, text"
    detail: Literal["decoded", "residual"] = "decoded"
    paste_back: bool = True
    save_controls: bool = False
    local_files_only: bool = True
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    max_drift_px: Annotated[float, Field(gt=0)] = 2.0
    min_flow_share: Unit = 0.6
    min_boundary_ratio: Annotated[float, Field(ge=0)] = 0.0
    on_drift: Literal["reject", "passthrough"] = "passthrough"
    finish: bool = True

    @model_validator(mode="after")
    def _levels(self):
        levels = [v for k, v in self.noise if k != "silhouette_band_px"]
        if self.denoise_steps > self.steps or max(levels) > self.steps:
            raise ValueError(f"a noise level cannot exceed steps = {self.steps}")
        if min(levels) < -1:
            raise ValueError("a regional noise level is -1 (use denoise_steps) or 0..steps")
        if self.backend == "diffusers" and not self.model:
            raise ValueError(
                "backend = 'diffusers' needs model = '<local folder or hub id>' "
                "(see render_configs/diffusion/ for ready presets)"
            )
        return self


class ShardSection(Section):
    """What is written for training code."""

    scenes_per_shard: Annotated[int, Field(ge=1, le=100_000)] = 10
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 95
    dense_keypoints: list[int] = [138, 437]
    geometry: bool = True


class LimitSection(Section):
    """When a run counts as failed."""

    max_reject_share: Unit = 0.2


class ExecutionSection(Section):
    """How fast, never what: nothing here changes a byte of the dataset."""

    device: Literal["cpu", "cuda", "optix", "hip", "metal", "oneapi"] = "cpu"
    threads: Annotated[int, Field(ge=0)] = 0
    scene_time_limit_s: Annotated[float, Field(gt=0)] = 1800.0


class Config(Section):
    """The whole configuration of a dataset."""

    name: str = "genb"
    description: str = ""
    scene: SceneSection = SceneSection()
    cast: CastSection = CastSection()
    body: BodySection = BodySection()
    garments: GarmentSection = GarmentSection()
    camera: CameraSection = CameraSection()
    light: LightSection = LightSection()
    render: RenderSection = RenderSection()
    audit: AuditSection = AuditSection()
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
        if self.scene.frames > self.cast.clip_frames:
            raise ValueError(
                f"scene.frames = {self.scene.frames} exceeds cast.clip_frames = "
                f"{self.cast.clip_frames}"
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
