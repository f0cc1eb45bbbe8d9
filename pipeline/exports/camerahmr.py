"""CameraHMR's training labels in three tables beside one set of pictures.

`smplx` is BEDLAM2's layout; `dense` is what its key-point network reads; `smpl` needs the user's
licensed SMPL files and SMPL-X bodies, and is left out, with a note, where they are missing.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports.bedlam2 import Bedlam2Rows
from pipeline.exports.bedlam_files import (
    Layout,
    Row,
    RowMaker,
    ordered_rows,
    read_rows,
    write_rows,
)
from pipeline.exports.bedlam_frames import bedlam_camera
from pipeline.exports.bedlam_rows import RowSource, with_ones
from pipeline.exports.formats import ExportOptions

LAYOUT = Layout(
    format="camerahmr",
    turned="closeup",
    images="training-images/{scene}_6fps/png",
    tables={
        "smplx": "training-labels/bedlam-labels-v2-format/{scene}.npz",
        "dense": "training-labels/dense-keypoints/{scene}_6fps.npz",
        "smpl": "training-labels/bedlam-labels/{scene}_6fps.npz",
    },
)
DENSE, BETAS = 138, 10
_KEYPOINTS = 44
"""The crop of these two tables encloses the whole set."""

_MATRIX_NAMES = tuple(
    f"{folder}downsample_mat.{ending}" for folder in ("", "smpl/") for ending in ("pkl", "npz")
)


class KeypointRows(RowSource):
    """Rows of the dense key-point network."""

    def __init__(self, dataset: Dataset, options: ExportOptions):
        super().__init__(dataset, options, BETAS, points=_KEYPOINTS)

    def row(self, frame: Frame, person: int) -> Row | None:
        """Crop, 44 key-points and 138 surface points; None for who is left out."""
        points = frame.labels["hmr44_2d"][person]
        crop = self.crop(frame, person, points)
        if crop is None:
            return None
        return {
            "center": crop.center,
            "scale": np.float64(crop.scale),
            "gtkps": with_ones(points),
            "proj_verts": self.dense(frame, person, DENSE),
        }


class SmplRows(KeypointRows):
    """Rows with SMPL parameters, fitted to the bodies with the user's files.

    Raises GenbError that names the missing or unfit file.
    """

    def __init__(self, dataset: Dataset, options: ExportOptions):
        super().__init__(dataset, options)
        from pipeline.smpl.convert import SmplConverter

        self.worst_mm = 0.0
        self._converter = SmplConverter(options.assets_dir)
        self._matrix = _dense_matrix(options.assets_dir)
        first = next(dataset.frames(options.split, ()), None)
        if first is not None:
            self._converter.transfer(first.vertices[:1])
        self._fitted: tuple = ()

    def row(self, frame: Frame, person: int) -> Row | None:
        """The row of a person; None for who is left out."""
        row = super().row(frame, person)
        if row is None:
            return None
        fit = self._fit(frame)
        camera = bedlam_camera(frame.labels["K"], frame.labels["T_cam_world"])
        self.worst_mm = max(self.worst_mm, float(fit.residual_mm[person]))
        if self._matrix is not None:
            surface = self._matrix @ fit.vertices[person] @ camera.cam_int.T
            row["proj_verts"] = with_ones(surface[:, :2] / surface[:, 2:])
        return row | {
            "pose_cam": fit.pose[person],
            "shape": fit.betas[person].astype(np.float32),
            "trans_cam": fit.transl[person] - camera.cam_ext[:3, 3],
            "cam_int": camera.cam_int,
            "cam_ext": camera.cam_ext,
            "gender": "f" if frame.people[person]["sex"] == "female" else "m",
        }

    def _fit(self, frame: Frame):
        """The SMPL bodies of a frame; its further appearances have the same."""
        moment = frame.facts["scene"], frame.facts["frame"]
        if self._fitted[:1] != (moment,):
            self._fitted = moment, self._converter.convert(frame.vertices, "neutral")
        return self._fitted[1]

    def smpl_notes(self) -> list[str]:
        """How well SMPL fits, and where its dense points are from."""
        notes = [f"SMPL: mean distance of a fitted body from its mesh up to {self.worst_mm:.1f} mm"]
        if self._matrix is None:
            notes.append(
                f"SMPL: `proj_verts` are the dataset's own {DENSE} points; put downsample_mat.pkl "
                "into the folder of assets to have CameraHMR's"
            )
        return notes


def _dense_matrix(assets: Path | None):
    """CameraHMR's matrix (138, 6890), or None. Raises GenbError when it is another one."""
    from pipeline.smpl.files import VERTEX_COUNT, read_matrix

    paths = [assets / name for name in _MATRIX_NAMES if assets]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    matrix = read_matrix(path)
    if matrix.shape != (DENSE, VERTEX_COUNT):
        raise GenbError(f"{path} is {matrix.shape}, expected ({DENSE}, {VERTEX_COUNT}).")
    return matrix


def _smpl_rows(dataset: Dataset, options: ExportOptions) -> tuple[SmplRows | None, list[str]]:
    """The source of SMPL rows, or None and why there are none."""
    try:
        return SmplRows(dataset, options), []
    except GenbError as missing:
        return None, [f"no SMPL labels (training-labels/bedlam-labels): {missing}"]


def _makers(*sources: RowSource | None) -> dict[str, RowMaker]:
    named = zip(LAYOUT.tables, sources, strict=True)
    return {table: source.row for table, source in named if source}


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[Row]:
    """Rows of all tables. Raises GenbError when the dataset lacks what the format holds."""
    smpl, _ = _smpl_rows(dataset, options)
    makers = _makers(Bedlam2Rows(dataset, options), KeypointRows(dataset, options), smpl)
    yield from ordered_rows(dataset, options, LAYOUT, makers)


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write pictures and tables; returns notes. Raises GenbError."""
    smplx, dense = Bedlam2Rows(dataset, options), KeypointRows(dataset, options)
    smpl, notes = _smpl_rows(dataset, options)
    makers = _makers(smplx, dense, smpl)
    written = write_rows(dataset, out, options, LAYOUT, makers)
    notes += smpl.smpl_notes() if smpl else []
    smplx.own_points |= dense.own_points
    return [*smplx.notes(), *notes, *(f"{path}: {count} rows" for path, count in written.items())]


def read(out: Path) -> Iterator[Row]:
    """The rows of a written export. Raises GenbError."""
    yield from read_rows(out, LAYOUT)
