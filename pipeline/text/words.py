"""English: articles, lists, numbers, sentences, and the choice of one wording among several."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.text.fact import Fact, PoseFacts

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(n: int) -> str:
    """A count in words up to ten, in digits beyond."""
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def article(noun: str) -> str:
    """The noun phrase with a or an."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def plural(noun: str) -> str:
    """Several of them: man -> men, person -> people, box -> boxes."""
    if noun == "person":
        return "people"
    if noun.endswith("man"):
        return f"{noun.removesuffix('man')}men"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun.removesuffix('y')}ies"
    return f"{noun}s"


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def sentence(text: str) -> str:
    """With a capital and a full stop; nothing stays nothing."""
    text = text.strip()
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""


def paragraph(sentences: Sequence[str]) -> str:
    """Sentences one after another, empty ones left out."""
    return " ".join(filter(None, map(sentence, sentences)))


@dataclass
class Say:
    """One telling of facts: picks wordings and remembers which facts it has told.

    facts: what may be told. rng: picks; with None the first wording is taken. used: ids of the
    facts told so far, in order.
    """

    facts: PoseFacts
    rng: np.random.Generator | None = None
    used: list[str] = field(default_factory=list)

    def pick(self, options: Sequence[str]) -> str:
        """One of several wordings that mean the same."""
        # Drawn also when there is no choice, so that one bank's length does not move the others.
        draw = self.rng.random() if self.rng else 0.0
        return options[int(draw * len(options))]

    def value(self, id: str) -> str:
        """The word code of a fact, which counts as told; empty when there is none."""
        fact = self.facts.get(id)
        if fact and id not in self.used:
            self.used.append(id)
        return fact.value if fact else ""

    def phrase(self, bank: dict[str, tuple[str, ...]], id: str, **fill: str) -> str:
        """A wording from a bank for a fact's value; empty when there is none.

        Values that the bank does not know are not told.
        """
        fact = self.facts.get(id)
        if fact is None or fact.value not in bank:
            return ""
        return self.pick(bank[self.value(id)]).format(**fill)

    def fact(self, id: str) -> Fact | None:
        """A fact, without telling it."""
        return self.facts.get(id)
