"""The registry of re-rendering backends and what passes between them and the stage.

A backend is a module with a class that has `rerender(requests) -> list[Rendered]`. To add one:
write the file, add its line below and its options to `pipeline.config_diffusion.DiffusionSection`.
"""

import importlib
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pipeline.config import Config
from pipeline.diffusion.noise import is_passthrough

BACKENDS = {
    "passthrough": "pipeline.diffusion.passthrough:Passthrough",
    "diffusers": "pipeline.diffusion.pipelines:DiffusersBackend",
}


@dataclass(frozen=True)
class Request:
    """One picture to make of one frame.

    image: (H, W, 3) u8 RGB, the render. levels: (H, W) int32 denoising steps. part: (H, W) u8 and
    instance: (H, W) u16. controls: control name -> (H, W, 3) u8 RGB. seed: 31-bit integer.
    references: (h, w, 3) u8 RGB, one per entry of `diffusion.references`; reference_names: their
    ids.
    """

    image: np.ndarray
    levels: np.ndarray
    part: np.ndarray
    instance: np.ndarray
    controls: dict[str, np.ndarray]
    prompt: str
    seed: int
    references: tuple[np.ndarray, ...] = ()
    reference_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rendered:
    """image: (H, W, 3) u8 RGB at the request's size and geometry. record: JSON provenance, with at
    least `backend` and `steps_run`."""

    image: np.ndarray
    record: dict = field(default_factory=dict)


class Backend(Protocol):
    """What every backend offers."""

    def __init__(self, config: Config): ...

    def rerender(self, requests: list[Request]) -> list[Rendered]:
        """Make the pictures, deterministically; how they are batched changes nothing on a CPU."""

    def reconfigured(self, config: Config) -> "Backend":
        """The same loaded models under another configuration of noise."""


def make_backend(config: Config) -> Backend:
    """The configured backend with its models loaded; pass-through when no level is above 0."""
    name = "passthrough" if is_passthrough(config.diffusion) else config.diffusion.backend
    module, _, attribute = BACKENDS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)(config)
