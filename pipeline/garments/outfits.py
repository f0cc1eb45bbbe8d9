"""What people wear: named outfits and the measures of their garments (numpy only).

A measure is a number on the template body, so it grows and shrinks with its wearer. `MEASURES`
holds default and range of every measure of every kind; `sample_outfit` draws within the ranges.

sleeve: 0 shoulder, 1 elbow, 2 wrist with the arm held out; a lowered arm draws it up by 0.1 to 0.2
(negative: sleeveless). leg: 0 hip, 1 knee, 2 ankle.
waist: 0 pelvis joint, 1 first spine joint. drop_m: hem below the pelvis joint.
neck_m: depth of the neckline below the neck joint, neck_half_m its half width.
ease_m: distance of the cloth from the body, cuff_m: extra at the ends of sleeves or legs.
flare_m: how much a skirt's hem is wider than its hip, as a radius.
opening_m: gap between the fronts of an open garment at its hem (a third of that at the neck).
collar_m: height of a stand-up collar. hood_m: how far a hood hangs down the back.
band_m: distance of the neckline from the body. rib_m: that of ribbed cuffs and hem.
size: sizes too large; one makes a garment 4 cm wider around the trunk and 1 cm longer.
bend and stretch scale the cloth's stiffness.
"""

import difflib

import numpy as np

from pipeline.errors import GenbError
from pipeline.scene import GarmentSpec

Measure = tuple[float, float, float]
_CLOTH: dict[str, Measure] = {
    "bend": (1.0, 0.6, 2.0),
    "stretch": (1.0, 0.8, 1.4),
    "size": (0.0, -0.5, 1.0),
}
_SIZE_GIRTH_M, _SIZE_LENGTH_M = 0.04, 0.01
"""One size: so much wider all around the trunk, and longer."""

MEASURES: dict[str, dict[str, Measure]] = {
    "tshirt": {
        "sleeve": (0.6, 0.42, 0.85),
        "drop_m": (0.10, 0.05, 0.15),
        "neck_m": (0.025, 0.005, 0.06),
        "neck_half_m": (0.088, 0.08, 0.1),
        "ease_m": (0.016, 0.010, 0.026),
        "cuff_m": (0.012, 0.004, 0.022),
        **_CLOTH,
    },
    "longsleeve": {
        "sleeve": (2.05, 1.94, 2.12),
        "drop_m": (0.09, 0.05, 0.14),
        "neck_m": (0.015, 0.0, 0.05),
        "neck_half_m": (0.085, 0.078, 0.098),
        "ease_m": (0.015, 0.010, 0.022),
        "cuff_m": (0.004, 0.0, 0.010),
        **_CLOTH,
    },
    "tank": {
        "sleeve": (-0.10, -0.16, -0.05),
        "drop_m": (0.09, 0.05, 0.13),
        "neck_m": (0.075, 0.05, 0.1),
        "neck_half_m": (0.09, 0.082, 0.098),
        "ease_m": (0.012, 0.008, 0.018),
        **_CLOTH,
    },
    "trousers": {
        "waist": (0.45, 0.3, 0.65),
        "leg": (1.93, 1.84, 1.97),
        "ease_m": (0.012, 0.008, 0.018),
        "cuff_m": (0.018, 0.004, 0.034),
        **_CLOTH,
    },
    "shorts": {
        "waist": (0.4, 0.25, 0.6),
        "leg": (0.82, 0.55, 1.08),
        "ease_m": (0.015, 0.010, 0.022),
        "cuff_m": (0.016, 0.006, 0.03),
        **_CLOTH,
    },
    "skirt": {
        "waist": (0.6, 0.4, 0.85),
        "leg": (0.95, 0.55, 1.55),
        "ease_m": (0.009, 0.006, 0.014),
        "flare_m": (0.10, 0.03, 0.17),
        **_CLOTH,
    },
    "dress": {
        "sleeve": (0.35, -0.1, 0.7),
        "leg": (1.0, 0.65, 1.5),
        "neck_m": (0.04, 0.015, 0.075),
        "neck_half_m": (0.09, 0.082, 0.1),
        "ease_m": (0.011, 0.008, 0.016),
        "cuff_m": (0.008, 0.002, 0.018),
        "flare_m": (0.11, 0.04, 0.18),
        **_CLOTH,
    },
    "hoodie": {
        "sleeve": (2.08, 2.0, 2.15),
        "drop_m": (0.10, 0.06, 0.14),
        "neck_m": (0.02, 0.005, 0.04),
        "neck_half_m": (0.088, 0.082, 0.098),
        "ease_m": (0.022, 0.016, 0.032),
        "rib_m": (0.006, 0.004, 0.010),
        "hood_m": (0.20, 0.16, 0.24),
        **_CLOTH,
    },
    "jacket": {
        "sleeve": (2.10, 2.02, 2.18),
        "drop_m": (0.11, 0.05, 0.17),
        "neck_m": (0.03, 0.015, 0.05),
        "neck_half_m": (0.092, 0.086, 0.102),
        "ease_m": (0.030, 0.024, 0.038),
        "cuff_m": (0.004, -0.004, 0.010),
        "band_m": (0.012, 0.010, 0.016),
        "opening_m": (0.07, 0.03, 0.16),
        "collar_m": (0.04, 0.02, 0.055),
        **_CLOTH,
        "bend": (3.0, 1.5, 5.0),
    },
}
"""Kind -> measure -> (default, lowest, highest)."""

