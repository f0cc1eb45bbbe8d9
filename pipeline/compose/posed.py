"""Subjects as the `pose` stage left them: the real meshes that composing measures and places."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import model_path, read_model_file
from pipeline.compose.layout import Candidate
from pipeline.contracts import SubjectMotion
from pipeline.scene import SubjectSpec
from pipeline.stages import Plan

Posed = Callable[[SubjectSpec], tuple[SubjectMotion, np.ndarray]]
"""Subject -> its moving body, and the faces (N, 3) of its mesh."""

_KEPT = 64


def posed_subjects(plan: Plan) -> Posed:
    """Reads `motion.npz` files of a plan; the last few dozen stay in memory."""

    @lru_cache(_KEPT)
    def load(digest: str) -> SubjectMotion:
        return SubjectMotion.load(plan.stage_dir("pose") / digest / "motion.npz")

    return lambda subject: (
        load(subject.digest()),
        _faces(model_path(plan.body_dir, subject.gender)),
    )


@lru_cache(4)
def _faces(path: Path) -> np.ndarray:
    return read_model_file(path).faces


def candidate(
    posed: Posed, subject: SubjectSpec, first_frame: int, frames: int, step: int
) -> Candidate:
    """A subject from one moment of its clip on, with the clip's first pelvis over the origin.

    frames: rendered frames, every `step` clip frames.
    """
    motion, faces = posed(subject)
    home = np.array([*motion.joints[0, 0, :2], 0.0], np.float32)
    span = slice(first_frame, first_frame + (frames - 1) * step + 1)
    return Candidate(
        joints=motion.joints[span] - home,
        vertices=motion.clip[span][::step] - home,
        faces=faces,
        stature_m=float(np.ptp(motion.tpose[:, 2])),
    )
