"""Imported scenes: BEDLAM's formulas on its files against ours on the SceneSpec, same picture."""

import json

import numpy as np
import pytest
from bedlam_files import (
    BODIES,
    V1,
    V2,
    bedlam_intrinsics,
    bedlam_vertices,
    random_motion,
    write_motion_file,
    write_motions,
)

from pipeline.bedlam.be_seq import parse_be_seq
from pipeline.bedlam.camera_animations import read_camera_animations
from pipeline.bedlam.camera_csv import read_camera_csv
from pipeline.bedlam.importing import Sources, import_scenes
from pipeline.bedlam.people import ANCESTRIES, ancestry_of
from pipeline.body.frames import SUBJECT_FROM_BODY, transform_root
from pipeline.body.model import load_body_model
from pipeline.conventions import project, rotation_z, transform
from pipeline.errors import GenbError
from pipeline.scene import SceneSpec

TOLERANCE_M = 1e-5  # float32 vertices a few metres from the origin, evaluated twice
TOLERANCE_PX = 1e-3  # the same 1e-6 m at 2 m and 1000 px focal length, doubled


@pytest.fixture
def sources(tmp_path, default_config, body_dir):
    return Sources(write_motions(tmp_path / "motions"), default_config)


def imported(tmp_path, text, sources):
    (tmp_path / "be_seq.csv").write_text(text)
    return import_scenes(tmp_path / "be_seq.csv", sources)


def world_camera(sequence):
    """(yaw, pitch, roll, (X, Y, Z)) of a Group row on its root, Unreal world."""
    tokens, pose = sequence.group.tokens, sequence.group.pose
    root = [float(tokens.get(f"cameraroot_{axis}", 0)) for axis in "xyz"]
    turn = np.radians(float(tokens.get("cameraroot_yaw", 0)))
    x = root[0] + np.cos(turn) * pose.x - np.sin(turn) * pose.y
    y = root[1] + np.sin(turn) * pose.x + np.cos(turn) * pose.y
    return np.degrees(turn) + pose.yaw, pose.pitch, pose.roll, (x, y, root[2] + pose.z)


def our_vertices(model, person, poses, trans):
    """World vertices (V, 3): the agreed reading of ground = heading = "file"."""
    betas = np.array(person.subject.betas)
    R = rotation_z(person.yaw_deg) @ SUBJECT_FROM_BODY
    t = np.array([*person.position_m, person.height_m])
    root, moved = transform_root(R, t, poses[:3], trans, model.pelvis(betas))
    pose = np.concatenate([root, poses[3:]])
    return model.evaluate(betas, pose[None], moved[None]).vertices[0].astype(float)


@pytest.mark.parametrize("text", [V1, V2])
def test_bodies_and_cameras_are_bedlams(tmp_path, sources, body_dir, text):
    scenes = imported(tmp_path, text, sources).scenes
    sequences = parse_be_seq(text).sequences
    assert len(scenes) == len(sequences)
    model = load_body_model(body_dir, num_betas=11)
    for spec, sequence in zip(scenes, sequences, strict=True):
        K = bedlam_intrinsics(float(sequence.group.tokens["camera_hfov"]))
        np.testing.assert_allclose(spec.camera.K(), K, atol=1e-9)
        assert spec.frames == sequence.frames and not spec.camera_path
        for person, row in zip(spec.people, sequence.bodies, strict=True):
            poses, trans = random_motion(BODIES.index(row.body), 40)
            start = int(row.tokens["start_frame"])
            assert person.subject.motion.start_s * 30 == pytest.approx(start, abs=1e-9)
            assert person.subject.motion.frames == sequence.frames
            place = (row.pose.yaw, (row.pose.x, row.pose.y, row.pose.z))
            for frame in (start, start + sequence.frames - 1):
                theirs = bedlam_vertices(
                    model,
                    world_camera(sequence),
                    place,
                    np.array(person.subject.betas),
                    poses[frame],
                    trans[frame],
                )
                world = our_vertices(model, person, poses[frame], trans[frame])
                ours = transform(spec.camera.T_cam_world(), world)
                assert np.abs(ours - theirs).max() < TOLERANCE_M
                assert theirs[:, 2].min() > 0.2, "the body of this test stands before the camera"
                moved_px = project(K, ours) - project(K, theirs)
                assert np.abs(moved_px).max() < TOLERANCE_PX


