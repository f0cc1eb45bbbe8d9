"""A fact: one thing that holds for a person, the number behind it, and whether it can be seen.

Captions are renderings of facts and questions ask for them, so all agree with each other.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """about: a part of the body or of the picture ("left_elbow"); name: what about it ("bend").

    value: a word code of `phrases`. number and unit: the measure that decided it. seen: the picture
    shows it. labels: names of the labels that it was computed from.
    """

    about: str
    name: str
    value: str
    number: float = 0.0
    unit: str = ""
    seen: bool = True
    labels: tuple[str, ...] = ("joints_world",)

    @property
    def id(self) -> str:
        """What it is about and what of it: "left_elbow.bend"."""
        return f"{self.about}.{self.name}"


@dataclass(frozen=True)
class PoseFacts:
    """All that is known about one person of one picture.

    key, person, instance_id: who. facts: in a fixed order. measures: name -> number, of all
    measurable quantities, also where no word was sure (see `docs/text.md`).
    """

    key: str
    person: int
    instance_id: int
    facts: tuple[Fact, ...]
    measures: dict[str, float]

    def get(self, id: str) -> Fact | None:
        """A fact by its id, e.g. "left_elbow.bend"; None where nothing is sure."""
        return next((fact for fact in self.facts if fact.id == id), None)

    def value(self, id: str) -> str:
        """The word of a fact; empty where nothing is sure."""
        fact = self.get(id)
        return fact.value if fact else ""

    def seen(self, id: str) -> bool:
        """Whether there is such a fact and the picture shows it."""
        fact = self.get(id)
        return bool(fact and fact.seen)

    @property
    def in_picture(self) -> "PoseFacts":
        """The same person without what the picture does not show."""
        shown = tuple(fact for fact in self.facts if fact.seen)
        return PoseFacts(self.key, self.person, self.instance_id, shown, self.measures)
