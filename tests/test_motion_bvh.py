"""BVH files on the SMPL-X skeleton.

The files are written here by another route: a skeleton is SMPL-X's rest joints with some rest pose
(world rotation Q of every joint), and posing it is W Q^-1. The reader knows neither Q nor W.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from motion_skeleton import adult, child
from scipy.spatial.transform import Rotation

from pipeline.motion.files import bvh, inspect, read_motion
from pipeline.motion.files.bvh_text import forward, read_channels, read_header
from pipeline.motion.files.record import MAX_FRAMES
from pipeline.motion.files.retarget import UNITS_M, swing, unit_m
from pipeline.motion.files.skeletons import SKELETONS, match_skeleton
from pipeline.motion.kinematics import (
    JOINT,
    JOINT_NAMES,
    PARENTS,
    forward_kinematics,
    matrices,
    rotvecs,
)
from pipeline.motion.library import make_motion
from pipeline.motion.motion import MotionError

FPS, FRAMES = 40.0, 12
# Six decimals of a centimetre or degree are 1e-8 m and 2e-8 rad; float32 poses 1e-7 rad per joint.
JOINT_M, DIRECTION_RAD = 1e-5, 1e-4
FINGERS = ("index", "middle", "ring", "pinky", "thumb")

MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck",
    "head": "Head",
    **{f"{s}_{a}": f"{s.title()}{b}" for s in ("left", "right") for a, b in (
        ("hip", "UpLeg"), ("knee", "Leg"), ("ankle", "Foot"), ("foot", "ToeBase"),
        ("collar", "Shoulder"), ("shoulder", "Arm"), ("elbow", "ForeArm"), ("wrist", "Hand"))},
    **{f"{s}_{f}{k}": f"{s.title()}Hand{f.title()}{k}" for s in ("left", "right")
       for f in FINGERS for k in (1, 2, 3)},
}  # fmt: skip
CMU = {
    **{joint: name for joint, name in MIXAMO.items() if name[-1] not in "123"},
    "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1",
}  # fmt: skip
MAKEHUMAN = {
    "pelvis": "root", "spine1": "spine05", "spine2": "spine03", "spine3": "spine02",
    "neck": "neck01", "head": "head",
    **{f"{s}_{a}": f"{b}.{t}" for s, t in (("left", "L"), ("right", "R")) for a, b in (
        ("hip", "upperleg01"), ("knee", "lowerleg01"), ("ankle", "foot"), ("foot", "toe1-1"),
        ("collar", "clavicle"), ("shoulder", "upperarm01"), ("elbow", "lowerarm01"),
        ("wrist", "wrist"),
        *((f"{f}{k}", f"finger{n}-{k}") for n, f in enumerate(
            ("thumb", "index", "middle", "ring", "pinky"), 1) for k in (1, 2, 3)))},
}  # fmt: skip
DAZ = {
    "pelvis": "hip", "spine1": "abdomen", "spine2": "chest", "neck": "neck", "head": "head",
    **{f"{s}_{a}": f"{s[0]}{b}" for s in ("left", "right") for a, b in (
        ("hip", "Thigh"), ("knee", "Shin"), ("ankle", "Foot"), ("collar", "Collar"),
        ("shoulder", "Shldr"), ("elbow", "ForeArm"), ("wrist", "Hand"), ("middle1", "Mid1"))},
}  # fmt: skip
BONES = [
    (f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (
        ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]  # fmt: skip
FINGER_BONES = [
    (f"{s}_{f}{k}", f"{s}_{f}{k + 1}") for s in ("left", "right") for f in FINGERS for k in (1, 2)
]


@dataclass
class Made:
    """A written file and where its joints really are, metres, in the file's axes."""

    path: object
    joints: dict


def rest_pose(rest, **degrees):
    """World rotations Q (55, 3, 3) and joints (55, 3) of a rest pose given by local turns."""
    local = np.tile(np.eye(3), (55, 1, 1))
    for name, (axis, angle) in degrees.items():
        local[JOINT[name]] = Rotation.from_euler(axis, angle, degrees=True).as_matrix()
    world, joints = local.copy(), np.array(rest, dtype=float)
    for j in range(1, 55):
        p = PARENTS[j]
        world[j] = world[p] @ local[j]
        joints[j] = joints[p] + world[p] @ (rest[j] - rest[p])
    return world, joints


