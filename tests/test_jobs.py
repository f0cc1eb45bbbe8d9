"""Stage processes: crashes, refusals and silence are told apart and lose nothing finished.

The processes that die here are real ones and really kill themselves.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline import jobs, stage_process
from pipeline.config import load_config
from pipeline.errors import SceneRejected
from pipeline.jobs import Job, rejection, run_scenes
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.stage_process import StageFailed, run_stage
from pipeline.stages import Plan
from pipeline.storage import write_json

STAGE = """
import os, signal, sys, time
from pathlib import Path
from pipeline.jobs import run_scenes, stage_main
from pipeline.errors import GenbError, SceneRejected
from pipeline.storage import write_bytes

DIARY = Path(__file__).with_name("diary")
SEGFAULT = signal.SIGSEGV


def note(word):
    with open(DIARY, "a") as file:
        file.write(f"{word} ")


def times(word):
    return DIARY.read_text().split().count(str(word)) if DIARY.exists() else 0


def die(signal_number):
    os.kill(os.getpid(), signal_number)
    time.sleep(60)


def produce(scene, folder):
    note(scene)
    act(scene, folder)
    (folder / "made").write_text(f"scene {scene}")
"""


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan(load_config("smoke"), 0, tmp_path)


@pytest.fixture
def subject() -> SubjectSpec:
    return SubjectSpec(
        subject="test",
        gender="neutral",
        sex="female",
        age_years=30,
        ancestry=(0.2, 0.2, 0.6),
        betas=[0.0],
        motion=MotionSpec(name="idle", seed=1, frames=3, fps=25.0),
        outfit=[],
    )


def stage_module(monkeypatch, tmp_path: Path, body: str) -> None:
    """Make the stage `compose` run a module with the given body."""
    (tmp_path / "a_stage.py").write_text(body)
    monkeypatch.setitem(stage_process.MODULES, "compose", "a_stage")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def scene_stage(monkeypatch, tmp_path: Path, act: str, main: str = "", resumable=False) -> None:
    """A stage that notes each scene in a diary, does `act` (code over scene and folder) and writes
    one file; `main` is code before its first scene."""
    body = "".join(f"    {line}\n" for line in act.splitlines())
    run = f"lambda job: run_scenes(job, produce, resumable={resumable})"
    text = (
        f"{STAGE}\n\ndef act(scene, folder):\n{body}\n\nnote('start')\n{main}\nstage_main({run})\n"
    )
    stage_module(monkeypatch, tmp_path, text)


def diary(tmp_path: Path) -> str:
    return (tmp_path / "diary").read_text().strip()


def made(plan: Plan, scene: int) -> dict[str, bytes]:
    """Content of a scene's folder by name."""
    return {p.name: p.read_bytes() for p in sorted(plan.scene_dir("compose", scene).iterdir())}


def nothing_else(plan: Plan, scenes: int) -> bool:
    """Whether a stage's folder holds the finished scenes and no left-overs."""
    names = sorted(p.name for p in plan.stage_dir("compose").iterdir())
    return names == [f"scene_{scene:06d}" for scene in range(scenes)]


def impatient(plan: Plan, limit_s: float) -> Plan:
    execution = plan.config.execution.model_copy(update={"scene_time_limit_s": limit_s})
    return Plan(plan.config.model_copy(update={"execution": execution}), plan.seed, plan.out)


def run(plan: Plan, scenes: int) -> list[str]:
    """Run the block of scenes 0 ... scenes - 1; returns what the user was told."""
    told: list[str] = []
    run_stage(Job("compose", plan, scenes=tuple(range(scenes))), "block", told.append)
    return told


def test_a_crash_names_its_signal_and_how_to_replay(monkeypatch, tmp_path, plan):
    stage_module(monkeypatch, tmp_path, "import os; print('[x] last words'); os.abort()")
    with pytest.raises(StageFailed) as caught:
        run_stage(Job("compose", plan, scenes=(0,)), "label", lambda line: None)
    message = str(caught.value)
    assert "SIGABRT" in message and "last words" in message
    assert "python -m a_stage" in message and "label.job.json" in message


def test_a_refusal_is_passed_on_as_it_is(monkeypatch, tmp_path, plan):
    body = "import sys; print('ERROR: no such thing', file=sys.stderr); sys.exit(2)"
    stage_module(monkeypatch, tmp_path, body)
    with pytest.raises(StageFailed, match="^no such thing$"):
        run_stage(Job("compose", plan), "label", lambda line: None)


