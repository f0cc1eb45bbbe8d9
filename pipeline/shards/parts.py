"""What becomes of names and splits when datasets are put together.

Subjects keep their names unless somebody else has them. A split stays free of people and motions
of another one: whatever shares somebody or a motion with training becomes training.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from pipeline.compose.splits import SPLITS
from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.shards.index import index_rows

AGREEING = (
    *("shards.geometry", "shards.dense_keypoints", "shards.dense_matrices"),
    *("diffusion.appearances", "diffusion.drift"),
    *("audit", "exposure", "scene.frames", "scene.frame_step", "cast.fps"),
    *("body.source", "body.num_betas", "body.kid_template"),
)
"""Settings that say how samples are built and checked: one dataset has one value of each."""

_BETAS = tuple(f"beta_{i}" for i in range(10))
_PERFORMANCE = ("age_years", "stature_m", "motion", "motion_source", "garments", "shoes")
_NUMBERING = ("shard", "key", "scene", "subject", "split")


@dataclass(frozen=True)
class Part:
    """A dataset that becomes part of another one; its scene s becomes first_scene + s."""

    dataset: Dataset
    first_scene: int

    @property
    def description(self) -> dict:
        """Its dataset.json."""
        return self.dataset.description

    @cached_property
    def rows(self) -> list[dict]:
        """The rows of its index, read from its shards."""
        return index_rows(self.dataset.tars)


def numbered(datasets: list[Dataset]) -> list[Part]:
    """The datasets one after the other."""
    parts, scenes = [], 0
    for dataset in datasets:
        parts.append(Part(dataset, scenes))
        scenes += dataset.description["counts"]["scenes"]
    return parts


def check_agreement(parts: list[Part]) -> None:
    """Raise GenbError, naming the keys, when the parts could not be one dataset."""
    first = parts[0]
    for part in parts[1:]:
        mine, other = (p.description["config"] for p in (part, first))
        for key in (one for table in AGREEING for one in _settings_of(table, mine, other)):
            if setting(mine, key) != setting(other, key):
                raise GenbError(
                    f"{part.dataset.out} and {first.dataset.out} cannot be one dataset: {key} is "
                    f"{setting(mine, key)!r} in the one and {setting(other, key)!r} in the other. "
                    "Build them with the same value, or keep them apart and give both to the "
                    "loader."
                )


def _settings_of(dotted: str, *configs: dict) -> list[str]:
    """The single settings in a table; of a single setting, itself."""
    tables = [value for config in configs if isinstance(value := setting(config, dotted), dict)]
    return sorted({f"{dotted}.{key}" for table in tables for key in table}) or [dotted]


def setting(config: dict, dotted: str) -> object:
    """A table or value of a configuration; None where it has no such key."""
    value: object = config
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def check_duplicates(parts: list[Part]) -> None:
    """Raise GenbError when two parts hold the same picture."""
    seen: dict[tuple, tuple[Part, str]] = {}
    for part in parts:
        for row in part.rows:
            picture = tuple(value for name, value in row.items() if name not in _NUMBERING)
            other, key = seen.setdefault(picture, (part, row["key"]))
            if other is not part:
                raise GenbError(
                    f"{row['key']} of {part.dataset.out} is the same picture as {key} of "
                    f"{other.dataset.out}: same configuration and seed. Merge one of them only, or "
                    "build the other with another --seed."
                )


def subject_names(parts: list[Part]) -> list[dict[str, str]]:
    """For every part, old -> new name of its subjects.

    Two parts share a name only for the same body in the same motion and clothes.
    """
    taken: dict[str, tuple] = {}
    names = []
    for part in parts:
        mine = {row["subject"]: _performer(row) for row in part.rows}
        renamed = {}
        for name, performer in sorted(mine.items()):
            new, number = name, 1
            while taken.get(new, performer) != performer or (new != name and new in mine):
                number += 1
                new = f"{name}_{number}"
            renamed[name] = new
        taken |= {renamed[name]: performer for name, performer in mine.items()}
        names.append(renamed)
    return names


def _body(row: dict) -> tuple:
    return (row["gender"], *(row[name] for name in _BETAS))


def _performer(row: dict) -> tuple:
    return (*_body(row), *(row[name] for name in _PERFORMANCE))


def common_splits(parts: list[Part], names: list[dict[str, str]]) -> dict[int, str]:
    """The split of every scene by its new number.

    Scenes that share a subject, a body or a motion, also through others, get the first of train,
    val and test that any of them has.
    """
    shown: dict[int, set[tuple]] = defaultdict(set)
    rank: dict[int, int] = {}
    for part, renamed in zip(parts, names, strict=True):
        for row in part.rows:
            scene = part.first_scene + row["scene"]
            rank[scene] = SPLITS.index(row["split"])
            shown[scene] |= {
                ("subject", renamed[row["subject"]]),
                ("motion", row["motion"]),
                ("body", *_body(row)),
            }
    before = None
    while rank != before:
        before = dict(rank)
        least: dict[tuple, int] = {}
        for scene, things in shown.items():
            for thing in things:
                least[thing] = min(least.get(thing, len(SPLITS)), rank[scene])
        rank = {scene: min(least[thing] for thing in shown[scene]) for scene in rank}
    return {scene: SPLITS[number] for scene, number in rank.items()}
