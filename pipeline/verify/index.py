"""index.parquet against the shards: every row, and every value of it, in bounded memory.

Both are walked side by side. Whoever has a row that the other has not shown yet is remembered until
it does, so the order may differ, and a sound index needs no memory.
"""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pyarrow
import pyarrow.parquet

from pipeline.errors import GenbError
from pipeline.shards.index import index_row
from pipeline.shards.read import UNREADABLE, read_samples

_MOST_NAMED = 20
_BATCH = 256


def index_faults(out: Path, tars: list[Path]) -> list[str]:
    """Rows that are missing, double or nobody's, and values that are not those of the shards.

    tars: the shards that can be read.
    """
    path = out / "index.parquet"
    if not path.is_file():
        return []
    try:
        return _compared(_rows(path), _people(tars))
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        return [f"index.parquet: cannot be read ({error})"]


def _compared(rows: Iterator[dict], people: Iterator[dict]) -> list[str]:
    listed: dict[tuple, list[dict]] = {}
    present: dict[tuple, list[dict]] = {}
    wrong = []
    for row, person in zip_longest(rows, people):
        for new, mine, others in ((row, listed, present), (person, present, listed)):
            if new is None:
                continue
            who = (new["key"], new["person"])
            if not others.get(who):
                mine.setdefault(who, []).append(new)
                continue
            other = others[who].pop()
            if not others[who]:
                del others[who]
            if unequal := _unequal(new, other):
                wrong.append(f"{who[0]} person {who[1]}: {', '.join(unequal)}")
    odd = [f"{key} person {k} is not in the shards" for key, k in sorted(listed)]
    odd += [f"{key} person {k} is missing" for key, k in sorted(present)]
    faults = [f"index.parquet: its rows are not the people in the shards: {o}" for o in odd]
    faults += [f"index.parquet: differs from the shards at {line}" for line in wrong]
    if len(faults) > _MOST_NAMED:
        faults[_MOST_NAMED:] = [f"index.parquet: and {len(faults) - _MOST_NAMED} more such rows"]
    return faults


def _unequal(row: dict, other: dict) -> list[str]:
    nothing = object()
    return [n for n in row | other if row.get(n, nothing) != other.get(n, nothing)]


def _rows(path: Path) -> Iterator[dict]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            yield from batch.to_pylist()


def _people(tars: list[Path]) -> Iterator[dict]:
    """The rows that the index should have; what cannot be read has been named already."""
    for tar in tars:
        try:
            for sample in read_samples(tar, only=("json",)):
                try:
                    facts = sample.json()
                    yield from [index_row(tar.name, facts, p) for p in facts["people"]]
                except (TypeError, *UNREADABLE):
                    continue
        except GenbError:
            continue
