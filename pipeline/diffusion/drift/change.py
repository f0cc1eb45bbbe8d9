"""How different do two pictures look, without any weights: structure and colour.

Structure is multi-scale SSIM (Wang, Simoncelli and Bovik, Asilomar 2003) kept as a map, so that it
can be averaged over one person. Colour is the CIE 1976 difference in CIELAB.
"""

import cv2
import numpy as np

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first, from the paper."""
_WINDOW_PX, _SIGMA_PX = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def change_map(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W) f32: 1 - MS-SSIM of the luma around each pixel; 0 the same, up to 1.

    first, second: (H, W, 3) u8 RGB. Images too small for five scales (176 px) get fewer, with the
    exponents scaled to the sum of 1; negative correlation counts as none.
    """
    height, width = first.shape[:2]
    a, b = _luma(first), _luma(second)
    scales = int(np.log2(max(min(height, width) / _WINDOW_PX, 1))) + 1
    weights = np.array(_WEIGHTS[:scales]) / sum(_WEIGHTS[:scales])
    alike = np.ones((height, width), np.float32)
    for scale, weight in enumerate(weights):
        luminance, contrast = ssim_maps(a, b)
        local = luminance * contrast if scale == len(weights) - 1 else contrast
        local = np.maximum(local, 0) ** np.float32(weight)
        alike *= cv2.resize(local, (width, height), interpolation=cv2.INTER_LINEAR)
        half = (max(a.shape[1] // 2, 1), max(a.shape[0] // 2, 1))
        a, b = (cv2.resize(v, half, interpolation=cv2.INTER_AREA) for v in (a, b))
    return 1 - alike


def ssim_maps(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM's luminance and its contrast-structure term (H, W) f32 of two (H, W) f32, 0..255."""
    mean_a, mean_b = _blurred(first), _blurred(second)
    variance_a = _blurred(first * first) - mean_a * mean_a
    variance_b = _blurred(second * second) - mean_b * mean_b
    covariance = _blurred(first * second) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    return luminance, (2 * covariance + _C2) / (variance_a + variance_b + _C2)


def colour_map(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W) f32: Delta E (CIE 1976) of two (H, W, 3) u8 sRGB images, D65; 2.3 is just visible."""
    a, b = (cv2.cvtColor(v.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for v in (first, second))
    return np.linalg.norm(a - b, axis=2)


def _luma(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])


def _blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (_WINDOW_PX, _WINDOW_PX), _SIGMA_PX)
