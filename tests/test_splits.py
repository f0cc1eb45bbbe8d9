"""Splits: shares, stability, and that nobody and no motion is in two of them."""

import itertools

import numpy as np
import pytest
from posed_cast import ATTEMPTS

from pipeline.assets import user_assets_dir
from pipeline.compose import casting
from pipeline.compose.casting import cast_of_scene, sample_subject
from pipeline.compose.population import Population
from pipeline.compose.splits import SPLITS, body_number, casting_pools, split_of_scene
from pipeline.config import Config, load_config
from pipeline.errors import GenbError

SCENES = 200
SEEDS = range(12)


def crowd_of(size=20, people=(1, 4), motion=None, **cast) -> Config:
    data = {"cast": {"size": size, **cast}, "scene": {"people": people}}
    return Config.model_validate(data | ({"motion": motion} if motion else {}))


CONFIGS = {
    "genb": load_config("genb"),
    "agora": load_config("agora"),
    "bedlam": load_config("bedlam"),
    "bedlam2": load_config("bedlam2"),
    "sample": load_config("sample"),
    "large": crowd_of(300, val_share=0.05, test_share=0.2, children_share=0.3),
    "test only": crowd_of(30, val_share=0.0, test_share=0.25),
    "val only": crowd_of(31, val_share=0.5, test_share=0.0),
}


def splits(config, seed, scenes=SCENES):
    return np.array([split_of_scene(config, seed, i) for i in range(scenes)])


@pytest.mark.parametrize("name", CONFIGS)
def test_every_prefix_holds_the_shares_to_within_one_scene(name):
    config = CONFIGS[name]
    assert casting_pools(config).held_out
    shares = {"val": config.cast.val_share, "test": config.cast.test_share}
    n = np.arange(1, SCENES + 1)
    for seed in SEEDS:
        dealt = splits(config, seed)
        for split, share in shares.items():
            assert np.abs(np.cumsum(dealt == split) - share * n).max() <= 1 + 1e-9


def test_the_first_held_out_scene_is_not_always_the_same():
    dealt = [splits(CONFIGS["genb"], seed, 10) for seed in range(40)]
    assert len({int(np.flatnonzero(d != "train")[0]) for d in dealt}) >= 4
    assert {d[d != "train"][0] for d in dealt} == {"val", "test"}


def identities(config, population, seed, index):
    """Names, bodies and motions that can play a part: everybody who may audition for it."""
    who = [sample_subject(config, population, seed, index, a) for a in range(ATTEMPTS)]
    return (
        {("subject", one.subject.rstrip("abcdefgh")) for one in who}
        | {("motion", one.motion.name) for one in who}
        | {("body", tuple(one.betas)) for one in who}
    )


def leaks(config, population, seeds, scenes=SCENES):
    """Whatever occurs in two splits, over all seeds together but for the subjects' names."""
    seen = {split: set() for split in SPLITS}
    for seed in seeds:
        members = {split: set() for split in SPLITS}
        for scene in range(scenes):
            members[split_of_scene(config, seed, scene)] |= set(cast_of_scene(config, seed, scene))
        for split, indices in members.items():
            for index in indices:
                found = identities(config, population, seed, index)
                seen[split] |= {(*f, seed) if f[0] == "subject" else f for f in found}
    return [a & b for a, b in itertools.combinations(seen.values(), 2) if a & b], seen


@pytest.mark.parametrize("name", CONFIGS)
def test_nothing_leaks_in_200_scenes(name, body_dir):
    """Understudies included, and over seeds: their datasets may be merged."""
    config = CONFIGS[name]
    found, seen = leaks(config, Population(config, body_dir), range(3))
    assert not found
    held = {split for split, pool in casting_pools(config).of.items()}
    assert {split for split in SPLITS if seen[split]} == held


def test_the_leak_test_can_fail(body_dir, monkeypatch):
    config = CONFIGS["genb"]
    monkeypatch.setattr(casting, "split_of_scene", lambda *_: "train")
    population = Population(config, body_dir)
    found = leaks(config, population, [0], 40)[0]
    assert {kind for common in found for kind, *_ in common} == {"subject", "motion", "body"}


