"""`genb merge`: several finished datasets as one, with scenes numbered on and splits kept apart."""

from pathlib import Path

from pipeline.dataset import FORMAT, open_dataset
from pipeline.errors import GenbError
from pipeline.shards.derived import (
    check_target,
    copy_bodies,
    retold,
    shard_facts,
    sound_samples,
)
from pipeline.shards.index import index_rows
from pipeline.shards.parts import (
    Part,
    check_agreement,
    check_duplicates,
    common_splits,
    numbered,
    setting,
    subject_names,
)
from pipeline.shards.publish import date_published, publish, split_facts, split_summary
from pipeline.shards.sample import sample_key
from pipeline.shards.tars import shard_name, shard_tar, write_checksum
from pipeline.storage import atomic_dir, canonical_json, sha256_text


def merge(datasets: list[Path], target: Path) -> str:
    """Write the datasets as one to `target`; returns a summary to print.

    Scene s of a dataset becomes s plus the scenes before it; everything else of a sample stays but
    its shard, its subjects' names where two datasets share them, and its split where a person or a
    motion would be in two. Raises GenbError when `target` exists, a shard is damaged, two datasets
    hold the same picture, or their settings or body models do not allow one dataset.
    """
    if len(datasets) < 2:
        raise GenbError("give at least two datasets: genb merge A B --out C")
    parts = numbered([open_dataset(out) for out in datasets])
    check_target(target)
    check_agreement(parts)
    check_duplicates(parts)
    names = subject_names(parts)
    splits = common_splits(parts, names)
    genders = {row["gender"] for part in parts for row in part.rows}
    with atomic_dir(target) as folder:
        body = copy_bodies([part.dataset for part in parts], genders, folder)
        shards = _write_shards(parts, names, splits, folder)
        rows = index_rows([folder / "shards" / shard["shard"] for shard in shards])
        description = _describe(parts, shards, rows) | {"body": body}
        description["split_changes"] = _changes(parts, splits)
        publish(folder, description, rows)
    return _summary(target, parts, names, description)


def _write_shards(
    parts: list[Part], names: list[dict[str, str]], splits: dict[int, str], folder: Path
) -> list[dict]:
    """One shard for each of the parts; returns their entries in dataset.json."""
    shards = []
    for part, subjects in zip(parts, names, strict=True):
        for shard in part.description["shards"]:
            tar = folder / "shards" / shard_name(len(shards))
            keys = []
            with shard_tar(tar) as add:
                for sample in sound_samples(part.dataset, shard):
                    facts = sample.json()
                    scene = part.first_scene + facts["scene"]
                    key = sample_key(scene, facts["frame"], facts["appearance"])
                    told = {"scene": scene, "key": key, "shard": tar.name, "split": splits[scene]}
                    add(key, retold(sample, told, subjects))
                    keys.append(key)
            shards.append(shard_facts(tar, write_checksum(tar), keys))
    return shards


def _describe(parts: list[Part], shards: list[dict], rows: list[dict]) -> dict:
    told = [part.description for part in parts]
    config = _common_config(told)
    rejected = [_moved(r, part) for part in parts for r in part.description["rejected"]]
    reasons = dict.fromkeys(d["held_out_reason"] for d in told if d["held_out_reason"])
    if any(d["held_out"] for d in told):
        reasons = ["people or motions of every held-out scene are in training scenes, too"]
    return {
        "format": FORMAT,
        "name": config["name"],
        "description": config["description"],
        "seed": told[0]["seed"],
        "config": config,
        "config_differs": _differing(told),
        "parts": [entry for part in parts for entry in _origins(part)],
        "stage_keys": {},
        "software": {
            package: ", ".join(dict.fromkeys(d["software"].get(package, "") for d in told))
            for package in told[0]["software"]
        },
        "assets": _united(asset for d in told for asset in d["assets"]),
        "counts": {
            "scenes": sum(d["counts"]["scenes"] for d in told),
            "rejected": len(rejected),
            "samples": sum(len(shard["samples"]) for shard in shards),
            "people": len(rows),
            "shards": len(shards),
        },
        **date_published(),
        **split_facts(rows, "; ".join(reasons)),
        "shards": shards,
        "rejected": rejected,
        "left_out": {
            "scenes": [s for part in parts for s in _left_out_scenes(part)],
            "samples": [key for part in parts for key in _left_out_samples(part)],
        },
        "cast_failures": [row for d in told for row in d["cast_failures"]],
        "motions_refused": _united(row for d in told for row in d["motions_refused"]),
        "fingerprint": sha256_text(canonical_json([FORMAT, [d["fingerprint"] for d in told]]))[:16],
    }


