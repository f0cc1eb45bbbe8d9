"""What re-rendering costs beyond a bare call of diffusers, on networks of real size.

    python benchmarks/rerender.py DATASET [--pictures 2] [--size 256] [--steps 2]

The networks are Stable Diffusion 1.5's (UNet, ControlNet, autoencoder, text encoder) with RANDOM
weights: what they paint is noise, what they cost is real. Each turn paints the same pictures with
`pipe(...)` alone, which encodes, denoises and decodes, and with the whole stage: files read,
controls drawn, regional noise, finish, drift, files written. The order alternates.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from pipeline.config import Config
from pipeline.contracts import RenderPasses
from pipeline.diffusion.__main__ import SceneWriter
from pipeline.diffusion.drift import measure_drift
from pipeline.diffusion.finish import finish_frame
from pipeline.diffusion.images import write_image
from pipeline.diffusion.line import Work
from pipeline.diffusion.noise import level_map
from pipeline.diffusion.rerender import Frame, Rerenderer, load_frame
from pipeline.jobs import Job, load_scene
from pipeline.stages import Plan
from pipeline.storage import read_json

_CONTROL = "depth"


def write_real_size(folder: Path) -> None:
    """SD1.5's networks, randomly initialised in half precision on disk (2.7 GB)."""
    from diffusers import (
        AutoencoderKL,
        ControlNetModel,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    from pipeline.diffusion.tiny import byte_tokenizer, sd15_pipeline

    torch.manual_seed(0)
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    tokenizer = byte_tokenizer(folder / "tokenizer")
    size = len(tokenizer)
    ends = {"bos_token_id": size - 2, "eos_token_id": size - 1, "pad_token_id": size - 1}
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            vocab_size=49408,
            **ends,
        )
    )
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        sample_size=512,
    )
    pipe = sd15_pipeline(vae, tokenizer, text, unet)
    net = ControlNetModel.from_unet(unet)
    for part, name in ((pipe, "base"), (net, f"controlnet_{_CONTROL}")):
        part.to(torch.float16).save_pretrained(folder / name)


