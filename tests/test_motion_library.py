"""The contract that every built-in motion family keeps, for several bodies and seeds."""

from dataclasses import fields, replace

import numpy as np
import pytest
from motion_skeleton import BODIES, adult

from pipeline.motion.flesh import Flesh, estimate_flesh, measure_flesh
from pipeline.motion.kinematics import JOINT, JOINT_NAMES, forward_kinematics, matrices, rotvecs
from pipeline.motion.library import MOTIONS, list_motions, make_motion
from pipeline.motion.limits import joint_limit_violations
from pipeline.motion.motion import MotionError

FPS, FRAMES = 25.0, 75
SEEDS = range(6)


def sample(name, seed, body="adult", fps=FPS, frames=FRAMES):
    return make_motion(name, np.random.default_rng(seed), fps, frames, BODIES[body]())


def everybody(name):
    """One motion per seed, going round the bodies."""
    bodies = list(BODIES)
    return [
        (bodies[seed % len(bodies)], sample(name, seed, bodies[seed % len(bodies)]))
        for seed in SEEDS
    ]


def step_degrees(pose):
    """(T - 1, 55) rotation between neighbouring frames, degrees."""
    turn = matrices(pose.reshape(len(pose), -1, 3))
    return np.degrees(np.linalg.norm(rotvecs(np.swapaxes(turn[:-1], -1, -2) @ turn[1:]), axis=-1))


def contact_slip(joint, floor):
    """Largest horizontal excursion (m) of a joint (T, 3) in a spell within 1.5 mm of `floor`."""
    down = joint[:, 1] < floor + 0.0015
    worst, start = 0.0, None
    for frame, on in enumerate([*down, False]):
        if on and start is None:
            start = frame
        elif not on and start is not None:
            spell = joint[start:frame, [0, 2]]
            worst = max(worst, float(np.linalg.norm(np.ptp(spell, axis=0))))
            start = None
    return worst


def test_registry_is_rich_enough():
    assert len(MOTIONS) >= 70
    for tag in ("locomotion", "floor", "planted", "sitting", "lying", "airborne", "fast"):
        assert len(list_motions(tag)) >= 3, tag
    assert len({family.generate for family in MOTIONS.values()}) == len(MOTIONS)
    for family in MOTIONS.values():  # everyone is either on their feet or near the ground
        assert ("upright" in family.tags) != ("low" in family.tags), family.name
    assert list_motions() == tuple(MOTIONS)
    assert all(name == family.name for name, family in MOTIONS.items())


@pytest.mark.parametrize("name", MOTIONS)
def test_shape_start_and_label(name):
    for _, motion in everybody(name):
        assert motion.pose.shape == (FRAMES, 165) and motion.pose.dtype == np.float32
        assert motion.transl.shape == (FRAMES, 3) and motion.transl.dtype == np.float32
        assert np.isfinite(motion.pose).all() and np.isfinite(motion.transl).all()
        assert (motion.transl[0] == 0).all()
        assert motion.name == name and motion.action == MOTIONS[name].action and motion.fps == FPS
        # Facing +Z at the start; the pelvis itself may be turned by a step or a wind-up.
        heading = matrices(motion.pose[0, :3]) @ [0.0, 0.0, 1.0]
        assert abs(np.degrees(np.arctan2(heading[0], heading[2]))) < 40


@pytest.mark.parametrize("name", MOTIONS)
def test_same_rng_same_bytes_other_rng_other_motion(name):
    once, again, other = sample(name, 3), sample(name, 3), sample(name, 4)
    assert once.pose.tobytes() == again.pose.tobytes()
    assert once.transl.tobytes() == again.transl.tobytes()
    assert np.abs(once.pose - other.pose).max() > 0.05


@pytest.mark.parametrize("name", MOTIONS)
def test_joints_stay_within_human_ranges(name):
    for body, motion in everybody(name):
        # Three degrees of slack: proportions vary, the table is round numbers.
        found = joint_limit_violations(motion.pose, slack_deg=3.0)
        assert not found, f"{body}: " + "; ".join(map(str, found))


@pytest.mark.parametrize("name", MOTIONS)
def test_no_jumps(name):
    for body, motion in everybody(name):
        step = step_degrees(motion.pose)
        frame, joint = np.unravel_index(step.argmax(), step.shape)
        # A runner's knee really turns at 600 to 800 degrees per second: 24 to 32 per frame.
        limit = 32 if "fast" in MOTIONS[name].tags else 25
        assert step.max() < limit, f"{body}: {JOINT_NAMES[joint]} {step.max():.1f} at {frame}"


