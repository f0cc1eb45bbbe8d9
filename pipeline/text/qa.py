"""What a question is, and the three forms in which the kinds put it: open, yes or no, a choice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.dataset import Frame
from pipeline.text.layout import SceneFacts
from pipeline.text.words import sentence

SCENE = -1


@dataclass(frozen=True)
class Question:
    """person: who it is about, -1 for the picture. form: open, yes_no or choice.

    answer: as one would say it. value: the number or the bare word; of a choice the text of the
    right option. tolerance: how far off a number may be, in `unit`; 0 for words and counts.
    options: of a choice, in the order asked. labels: what it was computed from.
    """

    person: int
    form: str
    question: str
    answer: str
    value: float | str
    labels: tuple[str, ...]
    unit: str = ""
    tolerance: float = 0.0
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ask:
    """A described frame, and a generator for coins and the order of options."""

    scene: SceneFacts
    frame: Frame
    rng: np.random.Generator

    def coin(self) -> bool:
        """True half of the time."""
        return bool(self.rng.random() < 0.5)

    def one_of(self, options: Sequence[str]) -> str:
        """Any of some options."""
        return options[int(self.rng.random() * len(options))]

    def name(self, person: int) -> str:
        """How to speak of a person."""
        return self.scene.names[person]


def number_question(
    person: int, text: str, value: float, unit: str, tolerance: float, labels: tuple[str, ...]
) -> Question:
    """An open question with a number for an answer, said with one decimal (degrees: none)."""
    digits = 0 if unit == "deg" else 1
    word = "degrees" if unit == "deg" else unit
    said = round(value, digits) + 0.0  # no minus before a zero
    answer = f"About {said:.{digits}f} {word}."
    near = round(tolerance, 2)
    return Question(person, "open", text, answer, float(value), labels, unit, near)


def word_question(person: int, text: str, answer: str, labels: tuple[str, ...]) -> Question:
    """An open question with words for an answer."""
    return Question(person, "open", text, sentence(answer), answer, labels)


def yes_no(person: int, text: str, holds: bool, labels: tuple[str, ...]) -> Question:
    """A question whose answer is yes or no."""
    value = "yes" if holds else "no"
    return Question(person, "yes_no", text, f"{value.capitalize()}.", value, labels)


def choice(
    ask: Ask, person: int, text: str, right: str, wrong: Sequence[str], labels: tuple[str, ...]
) -> Question:
    """A question with lettered options in a drawn order."""
    options = [right, *wrong]
    order = ask.rng.permutation(len(options))
    shown = tuple(options[i] for i in order)
    letters = "ABCDEFGH"
    listing = " ".join(f"({a}) {option}" for a, option in zip(letters, shown, strict=False))
    letter = letters[shown.index(right)]
    return Question(
        person, "choice", f"{text} {listing}", f"({letter}) {right}", right, labels, options=shown
    )
