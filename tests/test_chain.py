"""The whole chain on the smoke configuration: real Blender, smplx, pyrender and diffusers.

One uninterrupted run and one that is killed again and again must end in the same bytes.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.storage import read_json, sha256_file
from pipeline.verify import verify

LUIGI = Path(sys.executable).with_name("luigi")
KILL_AT = ("work/dress/*/*.partial", "work/render/*/*.unfinished", "work/rerender/*/*.partial")


def command(out: Path, scenes: int, workers: int) -> list[str]:
    text = f"{LUIGI} --module tasks BuildGenB --config smoke --scenes {scenes} --workers {workers}"
    return [*text.split(), "--out", str(out)]


def run(out: Path, scenes: int, workers: int) -> str:
    done = subprocess.run(
        command(out, scenes, workers), cwd=out.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, body_dir) -> Path:
    out = tmp_path_factory.mktemp("chain") / "whole"
    run(out, 2, 1)
    return out


@pytest.fixture(scope="module")
def killed(tmp_path_factory, body_dir) -> Path:
    """First one scene, killed at several moments, with two workers; then one scene more."""
    out = tmp_path_factory.mktemp("chain") / "killed"
    kills = sum(kill_when(out, pattern) for pattern in KILL_AT)
    assert kills >= 2
    run(out, 1, 2)
    run(out, 2, 2)
    return out


def kill_when(out: Path, pattern: str) -> bool:
    """Start the run; kill -9 everything as soon as a path matches. False when it finished first."""
    process = subprocess.Popen(
        command(out, 1, 2),
        cwd=out.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if any(out.glob(pattern)):
            time.sleep(0.3)
            # Only luigi and its workers are killed: the stage process has to notice by itself.
            family = psutil.Process(process.pid).children(recursive=True)
            stages = [p for p in family if is_stage(p)]
            for victim in [psutil.Process(process.pid), *(p for p in family if p not in stages)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.kill()
            process.wait()
            _, alive = psutil.wait_procs(stages, timeout=20)
            assert not alive
            return True
        time.sleep(0.05)
    return False


def is_stage(process: psutil.Process) -> bool:
    """Whether a process runs a stage; one that is just ending does not."""
    try:
        return "pipeline." in " ".join(process.cmdline())
    except psutil.Error:
        return False


def data_files(out: Path) -> dict[str, str]:
    files = [*out.glob("shards/*"), out / "index.parquet", out / "README.md"]
    return {str(p.relative_to(out)): sha256_file(p) for p in files}


def test_dataset_verifies_from_its_files_alone(uninterrupted):
    assert verify(uninterrupted) == []


def test_killed_and_grown_run_ends_in_the_same_bytes(uninterrupted, killed):
    assert data_files(uninterrupted) == data_files(killed)


def test_second_run_does_no_work(uninterrupted):
    before = {p: p.stat().st_mtime_ns for p in uninterrupted.rglob("*") if p.is_file()}
    started = time.monotonic()
    run(uninterrupted, 2, 1)
    assert time.monotonic() - started < 60
    after = {p: p.stat().st_mtime_ns for p in uninterrupted.rglob("*") if p.is_file()}
    assert before == after


def test_a_deleted_intermediate_is_made_again(killed):
    before = data_files(killed)
    shutil.rmtree(next(killed.glob("work/rerender/*/scene_000000")))
    next(killed.glob("shards/*.tar")).unlink()
    run(killed, 2, 1)
    assert data_files(killed) == before


def test_audit_figures_are_within_the_promised_limits(uninterrupted):
    for path in uninterrupted.glob("work/truth/*/scene_*/frame_*.json"):
        audit = read_json(path)["audit"]
        assert audit["silhouette_iou"] >= 0.99
        assert audit["vertex_error_px"] <= 0.5
