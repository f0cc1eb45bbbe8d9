"""What the headers of motion files said, remembered between runs by path, size and time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.storage import write_json

from .files import ClipInfo, inspect
from .motion import MotionError

_VERSION = 1
"""Raise when a reader accepts or says something else than before."""


class Inspections:
    """A table on disk: inspected once, a file is not opened again until it changes.

    A table that is damaged, or of another version, is begun anew: it only saves time.
    """

    def __init__(self, path: Path):
        self._path = path
        self._table = _read(path)
        self._changed = False

    def inspect(self, path: Path, kind: str) -> tuple[ClipInfo, int] | str:
        """A file's description and size in bytes, or the reason why it cannot be used.

        kind: a format's name, or "auto".
        """
        stat = path.stat()
        key = f"{kind}|{path}"
        row = self._table.get(key)
        if row is None or row["size"] != stat.st_size or row["time"] != stat.st_mtime_ns:
            row = {"size": stat.st_size, "time": stat.st_mtime_ns} | _look(path, kind)
            self._table[key] = row
            self._changed = True
        return row["refused"] if "refused" in row else (ClipInfo(**row["info"]), stat.st_size)

    def save(self) -> None:
        """Write the table, if anything in it is new."""
        if self._changed:
            write_json(self._path, {"version": _VERSION, "files": self._table})
            self._changed = False


def _look(path: Path, kind: str) -> dict:
    try:
        return {"info": asdict(inspect(path, kind))}
    except MotionError as error:
        return {"refused": str(error)}


def _read(path: Path) -> dict[str, dict]:
    try:
        data = json.loads(path.read_text())
        table = data["files"] if data["version"] == _VERSION else {}
        for row in table.values():
            complete = {"size", "time"} <= row.keys() and (
                isinstance(row["refused"], str) if "refused" in row else ClipInfo(**row["info"])
            )
            if not complete:
                return {}
        return table
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
