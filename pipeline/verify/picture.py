"""The training image against the render it was made from, where nothing was painted.

Finishing is recorded, so the picture can be finished again: all that remains are its grain and the
JPEG. Of a painted picture only its checksum and its recorded drift speak.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipeline.config import ExposureSection
from pipeline.diffusion.finish import Look, apply_look
from pipeline.truth.exposure import exposure_faults, exposure_figures
from pipeline.verify.frame import CheckedFrame

_ROUNDED = 1e-6
"""Exposure figures are rounded to six digits."""
_BLOCK_PX = 8
_BLOCK_LEVELS = 5.0
"""Mean of a block of 64 pixels: grain of at most 1.6 levels, clumped over some 5 px, is 2 levels at
five sigma; the DC step of quality 50 adds up to 2. Measured: 2.2."""


def exposure_of_render_faults(frame: CheckedFrame) -> Iterator[str]:
    """Recorded exposure against cg.png and its limits."""
    figures = exposure_figures(frame.sample.image("cg.png"), frame.mask > 0)
    for name, value in figures.items():
        if not abs(frame.facts["exposure"][name] - value) <= _ROUNDED:
            yield f"exposure {name} is not that of cg.png, {value:.6g}"
    limits = ExposureSection.model_validate(frame.config["exposure"])
    for fault in exposure_faults(frame.facts["exposure"], limits):
        yield f"its exposure is beyond its limits: {fault}"


def picture_faults(frame: CheckedFrame) -> Iterator[str]:
    """rgb.jpg against the finished render, in pictures that are the render."""
    record = json.loads(frame.facts["rerender_record"])
    if record["steps_applied"] > 0:
        return
    wanted = frame.sample.image("cg.png")
    if record["finish"]:
        look = replace(Look(**record["finish"]), grain=0.0)
        wanted = apply_look(wanted, look, np.random.default_rng(0))
    off = _blocks(frame.sample.image("rgb.jpg").astype(np.float32) - wanted)
    if (worst := float(np.abs(off).max(initial=0))) > _BLOCK_LEVELS:
        yield (
            f"rgb.jpg is not the finished cg.png: a block of pixels is {worst:.0f} levels off "
            f"({(np.abs(off).max(axis=-1) > _BLOCK_LEVELS).mean():.1%} of the picture)"
        )


def _blocks(image: np.ndarray) -> np.ndarray:
    """Means (h, w, 3) over JPEG's blocks; what is left over at the edges is not looked at."""
    height, width = (n // _BLOCK_PX * _BLOCK_PX for n in image.shape[:2])
    cut = image[:height, :width]
    shape = (height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX, 3)
    return cut.reshape(shape).mean(axis=(1, 3))
