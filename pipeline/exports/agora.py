"""AGORA's ground truth: camera tables, body fits, pictures and masks.

`Cam` holds the tables whose rows point at the fits; `Cam_withjv` the same with joints and vertices
in the camera frame, which its evaluation reads (it opens every .pkl of a folder, hence two
folders). The latter are exact for every camera; `agora_camera` says what a picture's name can tell.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports.agora_rows import (
    COLUMNS,
    JV_COLUMNS,
    PICTURE_CELLS,
    AgoraRows,
    Picture,
    mask_name,
    stored_name,
)
from pipeline.exports.folder import SPLITS, images_by_split, refuse_strays
from pipeline.exports.formats import ExportOptions
from pipeline.exports.pickles import Table, read_pickle, write_pickle
from pipeline.shards.write import png_bytes
from pipeline.storage import read_npz, write_bytes, write_npz
from pipeline.truth.rle import rle_mask

FOLDERS = {"train": "train", "val": "validation", "test": "test"}
"""Split -> AGORA's word in names of tables and folders."""

PER_TABLE = 100
"""Pictures of one table; its _withjv version holds some 100 kB per person."""


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """One row per person.

    table; the cells of the tables (scalars; gt_joints_2d (127, 2) px at a width of 3840,
    gt_joints_3d (127, 3), gt_verts (V, 3) m, camera frame, float32); the arrays of the fits,
    prefixed `smplx_`, and `smpl_` where there is SMPL; cam_int (3, 3) float64 px; masks (H, W) bool
    of the picture: mask, all of the person, and seen, what shows of them.
    """
    source = AgoraRows(options)
    for split in images_by_split(dataset, options):
        frames = dataset.frames(split, members=())
        for number, pictures in enumerate(_batches(frames)):
            for picture in map(source.picture, pictures):
                yield from _person_rows(f"{FOLDERS[split]}_{number}", picture)


def _person_rows(table: str, picture: Picture) -> Iterator[dict]:
    for k, cells in enumerate(picture.people):
        row = {"table": table} | picture.cells | cells
        for model in ("smplx", "smpl"):
            path = cells[f"gt_path_{model}"]
            if path:
                row |= _prefixed(model, picture.fits[_fit_path(path)])
        masks = dict(zip(("mask", "seen"), _masks(picture, k), strict=True))
        yield row | {"cam_int": picture.frame.labels["K"]} | masks


