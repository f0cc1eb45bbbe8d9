"""Questions and answers about a picture, every answer computed from the labels.

Each kind of question is a function in `people_questions` or `scene_questions`, found by name in
`KINDS`. A yes-or-no question is asked as it is or about the opposite by a coin, so that "yes" is as
often right as "no" whatever people do.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.dataset import Frame
from pipeline.seeding import Stream, generator
from pipeline.text.layout import SceneFacts, describe_scene
from pipeline.text.people_questions import PEOPLE_KINDS
from pipeline.text.qa import Ask, Question
from pipeline.text.scene_questions import SCENE_KINDS

Kind = Callable[[Ask], Iterator[Question]]

KINDS: dict[str, Kind] = SCENE_KINDS | PEOPLE_KINDS
"""Name -> function that asks."""

_QUESTIONS = 1
"""Sets the coins of questions apart from those of captions."""


@dataclass(frozen=True)
class Asked:
    """A question with its kind: what `questions` yields."""

    kind: str
    question: Question


def questions(frame: Frame) -> list[Asked]:
    """All questions of a frame. Raises what `describe` raises."""
    return ask_all(describe_scene(frame), frame)


def ask_all(scene: SceneFacts, frame: Frame) -> list[Asked]:
    """All questions of a described frame, scene first, in the order of `KINDS`."""
    asked = []
    for number, (name, kind) in enumerate(KINDS.items()):
        # A generator per kind: a new kind does not change the coins of the others.
        seed = (zlib.crc32(scene.key.encode()), 0, number, _QUESTIONS)
        rng: np.random.Generator = generator(0, Stream.TEXT, *seed)
        asked += [Asked(name, question) for question in kind(Ask(scene, frame, rng))]
    return asked
