"""`genb garment check`: the doctor's visit, as text, as an options file and as a picture."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.assets import user_path
from pipeline.errors import GenbError
from pipeline.garments.cachefile import GarmentCache, sidecar, with_sidecar
from pipeline.garments.caches import read_raw
from pipeline.garments.doctor.examine import Examination, examine, unreadable
from pipeline.garments.doctor.faults import toml_lines, write_options
from pipeline.garments.doctor.picture import write_picture
from pipeline.garments.doctor.wearing import Asked, Wearing, asked_subject, wear
from pipeline.scene import SubjectSpec, read_scene
from pipeline.stages import Plan


@dataclass(frozen=True)
class Wanted:
    """apply: write the corrections beside the file, and check again. picture: a PNG, or None."""

    apply: bool = False
    picture: Path | None = None


def check_file(plan: Plan, file: Path, asked: Asked, wanted: Wanted) -> int:
    """Check one file on the body that the options describe; 0 without a fault, else 1."""
    cache, anew = _options(GarmentCache(path=str(file.absolute())), file, wanted)
    try:
        rate = cache.fps or asked.fps or plan.config.cast.fps
        samples = len(read_raw(file, rate, cache.format).frames)
    except GenbError as error:
        if not file.exists() and "*" not in file.name:
            raise
        return _told(unreadable(error, cache), file)
    covered = max(samples - cache.start_frame, 1)
    wearing = wear(plan, asked_subject(plan, asked, covered))
    return _check(cache, file, wearing, wanted, anew)


def check_scene(plan: Plan, scene: Path, person: int, file: Path | None, wanted: Wanted) -> int:
    """Check the garment files of a person of a scene (or one of them) on that person's body.

    Raises GenbError when the scene has no such person, or the person no such file.
    """
    people = read_scene(scene).people
    if not 0 <= person < len(people):
        raise GenbError(f"{scene} has people 0 to {len(people) - 1}; --person {person} is none.")
    subject = people[person].subject
    caches = _caches(subject, scene, person, file)
    wearing = wear(plan, subject.model_copy(update={"outfit": []}))
    worst = 0
    for number, stated in enumerate(caches):
        path = user_path(stated.path)
        cache, anew = _options(stated, path, wanted)
        own = wanted
        if wanted.picture and len(caches) > 1:
            numbered = wanted.picture.with_stem(f"{wanted.picture.stem}_{number}")
            own = Wanted(wanted.apply, numbered)
        worst = max(worst, _check(cache, path, wearing, own, anew, stated))
    return worst


def _caches(subject: SubjectSpec, scene: Path, person: int, file: Path | None):
    caches = [garment.cache for garment in subject.outfit if garment.cache]
    if file is None and caches:
        return caches
    mine = [c for c in caches if file and user_path(c.path).absolute() == file.absolute()]
    if mine or (file and not caches):
        return mine or [GarmentCache(path=str(file.absolute()))]
    known = ", ".join(cache.path for cache in caches) or "no garment file"
    raise GenbError(f"person {person} of {scene} wears {known}, not {file or 'one of its own'}.")


def _options(cache: GarmentCache, path: Path, wanted: Wanted) -> tuple[GarmentCache, bool]:
    """The options so far, and whether the ones beside the file are unusable and replaced."""
    try:
        return with_sidecar(cache, path), False
    except GenbError as error:
        if not wanted.apply:
            raise
        print(f"{sidecar(path)} is not valid, and is written anew: {error}")
        return cache, True


def _check(
    cache: GarmentCache,
    path: Path,
    wearing: Wearing,
    wanted: Wanted,
    anew: bool,
    stated: GarmentCache | None = None,
) -> int:
    found = examine(cache, path, wearing)
    code = _told(found, path)
    if wanted.picture:
        write_picture(found, wearing, wanted.picture)
        if found.before or found.after:
            print(f"picture: {wanted.picture}")
    corrections = found.corrections()
    fixed = sorted(set(corrections) & (stated.model_fields_set if stated else set()))
    if fixed:
        print(
            f"The scene file itself says {', '.join(fixed)}, and wins over the options beside "
            f"{path.name}: correct it there, or remove it there."
        )
    if not wanted.apply or not corrections:
        return code
    print(f"written: {write_options(path, corrections, anew)}\n\nChecked again with it:")
    return _told(
        examine(with_sidecar(stated or GarmentCache(path=cache.path), path), path, wearing), path
    )


def _told(found: Examination, path: Path) -> int:
    """Print an examination; 0 without a fault, else 1."""
    print(f"{path}: {f'{len(found.faults)} fault(s)' if found.faults else 'no fault'}")
    for fault in found.faults:
        print(fault.report())
    corrections = found.corrections()
    if corrections:
        print(f"\n{sidecar(path)} should hold (--apply writes it):")
        print("\n".join(f"    {line}" for line in toml_lines(corrections)))
    if found.before:
        print(f"\nas it is read now: {found.before[1].summary()}")
    if found.after:
        print(f"corrected: {found.after[1].summary()}" if corrections else "", end="\n")
        print(found.after[1].table(), end="\n" if found.after[1].share.any() else "")
    return 1 if found.faults else 0