def test_a_scene_does_not_depend_on_how_many_there_are():
    config = CONFIGS["genb"]
    alone = [(split_of_scene(config, 4, i), cast_of_scene(config, 4, i)) for i in (150, 7)]
    row = [(split_of_scene(config, 4, i), cast_of_scene(config, 4, i)) for i in range(151)]
    assert alone == [row[150], row[7]]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_split_holds_the_shares_of_people(name, body_dir):
    config = CONFIGS[name]
    population = Population(config, body_dir)
    for seed in range(3):
        for pool in casting_pools(config).of.values():
            mine = [sample_subject(config, population, seed, i) for i in pool.members]
            children = sum(one.age_years < 18 for one in mine)
            women = sum(one.sex == "female" for one in mine)
            assert abs(children - config.cast.children_share * len(mine)) <= 1
            # Blocks of 20 are dealt evenly and the last one may be shorter: within two.
            assert abs(women - config.cast.female_share * len(mine)) <= 2
        girls = [m.sex == "female" for m in mine if m.age_years < 18]
        assert len(girls) < 10 or 0 < sum(girls) < len(girls)


def test_a_pool_uses_every_motion_of_its_own_once_before_any_twice(body_dir):
    config = CONFIGS["large"]
    population = Population(config, body_dir)
    for pool in casting_pools(config).of.values():
        names = [sample_subject(config, population, 1, i).motion.name for i in pool.members]
        mine = [clip.id for clip in pool.clips[0]]
        rounds = len(names) // len(mine)
        counts = {names.count(name) for name in mine}
        assert set(names) <= set(mine) and counts <= {rounds, rounds + 1}


def test_a_fifth_of_motions_and_bodies_is_kept_for_each_held_out_split():
    pools = casting_pools(CONFIGS["genb"]).of
    counts = {split: len(pool.clips[0]) for split, pool in pools.items()}
    total = sum(counts.values())
    for split in ("val", "test"):
        # Three standard deviations of a binomial count.
        assert abs(counts[split] - 0.2 * total) <= 3 * np.sqrt(0.16 * total)
        assert np.diff(pools[split].bodies) == pytest.approx(0.2)


def test_all_divided_datasets_agree_on_what_is_held_out():
    """Whatever their seeds, casts and shares, so that they can be merged."""
    first, *others = (casting_pools(CONFIGS[name]).of for name in ("genb", "agora", "bedlam2"))
    for other in (*others, casting_pools(CONFIGS["large"]).of):
        for split in SPLITS:
            assert other[split].bodies == first[split].bodies
            assert other[split].clips == first[split].clips


TWO_CLIPS = {"sources": [{"kind": "library", "include": ["walk", "wave"]}]}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (load_config("smoke"), ["cast of 2 is too small", "cast.size = 8 is enough"]),
        (crowd_of(15), ["cast of 15 is too small", "up to 4", "cast.size = 16 is enough"]),
        (crowd_of(40, (5, 15)), ["cast.size = 60 is enough"]),
        (crowd_of(val_share=0.0, test_share=0.0), ["val_share and cast.test_share are 0"]),
        (crowd_of(motion=TWO_CLIPS), ["motion.sources[0] has 2 clips", "at least 4"]),
    ],
)
def test_a_cast_that_cannot_be_divided_says_what_would_do(config, words):
    pools = casting_pools(config)
    assert not pools.held_out and set(pools.of) == {"train"}
    for word in words:
        assert word in pools.reason
    assert set(splits(config, 0)) == {"train"}
    assert pools.of["train"].members == range(config.cast.size)


@pytest.mark.parametrize(("size", "people"), [(15, 4), (3, 1), (50, 13)])
def test_the_size_that_is_called_enough_is_the_smallest(size, people):
    words = casting_pools(crowd_of(size, (1, people))).reason.split()
    enough = int(words[words.index("cast.size") + 2])
    assert casting_pools(crowd_of(enough, (1, people))).held_out
    assert not casting_pools(crowd_of(enough - 1, (1, people))).held_out


def test_few_motions_are_enough_when_one_split_is_held_out():
    config = crowd_of(motion=TWO_CLIPS, test_share=0.0)
    pools = casting_pools(config).of
    assert [len(pools[s].clips[0]) for s in ("train", "val")] == [1, 1] and "test" not in pools


