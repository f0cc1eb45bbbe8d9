"""Squares around key-points, as the BEDLAM family of loaders crops them, and which people to keep.

A crop is a centre and a `scale`: the side in units of 200 px. Points on the border count as inside.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.dataset import Frame

BODY_FACTOR, HAND_FACTOR = 1.2, 1.5
BODY_POINTS, LEAST_BODY_POINTS = 22, 8
"""A person needs 8 of a set's first 22 points in the image."""

NEAREST_M = 0.02
"""Our 2-D labels hold what is nearer than this at this depth (`truth.labels.project_in_front`)."""

_FAR_M = 1.0
"""No point of a body is this far from all of its joints."""

TOO_FEW = f"fewer than {LEAST_BODY_POINTS} of the first {BODY_POINTS} key-points are in the image"
BEHIND = f"a part of the body is behind the camera, or within {1000 * NEAREST_M:.0f} mm of it"


@dataclass(frozen=True)
class Crop:
    """center (2,) float64 px; scale: side / 200 px; inside: how many points it was made of.

    Without a point in the image, or when they are one point, center is -1, -1 and scale -1.
    """

    center: np.ndarray
    scale: float
    inside: int

    @property
    def exists(self) -> bool:
        """Whether there is anything to crop."""
        return self.scale > 0


def crop_around(points_2d: np.ndarray, size: tuple[int, int], factor: float) -> Crop:
    """The square around those of the points (n, 2) px that lie in the image.

    size: width, height px. factor: by how much the square is larger than the longer side.
    """
    points = np.asarray(points_2d, np.float64)
    points = points[((points >= 0) & (points <= size)).all(axis=1)]
    if len(points):
        low, high = points.min(axis=0), points.max(axis=0)
        longer = (high - low).max()
        if longer > 0:
            return Crop((low + high) / 2, float(longer / 200 * factor), len(points))
    return Crop(np.full(2, -1.0), -1.0, len(points))


def is_behind(frame: Frame, person: int) -> bool:
    """Whether a vertex of a body is behind the camera or nearer to its plane than `NEAREST_M`.

    The body is evaluated only when its joints leave the question open.
    """
    if frame.labels["joints_cam"][person, :, 2].min() > _FAR_M:
        return False
    return bool(frame.vertices[person][:, 2].min() < NEAREST_M)
