"""BEDLAM sequences as SceneSpecs that `genb scene` renders and labels.

Every Group row becomes one scene of BEDLAM's picture size. What a scene cannot show as BEDLAM would
is said in its notes; the rows themselves are kept in `origin`, so that export restores them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.assets import body_dir, manifest
from pipeline.bedlam.be_seq import Row, Sequence, read_be_seq
from pipeline.bedlam.camera_animations import SENSOR_MM, AnimationFile, PosedLens, lenses
from pipeline.bedlam.camera_csv import CameraRecords
from pipeline.bedlam.motion_files import find_motion, look_at_motion
from pipeline.bedlam.people import imported_person
from pipeline.bedlam.stage import Stage, stage_of, token_number
from pipeline.bedlam.unreal import camera_spec, compose
from pipeline.compose.look import sample_light
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.motion.motion import MotionError
from pipeline.scene import CameraSpec, LightSpec, PersonSpec, SceneSpec
from pipeline.seeding import Stream, generator

SIZE_PX = (1280, 720)
_IMPORT = 1
"""Third index of this module's random streams: those of composed scenes have fewer."""


@dataclass(frozen=True)
class Imported:
    """scenes: in the file's order. refused: the sequences that became none, with the reason."""

    scenes: list[SceneSpec]
    refused: list[str]


@dataclass(frozen=True)
class Sources:
    """What an import reads besides the table. cameras: None leaves them to the Group rows."""

    motions: Path
    config: Config
    seed: int = 0
    cameras: AnimationFile | CameraRecords | None = None
    frame_step: int = 1


def import_scenes(be_seq: Path, sources: Sources) -> Imported:
    """Scenes of a `be_seq.csv`.

    Sequences without a usable body or camera are refused; raises GenbError when all are, or when
    the table itself is malformed.
    """
    sequences = read_be_seq(be_seq).sequences
    if not sources.motions.is_dir():
        raise GenbError(f"{sources.motions} is not a folder of motion files (--motions DIR).")
    scenes, refused = [], []
    for number, sequence in zip(_numbers(sequences), sequences, strict=True):
        try:
            scenes.append(_scene(number, sequence, sources, f"{be_seq}, {sequence.name}"))
        except GenbError as error:
            refused.append(str(error))
    if not scenes:
        raise GenbError("no sequence could be imported:\n  " + "\n  ".join(refused))
    return Imported(scenes, refused)


def _numbers(sequences: tuple[Sequence, ...]) -> list[int]:
    """Scene numbers: those of the names seq_000123, or the order when the names have none."""
    ends = [sequence.name.rpartition("_")[2] for sequence in sequences]
    numbers = [int(end) for end in ends if end.isdecimal() and len(end) < 10]
    named = len(set(numbers)) == len(sequences)
    return numbers if named else list(range(len(sequences)))


def _scene(number: int, sequence: Sequence, sources: Sources, where: str) -> SceneSpec:
    stage = stage_of(sequence.group, sequence.comments, where)
    people, notes = _people(number, sequence, stage, sources, where)
    cameras = _cameras(sequence, stage, sources, where)[:: sources.frame_step]
    light, light_notes = _light(number, sequence.group, sources)
    moving = any(camera != cameras[0] for camera in cameras)
    return SceneSpec(
        scene=number,
        seed=sources.seed,
        frames=len(cameras),
        frame_step=sources.frame_step,
        people=people,
        camera=cameras[0],
        camera_path=cameras if moving else [],
        movement="bedlam" if moving else "static",
        light=light,
        notes=notes + light_notes + _camera_notes(sequence, sources),
        origin="\n".join(row.text for row in (*sequence.comments, sequence.group)),
    )


def _people(
    number: int, sequence: Sequence, stage: Stage, sources: Sources, where: str
) -> tuple[list[PersonSpec], list[str]]:
    people, notes, skipped = [], [], []
    for k, row in enumerate(sequence.bodies):
        motion = None
        path = find_motion(sources.motions, row.body)
        try:
            motion = look_at_motion(path) if path else None
            reason = _unusable(row, motion.info, sequence.frames) if motion else "no motion file"
        except MotionError as error:
            reason = str(error)
        if reason:
            skipped.append(f"{row.body} is left out: {reason}")
            continue
        person, of_person = imported_person(
            generator(sources.seed, Stream.SUBJECT, number, k, _IMPORT),
            row,
            stage.here(row.pose),
            motion,
            sequence.frames,
            sources.config,
            body_dir(sources.config),
        )
        people.append(person)
        notes += of_person
    if not people:
        raise GenbError(f"{where}: no body is left ({'; '.join(skipped)}). Check --motions DIR.")
    return _same_betas(people), skipped + notes


