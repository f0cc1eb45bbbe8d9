"""The main job: `luigi --module tasks BuildGenB --scenes 100`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import luigi

from pipeline.errors import GenbError
from pipeline.preflight import check_before_start
from pipeline.shards.finish import dataset_complete, finish_dataset
from tasks.dataset import DatasetTask, absolute
from tasks.progress import mark_start
from tasks.scenes import WriteShard


class BuildGenB(DatasetTask):
    """A whole dataset: scenes, labels, re-rendered pictures, shards, index, card and report."""

    config = luigi.Parameter(default="genb", description="name in render_configs/ or TOML path")
    seed = luigi.IntParameter(default=0)
    out = luigi.Parameter(default="out/genb", description="dataset folder")
    scenes = luigi.IntParameter(default=100)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.out = absolute(self.out)
        with _one_line_errors():
            self._check_arguments()

    def _check_arguments(self) -> None:
        if self.scenes < 1:
            raise GenbError(f"--scenes {self.scenes}: a dataset has at least one scene.")
        if self.seed < 0:
            raise GenbError(f"--seed {self.seed}: a seed is zero or positive.")
        # The last stage's key needs the whole configuration and every asset it names.
        self.plan.key("shards")

    def requires(self) -> list[luigi.Task]:
        if mark_start(self.plan, self.scenes):
            with _one_line_errors():
                check_before_start(self.plan, self.scenes)
        per_shard = self.plan.config.shards.scenes_per_shard
        return [
            self.sibling(WriteShard, first=first, last=min(first + per_shard, self.scenes) - 1)
            for first in range(0, self.scenes, per_shard)
        ]

    def complete(self) -> bool:
        return dataset_complete(self.plan, self.scenes)

    def run(self) -> None:
        print(finish_dataset(self.plan, range(self.scenes)), flush=True)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Before anything is scheduled the user reads a plain message, not luigi's traceback."""
    try:
        yield
    except GenbError as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        raise SystemExit(2) from error
