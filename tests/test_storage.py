"""Storage: absent or complete, the same bytes, and errors that say where."""

import errno
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline import storage
from pipeline.errors import GenbError
from pipeline.storage import (
    atomic_dir,
    atomic_file,
    npz_bytes,
    read_npz,
    resumable_dir,
    write_json,
    write_npz,
)


def test_failed_writes_leave_nothing(tmp_path):
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "a") as partial:
        partial.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), atomic_dir(tmp_path / "d") as folder:
        (folder / "x").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_left_overs_of_a_killed_run_do_not_leak_in(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"d.{dead.pid}.partial").mkdir()
    (tmp_path / f"d.{dead.pid}.partial" / "stale").write_text("x")
    with atomic_dir(tmp_path / "d") as folder:
        (folder / "fresh").write_text("y")
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["fresh"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def interrupted(path: Path, name: str, **options) -> list[str]:
    """Begin (or go on with) a resumable folder, add a file and fail; returns what was there."""
    with pytest.raises(KeyboardInterrupt), resumable_dir(path, **options) as folder:
        found = sorted(p.name for p in folder.iterdir())
        (folder / name).write_text(name)
        raise KeyboardInterrupt
    return found


def test_a_resumable_folder_goes_on_and_ends_without_left_overs(tmp_path):
    path = tmp_path / "scene"
    assert interrupted(path, "a") == []
    assert interrupted(path, "b.7.partial") == ["a"]
    assert interrupted(path, "c") == ["a"]
    assert not path.exists() and [p.name for p in tmp_path.iterdir()] == ["scene.unfinished"]
    with resumable_dir(path) as folder:
        (folder / "d").write_text("d")
    assert {p.name: p.read_text() for p in path.iterdir()} == {"a": "a", "c": "c", "d": "d"}
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]


def test_a_resumable_folder_made_from_something_else_starts_empty(tmp_path):
    assert interrupted(tmp_path / "scene", "a", made_from="x") == []
    assert interrupted(tmp_path / "scene", "b", made_from="x") == ["a"]
    assert interrupted(tmp_path / "scene", "c", made_from="y") == []
    assert interrupted(tmp_path / "scene", "d", made_from="y") == ["c"]


def test_a_path_completed_meanwhile_stays(tmp_path):
    with resumable_dir(tmp_path / "scene") as folder:
        (folder / "late").write_text("x")
        with atomic_dir(tmp_path / "scene") as other:
            (other / "early").write_text("y")
    assert [p.name for p in (tmp_path / "scene").iterdir()] == ["early"]
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]


def test_only_one_process_works_in_a_resumable_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_LOCK_WAIT_S", 0.0)
    code = (
        "import sys, time; from pathlib import Path; from pipeline.storage import resumable_dir\n"
        "with resumable_dir(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'frame').write_text('done'); print('in', flush=True); time.sleep(600)\n"
    )
    path = tmp_path / "scene"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    try:
        assert holder.stdout.readline() == b"in\n"
        with pytest.raises(GenbError, match="another process is working in .*scene.unfinished"):
            interrupted(path, "mine")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert interrupted(path, "mine") == ["frame"]


def test_npz_bytes_depend_on_the_arrays_only(tmp_path):
    arrays = {"b": np.arange(3.0), "a": np.zeros((2, 2), np.uint8), "s": np.float32(4)}
    assert npz_bytes(arrays) == npz_bytes(dict(reversed(arrays.items())))
    write_npz(tmp_path / "x.npz", arrays)
    back = read_npz(tmp_path / "x.npz")
    assert all(np.array_equal(back[k], v) and back[k].dtype == v.dtype for k, v in arrays.items())
    with pytest.raises(TypeError, match="pickles"):
        npz_bytes({"o": np.array([{}], object)})


def test_truncated_npz_is_named(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(npz_bytes({"a": np.arange(100)})[:60])
    with pytest.raises(GenbError, match="truncated"):
        read_npz(path)


def test_full_disk_and_forbidden_folder_say_what_to_do(tmp_path):
    full = pytest.raises(GenbError, match="disk is full.*Nothing finished is lost")
    with full, atomic_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(GenbError, match="--out"):
        write_json(blocked / "below" / "x.json", {})
