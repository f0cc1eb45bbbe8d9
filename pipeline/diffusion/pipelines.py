"""The `diffusers` backend: stock ControlNet img2img with regional noise, in batches and views.

The frame is padded (never resampled) to what the networks need and cropped back, so a pixel stays
where it was. Pixels of level 0 come back as rendered when `paste_back` is on.
"""

import copy
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image

from pipeline.config import Config
from pipeline.diffusion.backends import Rendered, Request
from pipeline.diffusion.families import Batch, load_family
from pipeline.diffusion.memory import MemoryLadder
from pipeline.diffusion.models import check_models, commits_in_use
from pipeline.diffusion.noise import took_effect
from pipeline.diffusion.regional import RegionalNoise, cell_levels
from pipeline.diffusion.views import (
    View,
    blend_weight,
    frame_views,
    padded_to_multiple,
    person_views,
)
from pipeline.errors import GenbError

_CPU_THREADS = 1
"""Fixed, whatever the machine has: torch's last bits depend on it. Workers are the way to scale."""
_TORCH_DEVICES = {"cpu": "cpu", "cuda": "cuda", "optix": "cuda", "hip": "cuda", "metal": "mps"}
_SEAM_PX = 2
"""A person painted in a crop is blended into the frame over this width."""


@dataclass(frozen=True)
class _Frame:
    """A request, padded, with the noise of its whole frame (1, C, h, w)."""

    request: Request
    image: np.ndarray
    levels: np.ndarray
    instance: np.ndarray
    controls: dict[str, np.ndarray]
    noise: torch.Tensor


@dataclass(frozen=True)
class _Item:
    """One view to paint. cells: (h, w) int32 level of each latent cell. noise: (1, C, h, w)."""

    frame: _Frame
    view: View
    cells: np.ndarray
    noise: torch.Tensor

    @property
    def kind(self) -> tuple:
        """Items of one kind can be painted together and give what each would alone."""
        return self.view.size, int(self.cells.max())


@dataclass(frozen=True)
class _Painted:
    """change: (h, w, 3) f32 of a view, painted minus rendered. steps: (h, w) f32 per pixel."""

    change: np.ndarray
    steps: np.ndarray


