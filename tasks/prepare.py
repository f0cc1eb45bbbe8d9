"""What must be in place before the first scene: checked assets, the body model, the cast."""

import luigi

from pipeline import assets
from pipeline.compose.casting import cast_of_scenes, sample_subject
from pipeline.compose.population import Population
from pipeline.jobs import Job
from pipeline.preflight import build_body, check_before_start
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
        check_before_start(self.plan, self.scenes)
        build_body(self.plan.config)


class PoseCast(DatasetTask):
    """Every subject that the scenes need, moved through its clip."""

    priority = 90

    def requires(self) -> luigi.Task:
        return self.sibling(BodyModel)

    def subjects(self) -> list[SubjectSpec]:
        """Specs of the cast members in use (needs the body model)."""
        return cast_subjects(self)

    def complete(self) -> bool:
        if not self.requires().complete():
            return False
        return all(self.plan.subject_dir("pose", s).exists() for s in self.subjects())

    def run(self) -> None:
        self.run_job("pose", Job("pose", self.plan, subjects=tuple(self.subjects())))


class DressSubject(DatasetTask):
    """One subject's cloth simulation."""

    index = luigi.IntParameter()
    priority = 80

    def requires(self) -> luigi.Task:
        return self.sibling(PoseCast)

    def _subject(self) -> SubjectSpec:
        return cast_subject(self, self.index)

    def complete(self) -> bool:
        if not self.sibling(BodyModel).complete():
            return False
        return self.plan.subject_dir("dress", self._subject()).exists()

    def run(self) -> None:
        job = Job("dress", self.plan, subjects=(self._subject(),))
        self.run_job(f"dress_{self.index:04d}", job)


def cast_subject(task: DatasetTask, index: int) -> SubjectSpec:
    """Cast member `index` of a task's dataset."""
    population = Population(task.plan.config, task.plan.body_dir)
    return sample_subject(task.plan.config, population, task.seed, index)


def cast_subjects(task: DatasetTask) -> list[SubjectSpec]:
    """All cast members that appear in the task's scenes."""
    indices = cast_of_scenes(task.plan.config, task.seed, range(task.scenes))
    return [cast_subject(task, index) for index in indices]
