"""How evenly a dataset covers what matters: numbers for `report/balance.json`, no drawing.

Every axis has fixed, named bins. Its evenness is the entropy of their counts over that of an even
spread (1: all alike, 0: everything in one). Gaps and dominance are said in words, and the parts of
a divided dataset are compared.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pipeline.dataset import Dataset
from pipeline.shards.pose_clusters import FACINGS, Poses, pose_clusters, read_poses

GAP = 0.05
"""A bin with less than this part of an even share is a gap."""

_MANY = {"person": "people", "image": "images", "garment": "garments"}

FEW = 10
"""Fewer than this many per bin say little."""


@dataclass(frozen=True)
class Axis:
    """A column of the index in bins: between `edges`, or texts: its `names`, or (none given) those
    that occur.

    names: of the bins between edges too, where their numbers would not do. per: what is counted.
    scale: from the column's unit to that of the edges. parts: the text names several things, joined
    by +.
    """

    title: str
    edges: tuple[float, ...] = ()
    unit: str = ""
    names: tuple[str, ...] = ()
    per: str = "person"
    scale: float = 1.0
    parts: bool = False

    @property
    def bins(self) -> list[str]:
        """Names of the bins; empty for an axis of what occurs."""
        if self.names or not self.edges:
            return list(self.names)
        told = [f"{edge:g}".replace("-", "−") for edge in self.edges]
        between = [f"{a} to {b}" for a, b in zip(told, told[1:], strict=False)]
        unit = self.unit
        return [
            f"below {told[0]}{unit}",
            *(f"{name}{unit}" for name in between),
            f"{told[-1]}{unit} and more",
        ]


_STANDARD = (-2, -1, 0, 1, 2)
AXES = {
    "beta_0": Axis("shape coefficient 0", _STANDARD),
    "beta_1": Axis("shape coefficient 1", _STANDARD),
    "beta_2": Axis("shape coefficient 2", _STANDARD),
    "bmi": Axis("body mass index", (18.5, 25, 30, 35), " kg/m²"),
    "stature_m": Axis("stature", (1.2, 1.4, 1.55, 1.7, 1.85), " m"),
    "age_years": Axis("age", (12, 18, 30, 45, 60, 75), " years"),
    "skin_tone": Axis("skin tone, 0 the lightest", (0.2, 0.4, 0.6, 0.8)),
    "sex": Axis("sex", names=("female", "male")),
    "occlusion": Axis("occlusion", (1, 10, 30, 50, 70), " %", scale=100),
    "truncation": Axis("truncation", (1, 10, 30, 50), " %", scale=100),
    "distance_m": Axis("distance", (1.5, 3, 5, 8, 15), " m"),
    "vfov_deg": Axis("vertical field of view", (20, 30, 40, 50, 60, 75), "°", per="image"),
    "eye_height_m": Axis("camera height", (0.5, 1, 1.5, 2, 3), " m", per="image"),
    "pitch_deg": Axis("camera pitch, up is positive", (-30, -15, -5, 5, 15), "°", per="image"),
    "people_count": Axis(
        "people per image",
        (2, 3, 5, 9),
        names=("1", "2", "3 or 4", "5 to 8", "9 and more"),
        per="image",
    ),
    "action": Axis("action"),
    "garments": Axis("garments", per="garment", parts=True),
}
"""Axis -> where its bins lie. `facing`, `hands` and `pose` come from the labels."""

HANDS = ("no hand", "one hand", "both hands")


def dataset_balance(dataset: Dataset, rows: list[dict]) -> dict:
    """The whole balance of a dataset as plain JSON values. rows: those of its index."""
    people = _once(rows)
    keys = {row["key"] for row in people}
    poses = read_poses(dataset, keys)
    groups = pose_clusters(poses.joints)
    axes = index_axes(rows) | pose_axes(poses, groups)
    return {
        "people": len(people),
        "images": len(keys),
        "frames_read_for_poses": poses.frames,
        "axes": axes,
        "pose_clusters": [_described(poses, members) for members in groups],
    }


def index_axes(rows: list[dict]) -> dict[str, dict]:
    """Every axis of AXES. A frame with several appearances counts once."""
    people = _once(rows)
    images = list({row["key"]: row for row in people}.values())
    return {name: _index_axis(name, images, people) for name in AXES}


def _index_axis(name: str, images: list[dict], people: list[dict]) -> dict:
    axis = AXES[name]
    drawn: list[tuple[str, str]] = []
    for row in images if axis.per == "image" else people:
        drawn += [(found, row["split"]) for found in _bins_of(axis, row[name])]
    bins = axis.bins + sorted({found for found, _ in drawn} - set(axis.bins))
    return axis_figures(axis.title, axis.per, bins, drawn, open_ended=not axis.bins)


def _bins_of(axis: Axis, value: float | str) -> list[str]:
    if axis.edges:
        return [axis.bins[int(np.searchsorted(axis.edges, value * axis.scale, side="right"))]]
    if axis.parts:
        return str(value).split("+") if value else ["none"]
    return [str(value)]


def pose_axes(poses: Poses, groups: list[np.ndarray]) -> dict[str, dict]:
    """The axes `facing`, `hands` and `pose`."""
    faced = [(FACINGS[f], split) for f, split in zip(poses.facings, poses.splits, strict=True)]
    hands = [(HANDS[n], split) for n, split in zip(poses.hands, poses.splits, strict=True)]
    bins = [f"pose {number + 1}" for number in range(len(groups))]
    posed = [
        (name, poses.splits[m]) for name, members in zip(bins, groups, strict=True) for m in members
    ]
    return {
        "facing": axis_figures("facing", "person", list(FACINGS), faced),
        "hands": axis_figures("hands seen", "person", list(HANDS), hands),
        "pose": axis_figures("groups of poses", "person", bins, posed, open_ended=True),
    }


def axis_figures(
    title: str, per: str, bins: list[str], drawn: list[tuple[str, str]], open_ended: bool = False
) -> dict:
    """Counts, evenness, warnings, and every part of the dataset against its training part.

    drawn: (bin, split) of everything that is counted. open_ended: the bins are what occurs, so that
    none of them can be empty.
    """
    splits = sorted({split for _, split in drawn})
    counted = Counter(drawn)
    by_split = {split: [counted[name, split] for name in bins] for split in splits}
    counts = [sum(column) for column in zip(*by_split.values(), strict=True)] or [0] * len(bins)
    return {
        "title": title,
        "per": per,
        "bins": bins,
        "counts": counts,
        "evenness": evenness(counts),
        "open_ended": open_ended,
        "warnings": imbalances(bins, counts, per),
        "splits": by_split if len(splits) > 1 else {},
        "against_train": {
            split: split_distance(by_split[split], by_split["train"])
            for split in splits
            if split != "train" and "train" in by_split
        },
    }


def evenness(counts: list[int]) -> float:
    """Entropy of the counts over that of an even spread; 0 of a single bin or of nothing."""
    share = np.array(counts, float)
    if len(counts) < 2 or not share.sum():
        return 0.0
    share = share[share > 0] / share.sum()
    return round(float(-(share * np.log(share)).sum() / np.log(len(counts))) + 0.0, 6)


def imbalances(bins: list[str], counts: list[int], per: str) -> list[str]:
    """What is missing and what dominates, in words."""
    total, many = sum(counts), _MANY[per]
    if not total:
        return [f"no {many} at all"]
    told = []
    if total < FEW * len(bins):
        told.append(f"only {total} {many} for {len(bins)} bins: gaps may be chance")
    empty = [name for name, n in zip(bins, counts, strict=True) if not n]
    if empty:
        told.append(f"no {per} in: {', '.join(empty)}")
    even = total / len(bins)
    rare = [f"{b} ({n})" for b, n in zip(bins, counts, strict=True) if 0 < n < GAP * even]
    if rare:
        told.append(f"hardly any {many} in: {', '.join(rare)}; an even share is {even:.0f}")
    most = int(np.argmax(counts))
    # Halfway from an even share to all there is.
    if counts[most] / total > (1 + 1 / len(bins)) / 2:
        told.append(f"{bins[most]} has {counts[most] / total:.0%} of the {many}")
    return told


def split_distance(part: list[int], train: list[int]) -> dict:
    """How far the shares of a part are from those of the training part.

    distance: half the sum of (p - q)² / (p + q), from 0 (alike) to 1 (nothing in common).
    by_chance: what two draws of these sizes from the same spread would give on average.
    """
    n, m = sum(part), sum(train)
    p, q = np.array(part) / max(n, 1), np.array(train) / max(m, 1)
    both = (p + q) > 0
    distance = 0.5 * np.square(p - q)[both] / (p + q)[both]
    chance = (int(both.sum()) - 1) * (1 / max(n, 1) + 1 / max(m, 1)) / 4
    return {"distance": round(float(distance.sum()), 6), "by_chance": round(min(chance, 1.0), 6)}


def _described(poses: Poses, members: np.ndarray) -> dict:
    """A group by its medoid."""
    medoid = int(members[0])
    return {
        "people": len(members),
        "key": poses.keys[medoid],
        "person": poses.numbers[medoid],
        "joints": np.round(poses.joints[medoid], 4).tolist(),
    }


def _once(rows: list[dict]) -> list[dict]:
    """The rows without those of frames that are already there in another appearance."""
    kept: dict[str, str] = {}
    for row in rows:
        frame = row["key"].removesuffix(f"_a{row['appearance']}")
        kept.setdefault(frame, row["key"])
    keys = set(kept.values())
    return [row for row in rows if row["key"] in keys]
