"""Regional noise on an unmodified diffusers img2img pipeline, through its step callback.

Every latent cell starts from its own noise level: after each denoising step, cells whose turn has
not come are put back on the noising path of the render, and cells with level 0 end exactly at the
render's own latents. The idea is that of Differential Diffusion (Levin and Fried, 2023).
"""

import numpy as np
import torch


def cell_levels(levels: np.ndarray, cell_px: int) -> np.ndarray:
    """Level of each latent cell (h, w) int32: the lowest level of its pixels (H, W)."""
    height, width = levels.shape
    blocks = levels.reshape(height // cell_px, cell_px, width // cell_px, cell_px)
    return blocks.min(axis=(1, 3)).astype(np.int32)


def strength_of(level: int, steps: int) -> float:
    """The img2img `strength` that makes diffusers run exactly `level` of `steps` steps.

    diffusers floors `steps * strength`, and level / steps can floor to level - 1.
    """
    return min((level + 0.5) / steps, 1.0)


class RegionalNoise:
    """`callback_on_step_end` that holds every latent cell to its own number of steps.

    latents: (1, C, h, w) of the render. cells: (h, w) int, steps per cell. noise: like latents.
    Pass `start_latents()` as the pipeline's `latents` and `strength` as its strength.
    """

    def __init__(self, pipe, latents, noise, cells: np.ndarray, steps: int):
        self.latents, self.noise, self.steps = latents, noise, steps
        self.cells = torch.from_numpy(cells).to(latents.device)[None, None]
        self.level = int(cells.max())
        self.strength = strength_of(self.level, steps)
        self.steps_run = 0
        pipe.scheduler.set_timesteps(steps, device=latents.device)
        self.timesteps, count = pipe.get_timesteps(steps, self.strength, latents.device)
        if count != self.level or len(self.timesteps) != self.level:
            raise ValueError(
                f"{type(pipe.scheduler).__name__} runs {len(self.timesteps)} steps for level "
                f"{self.level} of {steps}; use ddim, euler or dpm++"
            )
        self._scheduler = pipe.scheduler

    def start_latents(self) -> torch.Tensor:
        """The render's latents, noised to the highest level."""
        return self._noised(self.timesteps[:1])

    def _noised(self, timestep: torch.Tensor) -> torch.Tensor:
        return self._scheduler.add_noise(self.latents, self.noise, timestep)

    def __call__(self, pipe, step: int, timestep, tensors: dict) -> dict:
        """After step `step`: put cells that still wait (or never change) where they belong."""
        self.steps_run = step + 1
        remaining = self.level - self.steps_run
        waiting = self.cells <= remaining
        if remaining == 0:
            reference = self.latents
        else:
            reference = self._noised(self.timesteps[step + 1 : step + 2])
        latents = tensors["latents"]
        return {"latents": torch.where(waiting, reference.to(latents), latents)}
