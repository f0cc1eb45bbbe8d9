"""Questions about the whole picture: counting, left and right, near and far, camera, place."""

from collections.abc import Iterator

from pipeline.text import phrases as p
from pipeline.text.qa import SCENE, Ask, Question, choice, number_question, word_question, yes_no
from pipeline.text.scene_captions import closest
from pipeline.text.words import number

_METRES = 0.1
"""Tolerance of distances: this share of them, and at least 0.2 m."""


def _near(metres: float) -> float:
    return max(0.2, _METRES * metres)


def count(ask: Ask) -> Iterator[Question]:
    """How many people there are."""
    fact = ask.scene.get("people.count")
    if fact is None:
        return
    n = int(fact.number)
    text = "How many people are in the image?"
    yield Question(SCENE, "open", text, f"{number(n).capitalize()}.", n, fact.labels)
    said = n if ask.coin() else max(n + (1 if ask.coin() else -1), 0)
    noun = "is there one person" if said == 1 else f"are there {number(said)} people"
    yield yes_no(SCENE, f"{noun.capitalize()} in the image?", said == n, fact.labels)


def left_of(ask: Ask) -> Iterator[Question]:
    """Of two people, who is left or right of whom in the image."""
    for pair in ask.scene.pairs:
        if pair.left is None:
            continue
        first, second = (pair.a, pair.b) if ask.coin() else (pair.b, pair.a)
        side = "left" if ask.coin() else "right"
        holds = (first == pair.a) == (pair.left == (side == "left"))
        boxes = tuple(_in_box(ask, k) for k in (first, second))
        text = f"In the image, is {boxes[0]} to the {side} of {boxes[1]}?"
        yield yes_no(SCENE, text, holds, ("box_modal",))


def nearer(ask: Ask) -> Iterator[Question]:
    """Of two people, who is nearer to the camera."""
    for pair in ask.scene.pairs:
        if pair.nearer is None:
            continue
        first, second = (pair.a, pair.b) if ask.coin() else (pair.b, pair.a)
        text = f"Is {ask.name(first)} closer to the camera than {ask.name(second)}?"
        yield yes_no(SCENE, text, pair.nearer == (first == pair.a), ("joints_cam",))


def closest_person(ask: Ask) -> Iterator[Question]:
    """Who is closest to the camera."""
    nearest = closest(ask.scene)
    if nearest is None:
        return
    others = [ask.name(k) for k in ask.scene.order if k != nearest][:7]
    text = "Which person is closest to the camera?"
    yield choice(ask, SCENE, text, ask.name(nearest), others, ("joints_cam",))


def distance_between(ask: Ask) -> Iterator[Question]:
    """How far two people are from each other."""
    for pair in ask.scene.pairs:
        text = f"How far apart are {ask.name(pair.a)} and {ask.name(pair.b)}, in metres?"
        near = _near(pair.metres)
        yield number_question(SCENE, text, pair.metres, "m", near, ("joints_cam",))


def camera_height(ask: Ask) -> Iterator[Question]:
    """How high the camera is."""
    metres = ask.frame.facts["camera"]["eye_m"][2]
    text = "How high above the ground is the camera, in metres?"
    yield number_question(SCENE, text, metres, "m", 0.2, ("json camera.eye_m",))


def camera_pitch(ask: Ask) -> Iterator[Question]:
    """Whether the camera looks up or down, and by how much."""
    deg, labels = ask.frame.facts["camera"]["pitch_deg"], ("json camera.pitch_deg",)
    text = "By how many degrees does the camera look up (positive) or down (negative)?"
    yield number_question(SCENE, text, deg, "deg", 4.0, labels)
    fact = ask.scene.get("camera.pitch")
    if fact:
        words = {"down": "down", "up": "up", "level": "straight ahead"}
        wrong = [word for value, word in words.items() if value != fact.value]
        text = "Does the camera look down, up or straight ahead?"
        yield choice(ask, SCENE, text, words[fact.value], wrong, labels)


def field_of_view(ask: Ask) -> Iterator[Question]:
    """The horizontal and vertical angles of view."""
    camera = ask.frame.facts["camera"]
    for name, word in (("hfov_deg", "horizontal"), ("vfov_deg", "vertical")):
        text = f"What is the {word} field of view of the image, in degrees?"
        labels = (f"json camera.{name}",)
        yield number_question(SCENE, text, camera[name], "deg", 5.0, labels)


def place(ask: Ask) -> Iterator[Question]:
    """Where the picture was taken."""
    fact = ask.scene.get("place.kind")
    if fact and fact.value in p.PLACES:
        yield word_question(SCENE, "Where are they?", p.PLACES[fact.value], fact.labels)


def _in_box(ask: Ask, person: int) -> str:
    """A person by their box: "the person on the left" would give the answer away."""
    box = ", ".join(f"{value:.0f}" for value in ask.frame.people[person]["box_modal"])
    return f"the person in the box ({box})"


SCENE_KINDS = {
    "count": count,
    "left_of": left_of,
    "nearer": nearer,
    "closest_person": closest_person,
    "distance_between": distance_between,
    "camera_height": camera_height,
    "camera_pitch": camera_pitch,
    "field_of_view": field_of_view,
    "place": place,
}
"""Kinds of questions about a picture."""
