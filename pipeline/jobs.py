"""Heavy stages as processes of their own: a job file in, finished folders out.

`python -m pipeline.<stage> job.json` replays a stage without luigi. A crash costs the scene in
flight, is reported with its signal and the end of its log, and everything finished stays.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.config import Config
from pipeline.errors import GenbError, SceneRejected
from pipeline.scene import SceneSpec, SubjectSpec, read_scene, scene_name
from pipeline.stages import STAGES, Plan
from pipeline.storage import atomic_dir, read_json, write_json

REJECTED = "rejected.json"
SCENE_FILE = "scene.json"


@dataclass(frozen=True)
class Job:
    """What one stage process is to do: some scenes, or some subjects, of one plan."""

    stage: str
    plan: Plan
    scenes: tuple[int, ...] = ()
    subjects: tuple[SubjectSpec, ...] = ()

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


# --- inside the stage process -----------------------------------------------------------------


def stage_main(run: Callable[[Job], None]) -> None:
    """Entry point of `python -m pipeline.<stage> job.json`: exits with 2 on a user's error."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m {Path(sys.argv[0]).parent.name} job.json")
    _die_with_parent()
    try:
        run(read_job(Path(sys.argv[1])))
    except GenbError as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        sys.exit(2)


def _die_with_parent() -> None:
    """End this process when the run that started it is killed, even by kill -9 (Linux)."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def run_scenes(job: Job, produce: Callable[[int, Path], None]) -> None:
    """Produce the missing scenes of a job, each into its own folder, atomically.

    `produce(scene, folder)` writes the files. A scene rejected upstream stays rejected; a
    SceneRejected raised here is recorded as the scene's result.
    """
    for scene in job.scenes:
        target = job.plan.scene_dir(job.stage, scene)
        if target.exists():
            continue
        reason = upstream_rejection(job.plan, job.stage, scene)
        started = time.perf_counter()
        with atomic_dir(target) as folder:
            if reason:
                write_json(folder / REJECTED, reason)
            else:
                _produce_or_reject(job.stage, scene, folder, produce)
        report_item(job, scene_name(scene), time.perf_counter() - started, _rejection_text(target))


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
                write_json(folder / REJECTED, reason)
            else:
                _produce_or_reject(job.stage, subject, folder, produce)
        report_item(job, subject.subject, time.perf_counter() - started, _rejection_text(target))


def _produce_or_reject(stage: str, item, folder: Path, produce) -> None:
    try:
        produce(item, folder)
    except SceneRejected as rejected:
        for leftover in folder.iterdir():
            leftover.unlink()
        write_json(folder / REJECTED, {"stage": stage, "reason": str(rejected)})


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


# --- in the parent ----------------------------------------------------------------------------


class StageFailed(GenbError):
    """A stage process died or refused; the message holds its signal and the end of its log."""


def run_stage(job: Job, label: str, on_line: Callable[[str], None] = print) -> None:
    """Run a job in its own process group and wait for it.

    Stage lines (`[render] ...`) are handed to `on_line`; everything goes to the log file. Raises
    StageFailed when the process does not exit with 0, or is silent past its time limit.
    """
    logs = job.plan.logs_dir
    job_file = logs / f"{label}.job.json"
    log_file = logs / f"{label}.log"
    write_json(job_file, job.to_json())
    module = MODULES[job.stage]
    command = [sys.executable, "-m", module, str(job_file)]
    limit_s = job.plan.config.execution.scene_time_limit_s
    lines: list[str] = []
    with open(log_file, "w") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env=_environment(),
        )
        try:
            timed_out = _relay(process, log, lines, limit_s, on_line)
        except BaseException:
            kill_group(process)
            raise
    if process.returncode != 0:
        raise StageFailed(
            _post_mortem(process.returncode, timed_out, limit_s, lines, log_file, module, job_file)
        )


def _relay(process, log, lines, limit_s, on_line) -> bool:
    """Copy the child's output; True when it had to be killed for silence past `limit_s`."""
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        kill_group(process)

    watchdog = threading.Timer(limit_s, expire)
    watchdog.start()
    for line in process.stdout:
        watchdog.cancel()
        watchdog = threading.Timer(limit_s, expire)
        watchdog.start()
        log.write(line)
        log.flush()
        lines.append(line.rstrip("\n"))
        del lines[:-40]
        if line.startswith(("[", "ERROR:")):
            on_line(line.rstrip("\n"))
    watchdog.cancel()
    process.wait()
    return timed_out.is_set()


def kill_group(process: subprocess.Popen) -> None:
    """Kill a process with all its descendants."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    for target in (*children, process):
        try:
            os.kill(target.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def _post_mortem(code, timed_out, limit_s, lines, log_file, module, job_file) -> str:
    error_lines = [i for i, line in enumerate(lines) if line.startswith("ERROR:")]
    if timed_out:
        what = f"gave no sign of life for {limit_s:.0f} s and was killed"
    elif code < 0:
        what = f"was killed by signal {signal.Signals(-code).name}"
    else:
        what = f"exited with {code}"
    if code == 2 and error_lines:
        return "\n".join(lines[error_lines[0] :]).removeprefix("ERROR: ")
    tail = "\n".join(f"    {line}" for line in lines[-15:])
    return (
        f"{module} {what}. End of its log ({log_file}):\n{tail}\n"
        f"Replay it with: python -m {module} {job_file}"
    )


def _environment() -> dict[str, str]:
    """Child environment: an unbuffered Python, the package importable, no network look-ups."""
    environment = dict(os.environ)
    root = str(Path(__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(
        p for p in (root, environment.get("PYTHONPATH", "")) if p
    )
    environment["PYTHONUNBUFFERED"] = "1"
    # Sums of numpy's matrix products depend on the number of threads, and so would bytes.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


MODULES = {
    "compose": "pipeline.compose",
    "pose": "pipeline.body",
    "dress": "pipeline.garments",
    "bodies": "pipeline.body",
    "render": "pipeline.blender",
    "truth": "pipeline.truth",
    "rerender": "pipeline.diffusion",
    "shards": "pipeline.shards",
}
