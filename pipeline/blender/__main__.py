"""The `render` stage: `python -m pipeline.blender job.json` makes pictures and ground truth."""

from functools import cache
from pathlib import Path

from pipeline import assets
from pipeline.blender.place import Surroundings
from pipeline.blender.scene_render import Stage, render_scene
from pipeline.blender.wardrobe import read_wardrobe
from pipeline.body.modelfile import model_path, read_model_file
from pipeline.contracts import SceneBodies
from pipeline.jobs import Job, load_scene, run_scenes, stage_main
from pipeline.scene import SceneSpec


def run(job: Job) -> None:
    """Render every scene of a job that is not rendered yet."""
    plan = job.plan
    model = cache(lambda gender: read_model_file(model_path(plan.body_dir, gender)))

    def produce(scene: int, folder: Path) -> None:
        spec = load_scene(plan, scene)
        bodies = SceneBodies.load(plan.scene_dir("bodies", scene) / "bodies.npz")
        stage = Stage(
            spec=spec,
            bodies=bodies,
            wardrobe=read_wardrobe(plan, spec, bodies),
            models=[model(person.subject.gender) for person in spec.people],
            around=surroundings(spec),
        )
        render_scene(stage, plan.config, folder)

    run_scenes(job, produce, resumable=True)


def surroundings(spec: SceneSpec) -> Surroundings:
    """The files of a scene's place; raises GenbError when one is missing."""
    hdri = assets.find("hdri", spec.light.hdri).asset
    name = spec.place.asset
    return Surroundings(
        hdri=assets.find_file("hdri", hdri.id),
        plain_floor=hdri.floor == "plain",
        file=assets.find_file("place", name) if name else None,
        asset=assets.find("place", name).asset if name else None,
    )


if __name__ == "__main__":
    stage_main(run)
