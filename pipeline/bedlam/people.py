"""The person of a Body row: BEDLAM's shape and motion, and what it does not say drawn at random.

BEDLAM's clothing and hair are assets that we do not have, and a file tells neither age nor (except
by the name of its skin texture) ancestry; those come from the project's own samplers.
"""

import re
from pathlib import Path

import numpy as np

from pipeline.bedlam.be_seq import Row
from pipeline.bedlam.motion_files import FORMAT, FPS, MotionFile, body_model_name
from pipeline.bedlam.unreal import UnrealPose
from pipeline.body.modelfile import model_path
from pipeline.compose.look import sample_appearance
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.garments.outfits import outfit_names, sample_outfit
from pipeline.garments.shoe_kinds import sample_shoes
from pipeline.scene import MotionSpec, PersonSpec, SubjectSpec

ANCESTRIES = {
    "african": (1.0, 0.0, 0.0),
    "asian": (0.0, 1.0, 0.0),
    "seasian": (0.25, 0.7, 0.05),
    "indian": (0.45, 0.2, 0.35),
    "hispanic": (0.2, 0.25, 0.55),
    "mideast": (0.2, 0.1, 0.7),
    "white": (0.0, 0.0, 1.0),
}
"""Weights (african, asian, caucasian) that stand for the groups in BEDLAM's skin texture names."""
_SKIN = re.compile(r"(?:^|_)skin_(?P<sex>[fm])_(?P<group>[a-z]+)_")
_PRESET = re.compile(r"(?P<sex>Female|Male)_Skin_")
_AGE_YEARS = (20.0, 60.0)


def imported_person(
    rng: np.random.Generator,
    row: Row,
    place: UnrealPose,
    motion: MotionFile,
    frames: int,
    config: Config,
    body: Path,
) -> tuple[PersonSpec, list[str]]:
    """A Body row as a person, and notes on what had to be made up.

    place: the row's pose from the stage's origin. frames: clip length at 30 fps. body: folder of
    the configured body model. Raises GenbError when the licensed model of a gender is missing.
    """
    notes: list[str] = []
    texture = row.tokens.get("texture_body", "")
    sex = _sex(rng, motion, texture)
    subject = SubjectSpec(
        subject=row.body,
        gender=_model_gender(motion, config, body, notes),
        sex=sex,
        age_years=round(float(rng.uniform(*_AGE_YEARS)), 1),
        ancestry=ancestry_of(texture) or _sample_ancestry(rng),
        betas=_betas(motion, config, notes),
        motion=MotionSpec(
            name=row.body,
            seed=0,
            frames=frames,
            fps=FPS,
            path=str(motion.path),
            format=FORMAT,
            action=motion.info.action,
            start_s=int(row.tokens["start_frame"]) / FPS,
            heading="file",
            ground="file",
        ),
        outfit=[],
    )
    names = [n for n in config.cast.outfits or outfit_names(sex) if n in outfit_names(sex)]
    outfit = str(rng.choice(names or outfit_names(sex)))
    garments = sample_outfit(rng, outfit, sex, subject.age_years)
    kinds = [garment.kind for garment in garments]
    shoes = sample_shoes(rng, config.look.shoes, sex, subject.age_years, kinds)
    subject = subject.model_copy(update={"outfit": garments, "shoes": shoes})
    x_m, y_m, z_m = place.position_m
    person = PersonSpec(
        subject=subject,
        first_frame=0,
        position_m=(float(x_m), float(y_m)),
        height_m=float(z_m),
        yaw_deg=-place.yaw,
        expression=[0.0] * 10,
        appearance=sample_appearance(rng, subject, config.look),
        origin=row.text,
    )
    return person, [f"{row.body}: {note}" for note in notes]


def ancestry_of(texture_body: str) -> tuple[float, float, float] | None:
    """Ancestry weights that the name of a skin texture tells, or None."""
    skin = _SKIN.search(texture_body)
    return ANCESTRIES.get(skin["group"]) if skin else None


def _sample_ancestry(rng: np.random.Generator) -> tuple[float, float, float]:
    return tuple(round(float(a), 3) for a in rng.dirichlet((0.6, 0.6, 0.6)))


def _sex(rng: np.random.Generator, motion: MotionFile, texture_body: str) -> str:
    """As the motion file says, else as the skin texture says, else drawn."""
    drawn = str(rng.choice(["female", "male"]))
    told = (motion.body.subject_gender, motion.body.gender) if motion.body else ()
    for gender in told:
        if gender in ("female", "male"):
            return gender
    skin = _SKIN.search(texture_body) or _PRESET.match(texture_body)
    if skin is None:
        return drawn
    return {"f": "female", "m": "male"}[skin["sex"][0].lower()]


def _model_gender(motion: MotionFile, config: Config, body: Path, notes: list[str]) -> str:
    """The model that the file's betas belong to."""
    gender = motion.body.gender if motion.body else "neutral"
    if gender == "neutral" or model_path(body, gender).is_file():
        return gender
    if config.body.source == "smplx":
        raise GenbError(
            f"{motion.path} is of the {gender} model, but {model_path(body, gender)} is missing. "
            "Put the licensed file there, or use motions of the neutral model."
        )
    notes.append(f"shaped by the neutral body, as there is no free {gender} one")
    return "neutral"


def _betas(motion: MotionFile, config: Config, notes: list[str]) -> list[float]:
    if motion.body is None:
        notes.append("the motion file holds no betas; the mean shape is used")
        return [0.0] * config.body.num_betas
    own, ours = motion.body_model, body_model_name(config)
    if own != ours:
        notes.append(f"its betas are of the body {own} and give another shape with {ours}")
    return [float(b) for b in motion.body.betas]
