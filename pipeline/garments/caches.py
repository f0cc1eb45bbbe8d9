"""Moving garments in files: one reader per format, all giving the same `RawCache`.

A new format is one module with `read(path, fps) -> RawCache` and one line in `READERS`. Readers
report what a file holds, in its own units and axes; `checked` decides whether that is one garment,
and `pipeline.garments.placing` brings it to metres of the subject frame and to the clip's frames.
"""

import importlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError

READERS = {
    "abc": ("pipeline.garments.alembic:read", (".abc",)),
    "usd": ("pipeline.garments.usd:read", (".usd", ".usda", ".usdc", ".usdz")),
    "obj": ("pipeline.garments.obj:read", (".obj",)),
    "pc2": ("pipeline.garments.pc2:read", (".pc2",)),
    "mdd": ("pipeline.garments.mdd:read", (".mdd",)),
    "npz": ("pipeline.garments.npz:read", (".npz",)),
    "npy": ("pipeline.garments.npz:read_npy", (".npy",)),
}
"""Format -> (`module:function`, file endings)."""


@dataclass(frozen=True)
class Part:
    """One mesh of a file: its name, and its vertices `first` to `first + count` of every frame."""

    name: str
    first: int
    count: int


@dataclass(frozen=True)
class RawCache:
    """What a file holds, as it stands there.

    frames: one (n, 3) array per sample; n may differ where the file's topology changes.
    faces: (M, 3) triangles of the first frame. corner_uv: (M, 3, 2) per face corner, or None.
    face_group: (M,) index into group_names, the material of each face. parts: the meshes that the
    vertices belong to. mesh: (N, 3), the still mesh of formats that keep it in a file of its own.
    damage: what is missing at the file's end, or empty. first_frame: number of the first sample,
    where the format has one, for messages.
    """

    frames: list[np.ndarray]
    faces: np.ndarray
    corner_uv: np.ndarray | None = None
    face_group: np.ndarray | None = None
    group_names: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    mesh: np.ndarray | None = None
    damage: str = ""
    first_frame: float | None = None


@dataclass(frozen=True)
class GarmentSequence:
    """A moving mesh of fixed topology. vertices: (T, N, 3) f32. faces: (M, 3) i32. corner_uv:
    (M, 3, 2) f32 per face corner, or None. face_group: (M,) i32 material of each face, zeros where
    the file names none; group_names: their names."""

    vertices: np.ndarray
    faces: np.ndarray
    corner_uv: np.ndarray | None = None
    face_group: np.ndarray | None = None
    group_names: tuple[str, ...] = ()


def read_cache(path: Path, fps: float) -> GarmentSequence:
    """Read a cache that is in this project's own form, e.g. the `dress` stage's.

    Raises GenbError when it is missing, damaged or not a garment.
    """
    return checked(read_raw(path, fps), path)


def read_raw(path: Path, fps: float, format: str = "", objects: list[str] | None = None):
    """RawCache of a file, folder or pattern at `fps` samples per second.

    objects: name patterns of the meshes to keep. Raises GenbError when nothing can be read.
    """
    path = Path(path)
    reader = _reader(path, format)
    if not _exists(path):
        raise GenbError(
            f"garment cache {path} does not exist. Check the `cache` entry of the scene, or delete "
            "the scene's dress folder and run the same command again to simulate it."
        )
    if reader != "obj" and not path.is_file():
        raise broken(path, "folders and patterns are for .obj frames; name one file")
    module, function = READERS[reader][0].split(":")
    try:
        raw = getattr(importlib.import_module(module), function)(path, fps)
    except OSError as error:
        raise broken(path, f"it cannot be read ({error.strerror or error})") from error
    return raw if objects in (None, ["*"]) else _only(raw, objects, path)


def _reader(path: Path, format: str) -> str:
    known = ", ".join(f"{name} ({' '.join(ends)})" for name, (_, ends) in READERS.items())
    if format:
        if format in READERS:
            return format
        raise GenbError(f"garment cache {path}: unknown format {format!r}. Known: {known}.")
    if path.is_dir():
        return "obj"
    for name, (_, ends) in READERS.items():
        if path.suffix.lower() in ends:
            return name
    raise GenbError(
        f"garment cache {path}: no reader for {path.suffix!r}. Known: {known}. "
        "Export it as Alembic (.abc), or add a reader (docs/garment-files.md)."
    )


