"""Subjects in motion and in the world: library and files, own ground, refusals, both evaluators."""

import subprocess
import sys

import numpy as np
import pytest
from posed_cast import PosedCast
from scipy.spatial.transform import Rotation

from pipeline.body.model import load_body_model
from pipeline.body.posing import move_subject, place_scene, pose_subject
from pipeline.config import MotionSource, load_config
from pipeline.contracts import SceneBodies
from pipeline.errors import SceneRejected
from pipeline.motion.library import make_motion
from pipeline.scene import MotionSpec
from pipeline.stages import Plan

FPS = 30.0
AWAY = np.array([3.0, 0.4, -2.0])


@pytest.fixture(scope="module")
def cast(default_config, body_dir, tmp_path_factory):
    return PosedCast(default_config, 0, tmp_path_factory.mktemp("cast"))


@pytest.fixture(scope="module")
def plan(cast):
    return cast.plan


@pytest.fixture
def subject(cast):
    return cast.member(0)


def bedlam_file(path, model, betas, frames=50):
    """A BEDLAM motion file (Y up) of a walk that starts far from the origin, turned about."""
    walk = make_motion("walk", np.random.default_rng(4), FPS, frames, model.rest_joints(betas))
    pose = walk.pose.astype(float)
    turn = Rotation.from_rotvec([0, 0.9, 0])
    pose[:, :3] = (turn * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    trans = turn.apply(walk.transl) + AWAY
    np.savez(
        path, poses=pose, trans=trans, betas=betas, gender="neutral", mocap_frame_rate=FPS,
        motion_info=np.array(["walk", "0", "x", "30", "0", "1"]),
    )  # fmt: skip
    return pose, trans


def spec_of_file(path, **changes):
    fields = {
        "name": path.stem, "seed": 1, "frames": 12, "fps": FPS, "path": str(path),
        "format": "bedlam", "start_s": 0.5,
    } | changes  # fmt: skip
    return MotionSpec(**fields)


def test_a_clip_keeps_its_files_own_place_when_asked(plan, subject, tmp_path):
    betas = np.array(subject.betas)
    model = load_body_model(plan.body_dir, subject.gender, len(betas))
    pose, trans = bedlam_file(tmp_path / "m.npz", model, betas)
    motion = spec_of_file(tmp_path / "m.npz", ground="file", heading="file")
    moved, found = move_subject(plan, subject.model_copy(update={"motion": motion}))
    direct = model.evaluate(betas, pose[15:27], trans[15:27])
    z_up = np.stack(
        [direct.vertices[..., 0], -direct.vertices[..., 2], direct.vertices[..., 1]], axis=-1
    )
    # float32 at 3 m from the origin resolves 0.2 micrometres; rotations add some.
    assert np.abs(moved.clip - z_up).max() < 1e-5
    assert not found.faults


def test_a_clip_is_set_on_the_ground_otherwise(plan, subject, tmp_path):
    from pipeline.garments.measures import SHOE_SOLE_M

    betas = np.array(subject.betas)
    model = load_body_model(plan.body_dir, subject.gender, len(betas))
    bedlam_file(tmp_path / "m.npz", model, betas)
    motion = spec_of_file(tmp_path / "m.npz")
    moved, _ = move_subject(plan, subject.model_copy(update={"motion": motion}))
    lowest_m = moved.clip[..., 2].min(axis=1) - SHOE_SOLE_M
    assert np.percentile(lowest_m, 10) == pytest.approx(0, abs=1e-5)
    assert moved.ground_gap_mm == pytest.approx(1000 * lowest_m, abs=0.01)
    nose = moved.joints[0, 55] - moved.joints[0, 15]
    assert abs(np.degrees(np.arctan2(nose[0], -nose[1]))) < 40  # facing -Y


def test_people_of_a_scene_stand_where_the_file_says(plan, subject, cast, tmp_path):
    betas = np.array(subject.betas)
    model = load_body_model(plan.body_dir, subject.gender, len(betas))
    bedlam_file(tmp_path / "m.npz", model, betas)
    motion = spec_of_file(tmp_path / "m.npz", ground="file", heading="file")
    subject = subject.model_copy(update={"motion": motion})
    folder = plan.subject_dir("pose", subject)
    folder.mkdir(parents=True, exist_ok=True)
    pose_subject(plan, subject, folder)
    scene = cast.compose(0)
    person = scene.people[0].model_copy(
        update={
            "subject": subject, "first_frame": 2, "position_m": (1.5, -0.5), "yaw_deg": 70.0,
            "height_m": 0.25, "gaze_m": None, "expression": [0.0] * 10,
        }
    )  # fmt: skip
    scene = scene.model_copy(update={"people": [person], "frames": 3, "frame_step": 4})
    place_scene(plan, scene, tmp_path)
    bodies = SceneBodies.load(tmp_path / "bodies.npz")
    moved, _ = cast.posed(subject)
    R = Rotation.from_euler("z", 70, degrees=True).as_matrix()
    expected = moved.clip[[2, 6, 10]] @ R.T + [1.5, -0.5, 0.25]
    assert np.abs(bodies.vertices[:, 0] - expected).max() < 3e-5
    assert bodies.ground_gap_mm[:, 0] == pytest.approx(moved.ground_gap_mm[[2, 6, 10]])


def test_a_look_into_the_camera_moves_only_the_eyes(plan, cast, tmp_path):
    scene = next(
        s for s in map(cast.compose, range(40)) if any(p.gaze_m is not None for p in s.people)
    )
    k = next(i for i, p in enumerate(scene.people) if p.gaze_m is not None)
    plain = [p.model_copy(update={"gaze_m": None}) for p in scene.people]
    for name, spec in (("a", scene), ("b", scene.model_copy(update={"people": plain}))):
        (tmp_path / name).mkdir()
        place_scene(plan, spec, tmp_path / name)
    looking, straight = (SceneBodies.load(tmp_path / n / "bodies.npz") for n in "ab")
    changed = np.flatnonzero(np.abs(looking.pose_world[0, k] - straight.pose_world[0, k]) > 1e-9)
    assert len(changed) and set(changed) <= set(range(69, 75))
    others = np.delete(np.arange(len(scene.people)), k)
    quiet = [i for i in others if scene.people[i].gaze_m is None]
    assert np.array_equal(looking.vertices[:, quiet], straight.vertices[:, quiet])


def folder_of_motions(folder, model, betas):
    folder.mkdir()
    bedlam_file(folder / "good.npz", model, betas)
    with np.load(folder / "good.npz") as good:
        arrays = dict(good)
    np.savez(folder / "nan.npz", **{**arrays, "trans": np.full((50, 3), np.nan)})
    np.savez(folder / "wide.npz", **{**arrays, "poses": np.zeros((50, 72))})
    float_up = arrays["trans"] + np.linspace(0, 1.5, 50)[:, None] * [0, 1, 0]
    np.savez(folder / "floats.npz", **{**arrays, "trans": float_up})
    return folder


def test_bad_motion_files_are_refused_by_name_and_the_cast_goes_on(
    default_config, plan, subject, tmp_path
):
    betas = np.array(subject.betas)
    model = load_body_model(plan.body_dir, subject.gender, len(betas))
    folder = folder_of_motions(tmp_path / "motions", model, betas)
    source = MotionSource(kind="bedlam", folder=str(folder))
    section = default_config.motion.model_copy(update={"sources": [source]})
    config = default_config.model_copy(update={"motion": section})
    cast = PosedCast(config, 0, tmp_path / "out")
    members = [cast.member(i) for i in range(4)]
    assert all(members), "\n".join(cast.refused)
    assert {m.motion.name for m in members} == {"good"}
    reasons = "\n".join(cast.refused)
    assert "nan" in reasons and "not finite" in reasons
    assert "floats" in reasons and "float_mm" in reasons
    from pipeline.compose.audition import motions_refused

    listed = motions_refused(cast.plan)
    assert [row["motion"] for row in listed] == ["wide"] and "72" in listed[0]["reason"]


def test_an_implausible_clip_is_rejected_with_its_figure(default_config, body_dir, tmp_path):
    strict = default_config.plausibility.model_copy(update={"max_self_penetration_mm": 0.0})
    config = default_config.model_copy(update={"plausibility": strict})
    cast = PosedCast(config, 0, tmp_path)
    plan = Plan(config, 0, tmp_path)
    crossed = MotionSpec(name="arms_crossed", seed=1, frames=4, fps=25.0)
    from pipeline.compose.casting import sample_subject

    subject = sample_subject(config, cast.population, 0, 0)
    subject = subject.model_copy(update={"motion": crossed})
    with pytest.raises(SceneRejected, match="arms_crossed is not plausible: self_penetration_mm"):
        pose_subject(plan, subject, tmp_path)


_WITHOUT_SMPLX = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from posed_cast import PosedCast
from pipeline.config import load_config
config = load_config("genb")
body = config.body.model_copy(update={{"evaluator": "numpy"}})
cast = PosedCast(config.model_copy(update={{"body": body}}), 0, Path({out!r}))
motion, _ = cast.posed(cast.member(0))
motion.save(Path({out!r}) / "numpy.npz")
print([name for name in sys.modules if name.split(".")[0] == "smplx"])
"""


def test_the_numpy_evaluator_serves_without_smplx(cast, subject, tmp_path):
    from pathlib import Path

    from pipeline.contracts import SubjectMotion

    code = _WITHOUT_SMPLX.format(tests=str(Path(__file__).parent), out=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
    ours, theirs = SubjectMotion.load(tmp_path / "numpy.npz"), cast.posed(subject)[0]
    # The evaluators agree to 0.01 mm (tests/test_body_model.py).
    assert np.abs(ours.clip - theirs.clip).max() < 2e-5


def test_configurations_choose_the_evaluator():
    assert load_config("genb").body.evaluator == "smplx"
