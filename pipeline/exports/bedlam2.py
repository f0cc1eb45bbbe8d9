"""BEDLAM2's training labels: 171 key-points, 16 betas and both hands' crops.

CameraHMR's SMPL-X training reads the same columns (`camerahmr`).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.exports.bedlam_files import Layout, Row, ordered_rows, read_rows, write_rows
from pipeline.exports.bedlam_rows import RowSource
from pipeline.exports.crops import HAND_FACTOR, crop_around
from pipeline.exports.formats import ExportOptions

LAYOUT = Layout(
    format="bedlam2",
    turned="portrait",
    images="training-images/bedlam_v2/{scene}/png",
    tables={"smplx": "training-labels/bedlam_v2/{scene}.npz"},
)
BETAS = 16
HANDS = {"lh": slice(69, 84), "rh": slice(84, 99)}
"""Joints of the left and right hand among the 171, without the wrist."""


class Bedlam2Rows(RowSource):
    """Rows of BEDLAM2."""

    def __init__(self, dataset: Dataset, options: ExportOptions):
        super().__init__(dataset, options, BETAS)

    def row(self, frame: Frame, person: int) -> Row | None:
        """The row of a person; None for who is left out."""
        labels = frame.labels
        points = np.concatenate([labels["hmr44_2d"][person], labels["joints_2d"][person]])
        row = self.smplx_row(frame, person, points)
        if row is None:
            return None
        row["gender"] = frame.people[person]["gender"]
        found = []
        for side, hand in HANDS.items():
            crop = crop_around(points[hand], frame.size, HAND_FACTOR)
            row |= {f"{side}_c": crop.center, f"{side}_s": np.float64(crop.scale)}
            found.append([int(crop.exists)])
        return row | {"hand_det_conf": np.array(found, np.int64)}


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[Row]:
    """The rows. Raises GenbError when the dataset lacks what the format holds, or has more."""
    makers = {"smplx": Bedlam2Rows(dataset, options).row}
    yield from ordered_rows(dataset, options, LAYOUT, makers)


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write pictures and the table; returns notes. Raises GenbError."""
    source = Bedlam2Rows(dataset, options)
    written = write_rows(dataset, out, options, LAYOUT, {"smplx": source.row})
    return [*source.notes(), *(f"{path}: {count} rows" for path, count in written.items())]


def read(out: Path) -> Iterator[Row]:
    """The rows of a written export. Raises GenbError."""
    yield from read_rows(out, LAYOUT)
