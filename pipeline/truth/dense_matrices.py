"""Dense key-points by a matrix of the user's: each point is a blend of body vertices.

BEDLAM's 437 points and CameraHMR's 138 are such matrices, which their authors hand out. They are
read through the restricted loader of `pipeline.smpl.files`; nothing of them comes with the project.
"""

from pathlib import Path

import numpy as np
import scipy.sparse

from pipeline.assets import content_hash, user_path
from pipeline.config_sections import DenseMatrix, ShardSection
from pipeline.errors import GenbError
from pipeline.smpl.convert import transfer_columns
from pipeline.smpl.files import VERTEX_COUNT, read_matrix

_AFFINE = 1e-4
"""How far a row may be from summing to 1; float32 weights stay below 1e-5."""


def read_dense_matrices(
    section: ShardSection, vertex_count: int
) -> dict[int, scipy.sparse.csr_matrix]:
    """The matrices (n, V) float64 of a configuration, by their number of points n.

    vertex_count: V, of the bodies. Raises GenbError when a file is missing, is no matrix, has
    another shape, or has a row that does not sum to 1.
    """
    return {
        int(count): _matrix(int(count), entry, vertex_count)
        for count, entry in sorted(section.matrices.items())
    }


def _matrix(count: int, entry: DenseMatrix, vertex_count: int) -> scipy.sparse.csr_matrix:
    path = user_path(entry.path)
    matrix = read_matrix(path)
    columns, bodies = vertex_count, f"the bodies have {vertex_count} vertices"
    if entry.via:
        columns, bodies = VERTEX_COUNT, f"SMPL, which it is for (via), has {VERTEX_COUNT}"
    if matrix.shape != (count, columns):
        raise GenbError(
            f"shards.dense_matrices: {path} is {matrix.shape[0]} x {matrix.shape[1]}, but a set of "
            f"{count} points needs {count} x {columns} ({bodies}). Name another file, or the "
            'number of its rows; a matrix for SMPL takes { path = ..., via = "smplx2smpl.pkl" }, '
            "and official matrices need --config smplx."
        )
    worst = np.abs(np.asarray(matrix.sum(axis=1)).ravel() - 1).max()
    if worst > _AFFINE:
        raise GenbError(
            f"shards.dense_matrices: a row of {path} sums to 1 only within {worst:.2g} "
            f"(limit {_AFFINE:g}), so its point would not move with the body. Name another file."
        )
    if not entry.via:
        return matrix
    via = user_path(entry.via)
    return matrix @ transfer_columns(read_matrix(via), vertex_count, via)


def fingerprint(section: ShardSection) -> dict[str, list[str]]:
    """Content hashes of the files, by number of points. Raises GenbError when one is missing."""
    return {
        count: [_hash(name) for name in (entry.path, entry.via) if name]
        for count, entry in section.matrices.items()
    }


def _hash(name: str) -> str:
    path: Path = user_path(name)
    if not path.is_file():
        raise GenbError(
            f"shards.dense_matrices: {path} does not exist. Put the file there (docs/smpl.md says "
            "where it comes from), or correct the path: absolute, or below $GENB_ASSETS."
        )
    return content_hash(path)
