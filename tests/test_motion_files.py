"""Reading AMASS and BEDLAM files, changing rate, windowing and easing in."""

import numpy as np
import pytest
from motion_skeleton import adult
from scipy.spatial.transform import Rotation

from pipeline.motion.importer import read_motion
from pipeline.motion.kinematics import forward_kinematics, matrices, rotvecs
from pipeline.motion.library import make_motion
from pipeline.motion.motion import Motion, MotionError
from pipeline.motion.resample import ease_in, mirror, resample, window

# Y-up world -> Z-up world, written out independently of the importer: x, -z, y.
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])


@pytest.fixture(scope="module")
def walk():
    return make_motion("walk", np.random.default_rng(2), 30, 60, adult())


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def amass_arrays(motion, rest, keep=slice(None)):
    """The motion as AMASS would store it: Z up, root pivot at the rest pelvis, far from zero."""
    pose, root = motion.pose.astype(np.float64), rest[0]
    pose[:, :3] = (Rotation.from_matrix(Z_UP) * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    # joints_z = Z_UP @ joints_y requires J0 + trans_z = Z_UP (J0 + trans_y).
    trans = (motion.transl + root) @ Z_UP.T - root + [3.0, -2.0, 0.9]
    return {"poses": pose[:, keep], "trans": trans}


def relative_joints(motion, rest):
    joints = forward_kinematics(motion.pose, motion.transl, rest)
    return joints - joints[:1, :1]


def test_amass_smplx_z_up_gives_the_same_joints(tmp_path, walk):
    rest = adult()
    path = write(tmp_path / "w.npz", **amass_arrays(walk, rest), mocap_frame_rate=30.0)
    got = read_motion(path, 30, up="z", action="walking", normalise_heading=False)
    assert got.frames == walk.frames and got.action == "walking" and got.name == "w"
    assert np.abs(relative_joints(got, rest) - relative_joints(walk, rest)).max() < 1e-5


def test_file_joints_agree_with_the_importer_axes(tmp_path, walk):
    """Posing the raw file and turning its joints to Y up equals importing, joint by joint."""
    rest, arrays = adult(), amass_arrays(walk, adult())
    raw = forward_kinematics(arrays["poses"], arrays["trans"], rest) @ Z_UP
    path = write(tmp_path / "w.npz", **arrays, mocap_framerate=30)
    got = relative_joints(read_motion(path, 30, normalise_heading=False), rest)
    assert np.abs(got - (raw - raw[:1, :1])).max() < 1e-5


def test_smplh_file_has_no_face_and_the_same_hands(tmp_path, walk):
    keep = np.r_[0:66, 75:165]
    arrays = amass_arrays(walk, adult(), keep)
    got = read_motion(
        write(tmp_path / "h.npz", **arrays, mocap_framerate=30.0), 30, normalise_heading=False
    )
    assert (got.pose[:, 66:75] == 0).all()
    assert np.abs(got.pose[:, 75:] - walk.pose[:, 75:]).max() < 1e-6


def test_bedlam_file_is_y_up(tmp_path, walk):
    path = write(
        tmp_path / "motion_seq.npz", poses=walk.pose, trans=walk.transl + 5, mocap_frame_rate=30
    )
    got = read_motion(path, 30, up="y", normalise_heading=False)
    assert np.abs(got.transl - walk.transl).max() < 1e-5
    assert np.abs(matrices(got.pose[:, :3]) - matrices(walk.pose[:, :3])).max() < 1e-5


def test_heading_is_normalised(tmp_path, walk):
    rest = adult()
    away = Rotation.from_rotvec([0, 2.2, 0])
    pose = walk.pose.copy()
    pose[:, :3] = (away * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    path = write(tmp_path / "m.npz", poses=pose, trans=away.apply(walk.transl), mocap_frame_rate=30)
    got = read_motion(path, 30, up="y")
    heading = matrices(got.pose[0, :3]) @ [0, 0, 1.0]
    assert abs(np.arctan2(heading[0], heading[2])) < 1e-6
    # Only a turn about the vertical: all distances between joints over time are kept.
    spread = np.linalg.norm(relative_joints(got, rest), axis=-1)
    assert np.abs(spread - np.linalg.norm(relative_joints(walk, rest), axis=-1)).max() < 1e-5


@pytest.mark.parametrize(
    ("fps_in", "fps_out", "frames"), [(120, 30, 121), (30, 25, 61), (25, 60, 26)]
)
def test_resampling_constant_rotation_is_exact(fps_in, fps_out, frames):
    """A joint turning at a constant rate and a constant velocity have a closed form."""
    axis = np.array([0.6, 0.0, 0.8])
    seconds = np.arange(frames) / fps_in
    pose = np.zeros((frames, 165))
    pose[:, 48:51] = 1.5 * seconds[:, None] * axis
    motion = Motion("spin", "spin", fps_in, pose, seconds[:, None] * [0.5, 0.0, 1.0])
    got = resample(motion, fps_out)
    times = np.arange(got.frames) / fps_out
    assert got.fps == fps_out and got.frames == int(seconds[-1] * fps_out + 1e-6) + 1
    assert np.abs(got.pose[:, 48:51] - 1.5 * times[:, None] * axis).max() < 1e-5
    assert np.abs(got.transl - times[:, None] * [0.5, 0.0, 1.0]).max() < 1e-5


def test_resampling_takes_the_short_way_round():
    pose = np.zeros((2, 165))
    pose[0, 0:3], pose[1, 0:3] = [0, 3.0, 0], [0, -3.0, 0]  # 16 degrees apart through pi
    got = resample(Motion("m", "m", 1.0, pose, np.zeros((2, 3))), 2.0)
    middle = matrices(got.pose[1, :3])
    assert np.allclose(middle, np.diag([-1, 1, -1]), atol=1e-6)


def test_window_and_mirror(walk):
    part = window(walk, 10, 20)
    assert part.frames == 20 and (part.transl[0] == 0).all()
    assert np.allclose(part.transl[-1], walk.transl[29] - walk.transl[10])
    assert np.array_equal(mirror(mirror(walk)).pose, walk.pose)
    with pytest.raises(MotionError, match="outside"):
        window(walk, 50, 20)


def test_ease_in_starts_at_rest_and_meets_the_pose(walk):
    rows = ease_in(walk.pose[0], 20)
    assert rows.shape == (20, 165) and (rows[0] == 0).all()
    path = np.concatenate([rows, walk.pose[:1]]).reshape(21, -1, 3)
    turn = matrices(path)
    step = np.linalg.norm(rotvecs(np.swapaxes(turn[:-1], -1, -2) @ turn[1:]), axis=-1)
    shoulder = step[:, 16]
    # Smooth: slow at both ends, fastest in the middle, and the whole angle in total.
    assert shoulder[0] < 0.02 and shoulder[-1] < 0.02 and 8 <= shoulder.argmax() <= 11
    assert shoulder.sum() == pytest.approx(np.linalg.norm(walk.pose[0, 48:51]), rel=1e-3)
    assert ease_in(walk.pose[0], 0).shape == (0, 165)


GOOD = {
    "poses": np.zeros((4, 165)), "trans": np.zeros((4, 3)), "mocap_frame_rate": np.array(30.0)
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trans": None}, "missing trans"),
        ({"mocap_frame_rate": None}, "mocap_frame_rate or mocap_framerate"),
        ({"poses": np.zeros((4, 72))}, r"\(T, 165\).*\(T, 156\).*got \(4, 72\)"),
        ({"trans": np.zeros((3, 3))}, r"trans must be \(4, 3\)"),
        ({"poses": np.full((4, 165), np.nan)}, "not finite"),
        ({"mocap_frame_rate": np.array(0.0)}, "frame rate"),
        ({"poses": np.array([["a"] * 165])}, "not numbers"),
        ({"poses": np.array([None] * 4, dtype=object)}, "pickled"),
    ],
)
def test_bad_files_are_named(tmp_path, change, message):
    arrays = {key: value for key, value in (GOOD | change).items() if value is not None}
    with pytest.raises(MotionError, match=message):
        read_motion(write(tmp_path / "bad.npz", **arrays), 25)


def test_truncated_missing_and_wrong_arguments(tmp_path):
    path = write(tmp_path / "cut.npz", **GOOD)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(MotionError, match="cut.npz: damaged or truncated"):
        read_motion(path, 25)
    with pytest.raises(MotionError, match="no such file"):
        read_motion(tmp_path / "none.npz", 25)
    with pytest.raises(MotionError, match="up must be 'y'"):
        read_motion(write(tmp_path / "ok.npz", **GOOD), 25, up="x")
    assert read_motion(tmp_path / "ok.npz", 25).frames == 3
