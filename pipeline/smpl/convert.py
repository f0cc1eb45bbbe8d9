"""SMPL parameters from SMPL-X vertices: transfer to SMPL's topology, then a fit.

The user's transfer matrix gives the place of SMPL's 6890 vertices on an SMPL-X body; the fit finds
pose, betas and translation whose SMPL body lies closest to them. What remains is reported for
every body: the two models do not have exactly the same shapes.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse
from scipy.spatial.transform import Rotation

from pipeline.errors import GenbError
from pipeline.smpl.files import VERTEX_COUNT, find_file, read_matrix
from pipeline.smpl.fit import fit_body
from pipeline.smpl.model import BETA_COUNT, JOINT_COUNT, SmplModel, read_smpl_model

_ENDINGS = ("pkl", "npz")
MATRIX_NAMES = tuple(
    f"{folder}{name}"
    for name in ("smplx2smpl.pkl", "smplx2smpl.npz", "smplx_to_smpl.pkl")
    for folder in ("", "smpl/")
)
"""Where the transfer matrix may lie below the folder of assets."""
_AFFINE = 1e-3
"""How far a row of the transfer matrix may be from summing to 1 (float32 stays below 1e-5)."""


@dataclass(frozen=True)
class SmplFit:
    """SMPL bodies fitted to B meshes, in the frame of the meshes; float64.

    pose (B, 72) axis-angle: root, then 23 joints; betas (B, 10); transl (B, 3) m, as the `smplx`
    package defines it (the root turns about the rest pelvis). joints (B, 24, 3) and vertices
    (B, 6890, 3) m of the fitted body. residual_mm, residual_max_mm (B,): mean and largest distance
    of its vertices from where the transfer matrix puts them.
    """

    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    joints: np.ndarray
    vertices: np.ndarray
    residual_mm: np.ndarray
    residual_max_mm: np.ndarray


class SmplConverter:
    """Fits SMPL to SMPL-X meshes with the files below a folder of assets.

    assets_dir: holds smpl/SMPL_NEUTRAL.pkl (or .npz; MALE, FEMALE) and smplx2smpl.pkl. Raises
    GenbError that names the missing or unfit file and the next step.
    """

    def __init__(self, assets_dir: Path | None):
        self._folder = assets_dir
        self._models: dict[str, SmplModel] = {}
        self._matrix_path = find_file(
            assets_dir, MATRIX_NAMES, "the transfer matrix SMPL-X to SMPL"
        )
        genders = ("neutral", "male", "female")
        names = tuple(name for gender in genders for name in _model_names(gender))
        find_file(assets_dir, names, "an SMPL model file")

    @cached_property
    def _matrix(self) -> scipy.sparse.csr_matrix:
        return read_matrix(self._matrix_path)

    def model(self, gender: str) -> SmplModel:
        """The SMPL model of 'neutral', 'male' or 'female'; read once. Raises GenbError."""
        if gender not in self._models:
            names = _model_names(gender)
            path = find_file(self._folder, names, f"the {gender} SMPL model file")
            self._models[gender] = read_smpl_model(path)
        return self._models[gender]

    def transfer(self, vertices: np.ndarray) -> np.ndarray:
        """SMPL's vertices (B, 6890, 3) on SMPL-X meshes (B, V, 3): same unit and frame.

        Raises GenbError when the matrix is not of this mesh.
        """
        vertices = np.asarray(vertices, np.float64)
        if vertices.ndim != 3 or vertices.shape[2] != 3:
            raise ValueError(f"vertices must be (B, V, 3), got {vertices.shape}")
        matrix = transfer_columns(self._matrix, vertices.shape[1], self._matrix_path)
        bodies = vertices.transpose(1, 0, 2).reshape(vertices.shape[1], -1)
        return (matrix @ bodies).reshape(VERTEX_COUNT, -1, 3).transpose(1, 0, 2)

    def convert(
        self, vertices: np.ndarray, gender: str, betas: np.ndarray | None = None
    ) -> SmplFit:
        """SMPL bodies for meshes (B, V, 3) m in any frame, which is the result's.

        gender: of the SMPL model. betas: (10,) held for all bodies; without, each gets its own.
        Raises GenbError when a file is missing or does not fit.
        """
        model, targets = self.model(gender), self.transfer(vertices)
        if not np.isfinite(targets).all():
            raise GenbError(
                "SMPL cannot be fitted to vertices that are NaN or inf. Check the mesh."
            )
        count = len(targets)
        fit = SmplFit(
            pose=np.empty((count, 3 * JOINT_COUNT)),
            betas=np.empty((count, BETA_COUNT)),
            transl=np.empty((count, 3)),
            joints=np.empty((count, JOINT_COUNT, 3)),
            vertices=np.empty((count, VERTEX_COUNT, 3)),
            residual_mm=np.empty(count),
            residual_max_mm=np.empty(count),
        )
        for k, target in enumerate(targets):
            found, posed = fit_body(model, target, betas)
            fit.pose[k] = Rotation.from_matrix(found.turns).as_rotvec().ravel()
            fit.betas[k], fit.transl[k] = found.betas, found.transl
            fit.joints[k], fit.vertices[k] = posed.joints, posed.vertices
            distance_mm = 1000 * np.linalg.norm(posed.vertices - target, axis=1)
            fit.residual_mm[k], fit.residual_max_mm[k] = distance_mm.mean(), distance_mm.max()
        return fit


def transfer_columns(
    matrix: scipy.sparse.csr_matrix, vertex_count: int, path: Path
) -> scipy.sparse.csr_matrix:
    """The part (6890, V) of a transfer matrix that acts on vertices.

    The matrices of the SMPL-X package have 2 V columns, whose second half acts on normals. Raises
    GenbError when it is not a matrix from V vertices to SMPL.
    """
    rows, columns = matrix.shape
    if rows != VERTEX_COUNT or columns not in (vertex_count, 2 * vertex_count):
        raise GenbError(
            f"{path} is {rows} x {columns}, but these bodies have {vertex_count} vertices: it must "
            f"be {VERTEX_COUNT} x {vertex_count} (or twice as many columns). The official "
            "matrices belong to licensed SMPL-X (10475 vertices); bodies of "
            "`body.source = 'free'` have another mesh and cannot be converted. Build the dataset "
            "with --config smplx, or give the matrix of this mesh."
        )
    matrix = matrix[:, :vertex_count]
    worst = np.abs(np.asarray(matrix.sum(axis=1)).ravel() - 1).max()
    if worst > _AFFINE:
        raise GenbError(
            f"{path}: a row sums to 1 only within {worst:.2g}, so it would not move with the body "
            "(another matrix, or a damaged one). Copy the original file once more."
        )
    return matrix


def _model_names(gender: str) -> tuple[str, ...]:
    return tuple(f"smpl/SMPL_{gender.upper()}.{ending}" for ending in _ENDINGS)