def _unusable(row: Row, info, frames: int) -> str:
    """Why a motion cannot play a row, or ""."""
    if row.pose.pitch or row.pose.roll:
        return f"its row tilts it (pitch {row.pose.pitch:g}, roll {row.pose.roll:g})"
    start = int(row.tokens["start_frame"])
    # The last frame at 30 fps must lie within the file, whatever its own rate is.
    last_s, file_s = (start + frames - 1) / 30.0, (info.frames - 1) / info.fps
    if last_s > file_s + 1e-6:
        return f"frames {start}..{start + frames - 1} lie beyond its motion of {file_s:.2f} s"
    return ""


def _same_betas(people: list[PersonSpec]) -> list[PersonSpec]:
    """People of one scene have equally many betas; zeros change no shape."""
    count = max(len(person.subject.betas) for person in people)

    def padded(person: PersonSpec) -> PersonSpec:
        betas = person.subject.betas + [0.0] * (count - len(person.subject.betas))
        subject = person.subject.model_copy(update={"betas": betas})
        return person.model_copy(update={"subject": subject})

    return [padded(person) for person in people]


def _cameras(sequence: Sequence, stage: Stage, sources: Sources, where: str) -> list[CameraSpec]:
    """The camera at every frame of the sequence."""
    try:
        posed, sensor_mm = _lenses(sequence, stage, sources.cameras, where)
        width, height = SIZE_PX
        if abs(sensor_mm[0] / sensor_mm[1] / (width / height) - 1) > 1e-3:
            raise ValueError(
                f"a sensor of {sensor_mm[0]:g} x {sensor_mm[1]:g} mm has no square pixels in a "
                f"picture of {width} x {height}"
            )
        return [
            camera_spec(stage.here(lens.pose), lens.hfov_deg, width, height, sensor_mm[0])
            for lens in posed
        ]
    except ValueError as error:
        raise GenbError(f"{where}: {error}.") from error


def _lenses(
    sequence: Sequence, stage: Stage, cameras: AnimationFile | CameraRecords | None, where: str
) -> tuple[list[PosedLens], tuple[float, float]]:
    if isinstance(cameras, CameraRecords):
        return cameras.of(sequence.name, sequence.frames)
    hfov = token_number(sequence.group, "camera_hfov", float("nan"), where)
    hfov_deg = None if np.isnan(hfov) else hfov
    if isinstance(cameras, AnimationFile):
        animation = cameras.of(sequence.name)
        pose = sequence.group.pose
        width_mm = cameras.sensor_mm[0]
        found = lenses(animation, sequence.frames, width_mm, stage.root, pose, hfov_deg)
        return found, cameras.sensor_mm
    if hfov_deg is None:
        raise GenbError(
            f"{where}: the Group row has no camera_hfov, so its lens is that of the Unreal level. "
            "Give the rendered cameras: --camera-csv ground_truth/camera."
        )
    lens = PosedLens(compose(stage.root, sequence.group.pose), hfov_deg)
    return [lens] * sequence.frames, SENSOR_MM


def _camera_notes(sequence: Sequence, sources: Sources) -> list[str]:
    if isinstance(sources.cameras, AnimationFile):
        shake = sources.cameras.of(sequence.name).info.get("camera_shake")
        return [f"camera shake {shake} is left out (it is an Unreal asset)"] if shake else []
    return []


def _light(number: int, group: Row, sources: Sources) -> tuple[LightSpec, list[str]]:
    """The Group's HDRI when we have it, else one of the configuration's."""
    rng = generator(sources.seed, Stream.LIGHT, number, _IMPORT)
    light = sample_light(rng, sources.config.light)
    wanted = group.tokens.get("hdri")
    notes = []
    if wanted in manifest("hdri"):
        light = light.model_copy(update={"hdri": wanted, "rotation_deg": 0.0})
    elif wanted:
        notes.append(f"HDRI {wanted} is not in the manifest; {light.hdri} lights the scene instead")
    else:
        notes.append(f"an Unreal level's own light; HDRI {light.hdri} lights the scene instead")
    if "time" in group.tokens:
        notes.append(f"time of day {group.tokens['time']} h is not used")
    return light, notes
