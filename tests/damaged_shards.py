"""Damage to a published dataset, with its checksums repaired, as a careful vandal would do it."""

import io
import json
import shutil
import tarfile
from contextlib import contextmanager

import numpy as np
from PIL import Image

from pipeline.shards.croissant import croissant
from pipeline.shards.index import read_index, write_index
from pipeline.shards.sample import member_checksums
from pipeline.shards.write import png_bytes
from pipeline.storage import canonical_json, npz_bytes, read_json, sha256_file, write_json

TAR = "genb-000000.tar"


def published(source, target):
    """A copy of a dataset as a user has it, without the work folder; returns its folder."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("work", "report"))
    return target


@contextmanager
def restored(out):
    """Yield a dataset to damage, and put every file back afterwards.

    One copy serves many tests: its body model is read once per process, under one path.
    """
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    try:
        yield out
    finally:
        for path in list(out.rglob("*")):
            if path not in before and (path.is_file() or path.is_symlink()):
                path.unlink()
        for path, data in before.items():
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)


def repack(out, change, key="000000_0000", keep_told=False):
    """Change one sample's members and repair every checksum, as a careful vandal would.

    A sample without members is gone from the list of samples and from the counts too. keep_told:
    leave the checksums of members in the sample's JSON as they were.
    """
    description = read_json(out / "dataset.json")
    shard = next(one for one in description["shards"] if key in one["samples"])
    members = read_members(out, shard["shard"])
    names = [name for name in members if name.partition(".")[0] == key]
    sample = {name.partition(".")[2]: members.pop(name) for name in names}
    change(sample)
    if not keep_told:
        _tell_checksums(sample)
    members |= {f"{key}.{extension}": data for extension, data in sample.items()}
    write_members(out, [(name, members[name]) for name in sorted(members)], shard["shard"])
    samples = list(dict.fromkeys(name.partition(".")[0] for name in sorted(members)))
    description["counts"]["samples"] += len(samples) - len(shard["samples"])
    shard["samples"] = samples
    write_json(out / "dataset.json", description)
    repair(out)


def read_members(out, tar=TAR):
    """Member name -> bytes of a shard, in its order."""
    with tarfile.open(out / "shards" / tar) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}


def write_members(out, members, tar=TAR):
    """Write a shard of (name, bytes) as they come."""
    with tarfile.open(out / "shards" / tar, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def _tell_checksums(sample):
    try:
        facts = json.loads(sample["json"])
        facts["members"] = member_checksums(sample)
        sample["json"] = canonical_json(facts).encode()
    except (KeyError, ValueError):
        pass  # no JSON, or one that cannot be told anything


def repair(out):
    """Make all checksums of the files those of the files."""
    description = read_json(out / "dataset.json")
    for shard in description["shards"]:
        tar = out / "shards" / shard["shard"]
        shard["sha256"], shard["bytes"] = sha256_file(tar), tar.stat().st_size
        tar.with_name(f"{tar.name}.sha256").write_text(f"{shard['sha256']}  {tar.name}\n")
    write_json(out / "dataset.json", description)
    write_json(out / "croissant.json", croissant(description, sha256_file(out / "index.parquet")))


def describe(out, change):
    """Change dataset.json and let croissant.json follow."""
    description = read_json(out / "dataset.json")
    change(description)
    write_json(out / "dataset.json", description)
    repair(out)


def reindex(out, change):
    """Replace the index by rows that `change` makes of its rows."""
    rows = read_index(out / "index.parquet")
    write_index(out / "index.parquet", change(rows) or rows)
    repair(out)


def without_rows(out, keys):
    """Take samples out of the index and out of the counts of people."""
    reindex(out, lambda rows: [row for row in rows if row["key"] not in keys])

    def count(description):
        rows = read_index(out / "index.parquet")
        description["counts"]["people"] = len(rows)
        told = description["splits"]["train"]
        told |= {"people": len(rows), "images": len({row["key"] for row in rows})}

    describe(out, count)


def label_change(change):
    """A change of a sample's numeric labels."""
    return archive_change("npz", change)


def archive_change(member, change):
    """A change of the arrays of a .npz member."""

    def spoil(members):
        with np.load(io.BytesIO(members[member])) as archive:
            arrays = {name: archive[name] for name in archive.files}
        change(arrays)
        members[member] = npz_bytes(arrays)

    return spoil


def array_change(member, change):
    """A change of a .npy member: in place, or the array that `change` returns."""

    def spoil(members):
        with io.BytesIO(members[member]) as file:
            array = np.load(file)
        changed = change(array)
        buffer = io.BytesIO()
        np.save(buffer, array if changed is None else changed)
        members[member] = buffer.getvalue()

    return spoil


def image_change(member, change):
    """A change of a PNG or JPEG member: in place, or the pixels that `change` returns."""

    def spoil(members):
        pixels = np.array(Image.open(io.BytesIO(members[member])))
        changed = change(pixels)
        pixels = pixels if changed is None else changed
        if member.endswith("png"):
            members[member] = png_bytes(pixels)
        else:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
            members[member] = buffer.getvalue()

    return spoil


def rewrite(change):
    """A change of a sample's JSON."""

    def spoil(members):
        facts = json.loads(members["json"])
        members["json"] = canonical_json(change(facts) or facts).encode()

    return spoil
