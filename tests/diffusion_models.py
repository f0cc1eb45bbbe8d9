"""Configurations, requests and stage files for the re-rendering tests, on tiny random models."""

from functools import cache
from pathlib import Path

import numpy as np
from diffusion_pictures import passes_of, people_picture

from pipeline.config import Config
from pipeline.conventions import transform
from pipeline.diffusion import noise
from pipeline.diffusion.backends import Request
from pipeline.diffusion.images import write_image
from pipeline.diffusion.tiny import CONTROLS, write_tiny_pipeline
from pipeline.jobs import Job
from pipeline.scene import SceneSpec
from pipeline.stages import Plan
from pipeline.storage import write_json, write_npz
from pipeline.truth.schema import VISIBILITY

SIZE = 128
FAMILY_CONTROLS = {
    "sd15": CONTROLS,
    "sdxl": CONTROLS,
    "sdxl-union": ("openpose", "depth", "canny", "normal", "seg"),
    "flux": ("openpose", "depth", "canny"),
}
"""Without softedge, which needs weights of its own."""
LENIENT = {
    "max_px": 1000.0,
    "min_followed": 0.0,
    "max_lost": 1.0,
    "max_boundary_px": 0.0,
    "retries": 0,
}
"""Noise of random models is not to be judged."""


class TinyModels:
    """Folders of the tiny pipelines by family, written when first asked for."""

    def __init__(self, root: Path):
        self._write = cache(lambda family: write_tiny_pipeline(root / family, family))

    def __getitem__(self, family: str) -> Path:
        return self._write(family)


def tiny_section(tiny, family: str = "sd15", controls=None, **options) -> dict:
    """A `[diffusion]` table that paints with a tiny model."""
    folder = tiny[family]
    names = FAMILY_CONTROLS[family] if controls is None else controls
    one_net = family in ("sdxl-union", "flux")
    return {
        "backend": "diffusers",
        "family": family,
        "model": str(folder / "base"),
        "controlnets": [
            {"control": n, "model": str(folder / f"controlnet_{'depth' if one_net else n}")}
            for n in names
        ],
        "steps": 8,
        "denoise_steps": 4,
        "guidance_scale": 1.0,
        "scheduler": "flow" if family == "flux" else "dpm++",
        "finish": False,
        "drift": LENIENT,
        **options,
    }


def tiny_config(tiny, family: str = "sd15", **options) -> Config:
    """A configuration that paints with a tiny model."""
    return Config.model_validate({"diffusion": tiny_section(tiny, family, **options)})


def request_of(config: Config, shape=(SIZE, SIZE), seed: int = 3, **options) -> Request:
    """A made-up picture of two people, to be painted as configured."""
    image, part, instance = people_picture(1, SIZE)
    image, part, instance = (x[: shape[0], : shape[1]] for x in (image, part, instance))
    fields = {
        "image": image,
        "levels": noise.level_map(config.diffusion, part, instance),
        "part": part,
        "instance": instance,
        "controls": {net.control: image for net in config.diffusion.controlnets},
        "prompt": "a photo of two people",
        "seed": seed,
    }
    return Request(**(fields | options))


def write_scene(plan: Plan, frames: int = 2, scene: int = 0) -> SceneSpec:
    """The files that the stages before `rerender` leave behind, from made-up pictures."""
    person = {
        "subject": {
            "subject": "s0",
            "gender": "neutral",
            "sex": "female",
            "age_years": 30,
            "ancestry": [1, 0, 0],
            "betas": [0.0],
            "motion": {"name": "walk", "seed": 1, "frames": 2, "fps": 25},
            "outfit": [{"kind": "dress", "layer": "full"}],
        },
        "first_frame": 0,
        "position_m": [0, 0],
        "yaw_deg": 0,
        "expression": [],
        "appearance": {
            "skin_tone": 0.5,
            "iris": "blue",
            "hair_style": "short",
            "hair_colour": "grey",
            "garment_seeds": [1],
            "shoe_seed": 1,
            "seed": 1,
        },
    }
    spec = SceneSpec.model_validate(
        {
            "scene": scene,
            "seed": 5,
            "frames": frames,
            "people": [person, person],
            "camera": {
                "width": SIZE,
                "height": SIZE,
                "vfov_deg": 40,
                "eye_m": [0, -4, 1],
                "target_m": [0, 0, 1],
            },
            "light": {"hdri": "city", "rotation_deg": 0, "strength": 1, "exposure_stops": 0},
        }
    )
    write_json(plan.scene_dir("compose", scene) / "scene.json", spec.model_dump(mode="json"))
    for frame in range(frames):
        image, part, instance = people_picture(frame + 10 * scene, SIZE)
        name, folder = f"frame_{frame:04d}", plan.scene_dir("render", scene)
        write_image(folder / f"{name}.png", image)
        passes_of(part, instance).save(folder / f"{name}.npz")
        write_npz(plan.scene_dir("truth", scene) / f"{name}.npz", _labels(spec))
    return spec


def _labels(spec: SceneSpec) -> dict[str, np.ndarray]:
    """Joints of two people somewhere in the picture; the order of depth is that of the people."""
    rng = np.random.default_rng(0)
    uv = rng.uniform(20, SIZE - 20, (2, 127, 2))
    depth = np.broadcast_to(np.array([2.0, 3.0])[:, None, None], (2, 127, 1))
    K, T_cam_world = spec.camera.K(), spec.camera.T_cam_world()
    rays = np.concatenate([uv, np.ones_like(depth)], axis=-1) @ np.linalg.inv(K).T
    cam = rays * depth
    return {
        "joints_2d": uv.astype(np.float32),
        "joints_cam": cam.astype(np.float32),
        "joints_world": transform(np.linalg.inv(T_cam_world), cam).astype(np.float32),
        "joints_code": np.full((2, 127), VISIBILITY["visible"], np.uint8),
        "K": K,
        "T_cam_world": T_cam_world,
    }


def run_stage(config: Config, out: Path, frames: int = 2) -> Path:
    """Run the stage on a made-up scene in this process; returns the folder it wrote."""
    from pipeline.diffusion.__main__ import SceneWriter

    plan = Plan(config, 5, out)
    write_scene(plan, frames)
    folder = plan.scene_dir("rerender", 0)
    folder.mkdir(parents=True)
    SceneWriter(Job("rerender", plan, (0,))).scene(0, folder)
    return folder
