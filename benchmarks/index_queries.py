"""How long queries on a large index take: DuckDB and pandas on 100,000 rows of the true schema.

`python benchmarks/index_queries.py INDEX.parquet [--rows 100000] [--repeat 5]` draws rows of a
finished dataset's index with a fixed seed, moves their numbers a little, gives them scenes of their
own, and writes them with the product's own writer. Cold: the file is dropped from the system's
cache and opened anew; pandas reads it too. Warm: median of the repetitions after that. pandas reads
all columns or only those it needs; both are shown.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas

from pipeline.shards.columns import COLUMNS
from pipeline.shards.index import read_index, write_index

SQL = {
    "count by split and action": (
        "SELECT split, action, count(DISTINCT key), count(*) FROM '{}' GROUP BY ALL"
    ),
    "pictures all well seen": (
        "SELECT key FROM '{}' GROUP BY key HAVING max(occlusion) < 0.3 AND max(truncation) = 0"
    ),
    "range on four columns": (
        "SELECT key, person FROM '{}' WHERE stature_m > 1.7 AND bmi < 25 AND distance_m < 5 "
        "AND vfov_deg BETWEEN 30 AND 50"
    ),
    "text and sort, 100 rows": (
        "SELECT key, person, occlusion FROM '{}' WHERE garments LIKE '%dress%' OR action LIKE "
        "'%walk%' ORDER BY occlusion DESC, key LIMIT 100"
    ),
    "nearest 100 shapes": (
        "SELECT key, person FROM '{}' ORDER BY (beta_0 - 1)**2 + (beta_1 + 1)**2 + beta_2**2 "
        "+ beta_3**2 LIMIT 100"
    ),
    "pairs of overlapping boxes": (
        "SELECT count(*) FROM '{0}' a JOIN '{0}' b ON a.key = b.key AND a.person < b.person "
        "WHERE least(a.box_x1, b.box_x1) > greatest(a.box_x0, b.box_x0) "
        "AND least(a.box_y1, b.box_y1) > greatest(a.box_y0, b.box_y0)"
    ),
    "every column of every row": "SELECT * FROM '{}'",
}


def _seen(people: pandas.DataFrame) -> pandas.DataFrame:
    worst = people.groupby("key").agg({"occlusion": "max", "truncation": "max"})
    return worst.query("occlusion < 0.3 and truncation == 0")


PANDAS: dict[str, tuple[list[str], Callable]] = {
    "count by split and action": (
        ["split", "action", "key"],
        lambda p: p.groupby(["split", "action"]).agg(n=("key", "nunique"), m=("key", "size")),
    ),
    "pictures all well seen": (["key", "occlusion", "truncation"], _seen),
    "range on four columns": (
        ["key", "person", "stature_m", "bmi", "distance_m", "vfov_deg"],
        lambda p: p.query(
            "stature_m > 1.7 and bmi < 25 and distance_m < 5 and 30 <= vfov_deg <= 50"
        ),
    ),
}
"""Query -> the columns it needs, and the query itself."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("index", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.parquet"
        rows = enlarged(read_index(args.index), args.rows)
        started = time.perf_counter()
        write_index(path, rows)
        written_s = time.perf_counter() - started
        print(f"{args.rows} rows x {len(COLUMNS)} columns, {path.stat().st_size / 1e6:.1f} MB")
        print(f"written in {written_s:.1f} s; load average {os.getloadavg()[0]:.1f}")
        print(f"duckdb {duckdb.__version__}, pandas {pandas.__version__}, {os.cpu_count()} CPUs")
        print(f"{'cold ms':>9} {'warm ms':>9} {'rows':>7}  query")
        slowest = 0.0
        for name, query in SQL.items():
            slowest = max(slowest, report(f"duckdb  {name}", path, args.repeat, ask(query)))
        for name, (columns, query) in PANDAS.items():
            for what, wanted in (("its columns", columns), ("all columns", None)):
                title = f"pandas  {name}, reading {what}"
                slowest = max(slowest, report(title, path, args.repeat, ask_pandas(wanted, query)))
        print(f"slowest, cold or warm: {slowest * 1000:.0f} ms")


def enlarged(rows: list[dict], count: int) -> list[dict]:
    """As many rows as wanted: pictures drawn at random, as scenes of their own, numbers moved by
    up to 10 % of their spread. Shares stay within 0 and 1, and whole numbers stay."""
    rng = np.random.default_rng(0)
    pictures: dict[str, list[dict]] = {}
    for row in rows:
        pictures.setdefault(row["key"], []).append(row)
    columns = {name: [row[name] for row in rows] for name, c in COLUMNS.items() if c.kind is float}
    spread = {name: float(np.ptp(values)) for name, values in columns.items()}
    result, scene = [], 0
    while len(result) < count:
        chosen = pictures[list(pictures)[rng.integers(len(pictures))]]
        noise = dict(zip(spread, rng.uniform(-0.1, 0.1, len(spread)).tolist(), strict=True))
        split = ("train", "val", "test")[int(np.searchsorted([0.8, 0.9], rng.random()))]
        own = {"scene": scene, "frame": 0, "key": f"{scene:06d}_0000", "split": split}
        own |= {"appearance": 0, "shard": f"genb-{scene // 1000:06d}.tar"}
        for row in chosen:
            moved = {}
            for name, width in spread.items():
                value = row[name] + noise[name] * width
                unit = COLUMNS[name].unit == "0 to 1" and 0 <= row[name] <= 1
                moved[name] = min(max(value, 0.0), 1.0) if unit else value
            # Most people are whole and in front; noise must not take that away.
            moved |= {name: 0.0 for name in ("occlusion", "truncation") if row[name] == 0}
            result.append(row | moved | own)
        scene += 1
    return result[:count]


def ask(query: str) -> Callable[[Path], int]:
    """The query in a DuckDB of its own, so that nothing is remembered between two runs."""

    def run(path: Path) -> int:
        with duckdb.connect() as connection:
            return len(connection.sql(query.format(path)).to_arrow_table())

    return run


def ask_pandas(columns: list[str] | None, query: Callable) -> Callable[[Path], int]:
    """Reading the file and the query."""
    return lambda path: len(query(pandas.read_parquet(path, columns=columns)))


def report(title: str, path: Path, repeat: int, run: Callable[[Path], int]) -> float:
    """Print cold and warm time and the size of the answer; returns the longer time in s."""
    forget(path)
    cold_s, rows = timed(run, path)
    warm_s = statistics.median(timed(run, path)[0] for _ in range(repeat))
    print(f"{cold_s * 1000:9.0f} {warm_s * 1000:9.0f} {rows:7d}  {title}", flush=True)
    return max(cold_s, warm_s)


def timed(run: Callable[[Path], int], path: Path) -> tuple[float, int]:
    """Seconds and rows of one run."""
    started = time.perf_counter()
    rows = run(path)
    return time.perf_counter() - started, rows


def forget(path: Path) -> None:
    """Drop a file from the system's cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