class DiffusersBackend:
    """Loads the configured models once and re-renders frames."""

    def __init__(self, config: Config):
        check_models(config)
        self.config, self.section = config, config.diffusion
        self.device = _torch_device(config.execution.device)
        self.dtype = _dtype(self.section.dtype, self.device)
        torch.set_num_threads(_CPU_THREADS)
        torch.backends.cudnn.benchmark = False
        self.family = load_family(config, self.dtype)
        self.commits = commits_in_use(config)
        pipe = self.family.pipe
        _place(pipe, self.device, config.execution.offload)
        if self.section.vae_tiling:
            pipe.vae.enable_tiling()
        # A batch changes the last bits, so a CPU, which gains nothing by it, paints one by one.
        together = self.device != "cpu" and self.family.batches and not self.section.references
        self.memory = MemoryLadder(
            pipe,
            self.device,
            config.execution.batch if together else 1,
            can_slice=not self.section.references and self.section.family != "flux",
        )

    def rerender(self, requests: list[Request]) -> list[Rendered]:
        """Re-render frames; bit-equal for equal requests on the same machine and device."""
        with torch.inference_mode():
            frames = [self._frame(request) for request in requests]
            items = [item for frame in frames for item in self._items(frame)]
            painted = self._paint(items)
            return [
                self._composed(frame, [(i, p) for i, p in painted if i.frame is frame])
                for frame in frames
            ]

    def reconfigured(self, config: Config) -> "DiffusersBackend":
        """The same loaded models under another configuration; raises ValueError when that names
        other models."""
        if _models_of(config) != _models_of(self.config):
            raise ValueError("another model, family, scheduler or device must be loaded anew")
        other = copy.copy(self)
        other.config, other.section = config, config.diffusion
        other.family = copy.copy(self.family)
        other.family.section = config.diffusion
        return other

    def _frame(self, request: Request) -> _Frame:
        image = padded_to_multiple(request.image)
        generator = torch.Generator().manual_seed(request.seed)
        return _Frame(
            request,
            image,
            padded_to_multiple(request.levels),
            padded_to_multiple(request.instance, "constant"),
            {
                name: padded_to_multiple(picture, _pad_mode(name))
                for name, picture in request.controls.items()
            },
            self._noise(image.shape[:2], generator),
        )

    def _noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """Noise (1, C, h, w) f32 for a picture of (H, W) px; drawn on the CPU for every device."""
        vae = self.family.pipe.vae
        scale = self.family.pipe.vae_scale_factor
        shape = (1, vae.config.latent_channels, size[0] // scale, size[1] // scale)
        return torch.randn(shape, generator=generator)

    def _items(self, frame: _Frame) -> list[_Item]:
        """The views of a frame in which anything is to change."""
        scale = self.family.pipe.vae_scale_factor
        views = self.section.views
        items = []
        for view in frame_views(*frame.image.shape[:2], views):
            top, left = view.top // scale, view.left // scale
            height, width = view.height // scale, view.width // scale
            noise = frame.noise[:, :, top : top + height, left : left + width]
            cells = cell_levels(view.cut(frame.levels), self.family.cell_px)
            items.append(_Item(frame, view, cells, noise))
        for view in person_views(frame.instance, views):
            generator = torch.Generator().manual_seed(frame.request.seed + 1 + view.person)
            levels = view.shown(frame.levels.astype(np.uint8), nearest=True).astype(np.int32)
            cells = cell_levels(levels, self.family.cell_px)
            items.append(_Item(frame, view, cells, self._noise(view.size, generator)))
        return [item for item in items if item.cells.max() > 0]

    def _paint(self, items: list[_Item]) -> list[tuple[_Item, _Painted]]:
        painted = []
        for kind in dict.fromkeys(item.kind for item in items):
            same = [item for item in items if item.kind == kind]
            painted += zip(same, self.memory.run(same, self._paint_batch), strict=True)
        return painted

    def _paint_batch(self, items: list[_Item]) -> list[_Painted]:
        family, section = self.family, self.section
        shown = [item.view.shown(item.frame.image) for item in items]
        height, width = shown[0].shape[:2]
        images = _as_tensor(shown)
        controls = [
            _as_tensor([item.view.shown(item.frame.controls[net.control]) for item in items])
            for net in section.controlnets
        ]
        cells = np.stack([item.cells for item in items])
        clean = family.encode(images)
        noise = torch.cat([item.noise for item in items]).to(clean)
        regional = RegionalNoise(
            family.run(int(cells.max()), height, width),
            family.packed(clean),
            family.packed(noise),
            family.levels(torch.from_numpy(cells).to(clean.device)),
        )
        batch = Batch(
            images,
            controls,
            [item.frame.request.prompt for item in items],
            [torch.Generator().manual_seed(item.frame.request.seed) for item in items],
            [Image.fromarray(picture) for picture in items[0].frame.request.references],
        )
        latents = family.unpacked(family.paint(batch, regional), height, width)
        made = family.decode(latents)
        base = family.decode(clean) if section.detail == "residual" else images
        change = (made - base).permute(0, 2, 3, 1).numpy()
        steps = cells.repeat(family.cell_px, axis=1).repeat(family.cell_px, axis=2)
        return [_Painted(change[k], steps[k].astype(np.float32)) for k in range(len(items))]

    def _composed(self, frame: _Frame, painted: list[tuple[_Item, _Painted]]) -> Rendered:
        request = frame.request
        height, width = request.levels.shape
        if not painted:
            return Rendered(request.image, {"backend": "diffusers", "steps_run": 0})
        change, steps = self._joined(frame, [p for p in painted if p[0].view.person is None])
        for item, made in painted:
            if item.view.person is not None:
                _lay_in(change, steps, frame.instance, item.view, made)
        change, steps = change[:height, :width], steps[:height, :width]
        image = request.image / np.float32(255) + change
        if self.section.paste_back:
            image = paste_back(image, request.image, request.levels, self.section.feather_px)
        record = {
            "backend": "diffusers",
            "steps_run": max(int(item.cells.max()) for item, _ in painted),
            "regions": took_effect(self.section, steps, request.levels, request.part),
            "views": len(painted),
            "dtype": str(self.dtype).removeprefix("torch."),
            "device": self.device,
            "memory": list(self.memory.measures),
            "commits": self.commits,
        }
        return Rendered((image.clip(0, 1) * 255).round().astype(np.uint8), record)

    def _joined(self, frame: _Frame, painted: list) -> tuple[np.ndarray, np.ndarray]:
        """Change (H, W, 3) and steps (H, W) of the whole padded frame from its tiles."""
        height, width = frame.levels.shape
        change = np.zeros((height, width, 3), np.float32)
        steps = np.zeros((height, width), np.float32)
        weights = np.zeros((height, width), np.float32)
        overlap = self.section.views.overlap_px
        for view in frame_views(height, width, self.section.views):
            weights_here = blend_weight(view, height, width, overlap)
            view.cut(weights)[...] += weights_here
            for item, made in painted:
                if item.view == view:
                    view.cut(change)[...] += weights_here[..., None] * made.change
                    view.cut(steps)[...] += weights_here * made.steps
        return change / weights[..., None], steps / weights


def _models_of(config: Config) -> dict:
    """Everything that is fixed when models are loaded."""
    section = config.diffusion
    named = ("family", "model", "revision", "loras", "references", "scheduler", "dtype")
    told = {name: getattr(section, name) for name in (*named, "vae_tiling")}
    told["nets"] = [(net.control, net.model, net.revision) for net in section.controlnets]
    return told | {"execution": config.execution}


def _lay_in(change, steps, instance: np.ndarray, view: View, made: _Painted) -> None:
    """Put a person's crop into the frame's `change` and `steps`, on that person's pixels."""
    size = (view.width, view.height)
    crop = cv2.resize(made.change, size, interpolation=cv2.INTER_AREA)
    crop_steps = cv2.resize(made.steps, size, interpolation=cv2.INTER_AREA)
    own = view.cut(instance) == view.person + 1
    weight = np.clip(cv2.distanceTransform(own.astype(np.uint8), cv2.DIST_L2, 5) / _SEAM_PX, 0, 1)
    view.cut(change)[...] += weight[..., None] * (crop - view.cut(change))
    view.cut(steps)[...] += weight * (crop_steps - view.cut(steps))


def paste_back(
    painted: np.ndarray, render: np.ndarray, levels: np.ndarray, feather_px: float
) -> np.ndarray:
    """Put the render's pixels back where the level is 0, blending over `feather_px` outside.

    painted: (H, W, 3) f32 in [0, 1]. render: u8. The autoencoder alone changes every pixel a
    little, so unchanged latents do not give unchanged pixels.
    """
    if not (levels == 0).any():
        return painted
    outside = cv2.distanceTransform((levels > 0).astype(np.uint8), cv2.DIST_L2, 5)
    weight = np.clip(1 - outside / feather_px, 0, 1)[..., None]
    return weight * (render / np.float32(255)) + (1 - weight) * painted


def _place(pipe, device: str, offload: str) -> None:
    """Put the models where they are to be during painting."""
    if offload == "none":
        pipe.to(device)
    elif device == "cpu":
        raise GenbError(
            f"execution.offload = {offload!r} moves models between main memory and a GPU, but "
            "execution.device is 'cpu'. Leave offload at 'none'."
        )
    elif offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)


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
    return "constant" if control in ("openpose", "canny", "softedge") else "edge"


def _as_tensor(images: list[np.ndarray]) -> torch.Tensor:
    """(B, 3, H, W) f32 in [0, 1] of images (H, W, 3) u8."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
