"""Where each person's pixels went: dense motion from the render to the final image.

One person at a time, and only from that person's own pixels, so that a background which stays (or
a neighbour who moves) does not bleed in. What is compared are gradients, evened out: a new look
alone is no motion. A search over whole displacements with windows of three sizes finds large
motions even of thin limbs and plain cloth; Lucas and Kanade's method (IJCAI 1981) refines them to a
fraction of a pixel. Where the pictures do not agree even so, a pixel cannot be followed.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.diffusion.drift.regions import box_around

REACH_PX = 16
"""Longest motion that is searched for."""
_AGREES = 0.7
"""Least agreement of a pixel that is followed. Unrelated pictures reach it on less than half."""
_AGREEMENT_SIGMA_PX = 6.0
_NOISE, _MOST_NOISE = 0.2, 0.6
"""Energy of structure, 0..1, that a new look may add or take: below it, nothing disagrees. A strong
look adds more, but all over the person: three times its median there is noise too, up to the
second figure."""
_FAINT, _STRONG = 4.0, 10.0
"""Gradients, grey levels per px, of faint cloth texture and of a clear edge."""
_WINDOWS = (7, 17, 41)
"""Sides of the search windows on the half-size picture."""
_TOGETHER = 0.003
"""Cost of leaving the person's overall motion, per squared half-size px: decides between the
stripes of a pullover."""
_APART = 0.02
"""A pixel leaves the overall motion only if it agrees so much better elsewhere."""
_REFINE_SIGMAS_PX = (8.0, 8.0, 7.0, 7.0, 6.0, 6.0)
_FINEST = 1e-3
"""Stiffness against noise where a person has no structure at all."""


@dataclass(frozen=True)
class Structure:
    """What is compared of an image: gradients without their contrast.

    even: (H, W, 2) f32, divided by the contrast of the neighbourhood, for matching. clear:
    (H, W, 2) f32, of length near 1 on clear edges and near 0 on plain surfaces, for agreement.
    """

    even: np.ndarray
    clear: np.ndarray


@dataclass(frozen=True)
class Motion:
    """flow: (H, W, 2) f32 px, render to final, 0 outside the person's mask.

    followed: (H, W) bool, the pixels of the mask whose flow can be believed. torn: (H, W) bool,
    those of the mask that cannot be found even if the whole person has got as new a look as this.
    """

    flow: np.ndarray
    followed: np.ndarray
    torn: np.ndarray


def structure(image: np.ndarray) -> Structure:
    """Structure of an (H, W, 3) u8 RGB image."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = _gradient(cv2.GaussianBlur(grey, (0, 0), 1.0))
    energy = _dot(gradient, gradient)
    nearby = cv2.GaussianBlur(energy, (0, 0), 8)
    return Structure(
        gradient / np.sqrt(nearby + _FAINT**2)[..., None],
        gradient / np.sqrt(energy + _STRONG**2)[..., None],
    )


def person_motion(render: Structure, final: Structure, mask: np.ndarray) -> Motion:
    """Motion of the person in `mask` (H, W) bool, which may not be empty."""
    box = box_around(mask, REACH_PX + 4)
    # One pixel more than the person: a plain silhouette is seen by its outline alone.
    weight = cv2.dilate(mask[box].astype(np.float32), np.ones((3, 3)))
    before, after = render.even[box], final.even[box]
    flows = [_refined(before, after, weight, start) for start in _starts(before, after, weight)]
    clear = render.clear[box], final.clear[box]
    seen = [_compared(*clear, weight, flow) for flow in flows]
    together, apart = (_agreement(*energies, _NOISE) for energies in seen)
    free = apart > together + _APART
    inside = mask[box]
    shared, difference = (np.where(free, *pair[::-1]) for pair in zip(*seen, strict=True))
    noise = np.clip(3 * np.median(difference[inside]), _NOISE, _MOST_NOISE)
    flow = np.zeros((*mask.shape, 2), np.float32)
    flow[box] = np.where(free[..., None], flows[1], flows[0]) * inside[..., None]
    followed, torn = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool)
    followed[box] = inside & (_agreement(shared, difference, _NOISE) > _AGREES)
    torn[box] = inside & (_agreement(shared, difference, noise) <= _AGREES)
    return Motion(flow, followed, torn)


