"""Files of the BEDLAM family: which folder and table a row belongs to, writing and reading them.

A format gives a `Layout` and, for each of its tables, a function that makes the row of a person.
Pictures are written as they are read; the rows, some 15 kB each, are kept until the end, because a
table is one npz.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports.bedlam_frames import is_portrait, stored_picture
from pipeline.exports.formats import ExportOptions
from pipeline.shards.write import png_bytes
from pipeline.storage import (
    canonical_json,
    read_json,
    read_npz,
    sha256_text,
    write_bytes,
    write_json,
    write_npz,
)

Row = dict[str, object]
RowMaker = Callable[[Frame, int], Row | None]
"""(frame, person) -> the row, or None for a person who is left out (and counted by the maker)."""

RECORD = "genb_export.json"
_LOOKED_FOR = ("closeup", "portrait", "agora", "3dpw", "h36m", "rich", "emdb", "mpi-inf")
"""Words in the name of a data set that make a loader treat it specially."""


@dataclass(frozen=True)
class Layout:
    """Where a format keeps things below the export's folder; {scene} is the name of a data set.

    turned: the word in that name which tells the loaders to turn pictures to the right. tables:
    what labels there are -> their npz.
    """

    format: str
    turned: str
    images: str
    tables: dict[str, str]

    def scene(self, dataset: Dataset, options: ExportOptions, portrait: bool) -> str:
        """Name of the data set: the dataset's, unless that would mean something to a loader."""
        name = re.sub(r"[^a-z0-9]+", "-", dataset.description["name"].lower()).strip("-")
        if not name or any(word in name for word in _LOOKED_FOR):
            name = "genb"
        parts = [name, options.split, self.turned if portrait else None]
        return "-".join(part for part in parts if part)


def image_name(frame: Frame) -> str:
    """Path of a picture below its data set; a further appearance is a sequence of its own."""
    facts = frame.facts
    appearance = f"_a{facts['appearance']}" if facts["appearance"] else ""
    sequence = f"seq_{facts['scene']:06d}{appearance}"
    return f"{sequence}/{sequence}_{facts['frame']:04d}.png"


def made_rows(
    dataset: Dataset,
    options: ExportOptions,
    layout: Layout,
    makers: dict[str, RowMaker],
    out: Path | None = None,
) -> Iterator[Row]:
    """The rows of all tables in BEDLAM's order: sequence, person, time. Raises GenbError.

    Each also says its `table` and `scene`. out: also write the pictures below this folder.
    """
    frames = dataset.frames(options.split, ("rgb.jpg",) if out else ())
    for _, sequence in groupby(frames, key=lambda frame: frame.facts["scene"]):
        found, clips = [], defaultdict(list)
        for frame in sequence:
            scene = layout.scene(dataset, options, is_portrait(frame))
            if out:
                _write_picture(frame, out / layout.images.format(scene=scene) / image_name(frame))
            for person, facts in enumerate(frame.people):
                clips[person].append(facts["motion_frame"])
            for table, make in makers.items():
                for person in range(len(frame.people)):
                    row = make(frame, person)
                    if row is not None:
                        place = {"table": table, "scene": scene, "imgname": image_name(frame)}
                        order = frame.facts["appearance"], person, frame.facts["frame"]
                        found.append((order, place | row))
        for (_, person, _), row in sorted(found, key=itemgetter(0)):
            yield _with_clip(row, clips[person])


def _with_clip(row: Row, clip_frames: list[int]) -> Row:
    """The row, its `motion_info` completed by what only the whole sequence tells."""
    if "motion_info" not in row:
        return row
    span = [str(min(clip_frames)), str(max(clip_frames))]
    return row | {"motion_info": np.array([*row["motion_info"], *span])}


def ordered_rows(
    dataset: Dataset, options: ExportOptions, layout: Layout, makers: dict[str, RowMaker]
) -> Iterator[Row]:
    """The rows one by one, as `read_rows` returns them: one table after the other."""
    for table in makers:
        for portrait in (False, True):
            scene = layout.scene(dataset, options, portrait)
            made = made_rows(dataset, options, layout, {table: makers[table]})
            yield from (row for row in made if row["scene"] == scene)


def write_rows(
    dataset: Dataset, out: Path, options: ExportOptions, layout: Layout, makers: dict[str, RowMaker]
) -> dict[str, int]:
    """Write pictures and tables; returns how many rows each table below `out` has.

    Raises GenbError when the folder holds another export, or when nobody is left to write.
    """
    _claim(dataset, out, options, layout, list(makers))
    tables: dict[str, list[Row]] = {}
    for row in made_rows(dataset, options, layout, makers, out):
        path = layout.tables[row.pop("table")].format(scene=row.pop("scene"))
        tables.setdefault(path, []).append(row)
    if not tables:
        raise GenbError(
            f"{dataset.out} has nobody to export: every person is out of the picture or too near "
            "to the camera, or the split is empty. Choose another --split."
        )
    for path, rows in tables.items():
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        write_npz(out / path, columns, compress=False)
    return {path: len(rows) for path, rows in tables.items()}


def read_rows(out: Path, layout: Layout) -> Iterator[Row]:
    """The rows of a written export. Raises GenbError when there is none, or a table is damaged."""
    if not (out / RECORD).is_file():
        raise GenbError(f"{out} holds no export of format {layout.format} (no {RECORD}).")
    found = [(table, name) for table in layout.tables for name in _scene_names(out, layout, table)]
    if not found:
        raise GenbError(f"{out} holds an unfinished export. Run the same export again.")
    for table, name in found:
        columns = read_npz(out / layout.tables[table].format(scene=name))
        for k in range(len(columns["imgname"])):
            place = {"table": table, "scene": name}
            yield place | {n: _cell(column[k]) for n, column in columns.items()}


def _scene_names(out: Path, layout: Layout, table: str) -> list[str]:
    """The data sets of which `out` holds a table, those with turned pictures last."""
    pattern = layout.tables[table]
    before, after = Path(pattern).name.split("{scene}")
    paths = (out / pattern).parent.glob(f"{before}*{after}")
    names = [path.name.removeprefix(before).removesuffix(after) for path in paths]
    return sorted(names, key=lambda name: (layout.turned in name, name))


def _cell(value: np.ndarray) -> object:
    """One row's value; texts lose the width that the longest text of the table gave them."""
    if value.dtype.kind != "U":
        return value
    return str(value) if value.ndim == 0 else np.array(value.tolist())


def _write_picture(frame: Frame, path: Path) -> None:
    if not path.exists():
        write_bytes(path, png_bytes(stored_picture(frame.sample.image("rgb.jpg"))))


def _claim(
    dataset: Dataset, out: Path, options: ExportOptions, layout: Layout, tables: list[str]
) -> None:
    """Note in the folder what it is an export of, unless it is one of something else."""
    record = {
        "format": layout.format,
        "dataset": dataset.description["name"],
        "shards": sha256_text(canonical_json(dataset.description["shards"])),
        "split": options.split,
        "bbox_factor": options.bbox_factor,
        "tables": tables,
    }
    path = out / RECORD
    if path.exists() and read_json(path) != record:
        raise GenbError(
            f"{out} holds another export ({RECORD} says which). Choose another folder with "
            "--out DIR, or delete this one."
        )
    write_json(path, record)
