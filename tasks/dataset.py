"""What every task of one dataset shares: its parameters, its plan, its stage runner."""

import os
import sys
from functools import cache
from pathlib import Path

import luigi

from pipeline.config import load_config
from pipeline.jobs import Job
from pipeline.stage_process import run_stage
from pipeline.stages import Plan
from tasks.progress import report_line


@cache
def plan_of(config: str, seed: int, out: str, threads: int) -> Plan:
    """Plan of a dataset; `threads` > 0 overrides [execution] threads."""
    loaded = load_config(config)
    if threads:
        execution = loaded.execution.model_copy(update={"threads": threads})
        loaded = loaded.model_copy(update={"execution": execution})
    return Plan(loaded, seed, Path(out))


class DatasetTask(luigi.Task):
    """A task of one dataset. `config` is a name in render_configs/ or a TOML path."""

    config = luigi.Parameter()
    seed = luigi.IntParameter()
    out = luigi.Parameter()
    scenes = luigi.IntParameter()
    threads = luigi.IntParameter(default=0, significant=False)

    @property
    def plan(self) -> Plan:
        """Where this dataset's files live."""
        return plan_of(self.config, self.seed, self.out, self.threads)

    def sibling(self, task: type["DatasetTask"], **extra) -> "DatasetTask":
        """Another task of the same dataset."""
        return task(
            config=self.config,
            seed=self.seed,
            out=self.out,
            scenes=self.scenes,
            threads=self.threads,
            **extra,
        )

    def on_failure(self, exception: BaseException) -> str:
        """What the user reads about a failed task, after luigi's own traceback."""
        print(f"ERROR: {exception}", file=sys.stderr, flush=True)
        return super().on_failure(exception)

    def run_job(self, label: str, job: Job) -> None:
        """Run a stage process, relaying its lines with the run's progress."""
        run_stage(job, label, lambda line: report_line(self.plan, self.scenes, line))


def absolute(path: str) -> str:
    """Absolute form of a path as the user typed it."""
    return os.path.abspath(os.path.expanduser(path))
