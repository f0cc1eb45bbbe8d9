"""The dataset as a whole, when its shards are done: its description, and from it everything else.

Everything here is made from the tars and their records, never from the stages' own files, so it
describes what users get.
"""

import importlib.metadata
import os
from collections.abc import Sequence

from pipeline.compose.audition import cast_failures, motions_refused
from pipeline.compose.splits import casting_pools
from pipeline.dataset import FORMAT
from pipeline.errors import GenbError
from pipeline.shards.bodies import publish_bodies
from pipeline.shards.index import index_rows
from pipeline.shards.licences import asset_rows
from pipeline.shards.publish import (
    DESCRIPTION,
    date_published,
    publish,
    split_facts,
    split_summary,
)
from pipeline.shards.records import read_record, shard_blocks, shard_complete, shard_path
from pipeline.stages import STAGES, Plan
from pipeline.storage import canonical_json, read_json, sha256_text

_PACKAGES = (
    *("genb", "bpy", "smplx", "anny", "torch", "diffusers", "transformers", "controlnet-aux"),
    *("numpy", "opencv-python-headless", "pillow", "pyrender", "trimesh", "luigi"),
)


def dataset_complete(plan: Plan, scenes: int) -> bool:
    """Whether a finished dataset of exactly these scenes and this configuration is in `plan.out`.

    False also for a finished one with too many rejections: asking again must fail again.
    """
    path = plan.out / DESCRIPTION
    if not path.is_file() or not (plan.out / "report" / "index.html").is_file():
        return False
    description = read_json(path)
    return (
        description.get("fingerprint") == _fingerprint(plan, scenes)
        and _reject_share(description["counts"]) <= plan.config.limits.max_reject_share
        and all(shard_complete(plan, i, block) for i, block in shard_blocks(plan, scenes))
    )


def finish_dataset(plan: Plan, scenes: Sequence[int]) -> str:
    """Write everything that describes the dataset; returns a summary to print.

    Raises GenbError when a shard is missing, or when more scenes were rejected than the
    configuration allows (the files are written all the same, to look into).
    """
    blocks = shard_blocks(plan, len(scenes))
    if [s for _, block in blocks for s in block] != list(scenes):
        raise ValueError("a dataset holds the scenes 0, 1, 2, ... without gaps")
    records = [_record(plan, index, block) for index, block in blocks]
    tars = [shard_path(plan, index) for index, _ in blocks]
    _set_aside(plan, {tar.name for tar in tars})
    rows = index_rows(tars)
    body = publish_bodies(plan, sorted({row["gender"] for row in rows}))
    description = _describe(plan, len(scenes), records, rows) | {"body": body}
    report = publish(plan.out, description, rows)
    _check_rejections(plan, description)
    counts = description["counts"]
    return (
        f"dataset: {plan.out}\n"
        f"  {counts['samples']} images, {counts['people']} people, {counts['shards']} shard(s), "
        f"{counts['rejected']} of {counts['scenes']} scenes rejected\n"
        f"  {split_summary(description)}\n"
        f"report:  {report}"
    )


def _record(plan: Plan, index: int, block: list[int]) -> dict:
    if not shard_complete(plan, index, block):
        raise GenbError(
            f"{shard_path(plan, index)} is missing or belongs to another run. Run the same command "
            "again to write it."
        )
    return read_record(plan, index)


def _set_aside(plan: Plan, wanted: set[str]) -> None:
    """Move tars of an earlier, larger run out of the way: a loader would read them along."""
    aside = plan.out / "work" / "earlier_shards"
    for tar in sorted((plan.out / "shards").glob("genb-*.tar*")):
        if tar.name.removesuffix(".sha256") not in wanted:
            aside.mkdir(parents=True, exist_ok=True)
            os.replace(tar, aside / tar.name)


def _describe(plan: Plan, scenes: int, records: list[dict], rows: list[dict]) -> dict:
    rejected = [r for record in records for r in record["rejected"]]
    fields = ("shard", "sha256", "bytes", "samples")
    return {
        "format": FORMAT,
        "name": plan.config.name,
        "description": plan.config.description,
        "seed": plan.seed,
        "config": _config(plan),
        "stage_keys": {stage: plan.key(stage) for stage in STAGES},
        "software": {package: _version(package) for package in _PACKAGES},
        "assets": asset_rows(
            plan.config,
            sorted({row["hdri"] for row in rows} - {""}),
            sorted({row["place"] for row in rows}),
            sorted({row["motion_source"] for row in rows}),
            sorted({row["garment_source"] for row in rows}),
        ),
        "counts": {
            "scenes": scenes,
            "rejected": len(rejected),
            "samples": sum(len(record["samples"]) for record in records),
            "people": len(rows),
            "shards": len(records),
        },
        **date_published(),
        **split_facts(rows, casting_pools(plan.config).reason),
        "shards": [{name: record[name] for name in fields} for record in records],
        "rejected": rejected,
        "cast_failures": cast_failures(plan, range(scenes)),
        "motions_refused": motions_refused(plan),
        "fingerprint": _fingerprint(plan, scenes),
    }


def _config(plan: Plan) -> dict:
    # [execution] may differ between machines that make the same bytes.
    return plan.config.model_dump(mode="json", exclude={"execution"})


def _fingerprint(plan: Plan, scenes: int) -> str:
    keys = {stage: plan.key(stage) for stage in STAGES}
    identity = [FORMAT, _config(plan), plan.seed, scenes, keys]
    return sha256_text(canonical_json(identity))[:16]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _reject_share(counts: dict) -> float:
    return counts["rejected"] / counts["scenes"]


def _check_rejections(plan: Plan, description: dict) -> None:
    counts, limit = description["counts"], plan.config.limits.max_reject_share
    if _reject_share(counts) > limit:
        first = "\n".join(
            f"  scene {r['scene']} at {r['stage']}: {r['reason']}"
            for r in description["rejected"][:5]
        )
        raise GenbError(
            f"{counts['rejected']} of {counts['scenes']} scenes were rejected, more than "
            f"limits.max_reject_share = {limit:g} allows. The first reasons:\n{first}\n"
            f"All are in {plan.out / DESCRIPTION}. Put the cause right, or raise the limit."
        )
