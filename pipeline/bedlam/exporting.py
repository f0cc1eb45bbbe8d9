"""SceneSpecs as BEDLAM's files: `be_seq.csv`, `be_camera_animations.json`, `motions/`.

BEDLAM's own formulas applied to these files give the bodies and cameras of our scenes. Rows of an
imported scene come back as they were, letter by letter, except for what was edited since.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.assets import manifest
from pipeline.bedlam.be_seq import Row, SequenceTable, number_text, parse_be_seq, parse_row
from pipeline.bedlam.camera_animations import PosedLens, camera_animations_text
from pipeline.bedlam.shelf import Role, Shelf, origin_row
from pipeline.bedlam.stage import Stage, stage_of
from pipeline.bedlam.unreal import UnrealPose, camera_hfov_deg, camera_pose, relative
from pipeline.errors import GenbError
from pipeline.scene import SceneSpec
from pipeline.storage import write_bytes

TABLE_FILE = "be_seq.csv"
CAMERA_FILE = "be_camera_animations.json"
MOTION_FOLDER = "motions"
_SAME = 1e-9
"""Numbers (cm, degrees) this close are the same: float64 keeps 1e-11 of a coordinate of 1 km."""
_SAME_TURN = 1e-11
_ZEROS = ("0",) * 6
_MADE_HERE = Row(0, "Comment", "None", _ZEROS, "generator=genb")


@dataclass(frozen=True)
class ExportedScene:
    """One scene as rows (Indices not yet counted) and cameras keyed by frame, Unreal world."""

    name: str
    comments: tuple[Row, ...]
    group: Row
    bodies: tuple[Row, ...]
    cameras: dict[int, PosedLens]


def export_scenes(scenes: list[SceneSpec], out: Path, shelf: Shelf) -> list[str]:
    """Write the scenes to a folder; returns notes on what BEDLAM's files cannot hold.

    Raises GenbError when the folder holds another export, or two scenes have one name.
    """
    exported = [_exported(spec, shelf) for spec in scenes]
    names = [scene.name for scene in exported]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise GenbError(
            f"{', '.join(twice)}: more than one scene of this name. Change 'scene' in one of the "
            "scene files, or export them to different folders."
        )
    files = {out / TABLE_FILE: _table(exported).text}
    if any(spec.camera_path for spec in scenes):
        width_mm = scenes[0].camera.sensor_width_mm
        cameras = {scene.name: scene.cameras for scene in exported}
        files[out / CAMERA_FILE] = camera_animations_text(cameras, (width_mm, width_mm * 9 / 16))
    _check_folder(out, files)
    shelf.write(out / MOTION_FOLDER)
    for path, text in reversed(files.items()):
        write_bytes(path, text.encode())
    return [note for spec in scenes for note in _notes(spec)]


def _check_folder(out: Path, files: dict[Path, str]) -> None:
    for path in (out / TABLE_FILE, out / CAMERA_FILE):
        if path.exists() and path.read_bytes() != files.get(path, "").encode():
            raise GenbError(f"{path} is of another export; choose another folder with --out DIR.")


def _exported(spec: SceneSpec, shelf: Shelf) -> ExportedScene:
    where = f"scene {spec.scene}"
    comments, group = _origin_rows(spec, where)
    stage = stage_of(group, comments, where)
    roles = [shelf.role_of(person, where) for person in spec.people]
    group = _group(spec, group, stage)
    return ExportedScene(
        group.tokens["sequence_name"],
        comments,
        group,
        tuple(
            _body(origin_row(person, where), role, stage)
            for person, role in zip(spec.people, roles, strict=True)
        ),
        _keyed_cameras(spec, stage),
    )


def _origin_rows(spec: SceneSpec, where: str) -> tuple[tuple[Row, ...], Row]:
    """Comment rows and Group row that the scene came from, or new ones."""
    if not spec.origin:
        comment = f"sequence_name=seq_{spec.scene:06d};frames={_span(spec)};hdri={spec.light.hdri}"
        ground = "ground_height_world=0.0"
        hfov = number_text(camera_hfov_deg(spec.camera))
        comment = f"{comment};camera_hfov={hfov};{ground}"
        return (_MADE_HERE,), Row(0, "Group", "None", ("0.0",) * 6, comment)
    rows = [parse_row(line, f"{where}, origin") for line in spec.origin.split("\n")]
    if [row.kind for row in rows] != ["Comment"] * (len(rows) - 1) + ["Group"]:
        raise GenbError(f"{where}: origin must be Comment rows and one Group row, or empty.")
    return tuple(rows[:-1]), rows[-1]


def _span(spec: SceneSpec) -> int:
    """BEDLAM plays every clip frame from the first image to the last."""
    return (spec.frames - 1) * spec.frame_step + 1


def _group(spec: SceneSpec, group: Row, stage: Stage) -> Row:
    """The Group row with what the scene says now."""
    frames = int(group.tokens["frames"])
    if (frames - 1) // spec.frame_step + 1 != spec.frames:
        group = group.with_token("frames", str(_span(spec)))
    hdri = group.tokens.get("hdri")
    if hdri in manifest("hdri") and hdri != spec.light.hdri:
        group = group.with_token("hdri", spec.light.hdri)
    if spec.camera_path and spec.origin:
        return group  # the camera file counts, and the row stays what it was
    pose = relative(stage.root, stage.there(camera_pose(spec.camera)))
    hfov_deg = camera_hfov_deg(spec.camera)
    if abs(hfov_deg - float(group.tokens.get("camera_hfov", "nan"))) <= _SAME:
        return _posed(group, pose)
    return _posed(group.with_token("camera_hfov", number_text(hfov_deg)), pose)


def _body(origin: Row | None, role: Role, stage: Stage) -> Row:
    """The Body row of a person, from the row it came from or anew."""
    fresh = Row(0, "Body", role.body, ("0.0",) * 6, f"start_frame={role.start_frame}")
    row = replace(origin or fresh, body=role.body)
    if int(row.tokens["start_frame"]) != role.start_frame:
        row = row.with_token("start_frame", str(role.start_frame))
    return _posed(row, stage.there(role.place))


def _posed(row: Row, pose: UnrealPose) -> Row:
    """The row at a pose; numbers that say the same already keep their text."""
    old = row.pose
    values = (pose.x, pose.y, pose.z)
    places = [
        text if abs(value - float(text)) <= _SAME else number_text(value)
        for text, value in zip(row.numbers[:3], values, strict=True)
    ]
    if np.abs(old.rotation - pose.rotation).max() <= _SAME_TURN:
        return replace(row, numbers=(*places, *row.numbers[3:]))
    turns = (number_text(value) for value in (pose.yaw, pose.pitch, pose.roll))
    return replace(row, numbers=(*places, *turns))


def _keyed_cameras(spec: SceneSpec, stage: Stage) -> dict[int, PosedLens]:
    """A key per image of a moving camera, with the lead and tail frames of motion blur."""

    def lens(frame: int) -> PosedLens:
        camera = spec.camera_at(frame)
        return PosedLens(stage.there(camera_pose(camera)), camera_hfov_deg(camera))

    images = range(spec.frames) if spec.camera_path else range(0)
    inner = {frame * spec.frame_step: lens(frame) for frame in images}
    return {-1: lens(0), **inner, _span(spec): lens(spec.frames - 1)}


def _table(scenes: list[ExportedScene]) -> SequenceTable:
    """All rows, counted from 0; a Comment block is written where it changes."""
    rows: list[Row] = []
    above: list[str] = []
    for scene in scenes:
        comments = scene.comments or ((_MADE_HERE,) if above else ())
        block = [row.comment for row in comments]
        if block != above:
            rows += comments
        above = block
        rows += [scene.group, *scene.bodies]
    counted = SequenceTable(tuple(replace(row, index=k) for k, row in enumerate(rows)))
    return parse_be_seq(counted.text, TABLE_FILE)


def _notes(spec: SceneSpec) -> list[str]:
    notes = []
    if spec.camera.width * 9 != spec.camera.height * 16:
        notes.append(
            f"its pictures are {spec.camera.width} x {spec.camera.height}; BEDLAM's 1280 x 720 "
            "keep the horizontal field of view and differ in height"
        )
    if any(person.gaze_m or any(person.expression) for person in spec.people):
        notes.append("facial expressions and gaze are not in BEDLAM's motion files")
    rates = sorted({p.subject.motion.fps for p in spec.people} - {30.0})
    if rates:
        notes.append(f"clips of {rates[0]:g} fps play faster at BEDLAM's 30 fps, frame by frame")
    return [f"scene {spec.scene}: {note}" for note in notes]
