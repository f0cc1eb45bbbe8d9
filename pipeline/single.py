"""One scene through the whole chain without luigi: `genb sample`, `genb scene FILE`."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.compose.audition import audition, member_file
from pipeline.compose.casting import cast_of_scene
from pipeline.errors import GenbError
from pipeline.jobs import SCENE_FILE, Job, rejection
from pipeline.preflight import build_body, check_before_start
from pipeline.scene import SceneSpec, read_scene, scene_name
from pipeline.stage_process import run_stage
from pipeline.stages import SCENE_STAGES, Plan
from pipeline.storage import atomic_dir, write_json

_DRESSED_AT_ONCE = 2


def run_sampled_scene(plan: Plan, scene: int) -> Path:
    """Compose scene number `scene` and run it; returns the contact sheet's path."""
    check_before_start(plan, 1)
    build_body(plan.config)
    _cast(plan, scene)
    run_stage(Job("compose", plan, scenes=(scene,)), f"compose_{scene:06d}")
    reason = rejection(plan.scene_dir("compose", scene))
    if reason:
        raise GenbError(f"the scene was rejected: {reason['reason']}")
    return _finish(plan, read_scene(plan.scene_dir("compose", scene) / SCENE_FILE))


def run_scene_file(plan: Plan, path: Path) -> Path:
    """Run a scene as its file says; what an earlier version of that scene left is replaced."""
    spec = read_scene(path)
    if (plan.out / "dataset.json").exists():
        raise GenbError(
            f"{plan.out} holds a finished dataset, and an edited scene would take the place of its "
            f"scene {spec.scene}. Choose another folder with --out DIR."
        )
    check_before_start(plan, 1)
    build_body(plan.config)
    composed = plan.scene_dir("compose", spec.scene)
    if not composed.exists() or read_scene(composed / SCENE_FILE) != spec:
        for stage in SCENE_STAGES:
            shutil.rmtree(plan.scene_dir(stage, spec.scene), ignore_errors=True)
        with atomic_dir(composed) as folder:
            write_json(folder / SCENE_FILE, spec.model_dump(mode="json"))
    return _finish(plan, spec)


def _cast(plan: Plan, scene: int) -> None:
    """Hold the auditions for a scene's parts, two at a time."""
    indices = cast_of_scene(plan.config, plan.seed, scene)
    missing = [i for i in indices if not member_file(plan, i).exists()]
    with ThreadPoolExecutor(_DRESSED_AT_ONCE) as pool:
        list(pool.map(lambda index: audition(plan, index, run_stage), missing))


def _finish(plan: Plan, spec: SceneSpec) -> Path:
    from pipeline.report.contact_sheet import write_contact_sheet

    subjects = {s.digest(): s for s in spec.subjects()}
    run_stage(Job("pose", plan, subjects=tuple(subjects.values())), "pose")
    with ThreadPoolExecutor(_DRESSED_AT_ONCE) as pool:
        jobs = [
            pool.submit(run_stage, Job("dress", plan, subjects=(subject,)), f"dress_{digest}")
            for digest, subject in subjects.items()
        ]
        for job in jobs:
            job.result()
    for stage in ("bodies", "render", "truth", "rerender"):
        run_stage(Job(stage, plan, scenes=(spec.scene,)), f"{stage}_{spec.scene:06d}")
    reason = rejection(plan.scene_dir("rerender", spec.scene))
    if reason:
        raise GenbError(f"the scene was rejected at {reason['stage']}: {reason['reason']}")
    sheet = plan.out / f"{scene_name(spec.scene)}.png"
    write_contact_sheet(plan, spec.scene, 0, sheet)
    return sheet
