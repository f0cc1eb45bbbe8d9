"""What the readers of motion files give: a cheap description, the motion, and the file's own body.

Also the limits beyond which a file is refused before any memory is taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..motion import POSE_SIZE, MotionError

MAX_FRAMES = 400_000
"""About an hour at 120 frames per second."""
MAX_BYTES = 1 << 30
"""The largest array, or text file, that is read."""
MAX_FPS = 10_000.0

_GENDERS = {"m": "male", "f": "female", "n": "neutral"}


@dataclass(frozen=True)
class ClipInfo:
    """A motion file as far as its headers tell.

    format: name in the registry. frames, fps: of the file. action: English label or "". gender:
    "male", "female", "neutral" or "". betas: how many shape numbers the file holds.
    """

    format: str
    frames: int
    fps: float
    action: str = ""
    gender: str = ""
    betas: int = 0


@dataclass(frozen=True)
class FileMotion:
    """A whole motion file in its own world.

    pose: (T, 165) float64, axis-angle radians, SMPL-X order, root in the file's axes. trans: (T, 3)
    float64 metres, file's axes: the pelvis is at `rest pelvis + trans`. up: "y" or "z", the file's
    vertical axis (right-handed).
    """

    info: ClipInfo
    pose: np.ndarray
    trans: np.ndarray
    up: str

    def checked(self, path: Path) -> FileMotion:
        """Itself, when every number is finite and the shapes agree; MotionError otherwise."""
        wanted = {"pose": (self.info.frames, POSE_SIZE), "trans": (self.info.frames, 3)}
        for name, shape in wanted.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise MotionError(f"{path}: {name} has shape {array.shape}, expected {shape}")
            if not np.isfinite(array).all():
                row = int(np.argmin(np.isfinite(array).all(axis=1)))
                raise MotionError(
                    f"{path}: {name} has values that are not finite, first in frame {row}. Cut the "
                    "file before it, or exclude the file in motion.sources"
                )
        return self


@dataclass(frozen=True)
class FileBody:
    """The body that a file's motion was made with.

    betas: (n,) float64, coefficients of the model `gender` ("male", "female", "neutral").
    subject_gender: the person's own, when the file tells it apart from the model's; else "".
    """

    betas: np.ndarray
    gender: str
    subject_gender: str = ""


def check_length(path: Path, frames: int, what: str) -> None:
    """Raise MotionError unless a file has at least one frame and not absurdly many."""
    if frames < 1:
        raise MotionError(f"{path}: {what} holds no frames; delete the file or export it again")
    if frames > MAX_FRAMES:
        raise MotionError(
            f"{path}: {what} claims {frames} frames, more than the limit of {MAX_FRAMES}; split "
            "the file"
        )


def check_rate(path: Path, fps: float) -> float:
    """The frame rate, if it is a believable positive number; MotionError otherwise."""
    if not (np.isfinite(fps) and 0 < fps <= MAX_FPS):
        raise MotionError(
            f"{path}: the frame rate must be a positive number up to {MAX_FPS:g}, got {fps:g}; "
            "export the file again with its rate"
        )
    return float(fps)


def gender_name(text: str) -> str:
    """ "male", "female" or "neutral" for the spellings that files use; "" for anything else."""
    return _GENDERS.get(text.strip().lower()[:1], "")
