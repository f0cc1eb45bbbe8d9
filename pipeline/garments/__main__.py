"""The `dress` stage: `python -m pipeline.garments job.json` simulates the outfits of subjects."""

from functools import cache
from pathlib import Path

from pipeline.body.modelfile import model_path
from pipeline.config import GarmentSection
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError
from pipeline.garments import alembic
from pipeline.garments.caches import GarmentSequence, read_cache
from pipeline.garments.dressing import Dressed, dress, put_on_shoes, wearer
from pipeline.garments.patterns import Template, read_template
from pipeline.garments.settle import Wearer
from pipeline.jobs import Job, run_subjects, stage_main
from pipeline.scene import GarmentSpec, SubjectSpec
from pipeline.storage import write_json, write_npz

_DRESSING_ORDER = {"lower": 0, "upper": 1, "full": 1, "outer": 2}


def run(job: Job) -> None:
    """Dress every subject of a job that is not dressed yet."""
    config = job.plan.config.garments
    template = cache(lambda gender: read_template(model_path(job.plan.body_dir, gender)))

    def produce(subject: SubjectSpec, folder: Path) -> None:
        motion = SubjectMotion.load(job.plan.subject_dir("pose", subject) / "motion.npz")
        write_dress(subject, template(subject.gender), motion, config, folder)

    run_subjects(job, produce)


def write_dress(
    subject: SubjectSpec,
    template: Template,
    motion: SubjectMotion,
    config: GarmentSection,
    folder: Path,
) -> None:
    """Simulate a subject's outfit and write `dress.json` with its caches into `folder`."""
    who = wearer(template, motion)
    inner, rows = [], []
    for number, spec in enumerate(
        sorted(subject.outfit, key=lambda spec: _DRESSING_ORDER[spec.layer])
    ):
        stem = f"{number:02d}_{spec.kind}"
        if spec.cache:
            rows.append(_write_user_cache(spec, subject.motion.fps, len(motion.clip), folder, stem))
            continue
        garment, vertices = dress(who, spec, inner, config)
        inner.append((garment, vertices))
        rows.append(_write_garment(garment, subject.motion.fps, folder, stem))
        print(f"  {stem}: {garment.cpu_s:.1f} s of cloth simulation", flush=True)
    if config.shoes:
        rows.append(_write_shoes(who, config, subject.motion.fps, folder, f"{len(rows):02d}_shoes"))
    write_json(folder / "dress.json", {"garments": rows})


def _write_garment(garment: Dressed, fps: float, folder: Path, stem: str) -> dict:
    sequence = GarmentSequence(garment.vertices, garment.faces)
    alembic.write(folder / f"{stem}.abc", sequence, fps)
    write_npz(folder / f"{stem}.npz", {"rest": garment.rest, "faces": garment.faces})
    return {
        "kind": garment.spec.kind,
        "layer": garment.spec.layer,
        "file": f"{stem}.abc",
        "rest": f"{stem}.npz",
        "fps": fps,
        "frames": len(garment.vertices),
        "vertices": garment.vertices.shape[1],
        "inside_share_max": round(float(garment.contact.inside_share.max()), 6),
        "pinched_share_max": round(float(garment.contact.pinched_share.max()), 6),
        "deepest_mm": round(float(garment.contact.deepest_mm.max()), 3),
        "retried": garment.retried,
    }


def _write_shoes(who: Wearer, config: GarmentSection, fps: float, folder: Path, stem: str) -> dict:
    shoes = put_on_shoes(who, config.clearance_mm / 1000)
    alembic.write(folder / f"{stem}.abc", GarmentSequence(shoes.vertices, shoes.faces), fps)
    arrays = {"rest": shoes.rest, "faces": shoes.faces, "sole": shoes.sole}
    write_npz(folder / f"{stem}.npz", arrays)
    return {
        "kind": "shoes",
        "layer": "shoes",
        "file": f"{stem}.abc",
        "rest": f"{stem}.npz",
        "fps": fps,
        "frames": len(shoes.vertices),
        "vertices": len(shoes.rest),
    }


def _write_user_cache(spec: GarmentSpec, fps: float, frames: int, folder: Path, stem: str) -> dict:
    """A user's own simulation: checked, cut to the clip, and stored like ours."""
    sequence = read_cache(Path(spec.cache), fps)
    if len(sequence.vertices) < frames:
        raise GenbError(
            f"garment cache {spec.cache} has {len(sequence.vertices)} frames at {fps:g} fps, but "
            f"the clip has {frames}. Export at least {frames} frames at that rate."
        )
    sequence = GarmentSequence(sequence.vertices[:frames], sequence.faces, sequence.uv)
    alembic.write(folder / f"{stem}.abc", sequence, fps)
    rest = {"rest": sequence.vertices[0], "faces": sequence.faces}
    if sequence.uv is not None:
        rest["uv"] = sequence.uv
    write_npz(folder / f"{stem}.npz", rest)
    return {
        "kind": spec.kind,
        "layer": spec.layer,
        "file": f"{stem}.abc",
        "rest": f"{stem}.npz",
        "fps": fps,
        "frames": frames,
        "vertices": sequence.vertices.shape[1],
        "source": "user",
    }


if __name__ == "__main__":
    stage_main(run)
