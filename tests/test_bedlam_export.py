"""Exported files: BEDLAM's formulas on them against our own scene, and every way round."""

import csv
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from bedlam_files import (
    V1,
    V2,
    bedlam_intrinsics,
    bedlam_vertices,
    random_motion,
    write_motions,
)

from pipeline.bedlam.be_seq import parse_be_seq
from pipeline.bedlam.camera_animations import read_camera_animations
from pipeline.bedlam.exporting import export_scenes
from pipeline.bedlam.importing import Sources, import_scenes
from pipeline.bedlam.shelf import PlacedClip, Shelf
from pipeline.body.frames import SUBJECT_FROM_BODY, transform_root
from pipeline.body.model import load_body_model
from pipeline.conventions import project, rotation_z, transform
from pipeline.errors import GenbError
from pipeline.scene import CameraSpec

TOLERANCE_M = 1e-5  # float32 vertices a few metres from the origin, evaluated twice
TOLERANCE_PX = 1e-3  # the same 1e-6 m at 2 m and 1000 px focal length, doubled
EXACT = 1e-9  # float64 through one decimal text and back
CLIP_FRAMES = 8

CAMERAS = [  # eye, target, roll: level, from below, from above and behind, portrait
    ((0.0, -5.0, 1.2), (0.0, 0.0, 1.2), 0.0),
    ((4.1, -2.2, 0.3), (-0.4, 0.3, 1.5), -3.0),
    ((-2.5, 4.0, 3.6), (0.2, -0.1, 0.7), 2.5),
    ((-3.3, -2.9, 1.7), (0.3, 0.2, 1.0), 91.0),
]


def placement(person, clip_origin=(0.3, -0.2)) -> np.ndarray:
    """T_world_subject (4, 4): a turn about a point of the clip that comes to the position."""
    T = np.eye(4)
    T[:3, :3] = rotation_z(person.yaw_deg)
    T[:3, 3] = [*person.position_m, person.height_m] - T[:3, :3] @ [*clip_origin, 0.0]
    return T


def clip_of(person) -> PlacedClip:
    pose, transl = random_motion(person.subject.motion.seed % 1000, CLIP_FRAMES)
    return PlacedClip(pose.astype(np.float32), transl.astype(np.float32), placement(person))


@pytest.fixture
def shelf():
    return Shelf(clip_of, "free-1")


@pytest.fixture(scope="module")
def scene(default_config, population):
    """A composed scene of ours with two people of any direction."""
    from pipeline.compose.casting import sample_subject

    members = [sample_subject(default_config, population, 3, k) for k in range(2)]
    return _made_scene(default_config, members)


def _made_scene(config, members):
    from pipeline.compose.look import sample_appearance, sample_light
    from pipeline.scene import PersonSpec, SceneSpec

    rng = np.random.default_rng(0)
    people = [
        PersonSpec(
            subject=subject,
            first_frame=k,
            position_m=(0.8 * k - 0.31, 0.57 - k),
            yaw_deg=130.0 * k + 33.3,
            height_m=0.25 * k,
            expression=[0.0] * 10,
            appearance=sample_appearance(rng, subject),
        )
        for k, subject in enumerate(members)
    ]
    return SceneSpec(
        scene=12,
        seed=3,
        frames=4,
        people=people,
        camera=_camera(*CAMERAS[1]),
        light=sample_light(rng, config.light),
    )


def _camera(eye, target, roll, vfov_deg=38.0):
    return CameraSpec(
        width=1280, height=720, vfov_deg=vfov_deg, eye_m=eye, target_m=target, roll_deg=roll
    )


def rows_of(out):
    with open(out / "be_seq.csv", newline="") as file:
        return list(csv.DictReader(file))


def numbers(row):
    return tuple(float(row[key]) for key in ("X", "Y", "Z", "Yaw", "Pitch", "Roll"))


def tokens(row):
    return dict(token.split("=") for token in row["Comment"].split(";"))


