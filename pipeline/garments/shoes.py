"""Low sneakers built around a person's own feet, and moved with them.

A shoe is a flat sole under the outline of the foot, an upper stretched like a taut skin from the
sole to a collar below the ankle, a lining, and laces. Its topology is the same for everybody. It is
not simulated: heel and toe follow the rigid motion of foot and toes, with a bend at the ball.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.garments.patterns import Template
from pipeline.garments.surface import ClosestPoint, compact, unit, vertex_normals

_AROUND = 48
_RINGS = 13
_FOXING_M = 0.012
_GAP_M = 0.005
_LACES = 5


@dataclass(frozen=True)
class Shoe:
    """One shoe on the T-pose. vertices: (N, 3) m, subject frame. faces: (M, 3). sole: (N,) f32, 1
    on sole and laces, 0 on the upper. toe: (N,) share that follows the toes. upper: (K,) indices of
    the upper's free vertices."""

    vertices: np.ndarray
    faces: np.ndarray
    sole: np.ndarray
    toe: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class _Foot:
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


def make_shoe(template: Template, tpose: np.ndarray, side: str) -> Shoe:
    """The shoe of one side ('left' or 'right') for a T-posed body (V, 3), subject frame."""
    foot = _foot(template, tpose.astype(np.float64), side)
    outline = _outline(foot)
    collar = _collar(foot)
    upper = _upper(foot, outline, collar)
    sole, sole_faces = _sole(outline)
    lining = _lining(upper)
    grid = np.concatenate([upper, lining])
    grid_faces = _grid_faces(len(grid))
    laces, lace_faces = _laces(upper)
    points = np.concatenate([sole, grid.reshape(-1, 3), laces])
    first = len(sole) + grid.shape[0] * _AROUND
    faces = np.concatenate([sole_faces, grid_faces + len(sole), lace_faces + first])
    pale = np.concatenate([np.ones(len(sole)), np.zeros(first - len(sole)), np.ones(len(laces))])
    ball = 0.70 * foot.length_m
    bend = 0.05 * foot.length_m
    toe = 1 / (1 + np.exp(-(points[:, 0] - ball) / bend * 2))
    skin = len(sole) + np.arange(_AROUND, (_RINGS - 1) * _AROUND)
    return Shoe(foot.to_subject(points), faces, pale.astype(np.float32), toe, skin)


def _foot(template: Template, tpose: np.ndarray, side: str) -> _Foot:
    """Cut out one foot and lay its sole flat."""
    member = template.weight(f"{side}_ankle", f"{side}_foot", f"{side}_knee") > 0.5
    low = member & (tpose[:, 2] < tpose[member, 2].min() + 0.16)
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
    return _Foot(
        points=local_points,
        origin=start @ axes,
        axes=axes,
        surface=ClosestPoint(local_points, local),
        normals=vertex_normals(local_points, local),
        length_m=float(np.ptp(flat @ u)),
    )


def _outline(foot: _Foot) -> np.ndarray:
    """Outline (A, 2) of the sole, from the middle of the heel around by +v to the toes and back."""
    low = foot.points[(foot.points[:, 2] < 0.05) & (foot.points[:, 0] < foot.length_m + 0.01), :2]
    hull = low[ConvexHull(low).vertices]
    closed = np.concatenate([hull, hull[:1]])
    steps = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    travel = np.concatenate([[0.0], np.cumsum(steps)])
    dense = np.linspace(0, travel[-1], 400, endpoint=False)
    curve = np.stack([np.interp(dense, travel, closed[:, k]) for k in range(2)], axis=1)
    curve = _resample(curve, 400)
    outward = _outward(curve)
    progress = curve[:, 0] / foot.length_m
    toe_box = np.clip((progress - 0.75) / 0.2, 0, 1)
    curve = curve + (0.007 + 0.007 * toe_box)[:, None] * outward
    # The waist under the arch is drawn in.
    waist = np.exp(-(((progress - 0.42) / 0.16) ** 2))
    curve[:, 1] *= 1 - 0.10 * waist
    for _ in range(60):
        curve = (np.roll(curve, 1, axis=0) + 2 * curve + np.roll(curve, -1, axis=0)) / 4
    return _resample(curve + 0.0015 * _outward(curve), _AROUND)


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


