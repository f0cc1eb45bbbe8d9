"""What the render stage costs beside bare Cycles, on the same scenes and settings.

`python benchmarks/render.py DATASET [--scenes 4] [--repeats 2]` takes scenes of a finished dataset
and, in one process and in turn, (a) builds each in Blender and lets Cycles write the RGB image with
Blender's own file writer, and (b) runs the render stage: RGB, all passes, all files. It prints the
seconds of both, the ratio, and where the difference goes.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import bpy
import numpy as np

from pipeline.blender import amodal, passes, scene_render, session
from pipeline.blender.__main__ import surroundings
from pipeline.blender.wardrobe import read_wardrobe
from pipeline.body.modelfile import model_path, read_model_file
from pipeline.config import Config
from pipeline.contracts import RenderPasses, SceneBodies
from pipeline.jobs import load_scene
from pipeline.stages import Plan
from pipeline.storage import read_json

SPENT: dict[str, float] = defaultdict(float)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    config, plan = open_dataset(args.dataset)
    numbers = [n for n in range(args.scenes) if plan.scene_dir("render", n).exists()]
    stages = [read_stage(plan, number) for number in numbers]
    watch(passes, "render_truth", "two passes of ground truth")
    watch(amodal, "render_amodal", "amodal masks")
    watch(RenderPasses, "save", "compressing and writing the passes, beside the rendering")
    watch(scene_render, "_render_picture", "the picture")
    bare, ours = [], []
    for repeat in range(args.repeats):
        for stage in stages:
            for route, seconds in ((bare_cycles, bare), (scene_render.render_scene, ours)):
                with tempfile.TemporaryDirectory() as folder:
                    started = time.perf_counter()
                    route(stage, config, Path(folder))
                    seconds.append(time.perf_counter() - started)
        print(f"turn {repeat + 1}: done", flush=True)
    frames = args.repeats * sum(stage.spec.frames for stage in stages)
    size = (config.camera.width, config.camera.height, config.render.samples)
    print(f"{len(stages)} scenes, {frames} frames in all, {size[0]} x {size[1]}, {size[2]} samples")
    print(f"bare Cycles, RGB only: {sum(bare) / frames:.2f} s per frame")
    print(f"render stage:          {sum(ours) / frames:.2f} s per frame")
    print(f"ratio: {sum(ours) / sum(bare):.3f} (scene by scene {ratios(ours, bare)})")
    for name, seconds in SPENT.items():
        print(f"  {name}: {seconds / frames:.2f} s per frame")


def open_dataset(folder: Path) -> tuple[Config, Plan]:
    """Configuration and plan of a finished dataset that still has its work folder."""
    description = read_json(folder / "dataset.json")
    config = Config.model_validate(description["config"])
    return config, Plan(config, description["seed"], folder)


def ratios(ours: list[float], bare: list[float]) -> str:
    """Smallest, median and largest ratio."""
    found = np.array(ours) / np.array(bare)
    return f"{found.min():.2f} / {np.median(found):.2f} / {found.max():.2f}"


def watch(owner, name: str, title: str) -> None:
    """Add up the seconds spent in a function."""
    original = getattr(owner, name)

    def timed(*args, **kwargs):
        started = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            SPENT[title] += time.perf_counter() - started

    setattr(owner, name, timed)


def read_stage(plan: Plan, number: int) -> scene_render.Stage:
    """A composed scene as the render stage reads it."""
    spec = load_scene(plan, number)
    bodies = SceneBodies.load(plan.scene_dir("bodies", number) / "bodies.npz")
    return scene_render.Stage(
        spec=spec,
        bodies=bodies,
        wardrobe=read_wardrobe(plan, spec, bodies),
        models=[read_model_file(model_path(plan.body_dir, p.subject.gender)) for p in spec.people],
        around=surroundings(spec),
    )


def bare_cycles(stage: scene_render.Stage, config: Config, folder: Path) -> None:
    """The same pictures, and nothing else."""
    scene, figures, _ = scene_render.build_scene(stage, config)
    session.picture_settings(scene, config.render, seed=1)
    scene.render.image_settings.file_format = "PNG"
    for frame in range(stage.spec.frames):
        scene_render.show_frame(scene, stage.spec, figures, frame)
        scene.render.filepath = str(folder / f"{frame}.png")
        with session.quiet():
            bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
