"""The figures of a sweep: one row per person and picture, and a table over strategy and level.

Limits are applied here, so judging by others needs no painting.
"""

import csv
import io
import math
from collections import defaultdict
from pathlib import Path

import numpy as np

from pipeline.diffusion.drift import Drift, PersonDrift, faults
from pipeline.diffusion.drift.regions import MIN_PIXELS
from pipeline.scene import scene_name
from pipeline.storage import read_json, write_bytes
from pipeline.sweep.grid import Cell, Sweep
from pipeline.sweep.painting import DRIFT_FILE

_WHERE = {"strategy": "string", "level": "int64", "seed": "int64", "scene": "int64"} | {
    name: "int64" for name in ("frame", "person", "steps", "steps_run", "pixels", "height_px")
}
_MEASURES = (
    *("distance_m", "mean_px", "p90_px", "used_share", "lost_share", "boundary_ratio"),
    *("boundary_px", "change", "colour_change", "keypoint_px", "depth_error"),
    *("picture_change", "picture_colour_change"),
)
COLUMNS = (
    _WHERE
    | dict.fromkeys(_MEASURES, "float64")
    | {"found_again": "bool", "kept": "bool", "reason": "string"}
)
"""Columns of sweep.parquet and their types. Measures that could not be taken are null."""
_Z = 1.959963984540054
"""Of a two-sided interval of 95 %."""
_MEASURABLE_PX = 0.1
"""Accuracy of the measured flow: below it, change per pixel of drift means nothing."""


def sweep_rows(sweep: Sweep, scenes: list[int]) -> list[dict]:
    """A row of `COLUMNS` for every person of every picture of the sweep."""
    rows = []
    for cell in sweep.cells():
        for scene in scenes:
            for picture in read_json(sweep.folder(cell) / scene_name(scene) / DRIFT_FILE):
                rows += _rows_of(sweep, cell, scene, picture)
    return rows


def _rows_of(sweep: Sweep, cell: Cell, scene: int, picture: dict) -> list[dict]:
    section = sweep.plan.config.diffusion
    drift, steps_run = _drift(picture["drift"]), picture["steps_run"]
    # As in the stage `rerender`: a picture that was not painted is not judged.
    found = faults(drift, section.drift) if steps_run else {}
    rows = []
    for person, size in zip(drift.people, picture["sizes"], strict=True):
        row = {
            "strategy": cell.strategy,
            "level": cell.level,
            "seed": cell.seed,
            "scene": scene,
            "frame": picture["frame"],
            "steps": section.steps,
            "steps_run": steps_run,
            "picture_change": drift.change,
            "picture_colour_change": drift.colour_change,
            "kept": person.person not in found,
            "reason": found.get(person.person, ""),
            **size,
        }
        row |= {name: getattr(person, name) for name in COLUMNS if name not in row}
        rows.append({name: row[name] for name in COLUMNS})
    return rows


def _drift(data: dict) -> Drift:
    return Drift(**{**data, "people": tuple(PersonDrift(**person) for person in data["people"])})


def sweep_table(rows: list[dict]) -> list[dict]:
    """One line per strategy and level. People of less than 50 px, whom no limit judges, are left
    out. Motion that could not be measured counts as infinite, and infinite figures are None."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["strategy"], row["level"]].append(row)
    return [
        {"strategy": strategy, "level": level, **_line(members)}
        for (strategy, level), members in groups.items()
    ]


def _line(members: list[dict]) -> dict:
    images = {(row["seed"], row["scene"], row["frame"]): row for row in members}.values()
    people = [row for row in members if row["pixels"] >= MIN_PIXELS]
    kept = sum(row["kept"] for row in people)
    low, high = wilson(kept, len(people))
    drifts = [math.inf if row["mean_px"] is None else row["mean_px"] for row in people]
    drift, change = _median(drifts), _median(_known(people, "change"))
    return {
        "images": len(images),
        "people": len(people),
        "kept": kept,
        "keep_rate": _rounded(kept / len(people) if people else None),
        "keep_low": _rounded(low),
        "keep_high": _rounded(high),
        "drift_median_px": _rounded(drift),
        "drift_p25_px": _rounded(_percentile(drifts, 25)),
        "drift_p75_px": _rounded(_percentile(drifts, 75)),
        "drift_p90_px": _rounded(_percentile(drifts, 90)),
        "change_median": _rounded(change),
        "colour_change_median": _rounded(_median(_known(people, "colour_change"))),
        "picture_change_median": _rounded(_median(_known(images, "picture_change"))),
        "boundary_median_px": _rounded(_median(_known(people, "boundary_px"))),
        "change_per_px": _rounded(
            change / drift if people and _MEASURABLE_PX <= drift < math.inf else None
        ),
    }


def wilson(kept: int, people: int) -> tuple[float, float]:
    """95 % interval of a share (E. B. Wilson, JASA 1927); (0, 1) of nobody."""
    if not people:
        return 0.0, 1.0
    share, spread = kept / people, _Z**2 / people
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    return max((middle - half) / (1 + spread), 0.0), min((middle + half) / (1 + spread), 1.0)


def _known(rows, name: str) -> list[float]:
    return [row[name] for row in rows if row[name] is not None]


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _percentile(values: list[float], percent: int) -> float | None:
    """A value that occurs: in between there may be infinity."""
    return float(np.percentile(values, percent, method="higher")) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else round(value, 4)


def write_rows(path: Path, rows: list[dict]) -> None:
    """Write the rows as Parquet; the bytes depend on the rows only."""
    import pyarrow
    import pyarrow.parquet

    types = {"bool": pyarrow.bool_(), "string": pyarrow.string()}
    types |= {"int64": pyarrow.int64(), "float64": pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    buffer = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def write_table(path: Path, table: list[dict]) -> None:
    """Write the table as CSV; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_bytes(path, text.getvalue().encode())
