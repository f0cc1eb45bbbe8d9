"""Stage processes seen from outside: start one, watch it, and go on when it dies.

A scene that kills its process is tried once more, alone in a fresh one; if it kills that too, it is
rejected and the rest of its block goes on. What a process says with its exit code (a user's error,
an exception) is passed on as it is. `jobs.py` is the inside of the process.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from pipeline.errors import GenbError
from pipeline.jobs import ANNOUNCE_FD, MESSAGE_BYTES, Job, announcement, rejection, write_rejection
from pipeline.scene import scene_name
from pipeline.storage import atomic_dir, write_json

_ASKED_TO_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals by which somebody ends a process; they say nothing about a scene."""
_LOST_IN_A_ROW = 3
"""So many scenes lost before a single one comes through: it is the machine, not the scenes."""
_STILL_ALIVE, _OVER = announcement(-1), announcement(-2)
"""What we write ourselves into the pipe of announcements."""


class StageFailed(GenbError):
    """A stage process died or refused; the message holds its signal and the end of its log."""


@dataclass(frozen=True)
class Death:
    """The end of a process that was killed.

    what: signal or time limit, in words. scene: the one it was working on, None when it had not
    announced one. report: for the user, with the end of the log. log, job: paths of its log and its
    job file inside the dataset's folder.
    """

    what: str
    scene: int | None
    report: str
    log: Path
    job: Path


def run_stage(job: Job, label: str, on_line: Callable[[str], None] = print) -> None:
    """Run a job in a process of its own, and in further ones when scenes kill it.

    Stage lines (`[render] ...`) are handed to `on_line`; everything goes to the log file
    `<label>.log`, and that of a scene's second try to `<stage>_<scene>.log`. A scene at which two
    processes died by a signal or by the scene time limit is rejected.

    Raises StageFailed when a process exits with an error, was asked to stop (SIGTERM), dies twice
    without having announced a scene, dies over subjects, or when the first scenes of a block all
    kill it.
    """
    if not job.scenes:
        death = _run_process(job, label, on_line)
        if death:
            raise StageFailed(death.report)
        return
    deaths: Counter[int | None] = Counter()
    lost: dict[int, Death] = {}
    suspect = None
    while left := tuple(s for s in job.scenes if s not in lost and not _done(job, s)):
        if suspect is None:
            death = _run_process(replace(job, scenes=left), label, on_line, go_on=bool(deaths))
            if death is None:
                break
        else:
            alone = f"{job.stage}_{scene_name(suspect)}"
            death = _run_process(replace(job, scenes=(suspect,)), alone, on_line)
            if death is None:
                suspect = None
                continue
        suspect = death.scene
        deaths[suspect] += 1
        if deaths[suspect] == 1:
            at = "before it started a scene" if suspect is None else f"at {scene_name(suspect)}"
            on_line(f"[{job.stage}] the process {death.what} {at}; trying once more")
        elif suspect is None:
            raise StageFailed(death.report)
        else:
            lost[suspect], suspect = death, None
            _reject_lost(job, lost, on_line, final=False)
    _reject_lost(job, lost, on_line, final=True)


def _done(job: Job, scene: int) -> bool:
    """Whether a scene's folder is in place, with files or with a rejection."""
    return job.plan.scene_dir(job.stage, scene).exists()


def _reject_lost(job: Job, lost: dict[int, Death], on_line, final: bool) -> None:
    """Record the scenes that killed two processes, once it is clear that others do not.

    final: nothing else is left to try. Raises StageFailed when it looks like the machine's fault;
    then nothing is recorded, and the same command tries all of them again.
    """
    folders = [job.plan.scene_dir(job.stage, scene) for scene in job.scenes]
    if not any(folder.exists() and not rejection(folder) for folder in folders):
        if len(lost) >= _LOST_IN_A_ROW:
            raise StageFailed(
                f"{len(lost)} scenes in a row killed their processes twice and none came through, "
                "so the machine or the installation is at fault rather than the scenes.\n"
                f"{list(lost.values())[-1].report}"
            )
        if not final:
            return
    for scene, death in lost.items():
        if _done(job, scene):
            continue
        folder = job.plan.scene_dir(job.stage, scene)
        reason = (
            f"its process died at it twice; the second {death.what} (log: {death.log}). To replay "
            f"it, run in the dataset's folder: rm -r {folder.relative_to(job.plan.out)}; "
            f"python -m {MODULES[job.stage]} {death.job}"
        )
        with atomic_dir(folder) as partial:
            write_rejection(partial, {"stage": job.stage, "reason": reason})
        on_line(f"[{job.stage}] {scene_name(scene)}  REJECTED at {job.stage}: {reason}")


