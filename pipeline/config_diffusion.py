"""Configuration tables of re-rendering: models, controls, noise, views, drift."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config_sections import Section, Unit

CONTROLS = ("openpose", "depth", "depth_zoe", "normal", "canny", "softedge", "seg")


class ControlNet(Section):
    """One ControlNet and the ground-truth control that drives it.

    start, end: shares of the steps that are run between which it guides; `noise.release` ends all
    of them earlier. Union models take several controls: name the same model in each entry.
    """

    control: Literal["openpose", "depth", "depth_zoe", "normal", "canny", "softedge", "seg"]
    model: str
    revision: str | None = None
    scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    start: Unit = 0.0
    end: Unit = 1.0

    @model_validator(mode="after")
    def _ordered(self):
        if self.start >= self.end:
            raise ValueError(f"start = {self.start} must be below end = {self.end}")
        return self


class Lora(Section):
    """A LoRA put into the base model, e.g. LCM-LoRA for few steps (with scheduler = "lcm")."""

    model: str
    revision: str | None = None
    weight_name: str = "pytorch_lora_weights.safetensors"
    scale: Annotated[float, Field(gt=0, le=2)] = 1.0


class Reference(Section):
    """Pictures whose look is taken over through an IP-Adapter; each appearance draws one.

    model: folder or hub id with the adapter `subfolder/weight_name` and the image encoder in
    `image_encoder` (below the model, not below subfolder). images: ids of reference.toml
    ($GENB_ASSETS), so that every picture has its licence written down.
    """

    model: str
    revision: str | None = None
    subfolder: str = "models"
    weight_name: str = "ip-adapter_sd15.safetensors"
    image_encoder: str = "models/image_encoder"
    scale: Annotated[float, Field(ge=0, le=2)] = 0.5
    images: Annotated[list[str], Field(min_length=1)]


class NoiseSection(Section):
    """Noise level per pixel, in denoising steps out of `steps`.

    strategy: `global`, one level for every pixel; `regional`, a level per region, where -1 means
    the region above it (upper, lower, full, outer, shoes: garments) or `denoise_steps`; `graded`,
    regional, rising from `silhouette_band` on every outline to the full level `silhouette_band_px`
    away; `schedule`, regional, with every ControlNet released after the share `release` of the
    steps; `background`, people stay as rendered. `silhouette_band` caps the level within
    `silhouette_band_px` of every outline (-1: no cap, 0 for graded).
    """

    strategy: Literal["global", "regional", "graded", "schedule", "background"] = "regional"
    face: int = -1
    hands: int = -1
    skin: int = -1
    garments: int = -1
    upper: int = -1
    lower: int = -1
    full: int = -1
    outer: int = -1
    shoes: int = -1
    hair: int = -1
    background: int = -1
    silhouette_band: int = -1
    silhouette_band_px: Annotated[int, Field(ge=0, le=64)] = 6
    release: Annotated[float, Field(gt=0, le=1)] = 0.6

    def levels(self) -> dict[str, int]:
        """Every key that is a level."""
        other = ("strategy", "silhouette_band_px", "release")
        return {name: value for name, value in self if name not in other}


class ViewSection(Section):
    """How a frame is shown to the model: whole, in tiles, or a crop around each small person.

    tile_px: frames larger than this are painted in overlapping tiles of this size (0: whole).
    person_px: people less tall than this are painted a second time in a crop enlarged until they
    are (0: never), at most `max_zoom` times. Both are multiples of 64.
    """

    tile_px: Annotated[int, Field(ge=0, le=4096, multiple_of=64)] = 0
    overlap_px: Annotated[int, Field(ge=16, le=512)] = 96
    person_px: Annotated[int, Field(ge=0, le=4096, multiple_of=64)] = 0
    max_zoom: Annotated[float, Field(gt=1, le=8)] = 4.0


class DriftSection(Section):
    """How far a person may move away from their labels, and what happens to those who do.

    max_px: mean flow of a person from the render to the final picture. min_followed: share of their
    pixels whose flow can be believed. max_lost: share of their pixels that were lost or moved too
    far in one piece, as when a limb is gone: an arm is 4 to 8 % of a person (1 turns it off).
    max_boundary_px: median displacement of their outline; min_boundary_ratio: outline contrast
    relative to the render; max_keypoint_px: median displacement of the detector's points;
    max_change: 1 - MS-SSIM (0 turns these limits off). detector: a keypoint detector
    `module:function`; depth_model: a folder or hub id of a transformers depth estimator
    (docs/rerendering.md). Beyond a limit the person is painted again with half the noise, `retries`
    times; then on_drift: `person` puts the render back for that person, `passthrough` for the whole
    picture, `reject` gives up the scene.
    """

    max_px: Annotated[float, Field(gt=0)] = 2.0
    min_followed: Unit = 0.6
    max_lost: Unit = 0.025
    max_boundary_px: Annotated[float, Field(ge=0)] = 2.0
    min_boundary_ratio: Annotated[float, Field(ge=0)] = 0.0
    max_keypoint_px: Annotated[float, Field(ge=0)] = 0.0
    max_change: Unit = 0.0
    detector: str = ""
    depth_model: str = ""
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    on_drift: Literal["person", "passthrough", "reject"] = "person"

    @model_validator(mode="after")
    def _measurable(self):
        if self.max_keypoint_px and not self.detector:
            raise ValueError("max_keypoint_px needs a detector = 'module:function'")
        if self.detector and self.detector.count(":") != 1:
            raise ValueError("detector is written as 'module:function'")
        return self


class DiffusionSection(Section):
    """Re-rendering with an integer noise level: `denoise_steps` of `steps`, 0 is a pass-through.

    prompts: one is drawn per appearance, `{scene}` stands for the scene's own description; empty:
    the description with a photographic style. appearances: pictures per frame with the same labels.
    seed_per: `frame`, new noise in every frame; `scene`, the same noise in all frames of a scene,
    which flickers less. detail: `residual` adds only what denoising changed to the render.
    feather_px: width of the seam between painted pixels and those put back. annotators: folder or
    hub id with the weights of controlnet_aux's soft-edge detector.
    """

    backend: Literal["passthrough", "diffusers"] = "passthrough"
    family: Literal["sd15", "sdxl", "sdxl-union", "flux"] = "sd15"
    model: str = ""
    revision: str | None = None
    controlnets: list[ControlNet] = []
    loras: list[Lora] = []
    references: list[Reference] = []
    annotators: str = "lllyasviel/Annotators"
    steps: Annotated[int, Field(ge=1, le=200)] = 20
    denoise_steps: Annotated[int, Field(ge=0, le=200)] = 0
    noise: NoiseSection = NoiseSection()
    views: ViewSection = ViewSection()
    drift: DriftSection = DriftSection()
    scheduler: Literal["ddim", "euler", "dpm++", "lcm", "flow"] = "dpm++"
    guidance_scale: Annotated[float, Field(ge=0, le=30)] = 5.0
    prompts: list[str] = []
    negative_prompt: str = "cartoon, painting, 3d render, deformed hands, extra limbs, text"
    appearances: Annotated[int, Field(ge=1, le=100)] = 1
    seed_per: Literal["frame", "scene"] = "frame"
    detail: Literal["decoded", "residual"] = "decoded"
    paste_back: bool = True
    feather_px: Annotated[float, Field(gt=0, le=32)] = 3.0
    save_controls: bool = False
    local_files_only: bool = True
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    vae_tiling: bool = False
    finish: bool = True

    @model_validator(mode="after")
    def _levels(self):
        levels = list(self.noise.levels().values())
        if self.denoise_steps > self.steps or max(levels) > self.steps:
            raise ValueError(f"a noise level cannot exceed steps = {self.steps}")
        if min(levels) < -1:
            raise ValueError("a regional noise level is -1 (use denoise_steps) or 0..steps")
        return self

    @model_validator(mode="after")
    def _models(self):
        if self.backend == "diffusers" and not self.model:
            raise ValueError(
                "backend = 'diffusers' needs model = '<local folder or hub id>' "
                "(see render_configs/diffusion/ for ready presets)"
            )
        if (self.family == "flux") != (self.scheduler == "flow"):
            raise ValueError("scheduler = 'flow' belongs to family = 'flux', and only to it")
        if self.family == "sdxl-union" and len({net.model for net in self.controlnets}) > 1:
            raise ValueError("family = 'sdxl-union' takes one model: name it for every control")
        if len({(one.model, one.revision, one.image_encoder) for one in self.references}) > 1:
            raise ValueError("references share one model, revision and image_encoder")
        if self.references and self.family == "flux":
            raise ValueError("references (IP-Adapter) exist for sd15, sdxl and sdxl-union only")
        return self
