"""Auditions: a cast member is the first candidate who moves plausibly and could be dressed.

The result is one small file per member, so that scenes are composed of people who can be dressed
and nobody's failed simulation costs a scene. Failed candidates are listed in the dataset.
"""

from collections.abc import Callable
from pathlib import Path

from pipeline.compose.casting import cast_of_scenes, sample_subject
from pipeline.compose.population import Population
from pipeline.jobs import Job, rejection
from pipeline.motion.catalogue import catalogue
from pipeline.scene import SubjectSpec
from pipeline.stages import Plan
from pipeline.storage import read_json, write_json

MAX_ATTEMPTS = 4


def member_file(plan: Plan, index: int) -> Path:
    """Where the outcome of an audition is kept."""
    return plan.stage_dir("cast") / f"member_{index:04d}.json"


def audition(plan: Plan, index: int, run: Callable[[Job, str], None]) -> None:
    """Pose and dress candidates for one part until one succeeds; writes the member's file.

    `run(job, label)` runs a stage process.
    """
    population = Population(plan.config, plan.body_dir)
    failed: list[dict] = []
    for attempt in range(MAX_ATTEMPTS):
        subject = sample_subject(plan.config, population, plan.seed, index, attempt)
        reason = None
        for stage in ("pose", "dress"):
            if not plan.subject_dir(stage, subject).exists():
                run(Job(stage, plan, subjects=(subject,)), f"{stage}_{subject.subject}")
            reason = reason or rejection(plan.subject_dir(stage, subject))
            if reason:
                break
        if reason is None:
            break
        failed.append({**reason, "subject": subject.model_dump(mode="json")})
    else:
        subject = None
    record = {"subject": subject.model_dump(mode="json") if subject else None, "failed": failed}
    write_json(member_file(plan, index), record)


def load_member(plan: Plan, index: int) -> SubjectSpec | None:
    """The subject that got the part, or None when every candidate failed."""
    subject = read_json(member_file(plan, index))["subject"]
    return SubjectSpec.model_validate(subject) if subject else None


def cast_failures(plan: Plan, scenes: range) -> list[dict]:
    """Candidates who lost a part in these scenes, with stage and reason, for the dataset's report.

    Scenes that were not cast by us (hand-made ones) have no auditions and no failures.
    """
    failures = []
    for index in cast_of_scenes(plan.config, plan.seed, scenes):
        path = member_file(plan, index)
        for failed in read_json(path)["failed"] if path.exists() else []:
            subject = failed["subject"]
            failures.append(
                {
                    "subject": subject["subject"],
                    "motion": subject["motion"]["name"],
                    "outfit": "+".join(garment["kind"] for garment in subject["outfit"]),
                    "stage": failed["stage"],
                    "reason": failed["reason"],
                }
            )
    return failures


def motions_refused(plan: Plan) -> list[dict]:
    """Motion files of the configured folders that cannot be used, with the reason."""
    return [
        {"motion": refused.id, "reason": refused.reason.replace(refused.path, refused.id)}
        for refused in catalogue(plan.config.motion).refused
    ]
