"""Angles and words of poses: analytic bends and turns, mirrored people, families of motions."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from text_people import EYE_M, T_CAM_WORLD, People, facts_of

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.storage import read_npz
from pipeline.text.arms import arm_direction, direction_word, hand_height
from pipeline.text.bands import BANDS
from pipeline.text.body import SIDES, angle_deg, other
from pipeline.text.contacts import touched
from pipeline.text.ground import posture, support
from pipeline.text.orientation import facing_deg, facing_facts, facing_word
from pipeline.text.posture import bend_deg, bend_word, lean_deg, thigh_deg, turn_deg

# Joints are float32 of about 1 m: 1e-7 m across a 0.25 m bone is 3e-5 degrees; a hundred times so.
ANGLE_DEG = 3e-3
HINGES = {"elbow": ("shoulder", "wrist"), "knee": ("hip", "ankle")}
ARMS_DOWN = {"left_shoulder": (0, 0, -68), "right_shoulder": (0, 0, 68)}


@pytest.fixture(scope="module")
def people(model):
    return People(model)


def rest_bend(people, side, hinge):
    """The rest bend (deg) of a hinge and the axis (3,) about which it is bent, body frame."""
    before, after = HINGES[hinge]
    a, b, c = (people.rest_joints[JOINT_INDEX[f"{side}_{n}"]] for n in (before, hinge, after))
    axis = np.cross(b - a, c - b)
    bend = np.degrees(
        np.arcsin(np.linalg.norm(axis) / np.linalg.norm(b - a) / np.linalg.norm(c - b))
    )
    return bend, axis / np.linalg.norm(axis)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("hinge", HINGES)
@pytest.mark.parametrize("deg", [0, 35, 90, 130])
def test_a_hinge_turned_by_an_angle_is_measured_bent_by_it(people, side, hinge, deg):
    bend, axis = rest_bend(people, side, hinge)
    body = people.pose(yaw_deg=40, **{f"{side}_{hinge}": axis * deg})
    assert bend_deg(body, side, hinge) == pytest.approx(bend + deg, abs=ANGLE_DEG)
    untouched = rest_bend(people, other(side), hinge)[0]
    assert bend_deg(body, other(side), hinge) == pytest.approx(untouched, abs=ANGLE_DEG)


@pytest.mark.parametrize(
    "deg, word",
    [(0, "straight"), (24, "straight"), (30, ""), (42, "slightly"), (52, "bent"), (70, "bent"),
     (79, "bent"), (90, "right_angle"), (103, "bent"), (110, "bent"), (130, "sharply")],
)  # fmt: skip
def test_words_of_a_bend(deg, word):
    assert bend_word(deg) == word


def test_between_two_opposite_words_there_is_silence_or_a_word_that_suits_both():
    words = [bend_word(deg) for deg in np.arange(0, 160, 0.25)]
    steps = {pair for pair in zip(words, words[1:], strict=False) if pair[0] != pair[1]}
    assert steps == {
        ("straight", ""), ("", "slightly"), ("slightly", "bent"), ("bent", "right_angle"),
        ("right_angle", "bent"), ("bent", "sharply"),
    }  # fmt: skip


@pytest.mark.parametrize("name", BANDS)
def test_every_threshold_has_a_dead_band(name):
    band = BANDS[name]
    assert band.no < band.yes and band.unit and band.meaning
    assert (band(band.no), band((band.no + band.yes) / 2), band(band.yes)) == (False, None, True)


def test_turned_bones_agree_with_the_joints_they_carry(people):
    rng = np.random.default_rng(5)
    names = ("pelvis", "spine1", "spine2", "spine3", "neck", "left_hip", "right_shoulder")
    turned = {name: rng.uniform(-25, 25, 3) for name in names}
    body = people.pose(yaw_deg=-70, **turned)
    carried = {
        "pelvis": ("left_hip", "right_hip"), "spine3": ("left_collar", "right_collar"),
        "head": ("left_eye", "right_eye"), "left_hip": ("left_hip", "left_knee"),
    }  # fmt: skip
    for bone, (a, b) in carried.items():
        rest = people.rest_joints[JOINT_INDEX[a]] - people.rest_joints[JOINT_INDEX[b]]
        # The same bone by way of the pose parameters, and by way of the joints. float32 metres.
        assert body.axes(bone) @ rest == pytest.approx(body.joint(a) - body.joint(b), abs=1e-6)


@pytest.mark.parametrize("deg", [-30, 0, 15, 45, 80])
def test_lean_is_the_angle_by_which_the_body_was_tipped(people, deg):
    # Tipping forward turns about the person's left; at yaw 0 that is +X of the world.
    tip = Rotation.from_euler("x", deg, degrees=True)
    upright = lean_deg(people.pose())[1]
    whole, forward, left = lean_deg(people.pose(root=tip, yaw_deg=130))
    assert forward == pytest.approx(upright + deg, abs=ANGLE_DEG)
    assert abs(left) < 1.0  # the free body is not quite symmetric
    assert whole == pytest.approx(abs(forward), abs=0.1)


@pytest.mark.parametrize("deg, side", [(40, "left"), (-40, "right")])
def test_twist_and_head_turn_have_the_persons_own_sides(people, deg, side):
    # About the body's up axis +Y, a positive turn takes the front (+Z) to the left (+X).
    twisted = people.pose(yaw_deg=200, spine2=(0, deg, 0))
    turned = people.pose(yaw_deg=200, neck=(0, deg, 0))
    assert turn_deg(twisted, "spine3", "pelvis")[0] == pytest.approx(deg, abs=ANGLE_DEG)
    assert turn_deg(turned, "head", "spine3")[0] == pytest.approx(deg, abs=ANGLE_DEG)
    assert facts_of(twisted).value("trunk.twist") == side
    assert facts_of(turned).value("head.turn") == side
    assert facts_of(turned).value("trunk.twist") == ""


def test_thighs_are_raised_by_the_angle_of_the_hips(people):
    plain = thigh_deg(people.pose(), "left")
    body = people.pose(left_hip=(-70, 0, 0), left_knee=(80, 0, 0))
    assert thigh_deg(body, "left") == pytest.approx(plain + 70, abs=ANGLE_DEG)
    assert facts_of(body).value("body.posture") == "on_right_foot"
    assert facts_of(body).value("left_thigh.raised") == "raised"


TURNS = {
    0: ("front", ""), 90: ("profile", "right"), 180: ("back", ""), 270: ("profile", "left"),
    45: ("three_quarter_front", "right"), 225: ("three_quarter_back", "left"),
    135: ("three_quarter_back", "right"), 315: ("three_quarter_front", "left"),
    27: ("", ""), 67: ("", "right"),
}  # fmt: skip


@pytest.mark.parametrize("yaw", TURNS)
def test_facing_follows_the_yaw_from_above(people, yaw):
    word, side = TURNS[yaw]
    body = people.pose(yaw_deg=yaw, **ARMS_DOWN)
    facts = {f.name: f.value for f in facing_facts(body, "standing", T_CAM_WORLD)}
    assert facts.get("facing", "") == word
    assert facts.get("heads_to", "") == side
    # The side of the picture by projection: where does a point in front of the person appear?
    hips = body.joint("left_hip") - body.joint("right_hip")
    front = np.cross(hips, [0, 0, 1.0])
    across = (T_CAM_WORLD[:3, :3] @ front)[0] / np.linalg.norm(front)
    if side:
        assert (across > 0.3) == (side == "right")
        assert (across < -0.3) == (side == "left")
    to_camera = (EYE_M - body.joint("pelvis"))[:2]
    cos = front[:2] @ to_camera / np.linalg.norm(front[:2]) / np.linalg.norm(to_camera)
    assert abs(facing_deg(body)) == pytest.approx(np.degrees(np.arccos(cos)), abs=1.5)
    if facts.get("side"):
        # Whose left hip is nearer to the camera shows the left side.
        nearer = np.linalg.norm(body.joint("left_hip") - EYE_M) < np.linalg.norm(
            body.joint("right_hip") - EYE_M
        )
        assert (facts["side"] == "left") == nearer


def test_facing_words_have_dead_bands():
    words = [facing_word(deg) for deg in np.arange(0, 180, 0.5)]
    runs = [words[0], *(b for a, b in zip(words, words[1:], strict=False) if a != b)]
    assert runs == [
        "front", "", "three_quarter_front", "", "profile", "", "three_quarter_back", "", "back"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word, joints",
    [
        ("sideways", {}),
        ("down", {"left_shoulder": (0, 0, -80)}),
        ("up", {"left_shoulder": (0, 0, 80)}),
        ("forward", {"left_shoulder": (0, -85, 0)}),
        ("sideways_up", {"left_shoulder": (0, 0, 45)}),
    ],
)
def test_a_raised_arm_points_where_it_was_turned(people, word, joints):
    body = people.pose(yaw_deg=75, **joints)
    assert direction_word(arm_direction(body, "left")) == word
    assert (hand_height(body, "left")[0] == "above_head") == (word == "up")


def test_directions_have_silence_between_them():
    turns = np.radians(np.arange(0, 181, 0.5))
    words = [direction_word(np.array([np.sin(a), -np.cos(a), 0])) for a in turns]
    runs = [words[0], *(b for a, b in zip(words, words[1:], strict=False) if a != b)]
    assert runs == ["down", "", "sideways_down", "", "sideways", "", "sideways_up", "", "up"]


def test_distances_of_hands_agree_with_brute_force(people):
    for family in ("think", "hands_on_hips", "sit_cross_legged"):
        body = people.clip(family, 1)[1]
        found = touched(body, "left")
        for part, region in (("head", "head"), ("other_hand", "right_hand"), ("hips", "pelvis")):
            true_m = cdist(body.skin("left_hand"), body.skin(region)).min() * body.scale
            assert found[part] == pytest.approx(true_m, abs=1e-9) or (
                np.isinf(found[part]) and true_m > 0.19
            )


def swapped(text: str) -> str:
    """With every left and right as a word of its own exchanged (upright and right_angle stay)."""
    sides = {"left": "right", "right": "left"}
    return re.sub(r"(?<![a-z])(left|right)(?![a-z]|_angle)", lambda m: sides[m[0]], text)


def as_pairs(facts):
    return {(fact.id, fact.value) for fact in facts.facts}


@pytest.mark.parametrize(
    "family",
    ["phone", "wave", "kneel", "think", "walk", "lie_side", "tree_pose", "lunge", "salute"],
)
def test_a_mirrored_person_has_left_and_right_exchanged(people, family):
    plain = people.clip(family, 2)
    mirrored = people.clip(family, 2, mirrored=True)
    some = 0
    for one, two in zip(plain, mirrored, strict=True):
        a, b = as_pairs(facts_of(one)), as_pairs(facts_of(two))
        # The free body is symmetric to about a millimetre, so a word at the very edge may differ.
        unsure = {(swapped(i), swapped(v)) for i, v in a} ^ b
        assert len(unsure) <= 2, unsure  # one word, on either side
        some += sum("left" in i + v or "right" in i + v for i, v in a)
    assert some > 6


FAMILIES = {
    "idle": {"body.posture": {"standing"}},
    "hands_on_hips": {"hands.gesture": {"hands_on_hips"}},
    "arms_crossed": {"hands.gesture": {"arms_crossed"}},
    "hands_behind_back": {"hands.gesture": {"clasped_behind"}},
    "walk_hands_behind": {"hands.gesture": {"clasped_behind"}},
    "hands_clasped": {"hands.gesture": {"hands_together"}},
    "crouch": {"body.posture": {"squatting"}},
    "kneel": {"body.posture": {"kneeling_on_left", "kneeling_on_right"}},
    "kneel_sit": {"body.posture": {"sitting_on_heels"}},
    "sit_cross_legged": {"body.posture": {"sitting"}, "legs.fold": {"cross_legged"}},
    "sit_knees_up": {"body.posture": {"sitting"}, "left_leg.fold": {"knee_up"}},
    "sit_lean_back": {"body.posture": {"sitting", "reclining"}},
    "sit_and_reach": {"body.posture": {"sitting"}},
    "lie_back": {"body.posture": {"lying_back"}},
    "lie_side": {"body.posture": {"lying_left", "lying_right"}},
    "plank": {"body.posture": {"forearm_plank"}},
    "push_up": {"body.posture": {"plank"}},
    "tree_pose": {"body.posture": {"on_left_foot", "on_right_foot", ""}},
}
"""What a person who reads the family's name expects to hold in every frame."""

