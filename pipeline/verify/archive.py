"""The bytes of a shard around its members: plain files, in order, once, and nothing after the end.

Readers disagree about odd tars: some stop at the first bad header, some follow links, some read on
after the end. A shard is written so that none of that can matter.
"""

import os
import re
import tarfile
from collections import Counter
from pathlib import Path

BLOCK = tarfile.BLOCKSIZE
_NAME = re.compile(r"(\d{6,})_(\d{4,})(?:_a(\d+))?\.([a-z]+(?:\.[a-z]+)?)")
_META = {"uid": 0, "gid": 0, "mtime": 0, "mode": 0o644, "uname": "", "gname": "", "linkname": ""}


def archive_faults(tar: Path) -> tuple[list[str], bool]:
    """Faults of a tar's structure, and whether its members may be read at all."""
    faults: list[str] = []
    names: list[str] = []
    size = tar.stat().st_size
    with open(tar, "rb") as file:
        while True:
            start = file.tell()
            header = file.read(BLOCK)
            if len(header) < BLOCK:
                return [*faults, f"ends at byte {size} without the end of an archive"], True
            if not any(header):
                break
            try:
                info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
            except (tarfile.HeaderError, ValueError) as error:
                return [*faults, f"byte {start} is not the header of a member ({error})"], False
            found, plain = _member_faults(info, header)
            faults += found
            if not plain:
                return faults, False
            names.append(info.name)
            end = start + BLOCK + info.size
            file.seek(end)
            padding = file.read(-info.size % BLOCK)
            if any(padding):
                faults.append(f"{info.name} has something in the space after it")
            if end > size:
                return [*faults, f"{info.name} is cut short"], True
        faults += _end_faults(file, size)
    return faults + _order_faults(names), True


def _member_faults(info: tarfile.TarInfo, header: bytes) -> tuple[list[str], bool]:
    """Faults of a member's header, and whether it is a plain file."""
    if info.type != tarfile.REGTYPE:
        return [f"{info.name} is not a plain file (type {info.type!r})"], False
    if not _NAME.fullmatch(info.name):
        return [f"{info.name!r} is not the name of a sample's member"], False
    faults = []
    if header[257:265] != b"ustar\x0000":
        faults.append(f"{info.name} has no USTAR header")
    odd = [name for name, value in _META.items() if getattr(info, name) != value]
    if odd:
        faults.append(f"{info.name} tells {', '.join(odd)}")
    return faults, True


def _order_faults(names: list[str]) -> list[str]:
    faults = [f"{name} occurs twice" for name, n in Counter(names).items() if n > 1]
    for before, name in zip(names, names[1:], strict=False):
        if _place(name) < _place(before):
            faults.append(f"{name} is out of order, after {before}")
    return faults


def _place(name: str) -> tuple:
    scene, frame, appearance, extension = _NAME.fullmatch(name).groups()
    return int(scene), int(frame), int(appearance or 0), extension


def _end_faults(file, size: int) -> list[str]:
    """The first block of zeros has been read: another one follows, then zeros to a full record."""
    at = file.tell() - BLOCK
    record = tarfile.RECORDSIZE
    wanted = -(-(at + 2 * BLOCK) // record) * record
    rest_is_zero = not any(any(chunk) for chunk in iter(lambda: file.read(1 << 20), b""))
    file.seek(0, os.SEEK_END)
    if size != wanted or not rest_is_zero:
        return [f"has {size - at} bytes after its last member, expected {wanted - at} zeros"]
    return []
