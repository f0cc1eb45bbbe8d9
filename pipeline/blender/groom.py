"""Hair as strands, in numpy: where they grow on any head, and how they fall in any pose.

Roots and characters of the strands are drawn once per person on the T-pose; `grow` then lays them
on the posed head of each frame, so hair follows the head and hangs with gravity.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.blender.features import Head
from pipeline.body.modelfile import JOINT_INDEX, VERTEX_JOINTS, ModelFile

STRANDS = 11000
_POINTS = {"short": 5, "medium": 10, "long": 12}
_LENGTH_M = {"medium": (0.14, 0.24), "long": (0.32, 0.46)}
_TOP_M = (0.028, 0.065)
_SIDE_M = (0.007, 0.020)
_CHEEK = (0.35, 1.25)
"""How far forward of the ears, and how far from the middle, hair falls, in eye distances."""


@dataclass(frozen=True)
class Groom:
    """One person's hair on the T-pose: N strands with S points each.

    faces (N,) and bary (N, 3): roots on the body mesh. length_m (N,), stray (N, 3) and lift_m (N,)
    are each strand's own character. height (N,) 0 at the ears, 1 on the crown; rear (N,) 0 at the
    forehead, 1 at the back; aside (N,) -1..1 signed distance from the parting. comb (N, 3):
    direction on the head in (forward, left, up). clump (N,): the strand each one leans towards.
    scalp_faces (F,) bool: skin under the hair. curl_m, curl_period_m: helix of curly hair.
    """

    style: str
    faces: np.ndarray
    bary: np.ndarray
    length_m: np.ndarray
    stray: np.ndarray
    lift_m: np.ndarray
    height: np.ndarray
    rear: np.ndarray
    aside: np.ndarray
    comb: np.ndarray
    clump: np.ndarray
    phase: np.ndarray
    scalp: np.ndarray
    curl_m: float
    curl_period_m: float

    @property
    def points(self) -> int:
        """Points per strand."""
        return _POINTS[self.style]


def plan_hair(
    style: str, tpose: np.ndarray, model: ModelFile, head: Head, rng: np.random.Generator
) -> Groom | None:
    """Draw a head of hair for a T-pose (V, 3), subject frame; None for a bald head."""
    if style == "bald":
        return None
    place = _Scalp(tpose, model, head)
    density = place.density(tpose)
    faces, bary = _scatter(tpose, model.faces, density, STRANDS, rng)
    roots = np.einsum("nk,nkd->nd", bary, tpose[model.faces[faces]])
    height, rear, sideways = place.coordinates(roots)
    parting = rng.choice([-0.32, 0.0, 0.32], p=[0.35, 0.3, 0.35])
    aside = sideways - parting
    curl = rng.choice([0.0, 0.0, 0.35, 1.0], p=[0.3, 0.25, 0.3, 0.15])
    length = _lengths(style, height, rear, curl, rng)
    count = len(faces)
    heads = rng.choice(count, max(count // 14, 1), replace=False)
    return Groom(
        style=style,
        faces=faces,
        bary=bary,
        length_m=length,
        stray=rng.normal(0, 1, (count, 3))
        * np.where(rng.random(count) < 0.03, 0.26, 0.10)[:, None],
        lift_m=0.003 + 0.010 * rng.random(count) ** 1.5 * (0.5 + 0.5 * (style != "short")),
        height=height,
        rear=rear,
        aside=aside,
        comb=_comb(style, height, rear, aside, rng),
        clump=heads[cKDTree(roots[heads]).query(roots)[1]],
        phase=rng.uniform(0, 2 * np.pi, count),
        scalp=np.clip(density * 1.3 - 0.15, 0, 1),
        curl_m=0.0065 * curl,
        curl_period_m=float(rng.uniform(0.022, 0.05)),
    )


class _Scalp:
    """Coordinates on a head: height above the ears, from forehead to back, and sideways."""

    def __init__(self, tpose: np.ndarray, model: ModelFile, head: Head) -> None:
        weight = model.weights[:, JOINT_INDEX["head"]]
        self.skull = (weight > 0.55) & ~_in_faces(model.faces[model.face_part > 0], len(tpose))
        skull = tpose[self.skull]
        ears = tpose[[VERTEX_JOINTS["left_ear"], VERTEX_JOINTS["right_ear"]]]
        self.eye_z = head.eye_centre[:, 2].mean()
        self.middle_x = head.eye_centre[:, 0].mean()
        self.top_z = skull[:, 2].max()
        self.front_y = head.eye_centre[:, 1].min() - head.eye_radius_m
        self.back_y = skull[:, 1].max()
        self.half_width = np.abs(skull[skull[:, 2] > self.eye_z + 0.5 * head.unit_m, 0]).max()
        self.ears = ears
        self.unit = head.unit_m

    def coordinates(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """height, rear, sideways of points (N, 3) on the T-pose."""
        height = (points[:, 2] - self.eye_z) / (self.top_z - self.eye_z)
        rear = (points[:, 1] - self.front_y) / (self.back_y - self.front_y)
        return height, rear, (points[:, 0] - self.middle_x) / self.half_width

    def density(self, tpose: np.ndarray) -> np.ndarray:
        """How much hair grows at each vertex (V,), 0..1, thinning out at the hairline."""
        height, rear, sideways = self.coordinates(tpose)
        side = np.abs(sideways)
        line = np.interp(
            rear,
            [0.0, 0.16, 0.30, 0.42, 0.52, 0.64, 1.0],
            [0.60, 0.56, 0.42, 0.06, 0.02, -0.30, -0.62],
        )
        # The line dips a little in the middle of the forehead and recedes at the temples.
        line = line + np.where(rear < 0.35, 0.05 * np.exp(-(((side - 0.55) / 0.2) ** 2)), 0.0)
        above = np.clip((height - line) / 0.10 + 0.25, 0, 1)
        for ear in self.ears:
            away = np.linalg.norm((tpose - ear) / [1.0, 1.0, 1.15], axis=1) / self.unit
            above = above * np.clip((away - 0.62) / 0.12, 0, 1)
        pinna = np.abs(tpose[:, 0] - self.middle_x) > 1.03 * self.half_width
        above[pinna & (height < 0.45)] = 0.0
        return np.where(self.skull, above, 0.0)


def _in_faces(faces: np.ndarray, count: int) -> np.ndarray:
    inside = np.zeros(count, bool)
    inside[faces] = True
    return inside


def _scatter(tpose, faces, density, count, rng) -> tuple[np.ndarray, np.ndarray]:
    """Roots (face, barycentric) with a given density, evenly random over the surface."""
    grown = np.where((density[faces] > 0).any(axis=1))[0]
    a, b, c = (tpose[faces[grown, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    pick = grown[rng.choice(len(grown), 2 * count, p=area / area.sum())]
    bary = np.sort(rng.random((2 * count, 2)), axis=1)
    bary = np.stack([bary[:, 0], bary[:, 1] - bary[:, 0], 1 - bary[:, 1]], axis=1)
    here = (density[faces[pick]] * bary).sum(axis=1)
    kept = np.where(rng.random(2 * count) < here)[0][:count]
    return pick[kept], bary[kept]


def _lengths(style, height, rear, curl, rng) -> np.ndarray:
    vary = rng.uniform(0.78, 1.08, len(height))
    if style == "short":
        top = np.clip((height - 0.30) / 0.40, 0, 1) ** 1.3
        return (rng.uniform(*_SIDE_M) * (1 - top) + rng.uniform(*_TOP_M) * top) * vary
    length = rng.uniform(*_LENGTH_M[style]) * vary
    fringe = rng.random() < 0.3
    if fringe:
        front = np.clip((0.30 - rear) / 0.12, 0, 1)
        length = length * (1 - front) + 0.072 * vary * front
    return length * (1 - 0.15 * min(curl, 1.0))


def _comb(style, height, rear, aside, rng) -> np.ndarray:
    """Direction the roots are combed, (N, 3) in (forward, left, up) of the head."""
    count = len(height)
    top = np.clip((height - 0.45) / 0.3, 0, 1)[:, None]
    away = np.sign(aside)[:, None]
    if style == "short":
        # One way over the whole crown; only what grows beside the parting lies the other way.
        towards = rng.choice([-1.0, 1.0])
        over = np.clip(1.0 + 2.2 * (aside[:, None] * towards + 0.45), -1, 1) * towards
        way = rng.choice(["side", "forward", "back", "up"], p=[0.35, 0.3, 0.2, 0.15])
        crown = {
            "side": np.hstack([np.full((count, 1), 0.25), over, np.full((count, 1), 0.15)]),
            "forward": np.tile([1.0, 0.12, 0.1], (count, 1)),
            "back": np.tile([-1.0, 0.0, 0.45], (count, 1)),
            "up": np.tile([0.25, 0.0, 1.0], (count, 1)),
        }[way]
        flank = np.tile([-0.35, 0.0, -1.0], (count, 1))
        return crown * top + flank * (1 - top)
    front = np.clip(1.2 - 2.2 * rear, 0, 1)[:, None]
    swept = np.hstack([-0.9 * front, 0.9 * away * top, -0.55 - 0.6 * (1 - top)])
    return swept


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
    axes, centre = _head_frame(vertices, tpose, model, head)
    triangle = vertices[model.faces[groom.faces]].astype(float)
    root = np.einsum("nk,nkd->nd", groom.bary, triangle)
    normal = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    comb = groom.comb @ axes
    comb -= (comb * normal).sum(axis=1, keepdims=True) * normal
    stray = groom.stray @ axes
    step = (groom.length_m / (groom.points - 1))[:, None]
    tree = cKDTree(obstacles[0])
    strands = np.empty((len(root), groom.points, 3))
    strands[:, 0] = root - 0.001 * normal
    direction = _unit(normal * (0.7 if groom.style == "short" else 1.0) + 0.6 * comb)
    for point in range(1, groom.points):
        along = point / (groom.points - 1)
        target = _target(groom, along, comb, normal, stray)
        direction = _unit(0.4 * direction + 0.6 * _unit(target))
        tip = strands[:, point - 1] + step * direction
        if groom.style != "short":
            tip = _clear_of_face(tip, groom, axes, centre, head)
        strands[:, point] = _outside(tip, groom.lift_m, tree, obstacles)
    return _clumped(groom, strands).astype(np.float32)


def _target(groom: Groom, along: float, comb, normal, stray) -> np.ndarray:
    if groom.style == "short":
        top = np.clip((groom.height - 0.4) / 0.3, 0, 1)[:, None]
        return (
            comb + normal * (0.25 + 0.55 * top * (1 - along)) + 1.6 * stray + [0, 0, -0.15 * along]
        )
    hang = np.array([0.0, 0.0, -1.0]) * (0.15 + 5.0 * along)
    return comb * max(1 - 1.6 * along, 0.0) + normal * 0.55 * (1 - along) ** 2 + hang + stray


def _clear_of_face(tip, groom: Groom, axes, centre, head: Head) -> np.ndarray:
    """Hair longer than a fringe parts before the face and falls beside and behind the cheeks."""
    forward, left, _ = axes
    local = (tip - centre) @ axes.T / head.unit_m
    before = (local[:, 0] > _CHEEK[0]) & (local[:, 2] < 0.6) & (np.abs(local[:, 1]) < 2.0)
    before &= groom.length_m > 0.09
    outward = np.maximum(_CHEEK[1] - np.abs(local[:, 1]), 0) * np.where(local[:, 1] >= 0, 1, -1)
    backward = _CHEEK[0] - local[:, 0]
    shift = outward[:, None] * left + backward[:, None] * forward
    return tip + np.where(before, 0.75 * head.unit_m, 0)[:, None] * shift


def _outside(tip, lift_m, tree, obstacles) -> np.ndarray:
    points, normals = obstacles
    distance, nearest = tree.query(tip)
    height = ((tip - points[nearest]) * normals[nearest]).sum(axis=1)
    push = np.where(distance < 0.06, np.maximum(lift_m - height, 0), 0)
    return tip + push[:, None] * normals[nearest]


def _clumped(groom: Groom, strands: np.ndarray) -> np.ndarray:
    """Pull strands towards their clump's leader near the tips, and curl them."""
    along = np.linspace(0, 1, groom.points)[None, :, None]
    leader = strands[groom.clump]
    shape = leader - leader[:, :1] + strands[:, :1]
    pull = (0.30 if groom.style == "short" else 0.45) * along
    strands = strands * (1 - pull) + (0.55 * shape + 0.45 * leader) * pull
    if groom.curl_m == 0:
        return strands
    arc = along[..., 0] * groom.length_m[:, None]
    angle = 2 * np.pi * arc / groom.curl_period_m + groom.phase[groom.clump][:, None]
    swing = groom.curl_m * np.minimum(arc / 0.03, 1.0)
    helix = np.stack([np.cos(angle), np.sin(angle), 0.3 * np.sin(angle + 1.3)], axis=-1)
    return strands + swing[..., None] * helix


def _head_frame(vertices, tpose, model, head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Axes (forward, left, up) as rows, world, and the posed point between the eyes' centres."""
    skull = model.weights[:, JOINT_INDEX["head"]] > 0.9
    source, target = tpose[skull].astype(float), vertices[skull].astype(float)
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    flip = np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    axes = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], float) @ rotation.T
    between = head.eye_centre.mean(axis=0) + [0, head.unit_m, 0]
    return axes, rotation @ (between - a) + b


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