A_POSE = {
    "left_shoulder": ("z", -48), "right_shoulder": ("z", 52), "left_elbow": ("y", -15),
    "left_hip": ("z", 11), "right_hip": ("z", -9), "left_ankle": ("z", -11),
    "right_ankle": ("z", 9), "left_wrist": ("x", 20), "left_thumb1": ("y", 25),
}  # fmt: skip
AS_OURS = np.eye(3)
CMU_REST = {"left_hip": ("z", 20), "right_hip": ("z", -20)}  # the feet tilt with the legs


def write_bvh(
    path, motion, rest, names, rest_turns=None, order="ZXY", unit=0.01, axes=AS_OURS,
    origin=(0.3, 0.9, -0.2), prefix="", split=(), twist=None,
):  # fmt: skip
    """Write a motion as BVH text. axes: file axes from ours. split: joints that are written as two,
    the second half-way along the bone with a bend of its own, or a twist (radians) about it."""
    Q, places = rest_pose(rest, **(rest_turns or {}))
    Q, places = axes @ Q, places @ axes.T
    W = world_rotations(motion.pose)
    pelvis = rest[0] + motion.transl + origin
    G = axes @ W @ np.swapaxes(Q, -1, -2)
    keep = [j for j, name in enumerate(JOINT_NAMES) if name in names]

    def parent(j):
        """The nearest joint above that is written; those between do not turn."""
        return PARENTS[j] if PARENTS[j] in (-1, *keep) else parent(PARENTS[j])

    children = {j: [k for k in keep if parent(k) == j] for j in keep}
    lines, columns, real = ["HIERARCHY"], [], {}
    rng = np.random.default_rng(0)

    def euler(turn):
        return Rotation.from_matrix(turn).as_euler(order, degrees=True)

    def emit(j, parent_world, parent_rest, parent_place, depth):
        pad, name = "\t" * depth, JOINT_NAMES[j]
        offset = places[j] if j == 0 else places[j] - parent_rest
        here = pelvis @ axes.T if j == 0 else parent_place + np.einsum(
            "tij,j->ti", parent_world, offset)  # fmt: skip
        real[name] = here
        turns = " ".join(f"{axis}rotation" for axis in order)
        lines.append(f"{pad}{'ROOT' if j == 0 else 'JOINT'} {prefix}{names[name]}\n{pad}{{")
        lines.append(f"{pad}\tOFFSET " + " ".join(f"{v / unit:.6f}" for v in offset))
        if j == 0:
            lines.append(f"{pad}\tCHANNELS 6 {turns} Xposition Zposition Yposition")
            columns.extend([euler(G[:, 0]), here[:, [0, 2, 1]] / unit])
        else:
            lines.append(f"{pad}\tCHANNELS 3 {turns}")
            columns.append(euler(np.swapaxes(parent_world, -1, -2) @ G[:, j]))
        world, base, place = G[:, j], places[j], here
        closing = ""
        if name in split:
            middle = (places[j] + places[children[j][0]]) / 2
            bend = Rotation.from_rotvec(rng.normal(0, 0.1, (len(G), 3))).as_matrix()
            if twist is not None:
                along = (middle - base) / np.linalg.norm(middle - base)
                bend = np.tile(Rotation.from_rotvec(twist * along).as_matrix(), (len(G), 1, 1))
            lines.append(f"{pad}\tJOINT {prefix}{names[name].replace('01', '02')}\n{pad}\t{{")
            lines.append(f"{pad}\tOFFSET " + " ".join(f"{v / unit:.6f}" for v in middle - base))
            lines.append(f"{pad}\tCHANNELS 3 {turns}")
            columns.append(euler(bend))
            place = here + np.einsum("tij,j->ti", world, middle - base)
            world, base, closing = world @ bend, middle, f"{pad}\t}}"
        for child_joint in children[j]:
            emit(child_joint, world, base, place, depth + 1)
        if not children[j]:
            lines.append(f"{pad}\tEnd Site\n{pad}\t{{\n{pad}\t\tOFFSET 0 1.5 0\n{pad}\t}}")
        lines.extend([closing] if closing else [])
        lines.append(f"{pad}}}")

    emit(0, None, None, None, 0)
    lines += ["MOTION", f"Frames: {len(G)}", f"Frame Time: {1 / FPS:.8f}"]
    table = np.concatenate(columns, axis=1)
    lines += [" ".join(f"{value:.6f}" for value in row) for row in table]
    path.write_text("\n".join(lines) + "\n")
    return Made(path, real)