def _common_config(told: list[dict]) -> dict:
    """The first part's configuration under the names of all; parts keep theirs in `parts`."""
    config = dict(told[0]["config"])
    config["name"] = "-".join(dict.fromkeys(d["name"] for d in told))
    config["description"] = "; ".join(dict.fromkeys(d["description"] for d in told))
    # The licence of `smplx` holds for all as soon as one part was evaluated with it.
    evaluators = {d["config"]["body"]["evaluator"] for d in told}
    config["body"] = config["body"] | {"evaluator": max(evaluators)}
    return config


def _differing(told: list[dict]) -> list[str]:
    """Dotted keys whose values differ between the parts."""
    first = told[0]["config"]
    keys = {
        f"{section}.{key}" if isinstance(table, dict) else section
        for d in told
        for section, table in d["config"].items()
        for key in (table if isinstance(table, dict) else [""])
    }
    return sorted(
        key
        for key in keys
        if any(setting(d["config"], key) != setting(first, key) for d in told[1:])
    )


def _origins(part: Part) -> list[dict]:
    """Where the part comes from; a part that was merged itself tells its own parts."""
    described = part.description
    if "parts" in described:
        shift = part.first_scene
        return [p | {"first_scene": p["first_scene"] + shift} for p in described["parts"]]
    kept = ("name", "seed", "fingerprint", "config", "stage_keys", "software", "subset_of")
    entry = {name: described[name] for name in kept if name in described}
    scenes = described["counts"]["scenes"]
    return [entry | {"first_scene": part.first_scene, "scenes": scenes}]


def _moved(row: dict, part: Part) -> dict:
    return row | {"scene": row["scene"] + part.first_scene}


def _left_out_scenes(part: Part) -> list[int]:
    left_out = part.description.get("left_out", {"scenes": []})
    return [scene + part.first_scene for scene in left_out["scenes"]]


def _left_out_samples(part: Part) -> list[str]:
    left_out = part.description.get("left_out", {"samples": []})
    moved = []
    for key in left_out["samples"]:
        scene, _, rest = key.partition("_")
        moved.append(f"{int(scene) + part.first_scene:06d}_{rest}")
    return moved


def _united(rows) -> list[dict]:
    """The rows without repetitions, in order."""
    return list({canonical_json(row): row for row in rows}.values())


def _changes(parts: list[Part], splits: dict[int, str]) -> list[dict]:
    """Scenes whose split is not what it was, with their new numbers."""
    before = {part.first_scene + row["scene"]: row["split"] for part in parts for row in part.rows}
    return [
        {"scene": scene, "from": before[scene], "to": split}
        for scene, split in sorted(splits.items())
        if before[scene] != split
    ]


def _summary(target: Path, parts: list[Part], names: list[dict], description: dict) -> str:
    counts, changes = description["counts"], description["split_changes"]
    renamed = sum(new != old for part in names for old, new in part.items())
    lines = [
        f"dataset: {target}",
        f"  {counts['samples']} images, {counts['people']} people, {counts['shards']} shard(s) "
        f"from {len(parts)} datasets",
        f"  {split_summary(description)}",
        f"  {renamed} subjects renamed, because another dataset has a person of that name",
    ]
    if changes:
        lines.append(
            f"  {len(changes)} scenes moved to another split, because it shows a person or motion "
            "of theirs (split_changes in dataset.json)"
        )
    if description["config_differs"]:
        lines.append(
            f"  settings that differ, kept under parts: {', '.join(description['config_differs'])}"
        )
    return "\n".join(lines)
