"""Vertices as numpy arrays: .npz with everything, or .npy with the mesh as .obj beside it."""

import tokenize
import zlib
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError
from pipeline.garments.caches import GarmentSequence, RawCache, broken
from pipeline.garments.pointcache import with_mesh
from pipeline.storage import read_npz, write_npz

_UNREADABLE = (
    *(ValueError, TypeError, AttributeError, EOFError, MemoryError, SyntaxError),
    *(tokenize.TokenError, zlib.error),
)
"""What numpy raises on damaged files."""


def read(path: Path, fps: float) -> RawCache:
    """Read an archive; the frame rate is not stored.

    `vertices` (T, N, 3), or (N, 3) for one frame; `faces` (M, 3); and, if there, `corner_uv` (M, 3,
    2) or `uv` (N, 2), `face_group` (M,) and `group_names` (groups,). Raises GenbError when an array
    is missing, has another shape, or cannot be read.
    """
    try:
        arrays = read_npz(path)
    except (GenbError, RuntimeError, *_UNREADABLE) as error:
        raise broken(path, f"it is truncated, damaged or no .npz archive ({error})") from error
    for name in ("vertices", "faces"):
        if name not in arrays:
            names = ", ".join(sorted(arrays)) or "nothing"
            raise broken(path, f"array {name!r} is missing; it holds {names}")
    faces = arrays["faces"]
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise broken(path, f"faces are {_kind(faces)}, expected whole numbers of shape (M, 3)")
    frames = _frames(arrays["vertices"], path)
    face_group, group_names = _groups(arrays, faces, path)
    return RawCache(
        frames=list(frames),
        faces=faces,
        corner_uv=_corner_uv(arrays, faces, frames.shape[1], path),
        face_group=face_group,
        group_names=group_names,
    )


def read_npy(path: Path, fps: float) -> RawCache:
    """Read `vertices` (T, N, 3), or (N, 3) for one frame; faces come from the .obj beside it.

    Raises GenbError when the file is damaged, has another shape, or the mesh does not fit.
    """
    try:
        vertices = np.load(path, allow_pickle=False)
        if not isinstance(vertices, np.ndarray):
            raise ValueError("it is an .npz archive")
    except _UNREADABLE as error:
        raise broken(path, f"it is truncated, damaged or no .npy array ({error})") from error
    frames = _frames(vertices, path)
    return with_mesh(path, list(frames), frames.shape[1])


def write(path: Path, sequence: GarmentSequence) -> None:
    """Write a sequence so that `read` gives all of it back."""
    arrays = {"vertices": sequence.vertices, "faces": sequence.faces}
    if sequence.corner_uv is not None:
        arrays["corner_uv"] = sequence.corner_uv
    if sequence.face_group is not None:
        arrays["face_group"] = sequence.face_group
        arrays["group_names"] = np.array(sequence.group_names, "U")
    write_npz(path, arrays)


def _frames(vertices: np.ndarray, path: Path) -> np.ndarray:
    """(T, N, 3)."""
    frames = vertices[None] if vertices.ndim == 2 else vertices
    if frames.ndim != 3 or frames.shape[2] != 3 or frames.dtype.kind not in "fiu":
        raise broken(path, f"vertices are {_kind(vertices)}, expected numbers of shape (T, N, 3)")
    return frames


def _corner_uv(arrays, faces: np.ndarray, points: int, path: Path) -> np.ndarray | None:
    if "corner_uv" in arrays:
        uv, shape = arrays["corner_uv"], (len(faces), 3, 2)
    elif "uv" in arrays:
        uv, shape = arrays["uv"], (points, 2)
    else:
        return None
    if uv.shape != shape or uv.dtype.kind not in "fiu":
        raise broken(path, f"texture coordinates are {_kind(uv)}, expected numbers of {shape}")
    # Faces that point nowhere are refused when the cache is checked.
    return uv if uv.ndim == 3 else uv.take(faces, axis=0, mode="clip")


def _groups(arrays, faces: np.ndarray, path: Path) -> tuple[np.ndarray | None, tuple[str, ...]]:
    group = arrays.get("face_group")
    if group is None:
        return None, ()
    if group.shape != (len(faces),) or group.dtype.kind not in "iu":
        raise broken(path, f"face_group is {_kind(group)}, expected ({len(faces)},) whole numbers")
    names = arrays.get("group_names", np.arange(group.max(initial=0) + 1).astype("U"))
    if names.ndim != 1 or names.dtype.kind != "U":
        raise broken(path, f"group_names are {_kind(names)}, expected a list of names")
    if group.size and not 0 <= group.min() <= group.max() < len(names):
        raise broken(path, f"face_group reaches {group.max()} of {len(names)} groups")
    return group, tuple(names.tolist())


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"
