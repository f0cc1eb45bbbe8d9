"""A garment that somebody modelled on the T-pose, made ready for the built-in solver.

Its mesh stays as it is; every vertex learns the skin under it. The border that lies highest on the
body (a neckline, a waistband) moves with the skin, everything else is simulated.
"""

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from pipeline.errors import SceneRejected
from pipeline.garments.patterns import Pattern
from pipeline.garments.surface import ClosestPoint, boundary_loops, unit, vertex_normals
from pipeline.garments.tailor import FittedGarment
from pipeline.garments.template import Template

_PINNED_M = 0.02
"""Width of the band at the highest border that moves with the body."""


def fit_mesh(
    kind: str, template: Template, tpose: np.ndarray, points: np.ndarray, faces: np.ndarray
) -> FittedGarment:
    """A mesh (N, 3) that lies on a T-posed body (V, 3), subject frame, as a fitted garment.

    Raises SceneRejected when it has no border to hang by.
    """
    loops = [loop for loop in boundary_loops(faces) if len(loop) > 8]
    if not loops:
        raise SceneRejected(
            f"the {kind} has no border (it is a closed mesh), so nothing of it can be held on the "
            "body. Export the cloth as one layer, without thickness."
        )
    top = max(loops, key=lambda loop: points[loop, 2].mean())
    pinned = cKDTree(points[top]).query(points)[0] < _PINNED_M
    surface = ClosestPoint(tpose, template.faces)
    _, face, share = surface.query(points)
    count = len(points)
    rows = np.repeat(np.arange(count), 3)
    columns = template.faces[face].ravel()
    binding = sp.csr_matrix((share.ravel(), (rows, columns)), (count, len(tpose)))
    foot = binding @ tpose
    outward = unit(binding @ vertex_normals(tpose, template.faces))
    height_m = ((points - foot) * outward).sum(axis=1)
    rest = np.where(pinned[:, None], foot + outward * height_m[:, None], points)
    pattern = Pattern(
        kind=kind,
        binding=binding,
        faces=faces.astype(int),
        ease_m=height_m,
        offset_m=np.zeros((count, 3)),
        grown=np.zeros(count, bool),
        root=np.arange(count),
        pinned=pinned,
        reach_m=np.zeros(count),
        corners=np.zeros(0, int),
        loop=np.zeros(0, int),
        rings=0,
        hang_m=0.0,
        flare_m=0.0,
    )
    return FittedGarment(pattern, rest, height_m, np.zeros((count, 3)))
