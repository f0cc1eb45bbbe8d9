"""Stage process `shards`: the scenes of the job become one tar."""

from pipeline.jobs import Job, stage_main
from pipeline.shards.write import publish_shard


def run(job: Job) -> None:
    """Write the shard that holds the job's scenes."""
    index = job.scenes[0] // job.plan.config.shards.scenes_per_shard
    record = publish_shard(job.plan, index, list(job.scenes))
    print(
        f"[shards] {record['shard']}: {len(record['samples'])} samples, "
        f"{len(record['rejected'])} rejected",
        flush=True,
    )


if __name__ == "__main__":
    stage_main(run)
