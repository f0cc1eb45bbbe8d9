"""Training, validation and test: who and what belongs where, so that nothing leaks between them.

A scene's split follows from its number and the seed. The cast is divided into one pool per split:
a held-out scene shows nobody, and no motion, that a training scene may show. Motions and bodies are
divided by hashes of what they are, not by seeds and shares, so different datasets can be merged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.assets import user_assets_dir
from pipeline.compose.clothed import Clothed, find_clothed
from pipeline.config import Config
from pipeline.motion.catalogue import Clip, catalogue
from pipeline.seeding import Stream, generator
from pipeline.storage import sha256_text

SPLITS = ("train", "val", "test")
_NUMBERS = {"train": (0.2, 0.8), "val": (0.8, 1.0), "test": (0.0, 0.2)}
"""The interval of `_number` whose motions and bodies each split has."""


@dataclass(frozen=True)
class Pool:
    """What the scenes of one split draw from.

    members: cast indices, consecutive. clips: of every motion source that has any.
    clothed: the dressed performers. bodies: its people have a `body_number` from the first to
    below the second.
    """

    members: range
    clips: tuple[tuple[Clip, ...], ...]
    clothed: tuple[Clothed, ...]
    bodies: tuple[float, float]


@dataclass(frozen=True)
class Pools:
    """The pool of every split that scenes may have; reason: why none is held out, else empty."""

    of: dict[str, Pool]
    reason: str = ""

    @property
    def held_out(self) -> bool:
        """Whether there is a split other than training."""
        return len(self.of) > 1

    def of_member(self, index: int) -> Pool:
        """The pool of a cast member. Raises ValueError for one that the cast does not have."""
        for pool in self.of.values():
            if index in pool.members:
                return pool
        raise ValueError(f"there is no cast member {index}; cast.size is too small")


def casting_pools(config: Config) -> Pools:
    """How the cast of a configuration is divided; the same for every seed.

    Raises GenbError as the catalogue of motions and the search for dressed performers do.
    """
    decides = {"cast": True, "motion": True, "scene": {"people"}}
    return _pools(config.model_dump_json(include=decides), str(user_assets_dir()))


def split_of_scene(config: Config, seed: int, scene: int) -> str:
    """The split of scene number `scene`.

    Dealt evenly: the first n scenes hold every split's share to within one scene, for any n.
    """
    if not casting_pools(config).held_out:
        return "train"
    held_share = config.cast.val_share + config.cast.test_share
    test_share = config.cast.test_share / held_share
    # Of n scenes floor(n h + o) are held out, of m of these floor(m t + p) are for testing. Between
    # these bounds of p, testing and validation both stay within one of their share of n.
    rng = generator(seed, Stream.SPLIT)
    o = float(rng.random())
    low = max(test_share * (1 - o), o * (1 - test_share))
    high = min(1 - o * test_share, 1 - (1 - o) * (1 - test_share))
    p = low + (high - low) * float(rng.random())
    held = int(np.floor(scene * held_share + o))
    if int(np.floor((scene + 1) * held_share + o)) == held:
        return "train"
    is_test = np.floor((held + 1) * test_share + p) > np.floor(held * test_share + p)
    return "test" if is_test else "val"


def body_number(betas: Iterable[float]) -> float:
    """A number in [0, 1) that a body has in every dataset and under every seed."""
    return _number(",".join(f"{round(float(b), 5) + 0.0:.5f}" for b in betas))


def _number(text: str) -> float:
    return int(sha256_text(text)[:13], 16) / 16**13


@lru_cache(maxsize=8)
def _pools(config_json: str, _assets: str) -> Pools:
    config = Config.model_validate_json(config_json)
    clothed = find_clothed(config) if config.cast.clothed else ()
    clips = catalogue(config.motion).clips
    sources = [
        tuple(clip for clip in clips if clip.source == number)
        for number in sorted({clip.source for clip in clips})
    ]
    members = _divide_members(config)
    split_of, reason = _divide_motions(sources, clothed, tuple(members)) if members else ({}, "")
    if not members or reason:
        everything = Pool(range(config.cast.size), tuple(sources), clothed, (0.0, 1.0))
        return Pools({"train": everything}, reason or _why_no_members(config))
    return Pools(
        {
            split: Pool(
                members[split],
                tuple(tuple(c for c in some if split_of[c.id] == split) for some in sources),
                tuple(c for c in clothed if split_of[c.id] == split),
                _interval(split, tuple(members)),
            )
            for split in members
        }
    )


def _interval(split: str, splits: tuple[str, ...]) -> tuple[float, float]:
    """The numbers of a split; training has those of a split that there is not."""
    low, high = _NUMBERS[split]
    if split == "train":
        low, high = 0.0 if "test" not in splits else low, 1.0 if "val" not in splits else high
    return low, high


def _divide_members(config: Config, size: int = 0) -> dict[str, range]:
    """Cast indices of every split, for a cast of `size`; empty when it is too small."""
    size = size or config.cast.size
    at_once = config.scene.people[1]
    shares = {"val": config.cast.val_share, "test": config.cast.test_share}
    held = {s: max(at_once, int(share * size)) for s, share in shares.items() if share > 0}
    left = size - sum(held.values())
    if not held or left < max(at_once, size / 2):
        return {}
    members = {"train": range(left)}
    for split, count in held.items():
        start = max(mine.stop for mine in members.values())
        members[split] = range(start, start + count)
    return members


def _why_no_members(config: Config) -> str:
    if config.cast.val_share + config.cast.test_share == 0:
        return "cast.val_share and cast.test_share are 0"
    enough = config.cast.size
    while not _divide_members(config, enough):
        enough += 1
    return (
        f"a cast of {config.cast.size} is too small to keep people for validation and test, with "
        f"up to {config.scene.people[1]} in a scene and half of the cast for training; "
        f"cast.size = {enough} is enough"
    )


def _divide_motions(
    sources: list[tuple[Clip, ...]], clothed: tuple[Clothed, ...], splits: tuple[str, ...]
) -> tuple[dict[str, str], str]:
    """The split of every motion by its id; and why they cannot be divided, else an empty text."""
    least = 2 * (len(splits) - 1)
    kin = _kin(clothed)
    divided = _divide(sorted(set(kin)), splits, {})
    split_of = {person.id: divided[mine] for person, mine in zip(clothed, kin, strict=True)}
    if clothed and set(divided.values()) != set(splits):
        return {}, (
            f"cast.clothed has {len(set(kin))} different performers, too few for every split to "
            f"have its own (at least {least})"
        )
    # A file that a dressed performer moves to may be listed among the plain motions too.
    at = {person.path: split_of[person.id] for person in clothed}
    for clips in sources:
        fixed = {c.id: split_of.get(c.id) or at.get(c.path) for c in clips}
        divided = _divide([c.id for c in clips], splits, {k: v for k, v in fixed.items() if v})
        split_of |= divided
        if set(divided.values()) != set(splits):
            return {}, (
                f"motion.sources[{clips[0].source}] has {len(clips)} clips, too few for every "
                f"split to have its own (at least {least})"
            )
    return split_of, ""


def _divide(names: list[str], splits: tuple[str, ...], fixed: dict[str, str]) -> dict[str, str]:
    """A split for every name; each split gets one at least, if there are enough names."""
    divided = {name: fixed.get(name, "train") for name in names}
    if len(names) < 2 * (len(splits) - 1):
        return divided
    free = {name: _number(name) for name in names if name not in fixed}
    for split in splits:
        low, high = _interval(split, splits)
        divided |= {name: split for name, number in free.items() if low <= number < high}
    for split in splits:
        # Of few names a split may have none by chance: it gets the one nearest to its own.
        counts = {other: list(divided.values()).count(other) for other in splits}
        spare = [name for name in free if counts[divided[name]] > 1]
        if not counts[split] and spare:
            middle = sum(_interval(split, splits)) / 2
            divided[min(spare, key=lambda name: abs(free[name] - middle))] = split
    return divided


def _kin(clothed: tuple[Clothed, ...]) -> list[str]:
    """A name per performer, the same for those who share a body or a file's name."""
    bodies = [",".join(f"{float(b):.5f}" for b in person.body.betas) for person in clothed]
    ids = [person.id for person in clothed]
    kin, before = list(bodies), None
    while kin != before:
        before = kin
        for labels in (ids, bodies):
            least: dict[str, str] = {}
            for label, name in zip(labels, kin, strict=True):
                least[label] = min(least.get(label, name), name)
            kin = [least[label] for label in labels]
    return kin
