"""The cast: a fixed pool of subjects, and who of them plays in which scene.

The pool depends on the seed and the configuration only, never on the number of scenes, so a longer
run meets the same people again and their cloth is not simulated twice. It is divided by splits
(`pipeline.compose.splits`), shares of people being dealt evenly within each. A subject whose
clothes cannot be simulated is replaced by an understudy (`pipeline.compose.audition`).
"""

from functools import cache

import numpy as np

from pipeline.compose.clothed import clothed_of_turn, sample_clothed
from pipeline.compose.population import Person, Population
from pipeline.compose.splits import Pool, body_number, casting_pools, split_of_scene
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.garments.outfits import OUTFITS, sample_outfit
from pipeline.garments.shoe_kinds import sample_shoes
from pipeline.motion.catalogue import Clip
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.seeding import Stream, generator

_SEED_LIMIT = 2**31 - 1
_UNDERSTUDIES_APART = 5
"""Successive understudies take clips this part of a source's deal further on."""

_BODY_DRAWS = 20_000
"""Draws after which nobody of a split's own is expected any more."""


def sample_subject(
    config: Config, population: Population, seed: int, index: int, attempt: int = 0
) -> SubjectSpec:
    """Cast member `index`: a body, a motion clip and an outfit. `attempt` > 0: an understudy.

    The configured share of members comes dressed, with motion and simulated garments from files.
    Raises ValueError for an index beyond cast.size, GenbError when a split has no body of its own.
    """
    pool = casting_pools(config).of_member(index)
    rng = generator(seed, Stream.SUBJECT, index, attempt)
    name = f"subject_{index:04d}" + ("abcdefgh"[attempt - 1] if attempt else "")
    if config.cast.clothed and _has_turn(seed, index, pool, 2, config.cast.clothed_share):
        turn = index - pool.members.start
        sources = len(config.motion.sources)
        performer = clothed_of_turn(pool.clothed, sources, seed, turn, attempt)
        return sample_clothed(rng, config, performer, name)
    person = _person_of_pool(
        rng,
        population,
        pool,
        child=_has_turn(seed, index, pool, 0, config.cast.children_share),
        female=_has_turn(seed, index, pool, 1, config.cast.female_share),
    )
    outfits = config.cast.outfits or sorted(OUTFITS)
    # Consecutive members take different motions, so a small cast is still a varied one.
    clip = _clip_of_turn(config, pool, seed, index, attempt)
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


def _person_of_pool(
    rng: np.random.Generator, population: Population, pool: Pool, child: bool, female: bool
) -> Person:
    """Somebody whose body no other split has."""
    low, high = pool.bodies
    for _ in range(_BODY_DRAWS):
        person = population.sample_person(rng, child=child, female=female)
        if low <= body_number(person.betas) < high:
            return person
    who = ("girls" if female else "boys") if child else ("women" if female else "men")
    raise GenbError(
        f"[body] leaves so few {who} that a split has none of its own: widen body.age_years, "
        "body.child_age_years and body.bmi, or set cast.val_share and cast.test_share to 0."
    )


def _has_turn(seed: int, index: int, pool: Pool, question: int, share: float) -> bool:
    """Whether member `index` belongs to the `share` of members of whom something is true.

    Members are dealt evenly (the whole cast and each split's part of it hold the share to within
    one), because a cast is small and its share must not be left to chance.
    """
    # Independent questions are dealt in blocks of shuffled order, or every child would be a girl.
    offset = float(generator(seed, Stream.CASTING_SHARES, question).random())
    if question:
        index = _shuffled_in_blocks(seed, index, pool.members, question)
    return bool(np.floor((index + 1) * share + offset) > np.floor(index * share + offset))


def _shuffled_in_blocks(
    seed: int, index: int, members: range, question: int, size: int = 20
) -> int:
    block, place = divmod(index - members.start, size)
    start = members.start + block * size
    rng = generator(seed, Stream.CASTING_SHARES, question, start)
    return start + int(rng.permutation(min(size, members.stop - start))[place])


def _clip_of_turn(config: Config, pool: Pool, seed: int, turn: int, attempt: int) -> Clip:
    """The clip of the `turn`-th member: every clip of a source and pool once, in random order,
    before any twice; several sources take turns by their weights. An understudy (attempt > 0)
    performs another clip of the source and pool, as long as there are others."""
    weights = tuple(config.motion.sources[clips[0].source].weight for clips in pool.clips)
    turns = _deal(weights, 1 << turn.bit_length())
    source, dealt = turns[turn]
    dealt -= sum(before == source for before, _ in turns[: pool.members.start])
    mine = pool.clips[source]
    order = generator(seed, Stream.MOTION, mine[0].source).permutation(len(mine))
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
    """Distinct cast indices of a scene's people, in placing order; all of the scene's split."""
    members = casting_pools(config).of[split_of_scene(config, seed, scene)].members
    rng = generator(seed, Stream.CASTING, scene)
    low, high = config.scene.people
    wanted = min(int(rng.integers(low, high + 1)), len(members))
    return [members[int(i)] for i in rng.choice(len(members), size=wanted, replace=False)]


def cast_of_scenes(config: Config, seed: int, scenes: range) -> list[int]:
    """Sorted cast indices that appear in any of the scenes."""
    return sorted({index for scene in scenes for index in cast_of_scene(config, seed, scene)})


def seat_of(rng: np.random.Generator, clip_frames: int, span: int) -> int:
    """First frame of a scene that spans `span` frames of a clip."""
    return int(rng.integers(0, clip_frames - span + 1))
