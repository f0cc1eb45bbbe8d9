"""Stage processes `pose` and `bodies`: the only place of the chain that evaluates bodies.

`pose` moves a subject through its clip in its own frame, for the cloth simulation; `bodies` places
subjects in the world of a scene and stores the parameters that reproduce every vertex.
"""

from pipeline.body.posing import place_scene, pose_subject
from pipeline.errors import GenbError
from pipeline.jobs import Job, load_scene, run_scenes, run_subjects, stage_main


def run(job: Job) -> None:
    """Run one job of either stage."""
    if job.plan.config.body.evaluator == "smplx":
        import torch

        # One thread: matrix products then have one summation order, whatever the worker count.
        torch.set_num_threads(1)
    if job.stage == "pose":
        run_subjects(job, lambda subject, folder: pose_subject(job.plan, subject, folder))
    elif job.stage == "bodies":
        run_scenes(
            job, lambda scene, folder: place_scene(job.plan, load_scene(job.plan, scene), folder)
        )
    else:
        raise GenbError(f"pipeline.body runs the stages 'pose' and 'bodies', not {job.stage!r}")


if __name__ == "__main__":
    stage_main(run)
