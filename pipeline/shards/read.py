"""Tars back into samples with plain tarfile and numpy, for the index, the report and the checks."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.errors import GenbError


@dataclass(frozen=True)
class Sample:
    """One sample of a shard: its key and its members' bytes by extension."""

    key: str
    members: dict[str, bytes]

    def json(self) -> dict:
        """The sample's facts."""
        return json.loads(self.members["json"])

    def labels(self) -> dict[str, np.ndarray]:
        """The sample's numeric labels."""
        return self.arrays("npz")

    def arrays(self, extension: str) -> dict[str, np.ndarray]:
        """Arrays of a .npz member, e.g. 'geometry.npz'."""
        with np.load(io.BytesIO(self.members[extension]), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def image(self, extension: str) -> np.ndarray:
        """Pixels of an image member, e.g. 'rgb.jpg' or 'mask.png'."""
        return np.asarray(Image.open(io.BytesIO(self.members[extension])))

    def array(self, extension: str) -> np.ndarray:
        """Array of a .npy member, e.g. 'depth.npy'."""
        return np.load(io.BytesIO(self.members[extension]), allow_pickle=False)


UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    SyntaxError,
    ValueError,
    KeyError,
)
"""What damaged members raise when they are opened."""


def read_samples(tar: Path, only: tuple[str, ...] | None = None) -> Iterator[Sample]:
    """Samples of a shard in order; with `only`, just these extensions are read.

    Raises GenbError when the tar is missing, cut short or not a tar.
    """
    try:
        with tarfile.open(tar, "r:") as archive:
            key, members = None, {}
            for info in archive:
                name, _, extension = info.name.partition(".")
                if name != key and key is not None:
                    yield Sample(key, members)
                    members = {}
                key = name
                if only is None or extension in only:
                    members[extension] = _content(archive, info)
            if key is not None:
                yield Sample(key, members)
    except (tarfile.TarError, OSError) as error:
        raise GenbError(
            f"{tar} cannot be read as a tar ({error}). Delete it and run the same command again."
        ) from error


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    data = archive.extractfile(info).read()
    if len(data) != info.size:
        raise tarfile.ReadError(f"{info.name} is cut short")
    return data


def find_sample(out: Path, key: str) -> Sample:
    """The sample with a key, from whichever shard of the dataset holds it."""
    for tar in sorted((out / "shards").glob("genb-*.tar")):
        for sample in read_samples(tar):
            if sample.key == key:
                return sample
    raise GenbError(f"no sample {key!r} in {out / 'shards'}. Keys look like 000042_0000.")
