"""The `Motion` record that the library, the file readers and the resampler exchange."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.errors import GenbError

POSE_SIZE = 165


class MotionError(GenbError):
    """A motion file or a motion request that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Motion:
    """A posed sequence of one person.

    name: where it comes from (family or file name). action: English label such as "walking".
    pose: (T, 165) float32, axis-angle radians, SMPL-X joint order (flat_hand_mean, no PCA).
    transl: (T, 3) float32, metres, body-model frame (Y up); row 0 is zero. y holds only the
    *change* of pelvis height since the first frame (steps, squats, flight): whoever places the
    person adds one constant vertical offset for the whole sequence so that the mesh touches the
    ground.

    turn (3, 3) and start (3,), float64, remember where the first frame was in the file's own world:
    with J0 the body's rest pelvis, the translation that puts the person there, in our Y-up frame,
    is `turn @ (J0 + start) - J0 + transl`. start is in the file's axes, metres; turn goes from
    them to ours (axes and heading). Built-in motions come from nowhere: identity and zeros.
    """

    name: str
    action: str
    fps: float
    pose: np.ndarray
    transl: np.ndarray
    turn: np.ndarray = field(default_factory=lambda: np.eye(3))
    start: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        for name, width in (("pose", POSE_SIZE), ("transl", 3)):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if array.ndim != 2 or array.shape[1] != width:
                raise MotionError(f"{self.name}: {name} must be (T, {width}), got {array.shape}")
            if not np.isfinite(array).all():
                raise MotionError(f"{self.name}: {name} has values that are not finite")
            object.__setattr__(self, name, array)
        if len(self.pose) != len(self.transl) or not len(self.pose):
            raise MotionError(
                f"{self.name}: pose has {len(self.pose)} frames, transl {len(self.transl)}; "
                "both need the same number, at least 1"
            )
        if not (self.fps > 0 and np.isfinite(self.fps)):
            raise MotionError(f"{self.name}: fps must be positive, got {self.fps}")
        for name, shape in (("turn", (3, 3)), ("start", (3,))):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != shape or not np.isfinite(array).all():
                raise MotionError(f"{self.name}: {name} must be {shape} finite numbers")
            object.__setattr__(self, name, array)

    @property
    def frames(self) -> int:
        return len(self.pose)

    def own_place(self, rest_pelvis: np.ndarray) -> np.ndarray:
        """Translation (3,) to add to `transl` so that the person stands where the file put it.

        rest_pelvis: (3,) metres, the pivot of the root rotation. Our Y-up frame.
        """
        return self.turn @ (rest_pelvis + self.start) - rest_pelvis
