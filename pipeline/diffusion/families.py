"""What differs between model families: how a stock diffusers pipeline is loaded, fed and timed.

SD 1.5, SDXL and SDXL with a union ControlNet are here; FLUX is in `flux.py`. A family is one class
with the methods of `Family` and one line in `FAMILIES`.
"""

import importlib
import warnings
from dataclasses import dataclass
from typing import Protocol

import diffusers
import torch
import transformers
from diffusers import (
    ControlNetModel,
    ControlNetUnionModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline,
    StableDiffusionXLControlNetUnionImg2ImgPipeline,
)

from pipeline.config import Config, ControlNet, DiffusionSection
from pipeline.diffusion.models import locate_base, locate_controlnet, unique_controlnets
from pipeline.diffusion.regional import RegionalNoise, Run

FAMILIES = {
    "sd15": "pipeline.diffusion.families:UnetFamily",
    "sdxl": "pipeline.diffusion.families:UnetFamily",
    "sdxl-union": "pipeline.diffusion.families:UnionFamily",
    "flux": "pipeline.diffusion.flux:FluxFamily",
}

_PIPELINES = {
    "sd15": StableDiffusionControlNetImg2ImgPipeline,
    "sdxl": StableDiffusionXLControlNetImg2ImgPipeline,
    "sdxl-union": StableDiffusionXLControlNetUnionImg2ImgPipeline,
}
_SCHEDULERS = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "dpm++": DPMSolverMultistepScheduler,
    "lcm": LCMScheduler,
}
UNION_MODES = {"openpose": 0, "depth": 1, "softedge": 2, "canny": 3, "normal": 4, "seg": 5}
"""Control -> `control_mode` of xinsir's SDXL union ControlNet."""


@dataclass(frozen=True)
class Batch:
    """Equally large pictures that are painted together.

    images: (B, 3, H, W) f32 in [0, 1]. controls: one (B, 3, H, W) f32 per entry of
    `diffusion.controlnets`. prompts, generators: one per picture. references: pictures (PIL), one
    per entry of `diffusion.references`; then B is 1.
    """

    images: torch.Tensor
    controls: list[torch.Tensor]
    prompts: list[str]
    generators: list[torch.Generator]
    references: list = ()