@pytest.mark.parametrize("which", range(len(CAMERAS)))
def test_bedlams_formulas_give_our_picture(tmp_path, shelf, scene, body_dir, which):
    """Rows and motion files through BEDLAM's labels; our world through T_cam_world and K."""
    spec = scene.model_copy(update={"camera": _camera(*CAMERAS[which])})
    export_scenes([spec], tmp_path, shelf)
    _, group, *bodies = rows_of(tmp_path)
    assert len(bodies) == len(spec.people)
    x, y, z, yaw, pitch, roll = numbers(group)
    K = bedlam_intrinsics(float(tokens(group)["camera_hfov"]))
    model = load_body_model(body_dir, num_betas=len(spec.people[0].subject.betas))
    for person, row in zip(spec.people, bodies, strict=True):
        subject, _, motion = row["Body"].rpartition("_")
        path = tmp_path / "motions" / subject / motion / "motion_seq.npz"
        with np.load(path, allow_pickle=False) as file:
            betas, poses, trans = file["betas"], file["poses"], file["trans"]
        bx, by, bz, body_yaw, body_pitch, body_roll = numbers(row)
        assert (body_pitch, body_roll) == (0.0, 0.0)
        start = int(tokens(row)["start_frame"])
        for k in range(0, spec.frames, 3):
            theirs = bedlam_vertices(
                model,
                (yaw, pitch, roll, (x, y, z)),
                (body_yaw, (bx, by, bz)),
                betas,
                poses[start + k],
                trans[start + k],
            )
            ours = transform(spec.camera.T_cam_world(), _world(model, person, start + k))
            assert np.abs(ours - theirs).max() < TOLERANCE_M
            assert np.abs(project(spec.camera.K(), ours) - project(K, theirs)).max() < TOLERANCE_PX


def _world(model, person, frame) -> np.ndarray:
    """World vertices (V, 3) of a frame of the person's clip, by our own convention."""
    betas, clip = np.array(person.subject.betas), clip_of(person)
    T = clip.T_world_subject
    pelvis = model.pelvis(betas)
    R, pose, transl = T[:3, :3] @ SUBJECT_FROM_BODY, clip.pose[frame], clip.transl[frame]
    root, moved = transform_root(R, T[:3, 3], pose[:3], transl, pelvis)
    whole = np.concatenate([root, pose[3:]])
    return model.evaluate(betas, whole[None], moved[None]).vertices[0].astype(float)


def test_a_sign_that_is_wrong_shows(tmp_path, shelf, scene, body_dir):
    """The picture test can fail: turning the body the other way moves it by centimetres."""
    export_scenes([scene], tmp_path, shelf)
    _, group, body, *_ = rows_of(tmp_path)
    x, y, z, yaw, pitch, roll = numbers(group)
    bx, by, bz, body_yaw, *_ = numbers(body)
    person = scene.people[0]
    model = load_body_model(body_dir, num_betas=len(person.subject.betas))
    clip = clip_of(person)
    arguments = (np.array(person.subject.betas), clip.pose[0].astype(float), clip.transl[0])
    camera = (yaw, pitch, roll, (x, y, z))
    ours = transform(scene.camera.T_cam_world(), _world(model, person, 0))
    for turned in (-body_yaw, body_yaw + 180, body_yaw + 1):
        theirs = bedlam_vertices(model, camera, (turned, (bx, by, bz)), *arguments)
        assert np.abs(ours - theirs).max() > 100 * TOLERANCE_M


@pytest.mark.parametrize("text", [V1, V2])
def test_bedlam_to_ours_to_bedlam_is_the_same_text(tmp_path, shelf, default_config, body_dir, text):
    motions = write_motions(tmp_path / "motions")
    (tmp_path / "be_seq.csv").write_text(text)
    scenes = import_scenes(tmp_path / "be_seq.csv", Sources(motions, default_config)).scenes
    out = tmp_path / "out"
    export_scenes(scenes, out, shelf)
    assert (out / "be_seq.csv").read_text() == text
    assert not (out / "be_camera_animations.json").exists()
    for row in parse_be_seq(text).rows:
        if row.kind == "Body":
            subject, _, motion = row.body.rpartition("_")
            nested = motions / subject / motion / "motion_seq.npz"
            source = nested if nested.exists() else motions / f"{row.body}.npz"
            copy = out / "motions" / subject / motion / "motion_seq.npz"
            assert copy.read_bytes() == source.read_bytes()


def test_values_survive_without_the_text(tmp_path, shelf, default_config, body_dir):
    """The numbers are recomputed, not only remembered: other texts of the same values agree."""
    motions = write_motions(tmp_path / "motions")
    (tmp_path / "be_seq.csv").write_text(V1)
    scenes = import_scenes(tmp_path / "be_seq.csv", Sources(motions, default_config)).scenes
    blank = [_without_numbers(spec) for spec in scenes]
    export_scenes(blank, tmp_path / "out", shelf)
    old, new = parse_be_seq(V1).rows, rows_of(tmp_path / "out")
    for row, back in zip(old, new, strict=True):
        if row.kind == "Comment":
            continue
        x, y, z, yaw, pitch, roll = numbers(back)
        pose = row.pose
        np.testing.assert_allclose([x, y, z], [pose.x, pose.y, pose.z], atol=EXACT)
        turn = np.array([yaw - pose.yaw, pitch - pose.pitch, roll - pose.roll])
        np.testing.assert_allclose((turn + 180) % 360 - 180, 0, atol=EXACT)


