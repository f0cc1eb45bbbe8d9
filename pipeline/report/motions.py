"""`genb motions`: the clips a configuration can cast, and a sheet of them on bodies it can draw.

The sheet shows every clip on another person, with the figures that the `pose` stage judges by, so a
folder of motion files can be looked through before anything is simulated.
"""

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import model_path, read_model_file
from pipeline.body.posing import move_subject
from pipeline.compose.casting import sample_motion
from pipeline.compose.population import Population
from pipeline.errors import GenbError
from pipeline.motion.catalogue import Clip, catalogue
from pipeline.motion.motion import MotionError
from pipeline.plausibility.judgement import Plausibility, float_mm, sink_mm
from pipeline.report.motion_sheet import write_motion_sheet
from pipeline.scene import SubjectSpec
from pipeline.seeding import Stream, generator
from pipeline.stages import Plan


def chosen_clips(plan: Plan, only: str) -> list[Clip]:
    """Clips of the configuration whose id matches a pattern; raises GenbError when none does."""
    clips = [c for c in catalogue(plan.config.motion).clips if fnmatchcase(c.id, only)]
    if not clips:
        raise GenbError(f"no clip matches {only!r}. List all of them with: genb motions")
    return clips


def list_clips(plan: Plan, only: str = "*") -> str:
    """A line per clip, and one per file that cannot be used."""
    lines = [
        f"{clip.id:40s} {clip.kind:8s} {_length(clip):>16s}  {clip.action}"
        for clip in chosen_clips(plan, only)
    ]
    refused = catalogue(plan.config.motion).refused
    lines += [f"REFUSED {row.id}: {row.reason}" for row in refused]
    return "\n".join([*lines, f"{len(lines) - len(refused)} clip(s), {len(refused)} refused"])


def _length(clip: Clip) -> str:
    return f"{clip.seconds:.1f} s @ {clip.fps:g}" if clip.path else "any length"


def write_clip_sheet(plan: Plan, only: str, path: Path) -> str:
    """Draw every chosen clip on a person and write the sheet; returns the figures as text."""
    population = Population(plan.config, plan.body_dir)
    rows, lines = [], []
    for number, clip in enumerate(chosen_clips(plan, only)):
        subject = _actor(plan, population, clip, number)
        try:
            moved, found = move_subject(plan, subject)
        except MotionError as error:
            lines.append(f"REFUSED {clip.id}: {error}")
            continue
        faces = read_model_file(model_path(plan.body_dir, subject.gender)).faces
        lines.append(f"{clip.id}: {_figures(found)}")
        who = f"{subject.sex}, {subject.age_years:.0f} y"
        rows.append((f"{clip.id} ({who})  {_figures(found)}", moved.clip, faces))
    if not rows:
        raise GenbError("none of the chosen clips can be used:\n" + "\n".join(lines))
    write_motion_sheet(rows, path)
    return "\n".join([*lines, f"sheet: {path}"])


def _actor(plan: Plan, population: Population, clip: Clip, number: int) -> SubjectSpec:
    rng = generator(plan.seed, Stream.SUBJECT, number)
    person = population.sample_person(rng)
    return SubjectSpec(
        subject=f"actor_{number:04d}",
        gender=person.gender,
        sex=person.sex,
        age_years=person.age_years,
        ancestry=person.ancestry,
        betas=[float(b) for b in person.betas],
        kid=person.kid,
        motion=sample_motion(rng, plan.config, clip),
        outfit=[],
    )


def _figures(found: Plausibility) -> str:
    inside_mm = np.percentile(found.self_penetration_mm, 95)
    figures = (
        f"float {float_mm(found):.0f} mm, sink {sink_mm(found):.0f} mm, "
        f"slide {found.slide_mm_s:.0f} mm/s, self {inside_mm:.0f} mm"
    )
    flight = f", flight {found.airborne.mean():.0%}" if found.airborne.any() else ""
    return figures + flight + (f"  REFUSED: {'; '.join(found.faults)}" if found.faults else "")
