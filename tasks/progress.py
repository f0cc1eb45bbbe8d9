"""Live progress: scenes done, seconds per scene, time left, counted from the files themselves."""

import os
import time

from pipeline.stages import SCENE_STAGES, Plan

STARTED = "GENB_RUN_STARTED"
_DONE_BEFORE = "GENB_SCENES_BEFORE"


def mark_start(plan: Plan, scenes: int) -> bool:
    """Remember when this run began and what was already there (inherited by worker processes).

    True for the first call of a run.
    """
    if STARTED in os.environ:
        return False
    os.environ[STARTED] = repr(time.time())
    os.environ[_DONE_BEFORE] = str(_share_done(plan, scenes))
    return True


def report_line(plan: Plan, scenes: int, line: str) -> None:
    """Print a stage's line followed by the state of the whole run."""
    print(f"{line}   {progress(plan, scenes)}" if line.startswith("[") else line, flush=True)


def progress(plan: Plan, scenes: int) -> str:
    """One line: `| 12/100 scenes, 11.3 s per scene, 16 min left`."""
    counts = {stage: _count(plan, stage, scenes) for stage in SCENE_STAGES}
    done = counts["rerender"]
    started = float(os.environ.get(STARTED, "0"))
    text = f"| {done}/{scenes} scenes, {counts['render']} rendered"
    share = _share_done(plan, scenes)
    gained = share - float(os.environ.get(_DONE_BEFORE, "0"))
    if started and gained > 0.02:
        elapsed_s = time.time() - started
        left_s = elapsed_s / gained * (1 - share)
        text += f", {elapsed_s / (gained * scenes):.1f} s per scene, {_duration(left_s)} left"
    return text


def _share_done(plan: Plan, scenes: int) -> float:
    """Share of the run's scene work that is on disk; rendering weighs most."""
    weights = {"compose": 0.02, "bodies": 0.03, "render": 0.65, "truth": 0.15, "rerender": 0.15}
    return sum(w * _count(plan, stage, scenes) for stage, w in weights.items()) / scenes


def _count(plan: Plan, stage: str, scenes: int) -> int:
    folder = plan.stage_dir(stage)
    if not folder.is_dir():
        return 0
    names = (e.name for e in os.scandir(folder) if e.name.startswith("scene_"))
    return sum(1 for n in names if n[6:].isdigit() and int(n[6:]) < scenes)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
