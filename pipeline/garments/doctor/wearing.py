"""Who wears the garment that is checked: the moving body of a scene's person, or one from options.

Built with the same code as the `pose` stage, so that what fits here fits in a scene.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import model_path, read_model_file
from pipeline.body.posing import move_subject
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError
from pipeline.motion import files
from pipeline.motion.library import MOTIONS
from pipeline.motion.motion import MotionError
from pipeline.preflight import build_body
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.stages import Plan
from pipeline.storage import read_npz


@dataclass(frozen=True)
class Wearing:
    """A moving body. motion: over a clip of `fps`. faces: (M, 3) of its mesh."""

    motion: SubjectMotion
    faces: np.ndarray
    fps: float


@dataclass(frozen=True)
class Asked:
    """What the command line says about the wearer; None and "" where it says nothing.

    motion: a family's name or a motion file. body: betas, comma-separated, or an .npz with `betas`.
    """

    motion: str = "idle"
    body: str = ""
    gender: str = ""
    frames: int | None = None
    fps: float | None = None


def wear(plan: Plan, subject: SubjectSpec) -> Wearing:
    """The moving body of a subject. Raises GenbError for an unusable motion."""
    build_body(plan.config)
    try:
        motion, _ = move_subject(plan, subject)
    except MotionError as error:
        raise GenbError(f"motion {error}") from error
    faces = read_model_file(model_path(plan.body_dir, subject.gender)).faces
    return Wearing(motion, faces, subject.motion.fps)


def asked_subject(plan: Plan, asked: Asked, samples: int) -> SubjectSpec:
    """The subject that the options describe. Raises GenbError for what cannot be read.

    samples: of the cache; a built-in motion is made this long, unless a length is asked for.
    """
    try:
        betas, gender = _shape(asked)
        motion = _motion(plan, asked, samples)
    except MotionError as error:
        raise GenbError(f"motion {error}") from error
    return SubjectSpec(
        subject="wearer",
        gender=gender,
        sex="male" if gender == "male" else "female",
        age_years=30.0,
        ancestry=(0.0, 0.0, 1.0),
        betas=betas,
        motion=motion,
        outfit=[],
    )


def _is_file(asked: Asked) -> bool:
    if asked.motion in MOTIONS:
        return False
    if Path(asked.motion).is_file():
        return True
    raise GenbError(
        f"--motion {asked.motion}: neither a file nor a built-in motion. Built-in ones are: "
        f"{', '.join(MOTIONS)}."
    )


def _motion(plan: Plan, asked: Asked, samples: int) -> MotionSpec:
    if not _is_file(asked):
        fps = asked.fps or plan.config.cast.fps
        return MotionSpec(
            name=asked.motion, seed=plan.seed, frames=asked.frames or samples, fps=fps
        )
    path = Path(asked.motion).absolute()
    info = files.inspect(path)
    fps = asked.fps or info.fps
    frames = asked.frames or int(np.floor((info.frames - 1) * fps / info.fps + 1e-6)) + 1
    return MotionSpec(name=path.stem, seed=plan.seed, frames=frames, fps=fps, path=str(path))


def _shape(asked: Asked) -> tuple[list[float], str]:
    """Betas and gender: as asked, else the motion file's own, else the mean body."""
    own = files.read_body(asked.motion) if _is_file(asked) else None
    gender = asked.gender or (own.gender if own else "") or "neutral"
    if not asked.body:
        return [float(b) for b in own.betas] if own else [0.0] * 10, gender
    if asked.body.endswith(".npz"):
        if not Path(asked.body).is_file():
            raise GenbError(f"--body {asked.body} does not exist.")
        arrays = read_npz(Path(asked.body))
        if "betas" not in arrays:
            raise GenbError(f"--body {asked.body} has no array `betas`; it has {sorted(arrays)}.")
        return [float(b) for b in np.ravel(arrays["betas"])], gender
    try:
        return [float(word) for word in asked.body.split(",")], gender
    except ValueError as error:
        raise GenbError(
            f"--body {asked.body}: give numbers separated by commas, such as 0.5,-1.2,0, or an "
            ".npz file that holds `betas`."
        ) from error
