"""Stage process `truth`: labels and their audit for each scene of a job."""

from pipeline.jobs import Job, run_scenes, stage_main
from pipeline.truth.frame import label_scene


def run(job: Job) -> None:
    """Label every scene of a job."""
    run_scenes(job, lambda scene, folder: label_scene(job.plan, scene, folder))


if __name__ == "__main__":
    stage_main(run)