def world_rotations(pose):
    local = matrices(np.asarray(pose, np.float64).reshape(len(pose), 55, 3))
    world = local.copy()
    for j in range(1, 55):
        world[:, j] = world[:, PARENTS[j]] @ local[:, j]
    return world


@pytest.fixture(scope="module")
def body(body_dir):
    """Rest joints of a real, uneven body of the free model."""
    from pipeline.body.model import load_body_model

    return load_body_model(body_dir).rest_joints(np.random.default_rng(1).normal(0, 1, 16))


def clip(name, rest, face=False):
    motion = make_motion(name, np.random.default_rng(5), FPS, FRAMES, rest)
    if not face:
        motion.pose[:, 66:75] = 0  # jaw and eyes are not in these skeletons
    return motion


def directions(joints, bones):
    """(T, bones, 3) unit vectors; joints: name -> (T, 3)."""
    vectors = np.stack([joints[b] - joints[a] for a, b in bones], axis=1)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def angle(a, b):
    """Angle between unit vectors, exact for small ones."""
    return 2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1))


def named(joints):
    return {name: joints[:, j] for j, name in enumerate(JOINT_NAMES)}


def joints_of(motion, rest):
    """(T, 55, 3) in the file's own place."""
    return forward_kinematics(motion.pose, motion.transl + motion.own_place(rest[0]), rest)


@pytest.mark.parametrize("family", ["walk_turn", "throw", "pick_up"])
def test_t_pose_in_centimetres_comes_back_joint_by_joint(tmp_path, body, family):
    motion = clip(family, body)
    made = write_bvh(tmp_path / "t.bvh", motion, body, MIXAMO, prefix="mixamorig:")
    got = read_motion(made.path, heading="file", rest_joints=body)
    assert (got.frames, got.fps) == (FRAMES, pytest.approx(FPS))
    expected = forward_kinematics(motion.pose, motion.transl + [0.3, 0.9, -0.2], body)
    assert np.abs(joints_of(got, body) - expected).max() < JOINT_M
    turned = world_rotations(got.pose), world_rotations(motion.pose)
    error = rotvecs(np.swapaxes(turned[0], -1, -2) @ turned[1])
    assert np.linalg.norm(error, axis=-1).max() < DIRECTION_RAD


@pytest.mark.parametrize("names", [MIXAMO, MAKEHUMAN], ids=["mixamo", "makehuman"])
def test_a_pose_in_another_order_unit_and_axis(tmp_path, body, names):
    """Arms down, one bent, legs apart with flat feet; inches, Z up, rotation order YZX."""
    motion = clip("wave", body)
    z_up = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    made = write_bvh(tmp_path / "a.bvh", motion, body, names, A_POSE, "YZX", unit=0.0254, axes=z_up)
    got = read_motion(made.path, heading="file", rest_joints=body)
    expected = forward_kinematics(motion.pose, motion.transl + [0.3, 0.9, -0.2], body)
    assert np.abs(joints_of(got, body) - expected).max() < JOINT_M
    found = named(joints_of(got, body))
    wanted = {name: place @ z_up for name, place in made.joints.items()}
    for bones in (BONES, FINGER_BONES):
        assert angle(directions(found, bones), directions(wanted, bones)).max() < DIRECTION_RAD


