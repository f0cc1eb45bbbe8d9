"""The `diffusers` backend: stock ControlNet img2img, SD1.5 or SDXL, with regional noise.

The image is padded (never resampled) to what the networks need and cropped back, so a pixel stays
where it was. Pixels of level 0 come back as rendered when `paste_back` is on.
"""

import warnings

import cv2
import diffusers
import numpy as np
import torch
import transformers
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline,
)

from pipeline.config import Config
from pipeline.diffusion.backends import Rendered, Request
from pipeline.diffusion.models import check_models, locate_base, locate_controlnet
from pipeline.diffusion.noise import took_effect
from pipeline.diffusion.regional import RegionalNoise, cell_levels
from pipeline.errors import GenbError

_SCHEDULERS = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "dpm++": DPMSolverMultistepScheduler,
}
_SIZE_MULTIPLE = 64
_FEATHER_PX = 3
_CPU_THREADS = 1
"""Fixed, whatever the machine has: torch's last bits depend on it. Workers are the way to scale."""
_TORCH_DEVICES = {"cpu": "cpu", "cuda": "cuda", "optix": "cuda", "hip": "cuda", "metal": "mps"}


class DiffusersBackend:
    """Loads the configured models once and re-renders frames one by one."""

    def __init__(self, config: Config):
        check_models(config)
        self.section = config.diffusion
        self.device = _torch_device(config.execution.device)
        self.dtype = _dtype(self.section.dtype, self.device)
        torch.set_num_threads(_CPU_THREADS)
        torch.backends.cudnn.benchmark = False
        self.pipe = _load(config, self.dtype).to(self.device)
        # Half-precision VAEs overflow on some weights, and theirs is a small part of the time.
        self.pipe.vae.to(torch.float32)

    def rerender(self, request: Request) -> Rendered:
        """Re-render one frame; bit-equal for equal requests on the same machine."""
        if request.levels.max() == 0:
            return Rendered(request.image, {"backend": "diffusers", "steps_run": 0})
        height, width = request.levels.shape
        image = _pad(request.image)
        cells = cell_levels(_pad(request.levels), self.pipe.vae_scale_factor)
        generator = torch.Generator().manual_seed(request.seed)
        with torch.inference_mode():
            clean = self._encode(image)
            noise = torch.randn(clean.shape, generator=generator).to(clean)
            regional = RegionalNoise(self.pipe, clean, noise, cells, self.section.steps)
            latents = self._denoise(request, image, regional, generator)
            painted = self._decode(latents)
            if self.section.detail == "residual":
                painted = image / np.float32(255) + painted - self._decode(clean)
        painted = painted[:height, :width]
        if self.section.paste_back:
            painted = paste_back(painted, request.image, request.levels)
        record = {
            "backend": "diffusers",
            "steps_run": regional.steps_run,
            "regions": took_effect(self.section, cells, self.pipe.vae_scale_factor, request.part),
            "dtype": str(self.dtype).removeprefix("torch."),
            "device": self.device,
        }
        return Rendered((painted.clip(0, 1) * 255).round().astype(np.uint8), record)

    def _denoise(self, request: Request, image, regional: RegionalNoise, generator):
        section = self.section
        controls = [
            _as_tensor(_pad(request.controls[net.control], _pad_mode(net.control)))
            for net in section.controlnets
        ]
        height, width = image.shape[:2]
        return self.pipe(
            prompt=request.prompt,
            negative_prompt=section.negative_prompt,
            image=_as_tensor(image),
            control_image=controls,
            height=height,
            width=width,
            strength=regional.strength,
            num_inference_steps=section.steps,
            guidance_scale=section.guidance_scale,
            controlnet_conditioning_scale=[net.scale for net in section.controlnets],
            latents=regional.start_latents().to(self.dtype),
            generator=generator,
            callback_on_step_end=regional,
            callback_on_step_end_tensor_inputs=["latents"],
            output_type="latent",
        ).images

    def _encode(self, image: np.ndarray) -> torch.Tensor:
        """Latents (1, C, h, w) of an image (H, W, 3) u8: the mode, not a sample."""
        vae = self.pipe.vae
        encoded = vae.encode((_as_tensor(image) * 2 - 1).to(self.device))
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        mean, std = self._latent_statistics(latents)
        return ((latents - mean) * vae.config.scaling_factor / std).to(self.dtype)

    def _decode(self, latents: torch.Tensor) -> np.ndarray:
        """Image (H, W, 3) f32 around [0, 1], not clipped, of latents (1, C, h, w)."""
        vae = self.pipe.vae
        latents = latents.to(torch.float32)
        mean, std = self._latent_statistics(latents)
        decoded = vae.decode(latents * std / vae.config.scaling_factor + mean).sample
        return (decoded[0].permute(1, 2, 0) / 2 + 0.5).float().cpu().numpy()

    def _latent_statistics(self, latents):
        """Per-channel mean and spread that some SDXL autoencoders are normalised by."""
        config = self.pipe.vae.config
        mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
        if mean is None or std is None:
            return 0.0, 1.0
        return (torch.tensor(v).view(1, -1, 1, 1).to(latents) for v in (mean, std))


