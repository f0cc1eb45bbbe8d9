"""Prompts from what the scene file says, and from what the user wrote around it.

Nothing is said that the picture does not show: a thing that is only mimed, like a phone, would be
painted where no mask knows of it. CLIP reads 77 tokens, so details are left out until it all fits.
"""

import re
import string
from collections import Counter

import numpy as np

from pipeline.config_diffusion import DiffusionSection
from pipeline.errors import GenbError
from pipeline.motion.library import MOTIONS
from pipeline.scene import PersonSpec, SceneSpec

SCENE_TOKENS = 64
"""Of the 75 that CLIP leaves for words; a comma and the longest style take the other 11."""

_FRAMINGS = {
    "full_body": "full-length photograph",
    "upper_body": "waist-up photograph",
    "close_up": "close-up portrait",
}
_WIDE_MM, _TELE_MM, _SHALLOW_F = 24, 85, 2.8
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
_PANORAMA_LIGHT = {
    "city": "daylight",
    "courtyard": "soft daylight",
    "forest": "soft daylight",
    "interior": "indoor light",
    "night": "street lights",
    "studio": "studio lighting",
    "sunrise": "low morning sun",
    "sunset": "low evening sun",
}
_WINDOW_LIGHT = {"night": "at night", "interior": "indoor light", "studio": "indoor light"}
_SUN_FROM_DEG = {
    55: "bright midday sun",
    30: "sunshine",
    12: "low sun, long shadows",
    0: "golden low sun, long shadows",
    -90: "twilight",
}
_HAIR = {
    "black": "black-haired",
    "brown": "brown-haired",
    "auburn": "auburn-haired",
    "blond": "blond",
    "grey": "grey-haired",
}
_GARMENTS = {
    "tshirt": "T-shirt",
    "top": "shirt",
    "longsleeve": "long-sleeved shirt",
    "tank": "tank top",
}
_ACTIONS = {
    "walk_phone": "walking",
    "walk_carry": "walking",
    "walk_texting": "walking",
    "phone": "standing",
    "texting": "standing",
    "selfie": "standing with an arm raised",
    "drink": "standing",
    "check_watch": "looking at the wrist",
    "golf_swing": "swinging both arms",
    "tennis_swing": "swinging an arm",
    "dribble": "bending forward",
    "lift_overhead": "lifting both arms",
    "rope_skip": "jumping",
    "pick_up": "bending down",
    "hands_on_hips": "standing with hands on hips",
    "hand_on_heart": "standing with a hand on the heart",
    "hands_behind_back": "standing with hands behind the back",
    "side_step": "stepping sideways",
    "jumping_jack": "doing jumping jacks",
    "sit_one_knee_up": "sitting with one knee up",
    "sit_lean_back": "sitting and leaning back",
}
"""Where a family's own words name a thing that is not there, or do not fit into a sentence."""

_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
_STYLES = (
    "35mm film photo, fine grain",
    "smartphone photo, natural skin",
    "documentary photo, natural colours",
    "DSLR photo, natural skin texture",
    "medium format photo, fine detail",
    "colour negative film photo, muted colours",
    "press photo, true colours",
    "candid snapshot, natural skin",
)
"""Ways of taking a photograph that fit any place and light."""

_BRACES = "Only {scene} is filled in; write a brace of your own twice: {{ or }}."


def scene_prompt(spec: SceneSpec) -> str:
    """One sentence: how taken, who, wearing and doing what, where, in what light."""
    worn = dict.fromkeys(name for person in spec.people for name in _garments(person))
    together = f"wearing {_listed([_several(name, 2, '') for name in worn])}" if worn else ""
    for hair, clothes, action, wearing in (
        (True, True, True, ""),
        (False, True, True, ""),
        (False, False, True, together),
        (False, False, True, ""),
        (False, False, False, together),
        (False, False, False, ""),
    ):
        people = f"{_taken(spec)} of {_people(spec.people, hair, clothes, action)}"
        prompt = ", ".join(filter(None, [people, wearing, _where(spec), _light(spec)]))
        if token_bound(prompt) <= SCENE_TOKENS:
            break
    return prompt


def appearance_prompt(section: DiffusionSection, spec: SceneSpec, rng: np.random.Generator) -> str:
    """A drawn prompt of the user's with `{scene}` filled in; without any, the scene's own
    description and a drawn photographic style."""
    if section.prompts:
        return str(rng.choice(section.prompts)).format(scene=scene_prompt(spec))
    return f"{scene_prompt(spec)}, {rng.choice(_STYLES)}"