def _without_numbers(spec):
    """The scene as if its rows had held other numbers, tokens untouched."""

    def wiped(line):
        cells = line.split(",")
        if cells[1] != "Comment":
            cells[3:9] = ["9999.5", "9999.5", "9999.5", "77.0", "7.0", "7.0"]
        return ",".join(cells)

    people = [p.model_copy(update={"origin": wiped(p.origin)}) for p in spec.people]
    origin = "\n".join(wiped(line) for line in spec.origin.split("\n"))
    return spec.model_copy(update={"people": people, "origin": origin})


def test_an_edit_changes_its_own_numbers_only(tmp_path, shelf, default_config, body_dir):
    motions = write_motions(tmp_path / "motions")
    (tmp_path / "be_seq.csv").write_text(V2)
    [spec] = import_scenes(tmp_path / "be_seq.csv", Sources(motions, default_config)).scenes
    [person] = spec.people
    moved = person.model_copy(update={"position_m": (1.25, person.position_m[1])})
    export_scenes([spec.model_copy(update={"people": [moved]})], tmp_path / "out", shelf)
    expected = V2.replace("-30301.38,", "-30185.0,")
    assert (tmp_path / "out" / "be_seq.csv").read_text() == expected


def test_ours_to_bedlam_to_ours(tmp_path, shelf, scene, default_config):
    specs = [
        scene.model_copy(update={"scene": k, "camera": _camera(*camera, vfov_deg=20 + 10 * k)})
        for k, camera in enumerate(CAMERAS)
    ]
    export_scenes(specs, tmp_path, shelf)
    back = import_scenes(
        tmp_path / "be_seq.csv", Sources(tmp_path / "motions", default_config)
    ).scenes
    assert [spec.scene for spec in back] == [0, 1, 2, 3]
    for ours, theirs in zip(specs, back, strict=True):
        np.testing.assert_allclose(
            theirs.camera.T_cam_world(), ours.camera.T_cam_world(), atol=EXACT
        )
        np.testing.assert_allclose(theirs.camera.K(), ours.camera.K(), rtol=EXACT)
        assert theirs.light.hdri == ours.light.hdri and theirs.frames == ours.frames
        for a, b in zip(ours.people, theirs.people, strict=True):
            # A file's own place turns about the file's origin.
            np.testing.assert_allclose(placement(b, (0, 0)), placement(a), atol=EXACT)
            assert b.subject.betas == a.subject.betas
            assert round(b.subject.motion.start_s * 30) == a.first_frame
            with np.load(b.subject.motion.path) as file:
                np.testing.assert_array_equal(file["poses"], clip_of(a).pose)
                np.testing.assert_array_equal(file["trans"], clip_of(a).transl)


def test_moving_cameras_go_and_come_back(tmp_path, shelf, scene, default_config):
    path = [_camera((3.0 + 0.1 * k, -4.0, 1.5), (0.0, 0.1 * k, 1.0), 2.0 * k) for k in range(4)]
    moving = scene.model_copy(update={"camera": path[0], "camera_path": path})
    still = scene.model_copy(update={"scene": 13})
    export_scenes([moving, still], tmp_path, shelf)
    file = read_camera_animations(tmp_path / "be_camera_animations.json")
    frames = [key.frame_index for key in file.of("seq_000012").keyframes]
    assert frames == [-1, 0, 1, 2, 3, 4]  # lead and tail frame of motion blur
    sources = Sources(tmp_path / "motions", default_config, cameras=file)
    back = import_scenes(tmp_path / "be_seq.csv", sources).scenes
    for ours, theirs in zip((moving, still), back, strict=True):
        assert len(theirs.camera_path) == len(ours.camera_path)
        for k in range(4):
            np.testing.assert_allclose(
                theirs.camera_at(k).T_cam_world(), ours.camera_at(k).T_cam_world(), atol=EXACT
            )


def test_every_second_frame_plays_whole_in_bedlam(tmp_path, shelf, scene):
    export_scenes([scene.model_copy(update={"frame_step": 2})], tmp_path, shelf)
    assert tokens(rows_of(tmp_path)[1])["frames"] == "7"