KIND_LAYERS = {
    "tshirt": "upper",
    "longsleeve": "upper",
    "tank": "upper",
    "trousers": "lower",
    "shorts": "lower",
    "skirt": "lower",
    "dress": "full",
    "hoodie": "upper",
    "jacket": "outer",
}


def _known(name: str, table, what: str = "garment kind") -> str:
    if name in table:
        return name
    close = difflib.get_close_matches(name, table, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise GenbError(f"unknown {what} {name!r}.{hint} Known: {', '.join(table)}.")


def garment(kind: str, **options: float) -> GarmentSpec:
    """A garment of a kind with some measures given; raises GenbError on an unknown name."""
    spec = GarmentSpec(kind=kind, layer=KIND_LAYERS.get(_known(kind, KIND_LAYERS)), options=options)
    measures(spec)
    return spec


def measures(spec: GarmentSpec) -> dict[str, float]:
    """All measures of a garment: its options over the defaults of its kind.

    `size` is already in `ease_m` and `drop_m`; raises GenbError on an unknown name.
    """
    table = MEASURES[_known(spec.kind, MEASURES)]
    for name in spec.options:
        _known(name, table, f"measure of {spec.kind!r}")
    values = {name: float(spec.options.get(name, row[0])) for name, row in table.items()}
    values["ease_m"] += values["size"] * _SIZE_GIRTH_M / (2 * np.pi)
    if "drop_m" in values:
        values["drop_m"] += values["size"] * _SIZE_LENGTH_M
    return values


OUTFITS: dict[str, tuple[GarmentSpec, ...]] = {
    name: tuple(garment(kind) for kind in kinds)
    for name, kinds in {
        "tshirt_trousers": ("trousers", "tshirt"),
        "longsleeve_trousers": ("trousers", "longsleeve"),
        "tank_trousers": ("trousers", "tank"),
        "tshirt_shorts": ("shorts", "tshirt"),
        "tank_shorts": ("shorts", "tank"),
        "longsleeve_shorts": ("shorts", "longsleeve"),
        "tshirt_skirt": ("skirt", "tshirt"),
        "longsleeve_skirt": ("skirt", "longsleeve"),
        "tank_skirt": ("skirt", "tank"),
        "hoodie_trousers": ("trousers", "hoodie"),
        "hoodie_shorts": ("shorts", "hoodie"),
        "hoodie_skirt": ("skirt", "hoodie"),
        "tshirt_trousers_jacket": ("trousers", "tshirt", "jacket"),
        "longsleeve_trousers_jacket": ("trousers", "longsleeve", "jacket"),
        "tshirt_skirt_jacket": ("skirt", "tshirt", "jacket"),
        "dress": ("dress",),
        "dress_jacket": ("dress", "jacket"),
    }.items()
}
"""Named outfits, each in the order of dressing (inner layers first)."""


def outfit_names(sex: str) -> list[str]:
    """Outfits that fit a sex by custom: skirts and dresses go to women and girls."""
    skirts = {"skirt", "dress"}
    return [
        name
        for name, garments in OUTFITS.items()
        if sex == "female" or not skirts & {g.kind for g in garments}
    ]


def sample_outfit(
    rng: np.random.Generator, name: str, sex: str, age_years: float
) -> list[GarmentSpec]:
    """The outfit `name` with measures drawn at random, in the order of dressing.

    Women's cuts are a little closer to the body; children's have more ease and shorter legs.
    """
    outfit = []
    for spec in OUTFITS[_known(name, OUTFITS, "outfit")]:
        options = {}
        for measure, (default, low, high) in MEASURES[spec.kind].items():
            value = rng.triangular(low, default, high)
            if measure == "ease_m":
                value *= 0.92 if sex == "female" else 1.0
                value *= 1.1 if age_years < 12 else 1.0
            options[measure] = round(float(value), 4)
        outfit.append(spec.model_copy(update={"options": options}))
    return outfit
