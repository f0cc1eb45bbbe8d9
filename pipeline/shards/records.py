"""Which shards are complete: a small record beside the stage's outputs, written last.

Cheap to ask (no tar is opened), because luigi asks often; no numpy, because luigi's process asks.
"""

from pathlib import Path

from pipeline.stages import Plan
from pipeline.storage import read_json


def shard_path(plan: Plan, index: int) -> Path:
    """The tar of shard number `index`."""
    return plan.out / "shards" / f"genb-{index:06d}.tar"


def checksum_path(tar: Path) -> Path:
    """The file beside a tar with its SHA-256, in the form that `sha256sum -c` reads."""
    return tar.with_name(f"{tar.name}.sha256")


def record_path(plan: Plan, index: int) -> Path:
    """The completion record of a shard."""
    return plan.stage_dir("shards") / f"shard_{index:06d}.json"


def read_record(plan: Plan, index: int) -> dict | None:
    """The completion record of a shard, or None."""
    path = record_path(plan, index)
    return read_json(path) if path.is_file() else None


def shard_complete(plan: Plan, index: int, scenes: list[int]) -> bool:
    """Whether the shard on disk holds exactly these scenes under this configuration.

    The checksum file is compared too: another configuration may have written a tar of the same
    size to the same name. The bytes themselves are for `genb verify`.
    """
    record, tar = read_record(plan, index), shard_path(plan, index)
    if record is None or record["scenes"] != list(scenes) or not tar.is_file():
        return False
    checksum = checksum_path(tar)
    same_size = tar.stat().st_size == record["bytes"]
    return same_size and checksum.is_file() and checksum.read_text().startswith(record["sha256"])


def shard_blocks(plan: Plan, scenes: int) -> list[tuple[int, list[int]]]:
    """(index, scene numbers) of every shard of a dataset with `scenes` scenes."""
    size = plan.config.shards.scenes_per_shard
    return [
        (first // size, list(range(first, min(first + size, scenes))))
        for first in range(0, scenes, size)
    ]
