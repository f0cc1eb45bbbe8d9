"""The scenes of a sweep: rendered and labelled by the normal chain, or found in a dataset."""

from concurrent.futures import ThreadPoolExecutor

from pipeline.compose.audition import audition, member_file
from pipeline.compose.casting import cast_of_scenes
from pipeline.errors import GenbError
from pipeline.jobs import Job, rejection
from pipeline.preflight import build_body, check_before_start
from pipeline.stage_process import run_stage
from pipeline.stages import Plan
from pipeline.sweep.grid import Sweep

_STAGES = ("compose", "bodies", "render", "truth")
_DRESSED_AT_ONCE = 2


def sweep_scenes(sweep: Sweep) -> tuple[list[int], list[dict]]:
    """(usable scenes, rejected ones as {'scene', 'stage', 'reason'}); renders what is missing.

    Raises GenbError when a named dataset lacks some, or when none is usable.
    """
    plan, scenes = sweep.source, range(sweep.scenes)
    missing = [scene for scene in scenes if not plan.scene_dir("truth", scene).exists()]
    if missing and plan.out == sweep.plan.out:
        _make(plan, missing)
    elif missing:
        _explain_missing(plan, missing)
    found = {scene: rejection(plan.scene_dir("truth", scene)) for scene in scenes}
    rejected = [{"scene": scene, **reason} for scene, reason in found.items() if reason]
    usable = [scene for scene, reason in found.items() if not reason]
    if not usable:
        raise GenbError(
            f"all {sweep.scenes} scenes were rejected, the first because: {rejected[0]['reason']}. "
            "Take more of them with --scenes N."
        )
    return usable, rejected


def _make(plan: Plan, scenes: list[int]) -> None:
    """Cast, compose, render and label scenes, each stage in a process of its own."""
    check_before_start(plan, len(scenes))
    build_body(plan.config)
    cast = cast_of_scenes(plan.config, plan.seed, scenes)
    unheard = [index for index in cast if not member_file(plan, index).exists()]
    with ThreadPoolExecutor(_DRESSED_AT_ONCE) as pool:
        list(pool.map(lambda index: audition(plan, index, run_stage), unheard))
    for stage in _STAGES:
        run_stage(Job(stage, plan, scenes=tuple(scenes)), f"{stage}_sweep")


def _explain_missing(plan: Plan, missing: list[int]) -> None:
    if not (plan.out / "work").is_dir():
        raise GenbError(
            f"--from {plan.out}: no work/ folder there, and a finished dataset without it has no "
            "renders to paint. Leave --from out, then the sweep renders its own scenes."
        )
    raise GenbError(
        f"--from {plan.out}: {len(missing)} scene(s), the first number {missing[0]}, were not "
        f"rendered and labelled there under this configuration and seed {plan.seed} "
        f"({plan.stage_dir('truth')}). Name the configuration and the --seed of that dataset "
        "(only [diffusion] may differ), ask for fewer --scenes, or leave --from out."
    )
