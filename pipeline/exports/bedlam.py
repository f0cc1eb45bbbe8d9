"""BEDLAM's training labels: `training_labels/all_npz_12_training`, the hands beside it, pictures.

One row per person who is in the picture. docs/exports-bedlam.md explains the layout.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import JOINT_INDEX, PARENTS
from pipeline.dataset import Dataset, Frame
from pipeline.exports.bedlam_files import Layout, Row, ordered_rows, read_rows, write_rows
from pipeline.exports.bedlam_rows import RowSource, betas_in_use
from pipeline.exports.crops import HAND_FACTOR, crop_around
from pipeline.exports.formats import ExportOptions

LAYOUT = Layout(
    format="bedlam",
    turned="closeup",
    images="training_images/{scene}_6fps/png",
    tables={
        "training": "training_labels/all_npz_12_training/{scene}_6fps.npz",
        "hands": "training_labels/all_npz_12_hands/{scene}_6fps-hands.npz",
    },
)
BETAS = 11
"""Coefficients of the neutral model that BEDLAM's network predicts."""

HANDS = (slice(25, 40), slice(40, 55))
"""Joints of the left and right hand, without the wrist."""


class BedlamRows(RowSource):
    """Rows of BEDLAM v1."""

    def __init__(self, dataset: Dataset, options: ExportOptions):
        super().__init__(dataset, options, max(BETAS, betas_in_use(dataset)))

    def row(self, frame: Frame, person: int) -> Row | None:
        """The training row of a person."""
        row = self.smplx_row(frame, person, frame.labels["joints_2d"][person])
        if row is None:
            return None
        facts = frame.people[person]
        return row | {
            "gender": "f" if facts["sex"] == "female" else "m",
            "sub": facts["subject"],
            # Completed by the first and last frame of the clip that the sequence shows.
            "motion_info": np.array(
                [
                    facts["action"],
                    "-1",
                    f"{facts['motion_source']}/{facts['motion']}",
                    f"{facts['motion_fps']:g}",
                ]
            ),
        }

    def hand_row(self, frame: Frame, person: int) -> Row | None:
        """The training row with both hands' crops and the right hand's MANO pose."""
        row = self.row(frame, person)
        if row is None:
            return None
        points = frame.labels["joints_2d"][person]
        crops = [crop_around(points[hand], frame.size, HAND_FACTOR) for hand in HANDS]
        pose = row["pose_cam"]
        wrist = turned_with_parents(pose, JOINT_INDEX["right_wrist"])
        return row | {
            "left_hand": np.bool_(crops[0].exists),
            "right_hand": np.bool_(crops[1].exists),
            "center_hand": np.stack([crop.center for crop in crops]),
            "scale_hand": np.array([crop.scale for crop in crops]),
            "right_hand_abs_pose": np.concatenate([wrist, pose[120:165]]),
        }


def turned_with_parents(pose: np.ndarray, joint: int) -> np.ndarray:
    """Axis-angle (3,) of a joint with all above it, in the frame of the root. pose: (165,)."""
    turn = Rotation.identity()
    while joint >= 0:
        turn = Rotation.from_rotvec(pose[3 * joint : 3 * joint + 3]) * turn
        joint = int(PARENTS[joint])
    return turn.as_rotvec()


def _makers(dataset: Dataset, options: ExportOptions) -> tuple[BedlamRows, dict]:
    source = BedlamRows(dataset, options)
    # The hands' table has the same people; they are counted once.
    return source, {"training": source.row, "hands": BedlamRows(dataset, options).hand_row}


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[Row]:
    """Rows of both tables. Raises GenbError when the dataset lacks what the format holds."""
    yield from ordered_rows(dataset, options, LAYOUT, _makers(dataset, options)[1])


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write pictures and tables; returns notes. Raises GenbError."""
    source, makers = _makers(dataset, options)
    written = write_rows(dataset, out, options, LAYOUT, makers)
    notes = source.notes()
    if source.width > BETAS:
        notes.append(
            f"`shape` holds all {source.width} betas; BEDLAM's network predicts {BETAS} and its "
            f"loss refuses more: build with body.num_betas = {BETAS} (or 10) to train it"
        )
    return [*notes, *(f"{path}: {count} rows" for path, count in written.items())]


def read(out: Path) -> Iterator[Row]:
    """The rows of a written export. Raises GenbError."""
    yield from read_rows(out, LAYOUT)
