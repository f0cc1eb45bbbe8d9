"""Vertex cache as .npz: `vertices` (T, N, 3) metres, `faces` (M, 3), optional `uv` (N, 2)."""

from pathlib import Path

from pipeline.garments.caches import GarmentSequence, broken
from pipeline.storage import read_npz, write_npz


def read(path: Path, fps: float) -> GarmentSequence:
    """Read a vertex cache; the frame rate is not stored."""
    arrays = read_npz(path)
    for name in ("vertices", "faces"):
        if name not in arrays:
            raise broken(path, f"array {name!r} is missing")
    return GarmentSequence(arrays["vertices"], arrays["faces"], arrays.get("uv"))


def write(path: Path, sequence: GarmentSequence) -> None:
    """Write a vertex cache."""
    arrays = {"vertices": sequence.vertices, "faces": sequence.faces}
    if sequence.uv is not None:
        arrays["uv"] = sequence.uv
    write_npz(path, arrays)
