"""What must be in place before the first scene: the body model and the cast."""

import luigi

from pipeline import assets
from pipeline.compose.audition import audition, member_file
from pipeline.compose.casting import cast_of_scenes, sample_subject
from pipeline.compose.population import Population
from pipeline.jobs import Job
from pipeline.preflight import build_body
from pipeline.scene import SubjectSpec
from tasks.dataset import DatasetTask


class BodyModel(DatasetTask):
    """The body model files; the free body is generated once per machine and cached."""

    priority = 100

    def output(self) -> luigi.LocalTarget:
        folder = assets.body_dir(self.plan.config)
        name = "people.npz" if self.plan.config.body.source == "free" else "smplx"
        return luigi.LocalTarget(str(folder / name))

    def run(self) -> None:
        build_body(self.plan.config)


class PoseCast(DatasetTask):
    """Every first-choice subject that the scenes need, moved through its clip in one process."""

    priority = 90

    def requires(self) -> luigi.Task:
        return self.sibling(BodyModel)

    def _subjects(self) -> list[SubjectSpec]:
        population = Population(self.plan.config, self.plan.body_dir)
        indices = cast_of_scenes(self.plan.config, self.seed, range(self.scenes))
        return [sample_subject(self.plan.config, population, self.seed, i) for i in indices]

    def complete(self) -> bool:
        if not self.requires().complete():
            return False
        return all(self.plan.subject_dir("pose", s).exists() for s in self._subjects())

    def run(self) -> None:
        self.run_job("pose", Job("pose", self.plan, subjects=tuple(self._subjects())))


class CastMember(DatasetTask):
    """One part: the first candidate whose outfit could be simulated."""

    index = luigi.IntParameter()
    priority = 80

    def requires(self) -> luigi.Task:
        return self.sibling(PoseCast)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(str(member_file(self.plan, self.index)))

    def run(self) -> None:
        audition(self.plan, self.index, lambda job, label: self.run_job(label, job))
