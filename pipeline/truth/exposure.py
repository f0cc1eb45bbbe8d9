"""Whether a picture is exposed as a photographer would accept it, from its finished pixels."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.config import ExposureSection
from pipeline.truth.limits import beyond_limits

_BLACK, _WHITE = 0.02, 0.98
"""Display luma below and above which nothing can be told apart."""
_LUMA = (0.2126, 0.7152, 0.0722)


def exposure_figures(rgb: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """How bright a picture and the people in it are.

    rgb: (H, W, 3) uint8, sRGB. people: (H, W) bool, pixels of people and their clothes. Returns
    black_share and white_share of the picture; people_luma, median display luma (0 to 1) of the
    people, and people_clipped, their share of black and white; without people, of the picture.
    """
    luma = rgb.astype(np.float64) @ _LUMA / 255
    of_people = luma[people] if people.any() else luma.ravel()
    clipped = (of_people < _BLACK) | (of_people > _WHITE)
    return {
        "black_share": float((luma < _BLACK).mean()),
        "white_share": float((luma > _WHITE).mean()),
        "people_luma": float(np.median(of_people)),
        "people_clipped": float(clipped.mean()),
    }


def exposure_faults(figures: dict[str, float], limits: ExposureSection) -> list[str]:
    """A sentence for every figure beyond its limit."""
    at_most = {
        "black_share": limits.max_black_share,
        "white_share": limits.max_white_share,
        "people_luma": limits.max_people_luma,
        "people_clipped": limits.max_people_clipped,
    }
    at_least = {"people_luma": limits.min_people_luma}
    return beyond_limits(figures, at_least, at_most)


def read_picture(path: Path) -> np.ndarray:
    """A rendered picture (H, W, 3) uint8."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