def _outward(curve: np.ndarray) -> np.ndarray:
    """Outward normals (n, 2) of a clockwise curve (seen from above, v to the left of u)."""
    along = unit(np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0))
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def _collar(foot: _Foot) -> np.ndarray:
    """Collar (A, 3) around the ankle: lower at the sides, a tongue in front."""
    turn = 2 * np.pi * np.arange(_AROUND) / _AROUND
    front = np.exp(-(((turn - np.pi) / 0.55) ** 2))
    back = np.exp(-((np.minimum(turn, 2 * np.pi - turn) / 0.6) ** 2))
    height = foot.length_m * (0.245 + 0.085 * front + 0.035 * back)
    shin = foot.points[np.abs(foot.points[:, 2] - 0.33 * foot.length_m) < 0.03 * foot.length_m]
    centre = shin[:, :2].mean(axis=0)
    direction = np.stack([-np.cos(turn), np.sin(turn)], axis=1)
    radius = np.empty(_AROUND)
    for i in range(_AROUND):
        band = np.abs(foot.points[:, 2] - height[i]) < 0.035 * foot.length_m
        offset = foot.points[band, :2] - centre
        facing = unit(offset) @ direction[i] > np.cos(0.3)
        reach = (offset @ direction[i])[facing]
        radius[i] = reach.max() if len(reach) else 0.03
    for _ in range(4):
        radius = (np.roll(radius, 1) + 2 * radius + np.roll(radius, -1)) / 4
    ring = centre + direction * (radius + 0.006)[:, None]
    return np.column_stack([ring, height])


def _upper(foot: _Foot, outline: np.ndarray, collar: np.ndarray) -> np.ndarray:
    """Grid (R, A, 3) from just inside the sole's rim up to the collar."""
    s = np.linspace(0, 1, _RINGS)[:, None, None]
    base = np.column_stack([outline - 0.0025 * _outward(outline), np.full(_AROUND, _FOXING_M)])
    grid = (1 - s) * base + s * collar
    grid[..., 2] += 0.35 * foot.length_m * 0.3 * np.sin(np.pi * s[..., 0])
    near_toe = np.clip((outline[:, 0] / foot.length_m - 0.6) / 0.3, 0, 1)
    gap = np.full((_RINGS, _AROUND), _GAP_M) + 0.004 * near_toe
    for turn in range(60):
        inner = (
            grid[:-2] + grid[2:] + np.roll(grid, 1, axis=1)[1:-1] + np.roll(grid, -1, axis=1)[1:-1]
        ) / 4
        grid[1:-1] += 0.6 * (inner - grid[1:-1])
        if turn % 2:
            grid[1:-1] = _outside(foot, grid[1:-1].reshape(-1, 3), gap[1:-1].ravel()).reshape(
                inner.shape
            )
    return grid


def _outside(foot: _Foot, points: np.ndarray, gap: np.ndarray) -> np.ndarray:
    closest, face, bary = foot.surface.query(points)
    normal = unit((foot.normals[foot.surface.faces[face]] * bary[..., None]).sum(axis=1))
    height = ((points - closest) * normal).sum(axis=1)
    return points + normal * np.maximum(gap - height, 0)[:, None]


def _lining(upper: np.ndarray) -> np.ndarray:
    """Rings (2, A, 3) that turn the collar inwards, so that it has a thickness."""
    rim = upper[-1]
    inward = unit(rim[:, :2].mean(axis=0) - rim[:, :2])
    over, down = rim.copy(), upper[-2].copy()
    over[:, :2] += 0.003 * inward
    over[:, 2] += 0.001
    down[:, :2] += 0.0035 * inward
    return np.stack([over, down])


