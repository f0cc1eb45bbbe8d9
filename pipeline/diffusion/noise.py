"""Noise levels per pixel: how many denoising steps each region of the image may be changed by.

A level is an integer: 0 leaves the pixel as rendered, `steps` paints it anew. Every strategy is one
map of such integers; the regions in it come from the renderer's own part and instance masks, so
their borders are exact.
"""

import cv2
import numpy as np

from pipeline.config import DiffusionSection
from pipeline.conventions import PARTS

REGIONS = {
    "face": ("face", "eyes_mouth"),
    "hands": ("hands",),
    "skin": ("skin", "feet"),
    "upper": ("upper",),
    "lower": ("lower",),
    "full": ("full",),
    "outer": ("outer",),
    "shoes": ("shoes",),
    "hair": ("hair",),
    "background": ("background",),
}
"""Config region -> names of the semantic parts it covers. Every part is in exactly one region."""

_GARMENTS = ("upper", "lower", "full", "outer", "shoes")


def levels_by_region(section: DiffusionSection) -> dict[str, int]:
    """The level of every region in steps under the configured strategy, without -1."""
    noise, overall = section.noise, section.denoise_steps
    if noise.strategy == "global":
        return dict.fromkeys(REGIONS, overall)
    levels = {}
    for region in REGIONS:
        level = getattr(noise, region)
        if level == -1 and region in _GARMENTS:
            level = noise.garments
        levels[region] = overall if level == -1 else level
    if noise.strategy == "background":
        levels |= dict.fromkeys((r for r in REGIONS if r != "background"), 0)
    return levels


def level_map(section: DiffusionSection, part: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Level of every pixel, (H, W) int32 in denoising steps.

    part: (H, W) u8, instance: (H, W) u16. Within `silhouette_band_px` of any person's outline (the
    outlines between two people too) the level is capped by `silhouette_band`, unless that is -1;
    with strategy `graded` the cap rises evenly from the outline to the end of the band.
    """
    table = np.zeros(256, np.int32)
    for region, level in levels_by_region(section).items():
        for name in REGIONS[region]:
            table[PARTS[name]] = level
    levels = table[part]
    noise = section.noise
    if noise.strategy == "graded":
        return _graded(levels, instance, max(noise.silhouette_band, 0), noise.silhouette_band_px)
    if noise.silhouette_band >= 0 and noise.strategy != "global":
        band = outline_distance(instance) <= noise.silhouette_band_px
        levels[band] = np.minimum(levels[band], noise.silhouette_band)
    return levels


def _graded(levels: np.ndarray, instance: np.ndarray, lowest: int, width_px: int) -> np.ndarray:
    """Levels capped by a ramp from `lowest` on the outlines to each pixel's own at `width_px`."""
    # The pixel next to an outline is 1 px from the nearest of another instance.
    share = np.clip((outline_distance(instance) - 1) / max(width_px, 1), 0, 1)
    ramp = lowest + (levels - lowest) * share
    return np.where(levels > lowest, np.round(ramp).astype(np.int32), levels)


def is_passthrough(section: DiffusionSection) -> bool:
    """True when no pixel can change: no model is then needed at all."""
    return section.backend == "passthrough" or max(levels_by_region(section).values()) == 0


def at_level(section: DiffusionSection, level: int) -> DiffusionSection:
    """The same section at another noise level; levels of single regions keep their proportion."""
    if not 0 <= level <= section.steps:
        raise ValueError(f"level {level} is not within 0 and steps = {section.steps}")

    def scaled(value: int) -> int:
        if value <= 0 or section.denoise_steps == 0:
            return value
        return min(round(value * level / section.denoise_steps), section.steps)

    levels = {name: scaled(value) for name, value in section.noise.levels().items()}
    noise = section.noise.model_copy(update=levels)
    return section.model_copy(update={"denoise_steps": level, "noise": noise})


def calmed(levels: np.ndarray, instance: np.ndarray, people: list[int], reach_px: int = 8):
    """Levels (H, W) halved (rounded down) on some people and `reach_px` around them."""
    mask = np.isin(instance, [person + 1 for person in people])
    return np.where(_widened(mask, reach_px), levels // 2, levels)


def without(levels: np.ndarray, instance: np.ndarray, people: list[int], reach_px: int = 8):
    """Levels (H, W) with 0 on some people and `reach_px` around them."""
    mask = np.isin(instance, [person + 1 for person in people])
    return np.where(_widened(mask, reach_px), 0, levels)


def _widened(mask: np.ndarray, reach_px: int) -> np.ndarray:
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return distance <= reach_px if mask.any() else mask


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
    section: DiffusionSection, actual: np.ndarray, levels: np.ndarray, part: np.ndarray
) -> dict:
    """Per region in view: the level asked for, and what the latent grid made of it.

    actual: (H, W) f32, mean steps that each pixel's latent cells were painted by; a cell is changed
    only as far as its most protected pixel allows, so it can be below `levels` (H, W) int.
    """
    record = {}
    for region, level in levels_by_region(section).items():
        mask = np.isin(part, [PARTS[name] for name in REGIONS[region]])
        if mask.any():
            record[region] = {
                "level": level,
                "asked_steps": round(float(levels[mask].mean()), 3),
                "mean_steps": round(float(actual[mask].mean()), 3),
                "max_steps": round(float(actual[mask].max()), 3),
                "pixels": int(mask.sum()),
            }
    return record