class Family(Protocol):
    """A loaded pipeline. Latents are (B, C, h, w); what the pipeline works on is `packed`."""

    pipe: diffusers.DiffusionPipeline
    cell_px: int
    batches: bool

    def __init__(self, config: Config, dtype: torch.dtype): ...

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents of (B, 3, H, W) images in [0, 1]: the mode, not a sample."""

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, H, W) f32 around [0, 1], not clipped."""

    def packed(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents in the pipeline's own layout."""

    def unpacked(self, latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Back from `packed`, for pictures of H x W px."""

    def levels(self, cells: torch.Tensor) -> torch.Tensor:
        """Levels (B, h, w) of cells of `cell_px`, so that they broadcast to packed latents."""

    def run(self, level: int, height: int, width: int) -> Run:
        """The last `level` of the configured steps."""

    def paint(self, batch: Batch, regional: RegionalNoise) -> torch.Tensor:
        """Packed latents after the pipeline has run."""


def load_family(config: Config, dtype: torch.dtype) -> Family:
    """The configured family with all its models in main memory."""
    module, _, attribute = FAMILIES[config.diffusion.family].partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
        return getattr(importlib.import_module(module), attribute)(config, dtype)


def load_pipeline(config: Config, dtype, pipeline_class, net_class, **options):
    """(pipeline, its ControlNets) from safetensors, with LoRAs and IP-Adapters put in."""
    section = config.diffusion
    shared = {
        "torch_dtype": dtype,
        "local_files_only": section.local_files_only,
        "use_safetensors": True,
    }
    nets = []
    for net in unique_controlnets(section):
        files = locate_controlnet(config, net)
        nets.append(
            net_class.from_pretrained(
                files.source, revision=files.revision, variant=files.variant, **shared
            )
        )
    base = locate_base(config)
    pipe = pipeline_class.from_pretrained(
        base.source,
        controlnet=nets[0] if net_class is ControlNetUnionModel else nets,
        revision=base.revision,
        variant=base.variant,
        **options,
        **shared,
    )
    pipe.set_progress_bar_config(disable=True)
    _put_in_loras(pipe, section)
    _put_in_references(pipe, section)
    return pipe, nets


def _put_in_loras(pipe, section: DiffusionSection) -> None:
    for number, lora in enumerate(section.loras):
        pipe.load_lora_weights(
            lora.model,
            weight_name=lora.weight_name,
            revision=lora.revision,
            adapter_name=f"lora_{number}",
            local_files_only=section.local_files_only,
            use_safetensors=True,
        )
    if section.loras:
        names = [f"lora_{number}" for number in range(len(section.loras))]
        pipe.set_adapters(names, [lora.scale for lora in section.loras])


def _put_in_references(pipe, section: DiffusionSection) -> None:
    references = section.references
    if not references:
        return
    first = references[0]
    pipe.load_ip_adapter(
        [one.model for one in references],
        revision=first.revision,
        subfolder=[one.subfolder for one in references],
        weight_name=[one.weight_name for one in references],
        # A path with a slash is taken from the model's own folder, not from `subfolder`.
        image_encoder_folder=first.image_encoder,
        local_files_only=section.local_files_only,
    )
    pipe.set_ip_adapter_scale([one.scale for one in references])


class UnetFamily:
    """SD 1.5 and SDXL, one ControlNet per control."""

    batches = True
    net_class = ControlNetModel

    def __init__(self, config: Config, dtype: torch.dtype):
        self.section = config.diffusion
        options = {"add_watermarker": False}
        if self.section.family == "sd15":
            # The checker blackens whole images, and would do so to an innocent render.
            options = {"safety_checker": None, "requires_safety_checker": False}
        self.pipe, _ = load_pipeline(
            config, dtype, _PIPELINES[self.section.family], self.net_class, **options
        )
        self.pipe.scheduler = _SCHEDULERS[self.section.scheduler].from_config(
            self.pipe.scheduler.config
        )
        # Half-precision VAEs overflow on some weights, and theirs is a small part of the time.
        self.pipe.vae.to(torch.float32)
        self.dtype = dtype
        self.cell_px = self.pipe.vae_scale_factor

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """See `Family`."""
        vae = self.pipe.vae
        encoded = vae.encode((images * 2 - 1).to(self.pipe._execution_device))
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        mean, std = self._latent_statistics(latents)
        return ((latents - mean) * vae.config.scaling_factor / std).to(self.dtype)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """See `Family`."""
        vae = self.pipe.vae
        latents = latents.to(torch.float32)
        mean, std = self._latent_statistics(latents)
        decoded = vae.decode(latents * std / vae.config.scaling_factor + mean).sample
        return (decoded / 2 + 0.5).float().cpu()

    def packed(self, latents: torch.Tensor) -> torch.Tensor:
        """See `Family`."""
        return latents

    def unpacked(self, latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """See `Family`."""
        return latents

    def levels(self, cells: torch.Tensor) -> torch.Tensor:
        """See `Family`."""
        return cells[:, None]

    def run(self, level: int, height: int, width: int) -> Run:
        """See `Family`."""
        pipe, steps = self.pipe, self.section.steps
        device = pipe._execution_device
        # diffusers floors steps * strength, and level / steps can floor to level - 1.
        strength = min((level + 0.5) / steps, 1.0)
        pipe.scheduler.set_timesteps(steps, device=device)
        timesteps, _ = pipe.get_timesteps(steps, strength, device)

        def noised(latents, noise, step):
            return pipe.scheduler.add_noise(latents, noise, timesteps[step : step + 1])

        return Run(strength, timesteps, noised)

    def paint(self, batch: Batch, regional: RegionalNoise) -> torch.Tensor:
        """See `Family`."""
        section, count = self.section, len(batch.prompts)
        return self.pipe(
            prompt=batch.prompts,
            negative_prompt=[section.negative_prompt] * count,
            image=batch.images,
            guidance_scale=section.guidance_scale,
            ip_adapter_image=list(batch.references) or None,
            **shared_arguments(section, batch, regional, self.dtype),
            **self.control_arguments(batch),
        ).images

    def control_arguments(self, batch: Batch) -> dict:
        """What only this kind of ControlNet wants to be called with."""
        return {"control_image": batch.controls}

    def _latent_statistics(self, latents):
        """Per-channel mean and spread that some SDXL autoencoders are normalised by."""
        config = self.pipe.vae.config
        mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
        if mean is None or std is None:
            return 0.0, 1.0
        return (torch.tensor(v).view(1, -1, 1, 1).to(latents) for v in (mean, std))


class UnionFamily(UnetFamily):
    """SDXL with one union ControlNet that is told what each picture is."""

    net_class = ControlNetUnionModel

    def control_arguments(self, batch: Batch) -> dict:
        """See `UnetFamily`."""
        modes = [UNION_MODES[net.control] for net in self.section.controlnets]
        return {"control_image": batch.controls, "control_mode": modes}


def shared_arguments(
    section: DiffusionSection, batch: Batch, regional: RegionalNoise, dtype: torch.dtype
) -> dict:
    """What every family's pipeline is called with."""
    height, width = batch.images.shape[-2:]
    spans = [_guided(section, net) for net in section.controlnets]
    return {
        "height": height,
        "width": width,
        "strength": regional.run.strength,
        "num_inference_steps": section.steps,
        "controlnet_conditioning_scale": [scale for scale, _, _ in spans],
        "control_guidance_start": [start for _, start, _ in spans],
        "control_guidance_end": [end for _, _, end in spans],
        "latents": regional.start_latents().to(dtype),
        "generator": batch.generators,
        "callback_on_step_end": regional,
        "callback_on_step_end_tensor_inputs": ["latents"],
        "output_type": "latent",
    }


def _guided(section: DiffusionSection, net: ControlNet) -> tuple[float, float, float]:
    """(scale, start, end) of a ControlNet; strategy `schedule` releases it early."""
    released = section.noise.release if section.noise.strategy == "schedule" else 1.0
    if net.start >= released:
        # diffusers refuses an empty span.
        return 0.0, 0.0, 1.0
    return net.scale, net.start, min(net.end, released)