def _sole(outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sole's rim and bottom: rings from the upper's edge outwards, down, and in to the middle.

    Toe and heel are rounded off a little, as on a real shoe, so that a rolling foot stays on the
    ground.
    """
    outward = _outward(outline)
    rings = [
        (-0.004, _FOXING_M - 0.0005),
        (0.0, _FOXING_M),
        (0.001, 0.0),
        (0.0005, -SHOE_SOLE_M + 0.002),
        (-0.0015, -SHOE_SOLE_M),
    ]
    middle = np.column_stack(
        [np.clip(outline[:, 0], 0.03, outline[:, 0].max() - 0.03), 0 * outward[:, 0]]
    )
    progress = outline[:, 0] / outline[:, 0].max()
    spring = 0.007 * np.clip((progress - 0.82) / 0.18, 0, 1) ** 1.5
    spring += 0.003 * np.clip((0.06 - progress) / 0.06, 0, 1)
    grid = []
    for out, w in rings:
        height = np.full(_AROUND, w) + (spring if w < -0.5 * SHOE_SOLE_M else 0)
        grid.append(np.column_stack([outline + out * outward, height]))
    inner = 0.75 * outline + 0.25 * middle
    grid += [np.column_stack([p, np.full(_AROUND, -SHOE_SOLE_M)]) for p in (inner, middle)]
    # Here the rings run downwards, so the faces are turned over.
    return np.concatenate(grid), _grid_faces(len(grid))[:, ::-1][:, [0, 1, 2]]


def _grid_faces(rings: int) -> np.ndarray:
    """Triangles of a closed band of `rings` x A vertices, outward for rings that run upwards."""
    r, i = np.meshgrid(np.arange(rings - 1), np.arange(_AROUND), indexing="ij")
    a, b = r * _AROUND + i, r * _AROUND + (i + 1) % _AROUND
    c, d = a + _AROUND, b + _AROUND
    # The curve runs clockwise seen from above.
    return np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2).reshape(-1, 3)


def _laces(upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat bands across the instep, a little above the upper."""
    half, toe = 4, _AROUND // 2
    columns = np.arange(toe - half, toe + half + 1)
    rows = np.linspace(0.42, 0.86, _LACES) * (_RINGS - 1)
    points, faces = [], []
    for number, row in enumerate(rows):
        low = int(row)
        t = row - low
        line = (1 - t) * upper[low, columns] + t * upper[low + 1, columns]
        up = unit(upper[low + 1, columns] - upper[low, columns])
        across = unit(np.gradient(line, axis=0))
        normal = unit(np.cross(across, up))
        normal *= np.sign((normal @ [0.0, 0.0, 1.0]).mean())
        lift = 0.0032 * np.sin(np.linspace(0, np.pi, len(line)))[:, None] ** 0.5 - 0.0008
        band = [line + lift * normal + width * up for width in (-0.0032, 0.0, 0.0032)]
        band[1] = band[1] + 0.0012 * normal
        first = number * 3 * len(line)
        points.append(np.concatenate(band))
        for strip in range(2):
            a = first + strip * len(line) + np.arange(len(line) - 1)
            c = a + len(line)
            faces += [np.stack([a, a + 1, c], 1), np.stack([a + 1, c + 1, c], 1)]
    points, faces = np.concatenate(points), np.concatenate(faces)
    normals = np.cross(
        points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    )
    if normals[:, 2].sum() < 0:
        faces = faces[:, ::-1]
    return points, faces


def move_shoe(
    template: Template, shoe: Shoe, side: str, tpose: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Vertices (T, N, 3) of a shoe on a moving body (T, V, 3) whose T-pose is (V, 3)."""
    moved = np.empty((len(frames), *shoe.vertices.shape))
    tpose = tpose.astype(np.float64)
    rigid = []
    for joint in ("ankle", "foot"):
        weight = template.weight(f"{side}_{joint}")
        rigid.append(np.flatnonzero(weight > 0.7 * weight.max()))
    for t, body in enumerate(frames.astype(np.float64)):
        heel, toe = (_rigid_motion(tpose[index], body[index], shoe.vertices) for index in rigid)
        moved[t] = heel + shoe.toe[:, None] * (toe - heel)
    return moved


def _rigid_motion(source: np.ndarray, target: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points moved by the rigid motion that best takes source (n, 3) to target (Kabsch 1976)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return (points - a) @ (u @ flip @ vt) + b
