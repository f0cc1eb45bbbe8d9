"""Batches across scenes: the same pictures, and nobody pays for another scene's fault."""

import pytest
from diffusion_models import tiny_config, write_scene

from pipeline.diffusion.__main__ import run
from pipeline.errors import GenbError
from pipeline.jobs import Job, rejection, write_rejection
from pipeline.stages import Plan
from pipeline.storage import atomic_dir

SCENES = (0, 1, 2, 3)


def _plan(tiny, out, batch: int, **options) -> Plan:
    config = tiny_config(tiny, controls=["depth"], appearances=2, **options)
    execution = config.execution.model_copy(update={"batch": batch})
    plan = Plan(config.model_copy(update={"execution": execution}), 5, out)
    for scene, frames in zip(SCENES, (1, 3, 1, 1), strict=True):
        write_scene(plan, frames, scene)
    return plan


def _files(plan: Plan) -> dict:
    folder = plan.stage_dir("rerender")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_batches_across_scenes_change_nothing(tiny, tmp_path):
    plans = [_plan(tiny, tmp_path / str(batch), batch) for batch in (1, 5)]
    for plan in plans:
        run(Job("rerender", plan, SCENES))
    files = [_files(plan) for plan in plans]
    assert files[0] == files[1] and len(files[0]) == 2 * 2 * (1 + 3 + 1 + 1)


def test_scenes_that_are_done_or_rejected_are_passed_over(tiny, tmp_path):
    plan = _plan(tiny, tmp_path, 3)
    run(Job("rerender", plan, (1,)))
    with atomic_dir(plan.scene_dir("truth", 2).with_name("gone")):
        pass
    write_rejection(plan.scene_dir("truth", 2), {"stage": "truth", "reason": "too dark"})
    run(Job("rerender", plan, SCENES))
    assert rejection(plan.scene_dir("rerender", 2))["reason"] == "too dark"
    whole = _plan(tiny, tmp_path / "whole", 1)
    run(Job("rerender", whole, SCENES))
    expected = {name: data for name, data in _files(whole).items() if "scene_000002" not in name}
    found = {name: data for name, data in _files(plan).items() if "scene_000002" not in name}
    assert found == expected


def test_a_scene_with_a_missing_file_does_not_take_the_others_before_it_along(tiny, tmp_path):
    plan = _plan(tiny, tmp_path, 4)
    (plan.scene_dir("render", 2) / "frame_0000.png").unlink()
    with pytest.raises(GenbError, match="scene_000002/frame_0000.png is missing"):
        run(Job("rerender", plan, SCENES))
    done = [scene for scene in SCENES if plan.scene_dir("rerender", scene).is_dir()]
    assert done == [0, 1]


def test_a_scene_that_is_given_up_in_the_middle_leaves_the_next_ones_whole(tiny, tmp_path):
    strict = {
        "max_px": 0.01,
        "min_followed": 0.0,
        "max_lost": 1.0,
        "max_boundary_px": 0.0,
        "retries": 0,
    }
    plan = _plan(tiny, tmp_path, 4, drift=strict | {"on_drift": "reject"})
    run(Job("rerender", plan, SCENES))
    reasons = [rejection(plan.scene_dir("rerender", scene)) for scene in SCENES]
    assert all(reason["stage"] == "rerender" for reason in reasons)
    assert all("person" in reason["reason"] for reason in reasons)
