"""Dense crowds in front of a camera that stands already, hiding each other as much as wanted.

Every person draws how much of them the others should hide. Each is then put at that one of a
number of free places which brings everybody placed so far nearest to their wish. How much is hidden
is measured on the real meshes, drawn coarsely from points on their skin.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.compose.circle import has_gap
from pipeline.compose.layout import Candidate, Place, View, meshes_clear, sample_yaw
from pipeline.config import SceneSection
from pipeline.conventions import project, transform

CHOICES = 14
"""Free places compared per person: more bring the shares closer to the wish, and cost time."""

_WIDEN_FACTOR = 1.15
_RASTER_ROWS = 72
_POINTS = 2500
_BEHIND_M = 0.05
_NEAREST_M = 0.5
_LEAST_INSIDE = 0.5
_MOST_FILL = 6


@dataclass(frozen=True)
class Seen:
    """A placed person as the camera sees them: raster cells (N,) and their depth (N,) m."""

    cells: np.ndarray
    depth_m: np.ndarray


def place_all(
    rng: np.random.Generator,
    section: SceneSection,
    candidates: list[Candidate],
    view: View,
    widening: int,
) -> list[Place] | None:
    """Places in the order of `candidates`, or None when somebody found none in time."""
    wishes = rng.uniform(*section.occlusion, len(candidates))
    grow = _WIDEN_FACTOR**widening
    placed: list[tuple[Candidate, Place]] = []
    seen: list[Seen] = []
    for k, candidate in enumerate(candidates):
        skin = surface_points(candidate.vertices[0], candidate.faces)
        best = None
        found = 0
        for _ in range(section.max_placement_tries):
            place = _sample_place(rng, section, view, grow)
            body = see(view, skin, place)
            if body is None or not has_gap(section.gap_m, candidate, place, placed):
                continue
            hidden = hidden_shares([*seen, body])
            if hidden.max() > section.occlusion[1]:
                continue
            cost = float(np.abs(hidden - wishes[: k + 1]).sum())
            if best is not None and cost >= best[0]:
                found += 1
            elif meshes_clear(section, candidate, place, placed):
                best = (cost, place, body)
                found += 1
            if found >= CHOICES:
                break
        if best is None:
            return None
        placed.append((candidate, best[1]))
        seen.append(best[2])
    return [place for _, place in placed]


def hidden_shares(seen: list[Seen]) -> np.ndarray:
    """Share (P,) of each person's cells where somebody else is nearer to the camera."""
    size = 1 + max(int(s.cells.max()) for s in seen)
    depth = np.full((len(seen), size), np.inf)
    for k, body in enumerate(seen):
        depth[k, body.cells] = body.depth_m
    shares = np.empty(len(seen))
    for k, body in enumerate(seen):
        others = np.delete(depth[:, body.cells], k, axis=0)
        nearest = others.min(axis=0) if len(others) else np.full(len(body.cells), np.inf)
        shares[k] = (nearest < body.depth_m - _BEHIND_M).mean()
    return shares


@dataclass(frozen=True)
class Skin:
    """Points (N, 3) m spread evenly over a body's surface, and the distance between them."""

    points: np.ndarray
    spacing_m: float


def surface_points(vertices: np.ndarray, faces: np.ndarray) -> Skin:
    """Centres of faces (N, 3) taken at equal steps of area; vertices (V, 3) m."""
    a, b, c = vertices[faces.T].astype(np.float64)
    area = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)
    steps = (np.arange(_POINTS) + 0.5) / _POINTS * area[-1]
    chosen = np.searchsorted(area, steps)
    return Skin(((a + b + c) / 3)[chosen], float(np.sqrt(area[-1] / _POINTS)))


def see(view: View, skin: Skin, place: Place) -> Seen | None:
    """A placed person's silhouette, or None when half of them would be outside the image."""
    camera = view.camera
    in_camera = transform(camera.T_cam_world(), place.apply(skin.points))
    if in_camera[:, 2].min() < _NEAREST_M:
        return None
    uv = project(camera.K(), in_camera)
    inside = ((uv >= 0) & (uv < [camera.width, camera.height])).all(axis=1)
    if inside.mean() < _LEAST_INSIDE:
        return None
    scale = _RASTER_ROWS / camera.height
    columns = int(np.ceil(camera.width * scale))
    column, row = (uv[inside] * scale).astype(int).T
    depth_m = in_camera[inside, 2]
    # Near the camera points lie several cells apart: each fills a square of its share.
    gap = camera.K()[0, 0] * scale * skin.spacing_m / float(np.median(depth_m))
    fill = np.arange(np.clip(round(1.2 * gap), 1, _MOST_FILL))
    right, down = (offset.ravel() for offset in np.meshgrid(fill, fill))
    stride = columns + _MOST_FILL
    cells = ((row[:, None] + down) * stride + column[:, None] + right).ravel()
    depths = np.repeat(depth_m, len(right))
    order = np.lexsort((depths, cells))
    found, first = np.unique(cells[order], return_index=True)
    return Seen(found, depths[order][first])


def _sample_place(rng, section: SceneSection, view: View, grow: float) -> Place:
    ahead = grow * rng.uniform(*section.area_x_m)
    left = grow * rng.uniform(*section.area_y_m)
    yaw_deg = sample_yaw(rng, section, view.azimuth_deg)
    return Place(view.to_world(ahead, left), yaw_deg)
