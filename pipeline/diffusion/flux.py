"""FLUX.1 with ControlNets: packed latents, flow matching, no negative prompt."""

import numpy as np
import torch
from diffusers import FluxControlNetImg2ImgPipeline, FluxControlNetModel
from diffusers.pipelines.flux.pipeline_flux_controlnet_image_to_image import calculate_shift

from pipeline.config import Config
from pipeline.diffusion.families import Batch, load_pipeline, shared_arguments
from pipeline.diffusion.regional import RegionalNoise, Run

UNION_MODES = {"canny": 0, "depth": 2, "openpose": 4}
"""Control -> `control_mode` of the FLUX.1 union ControlNets (InstantX, Shakker)."""


class FluxFamily:
    """FLUX.1 dev or schnell. Latents are packed 2 x 2, so a cell is 16 px wide."""

    batches = False
    """The pipeline gives union ControlNets one mode for one picture."""

    def __init__(self, config: Config, dtype: torch.dtype):
        self.section, self.dtype = config.diffusion, dtype
        self.pipe, nets = load_pipeline(
            config, dtype, FluxControlNetImg2ImgPipeline, FluxControlNetModel
        )
        self.union = nets[0].union
        self.cell_px = 2 * self.pipe.vae_scale_factor

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """See `families.Family`."""
        vae = self.pipe.vae
        encoded = vae.encode((images * 2 - 1).to(self.pipe._execution_device, vae.dtype))
        latents = encoded.latent_dist.mode()
        return ((latents - vae.config.shift_factor) * vae.config.scaling_factor).to(self.dtype)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """See `families.Family`."""
        vae = self.pipe.vae
        latents = latents / vae.config.scaling_factor + vae.config.shift_factor
        return (vae.decode(latents.to(vae.dtype)).sample / 2 + 0.5).float().cpu()

    def packed(self, latents: torch.Tensor) -> torch.Tensor:
        """See `families.Family`: (B, h/2 * w/2, 4 C)."""
        return self.pipe._pack_latents(latents, *latents.shape)

    def unpacked(self, latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """See `families.Family`."""
        return self.pipe._unpack_latents(latents, height, width, self.pipe.vae_scale_factor)

    def levels(self, cells: torch.Tensor) -> torch.Tensor:
        """See `families.Family`."""
        return cells.reshape(len(cells), -1, 1)

    def run(self, level: int, height: int, width: int) -> Run:
        """See `families.Family`."""
        pipe, steps = self.pipe, self.section.steps
        scheduler, device = pipe.scheduler, pipe._execution_device
        tokens = (height // self.cell_px) * (width // self.cell_px)
        shift = calculate_shift(
            tokens,
            scheduler.config.get("base_image_seq_len", 256),
            scheduler.config.get("max_image_seq_len", 4096),
            scheduler.config.get("base_shift", 0.5),
            scheduler.config.get("max_shift", 1.15),
        )
        sigmas = np.linspace(1.0, 1 / steps, steps)
        scheduler.set_timesteps(sigmas=sigmas, mu=shift, device=device)
        # This pipeline floors steps - steps * strength: half a step less, not more.
        strength = (level - 0.5) / steps
        timesteps, _ = pipe.get_timesteps(steps, strength, device)
        amounts = scheduler.sigmas[steps - level :].clone()

        def noised(latents, noise, step):
            amount = amounts[step].to(latents)
            return (1 - amount) * latents + amount * noise

        return Run(strength, timesteps, noised)

    def paint(self, batch: Batch, regional: RegionalNoise) -> torch.Tensor:
        """See `families.Family`."""
        nets = self.section.controlnets
        modes = [UNION_MODES[net.control] if self.union else -1 for net in nets]
        return self.pipe(
            prompt=batch.prompts,
            image=batch.images,
            control_image=batch.controls,
            control_mode=modes,
            guidance_scale=self.section.guidance_scale,
            **shared_arguments(self.section, batch, regional, self.dtype),
        ).images
