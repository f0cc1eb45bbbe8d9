"""Sewing patterns: a garment is a region of the T-pose template, re-triangulated, plus a tube.

Every pattern vertex is bound to the template by three or so weights, so one cut fits every shape of
that body model and keeps its topology. Skirts, dresses and hems below the crotch continue as rings
that hang from the hem. The measures of a garment say what it has: a waistband, sleeves, an open
front, a collar, a hood. Body-model frame (Y up).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from pipeline.garments.growths import Sewn, plain, with_collar, with_hood
from pipeline.garments.measures import EDGE_M
from pipeline.garments.outfits import measures
from pipeline.garments.regions import bottom_levels, open_front, top_levels
from pipeline.garments.remesh import remesh
from pipeline.garments.surface import border_runs, clip, compact, largest_part
from pipeline.garments.template import ARM
from pipeline.garments.template import Template as Template
from pipeline.garments.template import read_template as read_template
from pipeline.scene import GarmentSpec


@dataclass(frozen=True)
class Pattern:
    """A cut garment of N = n + rings vertices (n bound to the body, the rest hanging).

    binding: (n, V) convex weights on body vertices. faces: (M, 3). ease_m: (n,) distance from the
    body. offset_m: (n, 3) from that place in template directions, for collar and hood, which turn
    with the chest; grown: (n,) bool, which vertices those are; root: (n,) the vertex each follows
    when layers below lift the garment, itself unless grown. pinned: (n,) bool, the neckline or
    waistband that moves with the body. reach_m: (n,) how much further than the wrist a sleeve goes
    on along the forearm, negative on the right arm. corners: border vertices at the ends of an open
    front. loop: the L bound vertices that carry the rings, in order; rings: their number; hang_m:
    their length on the template; flare_m: their widening.
    """

    kind: str
    binding: sp.csr_matrix
    faces: np.ndarray
    ease_m: np.ndarray
    offset_m: np.ndarray
    grown: np.ndarray
    root: np.ndarray
    pinned: np.ndarray
    reach_m: np.ndarray
    corners: np.ndarray
    loop: np.ndarray
    rings: int
    hang_m: float
    flare_m: float

    @property
    def bound_count(self) -> int:
        """Vertices bound to the body."""
        return self.binding.shape[0]

    @property
    def count(self) -> int:
        """All vertices."""
        return self.bound_count + self.rings * len(self.loop)


def cut(template: Template, spec: GarmentSpec) -> Pattern:
    """Cut the pattern of a garment from the template. Raises GenbError on an unknown measure."""
    size = measures(spec)
    sewn, levels, neckline, hem_y = _sew(template, size)
    points, faces, mix = remesh(sewn.points, sewn.faces, EDGE_M)
    share = mix @ sewn.grown
    borders = border_runs(faces, {name: mix @ level for name, level in levels.items()})
    hem, closed = max(borders["hem"], key=lambda run: len(run[0]))
    hang_m = points[hem, 1].mean() - hem_y if hem_y is not None else 0.0
    rings = max(0, round(hang_m / EDGE_M)) if hang_m > 0.01 else 0
    loop = hem if rings else np.zeros(0, int)
    grown = share > 0.02
    on_skin = np.flatnonzero(~grown)
    root = np.arange(len(points))
    root[grown] = on_skin[cKDTree(points[on_skin]).query((mix @ sewn.seam)[grown])[1]]
    binding = (mix @ sewn.binding).tocsr()
    from_band_m = cKDTree(neckline).query(points)[0]
    ease_m = _ease(template, binding, points, from_band_m, size)
    if "rib_m" in size:
        ends = points[_joined(borders["sleeve"] + borders["hem"])]
        ease_m = size["rib_m"] + (ease_m - size["rib_m"]) * _ribs(ends, points)
    return Pattern(
        kind=spec.kind,
        binding=binding,
        faces=np.concatenate([faces, _ring_faces(loop, closed, rings, len(points))]),
        ease_m=ease_m * (1 - share),
        offset_m=mix @ sewn.offset_m,
        grown=grown,
        root=root,
        pinned=(from_band_m < 0.03) | grown,
        reach_m=_sleeve_reach(template, points, size.get("sleeve", 0.0)),
        corners=np.array([run[k] for run, _ in borders.get("front", []) for k in (0, -1)], int),
        loop=loop,
        rings=rings,
        hang_m=float(hang_m),
        flare_m=size.get("flare_m", 0.012),
    )


def _sew(template: Template, size: dict) -> tuple[Sewn, dict, np.ndarray, float | None]:
    """The garment before it is re-triangulated, the levels at its vertices, the line of its neck or
    waist (L, 3) and its hem's height.

    Collar and hood count as a border of their own, `grown`.
    """
    bottom = "waist" in size
    levels, hem_y = (bottom_levels if bottom else top_levels)(template, size)
    whole, faces = None, template.faces
    if "opening_m" in size:
        whole, faces, levels = open_front(template, levels, hem_y, size["opening_m"])
    interpolate, faces = clip(faces, np.minimum.reduce([*levels.values()]))
    used, faces = compact(largest_part(faces, interpolate.shape[0]))
    interpolate = interpolate[used]
    levels = {name: interpolate @ level for name, level in levels.items()}
    binding = interpolate if whole is None else interpolate @ whole
    sewn = plain(binding @ template.vertices, faces, binding)
    band = max(border_runs(faces, levels)["band"], key=lambda run: len(run[0]))[0]
    if "collar_m" in size:
        sewn = with_collar(template, sewn, band, size["collar_m"])
    if "hood_m" in size:
        sewn = with_hood(template, sewn, band, size["hood_m"], size["ease_m"])
    away = np.ones(len(sewn.points) - len(used))
    levels = {name: np.concatenate([level, away]) for name, level in levels.items()}
    return sewn, {**levels, "grown": 1 - sewn.grown}, sewn.points[band], hem_y


def _joined(runs: list[tuple[np.ndarray, bool]]) -> np.ndarray:
    return np.concatenate([run for run, _ in runs])


def _ease(template, binding, points, from_band_m, size) -> np.ndarray:
    """Distance from the body (n,): close at the band, `ease_m` elsewhere, more at the ends."""
    band_m = size.get("band_m", 0.004)
    ease = band_m + (size["ease_m"] - band_m) * _smoothstep(from_band_m / 0.09)
    if "waist" in size:
        knee, ankle = template.joint("left_knee")[1], template.joint("left_ankle")[1]
        hip = template.joint("left_hip")[1]
        lowest = points[:, 1].min()
        start = hip if lowest > knee - 0.1 * (knee - ankle) else knee + 0.3 * (hip - knee)
        progress = (start - points[:, 1]) / max(start - lowest, 1e-6)
    else:
        progress = binding @ template.arms()
    return ease + size.get("cuff_m", 0.0) * _smoothstep(progress)


def _sleeve_reach(template: Template, points: np.ndarray, sleeve: float) -> np.ndarray:
    """Signed length (n,) that a sleeve measure above 2 adds between elbow and wrist.

    Lowered arms pull a sleeve up by some centimetres, as the way over the shoulder gets longer.
    """
    elbow, wrist = (template.joint(f"left_{joint}")[0] for joint in ARM[1:])
    down = np.clip((np.abs(points[:, 0]) - elbow) / (wrist - elbow), 0, 1)
    return max(sleeve - 2, 0) * (wrist - elbow) * down * np.sign(points[:, 0])


def _ribs(ends: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Share (n,) of the full width: 0 on the ribbed cuffs and hem, 1 away from them."""
    return _smoothstep((cKDTree(ends).query(points)[0] - 0.035) / 0.035)


def _smoothstep(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _ring_faces(loop: np.ndarray, closed: bool, rings: int, first: int) -> np.ndarray:
    """Triangles of `rings` rows below a border; their vertices are numbered from `first`.

    loop: border vertices in order; closed: whether the last is joined to the first.
    """
    faces = np.zeros((0, 3), int)
    previous = loop
    for ring in range(rings):
        current = first + ring * len(loop) + np.arange(len(loop))
        a, b, c, d = np.roll(previous, -1), previous, current, np.roll(current, -1)
        # Alternate the diagonal so that the cloth has no grain.
        even = (np.arange(len(loop)) + ring) % 2 == 0
        one = np.where(even[:, None], np.stack([a, b, c], 1), np.stack([a, b, d], 1))
        two = np.where(even[:, None], np.stack([a, c, d], 1), np.stack([b, c, d], 1))
        last = None if closed else -1
        faces = np.concatenate([faces, one[:last], two[:last]])
        previous = current
    return faces
