"""All clips that a configuration may draw from, and the files that cannot be used, with reasons.

Files are only inspected (their headers), and what was found is remembered between runs
(`inspections`), so that tens of thousands of files can be listed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from pipeline.assets import cache_dir, user_assets_dir
from pipeline.config import MotionSection, MotionSource
from pipeline.errors import GenbError
from pipeline.storage import canonical_json, sha256_text

from .files import FORMATS
from .inspections import Inspections
from .library import MOTIONS

LIBRARY = "library"
_SHOWN = 3


@dataclass(frozen=True)
class Clip:
    """Something to perform.

    id: family name, or the file's path below its folder without the ending. kind: format name or
    "library". path: None for the library, whose clips are as long as one likes: frames, fps and
    seconds are then None. weight: the source's, shared equally by its clips. source: its place in
    motion.sources. size: bytes of the file.
    """

    id: str
    kind: str
    source: int
    action: str
    weight: float
    up: str = "auto"
    path: str | None = None
    frames: int | None = None
    fps: float | None = None
    size: int = 0

    @property
    def seconds(self) -> float | None:
        """From the first frame to the last."""
        return None if self.frames is None else (self.frames - 1) / self.fps


@dataclass(frozen=True)
class Refused:
    """A file that cannot be performed."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """clips: in the order of the sources, then by id (the library in its own order)."""

    clips: tuple[Clip, ...]
    refused: tuple[Refused, ...]


def catalogue(section: MotionSection) -> Catalogue:
    """What the sources of a configuration offer; made once per process.

    Raises GenbError for a missing folder, a pattern that matches nothing, or a source without a
    single usable clip.
    """
    return _catalogue(section.model_dump_json(), str(user_assets_dir()), str(cache_dir()))


def fingerprint(section: MotionSection) -> str:
    """Hash of what the catalogue holds (ids, sizes, lengths; no places, no times)."""
    rows = [
        [clip.id, clip.kind, clip.source, clip.weight, clip.up, clip.frames, clip.fps, clip.size]
        for clip in catalogue(section).clips
    ]
    return sha256_text(canonical_json(rows))


@lru_cache(maxsize=8)
def _catalogue(section_json: str, assets: str, cache: str) -> Catalogue:
    section = MotionSection.model_validate_json(section_json)
    inspections = Inspections(Path(cache) / "motions.json")
    clips: dict[str, Clip] = {}
    refused: list[Refused] = []
    try:
        for number, source in enumerate(section.sources):
            found, bad = _clips_of(source, number, inspections)
            refused += bad
            for clip in found:
                if clip.id in clips:
                    reason = f"motion.sources[{clips[clip.id].source}] has a clip of the same name"
                    refused.append(Refused(clip.id, clip.path or "", reason))
                else:
                    clips[clip.id] = clip
    finally:
        inspections.save()
    return Catalogue(tuple(clips.values()), tuple(refused))


def _clips_of(
    source: MotionSource, number: int, inspections: Inspections
) -> tuple[list[Clip], list[Refused]]:
    if source.kind == LIBRARY:
        return _library_clips(source, number), []
    found, refused = _file_clips(source, number, inspections)
    if not found:
        reasons = "; ".join(row.reason for row in refused[:_SHOWN])
        raise GenbError(
            f"{_name(source, number)} has no usable clip: {len(refused)} files were refused, such "
            f"as: {reasons}. Put other files there, or remove the source."
        )
    return found, refused


def _library_clips(source: MotionSource, number: int) -> list[Clip]:
    names = _chosen(list(MOTIONS), source, number)
    weight = source.weight / len(names)
    return [Clip(name, LIBRARY, number, MOTIONS[name].action, weight) for name in names]


def _file_clips(
    source: MotionSource, number: int, inspections: Inspections
) -> tuple[list[Clip], list[Refused]]:
    folder = _folder(source, number)
    kinds = list(FORMATS) if source.kind == "auto" else [source.kind]
    endings = sorted({FORMATS[kind].ENDING for kind in kinds})
    files = _files(folder, endings)
    if not files:
        raise GenbError(
            f"{_name(source, number)}: no {' or '.join(endings)} files below {folder}. Put motion "
            "files there, or correct the source's kind or folder."
        )
    chosen = set(_chosen(sorted({_id(folder, path) for path in files}), source, number))
    found, refused, seen = [], [], {}
    for path in files:
        name = _id(folder, path)
        if name not in chosen:
            continue
        result = inspections.inspect(path, source.kind)
        if isinstance(result, str):
            refused.append(Refused(name, str(path), result))
        elif name in seen:
            reason = f"{path}: {seen[name]} has the same name; rename one of them"
            refused.append(Refused(name, str(path), reason))
        else:
            seen[name] = path.name
            info, size = result
            found.append((name, path, info, size))
    return [
        Clip(
            name, info.format, number, info.action, source.weight / len(found), source.up,
            str(path), info.frames, info.fps, size,
        )
        for name, path, info, size in found
    ], refused  # fmt: skip


def _folder(source: MotionSource, number: int) -> Path:
    """The source's folder, absolute."""
    folder = Path(source.folder).expanduser()
    if not folder.is_absolute():
        if user_assets_dir() is None:
            raise GenbError(
                f"{_name(source, number)}: the folder is relative to $GENB_ASSETS, which is not "
                "set. Set it, or give an absolute path."
            )
        folder = user_assets_dir() / folder
    folder = folder.absolute()
    if folder.is_dir():
        return folder
    parent = next(p for p in folder.parents if p.is_dir())
    wanted = folder.relative_to(parent).parts[0]
    siblings = sorted(p.name for p in parent.iterdir() if p.is_dir())
    close = difflib.get_close_matches(wanted, siblings, n=1)
    hint = f" Did you mean {parent / close[0]}?" if close else ""
    raise GenbError(f"{_name(source, number)}: there is no folder {folder}.{hint}")


