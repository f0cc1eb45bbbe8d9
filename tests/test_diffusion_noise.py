"""Noise strategies as maps of integers, and the latent cells that carry them."""

import cv2
import numpy as np
import pytest
from diffusion_models import SIZE
from diffusion_pictures import part_picture

from pipeline.config import Config, DiffusionSection
from pipeline.conventions import PARTS
from pipeline.diffusion import noise
from pipeline.diffusion.regional import cell_levels


def test_every_part_is_in_exactly_one_region():
    parts = [name for names in noise.REGIONS.values() for name in names]
    assert sorted(parts) == sorted(PARTS)


def _map(**options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    part, instance = part_picture(SIZE)
    section = DiffusionSection(denoise_steps=7, noise=options)
    return noise.level_map(section, part, instance), part, instance


def test_regional_gives_every_region_its_integer_and_minus_one_the_level_above_it():
    levels, part, _ = _map(face=2, hands=0, background=9, garments=5, lower=1)
    expected = {"face": 2, "hands": 0, "background": 9, "upper": 5, "lower": 1, "hair": 7}
    for name, level in expected.items():
        assert (levels[part == PARTS[name]] == level).all(), name
    assert levels.dtype == np.int32


def test_global_is_one_level_whatever_the_regions_say():
    levels, _, _ = _map(strategy="global", face=0, silhouette_band=0)
    assert (levels == 7).all()


def test_background_leaves_people_as_rendered():
    levels, _, instance = _map(strategy="background", face=3, background=6)
    assert ((levels == 0) == (instance > 0)).all() and (levels[instance == 0] == 6).all()


def test_the_silhouette_band_caps_and_never_raises():
    levels, part, instance = _map(face=0, silhouette_band=3, silhouette_band_px=4)
    # An independent band: pixels whose 9 x 9 neighbourhood holds more than one instance id.
    ids = instance.astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    near = cv2.dilate(ids, kernel) != cv2.erode(ids, kernel)
    agreement = ((levels <= 3) | (part == PARTS["face"])) == (near | (part == PARTS["face"]))
    # OpenCV's distances are those between pixel centres, its ellipse is a rough disc.
    assert agreement.mean() > 0.98
    assert set(np.unique(levels)) == {0, 3, 7} and (levels[part == PARTS["face"]] == 0).all()


def test_graded_rises_evenly_from_the_outline():
    instance = np.zeros((40, 120), np.uint16)
    instance[:, 60:] = 1
    part = np.where(instance, PARTS["upper"], 0).astype(np.uint8)
    section = DiffusionSection(
        denoise_steps=12,
        noise={"strategy": "graded", "silhouette_band": 2, "silhouette_band_px": 16},
    )
    row = noise.level_map(section, part, instance)[20]
    from_edge = np.abs(np.arange(120) + 0.5 - 60) - 0.5
    expected = np.round(2 + 10 * np.clip(from_edge / 16, 0, 1))
    assert (row == expected).all()
    assert row[59] == row[60] == 2 and row[0] == row[-1] == 12


def test_graded_does_not_raise_what_is_lower_than_the_outline():
    levels, part, _ = _map(strategy="graded", face=1, silhouette_band=3, silhouette_band_px=30)
    assert (levels[part == PARTS["face"]] == 1).all() and levels.max() == 7


def test_the_level_of_all_can_be_scaled_with_regions_in_proportion():
    section = DiffusionSection(denoise_steps=8, noise={"face": 4, "hands": 0, "background": 12})
    half = noise.at_level(section, 4)
    assert half.denoise_steps == 4
    told = half.noise
    assert (told.face, told.hands, told.background, told.hair) == (2, 0, 6, -1)
    assert noise.at_level(section, 20).noise.background == 20
    with pytest.raises(ValueError, match="level 21"):
        noise.at_level(section, 21)


def test_calming_and_putting_back_touch_one_person_and_a_rim():
    instance = np.zeros((100, 100), np.uint16)
    instance[20:80, 10:40], instance[30:90, 55:85] = 1, 2
    levels = np.full(instance.shape, 7, np.int32)
    calmer = noise.calmed(levels, instance, [1], reach_px=3)
    assert (calmer[instance == 2] == 3).all() and (calmer[instance == 1] == 7).all()
    kept = noise.without(levels, instance, [0], reach_px=3)
    assert (kept[instance == 1] == 0).all() and (kept[instance == 2] == 7).all()
    # Discs of 3 and 4 px around the person bound the rim from inside and outside.
    person = (instance == 1).astype(np.uint8)
    inner, outer = (cv2.dilate(person, _disc(radius)) > 0 for radius in (2, 4))
    assert (kept[inner] == 0).all() and (kept[~outer] == 7).all()
    assert (noise.without(levels, instance, []) == 7).all()


def _disc(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (x * x + y * y <= radius * radius).astype(np.uint8)


def test_a_latent_cell_is_as_protected_as_its_most_protected_pixel():
    levels = np.full((16, 24), 5, np.int32)
    levels[3, 9] = 2
    assert cell_levels(levels, 8).tolist() == [[5, 2, 5], [5, 5, 5]]


@pytest.mark.parametrize(
    "bad",
    [
        {"denoise_steps": 30},
        {"noise": {"face": 21}},
        {"noise": {"fase": 1}},
        {"noise": {"upper": -2}},
        {"noise": {"strategy": "random"}},
        {"controlnets": [{"control": "canny", "model": "m", "start": 0.5, "end": 0.5}]},
        {"family": "flux"},
        {"scheduler": "flow"},
        {"views": {"tile_px": 500}},
        {"drift": {"max_keypoint_px": 3.0}},
        {"drift": {"detector": "mine"}},
        {"references": [{"model": "a", "images": ["x"]}, {"model": "b", "images": ["x"]}]},
        {
            "family": "sdxl-union",
            "controlnets": [
                {"control": "canny", "model": "a"},
                {"control": "depth", "model": "b"},
            ],
        },
    ],
)
def test_impossible_options_are_errors(bad):
    with pytest.raises(ValueError, match="1 validation error"):
        Config.model_validate({"diffusion": {"steps": 20, **bad}})
