"""Text: captions, questions with answers, poses with their captions, and LLaVA conversations.

captions_<split>.jsonl, qa_<split>.jsonl, posescript_<split>.json beside poses_<split>.npz, and
vqa_<split>.json with images/. docs/text.md has every field. What the words mean and when they are
said is `pipeline.text`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TextIO

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.exports.formats import ExportOptions
from pipeline.storage import (
    atomic_file,
    canonical_json,
    read_json,
    read_npz,
    write_bytes,
    write_json,
    write_npz,
)
from pipeline.text.captions import LENGTHS, picture_caption, pose_caption
from pipeline.text.conversations import conversations
from pipeline.text.describe import MEMBERS
from pipeline.text.layout import SceneFacts, describe_scene
from pipeline.text.questions import ask_all
from pipeline.text.scene_captions import SCENE, whole_caption
from pipeline.text.upright import upright_pose

SPLITS = ("train", "val", "test")
VARIANTS = 2
"""Wordings of every caption."""

KINDS = ("caption", "qa", "pose", "conversation")
_POSE_ARRAYS = {"pose": np.float32, "pose_upright": np.float32, "betas": np.float32}


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """Rows of all samples, split by split, and within a sample in the order of `KINDS`.

    `kind` says what a row is; the other fields are those of docs/text.md. Raises GenbError for an
    unknown split and BodyModelError without the body model file.
    """
    for split in _splits(options):
        for frame in dataset.frames(split, members=MEMBERS):
            yield from frame_rows(frame)


def frame_rows(frame: Frame) -> Iterator[dict]:
    """Rows of one sample."""
    scene = describe_scene(frame)
    head = {"key": frame.key, "split": frame.facts["split"]}
    for row in _captions(frame, scene):
        yield {"kind": "caption", **head, **row}
    asked = [_question_row(frame, one) for one in ask_all(scene, frame)]
    for row in asked:
        yield {"kind": "qa", **head, **row}
    # Further appearances of a frame have the same poses.
    if frame.facts["appearance"] == 0:
        for row in _poses(frame, scene):
            yield {"kind": "pose", **head, **row}
    for row in conversations(frame, scene, asked):
        yield {"kind": "conversation", **head, **row}


def _captions(frame: Frame, scene: SceneFacts) -> Iterator[dict]:
    for person in (SCENE, *scene.order):
        for length in LENGTHS:
            for variant in range(VARIANTS):
                if person == SCENE:
                    made = whole_caption(scene, length, variant)
                else:
                    made = picture_caption(scene.people[person], length, variant)
                yield {
                    "person": person,
                    "instance_id": 0 if person == SCENE else scene.people[person].instance_id,
                    "length": length,
                    "variant": variant,
                    "text": made.text,
                    "facts": list(made.facts),
                    "pose_ref": _pose_ref(frame, person),
                }


def _pose_ref(frame: Frame, person: int) -> dict:
    return {"shard": frame.facts["shard"], "key": frame.key, "person": person}


def _question_row(frame: Frame, asked) -> dict:
    one = asked.question
    return {
        "person": one.person,
        "instance_id": 0 if one.person == SCENE else frame.people[one.person]["instance_id"],
        "question_kind": asked.kind,
        "form": one.form,
        "question": one.question,
        "answer": one.answer,
        "answer_value": one.value,
        "unit": one.unit,
        "tolerance": one.tolerance,
        "options": list(one.options),
        "labels": list(one.labels),
    }


def _poses(frame: Frame, scene: SceneFacts) -> Iterator[dict]:
    labels = frame.labels
    for person, facts in enumerate(scene.people):
        # Shorter captions of some poses are alike word for word.
        texts = [pose_caption(facts, length, v).text for length in LENGTHS for v in range(VARIANTS)]
        pose = labels["pose_world"][person].astype(np.float32)
        yield {
            "id": f"{frame.key}_{person}",
            "person": person,
            "captions": list(dict.fromkeys(texts)),
            "pose": pose,
            "pose_upright": upright_pose(labels["pose_world"][person]).astype(np.float32),
            "betas": labels["betas"][person].astype(np.float32),
        }


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write the files of every split that has samples; returns notes on what was left out.

    Raises GenbError when nothing is in the split asked for.
    """
    notes, written = [], 0
    for split in _splits(options):
        counts = _write_split(dataset, Path(out), split)
        if counts["samples"]:
            written += counts["samples"]
            notes.append(_note(split, counts))
    if not written:
        raise GenbError(f"{dataset.out} has no samples of split {options.split or 'any'}.")
    return notes


def _write_split(dataset: Dataset, out: Path, split: str) -> Counter:
    poses: list[dict] = []
    talks: list[dict] = []
    counts: Counter = Counter()
    frames = dataset.frames(split, members=(*MEMBERS, "rgb.jpg"))
    first = next(frames, None)
    if first is None:
        return counts
    with (
        _lines_to(out / f"captions_{split}.jsonl") as captions,
        _lines_to(out / f"qa_{split}.jsonl") as qa,
    ):
        files = {"caption": captions, "qa": qa}
        for frame in _chained(first, frames):
            write_bytes(out / "images" / f"{frame.key}.jpg", frame.sample.members["rgb.jpg"])
            told = set()
            for row in frame_rows(frame):
                counts[row["kind"]] += 1
                if row["kind"] == "pose":
                    poses.append(row)
                elif row["kind"] == "conversation":
                    talks.append({name: row[name] for name in ("id", "image", "conversations")})
                else:
                    told.add(row["person"])
                    line = {name: row[name] for name in row if name not in ("kind", "split")}
                    files[row["kind"]].write(canonical_json(line) + "\n")
            counts["samples"] += 1
            counts["people"] += len(frame.people)
            counts["unseen"] += len(frame.people) - len(told - {SCENE})
            counts["repeated"] += len(frame.people) * (frame.facts["appearance"] > 0)
    write_json(out / f"posescript_{split}.json", {row["id"]: row["captions"] for row in poses})
    write_npz(out / f"poses_{split}.npz", _pose_table(poses))
    write_json(out / f"vqa_{split}.json", talks)
    write_json(_counts_path(out, split), {kind: counts[kind] for kind in KINDS})
    return counts