def _files(folder: Path, endings: Iterable[str]) -> list[Path]:
    """Files below a folder with one of the endings, sorted by path; hidden ones are left out."""
    suffixes = tuple(endings)
    return sorted(
        (p for p in _walk(folder, set()) if p.suffix.lower() in suffixes),
        key=lambda path: path.relative_to(folder).as_posix(),
    )


def _walk(folder: Path, visited: set[str]) -> Iterator[Path]:
    """All files, also through links to folders, each real folder once."""
    real = os.path.realpath(folder)
    if real in visited:
        return
    visited.add(real)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), visited)
        elif entry.is_file():
            yield Path(entry.path)


def _id(folder: Path, path: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _chosen(ids: list[str], source: MotionSource, number: int) -> list[str]:
    """Ids that match an include and no exclude pattern. Every pattern must match something."""
    for key in ("include", "exclude"):
        for pattern in getattr(source, key):
            if not any(fnmatchcase(name, pattern) for name in ids):
                close = difflib.get_close_matches(pattern, ids, n=1, cutoff=0.5)
                hint = f" Did you mean {close[0]!r}?" if close else f" Such as: {ids[0]!r}."
                raise GenbError(
                    f"{_name(source, number)}: {key} pattern {pattern!r} matches none of "
                    f"{len(ids)} clips.{hint}"
                )
    chosen = [
        name
        for name in ids
        if any(fnmatchcase(name, pattern) for pattern in source.include)
        and not any(fnmatchcase(name, pattern) for pattern in source.exclude)
    ]
    if not chosen:
        raise GenbError(
            f"{_name(source, number)}: the exclude patterns leave none of {len(ids)} clips; remove "
            "one of them."
        )
    return chosen


def _name(source: MotionSource, number: int) -> str:
    where = f" {source.folder!r}" if source.folder else ""
    return f"motion.sources[{number}] ({source.kind}{where})"
