"""The made dataset with two appearances per frame, and records as a painting would leave them."""

import json
import shutil
from copy import deepcopy
from functools import cache
from pathlib import Path

from made_scenes import made_dataset, run_stages

from pipeline.shards.sample import sample_json
from pipeline.stages import Plan

STEPS_RUN = 6


@cache
def two_appearances(body_dir: Path, made_dir: Path) -> Plan:
    """Re-render and pack the made scenes of `made_dir` once more, with two pictures per frame.

    Both are finished renders: they differ in the camera's look only.
    """
    made = made_dataset(body_dir, made_dir)
    config = made.plan.config
    diffusion = config.diffusion.model_copy(update={"appearances": 2})
    plan = Plan(
        config.model_copy(update={"diffusion": diffusion}),
        made.plan.seed,
        made_dir.with_name("appearances"),
    )
    shutil.copytree(made.plan.out / "work", plan.out / "work")
    run_stages(plan)
    return plan


def painted(
    record: dict, first_px: list[float], final_px: list[float], decision: str, treated: dict
) -> dict:
    """A record as of a painting in 6 steps.

    first_px, final_px: drift of each person in the first painting and in the picture. treated:
    person -> 'calmed' or 'render'.
    """
    record = deepcopy(record)
    first, final = (_drifted(record["drift"], px) for px in (first_px, final_px))
    return record | {
        "backend": "diffusers",
        "model": "some/model",
        "family": "sd15",
        "references": ["one", "two"],
        "revision": None,
        "steps_run": STEPS_RUN,
        "steps_applied": 0 if decision == "passthrough" else STEPS_RUN,
        "drift": final,
        "attempts": [{"drift": first, "faults": "made up"}, {"drift": final, "faults": ""}],
        "decision": decision,
        "reason": "made up" if treated else None,
        "treated": [{"person": k, "decision": v} for k, v in treated.items()],
    }


def _drifted(drift: dict, px: list[float]) -> dict:
    drift = deepcopy(drift)
    for person in drift["people"]:
        figures = {"mean_px": px[person["person"]], "p90_px": 2 * px[person["person"]]}
        person |= figures | {"used_share": 0.95, "lost_share": 0.0, "boundary_ratio": 1.0}
    return drift | {"mean_px": sum(px) / len(px), "p90_px": max(px), "used_share": 0.95}


def rerecorded(facts: dict, record: dict) -> dict:
    """A sample's JSON as if `record` had come from the re-rendering."""
    return sample_json(facts["key"], facts["shard"], facts, record)


def record_of(facts: dict) -> dict:
    """The record in a sample's JSON."""
    return json.loads(facts["rerender_record"])