def _exists(path: Path) -> bool:
    return path.exists() or ("*" in path.name and any(path.parent.glob(path.name)))


def _only(raw: RawCache, patterns: list[str], path: Path) -> RawCache:
    """The meshes whose name fits one of the patterns."""
    kept = [part for part in raw.parts if any(fnmatchcase(part.name, p) for p in patterns)]
    if not kept:
        names = ", ".join(part.name for part in raw.parts) or "none has a name"
        raise broken(path, f"no mesh is called {' or '.join(patterns)} (there: {names})")
    if len({len(frame) for frame in raw.frames}) > 1:
        raise broken(path, "its topology changes, so its meshes cannot be told apart")
    size = len(raw.frames[0])
    keep = np.zeros(size, bool)
    for part in kept:
        keep[part.first : part.first + part.count] = True
    number = np.cumsum(keep) - 1
    mine = keep[raw.faces].all(axis=1)
    first = np.cumsum([0, *(part.count for part in kept)])
    # Meshes without texture coordinates have zeros where others of the file have some.
    uv = None if raw.corner_uv is None else raw.corner_uv[mine]
    return RawCache(
        frames=[frame[keep] for frame in raw.frames],
        faces=number[raw.faces[mine]],
        corner_uv=uv if uv is not None and uv.any() else None,
        face_group=None if raw.face_group is None else raw.face_group[mine],
        group_names=raw.group_names,
        parts=tuple(
            Part(part.name, int(place), part.count)
            for part, place in zip(kept, first[:-1], strict=True)
        ),
        mesh=None if raw.mesh is None else raw.mesh[keep],
        damage=raw.damage,
        first_frame=raw.first_frame,
    )


def checked(raw: RawCache, path: Path, mend: bool = False) -> GarmentSequence:
    """One garment of fixed topology and finite coordinates, or GenbError with file and fault.

    mend: frames that are not finite or have another topology are interpolated between their
    neighbours (or repeat the nearest one), and a file that ends early is taken as far as it goes.
    """
    hint = " `mend = true` would interpolate such frames; `genb garment check` shows all faults."
    if raw.damage and not mend:
        raise broken(path, raw.damage)
    if not raw.frames:
        raise broken(path, "it holds no frame")
    count = len(raw.frames[0]) if raw.mesh is None else len(raw.mesh)
    faces = raw.faces
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise broken(path, f"faces have shape {faces.shape}, expected (triangles, 3)")
    if faces.min() < 0 or faces.max() >= count:
        raise broken(path, f"a face points to vertex {faces.max()} of {count}")
    usable = [frame.shape == (count, 3) and bool(np.isfinite(frame).all()) for frame in raw.frames]
    if not any(usable):
        raise broken(path, "no frame has finite coordinates")
    if not all(usable) and not mend:
        k = usable.index(False)
        frame = raw.frames[k]
        if frame.shape != (count, 3):
            wrong = f"its topology changes: {count} vertices in the first frame, {len(frame)} in "
            raise broken(path, f"{wrong}frame {k}; a garment needs one fixed mesh.{hint}")
        raise broken(path, f"frame {k} holds coordinates that are not finite.{hint}")
    return GarmentSequence(
        vertices=_interpolated(raw.frames, np.array(usable)),
        faces=np.ascontiguousarray(faces, np.int32),
        corner_uv=None
        if raw.corner_uv is None
        else np.ascontiguousarray(raw.corner_uv, np.float32),
        face_group=None
        if raw.face_group is None
        else np.ascontiguousarray(raw.face_group, np.int32),
        group_names=tuple(raw.group_names),
    )


def _interpolated(frames: list[np.ndarray], usable: np.ndarray) -> np.ndarray:
    """(T, N, 3) float32; unusable frames lie between the nearest usable ones."""
    good = np.flatnonzero(usable)
    rows = []
    for k in range(len(frames)):
        after = np.searchsorted(good, k)
        high = good[min(after, len(good) - 1)]
        low = high if high == k else good[max(after - 1, 0)]
        share = 0.0 if high <= low else (k - low) / (high - low)
        rows.append((1 - share) * frames[low] + share * frames[high] if share else frames[low])
    return np.ascontiguousarray(np.stack(rows), np.float32)


def broken(path: Path, fault: str) -> GenbError:
    """The error for a cache that cannot be used."""
    return GenbError(
        f"garment cache {path}: {fault}. If it is a stage output, delete its folder and run the "
        "same command again; if it is yours, export it again."
    )
