"""Moving cameras: curves between keys, the json of BEDLAM2, and rendered cameras."""

import json
import math

import numpy as np
import pytest

from pipeline.bedlam.camera_animations import (
    PosedLens,
    camera_animations_text,
    lenses,
    read_camera_animations,
)
from pipeline.bedlam.camera_csv import read_camera_csv
from pipeline.bedlam.curves import Key, value_at
from pipeline.bedlam.unreal import UnrealPose, compose
from pipeline.errors import GenbError

PLACES = ("x", "y", "z", "yaw", "pitch", "roll")
CSV_HEADER = "name,x,y,z,yaw,pitch,roll,focal_length,sensor_width,sensor_height,hfov"
CSV_ROW = (
    "seq_000000_0000.png,5.058579,-9.743741,168.953232,1.468127,-2.905068,2.813995,"
    "36.905,36,20.25,52"
)


def keyframe(frame: int, mode: str = "linear", **parts) -> dict:
    return {"frame_index": frame, "type": mode, **parts}


def animation_file(tmp_path, keyframes, config=None, info=None):
    path = tmp_path / "be_camera_animations.json"
    sequence = {"keyframes": keyframes, "info": info or {}}
    path.write_text(json.dumps({"info": {"config": config or {}}, "seq_000000": sequence}))
    return read_camera_animations(path)


def test_lines_between_linear_keys():
    keys = (Key(-1, 0.0, "linear"), Key(4, 10.0, "linear"), Key(6, 0.0, "linear"))
    assert [value_at(keys, f) for f in (-1, 0, 1, 4, 5, 6)] == [0, 2, 4, 10, 5, 0]
    assert value_at(keys, -9) == 0.0 and value_at(keys, 99) == 0.0


def test_automatic_tangents_by_hand():
    """Keys of a parabola x^2 at 0, 2, 4: the inner slope is the parabola's own, 4 at x = 2."""
    keys = tuple(Key(f, float(f * f), "auto") for f in (0, 2, 4))
    # Cubic from (0, 0) slope 0 to (2, 4) slope 4 is x^2 itself; on the right the end is flat.
    assert value_at(keys, 1) == pytest.approx(1.0, abs=1e-12)
    # Hermite midpoint: (4 + 16) / 2 + 2 * (4 - 0) / 8 = 11.
    assert value_at(keys, 3) == pytest.approx(11.0, abs=1e-12)


@pytest.mark.parametrize("mode", ["linear", "auto"])
def test_keys_are_exact(mode):
    rng = np.random.default_rng(3)
    frames = sorted(rng.choice(100, 12, replace=False).tolist())
    keys = tuple(
        Key(f, float(v), mode) for f, v in zip(frames, rng.normal(0, 300, 12), strict=True)
    )
    assert [value_at(keys, key.frame) for key in keys] == [key.value for key in keys]


def test_keyframed_cameras_are_exact_at_keys(tmp_path):
    rng, keyframes, expected = np.random.default_rng(4), [], {}
    for frame in (0, 3, 7):
        root, local = (
            dict(zip(PLACES, rng.uniform(-50, 50, 6).tolist(), strict=True)) for _ in range(2)
        )
        hfov = float(rng.uniform(20, 80))
        keyframes.append(keyframe(frame, "auto", hfov=hfov, cameraroot=root, camera_local=local))
        expected[frame] = PosedLens(compose(UnrealPose(**root), UnrealPose(**local)), hfov)
    file = animation_file(tmp_path, keyframes)
    found = lenses(file.of("seq_000000"), 8, 36.0, UnrealPose(), UnrealPose(), None)
    for frame, lens in expected.items():
        assert found[frame].pose == lens.pose
        assert found[frame].hfov_deg == pytest.approx(lens.hfov_deg, abs=1e-12)  # tan and atan


def test_an_orbit_by_hand(tmp_path):
    """Four metres before a root that turns from 0 to 90 degrees: half way at 45."""
    local = {"x": -400.0, "y": 0.0, "z": 0.0}
    file = animation_file(
        tmp_path,
        [
            keyframe(
                frame,
                hfov=50,
                cameraroot={"x": 0, "y": 0, "z": 100, "yaw": yaw, "pitch": 0},
                camera_local=local,
            )
            for frame, yaw in ((0, 0.0), (8, 90.0))
        ],
    )
    pose = lenses(file.of("seq_000000"), 9, 36.0, UnrealPose(), UnrealPose(), None)[4].pose
    half = 400 / math.sqrt(2)
    np.testing.assert_allclose([pose.x, pose.y, pose.z], [-half, -half, 100], atol=1e-9)
    assert pose.yaw == pytest.approx(45, abs=1e-9)


def test_a_zoom_moves_the_focal_length_evenly(tmp_path):
    """Unreal keys millimetres: half way between 20 and 80 mm is 50 mm, not the middle angle."""

    def hfov(focal_mm):
        return math.degrees(2 * math.atan(18 / focal_mm))

    file = animation_file(tmp_path, [keyframe(0, hfov=hfov(20)), keyframe(4, hfov=hfov(80))])
    found = lenses(file.of("seq_000000"), 5, 36.0, UnrealPose(z=50, yaw=30), UnrealPose(x=7), None)
    assert found[2].hfov_deg == pytest.approx(hfov(50), abs=1e-12)
    # Without places in the keyframes the Group row's root and camera stand still.
    assert all(lens.pose == compose(UnrealPose(z=50, yaw=30), UnrealPose(x=7)) for lens in found)


