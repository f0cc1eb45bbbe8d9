"""The text of a BVH file: hierarchy and channels, positions and world rotations of every joint.

Nothing here knows about people. Lengths stay in the file's units. A joint's rotation is the product
of its rotation channels in the order the file lists them; position channels replace its OFFSET (as
most programs write them: a root's OFFSET is its first position, not something to add).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..kinematics import transform
from ..motion import MotionError
from .record import MAX_BYTES, check_length, check_rate

_MAX_HEADER_LINES = 20_000
_CHANNEL = re.compile(r"([XYZ])(position|rotation)", re.IGNORECASE)


@dataclass(frozen=True)
class Joint:
    """One joint, or an end site (no channels, named after its parent + " end").

    parent: index, -1 for the root. offset: (3,) from the parent, file units. channels: such as
    ("x", "position"), in file order.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BvhHeader:
    """Everything before the numbers. frames, fps as declared; lines: how many lines it takes."""

    joints: tuple[Joint, ...]
    frames: int
    fps: float
    lines: int

    @property
    def channels(self) -> int:
        return sum(len(joint.channels) for joint in self.joints)

    def rest_positions(self) -> np.ndarray:
        """Joints (J, 3) with all rotations zero and the root at its OFFSET, file units."""
        places = np.zeros((len(self.joints), 3))
        for index, joint in enumerate(self.joints):
            base = places[joint.parent] if joint.parent >= 0 else 0.0
            places[index] = base + np.asarray(joint.offset)
        return places


def read_header(path: Path) -> BvhHeader:
    """Parse the hierarchy and the MOTION header; the numbers are not read.

    Raises MotionError when a part is missing or the declared length cannot be in the file.
    """
    path = Path(path)
    if not path.is_file():
        raise MotionError(f"{path}: no such file; check the path in the configuration or scene")
    if not os.access(path, os.R_OK):
        raise MotionError(f"{path}: may not be read; change its permissions (chmod +r)")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise MotionError(f"{path}: {size / 1e9:.3g} GB, more than the limit; split the file")
    with open(path, encoding="utf-8", errors="replace") as file:
        header = _Parser(path, islice(file, _MAX_HEADER_LINES)).header()
    check_length(path, header.frames, "the MOTION section")
    # Each number takes a digit and a separator at least.
    if 2 * header.frames * header.channels > size:
        raise MotionError(
            f"{path}: 'Frames: {header.frames}' of {header.channels} channels cannot be in "
            f"{size} bytes; the file is truncated or its header wrong: export it again"
        )
    return header


def read_channels(path: Path, header: BvhHeader) -> np.ndarray:
    """Channel values (frames, channels) float64. Raises MotionError naming the line at fault."""
    rows = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(islice(file, header.lines, None), header.lines + 1):
            words = line.split()
            if not words:
                continue
            if len(words) != header.channels:
                raise MotionError(
                    f"{path}:{number}: {len(words)} numbers, but the hierarchy declares "
                    f"{header.channels} channels; the file is truncated or damaged: export it again"
                )
            try:
                rows.append(np.array(words, dtype=np.float64))
            except ValueError as error:
                raise MotionError(f"{path}:{number}: not a number ({error})") from error
            if len(rows) > header.frames:
                break
    if len(rows) != header.frames:
        more = "more" if len(rows) > header.frames else str(len(rows))
        raise MotionError(
            f"{path}: the header says {header.frames} frames, the file has {more}; export it again"
        )
    values = np.stack(rows)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise MotionError(f"{path}: frame {row} has values that are not finite; export it again")
    return values


