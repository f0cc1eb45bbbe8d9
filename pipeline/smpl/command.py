"""`genb smpl`: the SMPL parameters of everybody in a dataset, fitted to their SMPL-X meshes.

A subject has one shape: it is the mean of the shapes fitted to some of their frames, and the poses
of all frames are fitted with that. How far the SMPL bodies stay from the meshes is in the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.assets import user_assets_dir
from pipeline.dataset import Dataset, Frame, open_dataset
from pipeline.errors import GenbError
from pipeline.smpl.convert import SmplConverter, SmplFit
from pipeline.storage import write_bytes, write_npz

_SHAPE_FRAMES = 8
"""Frames of a subject, spread over all of theirs, that their shape is fitted to."""
_PERCENTILES = (5, 50, 95, 99, 100)


@dataclass(frozen=True)
class Row:
    """One person in one picture. person: number in the picture, as in the labels."""

    key: str
    person: int
    subject: str
    gender: str


def convert_dataset(out: Path, target: Path, assets: Path | None) -> str:
    """Write smpl.npz and smpl.txt of the dataset in `out` to the folder `target`.

    assets: folder of the licensed files, or None for $GENB_ASSETS. Returns the summary. Raises
    GenbError when a file is missing, or is not for this dataset's bodies.
    """
    dataset, converter = open_dataset(out), SmplConverter(assets or user_assets_dir())
    rows = [row for frame in _frames(dataset) for row in _rows(frame)]
    if not rows:
        raise GenbError(f"{out} has no people to convert. Build it with at least one scene.")
    for gender in sorted({row.gender for row in rows}):
        converter.model(gender)  # a missing one is told before the work
    betas = subject_betas(dataset, converter, rows)
    fits = [
        converter.convert(frame.vertices[[row.person]], row.gender, betas[row.subject])
        for frame in _frames(dataset)
        for row in _rows(frame)
    ]
    arrays = smpl_arrays(rows, fits)
    write_npz(target / "smpl.npz", arrays)
    text = summary(rows, arrays)
    write_bytes(target / "smpl.txt", (text + "\n").encode())
    return f"{text}\n{target}: smpl.npz and smpl.txt"


def subject_betas(
    dataset: Dataset, converter: SmplConverter, rows: list[Row]
) -> dict[str, np.ndarray]:
    """Each subject's shape (10,): the mean over fits to some of their frames."""
    wanted: set[tuple[str, int]] = set()
    for subject in {row.subject for row in rows}:
        own = [(row.key, row.person) for row in rows if row.subject == subject]
        count = min(len(own), _SHAPE_FRAMES)
        wanted |= {own[i] for i in np.linspace(0, len(own) - 1, count).astype(int)}
    found: dict[str, list[np.ndarray]] = {}
    for frame in _frames(dataset):
        for row in _rows(frame):
            if (row.key, row.person) in wanted:
                fit = converter.convert(frame.vertices[[row.person]], row.gender)
                found.setdefault(row.subject, []).append(fit.betas[0])
    return {subject: np.mean(several, axis=0) for subject, several in found.items()}


def _frames(dataset: Dataset) -> Iterator[Frame]:
    """Every frame once: its other appearances show the same bodies."""
    return (f for f in dataset.frames(members=()) if f.facts["appearance"] == 0)


def _rows(frame: Frame) -> list[Row]:
    return [
        Row(frame.key, k, person["subject"], person["gender"])
        for k, person in enumerate(frame.people)
    ]


def smpl_arrays(rows: list[Row], fits: list[SmplFit]) -> dict[str, np.ndarray]:
    """The arrays of smpl.npz, one row per person per frame (docs/smpl.md)."""

    def column(name: str, kind: type) -> np.ndarray:
        return np.concatenate([getattr(fit, name) for fit in fits]).astype(kind)

    return {
        "key": np.array([row.key for row in rows]),
        "person": np.array([row.person for row in rows], np.int32),
        "subject": np.array([row.subject for row in rows]),
        "gender": np.array([row.gender for row in rows]),
        "pose_cam": column("pose", np.float64),
        "transl_cam": column("transl", np.float64),
        "betas": column("betas", np.float64),
        "joints_cam": column("joints", np.float32),
        "residual_mm": column("residual_mm", np.float32),
        "residual_max_mm": column("residual_max_mm", np.float32),
    }


def summary(rows: list[Row], arrays: dict[str, np.ndarray]) -> str:
    """How far the fitted bodies stay from the meshes, in words."""
    subjects = len({row.subject for row in rows})
    lines = [f"SMPL parameters of {len(rows)} bodies ({subjects} subjects, one shape each)"]
    for name, words in (("residual_mm", "mean"), ("residual_max_mm", "largest")):
        values = np.percentile(arrays[name].astype(float), _PERCENTILES)
        figures = ", ".join(f"{p}%: {v:.2f}" for p, v in zip(_PERCENTILES, values, strict=True))
        lines.append(f"{words} distance of a body's vertices, mm ({figures})")
    worst = int(arrays["residual_mm"].argmax())
    lines.append(
        f"farthest: {rows[worst].key}, person {rows[worst].person}, {rows[worst].subject} "
        f"({arrays['residual_mm'][worst]:.2f} mm)"
    )
    return "\n".join(lines)
