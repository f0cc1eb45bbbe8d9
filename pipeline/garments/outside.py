"""The last step of settling: every cloth vertex outside the body, in the sense of winding numbers.

"Behind the nearest skin" means nothing where body parts touch or overlap, so a point is inside when
a ray from it leaves the skin more often than it enters. Where parts press on each other there is no
place for the cloth between them: such vertices are drawn back along the cloth to the edge of the
free space, where nobody can see that they are not deeper. The body is never moved.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.garments.contact import Layer
from pipeline.garments.surface import unique_edges

_NEAR_M = 0.03
"""Furthest that a vertex is moved to the skin nearest to it; farther skin is another side."""
_STEPS = 8
"""Places tried on the way to the edge of the free space, and then between two of them."""
_TIGHT_M = (1.0, 0.4, 0.12)
"""Heights above its own skin, in clearances, at which a vertex looks for room."""


@dataclass(frozen=True)
class OwnSkin:
    """Where on the body each cloth vertex belongs. point: (N, 3) m; normal: (N, 3), outwards;
    known: (N,) bool, False for cloth that hangs free (its rows are ignored)."""

    point: np.ndarray
    normal: np.ndarray
    known: np.ndarray


def bring_outside(
    points: np.ndarray,
    faces: np.ndarray,
    body: Layer,
    own: OwnSkin | None,
    clearance_m: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Cloth vertices (N, 3) outside a body, and which of them (N,) bool were pinched.

    A vertex inside goes to the nearest free place among: straight out of the nearest skin, close
    above its own skin. Those without one are pinched, and end at the edge of the free space.
    """
    points = np.array(points, np.float64)
    inside = np.flatnonzero(body.encloses(points))
    pinched = np.zeros(len(points), bool)
    if not len(inside):
        return points, pinched
    found, place = _free_places(points[inside], inside, body, own, clearance_m)
    points[inside[found]] = place[found]
    pinched[inside[~found]] = True
    if pinched.any():
        points = _draw_back(points, faces, body, pinched)
    return points, pinched


def _free_places(points, rows, body: Layer, own: OwnSkin | None, clearance_m: float):
    """(found (n,), place (n, 3)): for each inside point the nearest of its candidates outside."""
    near = body.nearest(points, _NEAR_M)
    heights = list(_TIGHT_M)
    candidates = [
        (near.point + share * clearance_m * near.normal, np.isfinite(near.distance_m))
        for share in _TIGHT_M
    ]
    if own is not None:
        skin, normal, known = own.point[rows], own.normal[rows], own.known[rows]
        heights += _TIGHT_M
        candidates += [(skin + share * clearance_m * normal, known) for share in _TIGHT_M]
    offered = np.stack([candidate for candidate, _ in candidates])
    usable = np.stack([usable for _, usable in candidates])
    usable[usable] = ~body.encloses(offered[usable])
    # A place at full height is better than a nearer one that grazes the skin.
    low = np.array([_TIGHT_M.index(share) for share in heights])[:, None]
    distance = np.linalg.norm(offered - points, axis=2) + low * 1e3
    best = np.where(usable, distance, np.inf).argmin(axis=0)
    return usable.any(axis=0), offered[best, np.arange(len(points))]


def _draw_back(points, faces, body: Layer, pinched: np.ndarray) -> np.ndarray:
    """Pinched vertices at the edge of the free space, nearest along the cloth."""
    points = np.array(points)
    a, b = unique_edges(faces).T
    settled = ~pinched
    start, goal = np.concatenate([a, b]), np.concatenate([b, a])
    first = True
    while not settled.all():
        reach = settled[start] & ~settled[goal]
        if not reach.any():
            # A piece of cloth that is pinched as a whole has no free neighbour: the nearest point.
            lost = np.flatnonzero(~settled)
            if settled.any():
                free = np.flatnonzero(settled)
                points[lost] = points[free[cKDTree(points[free]).query(points[lost])[1]]]
            return points
        pairs = np.stack([start[reach], goal[reach]], axis=1)
        length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
        pairs = pairs[np.lexsort((pairs[:, 0], length, pairs[:, 1]))]
        _, one = np.unique(pairs[:, 1], return_index=True)
        source, target = pairs[one].T
        if first:
            points[target] = _last_free(points[source], points[target], body)
        else:
            points[target] = points[source]
        settled[target] = True
        first = False
    return points


def _last_free(free: np.ndarray, inside: np.ndarray, body: Layer) -> np.ndarray:
    """The points (n, 3) furthest on the way from `free` to `inside` that are still outside."""
    low, size = np.zeros(len(free)), 1.0
    for _ in range(2):
        size /= _STEPS
        share = low + size * np.arange(1, _STEPS + 1)[:, None]
        way = free + share[..., None] * (inside - free)
        out = ~body.encloses(way.reshape(-1, 3)).reshape(share.shape)
        low += size * np.logical_and.accumulate(out).sum(axis=0)
    return free + low[:, None] * (inside - free)
