"""Regional noise on an unmodified diffusers img2img pipeline, through its step callback.

Every latent cell starts from its own noise level: after each denoising step, cells whose turn has
not come are put back on the noising path of the render, and cells with level 0 end exactly at the
render's own latents. The idea is that of Differential Diffusion (Levin and Fried, 2023).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch


def cell_levels(levels: np.ndarray, cell_px: int) -> np.ndarray:
    """Level of each latent cell (h, w) int32: the lowest level of its pixels (H, W)."""
    height, width = levels.shape
    blocks = levels.reshape(height // cell_px, cell_px, width // cell_px, cell_px)
    return blocks.min(axis=(1, 3)).astype(np.int32)


@dataclass(frozen=True)
class Run:
    """The steps a pipeline is going to make.

    strength: what to call it with. timesteps: those of the `level` steps. noised: latents and noise
    and the index of a step -> the latents as they are before that step.
    """

    strength: float
    timesteps: torch.Tensor
    noised: Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


class RegionalNoise:
    """`callback_on_step_end` that holds every latent cell to its own number of steps.

    latents, noise: (B, ...) of the renders. levels: int tensor that broadcasts to the latents, the
    steps of each cell; the highest is the same in every picture of the batch.
    """

    def __init__(self, run: Run, latents, noise, levels: torch.Tensor):
        self.run, self.latents, self.noise, self.levels = run, latents, noise, levels
        self.level = int(levels.max())
        self.steps_run = 0
        if len(run.timesteps) != self.level:
            raise ValueError(
                f"the scheduler makes {len(run.timesteps)} steps for level {self.level}"
            )

    def start_latents(self) -> torch.Tensor:
        """The renders' latents, noised to the highest level."""
        return self.run.noised(self.latents, self.noise, 0)

    def __call__(self, pipe, step: int, timestep, tensors: dict) -> dict:
        """After step `step`: put cells that still wait (or never change) where they belong."""
        self.steps_run = step + 1
        remaining = self.level - self.steps_run
        reference = self.latents
        if remaining:
            reference = self.run.noised(self.latents, self.noise, step + 1)
        latents = tensors["latents"]
        waiting = self.levels <= remaining
        return {"latents": torch.where(waiting, reference.to(latents), latents)}