def check_prompts(section: DiffusionSection) -> None:
    """Raise GenbError when a prompt has braces around anything but `scene`."""
    for prompt in section.prompts:
        try:
            fields = {tuple(part[1:]) for part in string.Formatter().parse(prompt)}
        except ValueError as error:
            raise GenbError(f"diffusion.prompts: {prompt!r}: {error}. {_BRACES}") from error
        for name, form, conversion in fields - {("scene", "", None), (None, None, None)}:
            wrong = f"{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}"
            raise GenbError(f"diffusion.prompts: {prompt!r} has {{{wrong}}}. {_BRACES}")


def token_bound(text: str) -> int:
    """About how many CLIP tokens a text has, start and end not counted.

    CLIP cuts a text into words, digits and punctuation first; everyday English words are one token
    each, and a sixth is added for those that are not.
    """
    pieces = re.findall(r"[^\W\d_]+|\d|[^\w\s]+|_+", text)
    return -(-len(pieces) * 7 // 6)


def _taken(spec: SceneSpec) -> str:
    camera = spec.camera
    focal_mm = camera.K()[0, 0] / camera.width * camera.sensor_width_mm
    words = _FRAMINGS.get(spec.framing, "photograph")
    if 0 < camera.f_number <= _SHALLOW_F:
        words = f"shallow-focus {words}"
    if focal_mm < _WIDE_MM:
        words = f"wide-angle {words}"
    if focal_mm >= _TELE_MM:
        words = f"telephoto {words}"
    return f"a {words}"


def _where(spec: SceneSpec) -> str:
    where = spec.place.asset or spec.place.kind
    where = spec.light.hdri if where == "panorama" else where
    return _PLACES.get(where, where.replace("_", " ").replace("/", " "))


def _light(spec: SceneSpec) -> str:
    place, hdri = spec.place, spec.light.hdri
    if place.has_sky:
        return next(w for deg, w in _SUN_FROM_DEG.items() if place.sun_elevation_deg >= deg)
    if place.kind == "room":
        return _WINDOW_LIGHT.get(hdri, "daylight from the windows")
    return _PANORAMA_LIGHT.get(hdri, "") if place.kind == "panorama" else ""


def _noun(person: PersonSpec, with_hair: bool) -> str:
    subject, look = person.subject, person.appearance
    male = subject.sex == "male"
    if subject.age_years < 2:
        return "baby"
    noun = "man" if male else "woman"
    if subject.age_years < 14:
        noun = "boy" if male else "girl"
    if subject.age_years >= 65:
        noun = f"old {noun}"
    if not with_hair or look.hair_mesh:
        return noun
    return f"{'bald' if look.hair_style == 'bald' else _HAIR[look.hair_colour]} {noun}"


def _garments(person: PersonSpec) -> list[str]:
    kinds = [garment.kind for garment in person.subject.outfit]
    return [_GARMENTS.get(kind, kind.replace("_", " ")) for kind in kinds]


def _action(person: PersonSpec) -> str:
    motion = person.subject.motion
    if motion.path is None and motion.name in MOTIONS:
        return _ACTIONS.get(motion.name, MOTIONS[motion.name].action)
    # A file's label may be anything; only what reads like "walking slowly" fits in.
    label = motion.action.strip().lower()
    return label if re.fullmatch(r"[a-z]+ing( [a-z' -]+)?", label) else ""


def _people(people: list[PersonSpec], hair: bool, clothes: bool, action: bool) -> str:
    """Who there is, with their hair, clothes and action or without; those of whom the same is said
    together."""
    counts = Counter(
        (
            _noun(person, hair),
            tuple(_garments(person)) if clothes else (),
            _action(person) if action else "",
        )
        for person in people
    )
    phrases = []
    for (noun, worn, doing), count in counts.items():
        dressed = f"in {' and '.join(_several(name, count, '') for name in worn)}" if worn else ""
        number = _NUMBERS.get(count, str(count))
        phrases.append(" ".join(filter(None, [_several(noun, count, number), dressed, doing])))
    return _listed(phrases)


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _several(noun: str, count: int, number: str) -> str:
    """`a skirt`, `two skirts` with that number before it, `trousers` for what is a pair."""
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    if count == 1:
        return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
    plural = f"{noun}es" if noun.endswith("ss") else f"{noun}s"
    if noun == "baby":
        plural = "babies"
    if noun.endswith("man"):
        plural = noun.removesuffix("man") + "men"
    return f"{number} {plural}".strip()
