"""COCO: person keypoints, instances and COCO-WholeBody (133), as pycocotools reads them.

`annotations/{person_keypoints,instances,coco_wholebody}_<split>.json` and the unchanged JPEGs in
`<split>/KEY.jpg`. What COCO has no field for stands under `genb`. `coco_rows` turns labels into
rows; here rows become files and files rows.
"""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports.coco_rows import BOXED_PARTS, PARTS, image_id, person_rows, seen_people
from pipeline.exports.folder import SPLITS, images_by_split, refuse_strays
from pipeline.exports.formats import ExportOptions
from pipeline.storage import atomic_file, canonical_json, read_json, write_bytes
from pipeline.truth.keypoints import COCO17_NAMES

KINDS = ("instances", "person_keypoints", "coco_wholebody")
"""Annotation files, each with all fields of the one before and more."""
_LIMBS = (
    *(("left_ankle", "left_knee"), ("left_knee", "left_hip"), ("right_ankle", "right_knee")),
    *(("right_knee", "right_hip"), ("left_hip", "right_hip"), ("left_shoulder", "left_hip")),
    *(("right_shoulder", "right_hip"), ("left_shoulder", "right_shoulder")),
    *(("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    *(("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"), ("left_eye", "right_eye")),
    *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear")),
    *(("right_eye", "right_ear"), ("left_ear", "left_shoulder"), ("right_ear", "right_shoulder")),
)
_PERSON = 1
"""Category id."""


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """One row per annotated person, by split and then in the dataset's order; see `coco_rows`."""
    for split in images_by_split(dataset, options):
        for frame in dataset.frames(split, members=("rgb.jpg",)):
            yield from person_rows(frame)


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write images and annotations; returns notes on who was left out.

    Raises GenbError when annotations of an earlier export lie in the folder.
    """
    unseen, written = 0, []
    for split in images_by_split(dataset, options):
        paths = [_annotations_path(out, kind, split) for kind in KINDS]
        written += paths
        with ExitStack() as stack:
            documents = {
                kind: stack.enter_context(atomic_file(path)).open("w")
                for kind, path in zip(KINDS, paths, strict=True)
            }
            for file in documents.values():
                stack.enter_context(file)
            unseen += _write_split(dataset, out, split, documents)
    refuse_strays((out / "annotations").glob("*.json"), written)
    notes = []
    if unseen:
        notes.append(
            f"{unseen} people without a visible pixel were left out: COCO asks for a mask."
        )
    if options.bbox_factor is not None:
        notes.append("bbox_factor is not used: COCO's boxes are those of the masks.")
    return notes


def _write_split(dataset: Dataset, out: Path, split: str, documents: dict) -> int:
    """Stream the annotations of a split; returns how many people were left out."""
    unseen, images, between = 0, [], "\n"
    for file in documents.values():
        file.write('{"annotations":[')
    for frame in dataset.frames(split, members=("rgb.jpg",)):
        write_bytes(out / split / f"{frame.key}.jpg", frame.sample.members["rgb.jpg"])
        images.append(_image(frame))
        unseen += len(frame.people) - len(seen_people(frame))
        for row in person_rows(frame):
            for kind, file in documents.items():
                file.write(between + canonical_json(_annotation(row, kind)))
            between = ",\n"
    for kind, file in documents.items():
        rest = {
            "categories": [_category(kind)],
            "images": images,
            "info": {"description": dataset.description["name"], "version": "1.0"},
            "licenses": _licences(dataset),
        }
        file.write("],\n" + canonical_json(rest)[1:] + "\n")
    return unseen


def read(out: Path) -> Iterator[dict]:
    """The rows again. Raises GenbError when a file is missing, damaged or contradicts another."""
    for split in SPLITS:
        path = _annotations_path(out, KINDS[-1], split)
        if path.is_file():
            yield from _read_split(out, split, path)


def _read_split(out: Path, split: str, path: Path) -> Iterator[dict]:
    document = read_json(path)
    images = {image["id"]: image for image in document["images"]}
    for image in images.values():
        picture = out / split / image["file_name"]
        if not picture.is_file() or _sha256(picture.read_bytes()) != image["genb"]["sha256"]:
            raise GenbError(f"{picture} is missing or damaged. Export the dataset again.")
    found = [_row(one, images[one["image_id"]]) for one in document["annotations"]]
    for kind in KINDS[:-1]:
        other = _annotations_path(out, kind, split)
        if not other.is_file() or read_json(other)["annotations"] != [
            _annotation(row, kind) for row in found
        ]:
            raise GenbError(f"{other} is missing or not of one piece with {path}. Export again.")
    yield from found


def _annotations_path(out: Path, kind: str, split: str) -> Path:
    return Path(out) / "annotations" / f"{kind}_{split}.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _image(frame: Frame) -> dict:
    width, height = frame.size
    facts = {name: frame.facts[name] for name in ("key", "scene", "frame", "appearance", "split")}
    return {
        "id": image_id(frame.facts),
        "file_name": f"{frame.key}.jpg",
        "width": width,
        "height": height,
        "genb": facts | {"sha256": _sha256(frame.sample.members["rgb.jpg"])},
    }


def _annotation(row: dict, kind: str) -> dict:
    """A row as it stands in one of the files."""
    size = [row["height"], row["width"]]
    annotation = {
        "id": row["id"],
        "image_id": row["image_id"],
        "category_id": _PERSON,
        "iscrowd": 0,
        "bbox": _numbers(row["bbox"]),
        "area": row["area"],
        "segmentation": {"size": size, "counts": row["rle"]},
        "genb": {
            **{name: row[name] for name in ("key", "person", "split")},
            **{name: _numbers(row[name]) for name in ("occlusion", "truncation")},
            "amodal_bbox": _numbers(row["amodal_bbox"]),
            "amodal_segmentation": {"size": size, "counts": row["amodal_rle"]},
        },
    }
    if kind == "instances":
        return annotation
    annotation |= {
        "keypoints": _points(row["keypoints"]),
        "num_keypoints": row["num_keypoints"],
    }
    if kind == "person_keypoints":
        return annotation
    return annotation | {
        **{f"{part}_kpts": _points(row[f"{part}_kpts"]) for part in PARTS},
        **{f"{part}_valid": row[f"{part}_valid"] for part in PARTS},
        **{f"{part}_box": _numbers(row[f"{part}_box"]) for part in BOXED_PARTS},
    }


def _row(annotation: dict, image: dict) -> dict:
    """The row of a COCO-WholeBody annotation."""
    points = {"keypoints": "keypoints"} | {f"{part}_kpts": f"{part}_kpts" for part in PARTS}
    boxes = ("bbox", *(f"{part}_box" for part in BOXED_PARTS))
    own = annotation["genb"]
    return {
        **{name: own[name] for name in ("key", "person", "split")},
        **{name: image[name] for name in ("width", "height", "file_name")},
        **{name: annotation[name] for name in ("id", "image_id", "area", "num_keypoints")},
        **{name: np.float32(own[name]) for name in ("occlusion", "truncation")},
        **{name: np.array(annotation[name], np.float32).reshape(-1, 3) for name in points},
        **{name: np.array(annotation[name], np.float32) for name in boxes},
        **{f"{part}_valid": annotation[f"{part}_valid"] for part in PARTS},
        "amodal_bbox": np.array(own["amodal_bbox"], np.float32),
        "rle": annotation["segmentation"]["counts"],
        "amodal_rle": own["amodal_segmentation"]["counts"],
    }


def _numbers(array: np.ndarray) -> list[float] | float:
    """float32 numbers in the fewest digits that give them back."""
    if np.ndim(array):
        return [_numbers(value) for value in array]
    return float(str(array))


def _points(points: np.ndarray) -> list[float | int]:
    """COCO's flat x, y, v."""
    return [value for x, y, v in points for value in (_numbers(x), _numbers(y), int(v))]


def _category(kind: str) -> dict:
    category = {"id": _PERSON, "name": "person", "supercategory": "person"}
    if kind == "instances":
        return category
    number = {name: k + 1 for k, name in enumerate(COCO17_NAMES)}
    edges = [[number[a], number[b]] for a, b in _LIMBS]
    return category | {"keypoints": list(COCO17_NAMES), "skeleton": edges}


def _licences(dataset: Dataset) -> list[dict]:
    assets = dataset.description["assets"]
    names = sorted({a["licence"] for a in assets if a["kind"] != "software"})
    return [{"id": k + 1, "name": name, "url": ""} for k, name in enumerate(names)]
