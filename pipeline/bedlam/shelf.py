"""Which motion file an exported person plays, under which Body name, and writing those files.

A person imported from BEDLAM plays the file it came with, unless its motion or shape was edited.
Everybody else plays the clip of their own: all its frames, at its own rate.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.bedlam.be_seq import Row, parse_row
from pipeline.bedlam.motion_files import (
    FORMAT,
    FPS,
    look_at_motion,
    motion_path,
    write_motion,
)
from pipeline.bedlam.unreal import CM_PER_M, UnrealPose, pose_of
from pipeline.errors import GenbError
from pipeline.motion.clips import file_path
from pipeline.motion.motion import MotionError
from pipeline.scene import PersonSpec, SubjectSpec
from pipeline.storage import write_bytes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*(_[A-Za-z0-9.\-]+)*")


@dataclass(frozen=True)
class PlacedClip:
    """A person's clip and place.

    pose: (T, 165) and transl: (T, 3) m, body-model frame, as in SubjectMotion. T_world_subject:
    (4, 4), a turn about the vertical and a shift.
    """

    pose: np.ndarray
    transl: np.ndarray
    T_world_subject: np.ndarray

    @property
    def place(self) -> UnrealPose:
        """Unreal pose of the motion file's origin."""
        # Unreal's body at yaw 0 faces +Y, which is our -Y, the way our subject frame faces.
        return pose_of(self.T_world_subject[:3, 3], self.T_world_subject[:3, :3])


@dataclass(frozen=True)
class Role:
    """What a Body row says of its person: the name, the first frame, the place of the origin."""

    body: str
    start_frame: int
    place: UnrealPose


class Shelf:
    """The motion files of one export."""

    def __init__(self, clip_of: Callable[[PersonSpec], PlacedClip], body_model: str):
        self._clip_of = clip_of
        self._body_model = body_model
        self._owner: dict[str, str] = {}
        self._writers: dict[str, Callable[[Path], None]] = {}

    def role_of(self, person: PersonSpec, where: str) -> Role:
        """The person's role; the file it needs goes on the shelf.

        Raises GenbError when BEDLAM's files have no way to say what the person is.
        """
        if person.subject.kid:
            raise GenbError(
                f"{where}: {person.subject.subject} is shaped by the kid template, for which "
                "BEDLAM's files have no place. Leave the scene out."
            )
        file = played_file(person)
        if file is not None:
            return self._file_role(person, file, where)
        return self._clip_role(person, where)

    def write(self, folder: Path) -> None:
        """Write every file on the shelf that is not there yet."""
        for body, writer in sorted(self._writers.items()):
            path = motion_path(folder, body)
            if not path.exists():
                writer(path)

    def _file_role(self, person: PersonSpec, file: Path, where: str) -> Role:
        motion = person.subject.motion
        row = origin_row(person, where)
        body = row.body if row else ""
        if body and self._owner.setdefault(body, str(file)) != str(file):
            raise GenbError(f"{where}: two different motion files are named {body}.")
        body = body or self._free_name(person.subject, str(file))
        self._writers[body] = lambda path: write_bytes(path, file.read_bytes())
        x, y = (CM_PER_M * value for value in person.position_m)
        place = UnrealPose(x, -y, CM_PER_M * person.height_m, -person.yaw_deg)
        return Role(body, round(motion.start_s * FPS) + person.first_frame, place)

    def _clip_role(self, person: PersonSpec, where: str) -> Role:
        subject = person.subject
        if not _NAME.fullmatch(subject.subject):
            raise GenbError(
                f"{where}: subject {subject.subject!r} cannot be a BEDLAM name; use letters, "
                "digits, dots and hyphens, with underscores between them."
            )
        clip = self._clip_of(person)
        body = self._free_name(subject, subject.digest())
        self._writers[body] = lambda path: write_motion(
            path, subject, clip.pose, clip.transl, self._body_model
        )
        return Role(body, person.first_frame, clip.place)

    def _free_name(self, subject: SubjectSpec, owner: str) -> str:
        """`<subject>_<motion>`, the same for the same owner."""
        for number in range(10_000):
            body = f"{subject.subject}_{number:04d}"
            if self._owner.setdefault(body, owner) == owner:
                return body
        raise GenbError(f"more than 10000 motions of subject {subject.subject}.")


def origin_row(person: PersonSpec, where: str) -> Row | None:
    """The Body row that a person came from; raises GenbError when `origin` holds another thing."""
    if not person.origin:
        return None
    row = parse_row(person.origin, f"{where}, origin")
    if row.kind != "Body":
        raise GenbError(f"{where}: origin of {person.subject.subject} must be a Body row or empty.")
    return row


def played_file(person: PersonSpec) -> Path | None:
    """The BEDLAM motion file that a person plays just as it is, or None."""
    motion = person.subject.motion
    start = motion.start_s * FPS
    whole = (motion.heading, motion.ground) == ("file", "file") and motion.up != "z"
    edited = motion.mirrored or motion.loop or motion.fps != FPS or abs(start - round(start)) > 1e-6
    if motion.path is None or motion.format != FORMAT or not whole or edited:
        return None
    path = file_path(motion.path)
    try:
        file = look_at_motion(path)
    except MotionError as error:
        raise GenbError(str(error)) from error
    own = [] if file.body is None else [float(b) for b in file.body.betas]
    betas = list(person.subject.betas)
    same_shape = _trimmed(own) == _trimmed(betas)
    return path if same_shape and file.info.fps == FPS else None


def _trimmed(betas: list[float]) -> list[float]:
    """Without the zeros at the end, which change no shape."""
    count = max((k + 1 for k, beta in enumerate(betas) if beta), default=0)
    return betas[:count]
