"""Colours that cloth really has, and which of them go together."""

import colorsys

import numpy as np

_BOTTOMS = {
    "indigo": (0.030, 0.048, 0.110),
    "washed": (0.110, 0.170, 0.290),
    "black": (0.016, 0.016, 0.018),
    "charcoal": (0.052, 0.054, 0.058),
    "grey": (0.150, 0.150, 0.155),
    "khaki": (0.330, 0.250, 0.150),
    "stone": (0.450, 0.390, 0.300),
    "olive": (0.080, 0.085, 0.040),
    "navy": (0.018, 0.025, 0.060),
    "brown": (0.100, 0.058, 0.034),
}
_TOPS = {
    "white": (0.680, 0.675, 0.660),
    "cream": (0.620, 0.540, 0.410),
    "black": (0.018, 0.018, 0.020),
    "heather": (0.260, 0.260, 0.265),
    "navy": (0.020, 0.028, 0.070),
    "sky": (0.310, 0.450, 0.620),
    "burgundy": (0.120, 0.014, 0.026),
    "forest": (0.022, 0.075, 0.042),
    "mustard": (0.430, 0.240, 0.030),
    "rust": (0.300, 0.085, 0.028),
    "teal": (0.022, 0.130, 0.145),
    "sage": (0.270, 0.330, 0.230),
    "rose": (0.500, 0.250, 0.240),
    "lavender": (0.330, 0.290, 0.480),
    "red": (0.400, 0.028, 0.030),
    "cobalt": (0.022, 0.060, 0.300),
    "sand": (0.460, 0.350, 0.230),
    "slate": (0.085, 0.115, 0.150),
}
_LEATHERS = (
    (0.016, 0.014, 0.013),
    (0.085, 0.040, 0.020),
    (0.160, 0.085, 0.040),
    (0.030, 0.018, 0.012),
)
_CANVAS = (
    (0.60, 0.59, 0.57),
    (0.03, 0.03, 0.034),
    (0.04, 0.055, 0.13),
    (0.32, 0.05, 0.045),
    (0.22, 0.22, 0.22),
    (0.42, 0.36, 0.27),
)


def bottom_colour(rng: np.random.Generator) -> np.ndarray:
    """Linear RGB (3,) of trousers, shorts or a skirt."""
    return _varied(rng, list(_BOTTOMS.values()))


def top_colour(rng: np.random.Generator, worn_with: np.ndarray | None = None) -> np.ndarray:
    """Linear RGB (3,) of a top or dress that goes with a bottom's colour."""
    candidates = [_varied(rng, list(_TOPS.values())) for _ in range(6)]
    if worn_with is None:
        return candidates[0]
    return max(candidates[:3], key=lambda colour: _harmony(colour, worn_with))


def accent_colour(rng: np.random.Generator, base: np.ndarray) -> np.ndarray:
    """Linear RGB (3,) for a pattern on `base`: another lightness, a hue that does not clash."""
    candidates = [_varied(rng, [*_TOPS.values(), *_BOTTOMS.values()]) for _ in range(5)]
    return max(candidates, key=lambda colour: _harmony(colour, base))


def leather_colour(rng: np.random.Generator) -> np.ndarray:
    """Linear RGB (3,) of leather."""
    return _varied(rng, _LEATHERS)


def canvas_colour(rng: np.random.Generator) -> np.ndarray:
    """Linear RGB (3,) of a textile shoe."""
    return _varied(rng, _CANVAS)


def _varied(rng: np.random.Generator, colours) -> np.ndarray:
    colour = np.array(colours[rng.integers(len(colours))])
    return np.clip(colour * rng.normal(1, 0.06, 3) * rng.uniform(0.85, 1.12), 0.012, 0.70)


def _harmony(a: np.ndarray, b: np.ndarray) -> float:
    """Higher is better: contrast of lightness counts, two strong colours far apart in hue clash."""
    hue_a, sat_a, _ = colorsys.rgb_to_hsv(*a)
    hue_b, sat_b, _ = colorsys.rgb_to_hsv(*b)
    apart = abs(hue_a - hue_b)
    apart = min(apart, 1 - apart)
    contrast = abs(a.mean() ** 0.4 - b.mean() ** 0.4)
    loud = max(sat_a - 0.45, 0) * max(sat_b - 0.45, 0)
    return min(contrast, 0.45) - 0.8 * loud * min(4 * apart, 1)
