"""Hugging Face: Parquet shards with the pictures inside, and an ImageFolder of the same pictures.

`data/<split>-NNNNN-of-NNNNN.parquet` has one row per picture: `image` (the unchanged JPEG), the
facts and labels of the frame, and `people`, a list with the facts and labels of each.
`imagefolder/<split>/KEY.jpg` with `metadata.jsonl` tells the same in fewer fields. `README.md`
holds the header that `load_dataset(FOLDER)` reads. `hf_rows` makes rows of samples.
"""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports.folder import SPLITS, images_by_split, refuse_strays
from pipeline.exports.formats import ExportOptions
from pipeline.exports.hf_rows import arrow_schema, from_arrow, picture_row, to_arrow
from pipeline.exports.hf_text import dataset_header, folder_line
from pipeline.storage import atomic_file, write_bytes

SHARD_IMAGES, GROUP_IMAGES = 1000, 50
"""Pictures per Parquet file and per row group: some 200 MB and 10 MB of 1024 px JPEGs."""


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """One row per picture, by split and then in the dataset's order; see `hf_rows`."""
    for split in images_by_split(dataset, options):
        for frame in dataset.frames(split, members=("rgb.jpg",)):
            yield picture_row(frame)


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write Parquet, ImageFolder and README.md; returns notes.

    Raises GenbError when the index and the shards of the dataset do not hold the same pictures, or
    when files of an earlier export lie in the folder.
    """
    out, written = Path(out), []
    counts = images_by_split(dataset, options)
    for split, count in counts.items():
        paths = [out / "data" / name for name in _shard_names(split, count)]
        frames = dataset.frames(split, members=("rgb.jpg",))
        metadata = out / "imagefolder" / split / "metadata.jsonl"
        with atomic_file(metadata) as partial, partial.open("w") as lines:
            pictures = _to_folder(map(picture_row, frames), out, lines)
            made = sum(_write_shard(path, pictures) for path in paths)
            if made != count or next(pictures, None):
                raise GenbError(
                    f"{dataset.out / 'index.parquet'} does not list the {split} pictures of the "
                    f"shards. Look into it with: genb verify {dataset.out}"
                )
        written += paths
    write_bytes(out / "README.md", dataset_header(dataset, counts).encode())
    refuse_strays((out / "data").glob("*.parquet"), written)
    notes = [
        "float64 labels of people became float32.",
        "Every picture is there twice, in data/ and in imagefolder/: delete whichever is not used.",
    ]
    if options.bbox_factor is not None:
        notes.append("bbox_factor is not used: boxes are those of the labels.")
    return notes


def read(out: Path) -> Iterator[dict]:
    """The rows again, from the Parquet files; the ImageFolder, if it is still there, must agree.

    Raises GenbError when a file is damaged or missing.
    """
    out = Path(out)
    for split in SPLITS:
        paths = sorted((out / "data").glob(f"{split}-*.parquet"))
        folder = out / "imagefolder" / split
        lines = iter(_lines(folder / "metadata.jsonl") if folder.is_dir() else ())
        for path in paths:
            for row in _read_shard(path):
                if folder.is_dir():
                    _check_picture(folder, row, next(lines, ""))
                yield row


def _shard_names(split: str, images: int) -> list[str]:
    shards = -(-images // SHARD_IMAGES)
    return [f"{split}-{i:05d}-of-{shards:05d}.parquet" for i in range(shards)]


def _to_folder(pictures: Iterator[dict], out: Path, lines: TextIO) -> Iterator[dict]:
    """The same rows, each written to the ImageFolder on its way. lines: metadata.jsonl, open."""
    for row in pictures:
        image = row["image"]
        write_bytes(out / "imagefolder" / row["split"] / image["path"], image["bytes"])
        lines.write(folder_line(row))
        yield row


def _write_shard(path: Path, pictures: Iterator[dict]) -> int:
    """Write the next pictures to a Parquet file, if there are any; returns how many."""
    import pyarrow
    import pyarrow.parquet

    groups = iter(lambda: list(islice(pictures, GROUP_IMAGES)), [])
    mine = list(islice(groups, 1))
    if not mine:
        return 0
    made, schema = 0, arrow_schema(mine[0][0])
    with (
        atomic_file(path) as partial,
        pyarrow.parquet.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for group in chain(mine, islice(groups, SHARD_IMAGES // GROUP_IMAGES - 1)):
            plain = [to_arrow(row) for row in group]
            writer.write_table(pyarrow.Table.from_pylist(plain, schema=schema))
            made += len(group)
    return made


def _read_shard(path: Path) -> Iterator[dict]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(GROUP_IMAGES):
                for row in batch.to_pylist():
                    yield {f.name: from_arrow(row[f.name], f.type) for f in batch.schema}
    except (pyarrow.ArrowException, OSError) as error:
        raise GenbError(
            f"{path} cannot be read as Parquet ({error}). Export the dataset again."
        ) from error


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True) if path.is_file() else []


def _check_picture(folder: Path, row: dict, line: str) -> None:
    """Raise GenbError unless the ImageFolder tells the same of a picture."""
    picture = folder / row["image"]["path"]
    if not picture.is_file() or picture.read_bytes() != row["image"]["bytes"]:
        raise GenbError(f"{picture} is not the picture in data/. Export the dataset again.")
    if line != folder_line(row):
        raise GenbError(
            f"{folder / 'metadata.jsonl'}: the line of {picture.name} is missing or not what "
            "data/ says. Export the dataset again."
        )
