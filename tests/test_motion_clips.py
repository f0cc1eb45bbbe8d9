"""From a MotionSpec to the clip: windows, loops, mirrors, the file's place, hands and eyes."""

import numpy as np
import pytest
from motion_skeleton import adult
from scipy.spatial.transform import Rotation

from pipeline.config import MotionSection
from pipeline.motion.clips import fill_gaze, fill_hands, moves_eyes, moves_hands, perform
from pipeline.motion.files import read_motion
from pipeline.motion.kinematics import JOINT, forward_kinematics, matrices, mirror_points, rotvecs
from pipeline.motion.library import make_motion
from pipeline.motion.limits import joint_limit_violations
from pipeline.motion.motion import Motion, MotionError
from pipeline.motion.resample import loop_motion
from pipeline.scene import MotionSpec
from pipeline.seeding import Stream, generator

FPS, FRAMES = 30.0, 60
SECTION = MotionSection()
HANDS = slice(75, 165)


def spec(path=None, **changes):
    base = dict(name="a/clip", seed=7, frames=20, fps=FPS, path=path and str(path), format="smplx")
    return MotionSpec(**(base | changes))


@pytest.fixture(scope="module")
def walk():
    return make_motion("walk_turn", np.random.default_rng(2), FPS, FRAMES, adult())


def save(path, motion, keep=slice(0, 165), origin=(2.0, 0.9, -1.0)):
    """The motion as an SMPL-X parameter file, with only the pose numbers in `keep`."""
    pose = np.zeros(motion.pose.shape)
    pose[:, keep] = motion.pose[:, keep]
    keys = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose")
    keys += ("left_hand_pose", "right_hand_pose")
    parts = dict(zip(keys, np.split(pose, [3, 66, 69, 72, 75, 120], axis=1), strict=True))
    np.savez(path, **parts, transl=motion.transl + origin, fps=motion.fps)
    return path


def test_a_family_is_the_librarys(walk):
    got = perform(MotionSpec(name="throw", seed=3, frames=9, fps=20.0), adult(), SECTION)
    same = make_motion("throw", generator(3, Stream.MOTION), 20.0, 9, adult())
    assert np.array_equal(got.pose, same.pose) and np.array_equal(got.transl, same.transl)


def test_a_window_of_a_file_keeps_its_place(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk)
    rest = adult()
    got = perform(spec(path, start_s=0.5, heading="file", action="strolling"), rest, SECTION)
    assert (got.frames, got.fps, got.name, got.action) == (20, FPS, "a/clip", "strolling")
    assert (got.transl[0] == 0).all()
    here = forward_kinematics(got.pose, got.transl + got.own_place(rest[0]), rest)
    # float32 poses and places of a few metres resolve 1e-6 m along the chain.
    there = forward_kinematics(walk.pose, walk.transl + [2.0, 0.9, -1.0], rest)[15:35]
    assert np.abs(here - there).max() < 1e-5


def test_heading_forward_turns_the_windows_own_start(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk)
    got = perform(spec(path, start_s=1.0), adult(), SECTION)
    ahead = matrices(got.pose[0, :3]) @ [0, 0, 1.0]
    assert abs(np.arctan2(ahead[0], ahead[2])) < 1e-6
    rest = adult()
    here = forward_kinematics(got.pose, got.transl + got.own_place(rest[0]), rest)
    there = forward_kinematics(walk.pose, walk.transl + [2.0, 0.9, -1.0], rest)[30:50]
    assert np.abs(here - there @ got.turn.T).max() < 1e-5


def test_mirrored_is_the_reflection(tmp_path, walk):
    path, rest = save(tmp_path / "w.npz", walk), adult()
    plain = perform(spec(path, heading="file"), rest, SECTION)
    got = perform(spec(path, heading="file", mirrored=True), rest, SECTION)
    a = forward_kinematics(plain.pose, plain.transl, rest)
    b = forward_kinematics(got.pose, got.transl, rest)
    for left, right in (("left_wrist", "right_wrist"), ("left_ankle", "right_ankle")):
        assert np.abs(mirror_points(a[:, JOINT[left]]) - b[:, JOINT[right]]).max() < 1e-5
    assert np.abs(a - b).max() > 0.05


def test_too_short_is_an_error_or_a_loop(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk)
    with pytest.raises(MotionError, match=r"60 frames at 30 .* give 30 of the 40 frames from 1 s"):
        perform(spec(path, frames=40, start_s=1.0), adult(), SECTION)
    with pytest.raises(MotionError, match="start_s = 5 is outside"):
        perform(spec(path, start_s=5.0, loop=True), adult(), SECTION)
    assert perform(spec(path, frames=200, loop=True), adult(), SECTION).frames == 200
    # A start rounded past the last possible one is that one.
    latest = (FRAMES - 20) / FPS
    got = perform(spec(path, start_s=latest + 4e-5, heading="file"), adult(), SECTION)
    assert np.abs(got.pose[-1, :66] - walk.pose[-1, :66]).max() < 1e-5


