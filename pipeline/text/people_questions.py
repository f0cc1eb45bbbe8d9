"""Questions about one person: joints, hands, posture, orientation, clothes, age, action, hiding.

Only what the picture shows is asked for.
"""

from collections.abc import Callable, Iterator

from pipeline.garments.outfits import KIND_LAYERS
from pipeline.text import phrases as p
from pipeline.text.body import SIDES
from pipeline.text.captions import garment_words
from pipeline.text.fact import PoseFacts
from pipeline.text.qa import Ask, Question, choice, number_question, word_question, yes_no
from pipeline.text.words import listed

_ANGLE_DEG = 10.0
"""Tolerance of joint angles: what a careful reader of a picture may be off by."""

_LEVELS = ("above_head", "head_top", "head", "shoulder", "chest", "waist", "hip", "below_hip")
_POSTURES = {
    "standing": ("standing", "on_left_foot", "on_right_foot"),
    "squatting": ("squatting",),
    "sitting on the ground": ("sitting", "reclining"),
    "kneeling": ("kneeling", "kneeling_on_left", "kneeling_on_right", "sitting_on_heels"),
    "lying": ("lying_back", "lying_front", "lying_left", "lying_right"),
}
_FACING = {
    "front": "towards the camera", "three_quarter_front": "partly towards the camera",
    "profile": "to the side", "three_quarter_back": "partly away from the camera",
    "back": "away from the camera",
}  # fmt: skip

_SLEEVED = {"hoodie", "longsleeve", "jacket"}
"""Garments that a reader may take for one another."""

PersonKind = Callable[[Ask, int, PoseFacts], Iterator[Question]]


def _each(kind: PersonKind) -> Callable[[Ask], Iterator[Question]]:
    """The kind asked of everybody who is surely in the picture."""

    def asked(ask: Ask) -> Iterator[Question]:
        for person in ask.scene.order:
            yield from kind(ask, person, ask.scene.people[person].in_picture)

    asked.__doc__ = kind.__doc__
    return asked


