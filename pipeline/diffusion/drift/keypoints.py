"""Does an independent keypoint detector see each person where it saw them in the render?

Its error on synthetic people is the same twice and cancels; only the difference counts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.errors import GenbError

Detector = Callable[[np.ndarray], list[np.ndarray]]
"""(H, W, 3) u8 RGB -> one (K, 3) float array per person found: x px, y px, score 0..1. K and the
order of the points never change."""

_CONFIDENT = 0.3
_COVERED = 0.5
"""Share of a detection's confident points that must lie on the person."""
_ROUND_THE_MASK_PX = 5


@dataclass(frozen=True)
class Keypoints:
    """shift_px: median shift of the points confident in both images, None if none are.

    found_again: whether the person is found in the final image; None if not even in the render.
    """

    shift_px: float | None
    found_again: bool | None


def keypoint_drift(
    detector: Detector | None, render: np.ndarray, final: np.ndarray, instance: np.ndarray
) -> dict[int, Keypoints]:
    """Per person that the detector finds in the render; empty without a detector.

    render, final: (H, W, 3) u8 RGB. instance: (H, W) u16, person k is k + 1. Raises GenbError when
    the detector returns anything but (K, 3) arrays.
    """
    if detector is None:
        return {}
    before, after = (_by_person(_detect(detector, v), instance) for v in (render, final))
    return {person: _compared(points, after.get(person)) for person, points in before.items()}


def _compared(before: np.ndarray, after: np.ndarray | None) -> Keypoints:
    if after is None:
        return Keypoints(None, False)
    both = (before[:, 2] > _CONFIDENT) & (after[:, 2] > _CONFIDENT)
    if not both.any():
        return Keypoints(None, True)
    shift = np.linalg.norm(before[both, :2] - after[both, :2], axis=1)
    return Keypoints(float(np.median(shift)), True)


def _detect(detector: Detector, image: np.ndarray) -> list[np.ndarray]:
    found = [np.asarray(points, np.float64) for points in detector(image.copy())]
    shapes = {points.shape for points in found}
    if len(shapes) > 1 or any(len(shape) != 2 or shape[1] != 3 for shape in shapes):
        raise GenbError(
            "diffusion.drift.detector returned arrays of shape "
            f"{', '.join(map(str, sorted(shapes)))}; it must return one (K, 3) array per person: "
            "x px, y px, score 0..1 (docs/rerendering.md)"
        )
    return found


def _by_person(found: list[np.ndarray], instance: np.ndarray) -> dict[int, np.ndarray]:
    """Detections (K, 3) by person: those that cover a person best come first, each used once."""
    kernel = np.ones((2 * _ROUND_THE_MASK_PX + 1,) * 2, np.uint8)
    claims = []
    for value in (int(v) for v in np.unique(instance) if v > 0):
        around = cv2.dilate((instance == value).astype(np.uint8), kernel)
        for index, points in enumerate(found):
            on = _on_mask(points[points[:, 2] > _CONFIDENT], around)
            if len(on) and on.mean() >= _COVERED:
                claims.append((-int(on.sum()), -float(on.mean()), value - 1, index))
    matched, used = {}, set()
    for _, _, person, index in sorted(claims):
        if person not in matched and index not in used:
            matched[person] = found[index]
            used.add(index)
    return matched


def _on_mask(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(N,) bool: whether points (N, 3) lie on a mask (H, W); those outside the image do not."""
    x, y = np.floor(points[:, :2] + 0.5).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    on = np.zeros(len(points), bool)
    on[inside] = mask[y[inside], x[inside]] > 0
    return on
