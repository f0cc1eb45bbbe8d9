"""Laces across the instep, and the straps of a sandal (shoe frame: u ahead, v left, w up)."""

import numpy as np

from pipeline.garments.shoe_last import AROUND, Foot
from pipeline.garments.surface import unit

_STRAPS = ((0.68, 0.017), (0.50, 0.013))
"""Middle and half width of the bands over the foot, in foot lengths and m."""

_ACROSS, _ALONG = 25, 5


def straps(foot: Foot, around: np.ndarray, gap_m: float) -> tuple:
    """Bands over the foot: points (N, 3), faces (M, 3) and the indices that are free to be fitted.

    Each runs from one edge of the sole to the other; a last one goes round the heel.
    """
    points, faces, free = [], [], []
    for middle, half_m in _STRAPS:
        rows = middle * foot.length_m + np.linspace(-half_m, half_m, _ALONG)
        points.append(np.stack([_arch(foot, around, u, gap_m) for u in rows]))
    points.append(_heel_band(foot, around, gap_m))
    flat, first = [], 0
    for band in points:
        along, across = band.shape[:2]
        i, j = np.meshgrid(np.arange(along - 1), np.arange(across - 1), indexing="ij")
        a = (first + i * across + j).ravel()
        faces += [np.stack([a, a + 1, a + across], 1)]
        faces += [np.stack([a + 1, a + across + 1, a + across], 1)]
        inner = first + (np.arange(along)[:, None] * across + np.arange(1, across - 1)).ravel()
        free.append(inner)
        flat.append(band.reshape(-1, 3))
        first += along * across
    return np.concatenate(flat), np.concatenate(faces), np.concatenate(free)


def _arch(foot: Foot, around: np.ndarray, u: float, gap_m: float) -> np.ndarray:
    """A line (n, 3) over the foot at u, from the sole's one edge to the other."""
    sides = []
    for sign in (1, -1):
        mine = around[sign * around[:, 1] >= 0]
        order = np.argsort(mine[:, 0])
        sides.append(np.interp(u, mine[order, 0], mine[order, 1]))
    band = foot.points[np.abs(foot.points[:, 0] - u) < 0.02]
    band = band[band[:, 2] < 0.32 * foot.length_m]
    top = float(band[:, 2].max()) + gap_m
    t = np.linspace(0, np.pi, _ACROSS)
    middle, half = (sides[0] + sides[1]) / 2, (sides[0] - sides[1]) / 2
    arch = np.abs(np.sin(t)) ** 0.7 * top
    return np.column_stack([np.full(_ACROSS, u), middle + half * 0.97 * np.cos(t), arch])


def _heel_band(foot: Foot, around: np.ndarray, gap_m: float) -> np.ndarray:
    """A band (n, k, 3) round the heel below the ankle bones, down to the sole's sides."""
    length = foot.length_m
    turn = np.linspace(-np.pi, np.pi, _ACROSS)
    rows = []
    for row, height in enumerate(length * np.linspace(0.17, 0.21, _ALONG)):
        band = foot.points[np.abs(foot.points[:, 2] - height) < 0.012]
        band = band[band[:, 0] < 0.45 * length]
        low, high = band[:, :2].min(axis=0), band[:, :2].max(axis=0)
        radius = (high[1] - low[1]) / 2 + gap_m
        middle = np.array([low[0] + radius - gap_m, (low[1] + high[1]) / 2])
        back = np.clip(turn, -np.pi / 2, np.pi / 2)
        line = np.column_stack(
            [
                middle[0] - radius * np.cos(back),
                middle[1] + radius * np.sin(back),
                np.full(_ACROSS, height),
            ]
        )
        # The ends run straight down to the sole, beside the band over the instep.
        forward = ((np.abs(turn) - np.pi / 2) / (np.pi / 2)).clip(0)[:, None]
        ends = np.array(
            [_arch(foot, around, 0.47 * length + 0.004 * row, gap_m)[k] for k in (-1, 0)]
        )
        end = np.where(turn[:, None] < 0, ends[0], ends[1])
        rows.append((1 - forward) * line + forward * end)
    return np.stack(rows)


def laces(upper: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat bands across the instep, a little above the upper."""
    if not count:
        return np.zeros((0, 3)), np.zeros((0, 3), int)
    half, toe = 4, AROUND // 2
    columns = np.arange(toe - half, toe + half + 1)
    rows = np.linspace(0.42, 0.86, count) * (len(upper) - 1)
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
