"""Arrays of an npz file, looked at before they are read.

The header of every member is read from inside the zip, so that a pickle, a wrong type or an absurd
length is refused before anything is unpacked or allocated. numpy's own reader does neither check.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from ..motion import MotionError
from .record import MAX_BYTES

_HEADERS = {(1, 0): ("<H", npy.read_array_header_1_0), (2, 0): ("<I", npy.read_array_header_2_0)}
_MAX_HEADER_BYTES = 10_000
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, NotImplementedError,
    RuntimeError, ValueError, SyntaxError, KeyError, TypeError, tokenize.TokenError,
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """Shape, type and order of an array that has not been read."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool


class Archive:
    """An open npz file; every refusal is a MotionError that names the file and the member."""

    def __init__(self, path: Path, zipped: zipfile.ZipFile):
        self.path = path
        self._zip = zipped
        self._members = {
            entry.filename.removesuffix(".npy"): entry
            for entry in zipped.infolist()
            if entry.filename.endswith(".npy")
        }

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._members)

    def require(self, *keys: str, expected: str) -> None:
        """Raise MotionError listing the missing keys ("a|b" means one of the two)."""
        missing = [key for key in keys if not self.keys & set(key.split("|"))]
        if missing:
            raise MotionError(
                f"{self.path}: missing {', '.join(key.replace('|', ' or ') for key in missing)}; "
                f"it holds {', '.join(sorted(self.keys)) or 'nothing'}. Expected {expected}"
            )

    def first(self, keys: str) -> str | None:
        """The first of the keys "a|b" that the file has."""
        return next((key for key in keys.split("|") if key in self.keys), None)

    def header(self, key: str) -> Header:
        """Look at an array without reading it."""
        with self._open(key) as member:
            return self._header(key, member)

    def numbers(self, key: str, *shape: int | None) -> np.ndarray:
        """An array of numbers as float64; None in `shape` accepts any length."""
        with self._open(key) as member:
            header = self._header(key, member)
            self._check_numbers(key, header, shape)
            flat = np.frombuffer(member.read(_size(header)), dtype=header.dtype)
        order = "F" if header.fortran else "C"
        return flat.reshape(header.shape, order=order).astype(np.float64)

    def check_numbers(self, key: str, *shape: int | None) -> Header:
        """The header of an array that `numbers` would accept; MotionError otherwise."""
        header = self.header(key)
        self._check_numbers(key, header, shape)
        return header

    def scalar(self, key: str) -> float:
        """A single number, whatever the array's shape."""
        if math.prod(self.header(key).shape) != 1:
            raise MotionError(f"{self.path}: {key} must be one number; export the file again")
        return float(self.numbers(key).reshape(()))

    def texts(self, key: str) -> list[str]:
        """An array of strings (str or bytes), flattened."""
        with self._open(key) as member:
            header = self._header(key, member)
            if header.dtype.kind not in "US":
                raise MotionError(f"{self.path}: {key} holds {header.dtype}, not text")
            flat = np.frombuffer(member.read(_size(header)), dtype=header.dtype)
        return [
            item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
            for item in flat.tolist()
        ]

    def text(self, key: str) -> str:
        """The first of an array of strings, "" when there is none."""
        return next(iter(self.texts(key)), "") if key in self.keys else ""

    def _check_numbers(self, key: str, header: Header, shape: tuple[int | None, ...]) -> None:
        if header.dtype.kind not in "fiu":
            raise MotionError(
                f"{self.path}: {key} holds {header.dtype}, not numbers; export the file again"
            )
        fits = not shape or (
            len(shape) == len(header.shape)
            and all(w is None or w == h for w, h in zip(shape, header.shape, strict=True))
        )
        if not fits:
            wanted = ", ".join("T" if w is None else str(w) for w in shape)
            raise MotionError(
                f"{self.path}: {key} must be ({wanted}), got {header.shape}; is this another body "
                "model's file?"
            )

    @contextmanager
    def _open(self, key: str) -> Iterator[BinaryIO]:
        with _explained(self.path), self._zip.open(self._members[key]) as member:
            yield member

    def _header(self, key: str, member: BinaryIO) -> Header:
        version = npy.read_magic(member)
        if version not in _HEADERS:
            raise MotionError(f"{self.path}: {key} has npy version {version}, not a plain array")
        count = member.read(struct.calcsize(_HEADERS[version][0]))
        length = struct.unpack(_HEADERS[version][0], count)[0]
        if length > _MAX_HEADER_BYTES:
            raise MotionError(f"{self.path}: {key} has a header of {length} bytes; fetch it again")
        shape, fortran, dtype = _parse(version, count + member.read(length))
        if dtype.hasobject:
            raise MotionError(
                f"{self.path}: {key} is pickled, and pickled content is never read (it can run "
                "code). Save the file again with plain arrays"
            )
        header = Header(shape, dtype, fortran)
        claimed, held = _size(header), self._members[key].file_size
        if min(shape, default=0) < 0 or claimed > held:
            raise MotionError(
                f"{self.path}: {key} claims {shape} = {claimed / 1e9:.3g} GB, but the file holds "
                f"{held / 1e9:.3g} GB for it; damaged, fetch it again"
            )
        if claimed > MAX_BYTES:
            raise MotionError(
                f"{self.path}: {key} is {claimed / 1e9:.3g} GB, more than the limit of "
                f"{MAX_BYTES / 1e9:.3g} GB; split the file"
            )
        return header


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an npz file for looking and reading. Raises MotionError when it is none."""
    path = Path(path)
    if not path.is_file():
        raise MotionError(f"{path}: no such file; check the path in the configuration or scene")
    with _explained(path):
        zipped = zipfile.ZipFile(path)
    with zipped:
        yield Archive(path, zipped)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except MotionError:
        raise
    except _DAMAGE as error:
        raise MotionError(
            f"{path}: damaged or truncated, or no npz archive ({error}); fetch it again"
        ) from error


@lru_cache(maxsize=4096)
def _parse(version: tuple[int, int], raw: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of an npy header (remembered: most files share most headers)."""
    return _HEADERS[version][1](io.BytesIO(raw))


def _size(header: Header) -> int:
    return math.prod(header.shape) * header.dtype.itemsize
