"""What a person does, said only where the pose bears it out.

A clip is labelled as a whole ("waving"), but a frame of it may show somebody whose arm still hangs,
and a thing that is only mimed (a telephone, a ball) is not there. Every family has its words and
what must hold for them; where that fails, the pose alone is described.
"""

import re
from collections.abc import Callable

from pipeline.motion.library import MOTIONS
from pipeline.text.fact import Fact, PoseFacts

Test = Callable[[PoseFacts], bool]
_SIDES = ("left", "right")


def _always(facts: PoseFacts) -> bool:
    return True


def _value(id: str, *values: str) -> Test:
    return lambda facts: facts.value(id) in values


def _hand(name: str, *values: str) -> Test:
    """Some hand has one of these values."""
    return lambda facts: any(facts.value(f"{side}_hand.{name}") in values for side in _SIDES)


def _hands(name: str, *values: str) -> Test:
    """Both hands do."""
    return lambda facts: all(facts.value(f"{side}_hand.{name}") in values for side in _SIDES)


def _all(*tests: Test) -> Test:
    return lambda facts: all(test(facts) for test in tests)


def _any(*tests: Test) -> Test:
    return lambda facts: any(test(facts) for test in tests)


_HEAD = ("face", "lower_face", "ear", "forehead", "top_of_head", "back_of_head", "neck")
_ON_HEAD = _hand("touches", *_HEAD)
_HIGH = ("above_head", "head_top", "head", "shoulder")
_ON_FEET = _value("body.posture", "standing", "on_left_foot", "on_right_foot", "crouching",
                  "lunge_left", "lunge_right", "mid_air", "on_feet", "upright",
                  "")  # fmt: skip
_ONE_FOOT = _value("body.posture", "on_left_foot", "on_right_foot")
_BENT_OVER = _value("trunk.lean", "far_forward", "clearly_forward")
_FORWARD = ("slightly_forward", "clearly_forward", "far_forward")
_AHEAD = ("forward", "forward_down", "forward_up")
_ARM_AHEAD = _any(*(_value(f"{side}_arm.direction", *_AHEAD) for side in _SIDES))
_UP = _value("body.posture", "mid_air")
_WALK = ("walking", _ON_FEET)

ACTIONS: dict[str, tuple[tuple[str, Test], ...]] = {
    **{
        name: (_WALK,)
        for name in ("walk", "walk_brisk", "walk_turn", "walk_backward", "walk_phone", "walk_carry",
                     "walk_texting", "walk_hands_behind")
    },
    "walk_waving": (("walking and waving", _all(_ON_FEET, _hand("height", *_HIGH))), _WALK),
    "shuffle": (("shuffling along", _ON_FEET),),
    "tiptoe": (("sneaking along", _ON_FEET),),
    "side_step": (("stepping sideways", _ON_FEET),),
    "jog": (("jogging", _ON_FEET),),
    "run": (("running", _ON_FEET),),
    "march_in_place": (("marching in place", _ONE_FOOT),),
    "wave": (("waving", _hand("height", *_HIGH)),),
    "point": (("pointing at something", _any(_hand("height", *_HIGH, "chest"))),),
    "talk": (("gesturing", _hand("height", "chest", "waist", "shoulder")),),
    "clap": (("clapping", _hands("place", "front", "across")),),
    "salute": (("saluting", _ON_HEAD),),
    "bow": (("bowing", _value("trunk.lean", *_FORWARD)),),
    "cheer": (("cheering with both arms up", _hands("height", *_HIGH[:3])),),
    "reach_up": (("reaching up", _hand("height", "above_head")),),
    "reach_forward": (("reaching forward", _ARM_AHEAD),),
    "stretch": (("stretching", _hand("height", "above_head")),),
    "dance": (("dancing", _always),),
    "kick": (("kicking", _ONE_FOOT),),
    "punch": (("boxing", _hand("height", *_HIGH, "chest")),),
    "throw": (("throwing", _hand("height", *_HIGH)),),
    "push": (("pushing against something", _hands("place", "front", "across")),),
    "lift_overhead": (("lifting both hands", _hands("height", *_HIGH)),),
    "toe_touch": (("bending down", _BENT_OVER),),
    "pick_up": (("bending down", _BENT_OVER),),
    "side_bend": (("bending sideways", _value("trunk.side_bend", "left", "right")),),
    "trunk_twist": (("twisting the trunk", _value("trunk.twist", "left", "right")),),
    "jump": (("jumping", _UP),),
    "jumping_jack": (("doing jumping jacks", _any(_UP, _hands("height", *_HIGH))),),
    "rope_skip": (("skipping", _UP),),
    "hop": (("hopping on one leg", _any(_UP, _ONE_FOOT)),),
    "push_up": (("doing push-ups", _value("body.posture", "plank")),),
    "crunch": (("doing sit-ups", _value("body.posture", "reclining", "lying_back")),),
}  # fmt: skip
"""Family -> (words, what must hold), the first that holds is said. Families that are poses rather
than movements (standing, sitting, hands on hips) are not here: the pose says it."""


def action_fact(person: dict, facts: PoseFacts) -> Fact | None:
    """What the person does (`body.action`), None where only the pose can be told.

    person: facts of the JSON. facts: what is known of the pose.
    """
    labels = ("json people.action", "json people.motion")
    if person["motion_source"] == "library" and person["motion"] in MOTIONS:
        for words, test in ACTIONS.get(person["motion"], ()):
            if test(facts):
                return Fact("body", "action", words, labels=labels)
        return None
    # The label of a motion file may be anything; only what reads like "walking slowly" is a clause.
    label = person["action"].strip().lower()
    if re.fullmatch(r"[a-z]+ing( [a-z' -]+)?", label):
        return Fact("body", "action", label, labels=labels)
    return None
