"""How hair lies in a pose: strands grown from the scalp, combed, tied, hanging, out of the face."""

import numpy as np
from scipy.spatial import cKDTree

from pipeline.blender.features import Head
from pipeline.blender.groom import Groom
from pipeline.blender.scalp import head_frame
from pipeline.body.modelfile import ModelFile
from pipeline.garments.surface import unit

_CHEEK = (0.20, 1.22)
"""How far forward of the eyes' middle, and how far from it sideways, loose hair may come: in eye
distances."""

_NAPE = np.array([-1.55, 0.0, -1.9])
"""Where loose hair gathers below the jaw, (forward, left, up) from between the eyes."""

_DOWN = np.array([0.0, 0.0, -1.0])


def grow(
    groom: Groom,
    vertices: np.ndarray,
    tpose: np.ndarray,
    model: ModelFile,
    head: Head,
    obstacles: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Strands (N, S, 3) float32 world m on posed vertices (V, 3).

    obstacles: points and outward unit normals (both (M, 3), world) that hair must stay outside of.
    """
    axes, centre = head_frame(vertices, tpose, model, head)
    triangle = vertices[model.faces[groom.faces]].astype(float)
    root = np.einsum("nk,nkd->nd", groom.bary, triangle)
    normal = unit(np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]))
    scene = _Place(axes, centre, head.unit_m, cKDTree(obstacles[0]), obstacles)
    root = root - 0.001 * normal
    if groom.cut.tied:
        strands = _tied(groom, root, normal, scene)
    else:
        strands = _loose(groom, root, normal, scene)
    return _clumped(groom, strands).astype(np.float32)


class _Place:
    """The head in the world and what hair meets. axes: rows forward, left, up."""

    def __init__(self, axes, centre, unit_m: float, tree: cKDTree, obstacles) -> None:
        self.axes, self.centre, self.unit_m = axes, centre, unit_m
        self._tree, self._obstacles = tree, obstacles

    def local(self, points: np.ndarray) -> np.ndarray:
        """World points in head coordinates, eye distances."""
        return (points - self.centre) @ self.axes.T / self.unit_m

    def world(self, local: np.ndarray) -> np.ndarray:
        return self.centre + self.unit_m * local @ self.axes

    def outside(self, points: np.ndarray, lift_m: np.ndarray) -> np.ndarray:
        """Points pushed out of skin and clothes, and `lift_m` (N,) off them."""
        surface, normals = self._obstacles
        distance, nearest = self._tree.query(points)
        height = ((points - surface[nearest]) * normals[nearest]).sum(axis=1)
        push = np.where(distance < 0.06, np.maximum(lift_m - height, 0), 0)
        return points + push[:, None] * normals[nearest]


def _steps(groom: Groom) -> np.ndarray:
    """Share of the strand (S,) at every point: close together at the root, where it bends most."""
    even = np.linspace(0, 1, groom.cut.points)
    return even if groom.style in ("short", "buzz", "afro") else even**1.45


def _loose(groom: Groom, root, normal, place: _Place) -> np.ndarray:
    comb = groom.comb @ place.axes
    comb = unit(comb - (comb * normal).sum(axis=1, keepdims=True) * normal)
    stray = groom.stray @ place.axes
    along = _steps(groom)
    strands = np.empty((len(root), len(along), 3))
    strands[:, 0] = root
    stands = {"short": 0.7, "buzz": 1.2, "afro": 2.5, "curly": 1.0}.get(groom.style, 0.45)
    direction = unit(normal * stands + 0.6 * comb)
    for point in range(1, len(along)):
        step = (groom.length_m * (along[point] - along[point - 1]))[:, None]
        target = _target(groom, along[point], comb, normal, stray, strands[:, point - 1], place)
        direction = unit(0.4 * direction + 0.6 * unit(target))
        tip = strands[:, point - 1] + step * direction
        if groom.style not in ("short", "buzz", "afro"):
            tip = _clear_of_face(tip, groom, place)
        strands[:, point] = place.outside(tip, groom.lift_m)
    return strands


def _target(groom: Groom, along: float, comb, normal, stray, here, place: _Place) -> np.ndarray:
    """Where a strand is heading at a share `along` of its length."""
    if groom.style == "afro":
        return normal + 0.25 * groom.lot @ place.axes + 0.5 * stray
    if groom.style in ("short", "buzz"):
        top = np.clip((groom.height - 0.4) / 0.3, 0, 1)[:, None]
        return (
            comb + normal * (0.25 + 0.55 * top * (1 - along)) + 1.6 * stray + 0.15 * along * _DOWN
        )
    stand = (0.9 if groom.style == "curly" else 0.35) * (1 - along) ** 2
    hang = _DOWN * (0.3 + 5.0 * along) * (0.5 if groom.style == "curly" else 1.0)
    target = comb * max(1 - 1.5 * along, 0.0) + normal * stand + hang + stray
    return target + 2.2 * _gathering(groom, here, place)


def _gathering(groom: Groom, here: np.ndarray, place: _Place) -> np.ndarray:
    """Below the ears loose hair draws in to the neck, and falls before or behind the shoulders."""
    local = place.local(here)
    below = np.clip((-0.35 - local[:, 2]) / 1.0, 0, 1) * (groom.style != "curly")
    before = np.where(groom.sideways > 0, groom.before[0], groom.before[1]) & (groom.rear < 0.62)
    aim = np.tile(_NAPE, (len(here), 1))
    aim[before] = (-0.35, 0.0, -1.9)
    aim[:, 1] = np.where(before, 1.05, 0.55) * np.sign(groom.sideways)
    inward = (aim - local) * [1.0, 1.0, 0.0]
    return (below[:, None] * np.clip(inward, -0.8, 0.8)) @ place.axes


def _clear_of_face(tip: np.ndarray, groom: Groom, place: _Place) -> np.ndarray:
    """Hair longer than a fringe parts before the face and falls beside and behind the cheeks."""
    local = place.local(tip)
    side = np.where(local[:, 1] >= 0, 1, -1)
    before = (local[:, 0] > _CHEEK[0]) & (local[:, 2] < 0.75) & (np.abs(local[:, 1]) < 2.0)
    before &= groom.length_m > 0.09
    shift = np.zeros_like(local)
    shift[:, 0] = _CHEEK[0] - local[:, 0]
    shift[:, 1] = np.maximum(_CHEEK[1] - np.abs(local[:, 1]), 0) * side
    shift[~before] = 0.0
    return tip + 0.75 * place.unit_m * shift @ place.axes


def _tied(groom: Groom, root, normal, place: _Place) -> np.ndarray:
    """Hair combed tight to a tie, then a tail or a bun."""
    count, points, on_head = len(root), groom.cut.points, groom.on_head
    tie, back = _tie(groom, root, place)
    middle = place.world(np.array([-1.2, 0.0, 0.35]))
    strands = np.empty((count, points, 3))
    strands[:, 0] = root
    start, end = root - middle, tie - middle
    # A fringe, and the short hair at the neck, are not caught by the tie.
    free = groom.length_m < 0.6 * np.median(groom.length_m)
    for point in range(1, on_head + 1):
        t = (point / on_head) ** 1.2
        straight = (1 - t) * start + t * end
        radius = (1 - t) * np.linalg.norm(start, axis=1) + t * np.linalg.norm(end)
        on_sphere = middle + unit(straight) * radius[:, None]
        strands[:, point] = place.outside(on_sphere, groom.lift_m * (1 - t) + 0.004)
    left = points - 1 - on_head
    shape = _coiled if groom.style == "bun" else _hanging
    for point in range(1, left + 1):
        strands[:, on_head + point] = shape(groom, tie, back, point / left, place)
    if free.any():
        strands[free] = _short_fall(groom, strands, normal, free, place)
    return strands


def _tie(groom: Groom, root: np.ndarray, place: _Place) -> tuple[np.ndarray, np.ndarray]:
    """World point of the tie, just off the head, and the direction that the tail leaves in."""
    height, rear = groom.cut.tied
    near = np.abs(groom.height - height) + np.abs(groom.rear - rear) + np.abs(groom.sideways)
    at = root[np.argsort(near)[:40]].mean(axis=0)
    outwards = unit(place.local(at) - np.array([-1.2, 0.0, 0.35]))
    outwards[1] = 0.0
    back = unit(outwards) @ place.axes
    return at + 0.012 * back, back


def _hanging(groom: Groom, tie, back, t: float, place: _Place) -> np.ndarray:
    """The tail at a share t of its length: out of the tie, then down, round and tapering."""
    length = groom.length_m[:, None]
    drop = np.clip(t * 1.15 - 0.12, 0, None)
    spine = tie + back * (0.045 * (1 - np.exp(-5 * t))) + _DOWN * drop * length
    width = 0.004 + 0.020 * np.sin(np.pi * min(0.15 + 0.75 * t, 1.0))
    spread = np.clip(groom.lot, -1.6, 1.6) * [1.0, 1.0, 0.15] * width
    return place.outside(spine + spread, groom.lift_m)


def _coiled(groom: Groom, tie, back, t: float, place: _Place) -> np.ndarray:
    """A knot: strands run round a ring over the tie."""
    up = place.axes[2] - (place.axes[2] @ back) * back
    up, left = unit(up), unit(np.cross(back, unit(up)))
    ring, tube = 0.021, 0.013
    angle = (groom.phase + 2.4 * np.pi * t)[:, None]
    around = np.cos(angle) * up + np.sin(angle) * left
    twist = (groom.phase * 3.0 + 3.0 * t)[:, None]
    radius = tube * np.clip(0.75 + 0.12 * groom.lot[:, :1], 0.4, 1.1) * min(1.0, 4 * t)
    middle = tie + 0.012 * back + ring * around * min(1.0, 3 * t)
    return middle + radius * (np.cos(twist) * around + np.sin(twist) * back)


def _short_fall(groom: Groom, strands, normal, free, place: _Place) -> np.ndarray:
    comb = groom.comb[free] @ place.axes
    along = np.linspace(0, 1, strands.shape[1])[None, :, None]
    path = unit(comb)[:, None] * along + normal[free][:, None] * 0.25 * along * (1 - along)
    path = path + _DOWN * 0.35 * along**2
    return strands[free, :1] + path * groom.length_m[free, None, None]


def _clumped(groom: Groom, strands: np.ndarray) -> np.ndarray:
    """Pull strands towards their clump's leader near the tips, and curl them."""
    along = np.linspace(0, 1, strands.shape[1])[None, :, None]
    amount = {"short": 0.30, "buzz": 0.0, "afro": 0.0, "bun": 0.0, "ponytail": 0.15, "curly": 0.75}
    leader = strands[groom.clump]
    shape = leader - leader[:, :1] + strands[:, :1]
    pull = amount.get(groom.style, 0.5) * along
    strands = strands * (1 - pull) + (0.55 * shape + 0.45 * leader) * pull
    if groom.curl_m == 0:
        return strands
    arc = _steps(groom)[None] * groom.length_m[:, None]
    angle = 2 * np.pi * arc / groom.curl_period_m + groom.phase[groom.clump][:, None]
    swing = groom.curl_m * np.minimum(arc / 0.03, 1.0)
    helix = np.stack([np.cos(angle), np.sin(angle), 0.3 * np.sin(angle + 1.3)], axis=-1)
    return strands + swing[..., None] * helix
