"""How the render stage's cost grows: with scenes in one process, with people, with resolution.

`python benchmarks/render_scaling.py DATASET [--scenes 100] [--crowd 16]` prints three tables:
(a) memory and seconds while scenes of the dataset (128 px, 2 samples) are built and rendered one
    after the other in one process, after each ten;
(b) one scene of the dataset with 1, 2, 4 ... people: its own first ones, then copies of them in
    rows behind and beside; same camera, light and samples;
(c) the same scene at 256, 512 and 1024 px.
Seconds are of the processor (all threads). Nothing is extrapolated.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import psutil
from render import open_dataset, read_stage

from pipeline.blender import scene_render
from pipeline.config import Config

SPENT: dict[str, float] = defaultdict(float)
COLUMNS = ("build_scene", "_render_picture", "_render_passes")
ROW_M = 1.1
_SIDE = np.array([0, 1, -1, 2, -2])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scenes", type=int, default=100, help="of table (a)")
    parser.add_argument("--crowd", type=int, default=16, help="most people of table (b)")
    args = parser.parse_args()
    config, plan = open_dataset(args.dataset)
    there = sorted(plan.stage_dir("render").glob("scene_*"))
    stages = [read_stage(plan, int(path.name.rpartition("_")[2])) for path in there]
    stages = [one_frame(stage) for stage in stages]
    watch(scene_render, "build_scene")
    watch(scene_render, "_render_picture")
    watch(scene_render, "_render_passes")
    memory(stages, config, args.scenes)
    fullest = max(stages, key=lambda stage: len(stage.spec.people))
    table("people", [(n, crowd(fullest, n)) for n in doubling(args.crowd)], config)
    table("px", [(n, resized(fullest, n)) for n in (256, 512, 1024)], config)


def memory(stages: list[scene_render.Stage], config: Config, scenes: int) -> None:
    """Table (a)."""
    quick = config.model_copy(update={"render": config.render.model_copy(update={"samples": 2})})
    process = psutil.Process()
    started = time.perf_counter()
    print("(a) scenes  MB in use  s per scene (wall), 128 px, 2 samples")
    print(f"         0     {process.memory_info().rss / 1e6:6.0f}")
    for done in range(1, scenes + 1):
        cost(resized(stages[done % len(stages)], 128), quick)
        if done % 10 == 0 or done == scenes:
            rss_mb = process.memory_info().rss / 1e6
            seconds = (time.perf_counter() - started) / (done % 10 or 10)
            started = time.perf_counter()
            print(f"    {done:6d}     {rss_mb:6.0f}       {seconds:5.2f}", flush=True)


def table(unit: str, rows: list[tuple[int, scene_render.Stage]], config: Config) -> None:
    """Tables (b) and (c): each row rendered twice, in turn, the mean taken."""
    seconds = defaultdict(list)
    for _ in range(2):
        for number, stage in rows:
            seconds[number].append(cost(stage, config))
    names = ["build", "picture", "truth", "all"]
    size = "" if unit == "px" else f"{rows[0][1].spec.camera.width} px, "
    print(f"{'(c)' if unit == 'px' else '(b)'} CPU seconds, {size}{config.render.samples} samples")
    print(f"  {unit:>6s}" + "".join(f"{name:>15s}" for name in names) + "   (x the first row)")
    first = np.mean(seconds[rows[0][0]], axis=0)
    for number, _ in rows:
        mean = np.mean(seconds[number], axis=0)
        cells = [f"{s:8.2f} {ratio:5.2f}x" for s, ratio in zip(mean, mean / first, strict=True)]
        print(f"  {number:6d}" + "".join(cells), flush=True)


def cost(stage: scene_render.Stage, config: Config) -> list[float]:
    """CPU seconds of one scene: building, picture, ground truth, everything."""
    SPENT.clear()
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        scene_render.render_scene(stage, config, Path(folder))
    return [SPENT[name] for name in COLUMNS] + [time.process_time() - started]


def watch(owner, name: str) -> None:
    """Add up the CPU seconds spent in a function."""
    original = getattr(owner, name)

    def timed(*args, **kwargs):
        started = time.process_time()
        result = original(*args, **kwargs)
        SPENT[name] += time.process_time() - started
        return result

    setattr(owner, name, timed)


def doubling(most: int) -> list[int]:
    """1, 2, 4 ... up to `most`."""
    return [1 << k for k in range(most.bit_length()) if 1 << k <= most]


def one_frame(stage: scene_render.Stage) -> scene_render.Stage:
    """The stage with its first frame alone, and a camera that stands still."""
    wanted = {"frames": 1, "camera": stage.spec.camera_at(0), "camera_path": []}
    return replace(stage, spec=stage.spec.model_copy(update=wanted))


def resized(stage: scene_render.Stage, width: int) -> scene_render.Stage:
    """The same view at another size."""
    camera = stage.spec.camera
    height = round(camera.height * width / camera.width)
    camera = camera.model_copy(update={"width": width, "height": height})
    return replace(stage, spec=stage.spec.model_copy(update={"camera": camera}))


def crowd(stage: scene_render.Stage, size: int) -> scene_render.Stage:
    """The first people of the stage, and copies of them in rows when it has not enough."""
    own = len(stage.spec.people)
    which = np.arange(size) % own
    copy = np.arange(size) // own
    ahead = stage.spec.camera.T_cam_world()[2, :3] * (1, 1, 0)
    ahead *= ROW_M / np.linalg.norm(ahead)
    right = np.cross(ahead, (0, 0, 1))
    shift_m = copy[:, None] * ahead + 0.6 * _SIDE[copy % len(_SIDE)][:, None] * right
    bodies = stage.bodies
    moved = {f.name: take(f.name, getattr(bodies, f.name), which) for f in fields(bodies)}
    moved["vertices"] = (moved["vertices"] + shift_m[None, :, None]).astype(np.float32)
    wardrobe = [
        [replace(w, vertices=(w.vertices + shift).astype(np.float32)) for w in stage.wardrobe[k]]
        for k, shift in zip(which, shift_m, strict=True)
    ]
    people = [stage.spec.people[k] for k in which]
    return replace(
        stage,
        spec=stage.spec.model_copy(update={"people": people}),
        bodies=type(bodies)(**moved),
        wardrobe=wardrobe,
        models=[stage.models[k] for k in which],
    )


def take(name: str, array: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The chosen people of a field of `SceneBodies`."""
    return array[which] if name in ("betas", "expression", "tpose") else array[:, which]


if __name__ == "__main__":
    main()