@pytest.mark.parametrize("name", MOTIONS)
def test_velocity_has_no_steps(name):
    """Halving the time step must halve the change of velocity: a C1 curve, not a kinked one."""
    for seed in (0, 1):
        fine = matrices(sample(name, seed, fps=200, frames=400).pose.reshape(400, -1, 3))
        rate = rotvecs(np.swapaxes(fine[:-1], -1, -2) @ fine[1:]) * 200
        jump = np.linalg.norm(np.diff(rate, axis=0), axis=-1)
        # 5 rad/s between neighbouring 5 ms frames is 1000 rad/s^2, beyond any muscle.
        assert jump.max() < 5.0, f"{JOINT_NAMES[jump.max(0).argmax()]} {jump.max():.2f} rad/s"


@pytest.mark.parametrize("name", list_motions("locomotion"))
def test_stance_feet_do_not_slide(name):
    for body, motion in everybody(name):
        joints = forward_kinematics(motion.pose, motion.transl, BODIES[body]())
        floor = min(joints[:, JOINT[f"{side}_foot"], 1].min() for side in ("left", "right"))
        for side in ("left", "right"):
            slip = contact_slip(joints[:, JOINT[f"{side}_foot"]], floor)
            assert slip < 0.015, f"{body} {side}: {1000 * slip:.1f} mm"


@pytest.mark.parametrize("name", list_motions("locomotion"))
def test_both_feet_take_turns_on_the_same_ground(name):
    motion = sample(name, 2)
    joints = forward_kinematics(motion.pose, motion.transl, adult())
    feet = np.stack([joints[:, JOINT[f"{side}_foot"], 1] for side in ("left", "right")])
    assert abs(feet[0].min() - feet[1].min()) < 0.002
    down = feet < feet.min() + 0.002
    assert down.any(axis=1).all() and not down.all(axis=1).any()
    assert np.linalg.norm(motion.transl[-1, [0, 2]]) > 0.3


@pytest.mark.parametrize("name", list_motions("planted"))
def test_planted_feet_stay(name):
    """Toes of a standing person do not move at all: they are placed by inverse kinematics."""
    for body, motion in everybody(name):
        joints = forward_kinematics(motion.pose, motion.transl, BODIES[body]())
        for side in ("left", "right"):
            toes = joints[:, JOINT[f"{side}_foot"]]
            assert np.ptp(toes, axis=0).max() < 0.003, f"{body} {side}"


@pytest.mark.parametrize("name", list_motions("planted"))
def test_planted_feet_are_level(name):
    motion = sample(name, 1)
    joints = forward_kinematics(motion.pose, motion.transl, adult())
    left, right = (joints[:, JOINT[f"{side}_foot"], 1] for side in ("left", "right"))
    assert np.abs(left - right).max() < 0.003


def fine_heights(name, seed, body="adult", fps=400, frames=800):
    """Heights (T,) of the pelvis and (T, 2) of the toe joints above their lowest, metres."""
    motion = sample(name, seed, body, fps, frames)
    joints = forward_kinematics(motion.pose, motion.transl, BODIES[body]())
    toes = joints[:, [JOINT["left_foot"], JOINT["right_foot"]], 1]
    return joints[:, JOINT["pelvis"], 1], toes - toes.min()


def spells(on, shortest):
    """(start, stop) of runs of True in (T,) that are at least `shortest` frames long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(int), [0]])))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= shortest]


@pytest.mark.parametrize("name", list_motions("airborne"))
def test_airborne_families_leave_the_ground_and_come_back(name):
    for seed, body in enumerate(BODIES):
        _, toes = fine_heights(name, seed, body)
        flying = (toes > 0.005).all(axis=1)
        assert spells(flying, 20), f"{body}: never 50 ms off the ground"
        assert spells(~flying, 20), f"{body}: never on the ground"


@pytest.mark.parametrize("name", ["jump", "jumping_jack", "rope_skip", "hop"])
def test_jumpers_fall_freely(name):
    """While no toe touches the ground, the pelvis accelerates with -9.81 m/s^2."""
    for seed, body in enumerate(BODIES):
        pelvis, toes = fine_heights(name, seed, body)
        acceleration = np.diff(pelvis, 2) * 400**2
        flights = spells((toes > 0.004).all(axis=1)[1:-1], 20)
        assert flights
        for start, stop in flights:
            # Float32 heights (1e-7 m) differenced twice at 400 Hz are good to 0.04 m/s^2.
            assert np.abs(acceleration[start:stop].mean() + 9.81) < 0.02
            assert np.abs(acceleration[start:stop] + 9.81).max() < 0.2


@pytest.mark.parametrize("name", ["jump", "jumping_jack", "rope_skip", "hop"])
def test_jumpers_stand_still_between_jumps(name):
    for seed, body in enumerate(BODIES):
        motion = sample(name, seed, body, 100, 200)
        joints = forward_kinematics(motion.pose, motion.transl, BODIES[body]())
        toes = joints[:, [JOINT["left_foot"], JOINT["right_foot"]]]
        standing = 1 if toes[:, 1, 1].min() < toes[:, 0, 1].min() + 0.004 else 0
        foot = toes[:, standing]
        assert contact_slip(foot, foot[:, 1].min()) < 0.004, body


@pytest.mark.parametrize("name", list_motions("floor"))
def test_floor_families_rest_on_more_than_their_feet(name):
    """A knee, the seat, an elbow or a hand is within a limb's thickness of the lowest joint."""
    supports = [JOINT[f"{s}_{j}"] for s in ("left", "right") for j in ("knee", "elbow", "wrist")]
    for body, motion in everybody(name):
        joints = forward_kinematics(motion.pose, motion.transl, BODIES[body]())[..., 1]
        leg = joints[0].max() - joints[0].min()
        near = joints[:, [*supports, JOINT["pelvis"]]].min(axis=1) - joints.min(axis=1)
        assert near.max() < 0.16 * max(leg, 0.8), f"{body}: {near.max():.3f} m"


