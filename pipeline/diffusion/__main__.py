"""Stage `rerender`: every frame's pictures, what made them, and whether they fit their labels.

Run as `python -m pipeline.diffusion job.json`. Reads the render and the truth, writes
`frame_0000.png` and `frame_0000.json` (`frame_0000_a1.*` for further appearances), and the control
pictures when asked to.
"""

from pathlib import Path

from pipeline.diffusion.flicker import Painted, flicker
from pipeline.diffusion.images import write_image
from pipeline.diffusion.line import PaintingLine, Work
from pipeline.diffusion.noise import is_passthrough
from pipeline.diffusion.rerender import Rerenderer
from pipeline.jobs import Job, load_scene, run_scenes, stage_main
from pipeline.scene import frame_name, picture_name
from pipeline.storage import write_json

_SHOWN_CONTROLS = ["openpose", "depth", "normal", "canny", "seg"]
"""What `save_controls` draws when no model asks for any: those that need no weights."""


class SceneWriter:
    """Re-renders the scenes of one job."""

    def __init__(self, job: Job):
        self.plan = job.plan
        self.section = job.plan.config.diffusion
        self.rerenderer = Rerenderer(job.plan.config)
        self.line = PaintingLine(job, self.rerenderer)

    def scene(self, scene: int, folder: Path) -> None:
        """Write all pictures of a scene into `folder`."""
        frames = load_scene(self.plan, scene).frames
        previous: dict[int, Painted] = {}
        for work, attempt in self.line.pictures_of(scene):
            frame, appearance = work.frame, work.appearance
            picture = self.rerenderer.judged(frame, appearance, attempt)
            record = picture.record
            if frames > 1:
                passes = frame.passes
                here = Painted(frame.render, picture.image, passes.instance, passes.flow)
                before = previous.get(appearance)
                record["flicker"] = flicker(before, here) if before else None
                previous[appearance] = here
            name = picture_name(frame.frame, appearance)
            write_image(folder / f"{name}.png", picture.image)
            write_json(folder / f"{name}.json", record)
            if self.section.save_controls and appearance == 0:
                self._save_controls(work, folder)

    def _save_controls(self, work: Work, folder: Path) -> None:
        controls = work.request.controls
        if not controls and is_passthrough(self.section):
            names = [net.control for net in self.section.controlnets] or _SHOWN_CONTROLS
            controls = self.rerenderer.controls(work.frame, names)
        for control, picture in controls.items():
            write_image(folder / f"{frame_name(work.frame.frame)}.{control}.png", picture)


def run(job: Job) -> None:
    """Produce the missing scenes of a job."""
    run_scenes(job, SceneWriter(job).scene)


if __name__ == "__main__":
    stage_main(run)
