"""Heavy stages as processes of their own: a job file in, finished folders out.

`python -m pipeline.<stage> job.json` replays a stage without luigi. This is what goes on inside the
process; `stage_process.py` starts it, watches it and goes on when it dies.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import GenbError, SceneRejected
from pipeline.scene import SceneSpec, SubjectSpec, read_scene, scene_name
from pipeline.stages import STAGES, Plan
from pipeline.storage import (
    atomic_dir,
    empty_dir,
    read_json,
    resumable_dir,
    sha256_file,
    write_json,
)

REJECTED = "rejected.json"
SCENE_FILE = "scene.json"
ANNOUNCE_FD = "GENB_ANNOUNCE_FD"
"""Environment variable with the number of the pipe on which a stage process announces scenes."""
MESSAGE_BYTES = 8
"""Length of an announcement: short enough that the system never tears one apart."""


@dataclass(frozen=True)
class Job:
    """What one stage process is to do: some scenes, or some subjects, of one plan.

    announce_fd: pipe on which the process tells its parent which scene it starts; belongs to the
    process and not to the job file.
    """

    stage: str
    plan: Plan
    scenes: tuple[int, ...] = ()
    subjects: tuple[SubjectSpec, ...] = ()
    announce_fd: int | None = None

    def to_json(self) -> dict:
        """JSON form, the content of a job file."""
        return {
            "stage": self.stage,
            "config": self.plan.config.model_dump(mode="json"),
            "seed": self.plan.seed,
            "out": str(self.plan.out),
            "scenes": list(self.scenes),
            "subjects": [s.model_dump(mode="json") for s in self.subjects],
        }


def read_job(path: Path) -> Job:
    """Job from its file."""
    data = read_json(path)
    plan = Plan(Config.model_validate(data["config"]), data["seed"], Path(data["out"]))
    subjects = tuple(SubjectSpec.model_validate(s) for s in data["subjects"])
    return Job(data["stage"], plan, tuple(data["scenes"]), subjects)


def stage_main(run: Callable[[Job], None]) -> None:
    """Entry point of `python -m pipeline.<stage> job.json`: exits with 2 on a user's error."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m {Path(sys.argv[0]).parent.name} job.json")
    _die_with_parent()
    # Taken out, so that no process started from here takes it for its own.
    announce_fd = os.environ.pop(ANNOUNCE_FD, None)
    try:
        job = read_job(Path(sys.argv[1]))
        run(replace(job, announce_fd=int(announce_fd)) if announce_fd else job)
    except GenbError as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        sys.exit(2)


def _die_with_parent() -> None:
    """End this process when the run that started it is killed, even by kill -9 (Linux)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def run_scenes(job: Job, produce: Callable[[int, Path], None], resumable: bool = False) -> None:
    """Produce the missing scenes of a job, each into its own folder, atomically.

    `produce(scene, folder)` writes the files. A scene rejected upstream stays rejected; a
    SceneRejected raised here is recorded as the scene's result. resumable: `produce` finds in
    `folder` what an interrupted run had finished of this scene, and must write every file
    atomically (see `resumable_dir`).
    """
    for scene in job.scenes:
        target = job.plan.scene_dir(job.stage, scene)
        if target.exists():
            continue
        if job.announce_fd is not None:
            os.write(job.announce_fd, announcement(scene))
        reason = upstream_rejection(job.plan, job.stage, scene)
        started = time.perf_counter()
        with _scene_folder(job.plan, scene, target, resumable) as folder:
            if reason:
                write_rejection(folder, reason)
            else:
                _produce_or_reject(job.stage, scene, folder, produce)
        report_item(job, scene_name(scene), time.perf_counter() - started, _rejection_text(target))


def announcement(scene: int) -> bytes:
    """What a process writes into its parent's pipe when it starts a scene."""
    return scene.to_bytes(MESSAGE_BYTES, "little", signed=True)


def _scene_folder(
    plan: Plan, scene: int, target: Path, resumable: bool
) -> AbstractContextManager[Path]:
    """Where a scene's files are written before they are all there.

    Unfinished files of an edited scene, or of another device, are not gone on with.
    """
    if not resumable:
        return atomic_dir(target)
    spec = plan.scene_dir("compose", scene) / SCENE_FILE
    digest = sha256_file(spec) if spec.exists() else ""
    return resumable_dir(target, made_from=f"{digest} {plan.config.execution.device}")


def run_subjects(job: Job, produce: Callable[[SubjectSpec, Path], None]) -> None:
    """Like `run_scenes`, for subjects."""
    for subject in job.subjects:
        target = job.plan.subject_dir(job.stage, subject)
        if target.exists():
            continue
        started = time.perf_counter()
        with atomic_dir(target) as folder:
            reason = job.stage == "dress" and rejection(job.plan.subject_dir("pose", subject))
            if reason:
                write_rejection(folder, reason)
            else:
                _produce_or_reject(job.stage, subject, folder, produce)
        report_item(job, subject.subject, time.perf_counter() - started, _rejection_text(target))


def _produce_or_reject(stage: str, item, folder: Path, produce) -> None:
    # A process killed just after it rejected may have left its verdict in a resumable folder.
    (folder / REJECTED).unlink(missing_ok=True)
    try:
        produce(item, folder)
    except SceneRejected as rejected:
        write_rejection(folder, {"stage": stage, "reason": str(rejected)})


def write_rejection(folder: Path, reason: dict) -> None:
    """Make a rejection, as {'stage', 'reason'}, the only content of a folder."""
    empty_dir(folder)
    write_json(folder / REJECTED, reason)


def _rejection_text(folder: Path) -> str:
    reason = rejection(folder)
    return f"  REJECTED at {reason['stage']}: {reason['reason']}" if reason else ""


def rejection(folder: Path) -> dict | None:
    """The rejection recorded in an output folder, as {'stage', 'reason'}, or None."""
    path = folder / REJECTED
    return read_json(path) if path.exists() else None


def upstream_rejection(plan: Plan, stage: str, scene: int) -> dict | None:
    """First rejection of a scene (or of one of its subjects) in the stages before `stage`."""
    for name in STAGES[stage].upstream:
        if name == "cast":
            continue
        if name in ("pose", "dress"):
            found = _subject_rejection(plan, name, scene)
        else:
            found = rejection(plan.scene_dir(name, scene))
        if found:
            return found
    return None


def _subject_rejection(plan: Plan, stage: str, scene: int) -> dict | None:
    if rejection(plan.scene_dir("compose", scene)):
        return None
    for subject in load_scene(plan, scene).subjects():
        found = rejection(plan.subject_dir(stage, subject))
        if found:
            return {**found, "reason": f"subject {subject.subject}: {found['reason']}"}
    return None


def load_scene(plan: Plan, scene: int) -> SceneSpec:
    """The composed spec of a scene."""
    return read_scene(plan.scene_dir("compose", scene) / SCENE_FILE)


def report_item(job: Job, item: str, seconds: float, note: str) -> None:
    """One line for the log, one for the timing table (apart from the data: it holds clocks)."""
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    row = {"stage": job.stage, "item": item, "seconds": round(seconds, 3), "peak_rss_mb": rss_mb}
    timings = job.plan.out / "work" / "timings.jsonl"
    timings.parent.mkdir(parents=True, exist_ok=True)
    with open(timings, "a") as file:
        file.write(json.dumps(row) + "\n")
    print(f"[{job.stage}] {item} {seconds:.1f} s{note}", flush=True)
