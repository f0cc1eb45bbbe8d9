"""Paint the frames of a sweep and measure them; every scene of every setting is kept at once.

`work/sweep/<key>/scene_000003/` holds `drift.json` and, of scenes that the report shows, the first
frame's picture. What is there is not painted again.
"""

import time
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from pipeline.diffusion.drift import measure_drift
from pipeline.diffusion.finish import finish_frame
from pipeline.diffusion.images import write_image
from pipeline.diffusion.models import check_models
from pipeline.diffusion.rerender import Frame, Rerenderer, load_frame
from pipeline.jobs import load_scene
from pipeline.scene import SceneSpec, frame_name, scene_name
from pipeline.storage import atomic_dir, write_json
from pipeline.sweep.grid import Cell, Sweep, varied, with_section

DRIFT_FILE = "drift.json"
SHOWN_SCENES = 3
"""So many of the first usable scenes are shown side by side in the report."""
_FRAMES_KEPT = 4


def paint(sweep: Sweep, scenes: list[int], report: Callable[[str], None]) -> None:
    """Make what is missing of some scenes under all settings; `report` gets a line for each.

    Raises GenbError when the models cannot be used.
    """
    config = sweep.plan.config
    # Some region has the full level under every strategy, so that models are in fact looked at.
    most = with_section(config, varied(config.diffusion, "global", max(sweep.levels)))
    check_models(most)
    base = Rerenderer(most)

    @cache
    def rerenderer(strategy: str, level: int) -> Rerenderer:
        return base.reconfigured(with_section(config, varied(config.diffusion, strategy, level)))

    cells = sweep.cells()
    total, started, done, painted = len(cells) * len(scenes), time.monotonic(), 0, 0
    for scene in scenes:
        source = _Source(sweep, load_scene(sweep.source, scene), base)
        for cell in cells:
            done += 1
            target = sweep.folder(cell) / scene_name(scene)
            if target.exists():
                continue
            shown = scene in scenes[:SHOWN_SCENES] and cell.seed == 0
            with atomic_dir(target) as folder:
                _paint_scene(source, rerenderer(cell.strategy, cell.level), cell, folder, shown)
            painted += 1
            left_min = (time.monotonic() - started) / painted * (total - done) / 60
            what = f"{cell.strategy} level {cell.level} seed {cell.seed}"
            report(f"[sweep] {scene_name(scene)} {what} | {done}/{total}, {left_min:.0f} min left")


class _Source:
    """Frames of a scene with their controls; the last few stay in memory, as all settings paint
    them."""

    def __init__(self, sweep: Sweep, spec: SceneSpec, rerenderer: Rerenderer):
        self.spec = spec
        self.batch = sweep.plan.config.execution.batch
        names = [net.control for net in rerenderer.section.controlnets]

        @lru_cache(maxsize=max(self.batch, _FRAMES_KEPT))
        def frame(number: int) -> tuple[Frame, dict[str, np.ndarray]]:
            loaded = load_frame(sweep.source, spec, number)
            return loaded, rerenderer.controls(loaded, names)

        self.frame = frame


def _paint_scene(
    source: _Source, rerenderer: Rerenderer, cell: Cell, folder: Path, shown: bool
) -> None:
    """Write one scene under one setting."""
    rows = []
    for first in range(0, source.spec.frames, source.batch):
        numbers = range(first, min(first + source.batch, source.spec.frames))
        frames, controls = zip(*(source.frame(number) for number in numbers), strict=True)
        requests = [
            rerenderer.request(frame, cell.seed, drawn)
            for frame, drawn in zip(frames, controls, strict=True)
        ]
        for frame, made in zip(frames, rerenderer.backend.rerender(requests), strict=True):
            final = _finished(made.image, frame, rerenderer, cell)
            if shown and frame.frame == 0:
                write_image(folder / f"{frame_name(0)}.png", final)
            drift = measure_drift(frame.render, final, frame.passes.instance, rerenderer.tools)
            row = {"frame": frame.frame, "steps_run": made.record["steps_run"]}
            row |= {"drift": drift.to_json()}
            row |= {"sizes": [_size(frame, person.person) for person in drift.people]}
            rows.append(row)
    write_json(folder / DRIFT_FILE, rows)


def _finished(image: np.ndarray, frame: Frame, rerenderer: Rerenderer, cell: Cell) -> np.ndarray:
    """As the stage `rerender` would leave a painting that needs no repair."""
    if not rerenderer.section.finish:
        return image
    spec = frame.spec
    return finish_frame(image, spec.seed, spec.scene, frame.frame, cell.seed)[0]


def _size(frame: Frame, person: int) -> dict:
    """How large somebody is in the picture, and how far away."""
    rows = np.flatnonzero((frame.passes.instance == person + 1).any(axis=1))
    pelvis_m = frame.labels["joints_cam"][person, 0]
    return {
        "distance_m": round(float(np.linalg.norm(pelvis_m)), 4),
        "height_px": int(rows[-1] - rows[0] + 1),
    }
