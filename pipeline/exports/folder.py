"""Folders of an export that are divided by split: which splits there are, and nothing left over."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports.formats import ExportOptions

SPLITS = ("train", "val", "test")


def images_by_split(dataset: Dataset, options: ExportOptions) -> dict[str, int]:
    """Wanted split -> number of its images, from the dataset's index; without empty splits."""
    wanted = (options.split,) if options.split else SPLITS
    counts = dataset.images_by_split()
    return {name: counts[name] for name in wanted if name in counts}


def refuse_strays(found: Iterable[Path], written: Iterable[Path]) -> None:
    """Raise GenbError when files of an earlier export lie among those just written."""
    strays = sorted(set(found) - set(written))
    if strays:
        raise GenbError(
            f"{strays[0]} and {len(strays) - 1} more are of an earlier export, and readers would "
            "take them along. Delete the folder and export again, or choose another with --out."
        )
