"""Colours that cloth and leather really have, by what they are used for (linear RGB).

Which of them are worn together is decided by `pipeline.blender.harmony`.
"""

import numpy as np

COLOURS = {
    "bottoms": {
        "indigo": (0.030, 0.048, 0.110),
        "black": (0.026, 0.026, 0.028),
        "charcoal": (0.052, 0.054, 0.058),
        "grey": (0.150, 0.150, 0.155),
        "khaki": (0.330, 0.250, 0.150),
        "stone": (0.450, 0.390, 0.300),
        "olive": (0.080, 0.085, 0.040),
        "navy": (0.018, 0.025, 0.060),
        "brown": (0.100, 0.058, 0.034),
        "sage": (0.200, 0.240, 0.170),
        "burgundy": (0.090, 0.014, 0.024),
        "off_white": (0.560, 0.540, 0.490),
    },
    "tops": {
        "white": (0.680, 0.675, 0.660),
        "cream": (0.620, 0.540, 0.410),
        "black": (0.026, 0.026, 0.028),
        "grey": (0.260, 0.260, 0.265),
        "charcoal": (0.060, 0.061, 0.065),
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
    },
    "outers": {
        "black": (0.026, 0.026, 0.028),
        "navy": (0.018, 0.026, 0.062),
        "olive": (0.085, 0.090, 0.045),
        "camel": (0.330, 0.200, 0.095),
        "charcoal": (0.055, 0.056, 0.060),
        "burgundy": (0.100, 0.014, 0.024),
        "forest": (0.020, 0.062, 0.040),
        "grey": (0.230, 0.230, 0.235),
        "stone": (0.420, 0.370, 0.290),
        "mustard": (0.400, 0.225, 0.030),
        "petrol": (0.018, 0.085, 0.110),
        "red": (0.330, 0.026, 0.028),
    },
    "denim": {
        "raw": (0.018, 0.026, 0.058),
        "rinsed": (0.030, 0.046, 0.092),
        "blue": (0.052, 0.082, 0.150),
        "washed": (0.105, 0.155, 0.245),
        "pale": (0.200, 0.265, 0.350),
        "grey": (0.070, 0.074, 0.082),
        "black": (0.026, 0.026, 0.028),
    },
    "leather": {
        "black": (0.022, 0.020, 0.019),
        "dark_brown": (0.030, 0.018, 0.012),
        "brown": (0.085, 0.040, 0.020),
        "tan": (0.190, 0.100, 0.048),
        "oxblood": (0.060, 0.014, 0.014),
    },
    "canvas": {
        "white": (0.600, 0.590, 0.570),
        "black": (0.030, 0.030, 0.034),
        "navy": (0.040, 0.055, 0.130),
        "red": (0.320, 0.050, 0.045),
        "grey": (0.220, 0.220, 0.220),
        "sand": (0.420, 0.360, 0.270),
    },
    "camouflage": {
        "woodland": (0.085, 0.095, 0.045),
        "desert": (0.360, 0.280, 0.170),
        "urban": (0.200, 0.205, 0.210),
    },
}
"""Use -> name -> linear RGB."""

FAMILIES = {
    "full": "tops",
    "upper": "tops",
    "lower": "bottoms",
    "outer": "outers",
    "accents": ("tops", "bottoms"),
}


def colours(use: str) -> list[tuple[float, float, float]]:
    """Every colour of a use, or of the uses that a layer's name stands for."""
    uses = FAMILIES.get(use, use)
    uses = (uses,) if isinstance(uses, str) else uses
    return [colour for name in uses for colour in COLOURS[name].values()]


def varied(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """The same colour (3,) from another dye bath. Even black cloth reflects some two per cent."""
    colour = np.asarray(colour) * rng.normal(1, 0.05, 3) * rng.uniform(0.85, 1.12)
    return np.clip(colour, 0.018, 0.70)
