"""Stage `rerender`: every frame's final image, what made it, and whether it still fits its labels.

Run as `python -m pipeline.diffusion job.json`. Reads the render and the truth, writes
`frame_0000.png` and `frame_0000.json`, and the control pictures when asked to.
"""

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from pipeline.contracts import RenderPasses
from pipeline.diffusion.backends import Request, make_backend
from pipeline.diffusion.controls import control_pictures
from pipeline.diffusion.drift import fault, measure_drift
from pipeline.diffusion.finish import finish_frame
from pipeline.diffusion.noise import is_passthrough, level_map, levels_by_region
from pipeline.diffusion.prompts import scene_prompt
from pipeline.errors import GenbError, SceneRejected
from pipeline.jobs import Job, load_scene, run_scenes, stage_main
from pipeline.scene import SceneSpec, frame_name
from pipeline.seeding import Stream, integer_seed
from pipeline.storage import read_npz, write_bytes, write_json

_ALL_CONTROLS = ["openpose", "depth", "normal", "canny"]


class Rerenderer:
    """Re-renders the frames of one job; models are loaded once, and only if a frame needs them."""

    def __init__(self, job: Job):
        self.plan = job.plan
        self.section = job.plan.config.diffusion

    @cached_property
    def backend(self):
        """The configured backend, loaded."""
        return make_backend(self.plan.config)

    def scene(self, scene: int, folder: Path) -> None:
        """Write all frames of a scene into `folder`."""
        spec = load_scene(self.plan, scene)
        for frame in range(spec.frames):
            self._frame(spec, frame, folder)

    def _frame(self, spec: SceneSpec, frame: int, folder: Path) -> None:
        section, name = self.section, frame_name(frame)
        source = self.plan.scene_dir("render", spec.scene)
        render = read_image(source / f"{name}.png")
        passes = RenderPasses.load(source / f"{name}.npz")
        levels = level_map(section, passes.part, passes.instance)
        controls = self._controls(spec, frame, render, passes, folder)
        request = Request(
            render,
            levels,
            passes.part,
            controls,
            section.prompt or scene_prompt(spec),
            integer_seed(spec.seed, Stream.DIFFUSION, spec.scene, frame),
        )
        rendered = self.backend.rerender(request)
        final, look = self._finish(rendered.image, spec, frame)
        drift = measure_drift(render, final, passes.instance)
        record = self._provenance(request, rendered.record) | {"drift": drift.to_json()}
        reason = None
        if rendered.record["steps_run"]:
            reason = fault(drift, section)
        if reason and section.on_drift == "reject":
            raise SceneRejected(f"{name}: {reason}")
        if reason:
            final, look = self._finish(render, spec, frame)
        record["decision"] = "repaired" if reason else "accepted"
        record["reason"] = reason
        record["finish"] = look.to_json() if look else None
        write_image(folder / f"{name}.png", final)
        write_json(folder / f"{name}.json", record)

    def _controls(self, spec, frame, render, passes, folder) -> dict[str, np.ndarray]:
        section, name = self.section, frame_name(frame)
        wanted = [net.control for net in section.controlnets]
        if section.save_controls and not wanted:
            wanted = _ALL_CONTROLS
        if not section.save_controls and is_passthrough(section):
            return {}
        labels = read_npz(self.plan.scene_dir("truth", spec.scene) / f"{name}.npz")
        pictures = control_pictures(
            wanted, render, passes, labels["joints_2d"], labels["joints_code"]
        )
        if section.save_controls:
            for control, picture in pictures.items():
                write_image(folder / f"{name}.{control}.png", picture)
        return pictures

    def _finish(self, image: np.ndarray, spec: SceneSpec, frame: int):
        if not self.section.finish:
            return image, None
        return finish_frame(image, spec.seed, spec.scene, frame)

    def _provenance(self, request: Request, made: dict) -> dict:
        section = self.section
        record = {
            "steps": section.steps,
            "levels": levels_by_region(section),
            "silhouette_band": section.noise.silhouette_band,
            "seed": request.seed,
            **made,
        }
        if made["steps_run"]:
            record |= {
                "model": section.model,
                "revision": section.revision,
                "family": section.family,
                "controlnets": [net.model_dump() for net in section.controlnets],
                "scheduler": section.scheduler,
                "guidance_scale": section.guidance_scale,
                "detail": section.detail,
                "paste_back": section.paste_back,
                "prompt": request.prompt,
                "negative_prompt": section.negative_prompt,
            }
        return record


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) u8 RGB of an image file; raises GenbError when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise GenbError(
            f"{path} is missing or is not an image. Delete its folder and run the same command "
            "again to make it anew."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) u8 RGB as PNG, atomically."""
    encoded, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert encoded
    write_bytes(path, data.tobytes())


def run(job: Job) -> None:
    """Produce the missing scenes of a job."""
    run_scenes(job, Rerenderer(job).scene)


if __name__ == "__main__":
    stage_main(run)