def _run_process(
    job: Job, label: str, on_line: Callable[[str], None], go_on: bool = False
) -> Death | None:
    """Run a job in one process and wait for it; returns how it was killed, None if it was not.

    A process killed after its last scene was in place has done its work. go_on: append to the log.
    Raises StageFailed when the process exits with an error or was asked to stop.
    """
    logs, module = job.plan.logs_dir, MODULES[job.stage]
    job_file, log_file = logs / f"{label}.job.json", logs / f"{label}.log"
    write_json(job_file, job.to_json())
    announced, announce = os.pipe()
    lines: list[str] = []
    with (
        open(log_file, "a" if go_on else "w") as log,
        open(announced, "rb", buffering=0),
        open(announce, "wb", buffering=0) as alive,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(job_file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env=_environment() | {ANNOUNCE_FD: str(announce)},
            pass_fds=(announce,),
        )
        limit_s = job.plan.config.execution.scene_time_limit_s
        watch = _Watch(process, announced, limit_s)
        watch.start()
        try:
            for line in process.stdout:
                if not job.scenes:
                    alive.write(_STILL_ALIVE)
                log.write(line)
                log.flush()
                lines.append(line.rstrip("\n"))
                del lines[:-40]
                if line.startswith(("[", "ERROR:")):
                    on_line(line.rstrip("\n"))
            process.wait()
        except BaseException:
            kill_group(process)
            raise
        finally:
            alive.write(_OVER)
            watch.join()
    code = process.returncode
    if code == 0:
        return None
    what = _in_words(code, watch, limit_s)
    with open(log_file, "a") as log:
        log.write(f"--- {module} {what}\n")
    report = _post_mortem(code, what, lines, log_file, module, job_file)
    if code > 0 or -code in _ASKED_TO_STOP:
        raise StageFailed(report)
    if job.scenes and all(_done(job, s) for s in job.scenes):
        return None
    scene = None if watch.scene is None or _done(job, watch.scene) else watch.scene
    out = job.plan.out
    return Death(what, scene, report, log_file.relative_to(out), job_file.relative_to(out))


class _Watch(threading.Thread):
    """Listens to a stage process, and kills it when it spends too long on one scene.

    scene: the one announced last, None before the first. timed_out: it had to be killed. The clock
    starts with the process and again with every message of `MESSAGE_BYTES`.
    """

    def __init__(self, process: subprocess.Popen, pipe: int, limit_s: float):
        super().__init__(daemon=True)
        self.scene: int | None = None
        self.timed_out = False
        self._process, self._pipe, self._limit_s = process, pipe, limit_s

    def run(self) -> None:
        """Listen until told that it is over."""
        while select.select([self._pipe], [], [], self._limit_s)[0]:
            message = os.read(self._pipe, MESSAGE_BYTES)
            if message == _OVER:
                return
            if message != _STILL_ALIVE:
                self.scene = int.from_bytes(message, "little", signed=True)
        self.timed_out = True
        kill_group(self._process)


def kill_group(process: subprocess.Popen) -> None:
    """Kill a process with all its descendants, orphans of its session too."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _in_words(code: int, watch: _Watch, limit_s: float) -> str:
    """How a process ended that did not end well."""
    if code > 0:
        return f"exited with {code}"
    if not watch.timed_out or code != -signal.SIGKILL:
        return f"was killed by signal {signal.Signals(-code).name}"
    if watch.scene is None:
        return f"gave no sign of life for {limit_s:g} s and was killed"
    return f"took longer than execution.scene_time_limit_s = {limit_s:g} s and was killed"


def _post_mortem(code, what, lines, log_file, module, job_file) -> str:
    error_lines = [i for i, line in enumerate(lines) if line.startswith("ERROR:")]
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
