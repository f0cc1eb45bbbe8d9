"""The texts of a Hugging Face export: its README.md and the lines of its ImageFolder."""

import json

import numpy as np

from pipeline.dataset import Dataset
from pipeline.storage import canonical_json

_LABELS = (
    *("betas", "expression", "pose_cam", "transl_cam", "box_modal", "box_amodal"),
    *("coco17_2d", "coco17_code", "occlusion", "truncation", "mask_area_px"),
)
_MASKS = ("rle_modal", "rle_amodal")
_LICENCES = ("apache-2.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "mit")
"""Names that the Hub knows, of licences that may stand alone for a dataset."""


def folder_line(row: dict) -> str:
    """Line of a picture in metadata.jsonl: the row's facts, and the labels that most people need.

    float32 numbers are written in the fewest digits that give them back.
    """
    line = {name: value for name, value in row.items() if not name.startswith("dense_")}
    line["file_name"] = line.pop("image")["path"]
    line["people"] = [
        {
            name: value
            for name, value in person.items()
            if name in _LABELS or not (isinstance(value, np.ndarray) or name in _MASKS)
        }
        for person in row["people"]
    ]
    return canonical_json(_plain(line)) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, np.float32):
        return float(str(value))
    return value.item() if isinstance(value, np.generic) else value


def dataset_header(dataset: Dataset, counts: dict[str, int]) -> str:
    """README.md with the header that `datasets` and the Hub read. counts: pictures per split."""
    description = dataset.description
    assets = [a for a in description["assets"] if a["kind"] != "software"]
    licences = sorted({a["licence"] for a in assets})
    known = [name.lower() for name in licences if name.lower() in _LICENCES]
    if len(licences) == len(known) == 1:
        licence = f"license: {known[0]}"
    else:
        licence = "license: other\nlicense_name: one-per-asset\nlicense_link: README.md"
    files = "\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in counts)
    sources = "\n".join(
        f"| {a['id']} | {a['licence']} | {'yes' if a['commercial_use'] else 'no'} | {a['source']} |"
        for a in assets
    )
    table = "\n".join(f"| {split} | {count} |" for split, count in counts.items())
    return f"""\
---
pretty_name: {json.dumps(description["name"])}
{licence}
task_categories:
- keypoint-detection
configs:
- config_name: default
  data_files:
{files}
---

# {description["name"]}

{description["description"] or "Synthetic people with exact labels of 3D pose, shape and camera."}

| split | pictures |
|---|---|
{table}

`load_dataset("FOLDER")` reads `data/`, `load_dataset("imagefolder", data_dir="FOLDER/imagefolder")`
the same pictures with fewer labels. Keep all pictures of a scene in one split.

| asset in the pictures | licence | commercial use | source |
|---|---|---|---|
{sources}
"""
