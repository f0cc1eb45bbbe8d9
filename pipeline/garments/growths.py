"""What grows out of a neckline: a stand-up collar, or a hood that lies on back and shoulders.

A growth is a grid of rows on a run of border vertices. It is sewn where no layer is near another,
so that it can be re-triangulated together with the rest of the garment; every vertex also knows a
place on the skin (`binding`) and where it really lies from there (`offset_m`, in template
directions). Body-model frame (Y up, facing +Z), metres.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from pipeline.garments.surface import ClosestPoint, runs, unit, vertex_normals
from pipeline.garments.template import Template

_UP, _BACK = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])
_STEP_M = 0.01
_HOOD_ENDS_DEG = 142.0
"""Where a hood ends on both sides of the throat, from the nape."""


@dataclass(frozen=True)
class Sewn:
    """A surface before it is re-triangulated. points: (N, 3) where it is sewn. binding: (N, V)
    places on the skin. offset_m: (N, 3) from there, zero for what lies on the skin.
    grown: (N,) 0 on the body of the garment and the seam, 1 on collar or hood. seam: (N, 3) point
    of the seam below a grown vertex, otherwise the vertex itself."""

    points: np.ndarray
    faces: np.ndarray
    binding: sp.csr_matrix
    offset_m: np.ndarray
    grown: np.ndarray
    seam: np.ndarray


def plain(points: np.ndarray, faces: np.ndarray, binding: sp.csr_matrix) -> Sewn:
    """A garment without a growth."""
    return Sewn(points, faces, binding, np.zeros_like(points), np.zeros(len(points)), points)


def with_collar(template: Template, sewn: Sewn, run: np.ndarray, height_m: float) -> Sewn:
    """A collar of `height_m` that stands on the border vertices `run`, in face direction."""
    out = _outward(template, sewn.points[run])
    rows = max(2, round(height_m / _STEP_M))
    rise = np.arange(1, rows + 1)[:, None, None] / rows * height_m
    # Leans a little away from the neck, and is rounded off towards its open ends.
    along = np.linspace(0, 1, len(run))
    full = 0.55 + 0.45 * np.minimum(1, np.minimum(along, 1 - along) / 0.12)
    offset = rise * full[:, None] * (_UP + 0.1 * out)
    feet = [sewn.binding[run]] * rows
    return _sew(sewn, run, sewn.points[run] + offset, feet, offset)


def with_hood(
    template: Template, sewn: Sewn, ring: np.ndarray, drop_m: float, ease_m: float
) -> Sewn:
    """A hood that hangs down the back by `drop_m`, from the back of a closed neckline `ring`.

    In section it goes down along the back, turns, and comes up to a rim behind the neck: a pouch
    open at the top, that tapers to nothing at the throat.
    """
    from_nape_deg = np.degrees(
        np.arccos(np.clip(_outward(template, sewn.points[ring]) @ _BACK, -1, 1))
    )
    place = max(runs(from_nape_deg < _HOOD_ENDS_DEG), key=len)
    run, full = ring[place], (1 - from_nape_deg[place] / _HOOD_ENDS_DEG) ** 0.8
    along_m, above_m = _hood_section(full, drop_m, ease_m)
    place, foot = _march(template, sewn.points[run], along_m.max())
    rows, columns = along_m.shape
    step = along_m / _STEP_M
    low = np.minimum(step.astype(int), len(place) - 2)
    share = (step - low)[..., None]
    column = np.broadcast_to(np.arange(columns), low.shape)
    skin = (1 - share) * place[low, column] + share * place[low + 1, column]
    lean = _lean(template, skin)
    lies = _smooth(skin + above_m[..., None] * lean, sewn.points[run])
    feet = [
        sp.diags(1 - share[row, :, 0]) @ foot[low[row] * columns + np.arange(columns)]
        + sp.diags(share[row, :, 0]) @ foot[(low[row] + 1) * columns + np.arange(columns)]
        for row in range(rows)
    ]
    # Held off the back, so that no layer is near another while it is re-triangulated.
    raised_m = 0.04 * np.minimum(np.arange(1, rows + 1) / 3, 1)
    stands = lies + raised_m[:, None, None] * lean
    return _sew(sewn, run, stands, feet, lies - skin)


def _hood_section(full: np.ndarray, drop_m: float, ease_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Way along the skin and height above it (rows, C), for columns that are `full` (C,) 0..1."""
    # Knots: lining down the back, the turn, and the outside up to the rim.
    drop = 0.012 + (drop_m - 0.012) * full**1.3
    inner = ease_m + 0.008
    depth = 0.014 + 0.046 * full**1.6
    rim = np.minimum(0.016 + 0.045 * full, 0.8 * drop)
    knots = [
        (0.35 * rim, 0.6 * inner + 0.010 * full),
        (0.5 * (rim + drop), np.full_like(full, inner)),
        (drop, np.full_like(full, inner)),
        (drop + 0.35 * depth, inner + 0.45 * depth),
        (drop, inner + depth),
        (0.5 * (rim + drop), inner + 1.1 * depth),
        (rim, inner + 1.1 * depth + 0.006),
    ]
    along = np.stack([np.zeros_like(full), *(knot[0] for knot in knots)])
    above = np.stack([np.zeros_like(full), *(knot[1] for knot in knots)])
    length = np.hypot(np.diff(along, axis=0), np.diff(above, axis=0)).max(axis=1)
    at = np.concatenate([[0], np.cumsum(length)])
    rows = np.linspace(0, at[-1], round(at[-1] / _STEP_M) + 1)[1:]
    left = np.clip(np.searchsorted(at, rows) - 1, 0, len(at) - 2)
    t = ((rows - at[left]) / (at[left + 1] - at[left]))[:, None]
    return (1 - t) * along[left] + t * along[left + 1], (1 - t) * above[left] + t * above[left + 1]


