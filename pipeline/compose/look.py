"""Light and colours of a scene: which HDRI, how exposed, and how each person looks.

Nothing here moves a vertex; `pipeline.blender` turns these choices into materials.
"""

import numpy as np

from pipeline.config import HairSection, LightSection, LookSection
from pipeline.panoramas import usable_panoramas
from pipeline.scene import AppearanceSpec, LightSpec, SubjectSpec

# Centre of skin tone (0 light .. 1 dark) per ancestry weight (african, asian, caucasian).
_TONE_CENTRE = np.array([0.78, 0.38, 0.22])
_TONE_SPREAD = 0.10
_GREYING_AGE_YEARS = 55.0
_GROWN_UP_YEARS = 13.0
_SEED_LIMIT = 2**31 - 1


def sample_light(rng: np.random.Generator, section: LightSection) -> LightSpec:
    """One HDRI with rotation, strength and exposure."""
    return LightSpec(
        hdri=str(rng.choice(usable_panoramas(section.hdris))),
        rotation_deg=round(float(rng.uniform(*section.rotation_deg)), 3),
        strength=round(float(rng.uniform(*section.strength)), 4),
        exposure_stops=round(float(rng.uniform(*section.exposure_stops)), 4),
    )


def sample_appearance(
    rng: np.random.Generator, subject: SubjectSpec, look: LookSection | None = None
) -> AppearanceSpec:
    """Colours for one person in one scene; skin goes with ancestry, hair with sex and age.

    look: shares of hair styles and the user's hair meshes; None is the default [look].
    """
    look = look or LookSection()
    ancestry = np.array(subject.ancestry)
    tone = float(np.clip(ancestry @ _TONE_CENTRE + rng.normal(0, _TONE_SPREAD), 0.0, 1.0))
    fair = bool(ancestry[2] > 0.5)
    return AppearanceSpec(
        skin_tone=round(tone, 4),
        iris=str(rng.choice(["brown", "hazel", "green", "blue"] if fair else ["dark", "brown"])),
        hair_style=_sample_hair_style(rng, subject, look.hair),
        hair_colour=_sample_hair_colour(rng, subject.age_years, fair),
        garment_seeds=[int(s) for s in rng.integers(0, _SEED_LIMIT, len(subject.outfit))],
        shoe_seed=int(rng.integers(0, _SEED_LIMIT)),
        seed=int(rng.integers(0, _SEED_LIMIT)),
        hair_mesh=_sample_hair_mesh(rng, look),
    )


def _sample_hair_style(rng: np.random.Generator, subject: SubjectSpec, shares: HairSection) -> str:
    if subject.age_years < _GROWN_UP_YEARS:
        table = shares.girl if subject.sex == "female" else shares.boy
    elif subject.sex == "female":
        table = shares.woman
    else:
        table = shares.older_man if subject.age_years > _GREYING_AGE_YEARS else shares.man
    weights = np.array(list(table.values()))
    return str(rng.choice(list(table), p=weights / weights.sum()))


def _sample_hair_mesh(rng: np.random.Generator, look: LookSection) -> str:
    """An id of the user's hair meshes, or "" for strands."""
    if not look.hair_meshes or rng.random() >= look.hair_mesh_share:
        return ""
    return str(rng.choice(look.hair_meshes))


def _sample_hair_colour(rng: np.random.Generator, age_years: float, fair: bool) -> str:
    if age_years > _GREYING_AGE_YEARS and rng.random() < 0.75:
        return "grey"
    if fair:
        return str(rng.choice(["brown", "black", "blond", "auburn"], p=[0.45, 0.2, 0.25, 0.1]))
    return str(rng.choice(["black", "brown"], p=[0.8, 0.2]))
