"""The cast: a fixed pool of subjects, and who of them plays in which scene.

The pool depends on the seed and the configuration only, never on the number of scenes, so a longer
run meets the same people again and their cloth is not simulated twice. A subject whose clothes
cannot be simulated is replaced by an understudy (`pipeline.compose.audition`).
"""

from functools import cache

import numpy as np

from pipeline.compose.clothed import clothed_of_turn, sample_clothed
from pipeline.compose.population import Population
from pipeline.config import Config, MotionSection
from pipeline.garments.outfits import OUTFITS, sample_outfit
from pipeline.garments.shoe_kinds import sample_shoes
from pipeline.motion.catalogue import Clip, catalogue
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.seeding import Stream, generator

_SEED_LIMIT = 2**31 - 1
_UNDERSTUDIES_APART = 5
"""Successive understudies take clips this part of a source's deal further on."""


def sample_subject(
    config: Config, population: Population, seed: int, index: int, attempt: int = 0
) -> SubjectSpec:
    """Cast member `index`: a body, a motion clip and an outfit. `attempt` > 0: an understudy.

    The configured share of members comes dressed, with motion and simulated garments from files.
    """
    rng = generator(seed, Stream.SUBJECT, index, attempt)
    name = f"subject_{index:04d}" + ("abcdefgh"[attempt - 1] if attempt else "")
    if config.cast.clothed and _has_turn(seed, index, 2, config.cast.clothed_share):
        return sample_clothed(rng, config, clothed_of_turn(config, seed, index, attempt), name)
    person = population.sample_person(
        rng,
        child=_has_turn(seed, index, 0, config.cast.children_share),
        female=_has_turn(seed, index, 1, config.cast.female_share),
    )
    outfits = config.cast.outfits or sorted(OUTFITS)
    # Consecutive members take different motions, so a small cast is still a varied one.
    clip = _clip_of_turn(config.motion, seed, index, attempt)
    outfit_name = str(rng.choice(_suitable(outfits, person.sex)))
    motion = sample_motion(rng, config, clip)
    outfit = sample_outfit(rng, outfit_name, person.sex, person.age_years)
    kinds = [garment.kind for garment in outfit]
    return SubjectSpec(
        subject=name,
        gender=person.gender,
        sex=person.sex,
        age_years=person.age_years,
        ancestry=person.ancestry,
        betas=[round(float(b), 5) for b in person.betas],
        kid=person.kid,
        motion=motion,
        outfit=outfit,
        shoes=sample_shoes(rng, config.look.shoes, person.sex, person.age_years, kinds),
    )


def _has_turn(seed: int, index: int, question: int, share: float) -> bool:
    """Whether member `index` belongs to the `share` of members of whom something is true.

    Members are dealt evenly (every prefix of the cast holds the share to within one), because a
    cast is small and its share must not be left to chance.
    """
    # Independent questions are dealt in blocks of shuffled order, or every child would be a girl.
    offset = float(generator(seed, Stream.CASTING_SHARES, question).random())
    if question:
        index = _shuffled_in_blocks(seed, index, question)
    return bool(np.floor((index + 1) * share + offset) > np.floor(index * share + offset))


def _shuffled_in_blocks(seed: int, index: int, question: int, size: int = 20) -> int:
    block, place = divmod(index, size)
    order = generator(seed, Stream.CASTING_SHARES, question, block).permutation(size)
    return block * size + int(order[place])


def _clip_of_turn(section: MotionSection, seed: int, turn: int, attempt: int) -> Clip:
    """The clip of the `turn`-th member: every clip of a source once, in random order, before any
    twice; several sources take turns by their weights. An understudy (attempt > 0) performs
    another clip of the source, as long as there are others."""
    clips = catalogue(section).clips
    sources = sorted({clip.source for clip in clips})
    weights = tuple(section.sources[s].weight for s in sources)
    source, dealt = _deal(weights, 1 << turn.bit_length())[turn]
    mine = [clip for clip in clips if clip.source == sources[source]]
    order = generator(seed, Stream.MOTION, sources[source]).permutation(len(mine))
    away = attempt * (len(mine) // _UNDERSTUDIES_APART + 1)
    return mine[int(order[(dealt + away) % len(mine)])]


@cache
def _deal(weights: tuple[float, ...], turns: int) -> list[tuple[int, int]]:
    """Which source has each turn, and how many turns it had before: as even as weights allow."""
    had = [0] * len(weights)
    dealt = []
    for _ in range(turns):
        source = min(range(len(weights)), key=lambda s: ((had[s] + 1) / weights[s], s))
        dealt.append((source, had[source]))
        had[source] += 1
    return dealt


def sample_motion(rng: np.random.Generator, config: Config, clip: Clip) -> MotionSpec:
    """A window of a clip: where it begins, and which side leads."""
    wanted_s = (config.cast.clip_frames - 1) / config.cast.fps
    spec = MotionSpec(
        name=clip.id,
        seed=int(rng.integers(0, _SEED_LIMIT)),
        frames=config.cast.clip_frames,
        fps=config.cast.fps,
        action=clip.action,
    )
    if clip.path is None:
        return spec
    spare_s = clip.seconds - wanted_s
    return spec.model_copy(
        update={
            "path": str(clip.path),
            "format": clip.kind,
            "up": clip.up,
            "start_s": round(float(rng.uniform(0, spare_s)), 4) if spare_s > 0 else 0.0,
            "loop": bool(config.motion.loop and spare_s < 0),
            "fit_stride": config.motion.fit_stride,
            "mirrored": bool(rng.random() < config.motion.mirror_share),
        }
    )


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


def seat_of(rng: np.random.Generator, clip_frames: int, span: int) -> int:
    """First frame of a scene that spans `span` frames of a clip."""
    return int(rng.integers(0, clip_frames - span + 1))