def _march(
    template: Template, start: np.ndarray, length_m: float
) -> tuple[np.ndarray, sp.csr_matrix]:
    """Walk down the skin from (C, 3): places (S, C, 3) every _STEP_M, and their bindings."""
    skin = ClosestPoint(template.vertices, template.faces)
    ahead = unit(0.6 * _outward(template, start) + 0.55 * _BACK - 0.9 * _UP)
    places, point = [], start
    for _ in range(int(length_m / _STEP_M) + 2):
        places.append(point)
        normal = _lean(template, point)
        along = unit(ahead - (ahead * normal).sum(axis=1, keepdims=True) * normal)
        point = skin.query(point + _STEP_M * along)[0]
    flat = np.concatenate(places)
    _, face, bary = skin.query(flat)
    rows = np.repeat(np.arange(len(flat)), 3)
    binding = sp.csr_matrix(
        (bary.ravel(), (rows, template.faces[face].ravel())), (len(flat), len(template.vertices))
    )
    return np.stack(places), binding


def _lean(template: Template, points: np.ndarray, radius_m: float = 0.05) -> np.ndarray:
    """Unit directions away from the body at points (..., 3), even where the skin is hollow."""
    shown = np.flatnonzero(template.weight("head", "jaw") < 0.5)
    normals = vertex_normals(template.vertices, template.faces)[shown]
    distance, near = cKDTree(template.vertices[shown]).query(points, 120)
    weight = np.exp(-0.5 * (distance / radius_m * 2) ** 2)
    return unit((normals[near] * weight[..., None]).sum(axis=-2))


def _outward(template: Template, points: np.ndarray) -> np.ndarray:
    """Level unit directions (C, 3) from the axis of the neck."""
    away = points - template.joint("neck")
    away[:, 1] = 0
    return unit(away)


def _smooth(grid: np.ndarray, seam: np.ndarray, rounds: int = 24) -> np.ndarray:
    """Even out a grid (R, C, 3) that hangs on a fixed seam (C, 3)."""
    grid = np.concatenate([seam[None], grid])
    for _ in range(rounds):
        across = grid.copy()
        across[:, 1:-1] = (grid[:, :-2] + grid[:, 2:]) / 2
        grid[1:] += 0.5 * (across - grid)[1:]
    return grid[1:]


def _sew(sewn: Sewn, run: np.ndarray, stands: np.ndarray, feet: list, offset: np.ndarray) -> Sewn:
    """Add rows (R, C, 3) on a run (C,) of border vertices; feet: R bindings (C, V)."""
    rows, columns = stands.shape[:2]
    number = np.concatenate(
        [run[None], len(sewn.points) + np.arange(rows * columns).reshape(rows, -1)]
    )
    below, above = number[:-1], number[1:]
    a, b = below[:, 1:].ravel(), below[:, :-1].ravel()
    c, d = above[:, :-1].ravel(), above[:, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Sewn(
        points=np.concatenate([sewn.points, stands.reshape(-1, 3)]),
        faces=np.concatenate([sewn.faces, faces]),
        binding=sp.vstack([sewn.binding, *feet]).tocsr(),
        offset_m=np.concatenate([sewn.offset_m, offset.reshape(-1, 3)]),
        grown=np.concatenate([sewn.grown, np.ones(rows * columns)]),
        seam=np.concatenate([sewn.seam, np.tile(sewn.points[run], (rows, 1))]),
    )