def configured(config: Config, model: Path, steps: int) -> Config:
    """The dataset's configuration with the real-size model; every picture passes."""
    section = {
        "backend": "diffusers",
        "model": str(model / "base"),
        "controlnets": [{"control": _CONTROL, "model": str(model / f"controlnet_{_CONTROL}")}],
        "steps": 2 * steps,
        "denoise_steps": steps,
        "noise": {"face": max(steps // 2, 1)},
        "drift": {
            "max_px": 1e6,
            "min_followed": 0.0,
            "max_lost": 1.0,
            "max_boundary_px": 0.0,
            "retries": 0,
        },
    }
    return Config.model_validate(config.model_dump(mode="json") | {"diffusion": section})


class Shrunk(SceneWriter):
    """The stage on smaller pictures, so that a CPU comes to an end."""

    def __init__(self, job: Job, size: int, source: Plan):
        super().__init__(job)
        self.scenes = job.scenes
        self.frames = [
            _shrunk(load_frame(source, load_scene(source, scene), 0), size) for scene in job.scenes
        ]
        self.line.works_from = self._works_from

    def _works_from(self, first: int):
        for frame in self.frames[self.scenes.index(first) :]:
            controls = self.rerenderer.wanted_controls(frame)
            yield Work(frame, 0, self.rerenderer.request(frame, 0, controls))


def _shrunk(frame: Frame, size: int) -> Frame:
    """A frame's picture and passes at another size (labels keep their pixels)."""

    def small(array: np.ndarray) -> np.ndarray:
        return cv2.resize(array, (size, size), interpolation=cv2.INTER_NEAREST)

    passes = frame.passes
    arrays = {
        name: small(getattr(passes, name))
        for name in ("depth", "instance", "part", "body_instance", "body_depth", "body_face")
    }
    arrays["normal"] = small(passes.normal.astype(np.float32)).astype(np.float16)
    arrays["body_bary"] = small(passes.body_bary.astype(np.float32)).astype(np.float16)
    arrays["amodal"] = np.stack([small(a.astype(np.uint8)) > 0 for a in passes.amodal])
    fields = {name: getattr(passes, name) for name in RenderPasses.__dataclass_fields__} | arrays
    fields["flow"] = passes.flow[:0, :0]
    return Frame(frame.spec, frame.frame, small(frame.render), RenderPasses(**fields), frame.labels)


def bare(writer: Shrunk, steps: int) -> list[float]:
    """Seconds of a plain diffusers call per picture."""
    pipe, seconds = writer.rerenderer.backend.family.pipe, []
    for frame in writer.frames:
        picture = torch.from_numpy(frame.render.copy()).permute(2, 0, 1)[None].float() / 255
        control = writer.rerenderer.controls(frame, [_CONTROL])[_CONTROL]
        hint = torch.from_numpy(control.copy()).permute(2, 0, 1)[None].float() / 255
        started = time.perf_counter()
        with torch.inference_mode():
            pipe(
                prompt="a photograph of people",
                negative_prompt=writer.section.negative_prompt,
                image=picture,
                control_image=[hint],
                controlnet_conditioning_scale=[1.0],
                strength=(steps + 0.5) / (2 * steps),
                num_inference_steps=2 * steps,
                guidance_scale=writer.section.guidance_scale,
                generator=torch.Generator().manual_seed(0),
                output_type="np",
            )
        seconds.append(time.perf_counter() - started)
    return seconds


def ours(writer: Shrunk, folder: Path) -> list[float]:
    """Seconds of the stage per scene of one frame, models loaded."""
    seconds = []
    for scene in writer.scenes:
        target = folder / f"{scene}_{time.perf_counter_ns()}"
        target.mkdir()
        started = time.perf_counter()
        writer.scene(scene, target)
        seconds.append(time.perf_counter() - started)
    return seconds


def parts(writer: Shrunk, source: Plan) -> dict[str, float]:
    """Seconds per picture of what the stage does around diffusers, at full size."""
    told: dict[str, list[float]] = {}
    rerenderer: Rerenderer = writer.rerenderer
    for scene in writer.scenes:
        spec = load_scene(source, scene)
        clock = [time.perf_counter()]
        frame = load_frame(source, spec, 0)
        clock.append(time.perf_counter())
        rerenderer.controls(frame, ["openpose", "depth", "normal", "canny"])
        clock.append(time.perf_counter())
        level_map(writer.section, frame.passes.part, frame.passes.instance)
        clock.append(time.perf_counter())
        final, _ = finish_frame(frame.render, 0, scene, 0)
        clock.append(time.perf_counter())
        measure_drift(frame.render, final, frame.passes.instance)
        clock.append(time.perf_counter())
        with tempfile.TemporaryDirectory() as folder:
            write_image(Path(folder) / "x.png", final)
        clock.append(time.perf_counter())
        names = ("load", "four controls", "noise map", "finish", "drift", "write")
        for name, duration in zip(names, np.diff(clock), strict=True):
            told.setdefault(name, []).append(float(duration))
    return {name: round(float(np.median(values)), 4) for name, values in told.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, help="finished dataset folder that keeps its work/")
    parser.add_argument("--pictures", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    description = read_json(given.dataset / "dataset.json")
    # Renders and labels do not depend on how they were re-rendered.
    config = Config.model_validate(description["config"] | {"diffusion": {}})
    source = Plan(config, description["seed"], given.dataset.absolute())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_real_size(folder / "model")
        plan = Plan(configured(config, folder / "model", given.steps), source.seed, source.out)
        writer = Shrunk(Job("rerender", plan, tuple(range(given.pictures))), given.size, source)
        bare(writer, given.steps)  # The first call of each network is slower.
        seconds: dict[str, list[float]] = {"bare": [], "ours": []}
        for turn in range(given.turns):
            for route in ("bare", "ours") if turn % 2 == 0 else ("ours", "bare"):
                made = bare(writer, given.steps) if route == "bare" else ours(writer, folder)
                seconds[route] += made
                print(f"turn {turn} {route}: {np.mean(made):.2f} s per picture", flush=True)
        means = {route: float(np.mean(values)) for route, values in seconds.items()}
        print(f"bare {means['bare']:.2f} s, ours {means['ours']:.2f} s per picture")
        print(f"ratio {means['ours'] / means['bare']:.4f}")
        print("around diffusers, s per picture at full size:", json.dumps(parts(writer, source)))


if __name__ == "__main__":
    main()
