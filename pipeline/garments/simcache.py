"""Simulations that are never run twice, whatever dataset asks for them.

A result is kept under the hash of all that decides it (rest shape, pinned path, collider, settings,
Blender's version, the text of `simulate.py`), so it cannot be stale, and a garment is simulated
again only when it, its wearer, the motion or a garment below it changed. Deleting the folder is
always safe.
"""

import hashlib
import os
from dataclasses import astuple
from pathlib import Path

import bpy
import numpy as np

from pipeline.assets import cache_dir
from pipeline.errors import GenbError
from pipeline.garments import simulate as solver
from pipeline.garments.simulate import ClothSettings, ClothTask, simulate
from pipeline.storage import read_npz, write_npz

_GIB = 2**30


def simulate_once(
    task: ClothTask, settings: ClothSettings, limit_gib: float
) -> tuple[np.ndarray, float]:
    """`simulate`, or what it gave for the same input before: vertices (F, N, 3) and CPU seconds.

    A remembered result costs 0 s. limit_gib: size of the store; the results longest unused go
    first. 0 neither reads nor writes.
    """
    if not limit_gib:
        return simulate(task, settings)
    path = store_dir() / f"{task_key(task, settings)}.npz"
    kept = _read(path, (len(task.collider), len(task.rest), 3))
    if kept is not None:
        return kept, 0.0
    result, cpu_s = simulate(task, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_npz(path, {"vertices": result})
    _prune(path.parent, limit_gib * _GIB)
    return result, cpu_s


def store_dir() -> Path:
    """Folder of the kept simulations."""
    return cache_dir() / "cloth"


def task_key(task: ClothTask, settings: ClothSettings) -> str:
    """Identity of a simulation: 32 hex digits."""
    digest = hashlib.sha256(repr((bpy.app.version_string, astuple(settings))).encode())
    digest.update(Path(solver.__file__).read_bytes())
    for array in astuple(task):
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:32]


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """A kept result, or None when there is none or it is not whole (then it is made again)."""
    if not path.is_file():
        return None
    try:
        vertices = read_npz(path)["vertices"]
    except (GenbError, KeyError, FileNotFoundError):
        return None
    if vertices.shape != shape:
        return None
    os.utime(path)
    return vertices


def _prune(folder: Path, limit: float) -> None:
    """Delete the results longest unused until the rest fit `limit` bytes."""
    rows = []
    for path in folder.glob("*.npz"):
        try:
            stat = path.stat()
        except FileNotFoundError:
            # Another worker deletes as well.
            continue
        rows.append((stat.st_mtime_ns, stat.st_size, path))
    size = sum(row[1] for row in rows)
    for _, bytes_, path in sorted(rows):
        if size <= limit:
            return
        path.unlink(missing_ok=True)
        size -= bytes_
