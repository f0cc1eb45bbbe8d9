"""Storage: absent or complete, the same bytes, and errors that say where."""

import errno
import subprocess

import numpy as np
import pytest

from pipeline.errors import GenbError
from pipeline.storage import atomic_dir, atomic_file, npz_bytes, read_npz, write_json, write_npz


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
