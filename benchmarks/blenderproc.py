"""The render stage against BlenderProc 2.8.0 (Python package index): same scenes, same bpy.

`python benchmarks/blenderproc.py DATASET [--scenes 4] [--repeats 2]` builds scenes of a finished
dataset, and renders the first frame of each in turn with

(a) the render stage: RGB, and from unblended renders of their own depth, normals, instances,
    parts, bodies below their clothes and whatever else `RenderPasses` holds; PNG + npz;
(b) BlenderProc, one render: RGB, depth, normals, instances (`enable_segmentation_output`); hdf5;
(c) BlenderProc, two renders: the same with `render_segmap` for the instances; hdf5;
(0) bare Cycles: RGB only, with Blender's own PNG.

Timed in all: from the scene that is built (a, 0) or opened (b, c) in Blender to finished files.
Not timed: composing and dressing; building (a, 0), or opening the saved .blend (b, c), which are
shown beside it. Samples, bounces, seed, denoiser, threads and size are the same. pip installs
BlenderProc into `--env` (20 s, once), where it gets our bpy; it was written for Blender 4.2, so
`bproc_shim.py` gives the compositor its old names back. Prints how well the results agree (RGB in
dB; depth in mm; people's pixels that BlenderProc labels as ground or nothing: it labels meshes,
and hair is curves), then seconds, CPU seconds and ratios.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import bpy
import numpy as np
from bproc_process import BlenderProc, install
from PIL import Image
from render import bare_cycles, open_dataset, ratios, read_stage

from pipeline.blender import scene_render, session
from pipeline.config import Config
from pipeline.contracts import RenderPasses
from pipeline.seeding import Stream, integer_seed

SPENT: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
GROUND = 1
"""BlenderProc numbers meshes in order; the ground is our scenes' first."""
ROUTES = {
    "a": "the render stage",
    "b": "BlenderProc, one render",
    "c": "BlenderProc, two renders",
    "0": "bare Cycles, RGB only",
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--env", type=Path, default=Path(tempfile.gettempdir()) / "genb_bproc")
    args = parser.parse_args()
    config, plan = open_dataset(args.dataset)
    numbers = [n for n in range(args.scenes) if plan.scene_dir("render", n).exists()]
    python, packages = install(args.env.absolute())
    watch(scene_render, "_render_passes")
    watch(scene_render, "build_scene")
    watch(scene_render, "show_frame")
    seconds: dict[str, list[np.ndarray]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        other = BlenderProc(python, packages, Path(folder))
        for repeat in range(args.repeats):
            for number in numbers:
                one_scene(read_stage(plan, number), config, other, Path(folder), number, seconds)
            print(f"turn {repeat + 1}: done", flush=True)
        other.close()
    report(config, len(numbers), seconds)


def now() -> np.ndarray:
    """Seconds on the wall clock and of processor time, (2,)."""
    return np.array([time.perf_counter(), time.process_time()])


def watch(owner, name: str) -> None:
    """Add up the seconds spent in a function."""
    original = getattr(owner, name)

    def timed(*args, **kwargs):
        started = now()
        result = original(*args, **kwargs)
        SPENT[name] += now() - started
        return result

    setattr(owner, name, timed)


def one_scene(stage, config: Config, other: BlenderProc, folder: Path, number: int, seconds):
    """All routes once; in the first turn also the .blend file and how well the results agree."""
    blend = folder / f"{number}.blend"
    first = not blend.exists()
    if first:
        save_blend(stage, config, blend)
    for route, render in (("0", bare_cycles), ("a", scene_render.render_scene)):
        # A new folder each time: frames that are there already are not rendered again.
        ours = Path(tempfile.mkdtemp(dir=folder))
        SPENT.clear()
        started = now()
        render(stage, config, ours)
        build = SPENT["build_scene"] + SPENT["show_frame"]
        seconds[route].append((now() - started - build) / stage.spec.frames)
        seconds[f"{route} build"].append(build)
    seconds["a truth"].append(SPENT["_render_passes"] / stage.spec.frames)
    for route in "bc":
        out = folder / f"{number}_{route}"
        answer = other.render(blend, out, second_render=route == "c")
        seconds[route].append(np.array(answer["render"]))
        seconds[f"{route} build"].append(np.array(answer["open"]))
        if first:
            agreement(ours, out / "0.npz", number, route)


def save_blend(stage, config: Config, path: Path) -> None:
    """The built scene at its first frame, with the settings of its picture, as one file."""
    scene, figures, _ = scene_render.build_scene(stage, config)
    scene_render.show_frame(scene, stage.spec, figures, 0)
    seed = integer_seed(stage.spec.seed, Stream.MATERIAL, stage.spec.scene)
    session.picture_settings(scene, config.render, seed)
    with session.quiet():
        for image in bpy.data.images:
            image.pack()
        bpy.ops.wm.save_as_mainfile(filepath=str(path))


def agreement(ours: Path, copy: Path, number: int, route: str) -> None:
    """Print how far the results of the same frame are apart."""
    truth = RenderPasses.load(min(ours.glob("*.npz")))
    picture = np.asarray(Image.open(min(ours.glob("*.png")))).astype(float)
    with np.load(copy) as file:
        colours, depth, ids = (file[name] for name in ("colors", "depth", "instance_segmaps"))
    mse = np.mean((picture - colours) ** 2)
    same = f"{10 * np.log10(255**2 / mse):.0f} dB" if mse else "equal"
    hit = np.isfinite(truth.depth) & (depth < 1e9)
    gap_mm = np.percentile(np.abs(truth.depth - depth)[hit], 99) * 1000
    people = truth.instance > 0
    unlabelled = np.mean(ids[people] <= GROUND)
    print(f"scene {number} ({route}): RGB {same}, depth within {gap_mm:.2f} mm (99 %), "
          f"{unlabelled:.1%} of the people's pixels unlabelled")  # fmt: skip


def report(config: Config, scenes: int, seconds: dict[str, list[np.ndarray]]) -> None:
    """Print the table: wall clock, with CPU seconds in brackets."""
    mean = {name: np.mean(values, axis=0) for name, values in seconds.items()}
    text = {name: f"{wall:.2f} s ({cpu:.2f} CPU s)" for name, (wall, cpu) in mean.items()}
    camera = config.camera
    size = f"{camera.width} x {camera.height}, {config.render.samples} samples"
    denoiser = "OIDN" if config.render.denoise else "no denoiser"
    print(f"{scenes} scenes, {size}, {denoiser}; seconds per frame:")
    for route, title in ROUTES.items():
        print(f"({route}) {title}: {text[route]}; before that {text[f'{route} build']}")
        if route == "a":
            print(f"    of it, the renders of ground truth: {text['a truth']}")
            continue
        for which, name in enumerate(("wall", "CPU")):
            share = mean[route][which] / mean["a"][which]
            each = [[pair[which] for pair in seconds[r]] for r in (route, "a")]
            print(f"    {name} time of ({route}) / (a): {share:.3f} (scenes: {ratios(*each)})")


if __name__ == "__main__":
    main()