def test_a_share_of_more_than_half_is_refused():
    with pytest.raises(ValueError, match="more than half"):
        crowd_of(val_share=0.4, test_share=0.2)


def test_a_member_beyond_the_cast_is_an_error(body_dir):
    config = CONFIGS["genb"]
    with pytest.raises(ValueError, match="no cast member 20"):
        sample_subject(config, Population(config, body_dir), 0, 20)


def test_a_split_without_bodies_of_its_own_is_an_error(body_dir, monkeypatch):
    config = CONFIGS["genb"]
    monkeypatch.setattr(casting, "body_number", lambda betas: 0.5)
    monkeypatch.setattr(casting, "_BODY_DRAWS", 50)
    population = Population(config, body_dir)
    sample_subject(config, population, 0, 0)
    held = casting_pools(config).of["val"].members[0]
    with pytest.raises(GenbError, match="none of its own: widen"):
        sample_subject(config, population, 0, held)


def test_a_body_has_one_number():
    betas = np.array([0.123456, -1e-9, 2.0])
    assert body_number(betas) == body_number([0.12346, 0.0, 2.0]) != body_number([0.12347, 0, 2])
    numbers = np.array([body_number([k]) for k in range(2000)])
    # Kolmogorov distance to uniform; 1.63/sqrt(n) is its 1 % critical value.
    gap = np.abs(np.sort(numbers) - (np.arange(2000) + 0.5) / 2000).max()
    assert numbers.min() >= 0 and numbers.max() < 1 and gap < 1.63 / np.sqrt(2000)


@pytest.fixture
def performers(tmp_path, monkeypatch):
    """Ten dressed performers of five bodies; walk_3 also lies among the plain motions."""
    rng = np.random.default_rng(0)
    bodies = rng.normal(size=(5, 10))
    for folder in ("clo", "plain"):
        (tmp_path / folder).mkdir()
    for k in range(10):
        file = {
            "poses": 0.1 * rng.normal(size=(30, 165)),
            "trans": np.zeros((30, 3)),
            "betas": bodies[k // 2],
            "gender": np.array("male"),
            "mocap_frame_rate": np.array(50.0),
        }
        np.savez(tmp_path / "clo" / f"walk_{k}.npz", **file)
        jacket = {"vertices": np.zeros((30, 3, 3), np.float32), "faces": np.array([[0, 1, 2]])}
        np.savez(tmp_path / "clo" / f"walk_{k}.jacket.npz", **jacket)
        if k % 2:
            np.savez(tmp_path / "plain" / f"walk_{k}.npz", **file)
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    sources = [{"kind": "library"}, {"kind": "amass", "folder": "plain"}]
    return crowd_of(
        motion={"sources": sources}, clothed=["clo"], clothed_share=0.5, clip_frames=8, fps=25.0
    )


def test_dressed_performers_are_divided_by_body_and_file(performers, body_dir):
    pools = casting_pools(performers)
    assert pools.held_out, pools.reason
    bodies = [{tuple(c.body.betas) for c in pool.clothed} for pool in pools.of.values()]
    assert sum(len(b) for b in bodies) == 5 and all(bodies)
    assert [len(pool.clothed) for pool in pools.of.values()] == [2 * len(b) for b in bodies]
    ids = [
        {c.id for c in pool.clothed} | {c.id for clips in pool.clips for c in clips}
        for pool in pools.of.values()
    ]
    assert not any(a & b for a, b in itertools.combinations(ids, 2))
    found, _ = leaks(performers, Population(performers, body_dir), range(3), 60)
    assert not found


def test_too_few_performers_hold_nothing_out(performers):
    cast = performers.cast.model_copy(update={"test_share": 0.4, "size": 40})
    config = performers.model_copy(update={"cast": cast})
    assert casting_pools(config).held_out
    few = user_assets_dir() / "few"
    few.mkdir()
    for path in sorted((user_assets_dir() / "clo").glob("walk_[0-5].*")):
        path.rename(few / path.name)
    cast = cast.model_copy(update={"clothed": ["few"]})
    reason = casting_pools(performers.model_copy(update={"cast": cast})).reason
    assert "cast.clothed has 3 different performers" in reason and "at least 4" in reason
