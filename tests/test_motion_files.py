"""AMASS, BEDLAM and SMPL-X files: joints equal to smplx on the raw numbers, rates, refusals."""

import io
import zipfile

import numpy as np
import pytest
from motion_skeleton import adult
from scipy.spatial.transform import Rotation

from pipeline.motion.files import FORMATS, identify, inspect, read_body, read_motion
from pipeline.motion.files.record import MAX_FRAMES
from pipeline.motion.kinematics import forward_kinematics, matrices
from pipeline.motion.library import make_motion
from pipeline.motion.motion import Motion, MotionError
from pipeline.motion.resample import ease_in, mirror, resample, window

# Y-up world -> Z-up world, written out independently of the reader: x, -z, y.
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
FPS, FRAMES = 30.0, 24
JOINT_TOLERANCE_M = 1e-5
"""The issue's figure. float32 positions a few metres from the origin resolve 2.4e-7 m."""


class DirectSmplx:
    """The smplx package on raw parameters, without any of this project's code."""

    def __init__(self, folder, num_betas=16):
        import smplx

        self.model = smplx.create(
            str(folder / "smplx" / "SMPLX_NEUTRAL.npz"), model_type="smplx", ext="npz",
            use_pca=False, flat_hand_mean=True, num_betas=num_betas, batch_size=1,
        )  # fmt: skip

    def joints(self, betas, pose, transl):
        """(T, 55, 3) joints of poses (T, 165)."""
        import torch

        def rows(array):
            return torch.tensor(np.asarray(array, np.float32))

        parts = np.split(np.asarray(pose), [3, 66, 69, 72, 75, 120], axis=1)
        names = (
            "global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose",
            "right_hand_pose",
        )  # fmt: skip
        with torch.no_grad():
            out = self.model(
                betas=rows(np.tile(betas, (len(pose), 1))),
                expression=rows(np.zeros((len(pose), 10))),
                transl=rows(transl),
                **{name: rows(part) for name, part in zip(names, parts, strict=True)},
            )
        return out.joints.numpy()[:, :55].astype(np.float64)

    def pelvis(self, betas):
        """The rest pelvis, which is where the root turns."""
        return self.joints(betas, np.zeros((1, 165)), np.zeros((1, 3)))[0, 0]


@pytest.fixture(scope="module")
def direct(body_dir):
    return DirectSmplx(body_dir)


@pytest.fixture(scope="module")
def betas():
    return np.random.default_rng(4).normal(0, 1, 16)


