"""Shoes of every built-in kind, built around a person's own feet and moved with them.

A shoe is a flat sole under the outline of the foot, an upper stretched like a taut skin from the
sole to the collar, a lining, and laces; a sandal has straps instead. The topology of a kind is the
same for everybody. Nothing is simulated: heel and toe follow the rigid motion of foot and toes,
with a bend at the ball; a shaft follows the shin.
"""

import difflib
from dataclasses import dataclass

import numpy as np

from pipeline import assets
from pipeline.errors import GenbError
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.garments.patterns import Template
from pipeline.garments.shoe_kinds import BAREFOOT, SHOES, ShoeKind
from pipeline.garments.shoe_last import AROUND, Foot, find_foot, outline, outward
from pipeline.garments.shoe_trims import laces, straps
from pipeline.garments.surface import neighbour_mean, unit

_RINGS = 13
_SHAFT_FROM, _SHAFT_TO = 0.26, 0.42
"""Heights, in foot lengths, between which a shaft passes from the foot's motion to the shin's."""


@dataclass(frozen=True)
class Shoe:
    """One shoe on the T-pose. vertices: (N, 3) m, subject frame. faces: (M, 3). sole: (N,) f32, 1
    on sole and laces, 0 on the upper. toe: (N,) share that follows the toes. upper: (K,) indices of
    the upper's free vertices. shaft: (N,) share that follows the shin. trim: (L,) indices of what
    lies on the upper and gives way with it (laces)."""

    vertices: np.ndarray
    faces: np.ndarray
    sole: np.ndarray
    toe: np.ndarray
    upper: np.ndarray
    shaft: np.ndarray
    trim: np.ndarray


def make_shoe(template: Template, tpose: np.ndarray, side: str, kind: str = "sneaker") -> Shoe:
    """The shoe of one side ('left' or 'right') for a T-posed body (V, 3), subject frame.

    kind: of `shoe_kinds.SHOES`, or an id of $GENB_ASSETS/shoes.toml. Raises GenbError when it is
    neither, or when its mesh cannot be used.
    """
    tpose = tpose.astype(np.float64)
    if kind not in SHOES:
        from pipeline.garments.fitted_mesh import fit_shoe

        _demand_known(kind)
        path = assets.find_file("shoes", kind)
        return Shoe(*fit_shoe(path, template, tpose, side, find_foot(template, tpose, side)))
    cut = SHOES[kind]
    foot = find_foot(template, tpose, side, 0.30 if cut.shaft else 0.16)
    around = outline(foot)
    sole, sole_faces = _sole(around, cut.foxing_m)
    if cut.straps:
        points, faces, free = _strapped(foot, around, cut)
        extra = (np.zeros((0, 3)), np.zeros((0, 3), int))
    else:
        points, faces, free, extra = _closed(foot, around, cut)
    first, second = len(sole), len(sole) + len(points)
    vertices = np.concatenate([sole, points, extra[0]])
    pale = np.concatenate([np.ones(first), np.zeros(len(points)), np.ones(len(extra[0]))])
    u, w = vertices[:, 0] / foot.length_m, vertices[:, 2] / foot.length_m
    shaft = _smoothstep((w - _SHAFT_FROM) / (_SHAFT_TO - _SHAFT_FROM)) * (u < 0.6) * cut.shaft
    return Shoe(
        vertices=foot.to_subject(vertices),
        faces=np.concatenate([sole_faces, faces + first, extra[1] + second]),
        sole=pale.astype(np.float32),
        toe=1 / (1 + np.exp(-(u - 0.70) / 0.05 * 2)),
        upper=free + first,
        shaft=shaft,
        trim=np.arange(second, len(vertices)),
    )


