"""A prompt from what the scene file says, for users who leave `diffusion.prompt` empty."""

from collections import Counter

from pipeline.scene import PersonSpec, SceneSpec

_PLACES = {
    "city": "in a city square",
    "courtyard": "in a courtyard",
    "field": "in an open landscape",
    "forest": "in a forest",
    "interior": "in a room",
    "plaza": "in a city square between buildings",
    "room": "in a room",
    "night": "on a street at night",
    "studio": "in a photo studio",
    "sunrise": "outdoors at sunrise",
    "sunset": "outdoors at sunset",
}
_GARMENTS = {"tshirt": "T-shirt", "top": "shirt"}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}


def scene_prompt(spec: SceneSpec) -> str:
    """One sentence: who, wearing what, where, taken how."""
    counts = Counter(_person(person) for person in spec.people)
    people = " and ".join(_several(noun, n) for noun, n in counts.items())
    worn = dict.fromkeys(
        _GARMENTS.get(garment.kind, garment.kind.replace("_", " "))
        for person in spec.people
        for garment in person.subject.outfit
    )
    wearing = f" wearing {', '.join(worn)}" if worn else ""
    where = spec.place.asset or spec.place.kind
    where = spec.light.hdri if where == "panorama" else where
    place = _PLACES.get(where, where.replace("_", " ").replace("/", " "))
    return f"a photograph of {people}{wearing}, {place}, natural skin, sharp focus, 35mm photo"


def _person(person: PersonSpec) -> str:
    subject = person.subject
    male = subject.sex == "male"
    if subject.age_years < 2:
        return "baby"
    if subject.age_years < 14:
        return "boy" if male else "girl"
    noun = "man" if male else "woman"
    return f"old {noun}" if subject.age_years >= 65 else noun


def _several(noun: str, count: int) -> str:
    if count == 1:
        return f"an {noun}" if noun.startswith("old") else f"a {noun}"
    plural = "babies" if noun == "baby" else f"{noun}s"
    if noun.endswith("man"):
        plural = noun.removesuffix("man") + "men"
    return f"{_NUMBERS.get(count, str(count))} {plural}"
