"""What describes a dataset, against what is there: counts, splits, checksums, body model, cards."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
import pyarrow.parquet

from pipeline.compose.splits import SPLITS
from pipeline.dataset import FORMAT
from pipeline.shards.croissant import croissant
from pipeline.storage import read_json, sha256_file

_MOST_NAMED = 20
DESCRIPTIONS = ("README.md", "croissant.json", "index.parquet")


@dataclass
class Contents:
    """What the shards turned out to hold, gathered sample by sample.

    shapes: structure of a JSON -> how many samples have it; first: the first of them.
    unreadable: tars that nothing may be read from.
    """

    shards: int = 0
    people: Counter = field(default_factory=Counter)
    images: Counter = field(default_factory=Counter)
    keys: Counter = field(default_factory=Counter)
    genders: set[str] = field(default_factory=set)
    split_of: dict[int, str] = field(default_factory=dict)
    subjects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    motions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    bodies: dict[tuple, set[str]] = field(default_factory=lambda: defaultdict(set))
    shapes: Counter = field(default_factory=Counter)
    first: dict[frozenset, list[str]] = field(default_factory=lambda: defaultdict(list))
    mixed: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)

    def add(self, where: str, facts: dict, shape: frozenset[str]) -> None:
        """Take in the JSON of a sample."""
        self.shapes[shape] += 1
        if len(self.first[shape]) < _MOST_NAMED:
            self.first[shape].append(where)
        scene, split = facts["scene"], facts["split"]
        if self.split_of.setdefault(scene, split) != split:
            self.mixed.append(f"{where}: is of split {split!r}, its scene {self.split_of[scene]!r}")
        self.images[split] += 1
        self.people[split] += len(facts["people"])
        for person in facts["people"]:
            self.genders.add(person["gender"])
            self.subjects[person["subject"]].add(split)
            self.motions[person["motion"]].add(split)
            self.bodies[(person["gender"], *person["betas"])].add(split)

    def of_split(self, split: str) -> dict[str, int]:
        """How many scenes, images, people, subjects and motions a split has."""
        return {
            "scenes": sum(one == split for one in self.split_of.values()),
            "images": self.images[split],
            "people": self.people[split],
            "subjects": sum(split in splits for splits in self.subjects.values()),
            "motions": sum(split in splits for splits in self.motions.values()),
        }


_KINDS = {
    "format": str,
    "name": str,
    "config": dict,
    "counts": dict,
    "shards": list,
    "rejected": list,
    "body": dict,
    "splits": dict,
}


def form_faults(description: object) -> list[str]:
    """Whether dataset.json is a description at all; the other checks believe that it is."""
    if not isinstance(description, dict):
        return ["dataset.json is no description of a dataset"]
    odd = [name for name, kind in _KINDS.items() if not isinstance(description.get(name), kind)]
    return [f"dataset.json: {', '.join(odd)} missing or of another type"] if odd else []


def shard_list_faults(out: Path, description: dict) -> list[str]:
    """Files in shards/ that nobody lists."""
    listed = {shard["shard"] for shard in description["shards"]}
    wanted = listed | {f"{name}.sha256" for name in listed}
    present = {path.name for path in (out / "shards").iterdir()}
    faults = [f"shards/{name}: not listed in dataset.json" for name in sorted(present - wanted)]
    if description["format"] != FORMAT:
        faults.append(f"dataset.json: format is {description['format']!r}, expected {FORMAT!r}")
    return faults


def count_faults(description: dict, contents: Contents) -> Iterator[str]:
    """Counts, rejections and splits of dataset.json against the shards."""
    counts, rejected = description["counts"], {r["scene"] for r in description["rejected"]}
    found = {
        "samples": contents.keys.total(),
        "people": contents.people.total(),
        "shards": contents.shards,
        "rejected": len(rejected),
    }
    for name, n in found.items():
        if counts[name] != n:
            yield f"dataset.json counts {counts[name]} {name}, but there are {n}"
    yield from (f"sample {key} occurs twice" for key, n in contents.keys.items() if n > 1)
    for row in description["rejected"]:
        if not row.get("reason") or not row.get("stage"):
            yield f"scene {row['scene']} is rejected without a stage and a reason"
    present = {int(key.partition("_")[0]) for key in contents.keys}
    chosen_out = set(left_out(description)["scenes"])
    for scene in sorted(set(range(counts["scenes"])) - present - rejected - chosen_out):
        yield f"scene {scene} is neither in a shard nor rejected"
    for scene in sorted(chosen_out & (present | rejected)):
        yield f"scene {scene} is listed as left out, and in a shard or rejected"
    for scene in sorted(present & rejected):
        yield f"scene {scene} is both in a shard and rejected"
    for scene in sorted(present - set(range(counts["scenes"]))):
        yield f"scene {scene} is beyond the {counts['scenes']} that dataset.json counts"


def left_out(description: dict) -> dict:
    """Scenes and samples of its source that a selection does not hold, by `genb subset`."""
    return description.get("left_out", {"scenes": [], "samples": []})


def split_faults(description: dict, contents: Contents) -> Iterator[str]:
    """Scenes in two splits, people or motions that two splits share, and counts of splits."""
    yield from contents.mixed
    for split in sorted(set(contents.split_of.values()) - set(SPLITS)):
        yield f"split {split!r} is none of {', '.join(SPLITS)}"
    shared = {"subject": contents.subjects, "motion": contents.motions}
    for what, found in shared.items():
        for name, splits in sorted(found.items()):
            if len(splits) > 1:
                yield f"{what} {name!r} is in several splits: {', '.join(sorted(splits))}"
    for body, splits in sorted(contents.bodies.items()):
        if len(splits) > 1:
            told = ", ".join(f"{beta:.3f}" for beta in body[1:4])
            yield f"the body with betas {told}, ... is in several splits: {sorted(splits)}"
    for split in SPLITS:
        told = description["splits"][split]
        for name, n in contents.of_split(split).items():
            if told[name] != n:
                yield f"dataset.json counts {told[name]} {name} of split {split}, but there are {n}"
    held_out = bool(set(contents.split_of.values()) - {"train"})
    if (description["held_out"], not description["held_out_reason"]) != (held_out, held_out):
        yield "dataset.json: held_out and its reason do not agree with the splits"


def shape_faults(contents: Contents) -> Iterator[str]:
    """Samples whose JSON has other keys or types than that of most."""
    if not contents.shapes:
        return
    (usual, _), *others = contents.shapes.most_common()
    for shape, _ in others:
        lacks, has = sorted(usual - shape)[:3], sorted(shape - usual)[:3]
        for where in contents.first[shape]:
            yield (
                f"{where}: its JSON is not built like that of most samples: "
                f"lacks {', '.join(lacks) or 'nothing'}; has {', '.join(has) or 'nothing'} besides"
            )


def body_faults(out: Path, description: dict, genders: set[str]) -> Iterator[str]:
    """The body model files: those listed, with their checksums, and no others."""
    files = description["body"]["files"]
    for file in files:
        path = out / file["path"]
        if file["included"] and not path.is_file():
            yield f"{file['path']}: missing"
        elif file["included"] and sha256_file(path) != file["sha256"]:
            yield f"{file['path']}: its SHA-256 is not the one in dataset.json"
    wanted = {file["path"] for file in files if file["included"]}
    present = {p.relative_to(out).as_posix() for p in (out / "body").rglob("*") if p.is_file()}
    yield from (f"{path}: not listed in dataset.json" for path in sorted(present - wanted))
    for gender in sorted({file["gender"] for file in files} ^ genders):
        yield f"dataset.json: the body model of gender {gender!r} is listed or used, not both"


def card_faults(out: Path, description: dict) -> Iterator[str]:
    """The card, and croissant.json made again from dataset.json and the index."""
    missing = [name for name in DESCRIPTIONS if not (out / name).is_file()]
    yield from (f"{name}: missing" for name in missing)
    if missing:
        return
    if description["name"] not in (out / "README.md").read_text():
        yield "README.md: does not name the dataset"
    told = read_json(out / "croissant.json")
    wanted = croissant(description, sha256_file(out / "index.parquet"))
    try:
        columns = pyarrow.parquet.read_schema(out / "index.parquet").names
    except pyarrow.ArrowException:
        return  # told of the index itself
    yield from _croissant_faults(told, wanted, columns)


def _croissant_faults(told: dict, wanted: dict, columns: list[str]) -> Iterator[str]:
    """columns: of the index. Sentences may be those of another version; files and numbers not."""
    files = {file["@id"]: file for file in told["distribution"]}
    for file in wanted["distribution"]:
        other = files.pop(file["@id"], {})
        for name in sorted(n for n in file | other if file.get(n) != other.get(n)):
            title = "SHA-256" if name == "sha256" else name
            yield f"croissant.json: the {title} of {file['@id']} is not that of the file"
    yield from (f"croissant.json: {name} is no file of the dataset" for name in files)
    records, others = ({one["@id"]: one for one in d["recordSet"]} for d in (told, wanted))
    if [field["name"] for field in records["people"]["field"]] != columns:
        yield "croissant.json: its columns are not those of index.parquet"
    if records["splits"]["data"] != others["splits"]["data"]:
        yield "croissant.json: its splits are not those of dataset.json"
    for name in ("name", "license", "citeAs", "rai:dataCollectionMissingData"):
        if told.get(name) != wanted.get(name):
            yield f"croissant.json: {name} is not that of dataset.json"
