"""A shoemaker's last: a person's foot in its own frame, and the outline of a sole around it."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from pipeline.garments.patterns import Template
from pipeline.garments.surface import ClosestPoint, compact, unit, vertex_normals

AROUND = 48
"""Vertices around a shoe."""


@dataclass(frozen=True)
class Foot:
    """A foot in its own frame: u heel to toe, v to the person's left, w up from the sole of the
    foot. points: (n, 3). origin, axes: subject = origin + points @ axes."""

    points: np.ndarray
    origin: np.ndarray
    axes: np.ndarray
    surface: ClosestPoint
    normals: np.ndarray
    length_m: float

    def to_subject(self, points: np.ndarray) -> np.ndarray:
        return self.origin + points @ self.axes


def find_foot(template: Template, tpose: np.ndarray, side: str, reach_m: float = 0.16) -> Foot:
    """Cut out one foot, and the leg up to `reach_m`, and lay its sole flat."""
    member = template.weight(f"{side}_ankle", f"{side}_foot", f"{side}_knee") > 0.5
    low = member & (tpose[:, 2] < tpose[member, 2].min() + reach_m)
    faces = template.faces[low[template.faces].all(axis=1)]
    used, local = compact(faces)
    points = tpose[used]
    is_foot = template.weight(f"{side}_ankle", f"{side}_foot")[used] > 0.5
    flat = points[is_foot & (points[:, 2] < points[:, 2].min() + 0.05)]
    spread = flat[:, :2] - flat[:, :2].mean(axis=0)
    forward = np.linalg.svd(spread, full_matrices=False)[2][0]
    forward = np.append(forward * -np.sign(forward[1]), 0.0)
    along = flat @ forward
    heel_end, toe_end = along.min(), along.max()
    length = toe_end - heel_end
    # Pitch: the lowest points of heel and ball define the ground the foot stands on.
    heel = flat[along < heel_end + 0.3 * length]
    ball = flat[(along > heel_end + 0.55 * length) & (along < heel_end + 0.85 * length)]
    heel, ball = heel[heel[:, 2].argmin()], ball[ball[:, 2].argmin()]
    slope = (ball[2] - heel[2]) / max((ball - heel) @ forward, 0.05 * length)
    u = unit(forward + np.array([0.0, 0.0, slope]))
    v = unit(np.cross([0.0, 0.0, 1.0], u))
    axes = np.stack([u, v, np.cross(u, v)])
    local_points = points @ axes.T
    centre_v = (flat @ v).mean()
    lowest = min((heel @ axes.T)[2], (ball @ axes.T)[2])
    start = np.array([(flat @ u).min(), centre_v, lowest])
    local_points = local_points - start
    return Foot(
        points=local_points,
        origin=start @ axes,
        axes=axes,
        surface=ClosestPoint(local_points, local),
        normals=vertex_normals(local_points, local),
        length_m=float(np.ptp(flat @ u)),
    )


def outline(foot: Foot) -> np.ndarray:
    """Outline (A, 2) of the sole, from the middle of the heel around by +v to the toes and back."""
    low = foot.points[(foot.points[:, 2] < 0.05) & (foot.points[:, 0] < foot.length_m + 0.01), :2]
    hull = low[ConvexHull(low).vertices]
    closed = np.concatenate([hull, hull[:1]])
    steps = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    travel = np.concatenate([[0.0], np.cumsum(steps)])
    dense = np.linspace(0, travel[-1], 400, endpoint=False)
    curve = np.stack([np.interp(dense, travel, closed[:, k]) for k in range(2)], axis=1)
    curve = _resample(curve, 400)
    away = outward(curve)
    progress = curve[:, 0] / foot.length_m
    toe_box = np.clip((progress - 0.75) / 0.2, 0, 1)
    curve = curve + (0.007 + 0.007 * toe_box)[:, None] * away
    # The waist under the arch is drawn in.
    waist = np.exp(-(((progress - 0.42) / 0.16) ** 2))
    curve[:, 1] *= 1 - 0.10 * waist
    for _ in range(60):
        curve = (np.roll(curve, 1, axis=0) + 2 * curve + np.roll(curve, -1, axis=0)) / 4
    return _resample(curve + 0.0015 * outward(curve), AROUND)


def _resample(curve: np.ndarray, count: int) -> np.ndarray:
    """A closed curve (n, 2) at `count` points, half of the length on each side of heel and toe."""
    area = (curve[:, 0] * np.roll(curve[:, 1], -1) - curve[:, 1] * np.roll(curve[:, 0], -1)).sum()
    curve = curve[::-1] if area > 0 else curve
    curve = np.roll(curve, -int(curve[:, 0].argmin()), axis=0)
    toe = int(curve[:, 0].argmax())
    closed = np.concatenate([curve, curve[:1]])
    halves = []
    for part in (closed[: toe + 1], closed[toe:]):
        steps = np.linalg.norm(np.diff(part, axis=0), axis=1)
        travel = np.concatenate([[0.0], np.cumsum(steps)])
        at = np.linspace(0, travel[-1], count // 2, endpoint=False)
        halves.append(np.stack([np.interp(at, travel, part[:, k]) for k in range(2)], axis=1))
    return np.concatenate(halves)


def outward(curve: np.ndarray) -> np.ndarray:
    """Outward normals (n, 2) of a clockwise curve (seen from above, v to the left of u)."""
    along = unit(np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0))
    return np.stack([-along[:, 1], along[:, 0]], axis=1)
