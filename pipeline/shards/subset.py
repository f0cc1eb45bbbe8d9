"""`genb subset`: the images of a dataset that a query on its index selects, as a dataset.

Scenes and keys keep their names, so that a picture can be found in its source.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.dataset import FORMAT, Dataset, open_dataset
from pipeline.errors import GenbError
from pipeline.shards.columns import COLUMNS
from pipeline.shards.derived import (
    check_target,
    copy_bodies,
    retold,
    shard_facts,
    sound_samples,
)
from pipeline.shards.index import index_rows
from pipeline.shards.publish import date_published, publish, split_facts, split_summary
from pipeline.shards.read import Sample
from pipeline.shards.tars import shard_name, shard_tar, write_checksum
from pipeline.storage import atomic_dir, canonical_json, sha256_text

_OF_ROWS = {
    "hdri": "hdri",
    "place": "place",
    "motion": "motion_source",
    "garment": "garment_source",
}
"""Kinds of assets that the index tells image by image -> its column."""


def subset(source: Path, target: Path, where: str) -> str:
    """Write the images of which any person satisfies `where` to `target`; returns a summary.

    where: a DuckDB condition on a row of index.parquet, which is the table `people`. Raises
    GenbError for a condition that cannot be understood or that nobody satisfies, when `target`
    exists, or when a shard is damaged.
    """
    dataset = open_dataset(source)
    check_target(target)
    wanted = select_keys(dataset.out / "index.parquet", where)
    blocks = _blocks(dataset, wanted)
    with atomic_dir(target) as folder:
        shards = _write_shards(dataset, blocks, folder)
        rows = index_rows([folder / "shards" / shard["shard"] for shard in shards])
        description = _describe(dataset, where, shards, rows)
        genders = {row["gender"] for row in rows}
        description["body"] = copy_bodies([dataset], genders, folder)
        publish(folder, description, rows)
    counts, of = description["counts"], dataset.description["counts"]
    return (
        f"dataset: {target}\n"
        f"  {counts['samples']} of {of['samples']} images, {counts['people']} of {of['people']} "
        f"people, {counts['shards']} shard(s)\n"
        f"  {split_summary(description)}"
    )


def select_keys(index: Path, where: str) -> set[str]:
    """Keys of the images with a row that satisfies `where`. Raises GenbError, see `subset`."""
    import duckdb
    import pyarrow.parquet

    with duckdb.connect() as connection:
        connection.register("people", pyarrow.parquet.read_table(index))
        connection.execute("SET enable_external_access = false")
        # The line break ends a comment at the condition's end.
        condition = f"({where}\n)"
        try:
            kind = connection.execute(f"SELECT {condition} FROM people LIMIT 0").description[0][1]
            if str(kind) not in ("BOOLEAN", "BOOL"):
                raise GenbError(
                    f"--where {where!r} is a value ({kind}), not a condition: compare it with "
                    "something, such as 'occlusion < 0.3'."
                )
            query = f"SELECT DISTINCT key FROM people WHERE {condition}"
            keys = {key for (key,) in connection.execute(query).fetchall()}
        except duckdb.Error as error:
            raise GenbError(_explain(where, str(error))) from error
    if not keys:
        raise GenbError(f"--where {where!r} selects none of the images; {index} has the values.")
    return keys


def _explain(where: str, message: str) -> str:
    reason = f"--where {where!r}: {message.splitlines()[0]}."
    unknown = re.search(r'column "([^"]+)"', message)
    if not unknown:
        return f"{reason} It is SQL on the columns of the index (docs/searching.md)."
    close = difflib.get_close_matches(unknown[1], COLUMNS, n=4, cutoff=0.5)
    hint = f"Columns with such a name: {', '.join(close)}." if close else "No column is called so."
    return f"{reason} {hint} All are in docs/searching.md; texts stand in single quotes: 'female'."


def _blocks(dataset: Dataset, wanted: set[str]) -> list[list[str]]:
    """Keys of each new shard, in the source's order: whole scenes, as many as configured."""
    size = dataset.description["config"]["shards"]["scenes_per_shard"]
    keys = [k for shard in dataset.description["shards"] for k in shard["samples"] if k in wanted]
    scenes = list(dict.fromkeys(_scene(key) for key in keys))
    place = {scene: number // size for number, scene in enumerate(scenes)}
    blocks: list[list[str]] = [[] for _ in range(-(-len(scenes) // size))]
    for key in keys:
        blocks[place[_scene(key)]].append(key)
    return blocks


def _scene(key: str) -> int:
    return int(key.partition("_")[0])


def _write_shards(dataset: Dataset, blocks: list[list[str]], folder: Path) -> list[dict]:
    """Write the shards; returns their entries in dataset.json."""
    shards = []
    samples = _chosen(dataset, {key for block in blocks for key in block})
    for number, keys in enumerate(blocks):
        tar = folder / "shards" / shard_name(number)
        with shard_tar(tar) as add:
            for key in keys:
                sample = next(samples)
                add(key, retold(sample, {"shard": tar.name}))
        shards.append(shard_facts(tar, write_checksum(tar), keys))
    return shards


def _chosen(dataset: Dataset, keys: set[str]) -> Iterator[Sample]:
    """The samples of the keys, in order; shards without any are not opened."""
    for shard in dataset.description["shards"]:
        if keys.isdisjoint(shard["samples"]):
            continue
        for sample in sound_samples(dataset, shard):
            if sample.key in keys:
                yield sample


def _describe(dataset: Dataset, where: str, shards: list[dict], rows: list[dict]) -> dict:
    described = dataset.description
    keys = [key for shard in shards for key in shard["samples"]]
    return described | {
        "subset_of": {
            **{name: described[name] for name in ("name", "seed", "fingerprint")},
            "where": where,
        },
        "assets": [asset for asset in described["assets"] if _is_shown(asset, rows)],
        "counts": described["counts"]
        | {"samples": len(keys), "people": len(rows), "shards": len(shards)},
        **date_published(),
        **split_facts(rows, described["held_out_reason"] or "only training images were selected"),
        "shards": shards,
        "left_out": _left_out(described, keys),
        "fingerprint": sha256_text(canonical_json([FORMAT, described["fingerprint"], keys]))[:16],
    }


def _is_shown(asset: dict, rows: list[dict]) -> bool:
    column = _OF_ROWS.get(asset["kind"])
    return column is None or any(row[column] == asset["id"] for row in rows)


def _left_out(described: dict, keys: list[str]) -> dict:
    """Scenes without any picture here, and the pictures that the other scenes lack."""
    present = {_scene(key) for key in keys}
    rejected = {row["scene"] for row in described["rejected"]}
    of = [key for shard in described["shards"] for key in shard["samples"]]
    of += described.get("left_out", {"samples": []})["samples"]
    missing = set(of) - set(keys)
    return {
        "scenes": sorted(set(range(described["counts"]["scenes"])) - present - rejected),
        "samples": sorted(key for key in missing if _scene(key) in present),
    }
