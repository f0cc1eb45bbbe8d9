"""The contract that every built-in motion family keeps, for several bodies and seeds."""

import numpy as np
import pytest
from motion_skeleton import BODIES, adult

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
    assert len(MOTIONS) >= 16
    assert list_motions("locomotion") and list_motions("floor") and list_motions("planted")
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
