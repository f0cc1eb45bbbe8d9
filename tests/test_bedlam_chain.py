"""BEDLAM in, through the real stages, BEDLAM out: posed and placed by the pipeline itself."""

import json

import numpy as np
import pytest
from bedlam_files import HEADER, bedlam_vertices, write_motion_file

from pipeline.bedlam.commands import export_files, import_files
from pipeline.body.model import load_body_model
from pipeline.body.posing import BODIES_FILE, MOTION_FILE, place_scene, pose_subject
from pipeline.cli import main
from pipeline.contracts import SceneBodies
from pipeline.conventions import transform
from pipeline.scene import read_scene
from pipeline.stages import Plan

TOLERANCE_M = 2e-5  # float32: a clip resampled, stored, and evaluated once more in the world
BODY, START, FRAMES = "anna_0001", 7, 4
TEXT = f"""{HEADER}
0,Comment,None,0,0,0,0,0,0,z_offset=25.0
1,Group,None,12.5,-30.0,165.0,4.0,-9.0,1.5,sequence_name=seq_000003;frames={FRAMES};hdri=city;camera_hfov=52;cameraroot_yaw=-20.0
2,Body,{BODY},420.0,-105.5,27.0,211.75,0.0,0.0,start_frame={START};texture_body=skin_f_asian_03_ALB
"""


def sway(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """poses (T, 165) and trans (T, 3): an upright body that sways, turns and walks off."""
    t = np.arange(frames) / 30
    poses = np.zeros((frames, 165))
    poses[:, 1] = 0.8 + 0.5 * t
    poses[:, 3 * 3 + 2] = 0.1 * np.sin(4 * t)
    poses[:, 3 * 16 + 2], poses[:, 3 * 17 + 2] = -1.0, 1.0
    trans = np.stack([0.6 + 0.8 * t, 1.05 + 0 * t, -0.4 + 0.3 * t], axis=1)
    return poses, trans


@pytest.fixture
def bedlam(tmp_path):
    """be_seq.csv and motions/ of one walking person of the free body."""
    poses, trans = sway(30)
    betas = np.linspace(-0.8, 0.8, 16)
    path = tmp_path / "motions" / "anna" / "0001" / "motion_seq.npz"
    write_motion_file(path, 0, poses=poses, trans=trans, betas=betas)
    (tmp_path / "be_seq.csv").write_text(TEXT)
    return tmp_path


def as_the_file_is(config):
    """The configuration without lively hands and eyes, which BEDLAM does not add."""
    motion = config.motion.model_copy(update={"fill_hands": False, "fill_gaze": False})
    return config.model_copy(update={"motion": motion})


def test_the_stages_place_bodies_where_bedlam_does(bedlam, default_config, body_dir):
    config = as_the_file_is(default_config)
    [path], _ = import_files(bedlam / "be_seq.csv", bedlam / "motions", bedlam / "scenes", config)
    spec = read_scene(path)
    plan = Plan(config, 0, bedlam / "run")
    subject = spec.people[0].subject
    folder = plan.subject_dir("pose", subject)
    folder.mkdir(parents=True)
    pose_subject(plan, subject, folder)
    assert (folder / MOTION_FILE).exists()
    place_scene(plan, spec, bedlam)
    bodies = SceneBodies.load(bedlam / BODIES_FILE)

    model = load_body_model(body_dir, num_betas=16)
    poses, trans = sway(30)
    turn = np.radians(-20.0)
    x, y = 12.5 * np.cos(turn) + 30 * np.sin(turn), 12.5 * np.sin(turn) - 30 * np.cos(turn)
    camera = (4.0 - 20.0, -9.0, 1.5, (x, y, 165.0))
    place = (211.75, (420.0, -105.5, 27.0))
    for k in range(FRAMES):
        theirs = bedlam_vertices(
            model, camera, place, np.linspace(-0.8, 0.8, 16), poses[START + k], trans[START + k]
        )
        ours = transform(spec.camera_at(k).T_cam_world(), bodies.vertices[k, 0].astype(float))
        assert np.abs(ours - theirs).max() < TOLERANCE_M


def test_both_commands(bedlam, capsys):
    """The two commands as typed: the table comes back letter by letter."""
    arguments = ["--motions", bedlam / "motions", "--out", bedlam / "scenes"]
    assert _run("bedlam-import", bedlam / "be_seq.csv", *arguments) == 0
    scene = bedlam / "scenes" / "scene_000003.json"
    assert "genb scene" in capsys.readouterr().out and scene.exists()
    assert _run("bedlam-export", scene, "--out", bedlam / "back") == 0
    assert (bedlam / "back" / "be_seq.csv").read_text() == TEXT


def test_a_partly_refused_table_says_so(bedlam, capsys):
    lost = TEXT.splitlines()[2:]
    more = [
        lost[0].replace("1,", "3,", 1).replace("000003", "000004"),
        lost[1].replace("2,", "4,", 1),
    ]
    more[1] = more[1].replace(BODY, "nobody_0001")
    (bedlam / "be_seq.csv").write_text(TEXT + "\n".join([*more, ""]))
    arguments = ["--motions", bedlam / "motions", "--out", bedlam / "scenes"]
    assert _run("bedlam-import", bedlam / "be_seq.csv", *arguments) == 1
    assert "refused" in capsys.readouterr().err
    assert [p.name for p in (bedlam / "scenes").iterdir()] == ["scene_000003.json"]
    (bedlam / "be_seq.csv").write_text(HEADER + "\n")
    assert _run("bedlam-import", bedlam / "be_seq.csv", *arguments) == 2
    assert "no Group row" in capsys.readouterr().err


def test_a_library_motion_is_posed_for_export(bedlam, default_config, body_dir):
    """A person of ours: the pose stage makes the clip, and its file gives the placed body."""
    [path], _ = import_files(
        bedlam / "be_seq.csv", bedlam / "motions", bedlam / "scenes", default_config
    )
    data = json.loads(path.read_text())
    data["origin"] = data["people"][0]["origin"] = ""
    person = data["people"][0]
    keep = {"frames": 6, "fps": 30.0, "seed": 4, "name": "wave"}
    person["subject"]["motion"] = keep
    person["first_frame"] = 1
    path.write_text(json.dumps(data))
    spec = read_scene(path)
    out = bedlam / "out"
    export_files([path], out, default_config)
    plan = Plan(default_config, 0, out)
    place_scene(plan, spec, out)
    world = SceneBodies.load(out / BODIES_FILE).vertices

    row = (out / "be_seq.csv").read_text().splitlines()[-1].split(",")
    group = (out / "be_seq.csv").read_text().splitlines()[-2].split(",")
    x, y, z, yaw, pitch, roll = map(float, group[3:9])
    bx, by, bz, body_yaw, *_ = map(float, row[3:9])
    assert row[-1] == "start_frame=1"
    subject, _, motion = row[2].rpartition("_")
    with np.load(out / "motions" / subject / motion / "motion_seq.npz") as file:
        betas, poses, trans = file["betas"], file["poses"], file["trans"]
    model = load_body_model(body_dir, num_betas=16)
    for k in range(FRAMES):
        theirs = bedlam_vertices(
            model,
            (yaw, pitch, roll, (x, y, z)),
            (body_yaw, (bx, by, bz)),
            betas,
            poses[1 + k],
            trans[1 + k],
        )
        ours = transform(spec.camera.T_cam_world(), world[k, 0].astype(float))
        assert np.abs(ours - theirs).max() < TOLERANCE_M


def _run(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code
