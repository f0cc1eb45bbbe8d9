"""BEDLAM's motion files on disk: where a Body's file is, and writing one.

`<subject>_<motion>` is `<subject>/<motion>/motion_seq.npz` in BEDLAM and a flat
`<subject>_<motion>.npz` in BEDLAM2. Reading them is the business of `pipeline.motion.files`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.assets import body_dir
from pipeline.bedlam.be_seq import split_body
from pipeline.config import Config
from pipeline.motion.files import ClipInfo, FileBody, inspect, read_body
from pipeline.motion.files.archive import open_archive
from pipeline.scene import SubjectSpec
from pipeline.storage import write_npz

FORMAT = "bedlam"
FPS = 30.0
"""BEDLAM renders and counts start_frame at this rate."""
_MODEL_KEY = "body_model"


@dataclass(frozen=True)
class MotionFile:
    """What a scene needs to know of a motion file. body_model: whose betas they are."""

    path: Path
    info: ClipInfo
    body: FileBody | None
    body_model: str


def motion_path(folder: Path, body: str) -> Path:
    """Where a Body's motion file is written."""
    return folder.joinpath(*split_body(body), "motion_seq.npz")


def body_model_name(config: Config) -> str:
    """What the betas of a configuration's people belong to."""
    return body_dir(config).name if config.body.source == "free" else "smplx"


def find_motion(folder: Path, body: str) -> Path | None:
    """A Body's motion file in either layout, or None."""
    for path in (motion_path(folder, body), folder / f"{body}.npz"):
        if path.is_file():
            return path.absolute()
    return None


def look_at_motion(path: Path) -> MotionFile:
    """Headers and body of a motion file. Raises MotionError when it cannot be used."""
    with open_archive(path) as archive:
        body_model = archive.text(_MODEL_KEY) or "smplx"
    return MotionFile(path, inspect(path, FORMAT), read_body(path, FORMAT), body_model)


def write_motion(
    path: Path, subject: SubjectSpec, pose: np.ndarray, transl: np.ndarray, body_model: str
) -> None:
    """A subject's clip as a motion file.

    pose: (T, 165) axis-angle, transl: (T, 3) m, body-model frame (Y up). body_model: as
    `body_model_name` has it. The rate in the file is the clip's own.
    """
    clip = subject.motion
    frames = len(pose)
    arrays = {
        "poses": np.asarray(pose, np.float64),
        "trans": np.asarray(transl, np.float64),
        "betas": np.array(subject.betas, np.float64),
        "gender": np.array(subject.gender),
        "gender_sub": np.array(subject.sex),
        "mocap_frame_rate": np.array(clip.fps),
        "motion_info": np.array(
            [clip.action or clip.name, "-1", f"genb/{clip.name}", f"{clip.fps:g}", "0", str(frames)]
        ),
    }
    if body_model != "smplx":
        arrays[_MODEL_KEY] = np.array(body_model)
    write_npz(path, arrays, compress=False)