def test_subjects_share_motion_files_and_names_never_clash(tmp_path, shelf, scene):
    """The same subject twice is one file; another subject of the same name is another."""
    other = scene.people[0].subject.model_copy(update={"age_years": 99.0})
    changed = scene.people[0].model_copy(update={"subject": other})
    second = scene.model_copy(update={"scene": 13, "people": [*scene.people, changed]})
    export_scenes([scene, second], tmp_path, shelf)
    bodies = [row["Body"] for row in rows_of(tmp_path) if row["Type"] == "Body"]
    names = [p.subject.subject for p in scene.people]
    twice = [f"{name}_0000" for name in names] * 2
    assert bodies == [*twice, f"{names[0]}_0001"]
    assert len(list((tmp_path / "motions").rglob("motion_seq.npz"))) == 3


def test_running_twice_writes_the_same_and_another_export_is_refused(tmp_path, scene):
    fresh = partial(Shelf, clip_of, "free-1")
    export_scenes([scene], tmp_path, fresh())
    before = {p: p.stat().st_ino for p in tmp_path.rglob("*.npz")}
    export_scenes([scene], tmp_path, fresh())
    assert {p: p.stat().st_ino for p in tmp_path.rglob("*.npz")} == before
    with pytest.raises(GenbError, match="another export"):
        export_scenes([scene.model_copy(update={"scene": 99})], tmp_path, fresh())


def test_what_bedlam_cannot_hold_is_said_or_refused(tmp_path, shelf, scene):
    square = scene.camera.model_copy(update={"width": 512, "height": 512})
    smiling = scene.people[0].model_copy(update={"expression": [0.5] * 10})
    odd = scene.model_copy(update={"camera": square, "people": [smiling]})
    notes = " ".join(export_scenes([odd], tmp_path / "a", shelf))
    assert "512 x 512" in notes and "expressions" in notes and "25 fps" in notes
    with pytest.raises(GenbError, match="seq_000012"):
        export_scenes([scene, scene], tmp_path / "b", shelf)
    kid = scene.people[0].subject.model_copy(update={"kid": True})
    child = scene.people[0].model_copy(update={"subject": kid})
    with pytest.raises(GenbError, match="kid template"):
        export_scenes([scene.model_copy(update={"people": [child]})], tmp_path / "c", shelf)
    bad = scene.people[0].subject.model_copy(update={"subject": "a/../b"})
    named = scene.people[0].model_copy(update={"subject": bad})
    with pytest.raises(GenbError, match="cannot be a BEDLAM name"):
        export_scenes([scene.model_copy(update={"people": [named]})], tmp_path / "d", shelf)
    with pytest.raises(GenbError, match="origin must be Comment rows and one Group"):
        lost = scene.model_copy(update={"origin": "0,Comment,None,0,0,0,0,0,0,x=1"})
        export_scenes([lost], tmp_path / "e", shelf)
    assert not (tmp_path / "e").exists()
    with pytest.raises(GenbError, match="must be a Body row"):
        person = scene.people[0].model_copy(update={"origin": "0,Comment,None,0,0,0,0,0,0,x=1"})
        export_scenes([scene.model_copy(update={"people": [person]})], tmp_path / "f", shelf)


def test_an_edited_motion_is_no_longer_the_file(tmp_path, default_config, body_dir):
    """Mirroring an imported motion gives it a motion file of its own, under a name of its own."""
    motions = write_motions(tmp_path / "motions")
    (tmp_path / "be_seq.csv").write_text(V2)
    [spec] = import_scenes(tmp_path / "be_seq.csv", Sources(motions, default_config)).scenes
    [person] = spec.people
    motion = person.subject.motion.model_copy(update={"mirrored": True})
    subject = person.subject.model_copy(update={"motion": motion})
    edited = person.model_copy(update={"subject": subject})

    def own_clip(person):
        return replace(clip_of(person), T_world_subject=placement(person, (0, 0)))

    out = tmp_path / "out"
    export_scenes([spec.model_copy(update={"people": [edited]})], out, Shelf(own_clip, "smplx"))
    row = rows_of(out)[-1]
    assert row["Body"] == "it_4001_XL_2400_0000" and tokens(row)["start_frame"] == "0"
    np.testing.assert_allclose(numbers(row)[:4], (-30301.38, 3120.004, 71.22, 159.7), atol=EXACT)
