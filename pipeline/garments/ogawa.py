"""The frame of an Alembic (Ogawa) file: is it whole, and which times do its samples span?

Blender reads what the samples hold. It aborts the process on a truncated archive, though, and
rounds the first and last time to frames, so both are looked up here first.

Ogawa: "Ogawa", a byte that is 255 once the file was closed, two bytes of version, then the offset
of the root group. A group is a count and that many offsets; an offset with its top bit set points
to data, which is a size and that many bytes. All are 64-bit little endian.
"""

import mmap
import struct
from pathlib import Path

from pipeline.garments.caches import broken

_DATA = 1 << 63
_TIME_SAMPLINGS = 4  # place among the root group's children


def time_span(path: Path) -> tuple[float, float]:
    """Seconds of the first and the last sample; equal where nothing moves.

    Raises GenbError when the archive is not whole.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise broken(path, "it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            root = _checked_root(data, path)
            spans = list(_spans(_payload(data, root[_TIME_SAMPLINGS])))
    moving = [(first, last) for count, first, last in spans if count > 1]
    if moving:
        return min(first for first, _ in moving), max(last for _, last in moving)
    still = [first for count, first, _ in spans if count] or [0.0]
    return still[-1], still[-1]


def _checked_root(data: mmap.mmap, path: Path) -> tuple[int, ...]:
    """Offsets of the root group's children, once every block was seen to lie inside the file."""
    if data[:4] == b"\x89HDF":
        raise broken(path, "it is an Alembic file of the old HDF5 kind; choose Ogawa on export")
    if data[:5] != b"Ogawa":
        raise broken(path, "it is not an Alembic (Ogawa) file")
    if len(data) < 16 or data[5] != 0xFF:
        raise broken(path, "it was not written to its end")
    (start,) = struct.unpack_from("<Q", data, 8)
    todo, seen, root = [start], set(), ()
    while todo:
        offset = todo.pop()
        place = offset & ~_DATA
        if place == 0 or offset in seen:
            continue
        seen.add(offset)
        if place + 8 > len(data):
            raise broken(path, f"it is truncated at {len(data)} bytes")
        (count,) = struct.unpack_from("<Q", data, place)
        if place + 8 + count * (1 if offset & _DATA else 8) > len(data):
            raise broken(path, f"it is truncated at {len(data)} bytes")
        if not offset & _DATA:
            children = struct.unpack_from(f"<{count}Q", data, place + 8)
            root = children if offset == start else root
            todo += children
    if len(root) <= _TIME_SAMPLINGS or not root[_TIME_SAMPLINGS] & _DATA:
        raise broken(path, "its root is damaged")
    return root


def _payload(data: mmap.mmap, offset: int) -> bytes:
    place = offset & ~_DATA
    (size,) = struct.unpack_from("<Q", data, place) if place else (0,)
    return data[place + 8 : place + 8 + size]


def _spans(table: bytes):
    """(number of samples, first, last time) of each time sampling.

    An entry is the number of samples (u32), the seconds of a cycle (f64), the times in a cycle
    (u32) and those times (f64). Irregular times are one cycle that holds them all.
    """
    place = 0
    while place + 16 <= len(table):
        count, cycle_s, listed = struct.unpack_from("<IdI", table, place)
        place += 16
        if not 0 < listed <= (len(table) - place) // 8:
            return
        times = struct.unpack_from(f"<{listed}d", table, place)
        place += 8 * listed
        turns, rest = divmod(max(count, 1) - 1, listed)
        yield count, times[0], times[rest] + turns * cycle_s if turns else times[rest]
