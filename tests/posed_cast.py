"""Casts of the free body, posed for real but not dressed: what composing needs and no more."""

from functools import cache
from pathlib import Path

from pipeline.body.posing import pose_subject
from pipeline.compose.casting import sample_subject
from pipeline.compose.population import Population
from pipeline.compose.posed import posed_subjects
from pipeline.compose.scene import compose_scene
from pipeline.config import Config
from pipeline.errors import SceneRejected
from pipeline.jobs import REJECTED
from pipeline.stages import Plan
from pipeline.storage import atomic_dir, read_json, write_json

ATTEMPTS = 4


class PosedCast:
    """Members of a configuration's cast, each posed when first asked for."""

    def __init__(self, config: Config, seed: int, out: Path):
        import torch

        torch.set_num_threads(1)
        self.plan = Plan(config, seed, out)
        self.population = Population(config, self.plan.body_dir)
        self.posed = posed_subjects(self.plan)
        self.refused: list[str] = []
        self.member = cache(self._member)

    def _member(self, index: int):
        for attempt in range(ATTEMPTS):
            subject = sample_subject(
                self.plan.config, self.population, self.plan.seed, index, attempt
            )
            target = self.plan.subject_dir("pose", subject)
            if not target.exists():
                self._pose(subject, target)
            if not (target / REJECTED).exists():
                return subject
            self.refused.append(read_json(target / REJECTED)["reason"])
        return None

    def _pose(self, subject, target: Path) -> None:
        with atomic_dir(target) as folder:
            try:
                pose_subject(self.plan, subject, folder)
            except SceneRejected as rejected:
                write_json(folder / REJECTED, {"stage": "pose", "reason": str(rejected)})

    def compose(self, scene: int, member=None):
        """Scene number `scene`."""
        plan = self.plan
        return compose_scene(plan.config, plan.seed, scene, member or self.member, self.posed)