def comes_to_an_end(pid: int) -> bool:
    """Whether a process is dead; one that was killed may take a moment to be it."""
    for _ in range(200):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def test_a_silent_stage_is_killed_with_its_children(monkeypatch, tmp_path, plan):
    body = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(p.pid, flush=True); time.sleep(600)\n"
    )
    stage_module(monkeypatch, tmp_path, body)
    with pytest.raises(StageFailed, match="no sign of life for 2 s"):
        run_stage(Job("compose", impatient(plan, 2.0)), "label", lambda line: None)
    child = int((tmp_path / "work/logs/label.log").read_text().split()[0])
    assert comes_to_an_end(child)


def test_a_rejected_scene_is_recorded_and_the_rest_goes_on(plan):
    def produce(scene: int, folder: Path) -> None:
        (folder / "half").write_text("x")
        if scene == 1:
            raise SceneRejected("not good enough")

    run_scenes(Job("compose", plan, scenes=(0, 1, 2)), produce)
    assert rejection(plan.scene_dir("compose", 0)) is None
    reason = {"stage": "compose", "reason": "not good enough"}
    assert rejection(plan.scene_dir("compose", 1)) == reason
    assert [p.name for p in plan.scene_dir("compose", 1).iterdir()] == ["rejected.json"]
    assert plan.scene_dir("compose", 2).exists()


def test_finished_scenes_are_not_produced_again(plan):
    made = []

    def produce(scene: int, folder: Path) -> None:
        made.append(scene)
        if scene == 1 and len(made) == 2:
            raise RuntimeError("crash")

    job = Job("compose", plan, scenes=(0, 1, 2))
    with pytest.raises(RuntimeError):
        run_scenes(job, produce)
    assert not plan.scene_dir("compose", 1).exists()
    run_scenes(job, produce)
    assert made == [0, 1, 1, 2]


def test_job_files_round_trip(plan, tmp_path):
    job = Job("render", plan, scenes=(3, 4))
    write_json(tmp_path / "job.json", job.to_json())
    back = jobs.read_job(tmp_path / "job.json")
    assert back.scenes == job.scenes and back.plan == plan
    assert sys.executable


def test_a_scene_that_crashed_once_is_made_by_a_fresh_process(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "if scene == 1 and times(1) == 1: die(SEGFAULT)")
    told = run(plan, 3)
    assert diary(tmp_path) == "start 0 1 start 1 start 2"
    assert [made(plan, k) for k in range(3)] == [{"made": b"scene %d" % k} for k in range(3)]
    assert nothing_else(plan, 3)
    assert any("SIGSEGV at scene_000001; trying once more" in line for line in told)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
def test_a_scene_that_crashes_twice_is_rejected_and_the_rest_goes_on(
    monkeypatch, tmp_path, plan, name
):
    scene_stage(monkeypatch, tmp_path, f"if scene == 1: die(signal.{name})")
    told = run(plan, 4)
    assert diary(tmp_path) == "start 0 1 start 1 start 2 3"
    reason = (
        f"its process died at it twice; the second was killed by signal {name} (log: "
        "work/logs/compose_scene_000001.log). To replay it, run in the dataset's folder: "
        f"rm -r work/compose/{plan.key('compose')}/scene_000001; "
        "python -m a_stage work/logs/compose_scene_000001.job.json"
    )
    assert rejection(plan.scene_dir("compose", 1)) == {"stage": "compose", "reason": reason}
    assert list(made(plan, 1)) == ["rejected.json"]
    assert all(made(plan, k) == {"made": b"scene %d" % k} for k in (0, 2, 3))
    assert nothing_else(plan, 4)
    assert any("scene_000001  REJECTED at compose: its process died" in line for line in told)
    assert f"killed by signal {name}" in (plan.logs_dir / "compose_scene_000001.log").read_text()
    assert jobs.read_job(plan.logs_dir / "compose_scene_000001.job.json").scenes == (1,)
    assert run(plan, 4) == [] and diary(tmp_path).split().count("start") == 3


