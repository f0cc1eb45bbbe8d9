"""Small datasets of made scenes in chosen splits, to be merged, selected from and appended to."""

from pathlib import Path

from made_scenes import load_model, make_plan, make_spec, pose_people, render, write_upstream

from pipeline.compose.splits import SPLITS
from pipeline.diffusion.__main__ import run as run_rerender
from pipeline.jobs import Job
from pipeline.scene import SceneSpec
from pipeline.shards.__main__ import run as run_shards
from pipeline.shards.finish import finish_dataset
from pipeline.shards.records import shard_blocks, shard_complete
from pipeline.stages import Plan
from pipeline.truth.__main__ import run as run_truth

NEXT_TO = [(-0.5, 0.2), (0.6, 0.5)]


def scene_of(number: int, split: str, people: list[tuple[int, str]], frames: int = 1) -> SceneSpec:
    """A scene of people given as (seed, motion); the seed makes the body and is in the name."""
    placed = [
        {"x": x, "y": y, "yaw": 40.0 * seed, "seed": seed}
        for (seed, _), (x, y) in zip(people, NEXT_TO, strict=False)
    ]
    spec = make_spec(number, placed, frames)
    moved = []
    for person, (_, motion) in zip(spec.people, people, strict=True):
        motion = person.subject.motion.model_copy(update={"name": motion})
        subject = person.subject.model_copy(update={"motion": motion})
        moved.append(person.model_copy(update={"subject": subject}))
    return spec.model_copy(update={"people": moved, "split": split})


def renamed(spec: SceneSpec, old: str, new: str) -> SceneSpec:
    """The scene with a subject under another name."""
    people = [
        person.model_copy(update={"subject": person.subject.model_copy(update={"subject": new})})
        if person.subject.subject == old
        else person
        for person in spec.people
    ]
    return spec.model_copy(update={"people": people})


def build(out: Path, specs: list[SceneSpec], seed: int = 7, **sections) -> Plan:
    """Render, label, re-render (pass-through) and pack the scenes 0, 1, ... as a dataset."""
    chosen = make_plan(out, **{"shards": {"scenes_per_shard": 2}} | sections)
    plan = Plan(chosen.config, seed, out)
    assert [spec.scene for spec in specs] == list(range(len(specs)))
    assert {spec.split for spec in specs} <= set(SPLITS)
    model = load_model(plan.body_dir)
    for spec in specs:
        if not plan.scene_dir("compose", spec.scene).exists():
            bodies = pose_people(spec, model)
            passes = [render(spec, bodies, model, frame, None) for frame in range(spec.frames)]
            write_upstream(plan, spec, bodies, passes)
    numbers = tuple(range(len(specs)))
    for run, stage in ((run_truth, "truth"), (run_rerender, "rerender")):
        missing = tuple(n for n in numbers if not plan.scene_dir(stage, n).exists())
        run(Job(stage, plan, scenes=missing))
    for index, block in shard_blocks(plan, len(specs)):
        if not shard_complete(plan, index, block):
            run_shards(Job("shards", plan, scenes=tuple(block)))
    finish_dataset(plan, numbers)
    return plan