def forward(header: BvhHeader, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (T, J, 3, 3) and positions (T, J, 3) in file axes and units."""
    frames, count = len(values), len(header.joints)
    world = np.empty((frames, count, 3, 3))
    places = np.empty((frames, count, 3))
    column = 0
    for index, joint in enumerate(header.joints):
        block = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        offset = np.tile(np.asarray(joint.offset), (frames, 1))
        turns = "".join(axis for axis, kind in joint.channels if kind == "rotation")
        for k, (axis, kind) in enumerate(joint.channels):
            if kind == "position":
                offset[:, "xyz".index(axis)] = block[:, k]
        angles = block[:, [k for k, (_, kind) in enumerate(joint.channels) if kind == "rotation"]]
        local = (
            Rotation.from_euler(turns.upper(), angles, degrees=True).as_matrix().reshape(-1, 3, 3)
            if turns
            else np.eye(3)
        )
        if joint.parent < 0:
            world[:, index], places[:, index] = local, offset
        else:
            parent = world[:, joint.parent]
            world[:, index] = parent @ local
            places[:, index] = places[:, joint.parent] + transform(parent, offset)
    return world, places


def _rate(seconds: float) -> float:
    """Frames per second; a whole number when the few digits of "Frame Time" may mean one."""
    fps = 1.0 / seconds
    whole = round(min(fps, 1e9))
    return float(whole) if whole and abs(fps - whole) < 1e-4 * whole else fps


class _Parser:
    """Reads one header line by line, so that errors carry a line number."""

    def __init__(self, path: Path, lines: Iterable[str]):
        self._path = path
        self._number = 0
        self._lines = self._words(lines)

    def _words(self, lines: Iterable[str]) -> Iterator[list[str]]:
        for self._number, line in enumerate(lines, 1):
            if words := line.replace("{", " { ").replace("}", " } ").split():
                yield words
        raise self._error("the file ends (or goes on for ever) before its 'MOTION' section")

    def _error(self, message: str) -> MotionError:
        return MotionError(f"{self._path}:{self._number}: {message}; export the file again as BVH")

    def header(self) -> BvhHeader:
        if [word.upper() for word in self._next()] != ["HIERARCHY"]:
            raise self._error("a BVH file starts with 'HIERARCHY'")
        joints: list[Joint] = []
        stack: list[int] = []
        while True:
            words = self._next()
            key = words[0].upper()
            if key == "MOTION" and not stack:
                break
            if key in ("ROOT", "JOINT", "END"):
                if key == "ROOT" and joints:
                    raise self._error("more than one ROOT; one skeleton per file is read")
                inside = [word for word in words[1:] if word != "{"]
                parent = stack[-1] if stack else -1
                name = f"{joints[parent].name} end" if key == "END" and joints else " ".join(inside)
                if not name or (parent < 0) != (key == "ROOT"):
                    raise self._error(f"{' '.join(words)!r} is out of place")
                joints.append(Joint(name, parent, (0.0, 0.0, 0.0), ()))
                if words[-1] == "{":
                    stack.append(len(joints) - 1)
            elif key == "{" and joints:
                stack.append(len(joints) - 1)
            elif key == "}" and stack:
                del stack[-len(words) :]
            elif key == "OFFSET" and stack:
                joints[stack[-1]] = replace(joints[stack[-1]], offset=self._offset(words[1:]))
            elif key == "CHANNELS" and stack:
                joints[stack[-1]] = replace(joints[stack[-1]], channels=self._channels(words[1:]))
            else:
                raise self._error(f"{' '.join(words)[:60]!r} is out of place")
        return BvhHeader(tuple(joints), *self._motion())

    def _motion(self) -> tuple[int, float, int]:
        frames = self._value("FRAMES:", int)
        seconds = self._value("TIME:", float)
        if not (np.isfinite(seconds) and seconds > 0):
            raise self._error(f"'Frame Time: {seconds:g}' is not a positive number of seconds")
        return frames, check_rate(self._path, _rate(seconds)), self._number

    def _value(self, key: str, kind: type):
        words = self._next()
        try:
            if key not in (word.upper() for word in words[:-1]):
                raise ValueError
            return kind(words[-1])
        except ValueError:
            raise self._error(f"expected a line '... {key.title()} NUMBER' after MOTION") from None

    def _next(self) -> list[str]:
        return next(self._lines)

    def _offset(self, words: list[str]) -> tuple[float, float, float]:
        try:
            x, y, z = (float(word) for word in words)
        except ValueError:
            raise self._error("OFFSET needs three numbers") from None
        if not np.isfinite([x, y, z]).all():
            raise self._error("OFFSET is not finite")
        return x, y, z

    def _channels(self, words: list[str]) -> tuple[tuple[str, str], ...]:
        found = [_CHANNEL.fullmatch(word) for word in words[1:]]
        if not words or not words[0].isdigit() or int(words[0]) != len(found) or None in found:
            raise self._error(
                "CHANNELS must be a count and as many names such as Xposition or Zrotation"
            )
        channels = tuple((match[1].lower(), match[2].lower()) for match in found)
        if len(set(channels)) != len(channels):
            raise self._error("a channel is listed twice")
        return channels
