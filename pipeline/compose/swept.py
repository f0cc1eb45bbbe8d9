"""BEDLAM's placement rule: the floor that each clip sweeps, without overlaps, on a square stage.

A body's footprint is the union of discs of `footprint_radius_m` along its root's path over the
clip, on a raster of 10 cells per metre. Bodies are placed largest path first; each draws x, y and
yaw until its footprint lies on the stage and on nobody else's. Rule and figures are those of the
BEDLAM generator (Black et al., CVPR 2023); ours also demands that the real meshes do not touch.
"""

import numpy as np

from pipeline.compose.layout import Candidate, Place, View, meshes_clear
from pipeline.config import SceneSection
from pipeline.conventions import rotation_z

CELLS_PER_M = 10
WIDEN_M = 0.10


def place_all(
    rng: np.random.Generator,
    section: SceneSection,
    candidates: list[Candidate],
    view: View,
    widening: int,
) -> list[Place] | None:
    """Places in the order of `candidates`, or None when somebody found none in time.

    `area_x_m` runs away from the camera and `area_y_m` to its left, from the stage's middle; each
    widening adds 10 cm on every side.
    """
    sizes = [np.prod(np.ptp(c.joints[:, 0, :2], axis=0)) for c in candidates]
    order = sorted(range(len(candidates)), key=lambda i: (-sizes[i], i))
    cells = round(section.safety_m * CELLS_PER_M) + 1
    taken = np.zeros((cells, cells), bool)
    places: dict[int, Place] = {}
    for i in order:
        floor = footprint(candidates[i].joints[:, 0, :2], section.footprint_radius_m)
        others = [(candidates[j], places[j]) for j in places]
        for _ in range(section.max_placement_tries):
            place = _sample_place(rng, section, view, widening * WIDEN_M)
            mine = _cells(floor, place, cells)
            if mine is None or taken[mine].any():
                continue
            if meshes_clear(section, candidates[i], place, others):
                taken[mine] = True
                places[i] = place
                break
        else:
            return None
    return [places[i] for i in range(len(candidates))]


def footprint(path_m: np.ndarray, radius_m: float) -> np.ndarray:
    """Floor points (N, 2) m, 10 per metre, within `radius_m` of a path (S, 2) m."""
    low = np.floor((path_m.min(axis=0) - radius_m) * CELLS_PER_M).astype(int)
    high = np.ceil((path_m.max(axis=0) + radius_m) * CELLS_PER_M).astype(int)
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    grid = np.stack([x.ravel(), y.ravel()], axis=1) / CELLS_PER_M
    near = ((grid[:, None] - path_m[None]) ** 2).sum(axis=2).min(axis=1) <= radius_m**2
    return grid[near]


def _cells(floor_m: np.ndarray, place: Place, cells: int) -> tuple | None:
    """Raster cells under a placed footprint, or None when it leaves the stage."""
    world = floor_m @ rotation_z(place.yaw_deg)[:2, :2].T + np.array(place.position_m)
    index = np.round(world * CELLS_PER_M).astype(int) + cells // 2
    if index.min() < 0 or index.max() >= cells:
        return None
    return index[:, 0], index[:, 1]


def _sample_place(rng, section: SceneSection, view: View, more_m: float) -> Place:
    ahead = rng.uniform(section.area_x_m[0] - more_m, section.area_x_m[1] + more_m)
    left = rng.uniform(section.area_y_m[0] - more_m, section.area_y_m[1] + more_m)
    return Place(view.to_world(ahead, left), round(float(rng.uniform(*section.yaw_deg) % 360), 3))
