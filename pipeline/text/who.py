"""Who a person is and what they wear, as far as the picture shows it: words of facts and parts."""

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.conventions import PARTS
from pipeline.garments.outfits import KIND_LAYERS
from pipeline.text.fact import Fact
from pipeline.truth.schema import SEEN

_HEAD = (JOINT_INDEX["head"], *range(55, 60))
"""The head's joint, nose, eyes and ears."""

_LEAST_PX, _LEAST_SHARE = 40, 0.01
"""A garment shows when it has so many pixels, and this share of the person's."""

_SLIM_BMI, _HEAVY_BMI = 18.5, 31.0
_ADULT_YEARS, _CHILD_YEARS, _OLD_YEARS = 18.0, 13.0, 68.0


def age_group(age_years: float) -> str:
    """baby, child, teenager, adult or old."""
    if age_years < 2:
        return "baby"
    if age_years < _CHILD_YEARS:
        return "child"
    if age_years < _ADULT_YEARS:
        return "teenager"
    return "old" if age_years >= _OLD_YEARS else "adult"


def who_facts(person: dict) -> list[Fact]:
    """Sex, age group and build of a person's facts."""
    group = age_group(person["age_years"])
    facts = [
        Fact("person", "sex", person["sex"], labels=("json people.sex",)),
        Fact(
            "person", "age", group, person["age_years"], "years", labels=("json people.age_years",)
        ),
    ]
    if group in ("adult", "old"):
        build = (
            "slim" if person["bmi"] < _SLIM_BMI else "heavy" if person["bmi"] > _HEAVY_BMI else ""
        )
        if build:
            facts.append(
                Fact("person", "build", build, person["bmi"], "kg/m2", labels=("json people.bmi",))
            )
    return facts


def hair_colour(colour: str, age_years: float) -> str:
    """The colour that hair has in the picture; empty where white strands make it hard to name.

    The renderer turns strands white from 38 years on, half of them from 58 years on.
    """
    if colour == "grey" or age_years < 43:
        return colour
    return "greying" if age_years >= 54 and colour in ("black", "brown") else ""


def clothes_facts(
    person: dict, codes: np.ndarray, mask: np.ndarray, part: np.ndarray
) -> list[Fact]:
    """Garments, shoes and hair; `seen` says whether enough of their pixels show.

    codes: (127,) of the person's joints. mask, part: (H, W) instance and part ids of the picture.
    """
    mine = part[mask == person["instance_id"]]
    least = max(_LEAST_PX, _LEAST_SHARE * len(mine))

    def shows(*parts: str) -> bool:
        return sum(int((mine == PARTS[name]).sum()) for name in parts) >= least

    facts = []
    for kind in filter(None, person["garments"].split("+")):
        layer = KIND_LAYERS.get(kind)
        parts = (layer,) if layer else ("upper", "lower", "full", "outer")
        seen = shows(*parts)
        labels = ("json people.garments", "part", "mask")
        facts.append(Fact("garment", kind, kind, seen=seen, labels=labels))
    bare = person["shoes"] == "barefoot"
    seen = shows("feet" if bare else "shoes")
    facts.append(
        Fact("shoes", "kind", person["shoes"], seen=seen, labels=("json people.shoes", "part"))
    )
    bald, head = person["hair"] == "bald", np.isin(codes[list(_HEAD)], SEEN).any()
    seen = head and (shows("face", "skin") if bald else shows("hair"))
    labels = ("json people.hair", "part", "joints_code")
    facts.append(Fact("hair", "style", person["hair"], seen=seen, labels=labels))
    if colour := "" if bald else hair_colour(person["hair_colour"], person["age_years"]):
        labels = ("json people.hair_colour", "json people.age_years", "part", "joints_code")
        facts.append(Fact("hair", "colour", colour, seen=seen, labels=labels))
    return facts