def test_the_replay_of_a_rejected_scene_is_what_the_reason_says(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "if scene == 1 and times(1) <= 2: die(SEGFAULT)")
    run(plan, 2)
    _, _, commands = rejection(plan.scene_dir("compose", 1))["reason"].partition("folder: ")
    commands = commands.replace("python", sys.executable)
    environment = stage_process._environment()
    subprocess.run(commands, shell=True, check=True, cwd=plan.out, env=environment)
    assert made(plan, 1) == {"made": b"scene 1"}


def test_a_scene_that_hangs_is_rejected_however_much_it_says(monkeypatch, tmp_path, plan):
    act = (
        "while scene == 1:\n"
        "    print('[compose] still at it', flush=True)\n"
        "    time.sleep(0.1)\n"
        "time.sleep(0.8)"
    )
    scene_stage(monkeypatch, tmp_path, act)
    run(impatient(plan, 2.0), 5)
    # Scenes 2 to 4 take longer together than one may, so the clock has to start anew.
    assert diary(tmp_path) == "start 0 1 start 1 start 2 3 4"
    reason = rejection(plan.scene_dir("compose", 1))["reason"]
    assert "took longer than execution.scene_time_limit_s = 2 s and was killed" in reason
    assert nothing_else(plan, 5)


@pytest.mark.parametrize("code", [1, 2])
def test_errors_stay_errors_of_the_block(monkeypatch, tmp_path, plan, code):
    error = {1: "RuntimeError('a bug')", 2: "GenbError('no such file')"}[code]
    scene_stage(monkeypatch, tmp_path, f"if scene == 1: raise {error}")
    with pytest.raises(StageFailed, match={1: "exited with 1", 2: "^no such file$"}[code]):
        run(plan, 3)
    assert diary(tmp_path) == "start 0 1" and nothing_else(plan, 1)


def test_a_stop_from_outside_is_no_scenes_fault(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "if scene == 1: die(signal.SIGTERM)")
    with pytest.raises(StageFailed, match="SIGTERM"):
        run(plan, 3)
    assert diary(tmp_path) == "start 0 1"


def test_a_process_that_never_starts_a_scene_is_started_twice(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "pass", main="die(SEGFAULT)")
    with pytest.raises(StageFailed, match="SIGSEGV"):
        run(plan, 2)
    assert diary(tmp_path) == "start start"
    assert not plan.stage_dir("compose").exists()


def test_a_process_that_starts_at_the_second_try_does_its_block(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "pass", main="if times('start') == 1: die(SEGFAULT)")
    run(plan, 2)
    assert diary(tmp_path) == "start start 0 1" and nothing_else(plan, 2)


def test_a_crash_after_the_last_scene_costs_nothing(monkeypatch, tmp_path, plan):
    main = "import atexit; atexit.register(die, SEGFAULT)"
    scene_stage(monkeypatch, tmp_path, "if scene == 1 and times(1) == 1: die(SEGFAULT)", main=main)
    told = run(plan, 3)
    assert diary(tmp_path) == "start 0 1 start 1 start 2" and nothing_else(plan, 3)
    assert sum("trying once more" in line for line in told) == 1


def test_a_machine_on_which_everything_crashes_rejects_nothing(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "die(SEGFAULT)")
    with pytest.raises(StageFailed, match="3 scenes in a row.*the machine"):
        run(plan, 5)
    assert not any(plan.scene_dir("compose", scene).exists() for scene in range(5))


def test_two_bad_scenes_ahead_of_a_good_one_are_rejected(monkeypatch, tmp_path, plan):
    scene_stage(monkeypatch, tmp_path, "if scene < 2: die(SEGFAULT)")
    run(plan, 3)
    assert [bool(rejection(plan.scene_dir("compose", k))) for k in range(3)] == [True, True, False]


def test_a_crash_over_subjects_is_told_at_once(monkeypatch, tmp_path, plan, subject):
    stage_module(monkeypatch, tmp_path, f"{STAGE}\nnote('start'); die(SEGFAULT)")
    with pytest.raises(StageFailed, match="SIGSEGV"):
        run_stage(Job("compose", plan, subjects=(subject,)), "label", lambda line: None)
    assert diary(tmp_path) == "start"


def test_subjects_are_alive_while_they_speak(monkeypatch, tmp_path, plan, subject):
    body = "import time\nfor _ in range(6):\n    print('a garment', flush=True); time.sleep(0.5)"
    stage_module(monkeypatch, tmp_path, body)
    job = Job("compose", impatient(plan, 2.0), subjects=(subject,))
    run_stage(job, "label", lambda line: None)