def test_cmu_rest_with_spread_legs_keeps_the_feet(tmp_path, body):
    """In CMU's rest pose the feet are tilted with the legs; no fingers."""
    motion = clip("walk_turn", body)
    motion.pose[:, 75:] = 0
    made = write_bvh(tmp_path / "c.bvh", motion, body, CMU, CMU_REST, unit=UNITS_M["CMU unit"])
    got = read_motion(made.path, heading="file", rest_joints=body)
    expected = forward_kinematics(motion.pose, motion.transl + [0.3, 0.9, -0.2], body)
    assert np.abs(joints_of(got, body) - expected).max() < JOINT_M  # toes too
    assert not np.abs(got.pose[:, 75:]).any()


def test_daz_names_without_toes_and_a_third_spine_joint(tmp_path, body):
    motion = clip("throw", body)
    motion.pose.reshape(FRAMES, 55, 3)[:, [JOINT["spine3"], *range(25, 55)]] = 0
    feet = [JOINT["left_foot"], JOINT["right_foot"]]
    motion.pose.reshape(FRAMES, 55, 3)[:, feet] = 0
    made = write_bvh(tmp_path / "d.bvh", motion, body, DAZ, order="XZY")
    got = read_motion(made.path, heading="file", rest_joints=body)
    expected = forward_kinematics(motion.pose, motion.transl + [0.3, 0.9, -0.2], body)
    assert np.abs(joints_of(got, body) - expected).max() < JOINT_M


def test_other_proportions_give_the_same_directions_and_scaled_steps(tmp_path, body):
    """A child's skeleton played on an adult: bones point alike, the hips move in proportion."""
    small = child()
    motion = clip("walk", small)
    made = write_bvh(tmp_path / "s.bvh", motion, small, MIXAMO, A_POSE)
    found = named(joints_of(read_motion(made.path, heading="file", rest_joints=body), body))
    for bones in (BONES, FINGER_BONES):
        got = angle(directions(found, bones), directions(made.joints, bones))
        assert got.max() < DIRECTION_RAD

    def leg(rest):
        return sum(
            np.linalg.norm(rest[JOINT[a]] - rest[JOINT[b]]) for a, b in BONES if "shoulder" not in a
            and "elbow" not in a
        )  # fmt: skip

    hips = [(j["left_hip"] + j["right_hip"]) / 2 for j in (found, made.joints)]
    assert np.abs(hips[0] - leg(body) / leg(small) * hips[1]).max() < JOINT_M


def test_several_source_joints_add_up(tmp_path, body):
    """Upper arm and thigh of two joints that bend within: ends and directions are kept."""
    motion = clip("stretch", body)
    split = ("left_shoulder", "right_shoulder", "left_hip", "right_elbow")
    made = write_bvh(tmp_path / "m.bvh", motion, body, MAKEHUMAN, A_POSE, split=split)
    assert len(read_header(made.path).joints) > len(MAKEHUMAN) + 4
    found = named(joints_of(read_motion(made.path, heading="file", rest_joints=body), body))
    got = angle(directions(found, BONES), directions(made.joints, BONES))
    assert got.max() < DIRECTION_RAD


def test_the_twist_of_the_second_source_joint_counts(tmp_path, body):
    """A twist in the outer half of the upper arm turns our one joint about its bone."""
    motion = clip("wave", body)
    made = write_bvh(
        tmp_path / "t.bvh", motion, body, MAKEHUMAN, split=("left_shoulder",), twist=0.4
    )
    got = read_motion(made.path, heading="file", rest_joints=body)
    j, k = JOINT["left_shoulder"], JOINT["left_elbow"]
    along = (body[k] - body[j]) / np.linalg.norm(body[k] - body[j])
    wanted = world_rotations(motion.pose)[:, j] @ Rotation.from_rotvec(0.4 * along).as_matrix()
    error = rotvecs(np.swapaxes(world_rotations(got.pose)[:, j], -1, -2) @ wanted)
    assert np.linalg.norm(error, axis=-1).max() < DIRECTION_RAD