def paste_back(painted: np.ndarray, render: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Put the render's pixels back where the level is 0, blending over a few pixels outside.

    painted: (H, W, 3) f32 in [0, 1]. render: u8. The autoencoder alone changes every pixel a
    little, so unchanged latents do not give unchanged pixels.
    """
    if not (levels == 0).any():
        return painted
    outside = cv2.distanceTransform((levels > 0).astype(np.uint8), cv2.DIST_L2, 5)
    weight = np.clip(1 - outside / _FEATHER_PX, 0, 1)[..., None]
    return weight * (render / np.float32(255)) + (1 - weight) * painted


def _load(config: Config, dtype):
    section = config.diffusion
    base = locate_base(config)
    shared = {
        "torch_dtype": dtype,
        "local_files_only": section.local_files_only,
        "use_safetensors": True,
    }
    nets = []
    for net in section.controlnets:
        files = locate_controlnet(config, net)
        nets.append(
            ControlNetModel.from_pretrained(
                files.source, revision=files.revision, variant=files.variant, **shared
            )
        )
    shared |= {"controlnet": nets, "revision": base.revision, "variant": base.variant}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in (diffusers, transformers):
            library.utils.logging.set_verbosity_error()
            library.utils.logging.disable_progress_bar()
        if section.family == "sdxl":
            pipe = StableDiffusionXLControlNetImg2ImgPipeline.from_pretrained(
                base.source, add_watermarker=False, **shared
            )
        else:
            # The checker blackens whole images, and would do so to an innocent render.
            pipe = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(
                base.source, safety_checker=None, requires_safety_checker=False, **shared
            )
    pipe.scheduler = _SCHEDULERS[section.scheduler].from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _torch_device(device: str) -> str:
    name = _TORCH_DEVICES.get(device, "xpu")
    available = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "xpu": torch.xpu.is_available,
    }
    if not available[name]():
        raise GenbError(
            f"execution.device = {device!r} needs torch's {name!r}, which this machine does not "
            "offer. Use execution.device = 'cpu', or install a torch build for the GPU."
        )
    return name


def _dtype(name: str, device: str):
    if name != "auto":
        return getattr(torch, name)
    if device == "cpu":
        return torch.float32
    if device == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float16


def _pad_mode(control: str) -> str:
    """Drawn lines end at the border; surfaces go on beyond it."""
    return "constant" if control in ("openpose", "canny") else "edge"


def _pad(array: np.ndarray, mode: str = "edge") -> np.ndarray:
    """Extend (H, W, ...) at the right and the bottom to multiples of 64 px."""
    missing = [(0, -size % _SIZE_MULTIPLE) for size in array.shape[:2]]
    return np.pad(array, [*missing, *([(0, 0)] * (array.ndim - 2))], mode=mode)


def _as_tensor(image: np.ndarray) -> torch.Tensor:
    """(1, 3, H, W) f32 in [0, 1] of an image (H, W, 3) u8."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
