"""Noise levels per pixel: how many denoising steps each region of the image may be changed by.

A level is an integer: 0 leaves the pixel as rendered, `steps` paints it anew. The regions come from
the renderer's own part and instance masks, so their borders are exact.
"""

import cv2
import numpy as np

from pipeline.config import DiffusionSection
from pipeline.conventions import PARTS

REGIONS = {
    "face": ("face", "eyes_mouth"),
    "hands": ("hands",),
    "skin": ("skin", "feet"),
    "garments": ("upper", "lower", "full", "outer", "shoes"),
    "hair": ("hair",),
    "background": ("background",),
}
"""Config region -> names of the semantic parts it covers. Every part is in exactly one region."""


def levels_by_region(section: DiffusionSection) -> dict[str, int]:
    """The level of every region in steps, with -1 replaced by the global level."""
    return {
        region: section.denoise_steps if level == -1 else level
        for region, level in ((name, getattr(section.noise, name)) for name in REGIONS)
    }


def level_map(section: DiffusionSection, part: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Level of every pixel, (H, W) int32 in denoising steps.

    part: (H, W) u8, instance: (H, W) u16. Within `silhouette_band_px` of any person's outline (the
    outlines between two people too) the level is capped by `silhouette_band`, unless that is -1.
    """
    table = np.zeros(256, np.int32)
    for region, level in levels_by_region(section).items():
        for name in REGIONS[region]:
            table[PARTS[name]] = level
    levels = table[part]
    cap = section.noise.silhouette_band
    if cap >= 0:
        band = outline_distance(instance) <= section.noise.silhouette_band_px
        levels[band] = np.minimum(levels[band], cap)
    return levels


def is_passthrough(section: DiffusionSection) -> bool:
    """True when no pixel can change: no model is then needed at all."""
    return section.backend == "passthrough" or max(levels_by_region(section).values()) == 0


def outline_distance(instance: np.ndarray) -> np.ndarray:
    """Distance (H, W) f32 px of each pixel to the nearest of another instance; inf if none."""
    distance = np.full(instance.shape, np.inf, np.float32)
    for value in np.unique(instance):
        inside = instance == value
        if inside.all():
            break
        to_others = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
        distance[inside] = to_others[inside]
    return distance


def took_effect(
    section: DiffusionSection, cell_levels: np.ndarray, cell_px: int, part: np.ndarray
) -> dict:
    """Per region in view: its level, and what the latent grid made of it.

    cell_levels: (h, w) on a grid of `cell_px` cells that covers `part` (H, W). A cell is changed
    only as far as its most protected pixel allows, so the mean can be below the level.
    """
    height, width = part.shape
    actual = cell_levels.repeat(cell_px, axis=0).repeat(cell_px, axis=1)[:height, :width]
    record = {}
    for region, level in levels_by_region(section).items():
        mask = np.isin(part, [PARTS[name] for name in REGIONS[region]])
        if mask.any():
            record[region] = {
                "level": level,
                "mean_steps": round(float(actual[mask].mean()), 3),
                "max_steps": int(actual[mask].max()),
                "pixels": int(mask.sum()),
            }
    return record
