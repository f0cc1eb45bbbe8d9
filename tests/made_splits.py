"""The made dataset once more with its last scene in another split, for tests of exports."""

from functools import cache
from pathlib import Path

from made_scenes import REASON, made_dataset, make_plan, run_stages, write_rejection, write_upstream

from pipeline.dataset import Dataset

SPLIT_OF = {0: "train", 2: "val"}
"""Scene -> its split."""


@cache
def divided_dataset(body_dir: Path, folder: Path) -> Dataset:
    """Scene 0 (three people, two frames) in train, scene 2 (one person) in val."""
    made = made_dataset(body_dir, folder / "made")
    sections = {name: made.plan.config.model_dump()[name] for name in ("shards", "limits", "scene")}
    plan = make_plan(folder / "divided", **sections)
    for scene, spec in made.specs.items():
        divided = spec.model_copy(update={"split": SPLIT_OF.get(scene, "train")})
        write_upstream(plan, divided, made.bodies[scene], made.passes[scene])
    write_rejection(plan, "render", 1, REASON)
    run_stages(plan)
    return Dataset(plan.out)
