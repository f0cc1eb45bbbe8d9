"""Which level to use. The rule, which the report also tells in words:

A level is *safe* when (1) the lower end of the 95 % interval of its keep rate is at least `keep`,
and (2) nine people in ten drift by no more than half of `max_px`, so that who is kept is not just
inside the limit. A strategy goes up to its last safe level before the first unsafe one: a lucky
level beyond an unlucky one does not count. Of the strategies that get above 0, the one whose people
look most different from the render (median change) is taken; if equal, the one whose pictures do,
then the lower level. Level 0 paints nothing and is always safe; it is what is left when none is.
"""

from dataclasses import asdict, dataclass

from pipeline.sweep.table import wilson

_MARGIN = 0.5
"""Share of `max_px` that nine people in ten must stay within."""


@dataclass(frozen=True)
class Reach:
    """How far one strategy goes: its last safe level, and what is wrong with the next."""

    strategy: str
    level: int
    next_level: int | None
    fault: str


@dataclass(frozen=True)
class Choice:
    """The recommended strategy ('' if none) and level, why, and how far each strategy goes."""

    strategy: str
    level: int
    reason: str
    reaches: tuple[Reach, ...]

    def to_json(self) -> dict:
        """JSON form."""
        return asdict(self)


def choose(table: list[dict], keep: float, max_px: float) -> Choice:
    """The recommended level of a sweep's table, by the rule at the top of this module.

    keep: share of people to be kept. max_px: limit of `[diffusion.drift]`.
    """
    lines = {(line["strategy"], line["level"]): line for line in table}
    strategies = list(dict.fromkeys(line["strategy"] for line in table))
    reaches = tuple(_reach(table, strategy, keep, max_px) for strategy in strategies)
    safe = [reach for reach in reaches if reach.level > 0]
    if not safe:
        told = {reach.fault: f"{reach.strategy} at level {reach.next_level}: " for reach in reaches}
        same = len(told) == 1
        reason = "; ".join(fault if same else where + fault for fault, where in told.items())
        few = any(allowed_losses(line["people"], keep) is None for line in table)
        more = " Take more --scenes or --repeats." if few else ""
        return Choice("", 0, f"No level above 0 is safe: {reason}.{more}", reaches)

    def gain(reach: Reach) -> tuple:
        line = lines[reach.strategy, reach.level]
        return line["change_median"], line["picture_change_median"], -reach.level

    best = max(safe, key=gain)
    return Choice(
        best.strategy, best.level, _reason(lines[best.strategy, best.level], best, safe), reaches
    )


def _reach(table: list[dict], strategy: str, keep: float, max_px: float) -> Reach:
    level = 0
    for line in table:
        if line["strategy"] == strategy and line["level"] > 0:
            fault = level_fault(line, keep, max_px)
            if fault:
                return Reach(strategy, level, line["level"], fault)
            level = line["level"]
    return Reach(strategy, level, None, "")


def level_fault(line: dict, keep: float, max_px: float) -> str:
    """Why a line of the table is not safe; empty if it is."""
    people, allowed = line["people"], max_px * _MARGIN
    if allowed_losses(people, keep) is None:
        return (
            f"{people} painted people are too few: were all kept, the keep rate could still be "
            f"{wilson(people, people)[0]:.3f}, below {keep:g}"
        )
    if line["keep_low"] < keep:
        return (
            f"{line['kept']} of {people} painted people are kept, so the keep rate could be "
            f"{line['keep_low']:.3f}, below {keep:g}"
        )
    p90_px = line["drift_p90_px"]
    if p90_px is None:
        return "the motion of one person in ten could not be measured"
    if p90_px > allowed:
        return f"one person in ten drifts by {p90_px:.2f} px or more, over {allowed:g} px"
    return ""


def allowed_losses(people: int, keep: float) -> int | None:
    """How many of so many painted people a safe level may lose; None if even 0 prove nothing."""
    allowed = [n for n in range(people + 1) if wilson(people - n, people)[0] >= keep]
    return max(allowed, default=None)


def _reason(line: dict, best: Reach, safe: list[Reach]) -> str:
    told = (
        f"{line['kept']} of {line['people']} painted people are kept (95 % interval "
        f"{line['keep_low']:.3f} to {line['keep_high']:.3f}), half of them drift by no more than "
        f"{line['drift_median_px']:.2f} px and nine in ten by no more than "
        f"{line['drift_p90_px']:.2f} px. "
    )
    if best.next_level is None:
        told += "It is the highest level that was swept. "
    else:
        told += f"Level {best.next_level} is not safe: {best.fault}. "
    change = f"the people's median change is {line['change_median']:.3f}"
    if len(safe) == 1:
        return told + f"No other strategy gets above 0; {change}."
    return told + f"Of the strategies at their highest safe level it changes people most: {change}."