def _counts_path(out: Path, split: str) -> Path:
    """How many rows of each kind there are: a file cut at the end of a line looks whole."""
    return out / f"counts_{split}.json"


@contextmanager
def _lines_to(path: Path) -> Iterator[TextIO]:
    """A text file to write lines to, which appears when all are written."""
    with atomic_file(path) as partial, open(partial, "w", encoding="utf-8") as file:
        yield file


def _chained(first: Frame, rest: Iterable[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _pose_table(poses: list[dict]) -> dict[str, np.ndarray]:
    """Arrays of all poses, ids in the same order. Shorter betas are padded with zeros."""
    width = max((len(row["betas"]) for row in poses), default=0)
    sizes = {"pose": (165,), "pose_upright": (24, 3), "betas": (width,)}
    table = {
        name: np.zeros((len(poses), *size), _POSE_ARRAYS[name]) for name, size in sizes.items()
    }
    for i, row in enumerate(poses):
        for name in _POSE_ARRAYS:
            table[name][i, : len(row[name])] = row[name]
    table["ids"] = np.array([row["id"] for row in poses], dtype=np.str_)
    table["num_betas"] = np.array([len(row["betas"]) for row in poses], np.int32)
    return table


def _note(split: str, counts: Counter) -> str:
    note = (
        f"{split}: {counts['samples']} images, {counts['people']} people, {counts['caption']} "
        f"captions, {counts['qa']} questions, {counts['pose']} poses"
    )
    if counts["unseen"]:
        note += f"; {counts['unseen']} people have too few pixels for a caption"
    if counts["repeated"]:
        note += f"; {counts['repeated']} poses of further appearances are not repeated"
    return note


def read(out: Path) -> Iterator[dict]:
    """The rows back from the files, in the order of `rows`.

    Raises GenbError, naming the file, when there are none or one is missing or cut short.
    """
    out = Path(out)
    splits = [split for split in SPLITS if (out / f"captions_{split}.jsonl").is_file()]
    if not splits:
        raise GenbError(
            f"{out} holds no captions_<split>.jsonl. Run: genb export DIR --format text"
        )
    for split in splits:
        yield from _read_split(out, split)


def _read_split(out: Path, split: str) -> Iterator[dict]:
    paths = {"caption": out / f"captions_{split}.jsonl", "qa": out / f"qa_{split}.jsonl"}
    counts = _checked(_counts_path(out, split), read_json)
    by_key = {kind: groupby(_lines(path), lambda r: r["key"]) for kind, path in paths.items()}
    asked = {key: list(group) for key, group in by_key["qa"]}
    poses: dict[str, list[dict]] = {}
    for row in _read_poses(out, split):
        poses.setdefault(row["key"], []).append(row)
    talks: dict[str, list[dict]] = {}
    for row in _checked(out / f"vqa_{split}.json", read_json):
        key, _, person = row["id"].rpartition("_")
        number = SCENE if person == "scene" else int(person)
        talks.setdefault(key, []).append({"key": key, "person": number, **row})
    found: Counter = Counter()
    for key, captions in by_key["caption"]:
        of_key = (captions, asked.get(key, []), poses.get(key, []), talks.get(key, []))
        for kind, group in zip(KINDS, of_key, strict=True):
            for row in group:
                found[kind] += 1
                yield {"kind": kind, "split": split, **row}
    for kind, count in counts.items():
        if found[kind] != count:
            path = paths.get(kind, out / f"poses_{split}.npz")
            raise GenbError(
                f"{path} holds {found[kind]} rows of kind {kind}, but {count} were written. "
                "Delete the folder and export again."
            )


def _read_poses(out: Path, split: str) -> Iterator[dict]:
    texts = _checked(out / f"posescript_{split}.json", read_json)
    table = _checked(out / f"poses_{split}.npz", read_npz)
    for i, id in enumerate(table["ids"].tolist()):
        key, _, person = id.rpartition("_")
        yield {
            "key": key,
            "id": id,
            "person": int(person),
            "captions": texts[id],
            "pose": table["pose"][i],
            "pose_upright": table["pose_upright"][i],
            "betas": table["betas"][i, : table["num_betas"][i]],
        }


def _lines(path: Path) -> Iterator[dict]:
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise _damaged(path, f"line {number}: {error}") from error


def _checked(path: Path, reader) -> dict | list:
    try:
        return reader(path)
    except OSError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> GenbError:
    return GenbError(f"{path} is damaged ({why}). Delete the folder and export again.")


def _splits(options: ExportOptions) -> tuple[str, ...]:
    if options.split is not None and options.split not in SPLITS:
        raise GenbError(f"no split {options.split!r}. Splits: {', '.join(SPLITS)}.")
    return SPLITS if options.split is None else (options.split,)