@pytest.mark.parametrize("name", list_motions("lying"))
def test_lying_bodies_are_level(name):
    for body, motion in everybody(name):
        joints = forward_kinematics(motion.pose, motion.transl, BODIES[body]())[..., 1]
        size = BODIES[body]()[:, 1].max() - BODIES[body]()[:, 1].min()
        low = joints[:, JOINT["pelvis"]] - joints.min(axis=1)
        assert low.max() < 0.15 * size
        # A sit-up lifts the chest, but comes down again.
        assert (joints[:, JOINT["spine3"]] - joints[:, JOINT["pelvis"]]).min() < 0.08 * size


def thick(ratio):
    flesh = estimate_flesh(adult())
    return Flesh(**{field.name: ratio * getattr(flesh, field.name) for field in fields(Flesh)})


def test_estimated_flesh_is_the_default():
    told = make_motion(
        "hands_on_hips", np.random.default_rng(1), FPS, 5, adult(), flesh=estimate_flesh(adult())
    )
    assert told.pose.tobytes() == sample("hands_on_hips", 1, frames=5).pose.tobytes()


@pytest.mark.parametrize(
    ("name", "apart"), [("hands_on_hips", 0), ("kneel_sit", 1), ("hands_behind_back", 2)]
)
def test_hands_stay_outside_thicker_bodies(name, apart):
    """Half as much flesh again moves the hands away from the bone by about as much."""
    along = {0: ("waist_m", "hip_m"), 1: ("thigh_m",), 2: ("seat_m",)}[apart]
    places = []
    for ratio in (1.0, 1.5):
        motion = make_motion(name, np.random.default_rng(2), FPS, 3, adult(), flesh=thick(ratio))
        joints = forward_kinematics(motion.pose, motion.transl, adult())
        wrists = joints[0, [JOINT["left_wrist"], JOINT["right_wrist"]]] - joints[0, 0]
        places.append(np.abs(wrists[:, apart]).mean() if apart != 1 else wrists[:, 1].mean())
    wanted = 0.5 * np.mean([getattr(thick(1.0), name) for name in along])
    assert places[1] - places[0] == pytest.approx(wanted, abs=0.4 * wanted)


@pytest.mark.parametrize("name", ["arms_crossed", "golf_swing"])
def test_wrists_stay_before_a_thicker_belly(name):
    """Half as much belly again pushes both wrists ahead, by as much (crossed arms) or nearly so."""
    ahead = []
    for ratio in (1.0, 1.5):
        motion = make_motion(name, np.random.default_rng(2), FPS, 3, adult(), flesh=thick(ratio))
        joints = forward_kinematics(motion.pose, motion.transl, adult())
        wrists = joints[0, [JOINT["left_wrist"], JOINT["right_wrist"]]] - joints[0, JOINT["neck"]]
        ahead.append(wrists[:, 2].mean())
    wanted = 0.5 * thick(1.0).belly_m
    # As far as the belly, less what the leaning chest and an arm at its full length take.
    assert 0.5 * wanted < ahead[1] - ahead[0] < 1.1 * wanted


