"""Moving garments in files: one reader per format, all giving the same `GarmentSequence`.

A new format is one module with `read(path, fps)` and one line in `READERS`. Coordinates are metres
in the subject frame (Z up); frame k of the sequence is clip frame k.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError

READERS = {
    ".abc": "pipeline.garments.alembic:read",
    ".npz": "pipeline.garments.npz:read",
    ".pc2": "pipeline.garments.pc2:read",
}
"""File suffix -> `module:function`."""


@dataclass(frozen=True)
class GarmentSequence:
    """A moving mesh of fixed topology. vertices: (T, N, 3) f32 m. faces: (M, 3) i32. uv: (N, 2) f32
    per vertex, or None."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None = None


def read_cache(path: Path, fps: float) -> GarmentSequence:
    """Read a garment cache. Raises GenbError when it is missing, damaged or not a garment."""
    path = Path(path)
    if not path.is_file():
        raise GenbError(
            f"garment cache {path} does not exist. Check the `cache` entry of the scene, or delete "
            "the scene's dress folder and run the same command again to simulate it."
        )
    if path.suffix.lower() not in READERS:
        raise GenbError(
            f"garment cache {path}: no reader for {path.suffix!r}. Known: {', '.join(READERS)}. "
            "Export it as Alembic (.abc), or add a reader (docs/clothing.md)."
        )
    module, function = READERS[path.suffix.lower()].split(":")
    return checked(getattr(importlib.import_module(module), function)(path, fps), path)


def checked(sequence: GarmentSequence, path: Path) -> GarmentSequence:
    """The sequence with its final dtypes; raises GenbError with the file and the fault."""
    vertices, faces = sequence.vertices, sequence.faces
    if vertices.ndim != 3 or vertices.shape[2] != 3 or 0 in vertices.shape:
        raise broken(path, f"vertices have shape {vertices.shape}, expected (frames, vertices, 3)")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise broken(path, f"faces have shape {faces.shape}, expected (triangles, 3)")
    if faces.min() < 0 or faces.max() >= vertices.shape[1]:
        raise broken(path, f"a face points to vertex {faces.max()} of {vertices.shape[1]}")
    finite = np.isfinite(vertices).all(axis=(1, 2))
    if not finite.all():
        raise broken(path, f"frame {int(np.argmin(finite))} holds coordinates that are not finite")
    uv = None if sequence.uv is None else np.ascontiguousarray(sequence.uv, np.float32)
    return GarmentSequence(
        np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32), uv
    )


def broken(path: Path, fault: str) -> GenbError:
    """The error for a cache that cannot be used."""
    return GenbError(
        f"garment cache {path}: {fault}. If it is a stage output, delete its folder and run the "
        "same command again; if it is yours, export it again."
    )
