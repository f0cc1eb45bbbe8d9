"""Datasets made from datasets: what `genb merge` and `genb subset` share.

Samples keep every member but their JSON, whose names and numbers may change; a shard that is not
what its checksum says is refused, because its damage would get a fresh checksum.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.shards.read import Sample, read_samples
from pipeline.storage import atomic_file, canonical_json, sha256_file


def check_target(target: Path) -> None:
    """Raise GenbError unless a new dataset may be written to `target`."""
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if target.exists():
        raise GenbError(f"{target} exists already. Choose another folder with --out.")


def sound_samples(dataset: Dataset, shard: dict) -> Iterator[Sample]:
    """Samples of one of the dataset's shards. Raises GenbError when it is not as published."""
    tar = dataset.out / "shards" / shard["shard"]
    if not tar.is_file() or sha256_file(tar) != shard["sha256"]:
        raise GenbError(
            f"{tar} is missing or is not the one that dataset.json lists: get it again. "
            f"`genb verify {dataset.out}` names every fault."
        )
    yield from read_samples(tar)


def retold(sample: Sample, changes: dict, subjects: dict[str, str] | None = None) -> dict:
    """The members of a sample with facts of its JSON changed; subjects: old name -> new name."""
    facts = json.loads(sample.members["json"]) | changes
    if subjects:
        facts["people"] = [
            person | {"subject": subjects[person["subject"]]} for person in facts["people"]
        ]
    return sample.members | {"json": canonical_json(facts).encode()}


def shard_facts(tar: Path, digest: str, keys: list[str]) -> dict:
    """A shard's entry in dataset.json."""
    return {"shard": tar.name, "sha256": digest, "bytes": tar.stat().st_size, "samples": keys}


def copy_bodies(datasets: list[Dataset], genders: set[str], target: Path) -> dict:
    """Copy the body model files of `genders` and return what dataset.json says of them.

    Raises GenbError when two datasets used different files for one gender, or one is damaged.
    """
    files: dict[str, dict] = {}
    for dataset in datasets:
        for file in dataset.description["body"]["files"]:
            known = files.get(file["gender"])
            if known and known["sha256"] != file["sha256"]:
                raise GenbError(
                    f"{dataset.out} has another {file['gender']} body model than the datasets "
                    "before it, and a dataset has one per gender. Build them with the same model."
                )
            if file["gender"] in genders and not (known and known["included"]):
                files[file["gender"]] = file
                if file["included"]:
                    _copy(dataset.out / file["path"], target / file["path"], file["sha256"])
    source = datasets[0].description["body"]["source"]
    return {"source": source, "files": [files[gender] for gender in sorted(files)]}


def _copy(path: Path, target: Path, sha256: str) -> None:
    if not path.is_file() or sha256_file(path) != sha256:
        raise GenbError(f"{path} is missing or damaged: copy it from the original dataset again.")
    with atomic_file(target) as partial:
        shutil.copyfile(path, partial)
