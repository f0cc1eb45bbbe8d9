"""Sentences about arms and legs: both sides together where they do the same."""

from pipeline.text import phrases as p
from pipeline.text.body import SIDES, other
from pipeline.text.words import Say, listed

_ELBOW_TOLD = ("slightly", "bent", "right_angle", "sharply")


def arms(say: Say, length: str) -> str:
    """What both arms do: a gesture, or each arm's contact, direction, or place."""
    if say.fact("hands.gesture"):
        return "" if length != "long" else _gesture(say)
    left, right = (_arm_code(say, side) for side in SIDES)
    if left and left == right:
        return _both(say, left)
    return listed_clauses(
        [_one(say, side, code) for side, code in (("left", left), ("right", right))]
    )


def listed_clauses(clauses: list[str]) -> str:
    """Clauses joined by a semicolon, empty ones left out."""
    return "; ".join(filter(None, clauses))


def _gesture(say: Say) -> str:
    """More about a gesture that was told: where the joined hands are, how the elbows are."""
    if say.fact("hands.gesture").value != "hands_together":
        return ""
    heights = {
        say.fact(f"{s}_hand.height").value if say.fact(f"{s}_hand.height") else "" for s in SIDES
    }
    places = {
        say.fact(f"{s}_hand.place").value if say.fact(f"{s}_hand.place") else "" for s in SIDES
    }
    said = []
    if len(heights) == 1 and "" not in heights:
        said.append(say.phrase(p.HEIGHT, "left_hand.height"))
        say.value("right_hand.height")
    if places <= {"front", "across"}:
        said.append(say.pick(p.PLACE["front"]))
        for side in SIDES:
            say.value(f"{side}_hand.place")
    return f"the hands are {', '.join(said)}" if said else ""


def _arm_code(say: Say, side: str) -> tuple[str, str, str] | None:
    """What is told of an arm: (kind, value, elbow); None for nothing."""
    elbow = say.fact(f"{side}_elbow.bend")
    bend = elbow.value if elbow else ""
    touch, points = say.fact(f"{side}_hand.touches"), say.fact(f"{side}_arm.direction")
    if touch:
        return ("touch", touch.value, "")
    if points:
        return ("direction", points.value, bend)
    height, place = say.fact(f"{side}_hand.height"), say.fact(f"{side}_hand.place")
    level = height.value if height else ""
    at = place.value if place else ""
    # A hand at hip height of an arm that neither hangs nor points anywhere says nothing.
    if level in ("hip", "below_hip") and not at:
        level = ""
    if level or at:
        return ("place", f"{level}/{at}", bend)
    return ("bend", "", bend) if bend in _ELBOW_TOLD else None


def _tell(say: Say, side: str, code: tuple[str, str, str]) -> None:
    names = {"touch": ("hand.touches",), "direction": ("arm.direction",)}
    names |= {"place": ("hand.height", "hand.place"), "bend": ()}
    for name in names[code[0]]:
        say.value(f"{side}_{name}")
    # Where a hand is on the body, the elbow goes without saying.
    if code[2] in _ELBOW_TOLD and code[0] != "touch":
        say.value(f"{side}_elbow.bend")


def _one(say: Say, side: str, code: tuple[str, str, str] | None) -> str:
    if code is None:
        return ""
    _tell(say, side, code)
    kind, value, bend = code
    elbow = f"with the elbow {p.BEND[bend][0]}" if bend in _ELBOW_TOLD else ""
    if kind == "touch":
        words = say.pick(p.TOUCH[value]).format(own=side, other=other(side))
        return f"their {side} hand {words}"
    if kind == "direction":
        words = say.pick(p.DIRECTION[value]).format(**{"is": "is", "s": "s", "es": "es", "n": ""})
        return ", ".join(filter(None, [f"their {side} arm {words}", elbow]))
    if kind == "place":
        return ", ".join(filter(None, [f"their {side} hand is {_place(say, value)}", elbow]))
    return f"their {side} elbow is {p.BEND[bend][0]}"


def _both(say: Say, code: tuple[str, str, str]) -> str:
    for side in SIDES:
        _tell(say, side, code)
    kind, value, bend = code
    elbows = f"with the elbows {p.BEND[bend][0]}" if bend in _ELBOW_TOLD else ""
    if kind == "touch":
        if value == "floor":
            return say.pick(("both hands are on the ground", "both hands rest on the ground"))
        on = p.BOTH_TOUCH.get(value)
        if on:
            return say.pick((f"their hands are on their {on}", f"both hands rest on their {on}"))
        words = [say.pick(p.TOUCH[value]).format(own=s, other=other(s)) for s in SIDES]
        return listed([f"their {s} hand {w}" for s, w in zip(SIDES, words, strict=True)])
    if kind == "direction":
        words = say.pick(p.DIRECTION[value]).format(**{"is": "are", "s": "", "es": "", "n": "s"})
        return ", ".join(filter(None, [f"both arms {words}", elbows]))
    if kind == "place":
        return ", ".join(filter(None, [f"both hands are {_place(say, value)}", elbows]))
    return f"both elbows are {p.BEND[bend][0]}"


def _place(say: Say, value: str) -> str:
    height, place = value.split("/")
    said = [say.pick(p.HEIGHT[height])] if height else []
    said += [say.pick(p.PLACE[place])] if place else []
    return " and ".join(said) if place == "side" else ", ".join(said)


def legs(say: Say) -> str:
    """Folded or lifted legs, knees, feet."""
    said = [
        say.phrase(p.LEGS_FOLD, "legs.fold"),
        _folds(say),
        *(say.phrase(p.LIFTED, f"{side}_foot.lifted", side=side) for side in SIDES),
        _knees(say),
        say.phrase(p.FEET_ACROSS, "feet.across"),
        say.phrase(p.FEET_ALONG, "feet.along"),
    ]
    return listed_clauses(said)


def _folds(say: Say) -> str:
    folds = {s: say.fact(f"{s}_leg.fold") for s in SIDES}
    values = [fact.value if fact else "" for fact in folds.values()]
    if values[0] and values[0] == values[1]:
        say.value("left_leg.fold"), say.value("right_leg.fold")
        return say.pick(p.BOTH_LEGS_FOLD[values[0]])
    return listed_clauses(
        [f"their {s} {say.phrase(p.LEG_FOLD, f'{s}_leg.fold')}" for s in SIDES if folds[s]]
    )


def _knees(say: Say) -> str:
    posture = say.fact("body.posture")
    folded = any(say.fact(f"{name}.fold") for name in ("legs", "left_leg", "right_leg"))
    if folded or (posture and posture.value in ("squatting", "crouching", "sitting_on_heels")):
        return ""
    knees = {s: say.fact(f"{s}_knee.bend") for s in SIDES}
    values = [fact.value if fact else "" for fact in knees.values()]
    if values[0] and values[0] == values[1]:
        say.value("left_knee.bend"), say.value("right_knee.bend")
        part = "legs are" if values[0] == "straight" else "knees are"
        return f"both {part} {p.BEND[values[0]][0]}"
    clauses = []
    for side in SIDES:
        # A word about one leg alone would say that the other is different.
        lone = "" in values and knees[side] and knees[side].value in ("straight", "slightly")
        if knees[side] and not lone:
            bend = say.value(f"{side}_knee.bend")
            part = "leg" if bend == "straight" else "knee"
            clauses.append(f"their {side} {part} is {p.BEND[bend][0]}")
    return " and ".join(clauses)