def tube_body(rest, radius):
    """A made-up T-pose skin (V, 3): rings of half-axes `radius` around trunk and legs."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = []
    for name in ("left_hip", "right_hip", "pelvis"):
        top = rest[JOINT[name]]
        bottom = rest[JOINT[name.replace("hip", "ankle")]] if "hip" in name else top
        if name == "pelvis":  # the trunk, down to the crotch
            top = rest[JOINT["neck"]]
            bottom = top + 1.15 * (bottom - top)
        for part in np.linspace(0, 1, 120):
            centre = top + part * (bottom - top)
            wide = radius if name == "pelvis" else (0.4 * radius[0], 0.4 * radius[1])
            x, z = wide[0] * np.cos(angle), wide[1] * np.sin(angle)
            rings.append(centre + np.stack([x, np.zeros_like(x), z], axis=1))
    return np.concatenate(rings)


def test_measured_flesh_of_a_body_made_of_tubes():
    rest, (wide, deep) = adult(), (0.17, 0.12)
    flesh = measure_flesh(tube_body(rest, (wide, deep)), rest)
    trunk_z = np.interp(  # the tube's axis runs straight from pelvis to neck
        (rest[JOINT["spine1"], 1] + rest[JOINT["spine2"], 1]) / 2,
        [rest[0, 1], rest[JOINT["neck"], 1]], [rest[0, 2], rest[JOINT["neck"], 2]],
    )  # fmt: skip
    # 4 mm: rings 4 mm apart on slanted axes and 24 points to a ring.
    assert flesh.waist_m == pytest.approx(wide, abs=0.004)
    assert flesh.belly_m == pytest.approx(deep + trunk_z - rest[JOINT["spine1"], 2], abs=0.004)
    # The leg's tube runs straight from hip to ankle, the thigh bone ends at the knee.
    hip, knee, ankle = (rest[JOINT[f"left_{name}"]] for name in ("hip", "knee", "ankle"))
    middle = (hip + knee) / 2
    tube_z = np.interp(middle[1], [ankle[1], hip[1]], [ankle[2], hip[2]])
    assert flesh.thigh_m == pytest.approx(0.4 * deep + tube_z - middle[2], abs=0.004)


def test_flesh_refuses_another_bodys_mesh():
    with pytest.raises(MotionError, match="not the T-pose of these joints"):
        measure_flesh(tube_body(adult(), (0.17, 0.12)) + [0.0, 3.0, 0.0], adult())
    with pytest.raises(MotionError, match="seat_m must be 0..1 m, got -0.1"):
        replace(estimate_flesh(adult()), seat_m=-0.1)


def test_children_walk_slower_than_adults_with_the_same_manner():
    def speed(body):
        moves = [sample("walk", seed, body).transl[-1] for seed in range(8)]
        return np.mean([np.linalg.norm(move[[0, 2]]) for move in moves]) / ((FRAMES - 1) / FPS)

    ratio = speed("child") / speed("adult")
    # Dynamic similarity: speed goes with the square root of leg length (0.60 here).
    assert ratio == pytest.approx(np.sqrt(0.60), rel=0.02)
    assert 0.8 < speed("adult") < 1.5


def test_both_sides_lead():
    raised = [
        forward_kinematics(m.pose, m.transl, adult())[
            :, [JOINT["left_wrist"], JOINT["right_wrist"]], 1
        ]
        for m in (sample("wave", seed) for seed in range(12))
    ]
    leaders = {int(wrists.mean(axis=0).argmax()) for wrists in raised}
    assert leaders == {0, 1}


@pytest.mark.parametrize("frames", [1, 2])
def test_very_short_clips(frames):
    for name in MOTIONS:
        assert sample(name, 0, frames=frames).frames == frames


def test_rate_only_resamples_time():
    """Twice the rate shows the same planned motion: same start, same pose at the same time."""
    slow, fast = sample("idle", 5, fps=25, frames=26), sample("idle", 5, fps=50, frames=51)
    assert np.abs(slow.pose - fast.pose[::2]).max() < 1e-5


def test_errors_name_the_choices():
    with pytest.raises(MotionError, match="unknown motion 'fly'.*walk"):
        make_motion("fly", np.random.default_rng(0), 25, 10, adult())
    with pytest.raises(MotionError, match="frames >= 1"):
        make_motion("walk", np.random.default_rng(0), 25, 0, adult())
    with pytest.raises(MotionError, match=r"rest_joints must be \(55, 3\)"):
        make_motion("walk", np.random.default_rng(0), 25, 5, np.zeros((22, 3)))


def test_limits_see_a_knee_bent_backwards():
    pose = np.zeros((2, 165), np.float32)
    pose[1, 3 * JOINT["left_knee"]] = -0.5
    pose[1, 3 * JOINT["right_elbow"] + 1] = -0.5  # the right elbow bends with +y
    found = {(v.joint, v.quantity, v.frame) for v in joint_limit_violations(pose)}
    assert found == {("left_knee", "flexion", 1), ("right_elbow", "extension", 1)}