@pytest.fixture(scope="module")
def walk():
    """A walk that starts heading sideways, far from the origin, on a body-model Y-up ground."""
    motion = make_motion("walk_turn", np.random.default_rng(2), FPS, FRAMES, adult())
    away = Rotation.from_rotvec([0, 2.2, 0])
    pose = motion.pose.astype(np.float64)
    pose[:, :3] = (away * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    return pose, away.apply(motion.transl) + [3.0, 0.9, -2.0]


def z_up(pose, transl, pelvis):
    """The same person in a Z-up world: Z_UP (J0 + t) = J0 + t_z."""
    turned = pose.copy()
    turned[:, :3] = (Rotation.from_matrix(Z_UP) * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    return turned, (transl + pelvis) @ Z_UP.T - pelvis


def no_face(pose):
    pose = pose.copy()
    pose[:, 66:75] = 0
    return pose


def smplx_parts(pose, transl):
    keys = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose")
    keys += ("left_hand_pose", "right_hand_pose")
    return dict(zip(keys, np.split(pose, [3, 66, 69, 72, 75, 120], axis=1), strict=True)) | {
        "transl": transl
    }


def stage_two(pose, transl):
    keys = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
    parts = np.split(pose, [3, 66, 69, 75], axis=1)
    return dict(zip(keys, parts, strict=True)) | {"trans": transl, "mocap_frame_rate": FPS}


def bedlam_arrays(pose, transl):
    return {
        "poses": pose, "trans": transl, "mocap_frame_rate": FPS, "gender": "neutral",
        "gender_sub": "f", "betas": np.arange(11.0),
        "motion_info": np.array(["turn", "0", "a/b_stageii.npz", "100.0", "0", "377\n"]),
    }  # fmt: skip


# name -> (format, up of the file, arrays(pose, transl), what the format cannot hold)
WRITERS = {
    "amass": ("amass", "z", lambda p, t: {
        "poses": p, "trans": t, "mocap_frame_rate": FPS}, lambda p: p),
    "amass-smplh": ("amass", "z", lambda p, t: {
        "poses": np.delete(p, np.s_[66:75], axis=1), "trans": t, "mocap_framerate": FPS}, no_face),
    "amass-parts": ("amass", "z", stage_two, lambda p: p),
    "bedlam": ("bedlam", "y", bedlam_arrays, lambda p: p),
    "smplx": ("smplx", "y", lambda p, t: smplx_parts(p, t) | {"fps": FPS}, lambda p: p),
    "smplx-bare": ("smplx", "y", smplx_parts, lambda p: p),
}  # fmt: skip


@pytest.fixture(params=WRITERS)
def written(request, tmp_path, walk, direct, betas):
    """A file of each kind with its raw parameters and format."""
    format, up, arrays, keep = WRITERS[request.param]
    pose, transl = walk
    pose = keep(pose)
    if up == "z":
        pose, transl = z_up(pose, transl, direct.pelvis(betas))
    path = tmp_path / f"{request.param}.npz"
    np.savez(path, **arrays(pose, transl))
    return path, format, up, pose, transl


@pytest.mark.parametrize("heading", ["file", "forward"])
def test_joints_equal_smplx_on_the_raw_file(written, direct, betas, heading):
    path, format, up, raw_pose, raw_trans = written
    motion = read_motion(path, heading=heading)
    assert (motion.frames, motion.fps, identify(path)) == (FRAMES, FPS, format)
    place = motion.own_place(direct.pelvis(betas))
    got = direct.joints(betas, motion.pose, motion.transl + place)
    raw = direct.joints(betas, raw_pose, raw_trans)
    expected = raw @ (Z_UP if up == "z" else np.eye(3))
    if heading == "file":
        assert np.abs(got - expected).max() < JOINT_TOLERANCE_M
    else:
        # A turn about the vertical more, so that the first pelvis heads to +Z.
        assert np.abs(got - raw @ motion.turn.T).max() < JOINT_TOLERANCE_M
        assert np.abs(got[..., 1] - expected[..., 1]).max() < JOINT_TOLERANCE_M
        ahead = matrices(motion.pose[0, :3]) @ [0, 0, 1.0]
        assert abs(np.arctan2(ahead[0], ahead[2])) < 1e-6
    assert (motion.transl[0] == 0).all()


def quaternion_slerp(start, stop, part):
    """Textbook slerp of rotation vectors (J, 3) by quaternions, without scipy's own."""
    p, q = Rotation.from_rotvec(start).as_quat(), Rotation.from_rotvec(stop).as_quat()
    dot = np.sum(p * q, axis=1)
    q, dot = np.where(dot < 0, -1, 1)[:, None] * q, np.clip(np.abs(dot), 0, 1)
    angle = np.arccos(dot)
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = np.sin((1 - part) * angle) / np.sin(angle), np.sin(part * angle) / np.sin(angle)
    small = angle < 1e-6
    a, b = np.where(small, 1 - part, a), np.where(small, part, b)
    mixed = a[:, None] * p + b[:, None] * q
    return Rotation.from_quat(mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).as_rotvec()


@pytest.mark.parametrize("fps_out", [15.0, 25.0, 60.0])
def test_another_rate_shows_the_same_moments(written, direct, betas, fps_out):
    path, _, _, raw_pose, raw_trans = written
    motion = read_motion(path, fps_out, heading="file")
    assert motion.fps == fps_out
    seconds = np.arange(motion.frames) / fps_out
    assert seconds[-1] <= (FRAMES - 1) / FPS + 1e-9 < seconds[-1] + 1 / fps_out
    pose, trans = np.empty((motion.frames, 165)), np.empty((motion.frames, 3))
    for k, place in enumerate(seconds * FPS):
        low = min(int(place + 1e-9), FRAMES - 2)
        part = place - low
        rows = raw_pose.reshape(FRAMES, 55, 3)
        pose[k] = quaternion_slerp(rows[low], rows[low + 1], part).ravel()
        trans[k] = (1 - part) * raw_trans[low] + part * raw_trans[low + 1]
    place = motion.own_place(direct.pelvis(betas))
    got = direct.joints(betas, motion.pose, motion.transl + place)
    assert np.abs(got - direct.joints(betas, pose, trans) @ motion.turn.T).max() < JOINT_TOLERANCE_M


def test_up_can_be_told(tmp_path, walk, direct, betas):
    pose, transl = z_up(*walk, direct.pelvis(betas))
    np.savez(tmp_path / "s.npz", **smplx_parts(pose, transl))
    motion = read_motion(tmp_path / "s.npz", up="z", heading="file")
    got = direct.joints(betas, motion.pose, motion.transl + motion.own_place(direct.pelvis(betas)))
    assert np.abs(got - direct.joints(betas, *walk)).max() < JOINT_TOLERANCE_M


def test_windows_mirrors_and_turns_keep_the_own_place(tmp_path, walk, direct, betas):
    """`own_place` of a cut clip is where the file has that frame; a mirrored one's is mirrored."""
    pose, transl = z_up(*walk, direct.pelvis(betas))
    np.savez(tmp_path / "a.npz", poses=pose, trans=transl, mocap_frame_rate=FPS)
    whole, pelvis = read_motion(tmp_path / "a.npz"), direct.pelvis(betas)
    joints = direct.joints(betas, whole.pose, whole.transl + whole.own_place(pelvis))
    for cut in (window(whole, 6, 9), resample(whole, FPS, start_s=0.2, frames=9)):
        got = direct.joints(betas, cut.pose, cut.transl + cut.own_place(pelvis))
        assert cut.frames == 9 and (cut.transl[0] == 0).all()
        assert np.abs(got - joints[6:15]).max() < JOINT_TOLERANCE_M
    rest = adult()  # symmetric, so that its mirror image is itself
    reflected = mirror(whole)
    place, plain = reflected.own_place(rest[0]), whole.own_place(rest[0])
    assert np.abs(place - plain * [-1, 1, 1]).max() < 1e-9
    a = forward_kinematics(whole.pose, whole.transl, rest)
    b = forward_kinematics(reflected.pose, reflected.transl, rest)
    assert np.abs(a[:, 20] * [-1, 1, 1] - b[:, 21]).max() < JOINT_TOLERANCE_M


def test_the_files_own_body_and_label(tmp_path, walk):
    np.savez(tmp_path / "motion_seq.npz", **bedlam_arrays(*walk))
    info = inspect(tmp_path / "motion_seq.npz")
    assert (info.format, info.action, info.gender, info.betas) == ("bedlam", "turn", "neutral", 11)
    assert read_motion(tmp_path / "motion_seq.npz").action == "turn"
    assert read_motion(tmp_path / "motion_seq.npz", action="spinning").action == "spinning"
    body = read_body(tmp_path / "motion_seq.npz")
    assert body.gender == "neutral" and body.subject_gender == "female"
    assert np.array_equal(body.betas, np.arange(11.0))
    np.savez(tmp_path / "s.npz", **smplx_parts(*walk))
    assert read_body(tmp_path / "s.npz") is None
    np.savez(tmp_path / "t.npz", **smplx_parts(*walk), betas=np.ones((FRAMES, 10)), gender=b"male")
    body = read_body(tmp_path / "t.npz")
    assert body.gender == "male" and body.betas.shape == (10,)
    np.savez(tmp_path / "u.npz", **smplx_parts(*walk), betas=np.eye(FRAMES, 10))
    with pytest.raises(MotionError, match="change over time"):
        read_body(tmp_path / "u.npz")


# --- refusals --------------------------------------------------------------------------------
UPRIGHT = np.zeros((4, 165))
UPRIGHT[:, 0] = np.pi / 2  # the body's y axis along the file's z
AMASS = {
    "poses": UPRIGHT, "trans": np.zeros((4, 3)), "mocap_frame_rate": np.array(30.0)
}  # fmt: skip
SMPLX = smplx_parts(np.zeros((4, 165)), np.zeros((4, 3))) | {"fps": np.array(30.0)}
GOOD = {
    "amass": AMASS,
    "amass-parts": stage_two(UPRIGHT, np.zeros((4, 3))),
    "bedlam": bedlam_arrays(np.zeros((4, 165)), np.zeros((4, 3))),
    "smplx": SMPLX,
}
NAN = np.full((4, 165), np.nan)
PICKLE = np.array([None] * 4, dtype=object)
BAD = [
    ("amass", {"trans": None}, "missing trans"),
    ("amass", {"mocap_frame_rate": None}, "missing mocap_frame_rate or mocap_framerate"),
    ("amass", {"poses": np.zeros((4, 72))}, r"\(T, 165\).*\(T, 156\).*got \(4, 72\)"),
    ("amass", {"poses": np.zeros((4, 55, 3))}, r"got \(4, 55, 3\)"),
    ("amass", {"poses": np.zeros((0, 165)), "trans": np.zeros((0, 3))}, "no frames"),
    ("amass", {"trans": np.zeros((3, 3))}, r"trans must be \(4, 3\), got \(3, 3\)"),
    ("amass", {"poses": NAN}, "pose has values that are not finite, first in frame 0"),
    ("amass", {"trans": np.array([[0, 0, 0]] * 3 + [[0, np.inf, 0]])}, "trans.*finite.*frame 3"),
    ("amass", {"mocap_frame_rate": np.array(0.0)}, "frame rate must be a positive"),
    ("amass", {"mocap_frame_rate": np.array(-30)}, "frame rate must be a positive"),
    ("amass", {"mocap_frame_rate": np.array(np.nan)}, "frame rate must be a positive"),
    ("amass", {"mocap_frame_rate": np.array([30, 30])}, "must be one number"),
    ("amass", {"poses": np.array([["a"] * 165] * 4)}, "not numbers"),
    ("amass", {"poses": np.zeros((4, 165), bool)}, "not numbers"),
    ("amass", {"poses": np.zeros((4, 165), complex)}, "not numbers"),
    ("amass", {"poses": PICKLE}, "poses is pickled.*never read"),
    ("amass", {"mocap_frame_rate": np.array(None)}, "mocap_frame_rate is pickled"),
    ("amass", {"trans": np.zeros((MAX_FRAMES + 1, 3), np.float16),
               "poses": np.zeros((MAX_FRAMES + 1, 165), np.int8)}, "more than the limit"),
    ("amass-parts", {"pose_hand": None}, "missing poses or pose_hand"),
    ("amass-parts", {"pose_body": np.zeros((4, 69))}, r"pose_body must be \(4, 63\)"),
    ("bedlam", {"poses": np.zeros((4, 156))}, r"poses must be \(T, 165\)"),
    ("bedlam", {"mocap_frame_rate": None}, "missing mocap_frame_rate"),
    ("bedlam", {"poses": NAN}, "not finite"),
    ("bedlam", {"motion_info": PICKLE}, "motion_info is pickled"),
    ("smplx", {"body_pose": None}, "missing body_pose"),
    ("smplx", {"transl": None}, "missing transl"),
    ("smplx", {"left_hand_pose": np.zeros((4, 6))}, r"left_hand_pose must be \(4, 45\)"),
    ("smplx", {"global_orient": np.zeros((0, 3))}, "no frames"),
    ("smplx", {"jaw_pose": np.full((4, 3), np.nan)}, "not finite"),
    ("smplx", {"fps": np.array(0)}, "frame rate"),
    ("smplx", {"body_pose": PICKLE}, "body_pose is pickled"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "message"), BAD)
def test_bad_files_are_refused_by_name(tmp_path, kind, change, message):
    arrays = {key: value for key, value in (GOOD[kind] | change).items() if value is not None}
    np.savez_compressed(tmp_path / "bad.npz", **arrays)
    with pytest.raises(MotionError, match=message) as caught:
        read_motion(tmp_path / "bad.npz", 25, format=kind.removesuffix("-parts"))
    assert "bad.npz" in str(caught.value)


def test_another_vertical_than_the_formats_is_noticed(tmp_path, walk):
    """A Y-up file with AMASS's keys, as BEDLAM2's are, would lie on its face for ever."""
    pose, transl = walk
    np.savez(tmp_path / "flat.npz", poses=pose, trans=transl, mocap_frame_rate=FPS)
    with pytest.raises(MotionError, match="flat.npz: amass files are Z up.* along Y. Set up = 'y'"):
        read_motion(tmp_path / "flat.npz")
    told = read_motion(tmp_path / "flat.npz", up="y", heading="file")
    assert np.abs(told.transl - (transl - transl[0])).max() < 1e-5
    np.savez(tmp_path / "z.npz", **smplx_parts(*z_up(pose, transl, np.zeros(3))))
    with pytest.raises(MotionError, match="smplx files are Y up"):
        read_motion(tmp_path / "z.npz")
    # Crawling, face down, is no contradiction, and lying is believed when told.
    crawl = UPRIGHT.copy()
    crawl[:, 0] = np.pi
    np.savez(tmp_path / "crawl.npz", **(AMASS | {"poses": crawl}))
    assert read_motion(tmp_path / "crawl.npz").frames == 4
    np.savez(tmp_path / "motion_seq.npz", **bedlam_arrays(UPRIGHT, np.zeros((4, 3))))
    assert read_motion(tmp_path / "motion_seq.npz").frames == 4  # BEDLAM is surely Y up
    np.savez(tmp_path / "lie.npz", **(AMASS | {"poses": np.zeros((4, 165))}))
    assert read_motion(tmp_path / "lie.npz", up="z").frames == 4


@pytest.mark.parametrize("kind", GOOD)
def test_the_good_ones_are_read(tmp_path, kind):
    np.savez(tmp_path / "ok.npz", **GOOD[kind])
    assert read_motion(tmp_path / "ok.npz", 25).frames == 3


def claim(path, shape, held=64, key="poses"):
    """An npz whose array `key` claims a shape and holds `held` bytes."""
    np.savez(path, **{k: v for k, v in AMASS.items() if k != key})
    member = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{key}.npy", member.getvalue() + bytes(held))
    return path


def test_absurd_lengths_are_refused_without_memory(tmp_path):
    """10 GB claimed by 64 bytes, and 1.1 GB of zeros in a small zip: nothing is allocated."""
    import tracemalloc

    lie = claim(tmp_path / "lie.npz", (8_000_000, 165))
    bomb = claim(tmp_path / "bomb.npz", (850_000, 165), 850_000 * 165 * 8)
    assert bomb.stat().st_size < 2_000_000
    tracemalloc.start()
    for function in (inspect, read_motion):
        with pytest.raises(MotionError, match=r"lie.npz: poses claims .* = 10.6 GB"):
            function(lie)
        with pytest.raises(MotionError, match=r"bomb.npz: poses is 1.12 GB, more than the limit"):
            function(bomb)
        with pytest.raises(MotionError, match="claims"):
            function(claim(tmp_path / "minus.npz", (-4, 165)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # a header and zip buffers


def test_pickles_are_never_loaded(tmp_path):
    array = np.empty(1, dtype=object)
    array[0] = _Trap()
    np.savez(tmp_path / "trap.npz", **(AMASS | {"poses": array, "gender": array}))
    for function in (inspect, read_motion):
        with pytest.raises(MotionError, match="pickled"):
            function(tmp_path / "trap.npz")
    assert not _Trap.sprung


class _Trap:
    sprung = False

    def __reduce__(self):
        return (_spring, ())


def _spring():
    _Trap.sprung = True


def test_truncated_missing_foreign_and_wrong_arguments(tmp_path):
    np.savez(tmp_path / "cut.npz", **AMASS)
    data = (tmp_path / "cut.npz").read_bytes()
    for size in (0, 100, len(data) // 2, len(data) - 30):
        (tmp_path / "cut.npz").write_bytes(data[:size])
        with pytest.raises(MotionError, match="cut.npz: damaged or truncated"):
            read_motion(tmp_path / "cut.npz", 25)
    flipped = bytearray(data)
    flipped[400] ^= 0xFF  # inside the first array: the checksum no longer holds
    (tmp_path / "flip.npz").write_bytes(flipped)
    with pytest.raises(MotionError, match="flip.npz: damaged"):
        read_motion(tmp_path / "flip.npz", 25)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(MotionError, match="no npz archive"):
        read_motion(tmp_path / "array.npy")
    with pytest.raises(MotionError, match="no such file"):
        read_motion(tmp_path / "none.npz", 25)
    np.savez(tmp_path / "other.npz", a=1, b=2)
    with pytest.raises(MotionError, match="not a motion that is known.*holds a, b.*amass"):
        read_motion(tmp_path / "other.npz")
    np.savez(tmp_path / "ok.npz", **AMASS)
    with pytest.raises(MotionError, match="up must be 'y'"):
        read_motion(tmp_path / "ok.npz", 25, up="x")
    with pytest.raises(MotionError, match="heading must be"):
        read_motion(tmp_path / "ok.npz", 25, heading="north")
    with pytest.raises(MotionError, match="unknown format 'c3d'.*bvh"):
        read_motion(tmp_path / "ok.npz", 25, format="c3d")


@pytest.mark.parametrize("kind", GOOD)
def test_random_damage_is_refused_or_read_but_never_crashes(tmp_path, kind):
    """Compressed members have no gaps: nearly every flipped byte matters."""
    rng = np.random.default_rng(1)
    path = tmp_path / "f.npz"
    np.savez_compressed(path, **GOOD[kind])
    good, outcomes = path.read_bytes(), set()
    for _ in range(300):
        data = bytearray(good)
        place = int(rng.integers(0, len(data)))
        data[place : place + int(rng.integers(0, 3))] = rng.bytes(int(rng.integers(0, 3)))
        path.write_bytes(data)
        for function in (read_motion, read_body):
            try:
                function(path)
                outcomes.add("read")
            except MotionError as error:
                outcomes.add("f.npz" in str(error))
    assert outcomes == {True, "read"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_keeps_the_contract(name, tmp_path):
    module = FORMATS[name]
    assert module.ENDING.startswith(".") and module.UP in ("y", "z", "auto")
    assert isinstance(module.UP_IS_SURE, bool)
    with pytest.raises(MotionError, match="no such file"):
        module.inspect(tmp_path / f"none{module.ENDING}")


# --- rates, windows, mirrors -----------------------------------------------------------------
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
    later = resample(motion, fps_out, start_s=0.213, frames=5)  # between two frames
    times = 0.213 + np.arange(5) / fps_out
    assert np.abs(later.pose[:, 48:51] - 1.5 * times[:, None] * axis).max() < 1e-5
    with pytest.raises(MotionError, match="start_s = 9 is outside"):
        resample(motion, fps_out, start_s=9.0)


def test_resampling_takes_the_short_way_round():
    pose = np.zeros((2, 165))
    pose[0, 0:3], pose[1, 0:3] = [0, 3.0, 0], [0, -3.0, 0]  # 16 degrees apart through pi
    got = resample(Motion("m", "m", 1.0, pose, np.zeros((2, 3))), 2.0)
    middle = matrices(got.pose[1, :3])
    assert np.allclose(middle, np.diag([-1, 1, -1]), atol=1e-6)


def test_window_and_mirror():
    walk = make_motion("walk", np.random.default_rng(2), 30, 60, adult())
    part = window(walk, 10, 20)
    assert part.frames == 20 and (part.transl[0] == 0).all()
    assert np.allclose(part.transl[-1], walk.transl[29] - walk.transl[10])
    assert np.array_equal(mirror(mirror(walk)).pose, walk.pose)
    with pytest.raises(MotionError, match="outside"):
        window(walk, 50, 20)


def test_ease_in_starts_at_rest_and_meets_the_pose():
    walk = make_motion("walk", np.random.default_rng(2), 30, 60, adult())
    rows = ease_in(walk.pose[0], 20)
    assert rows.shape == (20, 165) and (rows[0] == 0).all()
    path = np.concatenate([rows, walk.pose[:1]]).reshape(21, -1, 3)
    turn = Rotation.from_rotvec(path[:, 16])
    shoulder = (turn[:-1].inv() * turn[1:]).magnitude()
    # Smooth: slow at both ends, fastest in the middle, and the whole angle in total.
    assert shoulder[0] < 0.02 and shoulder[-1] < 0.02 and 8 <= shoulder.argmax() <= 11
    assert shoulder.sum() == pytest.approx(np.linalg.norm(walk.pose[0, 48:51]), rel=1e-3)
    assert ease_in(walk.pose[0], 0).shape == (0, 165)