SOME_HAND = {
    "phone": ("touches", {"ear"}),
    "wave": ("height", {"head", "head_top", "shoulder", "above_head"}),
    "hand_on_heart": ("touches", {"chest"}),
    "think": ("touches", {"lower_face", "neck", "face"}),
    "stretch": ("height", {"above_head"}),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 4])
def test_words_fit_the_family(people, family, seed):
    for body in people.clip(family, seed):
        facts = facts_of(body)
        for id, values in FAMILIES[family].items():
            assert facts.value(id) in values, (id, facts.value(id))


@pytest.mark.parametrize("family", SOME_HAND)
def test_some_hand_is_where_the_family_says(people, family):
    name, values = SOME_HAND[family]
    held = [
        {facts_of(body).value(f"{side}_hand.{name}") for side in SIDES} & values
        for body in people.clip(family, 4)
    ]
    # Hands are raised and lowered again in a clip of some families.
    assert any(held) if family == "stretch" else all(held)


@pytest.mark.parametrize("family", ["walk", "jog", "idle", "talk", "dance", "march_in_place"])
def test_people_on_their_feet_are_not_said_to_sit_or_kneel(people, family):
    up = {"standing", "on_left_foot", "on_right_foot", "on_feet", "upright", "mid_air"}
    assert {facts_of(body).value("body.posture") for body in people.clip(family, 3)} <= up


