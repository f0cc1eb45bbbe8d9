"""A user's own simulation on the wearer: judged as it came, settled, and judged again.

What was simulated elsewhere, on a body that is a little different, grazes the skin here and there:
that is pushed out. What does not belong on this body at all is refused, with the way to find out
why.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from pipeline.errors import SceneRejected
from pipeline.garments.caches import GarmentSequence
from pipeline.garments.contact import Layer, border_edges, push_outside
from pipeline.garments.outside import bring_outside
from pipeline.garments.settle import Contact, Wearer

_MOST_INSIDE = 0.10
"""Share of vertices inside the body beyond which a garment was not made for it."""
_MOST_APART_M = 0.5
_SIZES_M = (0.12, 4.0)
"""Smallest and largest extent of anything that is worn."""
_GRAZE_M = 0.008
"""Deepest contact that is pushed straight out of the nearest skin."""


def wear_brought(
    who: Wearer,
    kind: str,
    source: str,
    sequence: GarmentSequence,
    inner: list[tuple[np.ndarray, np.ndarray]],
    clearance_m: float,
    settle: bool,
) -> tuple[GarmentSequence, Contact]:
    """A brought garment (T, N, 3) outside the body and the inner garments in every clip frame.

    inner: (faces, vertices (F, n, 3)) over the wearer's rows. source: the file, for messages.
    settle: False leaves the vertices alone and only measures them. Raises SceneRejected when the
    garment was not made for this body and motion.
    """
    vertices = sequence.vertices.copy()
    count = len(vertices)
    share, deepest = np.zeros((2, count))
    pinched = np.zeros(vertices.shape[:2], bool)
    borders = [border_edges(faces) for faces, _ in inner]
    everything = np.arange(vertices.shape[1])
    for t in range(count):
        row = who.first + t
        body = Layer(who.body[row], who.template.faces)
        points = vertices[t].astype(np.float64)
        _demand_belonging(body, points, kind, source, t)
        if settle:
            for (faces, moving), border in zip(inner, borders, strict=True):
                layer = Layer(moving[row], faces)
                near = np.flatnonzero(cKDTree(points).query(moving[row])[0] < 0.03)
                points = push_outside(
                    points, sequence.faces, layer, border, near, everything, clearance_m, 0.02
                )
            covered = np.flatnonzero(cKDTree(points).query(body.vertices)[0] < 0.02)
            points = push_outside(
                points, sequence.faces, body, None, covered, everything[:0], clearance_m, _GRAZE_M
            )
            points, pinched[t] = bring_outside(points, sequence.faces, body, None, clearance_m)
            vertices[t] = points
        depth_m = body.depth(vertices[t].astype(np.float64))
        share[t], deepest[t] = (depth_m > 0).mean(), 1000 * depth_m.max()
    return replace(sequence, vertices=vertices), Contact(share, deepest, pinched)


def _demand_belonging(body: Layer, points, kind: str, source: str, frame: int) -> None:
    size_m = float(np.ptp(points, axis=0).max())
    apart_m = float(np.median(cKDTree(body.vertices).query(points)[0]))
    inside = float(body.encloses(points).mean())
    if not _SIZES_M[0] < size_m < _SIZES_M[1]:
        wrong = f"it is {size_m:.3g} m large"
    elif apart_m > _MOST_APART_M:
        wrong = f"half of it is over {apart_m:.2f} m away from the body"
    elif inside > _MOST_INSIDE:
        wrong = f"{100 * inside:.0f} % of its vertices are inside the body"
    else:
        return
    raise SceneRejected(
        f"the {kind} of {source} does not fit: in clip frame {frame} {wrong}. Usual causes are its "
        f"unit, axes, first frame or place; to find and correct them: genb garment check {source}"
    )
