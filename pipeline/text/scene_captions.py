"""Captions of whole pictures: how many, who from left to right, how near, the place, the camera."""

from collections import Counter

from pipeline.dataset import Frame
from pipeline.text import phrases as p
from pipeline.text.captions import Caption, check_length, noun, opening, wording
from pipeline.text.fact import PoseFacts
from pipeline.text.layout import SceneFacts, describe_scene
from pipeline.text.words import Say, article, listed, number, paragraph, plural

SCENE = -1
"""Stands for the whole picture where a person's number is expected."""

_CAMERA_HEIGHT = {
    "high": ("the camera is high up", "the picture is taken from high up"),
    "low": ("the camera is low above the ground", "the picture is taken from low down"),
    "eye_level": ("the camera is at the eye level of a standing adult",
                  "the picture is taken from a standing adult's eye level"),
}  # fmt: skip
_CAMERA_PITCH = {"down": ("looks down",), "up": ("looks up",), "level": ("looks straight ahead",)}
_VIEW = {
    "wide": ("the angle of view is wide", "it is a wide-angle view"),
    "narrow": ("the angle of view is narrow", "it is a telephoto view"),
}
_SUN = {
    "high": ("the sun is high", "the sun stands high"),
    "low": ("the sun is low", "the sun stands low"),
}


def scene_caption(frame: Frame, length: str = "medium", variant: int = 0) -> str:
    """English about a whole frame. Raises GenbError for an unknown length."""
    return whole_caption(describe_scene(frame), length, variant).text


def whole_caption(scene: SceneFacts, length: str, variant: int = 0) -> Caption:
    """A caption of a picture; facts of people are told as `N:id`, those of the picture as `id`."""
    check_length(length)
    own = PoseFacts(scene.key, SCENE, 0, scene.facts, {})
    say = Say(own, wording(scene.key, SCENE, variant))
    tellers = {k: Say(scene.people[k].in_picture, say.rng) for k in scene.order}
    if length != "short" and scene.sure and len(scene.order) == 1:
        sentences = [_alone(say, tellers[scene.order[0]])]
    else:
        sentences = [_who(say, scene, tellers)]
        sentences += _people(scene, tellers) if length != "short" else []
    if length == "long":
        sentences += [*_depth(say, scene), _camera(say), say.phrase(_SUN, "light.sun")]
    told = [*say.used, *(f"{k}:{id}" for k, one in tellers.items() for id in one.used)]
    return Caption(paragraph(sentences), tuple(told))


def _who(say: Say, scene: SceneFacts, tellers: dict[int, Say]) -> str:
    place = p.PLACES.get(say.value("place.kind"), "")
    nouns = Counter(noun(tellers[k]) for k in scene.order)
    kinds = listed([article(n) if c == 1 else f"{number(c)} {plural(n)}" for n, c in nouns.items()])
    if not nouns:
        return f"nobody can be seen {place}" if scene.sure else f"a picture {place}"
    count = len(scene.order)
    say.value("people.count")
    few = "" if scene.sure else "at least "
    if len(nouns) == 1:
        return f"{few}{kinds} {place}"
    return f"{few}{number(count)} people {place}: {kinds}"


def _alone(say: Say, one: Say) -> str:
    say.value("people.count")
    return f"{opening(one, 'short')} {p.PLACES.get(say.value('place.kind'), '')}"


def _people(scene: SceneFacts, tellers: dict[int, Say]) -> list[str]:
    clauses = [opening(tellers[k], "short") for k in scene.order]
    clear = all(
        pair.left
        for pair in scene.pairs
        if scene.order.index(pair.b) == scene.order.index(pair.a) + 1
    )
    if len(clauses) == 1 or not clear:
        return clauses
    if len(clauses) == 2:
        return [f"on the left, {clauses[0]}; on the right, {clauses[1]}"]
    return [f"from left to right: {'; '.join(clauses)}"]


def _depth(say: Say, scene: SceneFacts) -> list[str]:
    """Who is nearest, where that is clear, and how far neighbours are from each other."""
    said = []
    nearest = closest(scene)
    if nearest is not None and "box" not in scene.names[nearest]:
        metres = scene.people[nearest].get("place.distance")
        name = scene.names[nearest]
        said.append(f"{name} is closest to the camera, about {metres.value} m away")
    for a, b in zip(scene.order, scene.order[1:], strict=False):
        pair = next(pair for pair in scene.pairs if (pair.a, pair.b) == (a, b))
        names = (scene.names[a], scene.names[b])
        # A box in pixels is for questions; nobody talks like that.
        if pair.left and not any("box" in name for name in names):
            said.append(f"{names[0]} and {names[1]} are about {pair.metres:.1f} m apart")
    return said


def closest(scene: SceneFacts) -> int | None:
    """Who is surely nearer to the camera than everybody else; None if nobody, or nobody else."""
    for k in scene.order if len(scene.order) > 1 else ():
        mine = [pair for pair in scene.pairs if k in (pair.a, pair.b)]
        if all(pair.nearer is (pair.a == k) for pair in mine):
            return k
    return None


def _camera(say: Say) -> str:
    height = say.phrase(_CAMERA_HEIGHT, "camera.height")
    pitch = say.phrase(_CAMERA_PITCH, "camera.pitch")
    looks = f"the camera {pitch}" if pitch else ""
    tilted = "the camera is tilted sideways" if say.value("camera.roll") else ""
    return "; ".join(filter(None, [height, looks, tilted, say.phrase(_VIEW, "camera.view")]))