def test_an_idle_person_touches_nothing_and_raises_nothing(people):
    for body in people.clip("idle", 3):
        ids = {fact.id for fact in facts_of(body).facts}
        assert not {i for i in ids if i.endswith((".touches", ".gesture", ".raised", ".lifted"))}


def test_a_child_is_described_like_an_adult(people, model, body_dir):
    table = read_npz(body_dir / "people.npz")
    row = int(np.abs(table["age_years"] - 7).argmin())
    child = People(model, table["betas"][row, :16].astype(float))
    assert child.pose().leg_m < 0.8 * people.pose().leg_m
    for family in (
        "kneel_sit",
        "sit_cross_legged",
        "hands_on_hips",
        "push_up",
        "crouch",
        "lie_back",
    ):
        for body in child.clip(family, 1):
            facts = facts_of(body)
            for id, values in FAMILIES[family].items():
                assert facts.value(id) in values, (family, id, facts.value(id))


def test_somebody_lifted_off_the_floor_stands_on_nothing(people):
    body = people.pose(**ARMS_DOWN)
    assert posture(body).value == "standing"
    lifted = people.body(body.joints, body.vertices, body.pose, floor_m=-0.3)
    assert posture(lifted).value == "upright"
    assert support(lifted).feet["left"] > 0.25


