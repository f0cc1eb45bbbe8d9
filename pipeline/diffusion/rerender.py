"""From a labelled render to training pictures: paint, finish, measure the drift, decide.

A picture whose people drifted is painted again with less noise where they are; who still drifts
gets the render back, or the scene is rejected, as `[diffusion.drift]` says. Nothing here reads or
writes a stage's files but `load_frame`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from pipeline import assets
from pipeline.config import Config
from pipeline.contracts import RenderPasses
from pipeline.diffusion.backends import Rendered, Request, make_backend
from pipeline.diffusion.controls import control_pictures
from pipeline.diffusion.drift import Drift, faults, load_tools, measure_drift
from pipeline.diffusion.finish import Look, finish_frame
from pipeline.diffusion.images import read_image
from pipeline.diffusion.noise import calmed, is_passthrough, level_map, levels_by_region, without
from pipeline.diffusion.prompts import appearance_prompt
from pipeline.errors import SceneRejected
from pipeline.scene import SceneSpec, frame_name
from pipeline.seeding import Stream, generator, integer_seed
from pipeline.stages import Plan
from pipeline.storage import read_npz


@dataclass(frozen=True)
class Frame:
    """A rendered, labelled frame. render: (H, W, 3) u8 RGB. labels: arrays of the truth stage."""

    spec: SceneSpec
    frame: int
    render: np.ndarray
    passes: RenderPasses
    labels: dict[str, np.ndarray]


@dataclass(frozen=True)
class Picture:
    """image: (H, W, 3) u8 RGB, the training picture. record: JSON of everything that made it."""

    image: np.ndarray
    record: dict


@dataclass(frozen=True)
class Attempt:
    """One painting of a frame and how it came out."""

    request: Request
    made: Rendered
    final: np.ndarray
    look: Look | None
    drift: Drift
    faults: dict[int, str]


def load_frame(plan: Plan, spec: SceneSpec, frame: int) -> Frame:
    """One frame from the outputs of the stages `render` and `truth`."""
    name, source = frame_name(frame), plan.scene_dir("render", spec.scene)
    return Frame(
        spec,
        frame,
        read_image(source / f"{name}.png"),
        RenderPasses.load(source / f"{name}.npz"),
        read_npz(plan.scene_dir("truth", spec.scene) / f"{name}.npz"),
    )


class Rerenderer:
    """Makes pictures under one configuration; models are loaded once, and only when needed."""

    def __init__(self, config: Config):
        self.config = config
        self.section = config.diffusion

    @cached_property
    def backend(self):
        """The configured backend, loaded."""
        return make_backend(self.config)

    @cached_property
    def tools(self):
        """The configured optional drift detectors, loaded."""
        return load_tools(self.section.drift, self.section.local_files_only)

    def reconfigured(self, config: Config) -> "Rerenderer":
        """The same loaded models under another configuration of noise."""
        other = Rerenderer(config)
        other.tools = self.tools
        if not is_passthrough(config.diffusion) and not is_passthrough(self.section):
            other.backend = self.backend.reconfigured(config)
        return other

    def controls(self, frame: Frame, names: list[str]) -> dict[str, np.ndarray]:
        """Control pictures of a frame by name."""
        section = self.section
        return control_pictures(
            names,
            frame.render,
            frame.passes,
            frame.labels,
            frame.spec,
            frame.frame,
            section.annotators,
            section.local_files_only,
        )

    def pictures(self, frames: list[Frame], appearance: int = 0) -> list[Picture]:
        """One picture of each frame; raises SceneRejected when one may not be used."""
        requests = [
            self.request(frame, appearance, self.wanted_controls(frame)) for frame in frames
        ]
        made = self.backend.rerender(requests)
        return [
            self.judged(frame, appearance, self.attempt(frame, appearance, request, one))
            for frame, request, one in zip(frames, requests, made, strict=True)
        ]

    def wanted_controls(self, frame: Frame) -> dict[str, np.ndarray]:
        """The controls that the configured models take; none when nothing is painted."""
        if is_passthrough(self.section):
            return {}
        return self.controls(frame, [net.control for net in self.section.controlnets])

    def request(self, frame: Frame, appearance: int, controls: dict) -> Request:
        """What is to be painted; a pure function of scene, frame and appearance."""
        section, spec, passes = self.section, frame.spec, frame.passes
        rng = generator(spec.seed, Stream.PROMPT, spec.scene, appearance)
        prompt = appearance_prompt(section, spec, rng)
        chosen = [one.images[rng.integers(len(one.images))] for one in section.references]
        moment = frame.frame if section.seed_per == "frame" else 0
        return Request(
            frame.render,
            level_map(section, passes.part, passes.instance),
            passes.part,
            passes.instance,
            controls,
            prompt,
            integer_seed(spec.seed, Stream.DIFFUSION, spec.scene, moment, appearance),
            tuple(read_image(assets.find_file("reference", name)) for name in chosen),
            tuple(chosen),
        )

    def judged(self, frame: Frame, appearance: int, first: Attempt) -> Picture:
        """Accept a painting, or repair it as configured; raises SceneRejected when it cannot be."""
        limits, request, attempt = self.section.drift, first.request, first
        attempts, treated = [first], {}
        for _ in range(limits.retries):
            if not attempt.faults:
                break
            people = sorted(attempt.faults)
            treated |= dict.fromkeys(people, "calmed")
            levels = calmed(attempt.request.levels, request.instance, people)
            calmer = replace(request, levels=levels)
            again = self.backend.rerender([calmer])[0]
            attempt = self.attempt(frame, appearance, calmer, again)
            attempts.append(attempt)
        if attempt.faults and limits.on_drift == "reject":
            raise SceneRejected(f"{frame_name(frame.frame)}: {_told(attempt.faults)}")
        if attempt.faults and limits.on_drift == "person":
            people = sorted(attempt.faults)
            treated |= dict.fromkeys(people, "render")
            attempt = self._put_back(frame, appearance, attempt, people)
            attempts.append(attempt)
        if attempt.faults:
            treated = dict.fromkeys(range(len(frame.passes.vertex_uv)), "render")
            unpainted = Rendered(frame.render, attempt.made.record | {"steps_run": 0})
            attempt = self.attempt(frame, appearance, request, unpainted)
            decision = "passthrough"
        else:
            decision = (
                "render" if "render" in treated.values() else "calmed" if treated else "accepted"
            )
        record = self._provenance(first, attempt) | {
            "appearance": appearance,
            "decision": decision,
            "treated": [{"person": k, "decision": v} for k, v in sorted(treated.items())],
            "reason": _told(first.faults) or None,
            "attempts": [
                {"drift": one.drift.to_json(), "faults": _told(one.faults)} for one in attempts
            ],
        }
        return Picture(attempt.final, record)

    def attempt(self, frame: Frame, appearance: int, request: Request, made: Rendered) -> Attempt:
        """A painting with its finish, its drift and what is wrong with it."""
        final, look = self._finished(made.image, frame, appearance)
        drift = measure_drift(frame.render, final, frame.passes.instance, self.tools)
        found = faults(drift, self.section.drift) if made.record["steps_run"] else {}
        return Attempt(request, made, final, look, drift, found)

    def _put_back(
        self, frame: Frame, appearance: int, attempt: Attempt, people: list[int]
    ) -> Attempt:
        """The painting with the render's own pixels on some people and around them."""
        levels = without(attempt.request.levels, frame.passes.instance, people)
        kept = (levels == 0) & (attempt.request.levels > 0)
        distance = cv2.distanceTransform((~kept).astype(np.uint8), cv2.DIST_L2, 5)
        weight = np.clip(1 - distance / self.section.feather_px, 0, 1)[..., None]
        mixed = weight * frame.render + (1 - weight) * attempt.made.image.astype(np.float32)
        image = mixed.round().astype(np.uint8)
        request = replace(attempt.request, levels=levels)
        mended = self.attempt(frame, appearance, request, replace(attempt.made, image=image))
        # Their pixels are the render's own; what flow still finds there comes from beside them.
        left = {person: told for person, told in mended.faults.items() if person not in people}
        return replace(mended, faults=left)

    def _finished(self, image: np.ndarray, frame: Frame, appearance: int):
        if not self.section.finish:
            return image, None
        spec = frame.spec
        return finish_frame(image, spec.seed, spec.scene, frame.frame, appearance)

    def _provenance(self, first: Attempt, last: Attempt) -> dict:
        """What made the picture; the regions are those of the first painting."""
        section, request, made = self.section, first.request, first.made.record
        record = {
            "steps": section.steps,
            "strategy": section.noise.strategy,
            "levels": levels_by_region(section),
            "silhouette_band": section.noise.silhouette_band,
            "seed": request.seed,
            "finish": last.look.to_json() if last.look else None,
            "drift": last.drift.to_json(),
            **made,
            "steps_applied": int(last.made.record["steps_run"]),
        }
        if made["steps_run"]:
            record |= {
                "model": section.model,
                "revision": section.revision,
                "family": section.family,
                "controlnets": [net.model_dump() for net in section.controlnets],
                "loras": [lora.model_dump() for lora in section.loras],
                "references": list(request.reference_names),
                "scheduler": section.scheduler,
                "guidance_scale": section.guidance_scale,
                "detail": section.detail,
                "paste_back": section.paste_back,
                "prompt": request.prompt,
                "negative_prompt": section.negative_prompt,
            }
        return record


def _told(found: dict[int, str]) -> str:
    return "; ".join(found[person] for person in sorted(found))
