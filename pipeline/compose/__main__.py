"""Stage process `compose`: scene specs for a block of scenes."""

from functools import partial

from pipeline.compose.audition import load_member
from pipeline.compose.posed import posed_subjects
from pipeline.compose.scene import compose_scene, write_scene
from pipeline.jobs import SCENE_FILE, Job, run_scenes, stage_main


def run(job: Job) -> None:
    """Write the missing scene files of a job."""
    plan = job.plan
    member, posed = partial(load_member, plan), posed_subjects(plan)
    run_scenes(
        job,
        lambda scene, folder: write_scene(
            compose_scene(plan.config, plan.seed, scene, member, posed), folder / SCENE_FILE
        ),
    )


if __name__ == "__main__":
    stage_main(run)
