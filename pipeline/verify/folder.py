"""A whole dataset folder, shard by shard and sample by sample; memory does not grow with it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.shards.consistency import Labelled, appearance_faults, labelled
from pipeline.shards.read import UNREADABLE, read_samples
from pipeline.storage import sha256_file
from pipeline.verify.archive import archive_faults
from pipeline.verify.described import (
    Contents,
    body_faults,
    card_faults,
    count_faults,
    form_faults,
    left_out,
    shape_faults,
    shard_list_faults,
    split_faults,
)
from pipeline.verify.frame import CheckedFrame, Means
from pipeline.verify.index import index_faults
from pipeline.verify.members import structure
from pipeline.verify.motion import following_faults
from pipeline.verify.sample import sample_faults


@dataclass(frozen=True)
class Report:
    """faults: what is wrong with a dataset. notes: what could not be checked here, and why."""

    faults: list[str]
    notes: list[str]


def verify_report(out: Path) -> Report:
    """Check the dataset in `out`, all of it whatever is found on the way."""
    out = Path(out)
    if not (out / "dataset.json").is_file():
        return Report([f"{out}: no dataset.json; this is not a finished dataset"], [])
    try:
        dataset = Dataset(out)
    except (GenbError, ValueError) as error:
        return Report([f"dataset.json: {error}"], [])
    description = dataset.description
    if faults := form_faults(description):
        return Report(faults, [])
    means, contents = Means(dataset), Contents()
    faults += _guarded(shard_list_faults, out, description)
    for shard in description["shards"]:
        faults += _guarded(_shard_faults, out, shard, means, contents)
    faults += shape_faults(contents)
    faults += _guarded(count_faults, description, contents)
    faults += _guarded(split_faults, description, contents)
    faults += _guarded(body_faults, out, description, contents.genders)
    faults += _guarded(card_faults, out, description)
    tars = [tar for tar in dataset.tars if tar.is_file() and tar.name not in contents.unreadable]
    faults += index_faults(out, tars)
    notes = [f"{reason} ({n} samples)" for reason, n in sorted(means.left_out.items())]
    return Report(faults, notes)


def _guarded(check: Callable, *arguments) -> list[str]:
    """What a check finds; one that stumbles over dataset.json keeps no other from running."""
    try:
        return list(check(*arguments))
    except (GenbError, TypeError, AttributeError, *UNREADABLE) as error:
        name = check.__name__.removesuffix("_faults").strip("_").replace("_", " ")
        return [f"dataset.json: {name} cannot be checked ({error!r})"]


def _shard_faults(out: Path, shard: dict, means: Means, contents: Contents) -> list[str]:
    """Faults of one tar; what it holds is added to `contents`."""
    tar = out / "shards" / shard["shard"]
    contents.shards += 1
    if not tar.is_file():
        return [f"{tar.name}: missing"]
    faults = []
    if sha256_file(tar) != shard["sha256"]:
        faults.append(f"{tar.name}: its SHA-256 is not the one in dataset.json")
    if tar.stat().st_size != shard["bytes"]:
        faults.append(f"{tar.name}: its size is not the one in dataset.json")
    checksum = tar.with_name(f"{tar.name}.sha256")
    if not checksum.is_file() or checksum.read_text() != f"{shard['sha256']}  {tar.name}\n":
        faults.append(f"{checksum.name}: missing, or not the checksum in dataset.json")
    found, readable = archive_faults(tar)
    faults += [f"{tar.name}: {fault}" for fault in found]
    reader = _ShardReader(tar.name, means, contents)
    if not readable:
        contents.unreadable.add(tar.name)
    else:
        try:
            for sample in read_samples(tar):
                reader.check(sample)
        except GenbError as error:
            reader.faults.append(f"{tar.name}: {error}")
    faults += reader.faults
    if reader.keys != shard["samples"]:
        faults.append(f"{tar.name}: its samples are not those listed in dataset.json")
    description = means.dataset.description
    appearances = description["config"]["diffusion"]["appearances"]
    # Pictures that a selection left out are none that are missing.
    known = [*reader.keys, *left_out(description)["samples"]]
    odd = appearance_faults(reader.labelled, known, appearances)
    return faults + [f"{tar.name}: {fault}" for fault in odd]


class _ShardReader:
    """Checks the samples of a shard one after the other.

    It keeps the sample before: its flow leads into the next frame.
    """

    def __init__(self, name: str, means: Means, contents: Contents):
        self.name, self._means, self._contents = name, means, contents
        self.keys: list[str] = []
        self.faults: list[str] = []
        self.labelled: list[Labelled] = []
        self._before: CheckedFrame | None = None

    def check(self, sample) -> None:
        """Check one sample, in the order of the shard."""
        self.keys.append(sample.key)
        self._contents.keys[sample.key] += 1
        where = f"{self.name}: {sample.key}"
        frame = CheckedFrame(self._means.dataset, sample, self._means)
        try:
            found, broken = sample_faults(frame)
            if "json" not in broken:
                if frame.facts["shard"] != self.name:
                    found.append(f"its JSON says it is in {frame.facts['shard']}")
                self._contents.add(where, frame.facts, structure(frame.facts))
                self.labelled.append(labelled(sample, frame.facts))
            self.faults += self._flow_faults(frame, broken)
        except UNREADABLE as error:
            found, broken = [f"cannot be read ({error!r})"], {"json"}
        self.faults += [f"{where}: {fault}" for fault in found]
        self._before = None if broken else frame

    def _flow_faults(self, frame: CheckedFrame, broken: set[str]) -> list[str]:
        """The flow of the frame before, now that the next one is there."""
        before = self._before
        if before is None or broken or "flow.npy" not in before.sample.members:
            return []
        here, there = before.facts, frame.facts
        if (here["scene"], here["frame"] + 1) != (there["scene"], there["frame"]):
            return []
        return [f"{self.name}: {before.key}: {f}" for f in following_faults(before, frame)]
