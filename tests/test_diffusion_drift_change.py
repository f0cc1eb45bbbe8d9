"""How much a look changed: structure by MS-SSIM, colour by CIELAB."""

import cv2
import numpy as np
import pytest
from diffusion_pictures import people_picture

from pipeline.diffusion.drift import measure_drift
from pipeline.diffusion.drift.change import change_map, colour_map, ssim_maps


def _slow_ssim(a: np.ndarray, b: np.ndarray, y: int, x: int) -> tuple[float, float]:
    """Luminance and contrast-structure term around one pixel, straight from the paper."""
    offset = np.arange(-5, 6)
    weight = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    weight /= weight.sum()
    a, b = (v[y - 5 : y + 6, x - 5 : x + 6] for v in (a, b))
    mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
    variance_a, variance_b = (weight * (a - mean_a) ** 2).sum(), (weight * (b - mean_b) ** 2).sum()
    covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (
        (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1),
        (2 * covariance + c2) / (variance_a + variance_b + c2),
    )


def test_ssim_is_that_of_the_paper():
    a, b = (people_picture(seed)[0][..., 0].astype(np.float64) for seed in (0, 1))
    b = 0.7 * a + 0.3 * b
    fast = ssim_maps(a.astype(np.float32), b.astype(np.float32))
    for y, x in np.random.default_rng(0).integers(8, 248, (40, 2)):
        # Single precision of squares of 255 leaves 1e-4 of the constant C2.
        assert np.allclose([v[y, x] for v in fast], _slow_ssim(a, b, y, x), atol=1e-3)


def test_multi_scale_ssim_multiplies_the_scales_with_the_papers_exponents():
    image, _, _ = people_picture(0)
    half = cv2.GaussianBlur(image, (0, 0), 1.2)
    a, b = (v[:30, :30] for v in (image, half))
    luma = [v.astype(np.float32) @ np.float32([0.299, 0.587, 0.114]) for v in (a, b)]
    fine = np.maximum(ssim_maps(*luma)[1], 0)
    coarse = np.prod(ssim_maps(*(v.reshape(15, 2, 15, 2).mean(axis=(1, 3)) for v in luma)), axis=0)
    coarse = np.maximum(coarse, 0)
    weights = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    coarse = cv2.resize(coarse.astype(np.float32) ** weights[1], (30, 30))
    # 30 px have room for two scales of an 11 px window; single precision.
    assert np.allclose(change_map(a, b), 1 - fine ** weights[0] * coarse, atol=1e-4)


def test_change_grows_with_blur_and_with_noise():
    image, _, instance = people_picture(0)
    mask = instance == 1
    noise = np.random.default_rng(0).normal(0, 1, image.shape)
    blurred = [cv2.GaussianBlur(image, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)]
    noisy = [(image + amount * noise).clip(0, 255).astype(np.uint8) for amount in (4, 8, 16, 32)]
    for series in (blurred, noisy):
        values = [change_map(image, final)[mask].mean() for final in series]
        assert values == sorted(values) and 0 < values[0] < 0.05 and values[-1] > 0.15


def test_a_negative_is_a_complete_change():
    image, _, instance = people_picture(0)
    mask = instance == 1
    assert change_map(image, 255 - image)[mask].mean() > 0.9


def test_brightness_alone_is_a_small_change_of_structure_and_a_known_one_of_colour():
    grey = people_picture(0)[0][..., :1].repeat(3, axis=2).clip(40, 200)
    assert change_map(grey, grey + 20).mean() < 0.02
    flat = np.full((32, 32, 3), 100, np.uint8)
    expected = _lightness(120) - _lightness(100)
    assert expected == pytest.approx(50.43 - 42.37, abs=0.01)
    # OpenCV interpolates the curves of CIELAB from tables: 0.04 off here.
    assert np.allclose(colour_map(flat, flat + 20), expected, atol=0.1)


def _lightness(grey: int) -> float:
    """CIE 1976 L* of an sRGB grey, by the formula."""
    linear = ((grey / 255 + 0.055) / 1.055) ** 2.4
    return 116 * linear ** (1 / 3) - 16


def test_colour_change_of_red_to_green_is_that_of_the_tables():
    red, green = (np.full((8, 8, 3), c, np.uint8) for c in ((255, 0, 0), (0, 255, 0)))
    # Lab of sRGB red (53.24, 80.09, 67.20) and green (87.73, -86.18, 83.18), two decimals each.
    expected = np.linalg.norm(np.subtract((53.24, 80.09, 67.20), (87.73, -86.18, 83.18)))
    assert np.allclose(colour_map(red, green), expected, atol=0.1)


def test_change_belongs_to_the_person_it_happened_to():
    image, _, instance = people_picture(0)
    mask = instance == 1
    final = image.copy()
    final[mask] = 255 - final[mask]
    first, second = measure_drift(image, final, instance).people
    assert first.change > 0.5 > 0.1 > second.change
    assert first.colour_change > 5 and second.colour_change == 0