def test_long_files_are_posed_in_blocks(tmp_path, body, monkeypatch):
    """Blocks of five of twelve frames give the same bytes as one block."""
    made = write_bvh(tmp_path / "l.bvh", clip("walk", body), body, CMU, CMU_REST)
    whole = read_motion(made.path, rest_joints=body)
    monkeypatch.setattr(bvh, "_BLOCK", 5)
    parts = read_motion(made.path, rest_joints=body)
    assert np.array_equal(whole.pose, parts.pose) and np.array_equal(whole.transl, parts.transl)


def test_without_a_body_the_unit_is_guessed(tmp_path):
    rest = adult()
    motion = clip("walk", rest)
    made = write_bvh(tmp_path / "u.bvh", motion, rest, MIXAMO)
    got = read_motion(made.path, heading="file")
    hips = (made.joints["left_hip"] + made.joints["right_hip"]) / 2
    assert np.abs(got.transl - (hips - hips[0])).max() < JOINT_M


@pytest.mark.parametrize("name", UNITS_M)
@pytest.mark.parametrize("height_m", [1.3, 1.7, 2.2])
def test_units_of_people_are_told_apart(name, height_m):
    rest = np.array([[0, 0, 0], [0, height_m, 0]]) / UNITS_M[name]
    assert unit_m(rest, np.array([0, 1.0, 0])) == UNITS_M[name]


def test_heading_and_turned_rest_pose(tmp_path, body):
    """A skeleton whose rest pose faces -X: the first frame still ends up facing +Z."""
    motion = clip("walk", body)
    axes = Rotation.from_euler("y", -90, degrees=True).as_matrix()
    made = write_bvh(tmp_path / "x.bvh", motion, body, MIXAMO, axes=axes)
    got = read_motion(made.path, rest_joints=body)
    ahead = matrices(got.pose[0, :3]) @ [0, 0, 1.0]
    assert abs(np.arctan2(ahead[0], ahead[2])) < 1e-6
    wanted = np.stack([made.joints[name] for name in JOINT_NAMES if name in MIXAMO], axis=1)
    mapped = [j for j, name in enumerate(JOINT_NAMES) if name in MIXAMO]
    turned = wanted @ got.turn.T
    assert np.abs(joints_of(got, body)[:, mapped] - turned).max() < JOINT_M


def test_channels_in_any_order_against_elementary_rotations(tmp_path):
    """Two joints, worked by hand: R = Ry(90) Rx(90) takes (0, 0, 1) to (0, -1, 0)."""
    path = tmp_path / "h.bvh"
    path.write_text(
        "HIERARCHY\nROOT a\n{\n OFFSET 1 2 3\n CHANNELS 6 Zposition Yrotation Xrotation Zrotation "
        "Xposition Yposition\n JOINT b\n {\n  OFFSET 0 0 1\n  CHANNELS 1 Zrotation\n  End Site\n"
        "  {\n   OFFSET 1 0 0\n  }\n }\n}\nMOTION\nFrames: 1\nFrame Time: 0.5\n7 90 90 0 5 6 90\n"
    )
    header = read_header(path)
    assert (header.frames, header.fps, header.channels) == (1, 2.0, 7)
    world, places = forward(header, read_channels(path, header))
    assert np.allclose(places[0, 0], [5, 6, 7]) and np.allclose(places[0, 1], [5, 5, 7])
    # b's own turn about z by 90: its x axis is the parent's y axis, Ry(90) Rx(90) (0, 1, 0).
    assert np.allclose(places[0, 2] - places[0, 1], [1, 0, 0])
    assert np.allclose(header.rest_positions(), [[1, 2, 3], [1, 2, 4], [2, 2, 4]])


@pytest.mark.parametrize(
    ("seconds", "fps"), [("0.0083333", 120.0), (".0333333", 30.0), ("0.0333667", 1 / 0.0333667)]
)
def test_rates_of_few_digits_are_whole(tmp_path, good, seconds, fps):
    (tmp_path / "r.bvh").write_text(good.replace("0.02500000", seconds))
    assert inspect(tmp_path / "r.bvh").fps == fps


