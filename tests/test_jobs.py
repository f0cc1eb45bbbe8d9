"""Stage processes: crashes, refusals and silence are told apart and lose nothing finished."""

import sys
from pathlib import Path

import pytest

from pipeline import jobs
from pipeline.config import load_config
from pipeline.errors import SceneRejected
from pipeline.jobs import Job, StageFailed, rejection, run_scenes, run_stage
from pipeline.stages import Plan


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan(load_config("smoke"), 0, tmp_path)


def stage_module(monkeypatch, tmp_path: Path, body: str) -> None:
    """Make the stage `compose` run a module with the given body."""
    (tmp_path / "a_stage.py").write_text(body)
    monkeypatch.setitem(jobs.MODULES, "compose", "a_stage")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


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


def test_a_silent_stage_is_killed_with_its_children(monkeypatch, tmp_path, plan):
    body = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(p.pid, flush=True); time.sleep(600)\n"
    )
    stage_module(monkeypatch, tmp_path, body)
    execution = plan.config.execution.model_copy(update={"scene_time_limit_s": 2.0})
    impatient = Plan(plan.config.model_copy(update={"execution": execution}), 0, tmp_path)
    with pytest.raises(StageFailed, match="no sign of life for 2 s"):
        run_stage(Job("compose", impatient), "label", lambda line: None)
    import psutil

    child = int((tmp_path / "work/logs/label.log").read_text().split()[0])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


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
    from pipeline.storage import write_json

    job = Job("render", plan, scenes=(3, 4))
    write_json(tmp_path / "job.json", job.to_json())
    back = jobs.read_job(tmp_path / "job.json")
    assert back.scenes == job.scenes and back.plan == plan
    assert sys.executable
