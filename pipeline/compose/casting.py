"""The cast: a fixed pool of subjects, and who of them plays in which scene.

The pool depends on the seed and the configuration only, never on the number of scenes, so a longer
run meets the same people again and their cloth is not simulated twice. A subject whose clothes
cannot be simulated is replaced by an understudy (`pipeline.compose.audition`).
"""

import numpy as np

from pipeline.compose.population import Population
from pipeline.config import Config
from pipeline.garments.outfits import OUTFITS, sample_outfit
from pipeline.motion.library import list_motions
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.seeding import Stream, generator


def sample_subject(
    config: Config, population: Population, seed: int, index: int, attempt: int = 0
) -> SubjectSpec:
    """Cast member `index`: a body, a motion clip and an outfit. `attempt` > 0: an understudy."""
    rng = generator(seed, Stream.SUBJECT, index, attempt)
    person = population.sample_person(rng)
    motions = playable_motions(config)
    outfits = config.cast.outfits or sorted(OUTFITS)
    # Consecutive members take different motions, so a small cast is still a varied one.
    order = generator(seed, Stream.MOTION).permutation(len(motions))
    motion = MotionSpec(
        name=motions[int(order[(index + attempt * config.cast.size) % len(motions)])],
        seed=int(rng.integers(0, 2**31 - 1)),
        frames=config.cast.clip_frames,
        fps=config.cast.fps,
    )
    outfit_name = str(rng.choice(_suitable(outfits, person.sex)))
    return SubjectSpec(
        subject=f"subject_{index:04d}" + ("abcdefgh"[attempt - 1] if attempt else ""),
        gender=person.gender,
        sex=person.sex,
        age_years=person.age_years,
        ancestry=person.ancestry,
        betas=[round(float(b), 5) for b in person.betas],
        motion=motion,
        outfit=sample_outfit(rng, outfit_name, person.sex, person.age_years),
    )


def playable_motions(config: Config) -> list[str]:
    """Names of the motions that the cast may perform: those listed, or all, less the excluded."""
    listed = config.cast.motions or list_motions()
    return [name for name in listed if name not in config.cast.motions_excluded]


def _suitable(outfits: list[str], sex: str) -> list[str]:
    """Skirts and dresses are worn by female subjects unless nothing else is configured."""
    plain = [name for name in outfits if "skirt" not in name and "dress" not in name]
    return outfits if sex == "female" or not plain else plain


def cast_of_scene(config: Config, seed: int, scene: int) -> list[int]:
    """Distinct cast indices of a scene's people, in placing order."""
    rng = generator(seed, Stream.CASTING, scene)
    low, high = config.scene.people
    wanted = min(int(rng.integers(low, high + 1)), config.cast.size)
    return [int(i) for i in rng.choice(config.cast.size, size=wanted, replace=False)]


def cast_of_scenes(config: Config, seed: int, scenes: range) -> list[int]:
    """Sorted cast indices that appear in any of the scenes."""
    return sorted({index for scene in scenes for index in cast_of_scene(config, seed, scene)})


def seat_of(rng: np.random.Generator, clip_frames: int, frames: int) -> int:
    """First frame of a scene within a clip."""
    return int(rng.integers(0, clip_frames - frames + 1))
