"""4D-Humans' (HMR2's) tars, which TokenHMR reads as well: 44 key-points, boxes, masks and SMPL.

SMPL parameters need the user's SMPL files; without them the key-points alone supervise, as they do
for pictures of the wild.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.exports.crops import (
    BEHIND,
    BODY_FACTOR,
    BODY_POINTS,
    LEAST_BODY_POINTS,
    TOO_FEW,
    is_behind,
)
from pipeline.exports.folder import SPLITS, images_by_split
from pipeline.exports.formats import ExportOptions
from pipeline.exports.pickles import load_pickle, pickle_bytes
from pipeline.exports.smpl_bodies import SmplBodies
from pipeline.exports.tars import people_masks, read_tars, tar_pattern, write_tars
from pipeline.shards.read import Sample
from pipeline.storage import npz_bytes
from pipeline.truth.rle import rle_mask
from pipeline.truth.schema import SEEN

_POSE, _BETAS = 72, 10


def tar_folder(split: str) -> str:
    """Where the tars of a split lie below the export's folder."""
    return f"dataset_tars/genb-{split}"


@dataclass
class HmrRows:
    """Rows of HMR2, and what is left out of them."""

    options: ExportOptions
    smpl: SmplBodies
    left_out: Counter = field(default_factory=Counter)
    kept: int = 0
    empty: int = 0

    def image(self, frame: Frame) -> list[dict]:
        """The rows of everybody in an image who is kept."""
        found = [self.person(frame, k) for k in range(len(frame.people))]
        found = [row for row in found if row is not None]
        for place, row in enumerate(found):
            row["detection_npz_idx"] = place
        self.empty += not found
        self.kept += len(found)
        return found

    def person(self, frame: Frame, person: int) -> dict | None:
        """The row of a person; None, and counted, for who is left out."""
        points = frame.labels["hmr44_2d"][person]
        box = inner_box(points, frame.size)
        if inside(points[:BODY_POINTS], frame.size).sum() < LEAST_BODY_POINTS:
            self.left_out[TOO_FEW] += 1
            return None
        if is_behind(frame, person):
            self.left_out[BEHIND] += 1
            return None
        seen = np.isin(frame.labels["hmr44_code"][person], SEEN)
        place = frame.labels["hmr44_cam"][person]
        factor = self.options.bbox_factor or BODY_FACTOR
        width, height = frame.size
        fit = self.smpl.fit(frame)
        return {
            "keypoints_2d": np.column_stack([points, seen]).astype(np.float32),
            "keypoints_3d": np.column_stack([place, np.ones(len(place))]).astype(np.float32),
            "center": (box[:2] + box[2:]) / 2,
            "scale": (box[2:] - box[:2]) * factor / 200,
            "body_pose": _float32(fit.pose[person] if fit else np.zeros(_POSE)),
            "betas": _float32(fit.betas[person] if fit else np.zeros(_BETAS)),
            "has_body_pose": np.float32(fit is not None),
            "has_betas": np.float32(fit is not None),
            "mask": rle_mask(frame.people[person]["rle_modal"], height, width),
            # Nothing was fitted to key-points, so nothing is off; the loader wants the number.
            "reprojection_loss": 0.0,
        }

    def notes(self) -> list[str]:
        """What was kept and left out."""
        notes = [f"{self.kept} people"]
        notes += [f"{count} people left out: {why}" for why, count in sorted(self.left_out.items())]
        if self.empty:
            notes.append(f"{self.empty} images left out: nobody in them is kept.")
        return [*notes, self.smpl.note("has_body_pose and has_betas are 0")]


def _float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def inside(points_2d: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which points (n, 2) px lie in an image of that width and height, its border included."""
    return ((points_2d >= 0) & (points_2d <= size)).all(axis=1)


def inner_box(points_2d: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Box (4,) float64 px x0 y0 x1 y1 of the points in the image; zeros without any."""
    points = points_2d[inside(points_2d, size)].astype(np.float64)
    if not len(points):
        return np.zeros(4)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """One row per person who is kept.

    folder and key of the sample; keypoints_2d (44, 3) f32: px, and 1 where seen; keypoints_3d
    (44, 4) f32: camera frame, m, and 1; center (2,) f64 px, scale (2,) f64: width and height in
    200 px; body_pose (72,), betas (10,) f32 of neutral SMPL in the camera frame, zeros without
    SMPL; has_body_pose, has_betas f32; mask (H, W) bool; reprojection_loss; detection_npz_idx.
    """
    source = HmrRows(options, SmplBodies(options))
    for split in images_by_split(dataset, options):
        for frame in dataset.frames(split, members=()):
            for row in source.image(frame):
                yield {"folder": tar_folder(split), "key": frame.key} | row


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write the tars; returns notes. Raises GenbError."""
    source, notes = HmrRows(options, SmplBodies(options)), []
    for split in images_by_split(dataset, options):
        frames = dataset.frames(split, members=("rgb.jpg",))
        tars = write_tars(out / tar_folder(split), _samples(frames, source))
        notes += [tar_pattern(tar_folder(split), tars)] if tars else []
    return [*source.notes(), *notes]


def _samples(frames: Iterator[Frame], source: HmrRows) -> Iterator[Sample]:
    for frame in frames:
        people = source.image(frame)
        if people:
            members = {
                "jpg": frame.sample.members["rgb.jpg"],
                "data.pyd": pickle_bytes([_stored(row) for row in people]),
                "detection.npz": npz_bytes({"masks": np.stack([row["mask"] for row in people])}),
            }
            yield Sample(frame.key, members)


_MOVED = ("mask", "reprojection_loss", "detection_npz_idx")


def _stored(row: dict) -> dict:
    """A row as the loader's dict, with what it looks for in `extra_info`."""
    loss = np.array({"reprojection_loss": row["reprojection_loss"]}, dtype=object)
    extra = {"detection_npz_idx": row["detection_npz_idx"], "fitting_loss": loss}
    return {name: value for name, value in row.items() if name not in _MOVED} | {
        "extra_info": extra
    }


def read(out: Path) -> Iterator[dict]:
    """The rows of the tars again. Raises GenbError when one is damaged."""
    for folder in map(tar_folder, SPLITS):
        for sample in read_tars(Path(out) / folder):
            masks = people_masks(sample)
            where = f"{folder}, {sample.key}.data.pyd"
            for stored in load_pickle(sample.members["data.pyd"], where):
                extra = stored.pop("extra_info")
                place = extra["detection_npz_idx"]
                yield (
                    {"folder": folder, "key": sample.key}
                    | stored
                    | {
                        "mask": masks[place],
                        "reprojection_loss": extra["fitting_loss"].item()["reprojection_loss"],
                        "detection_npz_idx": place,
                    }
                )