def test_only_keyed_directions_move(tmp_path):
    """A pitch in the first keyframe only stays; a roll that nobody keys is 0."""
    root = {"x": 0, "y": 0, "z": 0, "yaw": 10, "pitch": 0}
    frames = [
        keyframe(0, hfov=50, cameraroot=root, camera_local={"x": 1, "y": 0, "z": 0, "pitch": -9}),
        keyframe(4, hfov=50, cameraroot=root, camera_local={"x": 9, "y": 0, "z": 0}),
    ]
    file = animation_file(tmp_path, frames)
    local = UnrealPose(roll=33, pitch=5)
    pose = lenses(file.of("seq_000000"), 5, 36.0, UnrealPose(), local, None)[3].pose
    assert (pose.pitch, pose.roll) == (pytest.approx(-9), pytest.approx(0, abs=1e-9))


def test_what_is_written_is_read_back(tmp_path):
    cameras = {
        frame: PosedLens(UnrealPose(frame * 10.0, -3.0, 170.0, 20.0 + frame, -5.0, 88.0), 40.0)
        for frame in range(-1, 4)
    }
    path = tmp_path / "be_camera_animations.json"
    path.write_text(camera_animations_text({"seq_000000": cameras}, (36.0, 20.25)))
    file = read_camera_animations(path)
    found = lenses(file.of("seq_000000"), 3, 36.0, UnrealPose(), UnrealPose(), None)
    for frame in range(3):
        np.testing.assert_allclose(
            list(vars(found[frame].pose).values()),
            list(vars(cameras[frame].pose).values()),
            atol=1e-9,
        )


@pytest.mark.parametrize("flag", ["follow", "look_at", "static_world_location"])
def test_cameras_that_unreal_aims_are_refused(tmp_path, flag):
    with pytest.raises(GenbError, match=f"{flag}.*--camera-csv"):
        animation_file(tmp_path, [keyframe(0, hfov=50)], config={flag: True})


@pytest.mark.parametrize(
    "keyframes,reason",
    [
        ([], "keyframes"),
        ([keyframe(0, "ease", hfov=50)], "type"),
        ([keyframe(3), keyframe(3)], "frame_index must increase"),
        ([keyframe(0, hfov=0)], "hfov"),
        ([keyframe(0, camera_local={"x": 1, "y": 2})], "z"),
        ([keyframe(0, camera_local={"x": 1, "y": 2, "z": float("nan")})], "finite"),
        ([keyframe(0, lens=3)], "lens"),
    ],
)
def test_malformed_keyframes_are_named(tmp_path, keyframes, reason):
    with pytest.raises(GenbError, match=rf"(?s)seq_000000.*{reason}"):
        animation_file(tmp_path, keyframes)


def test_a_sequence_without_camera_or_lens_is_refused(tmp_path):
    file = animation_file(tmp_path, [keyframe(0)])
    with pytest.raises(GenbError, match="no camera for sequence seq_000009"):
        file.of("seq_000009")
    with pytest.raises(GenbError, match="camera_hfov"):
        lenses(file.of("seq_000000"), 3, 36.0, UnrealPose(), UnrealPose(), None)


def test_rendered_cameras(tmp_path):
    (tmp_path / "seq_000000_camera.csv").write_text(f"{CSV_HEADER}\n{CSV_ROW}\n")
    [lens], sensor = read_camera_csv(tmp_path).of("seq_000000", 1)
    pose = UnrealPose(5.058579, -9.743741, 168.953232, 1.468127, -2.905068, 2.813995)
    assert lens.pose == pose and sensor == (36.0, 20.25)
    # f / sensor width * 1280 is the focal length BEDLAM's labels have.
    focal_px = 640 / math.tan(math.radians(lens.hfov_deg) / 2)
    assert focal_px == pytest.approx(36.905 / 36 * 1280, rel=1e-12)


@pytest.mark.parametrize(
    "rows,reason",
    [
        ([CSV_ROW.replace("36.905", "wide")], "line 2: focal_length 'wide'"),
        ([CSV_ROW.replace("36.905", "0")], "line 2: a pose, focal length or sensor"),
        ([CSV_ROW.replace("_0000.png", "")], "line 2: name 'seq_000000'|no camera for"),
        ([CSV_ROW, CSV_ROW], "line 3: a second row for frame 0"),
        ([CSV_ROW.rpartition(",36,")[0]], "sensor_width"),
        ([CSV_ROW], "no camera for 1 of 2 frames of seq_000000 .first: 1"),
        ([CSV_ROW, CSV_ROW.replace("0000.png", "0001.png").replace(",36,", ",24,")], "sensor of"),
    ],
)
def test_damaged_rendered_cameras_are_named(tmp_path, rows, reason):
    path = tmp_path / "seq_000000_camera.csv"
    path.write_text("\n".join([CSV_HEADER, *rows]))
    with pytest.raises(GenbError, match=reason):
        read_camera_csv(path).of("seq_000000", 2)