def test_the_stage_comes_to_our_origin(tmp_path, sources):
    """BEDLAM2's stage of V2 is 300 m from Unreal's origin; ours is its root, on the ground."""
    [spec] = imported(tmp_path, V2, sources).scenes
    [person] = spec.people
    np.testing.assert_allclose(person.position_m, (0.0862, -1.20004), atol=1e-12)
    assert person.height_m == pytest.approx(0.0072, abs=1e-12)  # the sole of the shoe
    assert person.yaw_deg == -159.7
    # The camera hangs on the root, 4 m behind it and 1 m above; the root is on the ground.
    np.testing.assert_allclose(spec.camera.eye_m, (-4.0, 0, 1.0), atol=1e-12)


def test_ground_of_the_first_bedlam_is_its_offset(tmp_path, sources):
    first, second = imported(tmp_path, V1, sources).scenes
    assert [p.height_m for p in (*first.people, *second.people)] == [0.0] * 3
    assert first.camera.eye_m[2] == pytest.approx(1.70 - 0.125, abs=1e-12)


def test_what_is_known_is_used_and_the_rest_is_said(tmp_path, sources):
    first, second = imported(tmp_path, V1, sources).scenes
    aaron, ann = first.people
    assert aaron.subject.ancestry == ANCESTRIES["african"] and aaron.subject.sex == "male"
    assert ann.subject.ancestry == ANCESTRIES["indian"] and ann.subject.sex == "female"
    assert aaron.subject.motion.action == "turn" and aaron.subject.motion.format == "bedlam"
    assert aaron.subject.motion.heading == aaron.subject.motion.ground == "file"
    assert aaron.subject.outfit and len(aaron.appearance.garment_seeds) == len(aaron.subject.outfit)
    assert first.light.hdri == "courtyard"
    assert second.light.hdri != "nowhere_4k" and any("nowhere_4k" in n for n in second.notes)
    assert (first.camera.width, first.camera.height) == (1280, 720)
    assert second.camera.roll_deg == pytest.approx(88.75)  # portrait stays as it was stored
    assert (first.scene, second.scene) == (0, 1)
    assert SceneSpec.model_validate(json.loads(first.model_dump_json())) == first


def test_betas_come_from_the_file(tmp_path, sources):
    [spec] = imported(tmp_path, V2, sources).scenes
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(spec.people[0].subject.betas, rng.normal(0, 1, 11))


def test_people_of_a_scene_have_equally_many_betas(tmp_path, sources):
    path = sources.motions / "rp_ann_posed_001/1038/motion_seq.npz"
    write_motion_file(path, 1, betas=np.arange(1.0, 11.0))
    [first, _] = imported(tmp_path, V1, sources).scenes
    assert [len(p.subject.betas) for p in first.people] == [11, 11]
    assert first.people[1].subject.betas[9:] == [10.0, 0.0]


def test_sequences_do_not_depend_on_each_other(tmp_path, sources):
    together = imported(tmp_path, V1, sources).scenes
    lines = V1.splitlines(keepends=True)
    [alone] = imported(tmp_path, "".join(lines[:2] + lines[5:]), sources).scenes
    assert alone == together[1]
    other = imported(tmp_path, V1, Sources(sources.motions, sources.config, seed=1)).scenes
    assert other[0].people[0].appearance != together[0].people[0].appearance


def test_bodies_without_a_usable_motion_are_left_out_and_listed(tmp_path, sources):
    (sources.motions / "rp_aaron_posed_002/1000/motion_seq.npz").unlink()
    found = imported(tmp_path, V1, sources)
    [note] = [n for n in found.scenes[0].notes if "left out" in n]
    assert note.startswith("rp_aaron_posed_002_1000 is left out: no motion file")
    assert [p.subject.subject for p in found.scenes[0].people] == ["rp_ann_posed_001_1038"]
    assert not found.refused


@pytest.mark.parametrize(
    "spoil,reason",
    [
        (lambda path: path.write_bytes(b"not a zip"), "damaged"),
        (lambda path: write_motion_file(path, 1, frames=3), "beyond its motion"),
        (lambda path: write_motion_file(path, 1, poses=np.zeros((40, 72))), "poses"),
        (lambda path: write_motion_file(path, 1, betas=np.array([None])), "pickled"),
        (lambda path: path.unlink(), "no motion file"),
    ],
)
def test_a_scene_without_any_body_is_refused_by_name(tmp_path, sources, spoil, reason):
    spoil(sources.motions / "rp_ann_posed_001/1038/motion_seq.npz")
    found = imported(tmp_path, V1, sources)
    assert [spec.scene for spec in found.scenes] == [0]
    [refused] = found.refused
    assert "seq_000001" in refused and "rp_ann_posed_001_1038" in refused and reason in refused


