"""Did the picture move away from its labels? Measured on every final image, per person.

Motion is dense optical flow (DIS) from the render to the final image on gradient pictures, so a new
look alone reads as no motion; pixels where forward and backward flow disagree are left out. Outline
agreement is how much stronger edges are on the true silhouette than beside it.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from pipeline.config import DiffusionSection

_MIN_PIXELS = 50


@dataclass(frozen=True)
class PersonDrift:
    """Drift of one person; None where too few pixels could be measured.

    mean_px, p90_px: flow magnitude over the usable pixels of the person's mask. used_share: usable
    pixels in the mask, 0..1. boundary_ratio: outline agreement relative to the render's own (1 =
    as sharp and as well placed).
    """

    person: int
    pixels: int
    mean_px: float | None
    p90_px: float | None
    used_share: float
    boundary_ratio: float | None


@dataclass(frozen=True)
class Drift:
    """Drift of an image: over all people together, and each."""

    mean_px: float | None
    p90_px: float | None
    used_share: float
    people: tuple[PersonDrift, ...]

    def to_json(self) -> dict:
        """JSON form."""
        return asdict(self)


def measure_drift(render: np.ndarray, final: np.ndarray, instance: np.ndarray) -> Drift:
    """Drift between two (H, W, 3) u8 RGB images; instance: (H, W) u16, person k is k + 1."""
    flow, reliable = stable_flow(render, final)
    magnitude = np.linalg.norm(flow, axis=-1)
    everyone = _motion(magnitude, reliable, instance > 0)
    people = []
    for value in (int(v) for v in np.unique(instance) if v > 0):
        mask = instance == value
        mean_px, p90_px, used = _motion(magnitude, reliable, mask)
        ratio = _boundary_ratio(render, final, mask)
        people.append(PersonDrift(value - 1, int(mask.sum()), mean_px, p90_px, used, ratio))
    return Drift(*everyone, tuple(people))


def fault(drift: Drift, section: DiffusionSection) -> str | None:
    """Why the image must not be used under the configured limits, or None.

    Unrelated pictures agree on 0.35 to 0.55 of the pixels by chance: below `min_flow_share` a
    person has changed beyond measuring. People of less than 50 px are not judged.
    """
    for person in drift.people:
        name = f"person {person.person}"
        if person.pixels < _MIN_PIXELS:
            continue
        if person.used_share < section.min_flow_share:
            return (
                f"{name} changed beyond measuring: {person.used_share:.2f} of its pixels can be "
                f"followed (limit {section.min_flow_share})"
            )
        if person.mean_px is not None and person.mean_px > section.max_drift_px:
            return (
                f"{name} drifted {person.mean_px:.2f} px on average "
                f"(limit {section.max_drift_px} px)"
            )
        ratio = person.boundary_ratio
        if ratio is not None and ratio < section.min_boundary_ratio:
            return (
                f"{name} keeps {ratio:.2f} of its outline contrast "
                f"(limit {section.min_boundary_ratio})"
            )
    return None


def stable_flow(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow (H, W, 2) f32 px from `first` to `second`, and where to believe it (H, W) bool."""
    a, b = _gradient_picture(first), _gradient_picture(second)
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    solver.setFinestScale(0)
    forward = solver.calc(a, b, None)
    backward = solver.calc(b, a, None)
    height, width = a.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    there_and_back = forward + cv2.remap(
        backward, x + forward[..., 0], y + forward[..., 1], cv2.INTER_LINEAR
    )
    mismatch = np.linalg.norm(there_and_back, axis=-1)
    reliable = mismatch < 1 + 0.1 * np.linalg.norm(forward, axis=-1)
    return forward, reliable


def edge_ratio(image: np.ndarray, mask: np.ndarray) -> float | None:
    """Mean gradient on the silhouette of `mask` over that 4-7 px beside it; None if too short."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    inside = mask.astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    distance += cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    on, beside = distance <= 1.5, (distance > 4) & (distance <= 7)
    if on.sum() < _MIN_PIXELS or beside.sum() < _MIN_PIXELS:
        return None
    return float(gradient[on].mean() / max(gradient[beside].mean(), 1e-3))


def _boundary_ratio(render: np.ndarray, final: np.ndarray, mask: np.ndarray) -> float | None:
    before, after = edge_ratio(render, mask), edge_ratio(final, mask)
    if before is None or after is None:
        return None
    return round(after / max(before, 1e-6), 4)


def _motion(magnitude, reliable, mask) -> tuple[float | None, float | None, float]:
    usable = mask & reliable
    share = round(float(usable.sum() / max(mask.sum(), 1)), 4)
    if usable.sum() < _MIN_PIXELS:
        return None, None, share
    values = magnitude[usable]
    return round(float(values.mean()), 4), round(float(np.percentile(values, 90)), 4), share


def _gradient_picture(image: np.ndarray) -> np.ndarray:
    """Gradient magnitude (H, W) u8 of the locally equalised grey image."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grey = cv2.createCLAHE(2.0, (8, 8)).apply(grey)
    magnitude = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return cv2.normalize(magnitude, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
