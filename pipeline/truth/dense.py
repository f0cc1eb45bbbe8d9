"""Dense surface key-points: evenly spread vertices of the body template, always the same ones.

Farthest-point sampling on the rest mesh; a smaller set is a prefix of a larger one. Sets of a
user's own are matrices, see `dense_matrices`.
"""

import numpy as np
import scipy.sparse

from pipeline.body.modelfile import ModelFile
from pipeline.contracts import RenderPasses
from pipeline.conventions import PARTS
from pipeline.truth.labels import project_in_front
from pipeline.truth.visibility import SURFACE_TOLERANCE_M, joint_codes


def farthest_points(points: np.ndarray, count: int) -> np.ndarray:
    """Indices (count,) of points that each lie farthest from all chosen before.

    points: (N, 3). Starts at the point farthest from the centroid; ties go to the lower index.
    Raises ValueError when `count` exceeds the number of points.
    """
    if count > len(points):
        raise ValueError(f"{count} key-points asked for, but there are only {len(points)} points")
    chosen = np.empty(count, np.int64)
    chosen[0] = np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1))
    distance = np.full(len(points), np.inf)
    for i in range(1, count):
        distance = np.minimum(distance, ((points - points[chosen[i - 1]]) ** 2).sum(axis=1))
        chosen[i] = np.argmax(distance)
    return chosen


def dense_indices(model: ModelFile, counts: list[int]) -> dict[int, np.ndarray]:
    """Vertex numbers of each key-point set; eyeballs, teeth and tongue are left out."""
    if not counts:
        return {}
    outside = np.flatnonzero(model.vertex_part != PARTS["eyes_mouth"])
    # Rounded to 10 micrometres: the choice must not hang on the last bit of a float.
    template = np.round(model.v_template[outside].astype(np.float64), 5)
    order = outside[farthest_points(template, max(counts))]
    return {n: order[:n].astype(np.int32) for n in counts}


def dense_labels(
    vertices_cam: np.ndarray,
    K: np.ndarray,
    indices: dict[int, np.ndarray],
    passes: RenderPasses,
    matrices: dict[int, scipy.sparse.csr_matrix] | None = None,
) -> dict[str, np.ndarray]:
    """Arrays `dense_<n>_2d` (P, n, 2) px, `dense_<n>_code` (P, n) and `dense_<n>_index` (n,).

    vertices_cam: (P, V, 3) metres, camera frame. indices: vertex numbers of the sets that are
    vertices. passes: of the frame. matrices: (n, V) of the sets that are blends of vertices; their
    index is -1 everywhere.
    """
    vertices = vertices_cam.astype(float)
    sets = {n: (index, vertices[:, index]) for n, index in indices.items()}
    for n, matrix in (matrices or {}).items():
        points = [matrix @ body for body in vertices]
        sets[n] = np.full(n, -1, np.int32), np.array(points).reshape(-1, n, 3)
    arrays: dict[str, np.ndarray] = {}
    for n, (index, points) in sets.items():
        uv = project_in_front(K, points)
        arrays[f"dense_{n}_2d"] = uv.astype(np.float32)
        arrays[f"dense_{n}_index"] = index
        arrays[f"dense_{n}_code"] = np.stack(
            [surface_codes(points[k], uv[k], k, passes) for k in range(len(points))]
        )
    return arrays


def surface_codes(
    points: np.ndarray, uv: np.ndarray, person: int, passes: RenderPasses
) -> np.ndarray:
    """Visibility codes (n,) uint8 of points on a person's skin, from the depth passes.

    points: (n, 3) m, camera frame. uv: (n, 2) px. A point behind another naked body is behind the
    other person as well, so the pass of all naked bodies serves for the person's own.
    """
    own = np.where(passes.body_instance == person + 1, passes.body_depth, np.inf)
    skin = np.full(len(points), SURFACE_TOLERANCE_M)
    return joint_codes(points, uv, person, own, skin, passes)
