"""Which fabrics a garment may be made of, and what each is: print, weave, dye and finish."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finish:
    """How a surface takes the light, and how deep its crumples are (m)."""

    roughness: float = 0.85
    specular: float = 0.2
    sheen: float = 0.10
    crumple_m: float = 0.010


_DRY = Finish()
_FUZZY = Finish(roughness=0.95, specular=0.1, sheen=0.35, crumple_m=0.008)
_STURDY = Finish(roughness=0.82, specular=0.22, sheen=0.05, crumple_m=0.007)
_LEATHER = Finish(roughness=0.42, specular=0.45, sheen=0.0, crumple_m=0.009)
_NYLON = Finish(roughness=0.38, specular=0.40, sheen=0.0, crumple_m=0.014)
_SATIN = Finish(roughness=0.55, specular=0.30, sheen=0.05, crumple_m=0.012)


@dataclass(frozen=True)
class Fabric:
    """print: a method of `fabric_prints.Prints`. weave: a name of `fabric_weaves.WEAVES`. dye: a
    use of `palette.COLOURS`, or empty for the colours of the garment's layer."""

    print: str
    weave: str
    finish: Finish = _DRY
    dye: str = ""


FABRICS = {
    "jersey": Fabric("plain", "jersey"),
    "heather": Fabric("heather", "jersey"),
    "striped_jersey": Fabric("stripes", "jersey"),
    "printed_jersey": Fabric("graphic", "jersey"),
    "dotted_jersey": Fabric("dots", "jersey"),
    "camouflage_jersey": Fabric("camouflage", "jersey", dye="camouflage"),
    "rib_knit": Fabric("melange", "rib", _FUZZY),
    "cable_knit": Fabric("melange", "cable", _FUZZY),
    "striped_knit": Fabric("stripes", "rib", _FUZZY),
    "flannel": Fabric("plaid", "plain", _FUZZY),
    "poplin": Fabric("plain", "plain"),
    "checked_poplin": Fabric("gingham", "plain"),
    "striped_poplin": Fabric("pinstripes", "plain"),
    "floral": Fabric("floral", "plain", _SATIN),
    "dotted": Fabric("dots", "plain", _SATIN),
    "satin": Fabric("plain", "smooth", _SATIN),
    "linen": Fabric("slub", "plain"),
    "denim": Fabric("denim", "twill", _STURDY, "denim"),
    "chino": Fabric("plain", "twill", _STURDY),
    "corduroy": Fabric("melange", "corduroy", _FUZZY),
    "wool": Fabric("melange", "plain", _FUZZY),
    "plaid_wool": Fabric("plaid", "plain", _FUZZY),
    "ripstop_camouflage": Fabric("camouflage", "plain", _STURDY, "camouflage"),
    "sweat": Fabric("heather", "jersey", _FUZZY),
    "fleece": Fabric("melange", "fleece", _FUZZY),
    "printed_fleece": Fabric("graphic", "fleece", _FUZZY),
    "leather": Fabric("worn", "grain", _LEATHER, "leather"),
    "nylon": Fabric("plain", "smooth", _NYLON),
    "quilted_nylon": Fabric("plain", "quilt", _NYLON),
}

MADE_OF = {
    "tshirt": {
        "jersey": 0.32,
        "heather": 0.15,
        "striped_jersey": 0.17,
        "printed_jersey": 0.25,
        "dotted_jersey": 0.04,
        "camouflage_jersey": 0.03,
        "linen": 0.04,
    },
    "longsleeve": {
        "jersey": 0.18,
        "rib_knit": 0.14,
        "cable_knit": 0.10,
        "striped_jersey": 0.10,
        "striped_knit": 0.06,
        "flannel": 0.14,
        "poplin": 0.08,
        "checked_poplin": 0.05,
        "striped_poplin": 0.05,
        "heather": 0.10,
    },
    "tank": {"jersey": 0.5, "heather": 0.2, "rib_knit": 0.15, "striped_jersey": 0.15},
    "trousers": {
        "denim": 0.40,
        "chino": 0.30,
        "corduroy": 0.08,
        "wool": 0.08,
        "sweat": 0.10,
        "ripstop_camouflage": 0.04,
    },
    "shorts": {
        "denim": 0.28,
        "chino": 0.36,
        "sweat": 0.16,
        "linen": 0.10,
        "checked_poplin": 0.05,
        "ripstop_camouflage": 0.05,
    },
    "skirt": {
        "chino": 0.22,
        "denim": 0.16,
        "plaid_wool": 0.16,
        "corduroy": 0.10,
        "floral": 0.18,
        "satin": 0.10,
        "wool": 0.08,
    },
    "dress": {
        "floral": 0.34,
        "poplin": 0.14,
        "jersey": 0.14,
        "dotted": 0.16,
        "linen": 0.10,
        "striped_jersey": 0.06,
        "satin": 0.06,
    },
    "jacket": {
        "denim": 0.30,
        "leather": 0.24,
        "nylon": 0.14,
        "quilted_nylon": 0.12,
        "chino": 0.12,
        "corduroy": 0.08,
    },
    "hoodie": {"fleece": 0.62, "printed_fleece": 0.16, "sweat": 0.22},
}
"""Kind of garment -> fabric -> share."""

_ANY = {"jersey": 0.4, "poplin": 0.25, "heather": 0.2, "wool": 0.15}


def choose_fabric(kind: str, rng: np.random.Generator) -> Fabric:
    """A fabric that garments of this kind are made of."""
    table = MADE_OF.get(kind, _ANY)
    return FABRICS[str(rng.choice(list(table), p=list(table.values())))]
