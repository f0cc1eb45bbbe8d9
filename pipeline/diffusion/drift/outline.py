"""Is the outline still where the mask says, and still as clear?

`edge_ratio` compares edges on the silhouette with those beside it. `outline_shift` looks along the
silhouette's normals for the place in the final image whose edge profile is most like the render's.
"""

import cv2
import numpy as np

from pipeline.diffusion.drift.regions import MIN_PIXELS, box_around

SEARCH_PX = 8
_HALF_PROFILE_PX = 5
_PER_PX = 2
"""Samples per pixel along a normal."""
_CONTRAST = 4.0
"""Least slope, grey levels per px, of a render's edge that is looked for again."""
_ALIKE = 0.6
"""Least correlation of an edge found again."""
_MIN_POINTS = 20


def boundary_ratio(render: np.ndarray, final: np.ndarray, mask: np.ndarray) -> float | None:
    """Edge ratio of `final` relative to that of `render`: 1 as sharp and as well placed."""
    before, after = edge_ratio(render, mask), edge_ratio(final, mask)
    if before is None or after is None:
        return None
    return after / max(before, 1e-6)


def edge_ratio(image: np.ndarray, mask: np.ndarray) -> float | None:
    """Mean gradient on the silhouette over that 4-7 px beside it; None if too short.

    image: (H, W, 3) u8 RGB. mask: (H, W) bool.
    """
    if not mask.any():
        return None
    box = box_around(mask, 12)
    grey = cv2.GaussianBlur(_grey(image[box]), (0, 0), 0.8)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    inside = mask[box].astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    distance += cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    on, beside = distance <= 1.5, (distance > 4) & (distance <= 7)
    if on.sum() < MIN_PIXELS or beside.sum() < MIN_PIXELS:
        return None
    return float(gradient[on].mean() / max(gradient[beside].mean(), 1e-3))


def outline_shift(render: np.ndarray, final: np.ndarray, mask: np.ndarray) -> float | None:
    """Median over the silhouette of how far its edge moved along the normal, px.

    render, final: (H, W, 3) u8 RGB. mask: (H, W) bool. None where too few points have contrast in
    the render or are found again within `SEARCH_PX`. A body that moves by d as a whole moves by
    less along most of its normals: on a disc the median is 0.71 d.
    """
    points, normals = silhouette(mask)
    if len(points) < _MIN_POINTS:
        return None
    before, after = (_slopes(image, points, normals) for image in (render, final))
    middle = before.shape[1] // 2
    contrast = before[:, middle - 2 * _PER_PX : middle + 2 * _PER_PX + 1].max(axis=1)
    clear = contrast >= _CONTRAST
    shift, likeness = _best_shift(before[clear], after[clear])
    # What the matcher finds in the render itself is its own bias.
    shift -= _best_shift(before[clear], before[clear])[0]
    shift = np.abs(shift[likeness >= _ALIKE])
    return float(np.median(shift)) if len(shift) >= _MIN_POINTS else None


def silhouette(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every second point of the outline (N, 2) f32 xy px, and unit normals outwards (N, 2).

    Where the image border cuts the person off there is no outline.
    """
    lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([line[::2, 0] for line in lines]) if lines else np.zeros((0, 2), int)
    x, y = points.T
    height, width = mask.shape
    seen = (x > 1) & (y > 1) & (x < width - 2) & (y < height - 2)
    x, y = x[seen], y[seen]
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)
    outwards = -np.stack([cv2.Sobel(soft, -1, 1, 0)[y, x], cv2.Sobel(soft, -1, 0, 1)[y, x]], axis=1)
    length = np.linalg.norm(outwards, axis=1)
    sure = length > 1e-3
    points = np.stack([x, y], axis=1).astype(np.float32)
    return points[sure], outwards[sure] / length[sure, None]


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _slopes(image: np.ndarray, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(N, S) steepness along the normals, grey levels per px; S samples, the middle on the point.

    Unsigned: a background repainted from dark to bright turns an edge over, but leaves it there.
    """
    grey = cv2.GaussianBlur(_grey(image), (0, 0), 1.0)
    reach = SEARCH_PX + _HALF_PROFILE_PX
    along = np.arange(-reach * _PER_PX, reach * _PER_PX + 1, dtype=np.float32) / _PER_PX
    x, y = (points[:, None] + along[:, None] * normals[:, None]).transpose(2, 0, 1)
    ahead, behind = (
        cv2.remap(
            grey,
            x + side * normals[:, :1],
            y + side * normals[:, 1:],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for side in (0.5, -0.5)
    )
    return np.abs(ahead - behind)


def _best_shift(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift (N,) px at which the profile `after` is most like the middle of `before`, and how much.

    before, after: (N, S) slopes. Likeness is the normalised cross-correlation, -1..1.
    """
    search, half = SEARCH_PX * _PER_PX, _HALF_PROFILE_PX * _PER_PX
    template = before[:, search : search + 2 * half + 1]
    windows = np.lib.stride_tricks.sliding_window_view(after, 2 * half + 1, axis=1)
    template = template - template.mean(axis=1, keepdims=True)
    windows = windows - windows.mean(axis=2, keepdims=True)
    product = np.einsum("nk,nsk->ns", template, windows)
    power = np.einsum("nsk,nsk->ns", windows, windows) * (template**2).sum(axis=1)[:, None]
    likeness = product / np.sqrt(power + 1e-3)
    rows, best = np.arange(len(before)), likeness.argmax(axis=1)
    inner = best.clip(1, 2 * search - 1)
    left, peak, right = (likeness[rows, inner + k] for k in (-1, 0, 1))
    bend = left - 2 * peak + right
    finer = np.where((bend < -1e-6) & (inner == best), (left - right) / (2 * bend - 1e-9), 0)
    return (best - search + finer.clip(-0.5, 0.5)) / _PER_PX, likeness[rows, best]
