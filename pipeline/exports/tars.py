"""Samples into numbered WebDataset tars, the same bytes for the same samples, and back."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError
from pipeline.exports.folder import refuse_strays
from pipeline.shards.read import Sample, read_samples
from pipeline.storage import atomic_file

PER_TAR = 1000


def write_tars(folder: Path, samples: Iterable[Sample], per_tar: int = PER_TAR) -> list[Path]:
    """Write 000000.tar, 000001.tar, ... of `per_tar` samples each; returns their paths.

    Raises GenbError when the folder holds more tars, of an earlier export: loaders read them all.
    """
    samples, written = iter(samples), []
    while (first := next(samples, None)) is not None:
        path = folder / f"{len(written):06d}.tar"
        _write_tar(path, chain([first], islice(samples, per_tar - 1)))
        written.append(path)
    refuse_strays(folder.glob("*.tar"), written)
    return written


def read_tars(folder: Path) -> Iterator[Sample]:
    """The samples of all tars of a folder, in order. Raises GenbError when one is damaged."""
    for tar in sorted(folder.glob("*.tar")):
        if not _is_whole(tar):
            raise GenbError(f"{tar} is cut short. Delete it and run the same export again.")
        yield from read_samples(tar)


def _is_whole(tar: Path) -> bool:
    """Whether a tar ends as it must, with two blocks of zeros after its last member.

    tarfile takes an end between two members for the end of the tar.
    """
    try:
        with tarfile.open(tar, "r:") as archive, open(tar, "rb") as file:
            archive.getmembers()
            file.seek(archive.offset)
            return file.read(2 * tarfile.BLOCKSIZE) == bytes(2 * tarfile.BLOCKSIZE)
    except (tarfile.TarError, EOFError):
        return False


def tar_pattern(folder: str, tars: list[Path]) -> str:
    """Tars of one folder as loaders take them, e.g. FOLDER/{000000..000012}.tar."""
    return f"{folder}/{{{tars[0].stem}..{tars[-1].stem}}}.tar"


def _write_tar(path: Path, samples: Iterable[Sample]) -> None:
    with (
        atomic_file(path) as partial,
        tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for sample in samples:
            if "." in sample.key:
                raise GenbError(
                    f"sample {sample.key!r} has a dot in its key; loaders would take what follows "
                    "for the file's type. Give the dataset's samples keys without dots."
                )
            for extension in sorted(sample.members):
                data = sample.members[extension]
                info = tarfile.TarInfo(f"{sample.key}.{extension}")
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))


def people_masks(sample: Sample) -> np.ndarray:
    """The masks (P, H, W) bool of a sample's detection.npz."""
    return sample.arrays("detection.npz")["masks"]
