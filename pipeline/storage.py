"""Files and folders that are either absent or complete.

Everything is written under a `.partial` name and renamed into place, so a kill at any instant
leaves nothing that a later run could mistake for a finished result. What takes long is written into
a folder that a later run goes on with (`resumable_dir`).
"""

import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import psutil

from pipeline.errors import GenbError

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_LOCK_WAIT_S = 20.0
"""A killed process may take a while to die and let go of its folder."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place if the block succeeds."""
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_dir(path: Path) -> Iterator[Path]:
    """Yield a fresh temporary folder; rename it to `path` if the block succeeds.

    Should another process have completed `path` meanwhile, its folder stays: the same inputs give
    the same bytes. Left-overs of killed runs are removed.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with explained(path):
        _remove_left_overs(path)
        partial.mkdir(parents=True)
        try:
            yield partial
            if not path.exists():
                os.replace(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _remove_left_overs(path: Path) -> None:
    """Delete partial folders of `path` whose process no longer lives."""
    for stale in path.parent.glob(f"{path.name}.*.partial"):
        pid = stale.name.split(".")[-2]
        if pid.isdigit() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def resumable_dir(path: Path, made_from: str = "") -> Iterator[Path]:
    """Yield a folder that outlives failures and kills; rename it to `path` if the block succeeds.

    It lies in `<name>.unfinished` beside `path`, and the next call yields it again with what was
    finished. Therefore every file in it must be written atomically (`atomic_file`, `write_bytes`
    ...); `*.partial` files of a killed run are removed. made_from: names what the content depends
    on besides `path`; when it is not what it was, the folder starts empty.

    Should `path` exist by then, it stays, see `atomic_dir`. Raises GenbError when another process
    works on the same folder.
    """
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.unfinished")
    files = unfinished / "files"
    with explained(path), _locked(unfinished / "lock") as lock:
        lock.seek(0)
        if lock.read() != made_from:
            if files.exists():
                shutil.rmtree(files)
            lock.truncate(0)
            lock.write(made_from)
            lock.flush()
        files.mkdir(exist_ok=True)
        for stale in list(files.rglob("*.partial")):
            _remove(stale)
        yield files
        if not path.exists():
            os.replace(files, path)
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    """Hold the lock on a file, made when missing; the system lets go of it when we die."""
    until = time.monotonic() + _LOCK_WAIT_S
    while (file := _try_lock(path)) is None:
        if time.monotonic() > until:
            raise GenbError(
                f"another process is working in {path.parent}. Wait until it is done, or stop it "
                f"(`fuser {path}` names it), then run the same command again."
            )
        time.sleep(0.05)
    with file:
        yield file


def _try_lock(path: Path) -> TextIO | None:
    """The file, locked and still in its place; None when somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = open(path, "a+")  # noqa: SIM115, the caller closes it
    except FileNotFoundError:
        return None  # its folder went between the two lines: the other process is done
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def empty_dir(folder: Path) -> None:
    """Remove everything in a folder."""
    for content in list(folder.iterdir()):
        _remove(content)


def _remove(path: Path) -> None:
    """Delete a file, or a folder with its content; one that has gone meanwhile is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the disk's own errors into ones that say where and what to do."""
    try:
        yield
    except OSError as error:
        where = Path(error.filename or path)
        if error.errno == errno.ENOSPC:
            raise GenbError(
                f"the disk is full while writing {where}. Nothing finished is lost: free some "
                "space (`df -h`, or a smaller --scenes) and run the same command again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise GenbError(
                f"cannot write {where}: {error.strerror}. Choose another folder with --out DIR."
            ) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    with atomic_file(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, data: object) -> None:
    """Write canonical JSON (sorted keys, newline at the end) atomically."""
    write_bytes(path, (canonical_json(data, indent=1) + "\n").encode())


def read_json(path: Path) -> object:
    """Read JSON, naming the file when it is broken."""
    try:
        return json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise GenbError(f"{path} is not valid JSON ({error}). Delete it and run again.") from error


def canonical_json(data: object, indent: int | None = None) -> str:
    """JSON with sorted keys and no NaN, the same text for the same data."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(data, sort_keys=True, indent=indent, separators=separators, allow_nan=False)


def npz_bytes(arrays: dict[str, np.ndarray], compress: bool = True) -> bytes:
    """An .npz whose bytes depend on the arrays only (numpy's own stores the clock)."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_ZIP_DATE)
            info.compress_type = method
            info.external_attr = 0o600 << 16
            member = io.BytesIO()
            array = np.asarray(arrays[name])
            if array.dtype == object:
                raise TypeError(f"array {name!r} has dtype object; npz files here hold no pickles")
            np.lib.format.write_array(member, np.ascontiguousarray(array) if array.ndim else array)
            archive.writestr(info, member.getvalue(), compresslevel=1 if compress else None)
    return buffer.getvalue()


def write_npz(path: Path, arrays: dict[str, np.ndarray], compress: bool = True) -> None:
    """Write a deterministic .npz atomically."""
    write_bytes(path, npz_bytes(arrays, compress))


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an .npz; no pickles. Raises GenbError on a truncated file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise GenbError(
            f"{path} cannot be read as .npz ({error}); it is truncated or not an array archive. "
            "Delete it and run the same command again, or copy the original file once more."
        ) from error


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
