"""Samples into a tar whose bytes depend on them alone, and the checksum file beside it."""

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.shards.records import checksum_path
from pipeline.storage import atomic_file, sha256_file, write_bytes


@contextmanager
def shard_tar(path: Path) -> Iterator[Callable[[str, dict[str, bytes]], None]]:
    """Yield `add(key, members)`; the tar is put in its place when the block succeeds.

    members: bytes by extension. Samples are to be added in the order of their keys.
    """
    with (
        atomic_file(path) as partial,
        tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):

        def add(key: str, members: dict[str, bytes]) -> None:
            for extension in sorted(members):
                info = tarfile.TarInfo(f"{key}.{extension}")
                info.size, info.mode = len(members[extension]), 0o644
                tar.addfile(info, io.BytesIO(members[extension]))

        yield add


def write_checksum(tar: Path) -> str:
    """Write the checksum file of a finished tar; returns its SHA-256 in hex."""
    digest = sha256_file(tar)
    write_bytes(checksum_path(tar), f"{digest}  {tar.name}\n".encode())
    return digest


def shard_name(index: int) -> str:
    """File name of shard number `index`."""
    return f"genb-{index:06d}.tar"
