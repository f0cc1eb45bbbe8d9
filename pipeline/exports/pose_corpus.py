"""The pose corpus that TokenHMR's tokenizer learns from: body poses alone, without pictures.

`smplh/<split>/<split>_GENB.npz` below the root that its configuration names; GENB is then a data
set of that name. The 21 body joints of SMPL-H and SMPL-X turn alike.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset
from pipeline.storage import read_npz, write_npz

NAME = "GENB"
"""Name of the data set. The tokenizer splits lists of names at underscores."""
_BODY = slice(3, 66)
_BETAS = 10


def corpus_rows(dataset: Dataset, split: str) -> Iterator[dict]:
    """One row per person and frame of a split, seen or not; appearances count once.

    folder; pose_body (63,) and betas (10,) float32 (zeros where a body has fewer; further ones are
    cut); gender of the body model; name: sample and person.
    """
    last = None
    for frame in dataset.frames(split, members=()):
        place = frame.facts["scene"], frame.facts["frame"]
        if place == last:
            continue
        last = place
        for k, person in enumerate(frame.people):
            betas = np.zeros(_BETAS, np.float32)
            own = frame.labels["betas"][k, :_BETAS]
            betas[: len(own)] = own
            yield {
                "folder": corpus_folder(split),
                "pose_body": frame.labels["pose_world"][k, _BODY].astype(np.float32),
                "betas": betas,
                "gender": person["gender"],
                "name": f"{frame.key}_{k}",
            }


def write_corpus(dataset: Dataset, out: Path, split: str) -> int:
    """Write the file of a split; returns how many poses it has."""
    rows = list(corpus_rows(dataset, split))
    arrays = {name: np.array([row[name] for row in rows]) for name in rows[0] if name != "folder"}
    write_npz(corpus_path(out, split), arrays)
    return len(rows)


def read_corpus(out: Path, split: str) -> Iterator[dict]:
    """The rows of a split again, if there are any. Raises GenbError when the file is damaged."""
    path = corpus_path(out, split)
    if path.is_file():
        arrays = read_npz(path)
        for k, pose in enumerate(arrays["pose_body"]):
            yield {
                "folder": corpus_folder(split),
                "pose_body": pose,
                "betas": arrays["betas"][k],
                "gender": str(arrays["gender"][k]),
                "name": str(arrays["name"][k]),
            }


def corpus_folder(split: str) -> str:
    """Folder of a split below the root."""
    return f"smplh/{split}"


def corpus_path(out: Path, split: str) -> Path:
    """Where the poses of a split lie."""
    return Path(out) / corpus_folder(split) / f"{split}_{NAME}.npz"