FRAMES = """
for frame in range(6):
    if (folder / f"{frame}.png").exists():
        continue
    note(f"f{frame}")
    if frame == DEADLY and times(f"f{frame}") == 1:
        (folder / f"{frame}.png.1.partial").write_text("half")
        die(signal.SIGKILL)
    write_bytes(folder / f"{frame}.png", os.path.basename(__file__).encode() * frame)
"""


def test_a_killed_scene_goes_on_at_the_frame_in_flight(monkeypatch, tmp_path, plan):
    frames = FRAMES.replace("DEADLY", "3")
    scene_stage(monkeypatch, tmp_path, frames, resumable=True)
    run(plan, 1)
    assert diary(tmp_path) == "start 0 f0 f1 f2 f3 start 0 f3 f4 f5"
    calm = Plan(plan.config, plan.seed, tmp_path / "calm")
    scene_stage(monkeypatch, tmp_path, frames.replace("== 1", "== 0"), resumable=True)
    run(calm, 1)
    assert made(calm, 0) == made(plan, 0) and len(made(plan, 0)) == 7
    assert nothing_else(plan, 1)


def test_the_frames_of_a_scene_rejected_for_crashing_are_kept(monkeypatch, tmp_path, plan):
    frames = FRAMES.replace("DEADLY", "3").replace("== 1:", "<= 2:")
    scene_stage(monkeypatch, tmp_path, frames, resumable=True)
    run(plan, 1)
    assert list(made(plan, 0)) == ["rejected.json"]
    shutil.rmtree(plan.scene_dir("compose", 0))
    run(plan, 1)
    assert diary(tmp_path) == "start 0 f0 f1 f2 f3 start 0 f3 start 0 f3 f4 f5"
    assert len(made(plan, 0)) == 7 and nothing_else(plan, 1)


def test_a_killed_run_goes_on_at_the_frame_in_flight(plan):
    def produce(scene: int, folder: Path) -> None:
        for frame in range(6):
            if not (folder / str(frame)).exists():
                if frame == 3 and 3 not in drawn:
                    drawn.append(3)
                    raise KeyboardInterrupt
                drawn.append(frame)
                (folder / str(frame)).write_text(f"{frame}")

    drawn: list[int] = []
    job = Job("compose", plan, scenes=(0,))
    with pytest.raises(KeyboardInterrupt):
        run_scenes(job, produce, resumable=True)
    assert not plan.scene_dir("compose", 0).exists()
    run_scenes(job, produce, resumable=True)
    assert drawn == [0, 1, 2, 3, 3, 4, 5]
    assert made(plan, 0) == {str(k): b"%d" % k for k in range(6)} and nothing_else(plan, 1)


def test_a_rejection_in_a_resumed_folder_clears_it(plan):
    def produce(scene: int, folder: Path) -> None:
        if not (folder / "below").exists():
            (folder / "below").mkdir()
            (folder / "below" / "file").write_text("x")
            (folder / "rejected.json").write_text("of a process killed before the renaming")
            raise KeyboardInterrupt
        assert not (folder / "rejected.json").exists()
        raise SceneRejected("too dark")

    job = Job("compose", plan, scenes=(0,))
    with pytest.raises(KeyboardInterrupt):
        run_scenes(job, produce, resumable=True)
    run_scenes(job, produce, resumable=True)
    reason = {"stage": "compose", "reason": "too dark"}
    assert rejection(plan.scene_dir("compose", 0)) == reason
    assert list(made(plan, 0)) == ["rejected.json"] and nothing_else(plan, 1)


def test_frames_of_an_edited_scene_are_not_gone_on_with(plan, monkeypatch):
    seen: list[list[str]] = []

    def produce(scene: int, folder: Path) -> None:
        seen.append([p.name for p in folder.iterdir()])
        (folder / f"frame_{len(seen)}").write_text("x")
        if len(seen) < 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "upstream_rejection", lambda *of_scene: None)
    spec = plan.scene_dir("compose", 0) / "scene.json"
    for text in ("one", "one", "another"):
        write_json(spec, text)
        try:
            run_scenes(Job("render", plan, scenes=(0,)), produce, resumable=True)
        except KeyboardInterrupt:
            pass
    assert seen == [[], ["frame_1"], []]
    assert [p.name for p in plan.scene_dir("render", 0).iterdir()] == ["frame_3"]
