"""One task class per scene stage; each handles one block of scenes (one shard's worth).

Re-rendering with a model handles several shards' worth, because its process loads the model first.
"""

import luigi

from pipeline.compose.casting import cast_of_scenes
from pipeline.jobs import Job
from pipeline.shards.records import shard_complete
from tasks.dataset import DatasetTask
from tasks.prepare import CastMember


class SceneBlock(DatasetTask):
    """Scenes `first` to `last` of one stage."""

    first = luigi.IntParameter()
    last = luigi.IntParameter()
    stage = ""

    @property
    def block(self) -> range:
        """Scene numbers of this block."""
        return range(self.first, self.last + 1)

    def same_block(self, task: type["SceneBlock"]) -> "SceneBlock":
        """The task of another stage over the same scenes."""
        return self.sibling(task, first=self.first, last=self.last)

    def complete(self) -> bool:
        return all(self.plan.scene_dir(self.stage, scene).exists() for scene in self.block)

    def run(self) -> None:
        label = f"{self.stage}_{self.first:06d}"
        self.run_job(label, Job(self.stage, self.plan, scenes=tuple(self.block)))


class ComposeScenes(SceneBlock):
    """Scene specs."""

    stage = "compose"
    priority = 85

    def requires(self) -> list[luigi.Task]:
        cast = cast_of_scenes(self.plan.config, self.seed, self.block)
        return [self.sibling(CastMember, index=index) for index in cast]


class PlaceBodies(SceneBlock):
    """Bodies in the world."""

    stage = "bodies"
    priority = 70

    def requires(self) -> luigi.Task:
        return self.same_block(ComposeScenes)


class RenderScenes(SceneBlock):
    """Pictures and exact passes. Uses all cores (or the GPU), so one at a time."""

    stage = "render"
    priority = 50
    resources = {"genb_render": 1}

    def requires(self) -> luigi.Task:
        return self.same_block(PlaceBodies)


class LabelScenes(SceneBlock):
    """Labels and their audit."""

    stage = "truth"
    priority = 60

    def requires(self) -> luigi.Task:
        return self.same_block(RenderScenes)


class RerenderScenes(SceneBlock):
    """Diffusion re-rendering at the configured noise level, with measured drift."""

    stage = "rerender"
    priority = 65
    resources = {"gpu": 1}

    def requires(self) -> list[luigi.Task]:
        size = self.plan.config.shards.scenes_per_shard
        return [
            self.sibling(LabelScenes, first=first, last=min(first + size - 1, self.last))
            for first in range(self.first, self.last + 1, size)
        ]


class WriteShard(SceneBlock):
    """One WebDataset tar."""

    stage = "shards"
    priority = 75

    def requires(self) -> luigi.Task:
        """The re-rendering of this shard, which may be that of its neighbours too."""
        config, size = self.plan.config, self._per_shard
        if config.diffusion.backend != "passthrough":
            size *= -(-config.execution.model_scenes // size)
        first = self.first // size * size
        last = min(first + size, self.scenes) - 1
        return self.sibling(RerenderScenes, first=first, last=last)

    def complete(self) -> bool:
        return shard_complete(self.plan, self.first // self._per_shard, list(self.block))

    @property
    def _per_shard(self) -> int:
        return self.plan.config.shards.scenes_per_shard