def _masks(picture: Picture, person: int) -> list[np.ndarray]:
    """All of a person, and what shows of them, (H, W) bool."""
    width, height = picture.frame.size
    facts = picture.frame.people[person]
    return [rle_mask(facts[name], height, width) for name in ("rle_amodal", "rle_modal")]


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write tables, fits, pictures and masks; returns notes.

    Raises GenbError when files of an earlier export lie in the folder.
    """
    source, out = AgoraRows(options), Path(out)
    written: list[Path] = []
    for split in images_by_split(dataset, options):
        frames = dataset.frames(split, members=("rgb.jpg",))
        for number, batch in enumerate(_batches(frames)):
            pictures = []
            for picture in map(source.picture, batch):
                written += _write_picture(picture, out, FOLDERS[split])
                pictures.append(picture)
            written += _write_tables(pictures, out, f"{FOLDERS[split]}_{number}")
    refuse_strays((p for part in _OURS for p in out.glob(part)), written)
    return source.notes()


_OURS = ("Cam*/*.pkl", "Cam/*.npz", "smpl*_gt/*/*.pkl", "images/*/*.png", "masks/*/*/*.png")


def _batches(frames: Iterable) -> Iterator[Iterator]:
    """Consecutive runs of PER_TABLE frames, each to be consumed before the next."""
    frames = iter(frames)
    while (first := next(frames, None)) is not None:
        rest = islice(frames, PER_TABLE - 1)
        yield (frame for part in ((first,), rest) for frame in part)


def _write_picture(picture: Picture, out: Path, folder: str) -> list[Path]:
    """Pixels, masks and fits of a picture; returns the paths."""
    frame, size, name = picture.frame, picture.frame.size, picture.cells["imgPath"]
    files = {f"images/{folder}/{stored_name(name, size)}": frame.sample.image("rgb.jpg")}
    everybody = np.zeros(size[::-1], np.uint8)
    for k in range(len(frame.people)):
        whole, seen = _masks(picture, k)
        everybody[seen] = k + 1
        files[f"masks/{folder}/{mask_name(name, size, k + 1)}"] = whole.astype(np.uint8) * 255
    files[f"masks/{folder}/{mask_name(name, size, 0)}"] = everybody
    for path, pixels in files.items():
        write_bytes(out / path, png_bytes(pixels))
    for path, fit in picture.fits.items():
        write_pickle(out / path, fit)
    return [out / path for path in (*files, *picture.fits)]


def _write_tables(pictures: list[Picture], out: Path, name: str) -> list[Path]:
    """The tables of these pictures and their cameras; returns the paths."""
    columns = {column: [_cell(picture, column) for picture in pictures] for column in COLUMNS}
    jv = {column: [_cell(picture, column) for picture in pictures] for column in JV_COLUMNS}
    paths = [_plain_table(out, name), _jv_table(out, name), _cameras(out, name)]
    write_pickle(paths[0], Table(columns))
    write_pickle(paths[1], Table(columns | jv))
    frames = [picture.frame for picture in pictures]
    cameras = {
        "imgPath": np.array(columns["imgPath"]),
        "key": np.array([frame.key for frame in frames]),
        "size": np.array([frame.size for frame in frames], np.int32),
        "cam_int": np.stack([frame.labels["K"] for frame in frames]),
        "T_cam_world": np.stack([frame.labels["T_cam_world"] for frame in frames]),
        "named_lens": np.array([picture.exact for picture in pictures]),
    }
    write_npz(paths[2], cameras)
    return paths


def _cell(picture: Picture, column: str) -> object:
    if column in PICTURE_CELLS:
        return picture.cells[column]
    return [cells[column] for cells in picture.people]


def _plain_table(out: Path, name: str) -> Path:
    return out / "Cam" / f"{name}.pkl"


def _jv_table(out: Path, name: str) -> Path:
    return out / "Cam_withjv" / f"{name}_withjv.pkl"


def _cameras(out: Path, name: str) -> Path:
    return out / "Cam" / f"{name}_intrinsics.npz"


def read(out: Path) -> Iterator[dict]:
    """The rows again. Raises GenbError when a file is missing or damaged."""
    out = Path(out)
    for folder in (FOLDERS[split] for split in SPLITS):
        numbers = [p.stem.removeprefix(f"{folder}_") for p in (out / "Cam").glob(f"{folder}_*.pkl")]
        for number in sorted(int(number) for number in numbers):
            yield from _read_table(out, folder, f"{folder}_{number}")


def _read_table(out: Path, folder: str, name: str) -> Iterator[dict]:
    plain, table = read_pickle(_plain_table(out, name)), read_pickle(_jv_table(out, name))
    if not _belong_together(plain, table):
        raise GenbError(
            f"{_plain_table(out, name)} and {_jv_table(out, name)} are not tables of the same "
            "pictures with AGORA's columns. Delete the folder and export again."
        )
    cameras = read_npz(_cameras(out, name))
    sizes = [tuple(size) for size in cameras["size"].tolist()]
    for row, size, K in zip(table.rows, sizes, cameras["cam_int"], strict=True):
        scalars = {column: row[column] for column in PICTURE_CELLS}
        path = row["imgPath"]
        _pixels(out / "images" / folder / stored_name(path, size), size)
        masks = out / "masks" / folder
        everybody = _pixels(masks / mask_name(path, size, 0), size)
        for k in range(len(row["gender"])):
            person = {column: row[column][k] for column in table.columns if column not in scalars}
            for model in ("smplx", "smpl"):
                obj_path = person[f"gt_path_{model}"]
                if obj_path:
                    person |= _prefixed(model, read_pickle(out / _fit_path(obj_path)))
            yield (
                {"table": name}
                | scalars
                | person
                | {
                    "cam_int": K,
                    "mask": _pixels(masks / mask_name(path, size, k + 1), size) > 0,
                    "seen": everybody == k + 1,
                }
            )


def _belong_together(plain: object, table: object) -> bool:
    """Whether two tables have AGORA's columns, the second with joints, and the same pictures."""
    if not (isinstance(plain, Table) and isinstance(table, Table)):
        return False
    if list(plain.columns) != [*COLUMNS] or list(table.columns) != [*COLUMNS, *JV_COLUMNS]:
        return False
    return all(plain.columns[column] == table.columns[column] for column in COLUMNS)


def _pixels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a picture of that width and height. Raises GenbError."""
    try:
        pixels = np.asarray(Image.open(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise GenbError(
            f"{path} is missing or damaged ({error}). Delete the folder and export again."
        ) from error
    if pixels.shape[1::-1] != size:
        raise GenbError(f"{path} is not {size[0]}x{size[1]} px. Delete the folder, export again.")
    return pixels


def _fit_path(obj_path: str) -> str:
    """AGORA's tables name the mesh; the parameters lie beside it."""
    return obj_path.replace(".obj", ".pkl")


def _prefixed(model: str, arrays: dict) -> dict:
    return {f"{model}_{name}": array for name, array in arrays.items()}