def test_nothing_to_import_is_an_error(tmp_path, sources):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(GenbError, match=r"(?s)seq_000000.*seq_000001"):
        imported(tmp_path, V1, Sources(empty, sources.config))
    with pytest.raises(GenbError, match="--motions"):
        imported(tmp_path, V1, Sources(tmp_path / "none", sources.config))


def test_a_lens_that_is_not_given_is_not_invented(tmp_path, sources):
    text = V2.replace("camera_hfov=52;", "")
    with pytest.raises(GenbError, match="--camera-csv"):
        imported(tmp_path, text, sources)
    with pytest.raises(GenbError, match="straight up or down"):
        imported(tmp_path, V2.replace("100.0,0.0,0.0,0.0", "100.0,0.0,-90.0,0.0"), sources)


def test_moving_cameras(tmp_path, sources):
    """A dolly of 60 cm over frames -1 .. 6 beside the stage's root, every second frame."""
    root = {"x": -30310.0, "y": 3000.0, "z": 170.5, "yaw": 0.0, "pitch": 0.0}
    keyframes = [
        {
            "frame_index": frame,
            "hfov": 52.0,
            "cameraroot": root,
            "camera_local": {"x": x, "y": 0.0, "z": 0.0},
            "type": "linear",
        }
        for frame, x in ((-1, -400.0), (6, -330.0))
    ]
    path = tmp_path / "be_camera_animations.json"
    path.write_text(json.dumps({"info": {}, "seq_000007": {"keyframes": keyframes}}))
    moving = Sources(
        sources.motions, sources.config, cameras=read_camera_animations(path), frame_step=2
    )
    [spec] = imported(tmp_path, V2, moving).scenes
    assert (spec.frames, spec.frame_step, len(spec.camera_path)) == (3, 2, 3)
    eyes = [camera.eye_m for camera in spec.camera_path]
    np.testing.assert_allclose(eyes, [(-3.9, 0, 1), (-3.7, 0, 1), (-3.5, 0, 1)], atol=1e-12)
    assert spec.camera == spec.camera_path[0]


def test_rendered_cameras_are_taken_as_they_are(tmp_path, sources):
    head = "name,x,y,z,yaw,pitch,roll,focal_length,sensor_width,sensor_height,hfov"
    rows = [f"seq_000007_{k:04d}.png,-30300,3010,170.5,{k},-5,1.5,50,36,20.25,39" for k in range(6)]
    (tmp_path / "seq_000007_camera.csv").write_text("\n".join([head, *rows]))
    rendered = read_camera_csv(tmp_path / "seq_000007_camera.csv")
    [spec] = imported(
        tmp_path, V2, Sources(sources.motions, sources.config, cameras=rendered)
    ).scenes
    assert len(spec.camera_path) == 6
    np.testing.assert_allclose(spec.camera_path[4].eye_m, (0.1, -0.1, 1.0), atol=1e-12)
    assert spec.camera_path[4].K()[0, 0] == pytest.approx(50 / 36 * 1280)


def test_a_sensor_that_would_squeeze_the_picture_is_refused(tmp_path, sources):
    path = tmp_path / "be_camera_animations.json"
    keyframes = [{"frame_index": 0, "hfov": 52.0, "type": "linear"}]
    config = {"sensor_width": 36, "sensor_height": 24}
    data = {"info": {"config": config}, "seq_000007": {"keyframes": keyframes}}
    path.write_text(json.dumps(data))
    odd = Sources(sources.motions, sources.config, cameras=read_camera_animations(path))
    with pytest.raises(GenbError, match="square pixels"):
        imported(tmp_path, V2, odd)


def test_skin_names():
    assert ancestry_of("skin_f_white_07_ALB") == ANCESTRIES["white"]
    assert ancestry_of("moyo_skin_m_seasian_02b_ALB") == ANCESTRIES["seasian"]
    assert ancestry_of("Female_Skin_Preset_0001") is None and ancestry_of("") is None
    assert all(sum(weights) == pytest.approx(1) for weights in ANCESTRIES.values())