def _gradient(picture: np.ndarray) -> np.ndarray:
    """(H, W, 2) f32 per px: d/dx and d/dy by Scharr's filter."""
    return np.dstack([cv2.Scharr(picture, -1, 1, 0), cv2.Scharr(picture, -1, 0, 1)]) / 32


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W) of two (H, W, 2); numpy's own sum over so short an axis takes five times as long."""
    return first[..., 0] * second[..., 0] + first[..., 1] * second[..., 1]


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`picture` at (width, height): averaged when smaller, interpolated when larger."""
    smaller = size[0] < picture.shape[1]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _warped(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`picture` (H, W, C) f32 as seen at each pixel + flow (H, W, 2) px; 0 beyond the border."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)


def _starts(before: np.ndarray, after: np.ndarray, weight: np.ndarray) -> tuple:
    """Two coarse flows, px on the half-size grid: the person as one, every pixel for itself."""
    half = tuple((side + 1) // 2 for side in weight.shape[::-1])
    before, after, weight = (_resized(v, half) for v in (before, after, weight))
    reach = REACH_PX // 2
    after = cv2.copyMakeBorder(after, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    power = _dot(after, after)
    own = [_summed(weight * _dot(before, before), window) for window in _WINDOWS]
    noise = [0.02 * _summed(weight, window) + 1e-6 for window in _WINDOWS]
    before = before * weight[..., None]
    span = range(-reach, reach + 1)
    steps = np.array([(x, y) for y in span for x in span if x * x + y * y <= reach * reach])
    scores = np.zeros((len(steps), *weight.shape), np.float32)
    for score, (x, y) in zip(scores, steps, strict=True):
        there = np.s_[reach + y : reach + y + half[1], reach + x : reach + x + half[0]]
        product = _dot(before, after[there])
        other = weight * power[there]
        for window, mine, least in zip(_WINDOWS, own, noise, strict=True):
            alike = 2 * _summed(product, window) + least
            score += alike / (mine + _summed(other, window) + least)
    overall = steps[np.argmax((scores * weight).sum(axis=(1, 2)))]
    scores -= np.float32(_TOGETHER) * ((steps - overall) ** 2).sum(axis=1)[:, None, None]
    each = cv2.medianBlur(np.float32(2 * steps)[scores.argmax(axis=0)], 5)
    return np.zeros_like(each) + np.float32(2 * overall), each


def _summed(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.blur(picture, (side, side))


def _refined(before, after, weight, flow) -> np.ndarray:
    """Sub-pixel flow (H, W, 2) from a coarse one, px on the half-size grid.

    Steps of least squares and smoothing, whose wide windows do not need the full grid.
    """
    size, half = weight.shape[::-1], flow.shape[1::-1]
    own = _resized(weight, half)
    for sigma in _REFINE_SIGMAS_PX:
        moved = _warped(after, _resized(flow, size))
        rest = before - moved
        both = (before + moved) / 2
        x = cv2.Sobel(both, -1, 1, 0, scale=1 / 8)
        y = cv2.Sobel(both, -1, 0, 1, scale=1 / 8)
        pairs = ((x, x), (x, y), (y, y), (x, rest), (y, rest))
        terms = [_resized(weight * _dot(first, second), half) for first, second in pairs]
        xx, xy, yy, xr, yr = (cv2.GaussianBlur(term, (0, 0), sigma / 2) for term in terms)
        stiff = _FINEST + 0.02 * (xx + yy)
        xx, yy = xx + stiff, yy + stiff
        step = np.dstack([yy * xr - xy * yr, xx * yr - xy * xr]) / (xx * yy - xy**2)[..., None]
        # Plain cloth takes over the motion of the structure around it.
        sure = ((xx + yy) * own + 1e-6)[..., None]
        total = cv2.GaussianBlur(sure, (0, 0), sigma / 4)
        flow = (flow + step.clip(-1, 1)) * sure
        flow = cv2.GaussianBlur(flow, (0, 0), sigma / 4) / total[..., None]
    return _resized(flow, size)


def _compared(before, after, weight, flow) -> tuple[np.ndarray, np.ndarray]:
    """Energy (H, W) that the pictures share around each pixel along the flow, and do not share."""
    moved = _warped(after, flow)
    difference = before - moved
    shared = 2 * weight * _dot(before, moved)
    terms = np.dstack([weight, shared, weight * _dot(difference, difference)])
    size, shared, rest = cv2.split(cv2.GaussianBlur(terms, (0, 0), _AGREEMENT_SIGMA_PX))
    return shared / (size + 1e-6), rest / (size + 1e-6)


def _agreement(shared: np.ndarray, difference: np.ndarray, noise: float) -> np.ndarray:
    """How alike pictures are of which that is shared and that is not: 1 same, 0 unrelated.

    It is SSIM's structure term, 2 a b / (a^2 + b^2), with `noise` to steady it.
    """
    return (shared + noise) / (shared + difference + noise)
