"""The label formats by name, and what each of their modules offers.

A module has three functions. `rows(dataset, options)` yields what the format says about each person
(or image), as a dict of arrays and scalars. `write(dataset, out, options)` writes the files and
returns notes for the user: what was left out, and why. `read(out)` yields the rows back from the
files alone, equal to those that were written.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pipeline.assets import user_assets_dir
from pipeline.dataset import open_dataset
from pipeline.errors import GenbError

FORMATS = {
    "bedlam": "pipeline.exports.bedlam",
    "bedlam2": "pipeline.exports.bedlam2",
    "camerahmr": "pipeline.exports.camerahmr",
    "tokenhmr": "pipeline.exports.tokenhmr",
    "4dhumans": "pipeline.exports.fourdhumans",
    "agora": "pipeline.exports.agora",
    "coco": "pipeline.exports.coco",
    "smplx-npz": "pipeline.exports.smplx_npz",
    "hf": "pipeline.exports.hf",
    "text": "pipeline.exports.text",
}
"""Format name -> module."""


@dataclass(frozen=True)
class ExportOptions:
    """What a user may choose.

    split: only this part of the dataset (train, val or test), or all of it. bbox_factor: by how
    much boxes are larger than what they enclose; None takes the format's own. assets: folder of
    licensed files (SMPL models, regressors, transfer matrices) that some formats need.
    """

    split: str | None = None
    bbox_factor: float | None = None
    assets: Path | None = None

    @property
    def assets_dir(self) -> Path:
        """Where licensed files are looked for."""
        return self.assets or user_assets_dir()


def format_module(name: str) -> ModuleType:
    """Module of a format; raises GenbError for an unknown name."""
    if name not in FORMATS:
        raise GenbError(f"no format {name!r}. Formats: {', '.join(FORMATS)}.")
    return importlib.import_module(FORMATS[name])


def export(out: Path, name: str, target: Path | None, options: ExportOptions) -> list[str]:
    """Write the dataset in `out` in another format; returns notes.

    target: folder, or None for OUT/exports/NAME. Raises GenbError.
    """
    dataset, module = open_dataset(out), format_module(name)
    images = dataset.images_by_split()
    if not (images.get(options.split) if options.split else images):
        there = ", ".join(f"{n} of {split}" for split, n in images.items()) or "none at all"
        raise GenbError(
            f"{out} has no images of the split asked for ({options.split or 'any'}); it has: "
            f"{there}. Choose another --split, or leave it out."
        )
    return module.write(dataset, target or dataset.out / "exports" / name, options)
