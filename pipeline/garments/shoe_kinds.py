"""The kinds of shoes: how high they reach, how they are cut, whom they suit (no heavy imports)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ShoeKind:
    """A cut. collar: height of the top line at the sides, in lengths of the foot above its sole;
    front and back are added to it there. mouth: how far the instep is left free, 0 not at all, 1 to
    the toes. laces: their number. shaft: reaches up the shin, and so follows it. straps: a sandal,
    bands instead of an upper. gap_m: distance from the skin. foxing_m: how far the sole comes up.
    """

    collar: float = 0.245
    front: float = 0.085
    back: float = 0.035
    mouth: float = 0.0
    laces: int = 5
    shaft: bool = False
    straps: bool = False
    gap_m: float = 0.005
    foxing_m: float = 0.012


SHOES = {
    "sneaker": ShoeKind(),
    "high_top": ShoeKind(collar=0.46, front=0.06, back=0.05, laces=8, shaft=True, gap_m=0.006),
    "boot": ShoeKind(collar=0.66, front=0.03, back=0.02, laces=0, shaft=True, gap_m=0.006),
    "loafer": ShoeKind(collar=0.215, front=0.01, back=0.055, mouth=0.55, laces=0, gap_m=0.004),
    "flat": ShoeKind(
        collar=0.125, front=-0.02, back=0.075, mouth=0.95, laces=0, gap_m=0.003, foxing_m=0.007
    ),
    "sandal": ShoeKind(laces=0, straps=True, gap_m=0.003),
}
"""Built-in kinds; "barefoot" is none of them, and any other name is a mesh of the user's."""

BAREFOOT = "barefoot"
_GROWN_UP_YEARS = 13.0
_SKIRTS = {"skirt", "dress"}


def sample_shoes(
    rng: np.random.Generator,
    shares: dict[str, float],
    sex: str,
    age_years: float,
    garments: list[str],
) -> str:
    """A kind of shoes drawn by shares (`look.shoes`) among those that suit the wearer.

    garments: kinds of the outfit. When nothing with a share suits, the shares count alone.
    """
    suiting = {k: s for k, s in shares.items() if s > 0 and _suits(k, sex, age_years, garments)}
    table = suiting or {kind: share for kind, share in shares.items() if share > 0}
    weights = np.array(list(table.values()))
    return str(rng.choice(list(table), p=weights / weights.sum()))


def _suits(kind: str, sex: str, age_years: float, garments: list[str]) -> bool:
    adult = age_years >= _GROWN_UP_YEARS
    bare_legs = "shorts" in garments
    skirt = bool(_SKIRTS & set(garments))
    rules = {
        "high_top": not skirt or not adult,
        "boot": not bare_legs,
        "loafer": adult and not bare_legs and "hoodie" not in garments,
        "flat": sex == "female",
        "sandal": bare_legs or skirt,
    }
    return rules.get(kind, True)
