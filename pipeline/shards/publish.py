"""What is written beside the shards of a dataset, whether it was built, merged or selected.

Everything here is made from the shards and the description, so it describes what users get.
"""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from pipeline.compose.splits import SPLITS
from pipeline.errors import GenbError
from pipeline.shards.card import dataset_card
from pipeline.shards.croissant import croissant
from pipeline.shards.index import write_index
from pipeline.storage import sha256_file, write_bytes, write_json

DESCRIPTION = "dataset.json"


def publish(out: Path, description: dict, rows: list[dict]) -> Path:
    """Write index, Croissant, card, dataset.json and report of the shards in `out`.

    rows: those of the index. Returns the path of the report. Raises GenbError when a shard is
    damaged, or a row does not fit the index.
    """
    from pipeline.report.html import rebuild_report

    # The report is written last and its absence marks the dataset as unfinished.
    shutil.rmtree(out / "report", ignore_errors=True)
    write_index(out / "index.parquet", rows)
    index_sha256 = sha256_file(out / "index.parquet")
    write_json(out / "croissant.json", croissant(description, index_sha256))
    write_bytes(out / "README.md", dataset_card(description, rows).encode())
    write_json(out / DESCRIPTION, description)
    return rebuild_report(out)


def date_published() -> dict[str, str]:
    """`datePublished` from SOURCE_DATE_EPOCH (seconds since 1970); empty when that is not set.

    The clock is not asked: the same dataset made tomorrow has the same bytes. Raises GenbError
    when the variable is no number.
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds:
        return {}
    if not seconds.isdigit():
        raise GenbError(
            f"SOURCE_DATE_EPOCH is {seconds!r}; give seconds since 1970, such as `date +%s` prints."
        )
    return {"datePublished": datetime.fromtimestamp(int(seconds), UTC).date().isoformat()}


def split_facts(rows: list[dict], reason: str) -> dict:
    """How many scenes, images and people each split has, and whether something is held out.

    rows: those of the index. reason: why nothing could be held out, if so; else an empty text.
    """
    splits = {split: _split_counts([r for r in rows if r["split"] == split]) for split in SPLITS}
    held_out = any(splits[split]["scenes"] for split in SPLITS[1:])
    if not (held_out or reason):
        reason = "every scene is for training; among more scenes there are held-out ones"
    return {
        "splits": splits,
        "held_out": held_out,
        "held_out_reason": "" if held_out else reason,
    }


def split_summary(description: dict) -> str:
    """One line about the splits, to print."""
    if not description["held_out"]:
        return f"nothing is held out: {description['held_out_reason']}"
    images = (f"{split} {description['splits'][split]['images']}" for split in SPLITS)
    return f"images per split: {', '.join(images)}"


def _split_counts(rows: list[dict]) -> dict[str, int]:
    return {
        "scenes": len({row["scene"] for row in rows}),
        "images": len({row["key"] for row in rows}),
        "people": len(rows),
        "subjects": len({row["subject"] for row in rows}),
        "motions": len({row["motion"] for row in rows}),
    }
