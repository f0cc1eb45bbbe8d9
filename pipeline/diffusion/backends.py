"""The registry of re-rendering backends and what passes between them and the stage.

A backend is a module with a class that has `rerender(request) -> Rendered`. To add one: write the
file, add its line below and its options to `pipeline.config.DiffusionSection`.
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
    """One frame to re-render.

    image: (H, W, 3) u8 RGB, the render. levels: (H, W) int32 denoising steps. part: (H, W) u8.
    controls: control name -> (H, W, 3) u8 RGB. seed: 31-bit integer.
    """

    image: np.ndarray
    levels: np.ndarray
    part: np.ndarray
    controls: dict[str, np.ndarray]
    prompt: str
    seed: int


@dataclass(frozen=True)
class Rendered:
    """image: (H, W, 3) u8 RGB at the request's size and geometry. record: JSON provenance."""

    image: np.ndarray
    record: dict = field(default_factory=dict)


class Backend(Protocol):
    """What every backend offers."""

    def __init__(self, config: Config): ...

    def rerender(self, request: Request) -> Rendered:
        """Re-render one frame, deterministically."""


def make_backend(config: Config) -> Backend:
    """The configured backend with its models loaded; pass-through when no level is above 0."""
    name = "passthrough" if is_passthrough(config.diffusion) else config.diffusion.backend
    module, _, attribute = BACKENDS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)(config)
