"""Captions: facts put into sentences, short, medium or long, in as many wordings as asked for.

All variants of a caption tell the same facts. Captions of a picture tell only what it shows;
captions of a pose (`pose_caption`) leave the picture out and tell the whole pose.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from pipeline.dataset import Frame
from pipeline.errors import GenbError
from pipeline.seeding import Stream, generator
from pipeline.text import phrases as p
from pipeline.text.describe import describe
from pipeline.text.fact import PoseFacts
from pipeline.text.limbs import arms, legs
from pipeline.text.words import Say, article, listed, paragraph

LENGTHS = ("short", "medium", "long")


@dataclass(frozen=True)
class Caption:
    """text, and the ids of the facts that it tells, in order."""

    text: str
    facts: tuple[str, ...]


def caption(frame: Frame, person: int, length: str = "medium", variant: int = 0) -> str:
    """English about one person of a frame. Raises GenbError for an unknown length."""
    return picture_caption(describe(frame, person), length, variant).text


def wording(key: str, person: int, variant: int) -> np.random.Generator:
    """The generator that picks wordings: by key, person and variant only."""
    return generator(0, Stream.TEXT, zlib.crc32(key.encode()), person + 1, variant)


def picture_caption(facts: PoseFacts, length: str, variant: int = 0) -> Caption:
    """A caption of the person in the picture: what it shows and nothing else."""
    check_length(length)
    say = Say(facts.in_picture, wording(facts.key, facts.person, variant))
    first = opening(say, length)
    if length == "short":
        return Caption(paragraph([first]), tuple(say.used))
    sentences = [first, arms(say, length), *_hiding(say)]
    if length == "long":
        sentences = [first, posture(say), trunk(say), head(say), arms(say, length), legs(say)]
        sentences += [shoes_and_hair(say), *_hiding(say), where(say)]
    return Caption(paragraph(sentences), tuple(say.used))


def pose_caption(facts: PoseFacts, length: str, variant: int = 0) -> Caption:
    """A caption of the pose alone: no clothes, no camera, and also what the picture hides."""
    check_length(length)
    say = Say(facts, wording(facts.key, facts.person, variant))
    first = f"the person {_predicate(say, action=False)}"
    if length == "short":
        return Caption(paragraph([first]), tuple(say.used))
    sentences = [first, arms(say, length)]
    if length == "long":
        sentences = [first, trunk(say), head(say, look=False), arms(say, length), legs(say)]
    return Caption(paragraph(sentences), tuple(say.used))


def check_length(length: str) -> None:
    """Raise GenbError for an unknown length."""
    if length not in LENGTHS:
        raise GenbError(f"no caption length {length!r}. Lengths: {', '.join(LENGTHS)}.")


def noun(say: Say) -> str:
    """man, woman, boy, girl, teenage boy, ... with the build in front when it stands out."""
    word = p.NOUNS[say.value("person.age"), say.value("person.sex")]
    return word


def clothes(say: Say) -> str:
    """Garments that show, as a list with articles; empty when none does."""
    kinds = [f.value for f in say.facts.facts if f.about == "garment"]
    for kind in kinds:
        say.value(f"garment.{kind}")
    # Named from the top down; the outer layer last.
    ranked = sorted(kinds, key=lambda kind: (kind == "jacket", kind in (*p.PAIRS, "skirt")))
    return listed([garment_words(kind) for kind in ranked])


def garment_words(kind: str) -> str:
    """A garment with its article: a T-shirt, trousers."""
    words = p.GARMENTS.get(kind, kind.replace("_", " "))
    return words if words in p.PAIRS else article(words)


def opening(say: Say, length: str) -> str:
    """Who, wearing what, does what, turned where."""
    build = say.phrase(p.BUILD, "person.build") if length == "long" else ""
    subject = article(f"{build} {noun(say)}".strip())
    worn = clothes(say)
    if worn:
        subject += say.pick((f" in {worn}", f" wearing {worn}"))
    predicate = _predicate(say, action=True)
    if length == "short":
        return f"{subject} {predicate}"
    return ", ".join(filter(None, [f"{subject} {predicate}", facing(say)]))


def _predicate(say: Say, action: bool) -> str:
    doing = say.value("body.action") if action else ""
    gesture = say.phrase(p.WITH_GESTURE, "hands.gesture")
    if doing:
        return " ".join(filter(None, [f"is {doing}", gesture]))
    stands = say.phrase(p.POSTURE, "body.posture")
    return " ".join(filter(None, [stands or ("can be seen" if action else "is posed"), gesture]))


def posture(say: Say) -> str:
    """How somebody whose action was told is carried."""
    value = say.fact("body.posture")
    if not say.fact("body.action") or not value or value.value == "standing":
        return ""
    return f"they {_they(say.phrase(p.POSTURE, 'body.posture'))}"


def facing(say: Say) -> str:
    """Which way the body is turned in the picture."""
    if say.fact("body.head_end"):
        return say.phrase(p.HEAD_END, "body.head_end")
    return say.phrase(p.FACING, "body.facing", side=say.value("body.heads_to"))


def trunk(say: Say) -> str:
    """Lean, twist and side bend."""
    leaning = say.fact("body.posture") and say.fact("body.posture").value == "reclining"
    said = [
        "" if leaning else say.phrase(p.LEAN, "trunk.lean"),
        say.phrase(p.TWIST, "trunk.twist"),
        "" if "trunk.lean" in say.used else say.phrase(p.SIDE_BEND, "trunk.side_bend"),
    ]
    said = [words for words in said if words]
    return f"their upper body {listed(said)}" if said else ""


def head(say: Say, look: bool = True) -> str:
    """Turn, pitch and tilt of the head, and a look into the camera."""
    said = [
        say.phrase(p.HEAD_TURN, "head.turn"),
        say.phrase(p.HEAD_TILT, "head.tilt"),
        say.phrase(p.HEAD_PITCH, "head.pitch"),
    ]
    said = [words for words in said if words]
    first = f"their head {listed(said)}" if said else ""
    second = say.phrase(p.LOOK, "eyes.look") if look else ""
    return "; ".join(filter(None, [first, second]))


def shoes_and_hair(say: Say) -> str:
    """What is on the feet and on the head."""
    said = []
    if say.fact("shoes.kind"):
        kind = say.value("shoes.kind")
        said.append("are barefoot" if kind == "barefoot" else f"wear {p.SHOES.get(kind, 'shoes')}")
    if say.fact("hair.style"):
        style, colour = say.value("hair.style"), say.value("hair.colour")
        words = p.HAIR.get(style, "{colour} hair").format(colour=colour).replace("  ", " ").strip()
        said.append("are bald" if style == "bald" else f"have {words}")
    return f"they {listed(said)}" if said else ""


def where(say: Say) -> str:
    """Place in the picture and distance."""
    said = [say.phrase(p.IMAGE_PLACE, "place.image")]
    if say.fact("place.distance"):
        said.append(f"about {say.value('place.distance')} m from the camera")
    said = [words for words in said if words]
    return f"they are {', '.join(said)}" if said else ""


def _hiding(say: Say) -> list[str]:
    by = say.value("body.hidden_by")
    behind = (
        "by something" if not by else "by an object" if by == "object" else "behind another person"
    )
    return [
        say.phrase(p.HIDDEN, "body.hidden", by=behind),
        say.phrase(p.CUT, "body.cut"),
        say.phrase(p.CUT_HEAD, "body.cut_head"),
    ]


def _they(predicate: str) -> str:
    """A predicate of "they": "is in a lunge" -> "are in a lunge", "squats" -> "squat"."""
    verb, _, rest = predicate.partition(" ")
    verb, comma = verb.rstrip(","), "," if verb.endswith(",") else ""
    forms = {"is": "are", "has": "have", "lies": "lie", "crouches": "crouch"}
    return f"{forms.get(verb, verb.removesuffix('s'))}{comma} {rest}".strip()
