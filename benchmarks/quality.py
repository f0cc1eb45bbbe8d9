"""What a sampling setting costs and how good the picture is: the curve that presets are chosen by.

`python benchmarks/quality.py DATASET [--scenes 0 2] [--size 512] [--reference 512]` renders the
first frame of scenes of a finished dataset with every setting of `SETTINGS` and compares the PNG
values with a reference: the mean of two pictures of `--reference` samples each, without denoiser.
It prints, sorted by cost, CPU seconds for the picture (all of it: sync, BVH, samples, denoising,
file), PSNR in dB of the whole image and of the people alone, and a `*` where nothing is both
cheaper and better (people). Bounces and clamping are the render stage's on both sides, so their
bias is not part of the figures. How far the reference's own noise lets one see is printed too.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from PIL import Image
from render import open_dataset, read_stage

from pipeline.blender import passes, scene_render, session
from pipeline.config import Config


@dataclass(frozen=True)
class Setting:
    """denoise: OIDN quality and prefilter, or None. threshold: of adaptive sampling, 0 = off."""

    samples: int
    denoise: tuple[str, str] | None = ("HIGH", "FAST")
    threshold: float = 0.0
    pattern: str = "BLUE_NOISE"

    def __str__(self) -> str:
        words = [f"{self.samples:4d} samples", "raw" if self.denoise is None else "OIDN"]
        words += list(self.denoise or ())
        if self.threshold:
            words[0] = f"<={self.samples:3d} adaptive {self.threshold}"
        if self.pattern != "BLUE_NOISE":
            words.append(self.pattern)
        return " ".join(words)


SETTINGS = [
    *(Setting(n, None) for n in (4, 16, 64)),
    *(Setting(n) for n in (4, 8, 16, 32, 64)),
    *(Setting(n, ("HIGH", "ACCURATE")) for n in (4, 8, 16, 32, 64)),
    *(Setting(n, ("BALANCED", "FAST")) for n in (4, 16, 64)),
    *(Setting(n, ("HIGH", "NONE")) for n in (4, 16)),
    *(Setting(128, threshold=t) for t in (0.2, 0.1, 0.06, 0.03)),
    *(Setting(128, ("HIGH", "ACCURATE"), threshold=t) for t in (0.06, 0.03)),
    Setting(16, pattern="TABULATED_SOBOL"),
]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scenes", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--size", type=int, default=512, help="width in px, default 512")
    parser.add_argument("--reference", type=int, default=512, help="samples, twice")
    args = parser.parse_args()
    config, plan = open_dataset(args.dataset)
    rows = []
    for number in args.scenes:
        stage = read_stage(plan, number)
        rows.append(measure(stage, config, args.size, args.reference))
        print(
            f"scene {number}: {len(stage.spec.people)} people, {stage.spec.light.hdri}", flush=True
        )
    cost, whole, people, limit = (np.mean(column, axis=0) for column in zip(*rows, strict=True))
    print(f"{len(rows)} scenes, {args.size} px wide; reference 2 x {args.reference} samples,")
    print(f"its own noise {limit[0]:.1f} dB (people {limit[1]:.1f} dB)")
    print("  CPU s   image  people  setting")
    for k in np.argsort(cost):
        beaten = ((cost < cost[k]) & (people >= people[k])).any()
        mark = " " if beaten else "*"
        print(f"{mark} {cost[k]:5.1f}  {whole[k]:5.2f}   {people[k]:5.2f}  {SETTINGS[k]}")


def measure(stage, config: Config, width: int, reference: int):
    """CPU seconds, PSNR of the image and of the people per setting; the reference's own PSNR."""
    scene, figures, _ = scene_render.build_scene(stage, config)
    scene_render.show_frame(scene, stage.spec, figures, 0)
    scene.render.resolution_percentage = round(100 * width / scene.render.resolution_x)
    people = passes.render_truth(scene, passes.prepare(scene))["instance"] > 0
    everything = np.ones_like(people)
    halves = [render(scene, config, Setting(reference, None), seed)[0] for seed in (11, 12)]
    truth = sum(halves) / 2
    # The halves differ by twice the error of their mean.
    limit = [psnr(halves[0], halves[1], mask) + 6.02 for mask in (everything, people)]
    cost, whole, persons = [], [], []
    for setting in SETTINGS:
        picture, seconds = render(scene, config, setting, seed=1)
        cost.append(seconds)
        whole.append(psnr(picture, truth, everything))
        persons.append(psnr(picture, truth, people))
    return cost, whole, persons, limit


def psnr(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Of PNG values, dB."""
    return float(10 * np.log10(255**2 / np.mean((picture - truth)[mask] ** 2)))


def render(
    scene: bpy.types.Scene, config: Config, setting: Setting, seed: int
) -> tuple[np.ndarray, float]:
    """The picture (H, W, 3) as PNG values, and its CPU seconds."""
    wanted = {"samples": setting.samples, "denoise": setting.denoise is not None}
    session.picture_settings(scene, config.render.model_copy(update=wanted), seed)
    cycles = scene.cycles
    cycles.sampling_pattern = setting.pattern
    cycles.use_adaptive_sampling = setting.threshold > 0
    if setting.threshold:
        cycles.adaptive_threshold, cycles.adaptive_min_samples = setting.threshold, 0
    if setting.denoise:
        cycles.denoising_quality, cycles.denoising_prefilter = setting.denoise
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.compression = "PNG", "RGB", 0
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/picture.png"
        started = time.process_time()
        with session.quiet():
            bpy.ops.render.render(write_still=True)
        seconds = time.process_time() - started
        with Image.open(scene.render.filepath) as picture:
            return np.asarray(picture.convert("RGB")).astype(float), seconds


if __name__ == "__main__":
    main()
