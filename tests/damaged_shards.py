"""Damage to a published dataset, with its checksums repaired, as a careful vandal would do it."""

import io
import json
import tarfile

import numpy as np

from pipeline.shards.index import read_index, write_index
from pipeline.storage import canonical_json, npz_bytes, read_json, sha256_file, write_json


def repack(out, change, key="000000_0000"):
    """Change one sample's members and repair every checksum, as a careful vandal would.

    A sample without members is gone from the list of samples and from the counts too.
    """
    tar = out / "shards" / "genb-000000.tar"
    with tarfile.open(tar) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive}
    names = [name for name in members if name.partition(".")[0] == key]
    sample = {name.partition(".")[2]: members.pop(name) for name in names}
    change(sample)
    members |= {f"{key}.{extension}": data for extension, data in sample.items()}
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            archive.addfile(info, io.BytesIO(members[name]))
    digest = sha256_file(tar)
    tar.with_name(f"{tar.name}.sha256").write_text(f"{digest}  {tar.name}\n")
    description = read_json(out / "dataset.json")
    description["shards"][0]["sha256"] = digest
    samples = list(dict.fromkeys(name.partition(".")[0] for name in sorted(members)))
    description["counts"]["samples"] += len(samples) - len(description["shards"][0]["samples"])
    description["shards"][0]["samples"] = samples
    write_json(out / "dataset.json", description)


def without_rows(out, keys):
    """Take samples out of the index and out of the count of people."""
    rows = read_index(out / "index.parquet")
    kept = [row for row in rows if row["key"] not in keys]
    write_index(out / "index.parquet", kept)
    description = read_json(out / "dataset.json")
    description["counts"]["people"] = len(kept)
    write_json(out / "dataset.json", description)
    croissant = read_json(out / "croissant.json")
    for file in croissant["distribution"]:
        if file.get("contentUrl") == "index.parquet":
            file["sha256"] = sha256_file(out / "index.parquet")
    write_json(out / "croissant.json", croissant)


def label_change(change):
    def spoil(members):
        with np.load(io.BytesIO(members["npz"])) as archive:
            labels = {name: archive[name] for name in archive.files}
        change(labels)
        members["npz"] = npz_bytes(labels)

    return spoil


def rewrite(change):
    """A change of a sample's JSON."""

    def spoil(members):
        facts = json.loads(members["json"])
        members["json"] = canonical_json(change(facts) or facts).encode()

    return spoil
