"""All facts of one person of a frame, or of one pose without a picture."""

from pipeline.dataset import Frame
from pipeline.errors import GenbError
from pipeline.text.actions import action_fact
from pipeline.text.arms import arm_facts, hand_height
from pipeline.text.body import SIDES, Body, frame_body
from pipeline.text.contacts import contact_facts
from pipeline.text.fact import Fact, PoseFacts
from pipeline.text.ground import LYING, feet_apart, posture, support
from pipeline.text.legs import leg_facts
from pipeline.text.orientation import (
    face_camera_deg,
    facing_deg,
    facing_facts,
    gaze_deg,
    look_facts,
)
from pipeline.text.posture import (
    bend_deg,
    bend_facts,
    head_facts,
    lean_deg,
    thigh_deg,
    trunk_facts,
    turn_deg,
)
from pipeline.text.seen import cut_facts, hidden_facts, place_facts, with_seen
from pipeline.text.who import clothes_facts, who_facts

MEMBERS = ("mask.png", "part.png")
"""Members of a sample that words are made from, beside its JSON and npz."""


def pose_facts(body: Body) -> list[Fact]:
    """What the pose alone says: posture, trunk, head, arms, hands, legs."""
    carried = posture(body)
    word = carried.value if carried else ""
    facts = [carried] if carried else []
    facts += [] if word in LYING else trunk_facts(body)
    return facts + [
        *head_facts(body),
        *bend_facts(body),
        *arm_facts(body),
        *contact_facts(body, word),
        *leg_facts(body, word),
    ]


def measures(body: Body) -> dict[str, float]:
    """Quantities that questions ask for, whether or not a word is sure: degrees and metres."""
    whole, forward, left = lean_deg(body)
    found = {"trunk.lean": whole, "trunk.forward": forward, "trunk.left": left}
    found["trunk.twist"] = turn_deg(body, "spine3", "pelvis")[0]
    found["head.turn"] = turn_deg(body, "head", "spine3")[0]
    found["body.facing"] = facing_deg(body)
    found["face.camera"], found["eyes.camera"] = face_camera_deg(body), gaze_deg(body)
    found["feet.across"], found["feet.along"] = feet_apart(body)
    held = support(body)
    for side in SIDES:
        found[f"{side}_elbow.bend"] = bend_deg(body, side, "elbow")
        found[f"{side}_knee.bend"] = bend_deg(body, side, "knee")
        found[f"{side}_thigh.raise"] = thigh_deg(body, side)
        found[f"{side}_hand.height"] = hand_height(body, side)[1]
        found[f"{side}_foot.height"] = held.feet[side] / body.scale
    return found


def describe(frame: Frame, person: int) -> PoseFacts:
    """Everything that can be said of a person of a frame, each fact with whether it shows.

    Raises GenbError when the sample was read without `MEMBERS`, BodyModelError without the body
    model file.
    """
    missing = [name for name in MEMBERS if name not in frame.sample.members]
    if missing:
        raise GenbError(
            f"sample {frame.key} was read without {', '.join(missing)}: pass "
            f"members={MEMBERS} to Dataset.frames."
        )
    labels, told = frame.labels, frame.people[person]
    mask, part = (frame.sample.image(name) for name in MEMBERS)
    body, codes = frame_body(frame, person), labels["joints_code"][person]
    uv = labels["joints_2d"][person]
    posed = pose_facts(body)
    word = posed[0].value if posed and posed[0].id == "body.posture" else ""
    posed += facing_facts(body, word, labels["T_cam_world"]) + look_facts(body)
    facts = [
        *who_facts(told),
        *clothes_facts(told, codes, mask, part),
        *with_seen(posed, codes),
        *hidden_facts(float(labels["occlusion"][person]), codes, uv, mask, person),
        *cut_facts(float(labels["truncation"][person]), uv, frame.size),
        *place_facts(told, frame.size[0]),
    ]
    numbers = measures(body)
    whole = PoseFacts(frame.key, person, told["instance_id"], tuple(facts), numbers)
    if action := action_fact(told, whole):
        facts.insert(0, action)
    return PoseFacts(frame.key, person, told["instance_id"], tuple(facts), numbers)