def test_swing_is_the_smallest_rotation():
    rng = np.random.default_rng(0)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 200, 3)))
    b[0], b[1] = a[0], -a[1]
    turn = swing(a, b)
    assert np.abs(np.einsum("nij,nj->ni", turn, a) - b).max() < 1e-9
    assert np.abs(np.linalg.det(turn) - 1).max() < 1e-9
    size = np.linalg.norm(rotvecs(turn), axis=1)
    assert np.abs(size - np.arccos(np.clip(np.sum(a * b, axis=1), -1, 1))).max() < 1e-6


def test_every_skeleton_row_names_real_joints():
    for skeleton in SKELETONS:
        assert set(skeleton.joints()) <= set(JOINT_NAMES)
        assert set(skeleton.needs) <= set(skeleton.joints())


def test_names_are_compared_without_namespace_case_and_prefix(tmp_path):
    for spell in (
        lambda n: f"mixamorig:{n}", lambda n: f"mixamorig1:{n}", lambda n: f"Model_{n}",
        lambda n: n.upper(), lambda n: f"Character1_{n}",
    ):  # fmt: skip
        match = match_skeleton(tmp_path, [spell(name) for name in MIXAMO.values()])
        assert match.skeleton.name == "mixamo" and len(match.sources) == len(MIXAMO)
    for names in ([n.replace(".", "_") for n in MAKEHUMAN.values()], list(MAKEHUMAN.values())):
        assert match_skeleton(tmp_path, names).skeleton.name == "makehuman"
    old = [n.replace("upperarm01", "shoulder02") for n in MAKEHUMAN.values()]
    assert "left_shoulder" in match_skeleton(tmp_path, old).sources
    assert match_skeleton(tmp_path, list(DAZ.values())).skeleton.name == "daz"
    hand = [*CMU.values(), "LeftFingerBase", "LeftHandIndex1", "LThumb"]
    match = match_skeleton(tmp_path, hand)
    assert match.skeleton.name == "cmu" and "left_index1" not in match.sources
    assert hand[match.tips["left"]] == "LeftHandIndex1"


# --- refusals --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def good(tmp_path_factory):
    motion = clip("idle", adult())
    return write_bvh(
        tmp_path_factory.mktemp("bvh") / "g.bvh", motion, adult(), CMU
    ).path.read_text()


CHANNELS = 6 + 3 * (len(CMU) - 1)


def first_row(text):
    return text.split("Frame Time")[1].split("\n")[1]