def test_eyes_on_the_camera_and_past_it(people):
    body = people.pose(**ARMS_DOWN)
    aim = EYE_M - body.joint("left_eye")
    pitch = np.degrees(np.arctan2(-aim[2], -aim[1]))
    looking = people.pose(**ARMS_DOWN, left_eye=(pitch, 0, 0), right_eye=(pitch, 0, 0))
    aside = people.pose(**ARMS_DOWN, left_eye=(0, 25, 0), right_eye=(0, 25, 0))
    assert facts_of(looking).value("eyes.look") == "into_camera"
    assert facts_of(aside).value("eyes.look") == "past_camera"
    away = people.pose(yaw_deg=180, **ARMS_DOWN)
    assert facts_of(away).value("eyes.look") == ""
    assert angle_deg(away.axes("head")[:, 2], EYE_M - away.joint("head")) > 150


def test_hand_made_postures(people):
    """Poses whose words follow from their angles alone, whatever the motion library can do."""
    forward = Rotation.from_euler("x", 90, degrees=True)
    # Arms are longer than thighs: the back slopes, and the hands lie flat on the ground.
    fours = people.pose(
        root=Rotation.from_euler("x", 78, degrees=True),
        left_hip=(-78, 0, 0), right_hip=(-78, 0, 0), left_knee=(90, 0, 0), right_knee=(90, 0, 0),
        left_ankle=(50, 0, 0), right_ankle=(50, 0, 0), left_shoulder=(0, -78, 0),
        right_shoulder=(0, 78, 0), left_wrist=(0, 0, 90), right_wrist=(0, 0, -90),
    )  # fmt: skip
    assert facts_of(fours).value("body.posture") == "all_fours"
    bent = {"left_hip": (-85, 0, 0), "right_hip": (-85, 0, 0), "left_knee": (85, 0, 0),
            "right_knee": (85, 0, 0)}  # fmt: skip
    assert facts_of(people.pose(**bent)).value("body.posture") == "seated"
    tip = {side: (-65, 0, 0) for side in ("left_hip", "right_hip")}
    lean = Rotation.from_euler("x", 40, degrees=True)
    knees = {"left_knee": (80, 0, 0), "right_knee": (80, 0, 0)}
    crouched = facts_of(people.pose(root=lean, **tip, **knees))
    assert crouched.value("body.posture") in ("crouching", "")
    assert crouched.value("trunk.lean") == "clearly_forward"
    back = people.pose(root=Rotation.from_euler("x", -90, degrees=True))
    front = people.pose(root=forward)
    assert facts_of(back).value("body.posture") == "lying_back"
    assert facts_of(front).value("body.posture") == "lying_front"
    ahead = {"left_shoulder": (0, -90, 0), "right_shoulder": (0, 90, 0)}
    for side, deg in (("left", 90), ("right", -90)):
        # At yaw 0 the left is +X: a positive turn about +Y takes it down.
        rolled = people.pose(root=Rotation.from_euler("y", deg, degrees=True), **ahead)
        assert facts_of(rolled).value("body.posture") == f"lying_{side}"


def test_somebody_on_their_back_lies_though_an_arm_lifts_them(people):
    """Found on renders: a clip in which the hands carry the back 5 to 8 cm above the ground."""
    flat = people.clip("lie_back", 0, 1)[0]
    up = np.array([0.0, 0.0, 0.08])
    hovering = replace(flat, vertices=flat.vertices + up, joints=flat.joints + up)
    assert posture(flat).value == posture(hovering).value == "lying_back"
    floating = replace(flat, vertices=flat.vertices + 3 * up, joints=flat.joints + 3 * up)
    assert posture(floating) is None or posture(floating).value != "lying_back"


@pytest.mark.parametrize("seed", range(4))
def test_hands_before_the_belly_are_not_at_the_waist(people, seed):
    """Found on renders: hands that hold a phone. The waist ends a hand's breadth over the navel."""
    body = people.clip("texting", seed, 1)[0]
    navel_m = body.joint("spine1")[2]
    for side in SIDES:
        word, _ = hand_height(body, side)
        above = body.joint(f"{side}_wrist")[2] > navel_m + 0.1
        assert not (above and word == "waist")