def _demand_known(kind: str) -> None:
    if kind in assets.manifest("shoes"):
        return
    known = [*SHOES, BAREFOOT, *assets.manifest("shoes")]
    close = difflib.get_close_matches(kind, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise GenbError(
        f"unknown kind of shoes {kind!r}.{hint} Known: {', '.join(known)}; add your own in "
        "$GENB_ASSETS/shoes.toml (see docs/looks.md)."
    )


def clothed_joints(kind: str, side: str) -> tuple[str, ...]:
    """Joints whose skin a shoe of this kind has to stay outside of."""
    parts = ("ankle", "foot", "knee") if kind in SHOES and SHOES[kind].shaft else ("ankle", "foot")
    return tuple(f"{side}_{part}" for part in parts)


def _smoothstep(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _closed(foot: Foot, around: np.ndarray, cut: ShoeKind):
    """Upper and lining (points, faces, indices of the free vertices), and the laces."""
    collar = _open_collar(foot, around, cut) if cut.mouth else _collar(foot, cut)
    upper = _upper(foot, around, collar, cut)
    grid = np.concatenate([upper, _lining(foot, upper)])
    free = np.arange(AROUND, (_RINGS - 1) * AROUND)
    return grid.reshape(-1, 3), _grid_faces(len(grid)), free, laces(upper, cut.laces)


def _strapped(foot: Foot, around: np.ndarray, cut: ShoeKind):
    """A sandal's straps, taut over the foot."""
    points, faces, free = straps(foot, around, cut.gap_m)
    average = neighbour_mean(faces, len(points))[free]
    for turn in range(12):
        points[free] += 0.4 * (average @ points - points[free])
        if turn % 2:
            points[free] = _outside(foot, points[free], np.full(len(free), cut.gap_m))
    return points, faces, free


def _collar(foot: Foot, cut: ShoeKind) -> np.ndarray:
    """Collar (A, 3) around the ankle or shin: lower at the sides, higher in front and behind."""
    turn = 2 * np.pi * np.arange(AROUND) / AROUND
    front = np.exp(-(((turn - np.pi) / 0.55) ** 2))
    back = np.exp(-((np.minimum(turn, 2 * np.pi - turn) / 0.6) ** 2))
    height = foot.length_m * (cut.collar + cut.front * front + cut.back * back)
    # Up the shin the body's vertices are farther apart, so a wider band is looked at.
    middle, band_m = (cut.collar, 0.09) if cut.shaft else (0.33, 0.03)
    level = np.abs(foot.points[:, 2] - middle * foot.length_m) < band_m * foot.length_m
    shin = foot.points[level, :2]
    centre = (shin.min(axis=0) + shin.max(axis=0)) / 2 if cut.shaft else shin.mean(axis=0)
    direction = np.stack([-np.cos(turn), np.sin(turn)], axis=1)
    radius = np.empty(AROUND)
    for i in range(AROUND):
        band = np.abs(foot.points[:, 2] - height[i]) < max(0.035, band_m) * foot.length_m
        offset = foot.points[band, :2] - centre
        facing = unit(offset) @ direction[i] > np.cos(0.3)
        reach = (offset @ direction[i])[facing]
        radius[i] = reach.max() if len(reach) else 0.03
    for _ in range(4):
        radius = (np.roll(radius, 1) + 2 * radius + np.roll(radius, -1)) / 4
    ring = centre + direction * (radius + 0.001 + cut.gap_m)[:, None]
    return np.column_stack([ring, height])


def _open_collar(foot: Foot, around: np.ndarray, cut: ShoeKind) -> np.ndarray:
    """Top line (A, 3) of a shoe that leaves the instep free: from the heel to a throat near the
    toes. `mouth` says how near: 0 at the ankle, 1 at the toes."""
    length = foot.length_m
    throat = (0.42 + 0.32 * cut.mouth) * length
    heel = around[:, 0].min()
    u = heel + (around[:, 0] - heel) * (throat - heel) / (around[:, 0].max() - heel)
    # On the plan, the line keeps inside the sole's own edge at the same place along the foot.
    half = [np.interp(u, *_edge(around, sign)) for sign in (1, -1)]
    v = np.where(around[:, 1] >= 0, half[0], half[1])
    closing = np.clip((throat - u) / (0.22 * length), 0, 1) ** 0.5
    v = v * 0.92 * closing
    back = np.clip(1 - (u - heel) / (0.16 * length), 0, 1)
    side = length * (cut.collar + cut.back * _smoothstep(back))
    front = _smoothstep(np.clip((u - 0.30 * length) / (throat - 0.30 * length), 0, 1))
    points = np.column_stack([u, v, side + length * cut.front * front])
    top = np.array([_top_of_foot(foot, p) for p in points])
    points[:, 2] = np.where(front > 0, (1 - front) * points[:, 2] + front * (top + 0.003), side)
    for _ in range(24):
        points = _outside(foot, points, np.full(AROUND, cut.gap_m))
        points = (np.roll(points, 1, axis=0) + 2 * points + np.roll(points, -1, axis=0)) / 4
    return _outside(foot, points, np.full(AROUND, cut.gap_m))


def _edge(around: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """One side of the outline as v over growing u."""
    mine = around[sign * around[:, 1] >= 0]
    order = np.argsort(mine[:, 0])
    return mine[order, 0], mine[order, 1]


def _top_of_foot(foot: Foot, point: np.ndarray) -> float:
    near = np.abs(foot.points[:, :2] - point[:2]).max(axis=1) < 0.010
    low = near & (foot.points[:, 2] < 0.5 * foot.length_m)
    return float(foot.points[low, 2].max()) if low.any() else float(point[2])


def _upper(foot: Foot, around: np.ndarray, collar: np.ndarray, cut: ShoeKind) -> np.ndarray:
    """Grid (R, A, 3) from just inside the sole's rim up to the collar."""
    s = np.linspace(0, 1, _RINGS)[:, None, None]
    base = np.column_stack([around - 0.0025 * outward(around), np.full(AROUND, cut.foxing_m)])
    grid = (1 - s) * base + s * collar
    grid[..., 2] += 0.35 * foot.length_m * 0.3 * np.sin(np.pi * s[..., 0])
    near_toe = np.clip((around[:, 0] / foot.length_m - 0.6) / 0.3, 0, 1)
    gap = np.full((_RINGS, AROUND), cut.gap_m) + 0.004 * near_toe
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


def _outside(foot: Foot, points: np.ndarray, gap: np.ndarray) -> np.ndarray:
    closest, face, bary = foot.surface.query(points)
    normal = unit((foot.normals[foot.surface.faces[face]] * bary[..., None]).sum(axis=1))
    height = ((points - closest) * normal).sum(axis=1)
    return points + normal * np.maximum(gap - height, 0)[:, None]


def _lining(foot: Foot, upper: np.ndarray) -> np.ndarray:
    """Rings (2, A, 3) that turn the collar inwards, so that it has a thickness."""
    skin = foot.surface.query(upper[-1])[0], foot.surface.query(upper[-2])[0]
    over = upper[-1] + 0.5 * (skin[0] - upper[-1])
    return np.stack([over, upper[-2] + 0.7 * (skin[1] - upper[-2])])


def _sole(around: np.ndarray, foxing_m: float) -> tuple[np.ndarray, np.ndarray]:
    """The sole's rim and bottom: rings from the upper's edge outwards, down, and in to the middle.

    Toe and heel are rounded off a little, as on a real shoe, so that a rolling foot stays on the
    ground.
    """
    away = outward(around)
    rings = [
        (-0.004, foxing_m - 0.0005),
        (0.0, foxing_m),
        (0.001, 0.0),
        (0.0005, -SHOE_SOLE_M + 0.002),
        (-0.0015, -SHOE_SOLE_M),
    ]
    middle = np.column_stack(
        [np.clip(around[:, 0], 0.03, around[:, 0].max() - 0.03), 0 * away[:, 0]]
    )
    progress = around[:, 0] / around[:, 0].max()
    spring = 0.007 * np.clip((progress - 0.82) / 0.18, 0, 1) ** 1.5
    spring += 0.003 * np.clip((0.06 - progress) / 0.06, 0, 1)
    grid = []
    for out, w in rings:
        height = np.full(AROUND, w) + (spring if w < -0.5 * SHOE_SOLE_M else 0)
        grid.append(np.column_stack([around + out * away, height]))
    inner = 0.75 * around + 0.25 * middle
    grid += [np.column_stack([p, np.full(AROUND, -SHOE_SOLE_M)]) for p in (inner, middle)]
    # Here the rings run downwards, so the faces are turned over.
    return np.concatenate(grid), _grid_faces(len(grid))[:, ::-1]


def _grid_faces(rings: int) -> np.ndarray:
    """Triangles of a closed band of `rings` x A vertices, outward for rings that run upwards."""
    r, i = np.meshgrid(np.arange(rings - 1), np.arange(AROUND), indexing="ij")
    a, b = r * AROUND + i, r * AROUND + (i + 1) % AROUND
    c, d = a + AROUND, b + AROUND
    # The curve runs clockwise seen from above.
    return np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], 2).reshape(-1, 3)


def move_shoe(
    template: Template, shoe: Shoe, side: str, tpose: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Vertices (T, N, 3) of a shoe on a moving body (T, V, 3) whose T-pose is (V, 3)."""
    moved = np.empty((len(frames), *shoe.vertices.shape))
    tpose = tpose.astype(np.float64)
    rigid = []
    for joint in ("ankle", "foot", "knee"):
        weight = template.weight(f"{side}_{joint}")
        rigid.append(np.flatnonzero(weight > 0.7 * weight.max()))
    rigid = rigid if shoe.shaft.any() else rigid[:2]
    for t, body in enumerate(frames.astype(np.float64)):
        parts = [_rigid_motion(tpose[index], body[index], shoe.vertices) for index in rigid]
        moved[t] = parts[0] + shoe.toe[:, None] * (parts[1] - parts[0])
        if len(parts) > 2:
            moved[t] += shoe.shaft[:, None] * (parts[2] - moved[t])
    return moved


def _rigid_motion(source: np.ndarray, target: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points moved by the rigid motion that best takes source (n, 3) to target (Kabsch 1976)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return (points - a) @ (u @ flip @ vt) + b