BAD = {
    "empty": (lambda t: "", "before its 'MOTION'"),
    "other text": (lambda t: "hello\n" + t, "starts with 'HIERARCHY'"),
    "no MOTION": (lambda t: t.split("MOTION")[0], "before its 'MOTION' section"),
    "cut in hierarchy": (lambda t: t[: len(t) // 40], "out of place|before its 'MOTION'|OFFSET"),
    "channel count": (lambda t: t.replace("CHANNELS 3", "CHANNELS 4", 1), "CHANNELS must be"),
    "channel name": (lambda t: t.replace("Zrotation", "Wrotation", 1), "CHANNELS must be"),
    "channel twice": (lambda t: t.replace("Zrotation Xrotation", "Xrotation Xrotation", 1),
                      "listed twice"),
    "offset": (lambda t: t.replace("OFFSET ", "OFFSET x ", 1), "OFFSET needs three numbers"),
    "offset nan": (lambda t: t.replace("OFFSET ", "OFFSET nan 0 0\nOFFSET ", 1), "not finite"),
    "two roots": (lambda t: t.replace("MOTION", "ROOT again\n{\nOFFSET 0 0 0\n}\nMOTION"),
                  "more than one ROOT"),
    "no frames": (lambda t: t.replace(f"Frames: {FRAMES}", "Frames: 0"), "no frames"),
    "negative": (lambda t: t.replace(f"Frames: {FRAMES}", "Frames: -3"), "no frames"),
    "frames word": (lambda t: t.replace(f"Frames: {FRAMES}", "Frames: many"), "Frames: NUMBER"),
    "absurd": (lambda t: t.replace(f"Frames: {FRAMES}", "Frames: 300000"), "cannot be in"),
    "more absurd": (lambda t: t.replace(f"Frames: {FRAMES}", f"Frames: {10**10}"),
                    f"limit of {MAX_FRAMES}"),
    "frame time": (lambda t: t.replace("Frame Time: 0.025", "Frame Time: 0"), "not a positive"),
    "frame time nan": (lambda t: t.replace("Frame Time: 0.02500000", "Frame Time: nan"),
                       "'Frame Time: nan' is not a positive"),
    "frame time word": (lambda t: t.replace("Frame Time: 0.02500000", "Frame Time: fast"),
                        "Time: NUMBER"),
    "too few": (lambda t: t.replace(f"Frames: {FRAMES}", f"Frames: {FRAMES + 1}"),
                f"says {FRAMES + 1} frames, the file has {FRAMES}"),
    "too many": (lambda t: t.replace(f"Frames: {FRAMES}", f"Frames: {FRAMES - 1}"),
                 "the file has more"),
    "short row": (lambda t: t.rstrip().rsplit(" ", 1)[0] + "\n",
                  f"{CHANNELS - 1} numbers, but the hierarchy declares {CHANNELS}"),
    "word": (lambda t: t.replace(first_row(t), first_row(t).replace(" ", " abc ", 1)
                                 .rsplit(" ", 1)[0]), "not a number.*abc"),
    "nan": (lambda t: t.replace(first_row(t), "nan " + first_row(t).split(" ", 1)[1]),
            "frame 0 has values that are not finite"),
    "no knee": (lambda t: t.replace("LeftLeg", "LeftThing"),
                "unknown skeleton. The nearest, 'cmu', lacks LeftLeg; .*mixamo, daz, makehuman"),
    "other skeleton": (lambda t: t.replace("Left", "A").replace("Right", "B"),
                       "lacks .*LeftUpLeg, LeftLeg, LeftFoot, LeftArm, LeftForeArm, LeftHand"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_bvh_is_refused_by_name(tmp_path, good, case):
    change, message = BAD[case]
    text = change(good)
    assert text != good
    (tmp_path / "bad.bvh").write_text(text)
    with pytest.raises(MotionError, match=message) as caught:
        read_motion(tmp_path / "bad.bvh")
    assert "bad.bvh" in str(caught.value)


def test_rest_poses_that_do_not_stand_are_refused(tmp_path, good):
    """Every bone along x, as some exporters write: no rest pose to relate to."""
    lines = [
        line.split("OFFSET")[0] + "OFFSET 20 0 0" if "OFFSET" in line else line
        for line in good.splitlines()
    ]
    (tmp_path / "flat.bvh").write_text("\n".join(lines))
    with pytest.raises(MotionError, match="does not stand upright"):
        inspect(tmp_path / "flat.bvh")


def test_inspection_reads_no_numbers(tmp_path, good):
    """Text behind the header may be anything: it is not looked at until the file is read."""
    head = good.split("Frame Time")[0] + "Frame Time: 0.025\n"
    (tmp_path / "i.bvh").write_text(head + "rubbish " * 5000)
    info = inspect(tmp_path / "i.bvh")
    assert (info.format, info.frames, info.fps) == ("bvh", FRAMES, FPS)
    with pytest.raises(MotionError, match="declares"):
        bvh.read(tmp_path / "i.bvh", "auto")


def test_random_damage_is_refused_or_read_but_never_crashes(tmp_path, good):
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(200):
        data = bytearray(good.encode())
        place = int(rng.integers(0, 3500))
        data[place : place + int(rng.integers(0, 20))] = rng.bytes(int(rng.integers(0, 4)))
        (tmp_path / "f.bvh").write_bytes(data)
        try:
            outcomes.add(read_motion(tmp_path / "f.bvh").frames)
        except MotionError as error:
            outcomes.add("f.bvh" in str(error))
    assert outcomes == {True, FRAMES}


def test_damaged_bytes_and_missing_files(tmp_path):
    (tmp_path / "b.bvh").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(MotionError, match="b.bvh"):
        read_motion(tmp_path / "b.bvh")
    with pytest.raises(MotionError, match="no such file"):
        read_motion(tmp_path / "none.bvh")
