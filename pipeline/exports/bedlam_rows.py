"""What the rows of the whole BEDLAM family have in common: who is kept, the crop, the body.

`RowSource` makes the rows and counts what a user should know about them; `notes` says it.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports.bedlam_frames import body_row
from pipeline.exports.crops import (
    BEHIND,
    BODY_FACTOR,
    BODY_POINTS,
    LEAST_BODY_POINTS,
    TOO_FEW,
    Crop,
    crop_around,
    is_behind,
)
from pipeline.exports.formats import ExportOptions

_FACE = slice(76, 127)
KID = "a child of the kid template, whose last beta no loader of this family knows"


@dataclass
class RowSource:
    """Rows of a format. width: length of `shape`; points: how many of a key-point set the crop is
    made of."""

    dataset: Dataset
    options: ExportOptions
    width: int
    points: int = BODY_POINTS
    kept: int = 0
    unseen: int = 0
    face_px: float = 0.0
    left_out: Counter = field(default_factory=Counter)
    genders: set = field(default_factory=set)
    own_points: set = field(default_factory=set)

    def crop(self, frame: Frame, person: int, points_2d: np.ndarray) -> Crop | None:
        """The crop of a person; None, and counted, for who is left out.

        points_2d: (n, 2) px, a key-point set that begins with the body.
        """
        factor = self.options.bbox_factor or BODY_FACTOR
        crop = crop_around(points_2d[: self.points], frame.size, factor)
        body = crop_around(points_2d[:BODY_POINTS], frame.size, factor)
        reason = None
        if frame.people[person]["kid_template"] and frame.labels["betas"][person, -1]:
            reason = KID
        elif body.inside < LEAST_BODY_POINTS or not crop.exists:
            reason = TOO_FEW
        elif is_behind(frame, person):
            reason = BEHIND
        if reason:
            self.left_out[reason] += 1
            return None
        self.kept += 1
        self.unseen += int(frame.labels["mask_area_px"][person] == 0)
        self.genders.add(frame.people[person]["gender"])
        return crop

    def smplx_row(self, frame: Frame, person: int, points_2d: np.ndarray) -> dict | None:
        """The keys that BEDLAM's and BEDLAM2's tables share; None for who is left out."""
        crop = self.crop(frame, person, points_2d)
        if crop is None:
            return None
        self.face_px = max(self.face_px, expression_px(frame, person))
        return {
            "center": crop.center,
            "scale": np.float64(crop.scale),
            **body_row(frame, person),
            "shape": self._shape(frame, person),
            "expression": frame.labels["expression"][person],
            "gtkps": with_ones(points_2d),
            "proj_verts": self.dense(frame, person, 437),
        }

    def dense(self, frame: Frame, person: int, count: int) -> np.ndarray:
        """Dense key-points (count, 3) float32. Raises GenbError when the dataset lacks them."""
        name = f"dense_{count}_2d"
        if name not in frame.labels:
            raise GenbError(
                f"{self.dataset.out} has no {count} dense key-points, which this format holds. Add "
                f"{count} to shards.dense_keypoints in its configuration and build it again."
            )
        if (frame.labels[f"dense_{count}_index"] >= 0).all():
            self.own_points.add(count)
        return with_ones(frame.labels[name][person])

    def _shape(self, frame: Frame, person: int) -> np.ndarray:
        """All betas (width,) float32, zeros after them; never fewer than the body has."""
        betas = frame.labels["betas"][person]
        if betas[self.width :].any():
            raise GenbError(
                f"{frame.key}: a body has {len(betas)} betas and this format holds {self.width}; "
                "without the others it would be another body. Build the dataset with "
                f"body.num_betas = {self.width} or fewer."
            )
        shape = np.zeros(self.width, np.float32)
        shape[: len(betas)] = betas[: self.width]
        return shape

    def notes(self) -> list[str]:
        """What was kept and left out, and what the format cannot say."""
        notes = [f"{self.kept} rows"]
        notes += [f"{count} people left out: {why}" for why, count in sorted(self.left_out.items())]
        if self.unseen:
            notes.append(
                f"{self.unseen} rows are of people of whom no pixel is seen; the format does not "
                "filter by occlusion (`genb subset` does)"
            )
        if self.genders - {"neutral"}:
            notes.append(
                f"the betas are those of the {' and '.join(sorted(self.genders))} models, but the "
                "training code evaluates a neutral one; build with body.gender = 'neutral' for it"
            )
        notes += [
            f"`proj_verts` are {count} vertices of our choice (`dense_{count}_index` in the "
            "samples), not those of the loaders' own matrix: use them with a matrix that picks the "
            "same"
            for count in sorted(self.own_points)
        ]
        if self.face_px:
            notes.append(
                "the loaders know no expression: their faces differ from the key-points by up to "
                f"{self.face_px:.1f} px (the coefficients are in the extra key `expression`)"
            )
        return notes


def with_ones(points_2d: np.ndarray) -> np.ndarray:
    """Points (n, 2) px as (n, 3) float32, the third column 1."""
    return np.concatenate([points_2d, np.ones((len(points_2d), 1))], axis=1).astype(np.float32)


def expression_px(frame: Frame, person: int) -> float:
    """How far at most the expression moves a landmark of the face, px.

    The landmarks' displacement at rest, as if it were all across the line of sight.
    """
    model, labels = frame.models[person], frame.labels
    expression = labels["expression"][person]
    if not expression.any():
        return 0.0
    moved = model.expression_basis(len(expression)).astype(np.float64) @ expression
    corners = moved[model.faces[model.lmk_faces_idx]]
    away_m = np.linalg.norm(np.einsum("kcd,kc->kd", corners, model.lmk_bary_coords), axis=1)
    return float((labels["K"][0, 0] * away_m / labels["joints_cam"][person, _FACE, 2]).max())


def betas_in_use(dataset: Dataset) -> int:
    """How many shape coefficients the bodies of a dataset have."""
    return dataset.description["config"]["body"]["num_betas"]
