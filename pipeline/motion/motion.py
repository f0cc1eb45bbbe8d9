"""The `Motion` record that the library, the importer and the resampler exchange."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POSE_SIZE = 165


class MotionError(ValueError):
    """A motion file or a motion request that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Motion:
    """A posed sequence of one person.

    name: where it comes from (family or file name). action: English label such as "walking".
    pose: (T, 165) float32, axis-angle radians, SMPL-X joint order (flat_hand_mean, no PCA).
    transl: (T, 3) float32, metres, body-model frame; row 0 is zero. y holds only the *change* of
    pelvis height since the first frame (steps, squats, flight): whoever places the person adds
    one constant vertical offset for the whole sequence so that the mesh touches the ground.
    """

    name: str
    action: str
    fps: float
    pose: np.ndarray
    transl: np.ndarray

    def __post_init__(self) -> None:
        for field, width in (("pose", POSE_SIZE), ("transl", 3)):
            array = np.ascontiguousarray(getattr(self, field), dtype=np.float32)
            if array.ndim != 2 or array.shape[1] != width:
                raise MotionError(f"{self.name}: {field} must be (T, {width}), got {array.shape}")
            if not np.isfinite(array).all():
                raise MotionError(f"{self.name}: {field} has values that are not finite")
            object.__setattr__(self, field, array)
        if len(self.pose) != len(self.transl) or not len(self.pose):
            raise MotionError(
                f"{self.name}: pose has {len(self.pose)} frames, transl {len(self.transl)}; "
                "both need the same number, at least 1"
            )
        if not self.fps > 0:
            raise MotionError(f"{self.name}: fps must be positive, got {self.fps}")

    @property
    def frames(self) -> int:
        return len(self.pose)
