"""What `genb bedlam-import` and `genb bedlam-export` do, from paths to paths."""

from pathlib import Path

from pipeline.bedlam.camera_animations import read_camera_animations
from pipeline.bedlam.camera_csv import read_camera_csv
from pipeline.bedlam.exporting import export_scenes
from pipeline.bedlam.importing import Imported, Sources, import_scenes
from pipeline.bedlam.motion_files import body_model_name
from pipeline.bedlam.shelf import PlacedClip, Shelf, played_file
from pipeline.body.posing import MOTION_FILE, subject_placement
from pipeline.config import Config
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError
from pipeline.jobs import Job, rejection
from pipeline.preflight import build_body
from pipeline.scene import PersonSpec, SceneSpec, read_scene, scene_name
from pipeline.stage_process import run_stage
from pipeline.stages import Plan
from pipeline.storage import write_json


def import_files(
    be_seq: Path,
    motions: Path,
    out: Path,
    config: Config,
    seed: int = 0,
    camera_animations: Path | None = None,
    camera_csv: Path | None = None,
    frame_step: int = 1,
) -> tuple[list[Path], Imported]:
    """Write one scene file per sequence to `out`; returns their paths and what was imported.

    Raises GenbError when nothing can be imported.
    """
    if camera_animations and camera_csv:
        raise GenbError("give --camera-animations or --camera-csv, not both.")
    if frame_step < 1:
        raise GenbError(f"--frame-step {frame_step} must be at least 1.")
    cameras = read_camera_animations(camera_animations) if camera_animations else None
    cameras = read_camera_csv(camera_csv) if camera_csv else cameras
    build_body(config)
    imported = import_scenes(be_seq, Sources(motions, config, seed, cameras, frame_step))
    paths = [out / f"{scene_name(spec.scene)}.json" for spec in imported.scenes]
    for path, spec in zip(paths, imported.scenes, strict=True):
        write_json(path, spec.model_dump(mode="json"))
    return paths, imported


def export_files(scene_files: list[Path], out: Path, config: Config) -> list[str]:
    """Write scene files as BEDLAM's; returns notes on what those cannot hold.

    People who do not play a BEDLAM file are posed first, below `out`/work.
    """
    scenes = [read_scene(path) for path in scene_files]
    plan = Plan(config, 0, out.absolute())
    _pose(plan, scenes)

    def clip_of(person: PersonSpec) -> PlacedClip:
        clip = SubjectMotion.load(plan.subject_dir("pose", person.subject) / MOTION_FILE)
        return PlacedClip(clip.pose, clip.transl, subject_placement(clip.joints[0, 0], person))

    return export_scenes(scenes, plan.out, Shelf(clip_of, body_model_name(config)))


def _pose(plan: Plan, scenes: list[SceneSpec]) -> None:
    """Run the pose stage for everybody who needs a motion file of their own."""
    people = [person for spec in scenes for person in spec.people]
    subjects = {p.subject.digest(): p.subject for p in people if played_file(p) is None}
    if not subjects:
        return
    build_body(plan.config)
    run_stage(Job("pose", plan, subjects=tuple(subjects.values())), "pose")
    for subject in subjects.values():
        reason = rejection(plan.subject_dir("pose", subject))
        if reason:
            raise GenbError(f"{subject.subject} cannot be posed: {reason['reason']}")
