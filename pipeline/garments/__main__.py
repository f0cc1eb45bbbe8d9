"""The `dress` stage: `python -m pipeline.garments job.json` simulates the outfits of subjects."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.assets import user_path
from pipeline.blender.texture_folders import check_folder
from pipeline.body.modelfile import model_path
from pipeline.config import GarmentSection
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError, SceneRejected
from pipeline.garments.brought import wear_brought
from pipeline.garments.cachefile import GarmentCache, with_sidecar
from pipeline.garments.caches import GarmentSequence
from pipeline.garments.dressing import (
    Dressed,
    as_layer,
    demand_fit,
    dress,
    dress_mesh,
    put_on_shoes,
    wearer,
)
from pipeline.garments.files import write_brought, write_made, write_shoes
from pipeline.garments.patterns import Template, read_template
from pipeline.garments.placing import bring, rest_mesh
from pipeline.garments.settle import Contact, Wearer
from pipeline.garments.shoe_kinds import BAREFOOT
from pipeline.jobs import Job, run_subjects, stage_main
from pipeline.scene import GarmentSpec, SubjectSpec
from pipeline.storage import write_json

_DRESSING_ORDER = {"lower": 0, "upper": 1, "full": 1, "outer": 2}


def run(job: Job) -> None:
    """Dress every subject of a job that is not dressed yet."""
    config = job.plan.config
    template = cache(lambda gender: read_template(model_path(job.plan.body_dir, gender)))

    def produce(subject: SubjectSpec, folder: Path) -> None:
        motion = SubjectMotion.load(job.plan.subject_dir("pose", subject) / "motion.npz")
        store_gib = config.execution.cloth_store_gib
        who = template(subject.gender)
        write_dress(subject, who, motion, config.garments, folder, store_gib)

    run_subjects(job, produce)


def write_dress(
    subject: SubjectSpec,
    template: Template,
    motion: SubjectMotion,
    config: GarmentSection,
    folder: Path,
    store_gib: float = 0.0,
) -> list[Dressed]:
    """Dress a subject and write `dress.json` with its caches into `folder`, inner garments first.

    The tailor's garments are cut and simulated; a user's simulation is brought to the clip and
    settled on top of what is worn below it; a user's mesh on the T-pose is simulated. store_gib:
    see `simulate_once`. Returns the simulated garments, in the order of dressing. Raises
    SceneRejected when a garment cannot be worn.
    """
    who = wearer(template, motion, config.collision_distance_mm / 1000)
    fps = subject.motion.fps
    inner, rows = [], []
    shoes, under = None, ()
    if config.shoes and subject.shoes != BAREFOOT:
        shoes = put_on_shoes(who, config.clearance_mm / 1000, subject.shoes)
        demand_fit("shoes", shoes.contact, 0, config)
        under = (as_layer(shoes, who),)
    layers = sorted(subject.outfit, key=lambda spec: _DRESSING_ORDER[spec.layer])
    for number, spec in enumerate(map(_with_options, layers)):
        stem = f"{number:02d}_{spec.kind}"
        if spec.cache and spec.cache.aligned == "motion":
            below = [(garment.faces, vertices) for garment, vertices in inner] + list(under)
            sequence, contact = _bring(who, subject, spec, motion, below, config)
            rows.append(write_brought(spec, sequence, contact, fps, folder, stem))
            continue
        mesh = None
        if spec.cache:
            mesh = _readable(spec.cache, lambda cache: rest_mesh(cache, motion.tpose))
            garment, vertices = dress_mesh(who, spec, mesh, inner, config, store_gib, under)
        else:
            garment, vertices = dress(who, spec, inner, config, store_gib, under)
        inner.append((garment, vertices))
        rows.append(write_made(garment, mesh, fps, folder, stem))
        print(f"  {stem}: {garment.cpu_s:.1f} s of cloth simulation", flush=True)
    if shoes:
        rows.append(write_shoes(shoes, fps, folder, f"{len(rows):02d}_shoes"))
    write_json(folder / "dress.json", {"garments": rows})
    return [garment for garment, _ in inner]


def _with_options(spec: GarmentSpec) -> GarmentSpec:
    """The garment with the options that lie beside its file; its pictures, if any, can be read."""
    if spec.cache is None:
        return spec
    cache = with_sidecar(spec.cache, user_path(spec.cache.path))
    if cache.textures:
        check_folder(user_path(cache.textures))
    return spec.model_copy(update={"cache": cache})


def _bring(
    who: Wearer,
    subject: SubjectSpec,
    spec: GarmentSpec,
    motion: SubjectMotion,
    below: list[tuple[np.ndarray, np.ndarray]],
    config: GarmentSection,
) -> tuple[GarmentSequence, Contact]:
    """A user's simulation on the wearer, settled and judged."""
    cache, name = spec.cache, Path(spec.cache.path).name
    if subject.motion.mirrored and cache.space == "motion":
        raise SceneRejected(
            f"the {spec.kind} of {name} follows its motion file, but the clip is mirrored. Set "
            "motion.mirrored to false in the scene file."
        )
    sequence = _readable(cache, lambda cache: bring(cache, motion, subject.motion.fps))
    clearance_m = config.clearance_mm / 1000
    worn = wear_brought(who, spec.kind, name, sequence, below, clearance_m, cache.settle)
    demand_fit(spec.kind, worn[1], 0, config)
    return worn


def _readable(
    cache: GarmentCache, read: Callable[[GarmentCache], GarmentSequence]
) -> GarmentSequence:
    """What `read` makes of a user's file; a file that cannot be used costs its subject the part.

    The reason becomes part of the dataset, which should not tell where things lay.
    """
    try:
        return read(cache)
    except GenbError as error:
        name = Path(cache.path).name
        raise SceneRejected(str(error).replace(str(user_path(cache.path)), name)) from error


if __name__ == "__main__":
    stage_main(run)
