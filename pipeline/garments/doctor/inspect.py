"""Faults that a file shows by itself, before anybody wears it: frames, topology, mesh, seams.

Sizes are judged relative to the garment, so that nothing here depends on the unit.
"""

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pipeline.garments.caches import GarmentSequence, RawCache
from pipeline.garments.doctor.faults import Fault
from pipeline.garments.surface import unique_edges

_MENDABLE = 0.2
"""Share of the frames that may be interpolated; beyond, too little of the simulation is left."""
_ORDER = 0.3
"""Median |log ratio| of edge lengths between the still mesh and the first frame."""
WELD_MM = 0.1
_TWINS = 0.003
"""Share of the vertices that lie on another one, from which a garment counts as unwelded."""


def frame_faults(raw: RawCache) -> list[Fault]:
    """Truncated files, frames that are not finite, frames of another topology."""
    faults = []
    if raw.damage:
        none = "no whole frame is left of it. Export it again."
        faults.append(Fault("damaged", raw.damage, {"mend": True} if raw.frames else {}, none))
    if not raw.frames:
        return faults
    count = len(raw.frames[0]) if raw.mesh is None else len(raw.mesh)
    # Readers give a frame that is missing no vertices, and report it as damage.
    other = [k for k, frame in enumerate(raw.frames) if len(frame) not in (0, count)]
    gone = [k for k, frame in enumerate(raw.frames) if not len(frame)]
    wild = [k for k, frame in enumerate(raw.frames) if not np.isfinite(frame).all()]
    many = len({*other, *gone, *wild}) > _MENDABLE * len(raw.frames)
    advice = (
        "it is too much of the file to interpolate. Export it again with one fixed mesh (no "
        "remeshing, no changes while it is simulated)."
    )
    mend = {} if many else {"mend": True}
    if other:
        sizes = sorted({len(raw.frames[k]) for k in other})
        text = (
            f"{_frames(other)} of {len(raw.frames)} have another topology: "
            f"{', '.join(map(str, sizes))} vertices instead of {count}"
        )
        faults.append(Fault("topology", text, mend, advice))
    if wild:
        text = f"{_frames(wild)} of {len(raw.frames)} hold coordinates that are not finite"
        faults.append(Fault("not finite", text, mend, advice))
    return faults


def _frames(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
    return f"{len(numbers)} frame{'s' * (len(numbers) > 1)} ({shown})"


def order_fault(raw: RawCache, path: Path) -> Fault | None:
    """A mesh beside the file whose faces do not belong to the frames' vertices."""
    if raw.mesh is None or raw.frames[0].shape != raw.mesh.shape:
        return None
    edges = unique_edges(raw.faces)
    still, moving = (
        np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
        for points in (raw.mesh.astype(np.float64), raw.frames[0].astype(np.float64))
    )
    ratio = np.log(np.maximum(moving, 1e-12) / np.maximum(still, 1e-12))
    spread = float(np.median(np.abs(ratio - np.median(ratio))))
    if not spread > _ORDER:
        return None
    return Fault(
        "mesh order",
        f"the faces of {path.with_suffix('.obj').name} do not fit the vertices of {path.name}: "
        f"its edges differ from the first frame's by {100 * np.expm1(spread):.0f} % (median)",
        advice="the mesh was written with another order of vertices. Export mesh and cache "
        "together, with 'keep vertex order', and without welding or splitting only one of them.",
    )


def weld_fault(sequence: GarmentSequence, unit_m: float) -> Fault | None:
    """Vertices that lie on another one in the first frame and never leave it: open seams."""
    first = sequence.vertices[0].astype(np.float64)
    pairs = cKDTree(first).query_pairs(WELD_MM / 1000 / unit_m, output_type="ndarray")
    if not len(pairs):
        return None
    some = sequence.vertices[:: max(1, len(sequence.vertices) // 8)].astype(np.float64)
    gap = np.linalg.norm(some[:, pairs[:, 0]] - some[:, pairs[:, 1]], axis=2).max(axis=0)
    stay = pairs[gap * unit_m < 10 * WELD_MM / 1000]
    twins = len(np.unique(stay))
    if twins < max(4, _TWINS * len(first)):
        return None
    return Fault(
        "unwelded",
        f"{twins} of {len(first)} vertices lie on another one: seams are open, and would gape",
        {"weld_mm": WELD_MM},
    )
