"""The work of a job as one line of pictures, so that the model is never kept waiting.

Batches are filled across frames, appearances and scenes. While one is painted, the next one's files
are read and its controls drawn, and the last one's drift is measured, in threads beside it.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from pipeline.diffusion.backends import Request
from pipeline.diffusion.rerender import Attempt, Frame, Rerenderer, load_frame
from pipeline.jobs import Job, load_scene, upstream_rejection

_READERS, _JUDGES = 1, 2


@dataclass(frozen=True)
class Work:
    """One picture to make."""

    frame: Frame
    appearance: int
    request: Request

    @property
    def scene(self) -> int:
        """Number of the scene it belongs to."""
        return self.frame.spec.scene


class PaintingLine:
    """Paints a job's pictures in the order of its scenes, at most two batches ahead of use."""

    def __init__(self, job: Job, rerenderer: Rerenderer):
        self.job, self.rerenderer = job, rerenderer
        self.batch = job.plan.config.execution.batch
        self._reader = ThreadPoolExecutor(_READERS)
        self._judges = ThreadPoolExecutor(_JUDGES)
        self._works: Iterator[Work] = iter(())
        self._read: Future | None = None
        self._painted: deque[tuple[Work, Future]] = deque()
        self._failure: Exception | None = None

    def pictures_of(self, scene: int) -> Iterator[tuple[Work, Attempt]]:
        """Every picture of a scene with its first painting, frame by frame."""
        # A scene that was given up leaves some of its pictures behind.
        while self._painted and self._painted[0][0].scene != scene:
            self._painted.popleft()
        if not self._painted:
            self._start_at(scene)
        left = load_scene(self.job.plan, scene).frames
        left *= self.job.plan.config.diffusion.appearances
        for _ in range(left):
            while len(self._painted) <= self.batch and self._paint_batch():
                pass
            if not self._painted:
                raise self._failure or AssertionError(f"scene {scene} ran out of pictures")
            work, attempt = self._painted.popleft()
            yield work, attempt.result()

    def _start_at(self, scene: int) -> None:
        if self._read:
            self._read.result()
        self._works, self._failure = self.works_from(scene), None
        self._read = self._reader.submit(self._take)

    def _take(self) -> list[Work]:
        """The next batch; what goes wrong with one scene must not stop those before it."""
        taken = []
        try:
            taken.extend(islice(self._works, self.batch))
        except Exception as error:
            self._failure = error
        return taken

    def _paint_batch(self) -> bool:
        """Paint the batch that was read, have the next one read; False when there is none."""
        works = self._read.result()
        if not works:
            return False
        self._read = self._reader.submit(self._take)
        made = self.rerenderer.backend.rerender([work.request for work in works])
        for work, one in zip(works, made, strict=True):
            judged = self._judges.submit(
                self.rerenderer.attempt, work.frame, work.appearance, work.request, one
            )
            self._painted.append((work, judged))
        return True

    def works_from(self, first: int) -> Iterator[Work]:
        """The pictures to make from a scene of the job on, scene by scene."""
        plan = self.job.plan
        for scene in self.job.scenes[self.job.scenes.index(first) :]:
            done = scene != first and plan.scene_dir("rerender", scene).exists()
            if done or upstream_rejection(plan, "rerender", scene):
                continue
            spec = load_scene(plan, scene)
            for number in range(spec.frames):
                frame = load_frame(plan, spec, number)
                controls = self.rerenderer.wanted_controls(frame)
                for appearance in range(plan.config.diffusion.appearances):
                    request = self.rerenderer.request(frame, appearance, controls)
                    yield Work(frame, appearance, request)