def _joint(hinge: str) -> PersonKind:
    def bent(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
        """Whether an elbow or knee is bent, or straight."""
        for side in SIDES:
            fact = facts.get(f"{side}_{hinge}.bend")
            if fact is None:
                continue
            said = "bent" if ask.coin() else "straight"
            holds = (fact.value == "straight") == (said == "straight")
            part = f"{side} {hinge}" if said == "bent" else f"{side} {_LIMB[hinge]}"
            text = f"Is the {part} of {ask.name(person)} {said}?"
            yield yes_no(person, text, holds, fact.labels)

    return bent


def _angle(hinge: str) -> PersonKind:
    def angle(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
        """By how many degrees an elbow or knee is bent."""
        for side in SIDES:
            fact = facts.get(f"{side}_{hinge}.bend")
            if fact:
                text = (
                    f"By how many degrees is the {side} {hinge} of {ask.name(person)} bent "
                    "(0 is fully straight)?"
                )
                yield number_question(person, text, fact.number, "deg", _ANGLE_DEG, fact.labels)

    return angle


_LIMB = {"elbow": "arm", "knee": "leg"}


def hand_height(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """At what height of the body a hand is: the right level, or one at least two levels off."""
    for side in SIDES:
        fact = facts.get(f"{side}_hand.height")
        if fact is None:
            continue
        at = _LEVELS.index(fact.value)
        far = [name for i, name in enumerate(_LEVELS) if abs(i - at) > 1]
        said = fact.value if ask.coin() else ask.one_of(far)
        text = f"Is the {side} hand of {ask.name(person)} {p.HEIGHT[said][0]}?"
        yield yes_no(person, text, said == fact.value, fact.labels)


def above_head(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Whether a hand is above the head, or below the top of the head."""
    for side in SIDES:
        fact = facts.get(f"{side}_hand.height")
        if fact is None or fact.value == "head_top":
            continue
        above = fact.value == "above_head"
        upper = ask.coin()
        where = "above their head" if upper else "lower than the top of their head"
        text = f"Is the {side} hand of {ask.name(person)} {where}?"
        yield yes_no(person, text, above == upper, fact.labels)


def posture(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Standing, squatting, sitting, kneeling or lying."""
    fact = facts.get("body.posture")
    word = next((w for w, values in _POSTURES.items() if fact and fact.value in values), None)
    if word is None:
        return
    wrong = [other for other in _POSTURES if other != word]
    yield choice(ask, person, f"How is {ask.name(person)} posed?", word, wrong, fact.labels)
    said = word if ask.coin() else ask.one_of(wrong)
    yield yes_no(person, f"Is {ask.name(person)} {said}?", said == word, fact.labels)


def facing(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Which way the body faces: towards the camera, to the side, away."""
    fact = facts.get("body.facing")
    if fact is None:
        return
    right = _FACING[fact.value]
    wrong = [words for value, words in _FACING.items() if value != fact.value]
    text = f"Which way is the body of {ask.name(person)} facing?"
    yield choice(ask, person, text, right, wrong, fact.labels)


def facing_side(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """To which side of the image the body is turned."""
    fact = facts.get("body.heads_to")
    if fact is None:
        return
    said = "left" if ask.coin() else "right"
    text = f"Is the body of {ask.name(person)} turned towards the {said} of the image?"
    yield yes_no(person, text, said == fact.value, fact.labels)


def looks(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Whether the eyes look into the camera, or past it."""
    fact = facts.get("eyes.look")
    if fact is None:
        return
    into = ask.coin()
    where = "into" if into else "past"
    text = f"Is {ask.name(person)} looking {where} the camera?"
    yield yes_no(person, text, (fact.value == "into_camera") == into, fact.labels)


def clothes(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """What somebody wears, and whether they wear a certain garment."""
    worn = [fact for fact in facts.facts if fact.about == "garment"]
    if not worn:
        return
    labels = worn[0].labels
    answer = listed([garment_words(fact.value) for fact in worn])
    yield word_question(person, f"What is {ask.name(person)} wearing?", answer, labels)
    everything = ask.frame.people[person]["garments"].split("+")
    if not set(everything) <= set(KIND_LAYERS):
        return  # who knows what else the garment of a file could be called
    alike = _SLEEVED if _SLEEVED & set(everything) else set()
    absent = [kind for kind in KIND_LAYERS if kind not in {*everything, *alike}]
    right = ask.coin()
    kind = ask.one_of([fact.value for fact in worn]) if right else ask.one_of(absent)
    yield yes_no(person, f"Is {ask.name(person)} wearing {garment_words(kind)}?", right, labels)


def age(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Adult or child."""
    fact = facts.get("person.age")
    if fact is None or fact.value == "teenager":
        return
    adult, said = fact.value in ("adult", "old"), "an adult" if ask.coin() else "a child"
    text = f"Is {ask.name(person)} {said}?"
    yield yes_no(person, text, adult == (said == "an adult"), fact.labels)


def action(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """What somebody does."""
    fact = facts.get("body.action")
    if fact:
        text = f"What is {ask.name(person)} doing?"
        yield word_question(person, text, fact.value, fact.labels)


def hidden(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Whether something is in front of a person."""
    fact = facts.get("body.hidden")
    if fact is None:
        return
    free = ask.coin()
    text = f"Is {ask.name(person)} partly hidden by somebody or something?"
    if free:
        text = f"Is the view of {ask.name(person)} unobstructed?"
    yield yes_no(person, text, (fact.value == "free") == free, fact.labels)


def distance(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """How far somebody is from the camera."""
    fact = facts.get("place.distance")
    if fact:
        text = f"How far from the camera is {ask.name(person)}, in metres?"
        near = max(0.2, 0.1 * fact.number)
        yield number_question(person, text, fact.number, "m", near, fact.labels)


def foot_ahead(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """Which foot is in front."""
    fact = facts.get("feet.along")
    if fact:
        far = "right" if fact.value == "left" else "left"
        text = f"Which foot of {ask.name(person)} is ahead of the other?"
        right, wrong = f"the {fact.value} foot", [f"the {far} foot"]
        yield choice(ask, person, text, right, wrong, fact.labels)


def head_turn(ask: Ask, person: int, facts: PoseFacts) -> Iterator[Question]:
    """To which of their sides somebody turned the head."""
    fact = facts.get("head.turn")
    if fact:
        said = "left" if ask.coin() else "right"
        text = f"Is the head of {ask.name(person)} turned to their own {said}?"
        yield yes_no(person, text, said == fact.value, fact.labels)


PEOPLE_KINDS = {
    "knee_bent": _each(_joint("knee")),
    "elbow_bent": _each(_joint("elbow")),
    "knee_angle": _each(_angle("knee")),
    "elbow_angle": _each(_angle("elbow")),
    "hand_height": _each(hand_height),
    "above_head": _each(above_head),
    "posture": _each(posture),
    "facing": _each(facing),
    "facing_side": _each(facing_side),
    "looks": _each(looks),
    "clothes": _each(clothes),
    "age": _each(age),
    "action": _each(action),
    "hidden": _each(hidden),
    "distance": _each(distance),
    "foot_ahead": _each(foot_ahead),
    "head_turn": _each(head_turn),
}
"""Kinds of questions about a person."""
