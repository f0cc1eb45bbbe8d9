"""Stage process `shards`: the scenes of the job become one tar."""

import time

from pipeline.jobs import Job, report_item, stage_main
from pipeline.shards.write import publish_shard


def run(job: Job) -> None:
    """Write the shard that holds the job's scenes."""
    started = time.perf_counter()
    index = job.scenes[0] // job.plan.config.shards.scenes_per_shard
    record = publish_shard(job.plan, index, list(job.scenes))
    note = f", {len(record['samples'])} samples, {len(record['rejected'])} rejected"
    report_item(job, record["shard"], time.perf_counter() - started, note)


if __name__ == "__main__":
    stage_main(run)