# --- loops -----------------------------------------------------------------------------------
def bend(frames, rate=0.6, speed=1.3, fps=FPS):
    """Walking along a circle at a constant rate, an arm turning with it: all in closed form."""
    seconds = np.arange(frames) / fps
    yaw = rate * seconds
    pose = np.zeros((frames, 165))
    pose[:, :3] = (
        Rotation.from_rotvec(yaw[:, None] * [0, 1.0, 0]) * Rotation.from_euler("x", 0.3)
    ).as_rotvec()
    radius = speed / rate
    transl = radius * np.stack([1 - np.cos(yaw), 0 * yaw, np.sin(yaw)], axis=1)
    return Motion("bend", "walking", fps, pose, transl)


@pytest.mark.parametrize("blend_s", [0.1, 0.4, 5.0])
def test_a_bend_goes_on_as_the_longer_bend(blend_s):
    """Every repetition continues heading and place: the loop is the same circle, walked on."""
    got, longer = loop_motion(bend(25), 200, blend_s), bend(200)
    assert got.frames == 200
    error = rotvecs(np.swapaxes(matrices(got.pose[:, :3]), -1, -2) @ matrices(longer.pose[:, :3]))
    # float32 storage of the input, repeated 15 times.
    assert np.linalg.norm(error, axis=1).max() < 2e-5
    # Blended chords of the circle: sagitta of the few mm that two frames are apart, not more.
    assert np.abs(got.transl - longer.transl).max() < 1e-4


def test_speed_at_the_seam_is_bounded():
    """A sawtooth joint and a drifting height jump back within blend_s, never faster than said."""
    frames, blend_s = 30, 0.4
    pose, transl = np.zeros((frames, 165)), np.zeros((frames, 3))
    seconds = np.arange(frames) / FPS
    pose[:, 48] = 1.0 * seconds
    transl[:, 1] = 0.3 * seconds
    got = loop_motion(Motion("saw", "saw", FPS, pose, transl), 150, blend_s)
    blend = round(blend_s * FPS)
    gap_s = (frames - blend) / FPS  # how far apart in time the two blended parts are
    for track, rate in ((got.pose[:, 48], 1.0), (got.transl[:, 1], 0.3)):
        speed = np.abs(np.diff(track)) * FPS
        limit = rate + 1.875 / blend_s * rate * gap_s
        # Tight: the joint jumps back against its own movement, so twice the rate is missing.
        assert 0.8 * (limit - 2 * rate) < speed.max() < limit
        assert np.abs(track).max() <= rate * seconds[-1] + 1e-6
    # Outside the seams it is the clip itself.
    assert np.allclose(got.pose[: frames - blend, 48], pose[: frames - blend, 48], atol=1e-6)
    assert np.allclose(got.transl[:, [0, 2]], 0, atol=1e-9)


def test_a_library_walk_walks_on():
    """Looped, a walk covers ground at its pace and no joint moves faster than 2.2 x before."""
    walk = make_motion("walk", np.random.default_rng(2), FPS, 45, adult())
    got = loop_motion(walk, 300, 0.4)
    pace = np.linalg.norm(walk.transl[-1, [0, 2]]) / 44
    far = np.linalg.norm(got.transl[-1, [0, 2]]) / 299
    assert far == pytest.approx(pace, rel=0.15)

    def steps(motion):
        turn = matrices(motion.pose.reshape(motion.frames, -1, 3))
        return np.linalg.norm(rotvecs(np.swapaxes(turn[:-1], -1, -2) @ turn[1:]), axis=-1).max()

    # The two halves of a stride blended: up to the stride's swing (about 0.6 rad at hip and knee)
    # times 1.875 / (0.4 s x 30) = 0.09 rad a frame more.
    assert steps(got) < steps(walk) + 0.16
    assert np.linalg.norm(np.diff(got.transl, axis=0), axis=1).max() < 2 * pace


def test_single_frames_and_short_requests():
    still = Motion("still", "standing", FPS, np.full((1, 165), 0.1), np.zeros((1, 3)))
    got = loop_motion(still, 5, 0.4)
    assert got.frames == 5 and np.allclose(got.pose, 0.1)
    assert loop_motion(bend(25), 10, 0.4).frames == 10
    assert np.allclose(loop_motion(bend(25), 10, 0.4).pose, bend(10).pose, atol=1e-6)
    two = loop_motion(bend(2), 7, 0.4)
    assert two.frames == 7 and np.isfinite(two.pose).all()
    with pytest.raises(MotionError, match="frames >= 1"):
        loop_motion(still, 0, 0.4)


