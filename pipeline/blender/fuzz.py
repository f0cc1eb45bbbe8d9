"""Short hair that is bound to the skin: brows, lashes and short beards, as strands.

Strands are drawn once on the T-pose; each keeps its place in the frame of the triangle it grows
from, so it follows every movement of the face.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blender import features
from pipeline.blender.features import Head
from pipeline.body.modelfile import ModelFile
from pipeline.garments.surface import ClosestPoint, unit

_POINTS = 4
_BROW_HAIRS, _LASHES, _BEARD_HAIRS = 260, 75, 5000


@dataclass(frozen=True)
class Fuzz:
    """N strands on triangles: faces (N,), bary (N, 3), local (N, S, 3) m in the face's frame."""

    faces: np.ndarray
    bary: np.ndarray
    local: np.ndarray

    def place(self, vertices: np.ndarray, body_faces: np.ndarray) -> np.ndarray:
        """Strands (N, S, 3) on posed vertices (V, 3)."""
        frame, root = _triangle_frames(vertices, body_faces[self.faces], self.bary)
        return np.einsum("nsk,nkd->nsd", self.local, frame) + root[:, None]


def plan_fuzz(
    tpose: np.ndarray,
    model: ModelFile,
    head: Head,
    brow_fullness: float,
    beard_m: float,
    rng: np.random.Generator,
) -> Fuzz:
    """Brows and lashes of a T-pose (V, 3), and a beard of length `beard_m` when that is not 0."""
    skin = model.faces[(model.face_part == 0)]
    skin_index = np.where(model.face_part == 0)[0]
    surface = ClosestPoint(tpose, skin)
    unit_m = head.unit_m
    groups = [_brows(head, surface, brow_fullness, rng), _lashes(head, surface, rng)]
    if beard_m > 0:
        groups.append(_beard(tpose, skin, head, beard_m, rng))
    faces = np.concatenate([g[0] for g in groups])
    bary = np.concatenate([g[1] for g in groups])
    shape = np.concatenate([g[2] for g in groups]) * (unit_m / 0.062)
    frame, _ = _triangle_frames(tpose, skin[faces], bary)
    local = np.einsum("nsd,nkd->nsk", shape, frame)
    return Fuzz(skin_index[faces], bary, local)


def _brows(head: Head, surface: ClosestPoint, fullness: float, rng: np.random.Generator):
    """Hairs that start upright at the nose, then lie along the brow and taper to its tail."""
    unit_m = head.unit_m
    count = int(_BROW_HAIRS * fullness)
    roots, directions, thin = [], [], []
    for first, side in ((0, -1.0), (5, 1.0)):
        line = head.landmarks[first : first + 5]
        line = line if side > 0 else line[::-1]  # from the nose outwards
        along = rng.beta(1.0, 1.15, count)
        where = np.stack([np.interp(along * 4, np.arange(5), axis) for axis in line.T], axis=1)
        breadth = np.interp(along, [0, 0.15, 0.6, 1], [0.055, 0.075, 0.06, 0.02]) * unit_m
        where[:, 2] += rng.uniform(-1, 1, count) * breadth + 0.012 * unit_m
        rise = np.interp(along, [0, 0.25, 0.6, 1], [1.3, 0.7, 0.25, -0.15])
        roots.append(where)
        directions.append(np.stack([np.full(count, side), np.zeros(count), rise], axis=1))
        thin.append(along)
    roots, directions = np.concatenate(roots), np.concatenate(directions)
    length = rng.uniform(0.0045, 0.0085, len(roots)) * (1 - 0.3 * np.concatenate(thin))
    _, faces, bary = surface.query(roots)
    normal = _normals(surface, faces)
    flat = unit(directions + rng.normal(0, 0.16, directions.shape))
    flat = unit(flat - (flat * normal).sum(axis=1, keepdims=True) * normal)
    along = np.linspace(0, 1, _POINTS)[None, :, None]
    lift = normal[:, None] * 0.0011 * np.sin(np.pi * np.minimum(along + 0.15, 0.85))
    return faces, bary, flat[:, None] * along * length[:, None, None] + lift


def _lashes(head: Head, surface: ClosestPoint, rng: np.random.Generator):
    """Upper lashes, forward and curved up; longer at the outer corner."""
    roots, directions = [], []
    for first, outer in ((19, -1.0), (25, 1.0)):
        line = head.landmarks[first : first + 4]
        along = rng.uniform(0.05, 0.95, _LASHES)
        where = np.stack([np.interp(along * 3, np.arange(4), axis) for axis in line.T], axis=1)
        outwards = (along if outer > 0 else 1 - along) * 2 - 1
        roots.append(where)
        spread = 0.45 * np.maximum(outwards, -0.4) * outer
        directions.append(np.stack([spread, np.full(_LASHES, -1.0), np.zeros(_LASHES)], axis=1))
    roots, directions = np.concatenate(roots), np.concatenate(directions)
    _, faces, bary = surface.query(roots)
    length = rng.uniform(0.0050, 0.0075, len(roots))[:, None, None]
    along = np.linspace(0, 1, _POINTS)[None, :, None]
    path = unit(directions)[:, None] * along + np.array([0, 0, 1.0]) * (
        0.75 * along**2 - 0.15 * along
    )
    return faces, bary, path * length


def _beard(tpose, skin, head: Head, beard_m: float, rng: np.random.Generator):
    """Hairs that lie down and forward over the jaw."""
    density = features.beard(tpose, head)
    grown = np.where((density[skin] > 0.05).any(axis=1))[0]
    a, b, c = (tpose[skin[grown, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    pick = rng.choice(len(grown), 2 * _BEARD_HAIRS, p=area / area.sum())
    bary = np.sort(rng.random((len(pick), 2)), axis=1)
    bary = np.stack([bary[:, 0], bary[:, 1] - bary[:, 0], 1 - bary[:, 1]], axis=1)
    here = (density[skin[grown[pick]]] * bary).sum(axis=1)
    kept = np.where(rng.random(len(pick)) < here)[0][:_BEARD_HAIRS]
    pick, bary, here = pick[kept], bary[kept], here[kept]
    normal = cross[pick] / area[pick, None]
    down = np.array([0, -0.15, -1.0]) + rng.normal(0, 0.25, (len(pick), 3))
    flat = unit(down - (down * normal).sum(axis=1, keepdims=True) * normal)
    length = (beard_m * rng.uniform(0.6, 1.1, len(pick)) * here)[:, None, None]
    along = np.linspace(0, 1, _POINTS)[None, :, None]
    path = flat[:, None] * along + normal[:, None] * (0.55 * along * (1.4 - along))
    return grown[pick], bary, path * length


def _normals(surface: ClosestPoint, faces: np.ndarray) -> np.ndarray:
    a, b, c = (surface.vertices[surface.faces[faces, k]] for k in range(3))
    return unit(np.cross(b - a, c - a))


def _triangle_frames(vertices, triangles, bary) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal axes as rows (N, 3, 3) and roots (N, 3) of triangles (N, 3)."""
    corners = vertices[triangles].astype(float)
    edge = unit(corners[:, 1] - corners[:, 0])
    normal = unit(np.cross(edge, corners[:, 2] - corners[:, 0]))
    frame = np.stack([edge, np.cross(normal, edge), normal], axis=1)
    return frame, np.einsum("nk,nkd->nd", bary, corners)