# --- hands and eyes --------------------------------------------------------------------------
def test_still_hands_and_eyes_are_filled_from_the_seed(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk, slice(0, 66))
    a, b, other = (perform(spec(path, seed=s), adult(), SECTION) for s in (7, 7, 8))
    assert np.array_equal(a.pose, b.pose)
    assert np.abs(a.pose[:, HANDS] - other.pose[:, HANDS]).max() > 0.02
    assert np.abs(a.pose[:, 69:75] - other.pose[:, 69:75]).max() > 0.02
    assert np.abs(a.pose[:, :69] - other.pose[:, :69]).max() < 1e-7  # the rest is the file's
    assert not joint_limit_violations(np.concatenate([np.zeros((20, 66)), a.pose[:, 66:]], axis=1))
    assert np.abs(a.pose[:, 69:72] - a.pose[:, 72:75]).max() == 0  # both eyes alike
    # Relaxed: the left fingers bend towards the palm (negative z), at least a little, all of them.
    curl = a.pose.reshape(20, 55, 3)[:, JOINT["left_index1"] : JOINT["left_thumb1"], 2]
    assert curl.mean() < -0.1 and curl.max() < 0.15
    step = np.abs(np.diff(a.pose[:, HANDS], axis=0)).max()
    assert 0 < step < 0.02


def test_filling_can_be_switched_off(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk, slice(0, 66))
    plain = MotionSection(fill_hands=False, fill_gaze=False)
    got = perform(spec(path), adult(), plain)
    assert not np.abs(got.pose[:, 66:]).any()


def test_a_clip_at_its_own_place_is_exactly_the_files(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk, slice(0, 66))
    got = perform(spec(path, heading="file", ground="file"), adult(), SECTION)
    assert not np.abs(got.pose[:, 66:]).any()
    assert np.abs(got.own_place(np.zeros(3)) - [2.0, 0.9, -1.0]).max() < 1e-6


def test_hands_and_eyes_that_move_are_never_touched(tmp_path, walk):
    path = save(tmp_path / "w.npz", walk)
    got = perform(spec(path, heading="file", seed=9), adult(), SECTION)
    assert np.abs(got.pose[:, 66:] - walk.pose[:20, 66:]).max() < 1e-6
    # Fingers that move only later in the file are the file's, also in a window where they rest.
    late = Motion("late", "x", FPS, walk.pose.copy(), walk.transl)
    late.pose[:40, HANDS] = 0.05
    path = save(tmp_path / "late.npz", late)
    got = perform(spec(path, heading="file"), adult(), SECTION)
    assert np.abs(got.pose[:, HANDS] - 0.05).max() < 1e-6


def test_what_counts_as_moving(walk):
    still = Motion("s", "s", FPS, np.zeros((30, 165)), np.zeros((30, 3)))
    assert not moves_hands(still) and not moves_eyes(still)
    bent = Motion("s", "s", FPS, np.full((30, 165), 0.4), np.zeros((30, 3)))
    assert not moves_hands(bent) and moves_eyes(bent)
    single = Motion("s", "s", FPS, np.full((1, 165), 0.4), np.zeros((1, 3)))
    assert moves_hands(single)
    assert moves_hands(fill_hands(still, 1)) and moves_eyes(fill_gaze(still, 1))


def test_bvh_is_fitted_to_the_body_also_mirrored(tmp_path):
    """The bones of a mirrored BVH are the mirror image of the file's, on an uneven body."""
    from test_motion_bvh import BONES, MIXAMO, clip, directions, rest_pose, write_bvh

    _, rest = rest_pose(adult(), left_shoulder=("z", 10), right_hip=("z", -6))
    motion = clip("throw", rest)
    made = write_bvh(tmp_path / "t.bvh", motion, rest, MIXAMO)
    request = spec(made.path, format="bvh", frames=8, fps=40.0, heading="file", mirrored=True)
    got = perform(request, rest, SECTION)
    joints = forward_kinematics(got.pose, got.transl, rest)
    swap = {"left": "right", "right": "left"}
    bones = [tuple(swap[n.split("_")[0]] + "_" + n.split("_")[1] for n in pair) for pair in BONES]
    mine = directions({n: joints[:, JOINT[n]] for pair in bones for n in pair}, bones)
    theirs = directions(made.joints, BONES)[:8]
    # 1e-4 rad: float32 poses through five joints, and the file's six decimals.
    assert np.linalg.norm(mine - theirs * [-1, 1, 1], axis=-1).max() < 1e-4
    assert read_motion(made.path).frames == 12
