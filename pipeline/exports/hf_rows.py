"""A sample as one nested row, and its Arrow types.

A row: `image` {bytes, path}; every fact of the sample's JSON but the tar's name and the record of
the re-rendering; `camera` without its matrices; K (3, 3) px and T_cam_world (4, 4), float64;
`dense_N_index` (N,) int32; `people`, one dict for each: the facts of the JSON and the arrays of the
npz under their own names (docs/labels.md), float64 as float32.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from pipeline.dataset import Frame

if TYPE_CHECKING:
    import pyarrow

_LEFT_OUT = ("people", "shard", "rerender_record")
_MATRICES = ("K", "T_cam_world")


def picture_row(frame: Frame) -> dict:
    """Row of a sample, which must have been read with `rgb.jpg`."""
    labels = frame.labels
    of_image = {n: a for n, a in labels.items() if n in _MATRICES or n.endswith("_index")}
    of_people = {n: _single(a) for n, a in labels.items() if n not in of_image}
    facts = {n: value for n, value in frame.facts.items() if n not in _LEFT_OUT}
    camera = {n: value for n, value in facts["camera"].items() if n not in _MATRICES}
    camera["eye_m"] = np.array(camera["eye_m"])
    return {
        "image": {"bytes": frame.sample.members["rgb.jpg"], "path": f"{frame.key}.jpg"},
        **facts,
        "camera": camera,
        **of_image,
        "people": [
            facts | {name: array[k] for name, array in of_people.items()}
            for k, facts in enumerate(frame.people)
        ],
    }


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 else array


def arrow_schema(row: dict) -> pyarrow.Schema:
    """Schema of rows like this one; tells `datasets` that `image` is a picture."""
    import pyarrow

    # Features that are not named here `datasets` takes from the Arrow types.
    features = {"info": {"features": {"image": {"_type": "Image"}}}}
    return pyarrow.schema(
        [(name, _type(value)) for name, value in row.items()],
        metadata={"huggingface": json.dumps(features)},
    )


def _type(value: object) -> pyarrow.DataType:
    import pyarrow

    if isinstance(value, dict):
        return pyarrow.struct([(name, _type(part)) for name, part in value.items()])
    if isinstance(value, list):
        return pyarrow.list_(_type(value[0]))
    if isinstance(value, np.ndarray) and value.ndim:
        return pyarrow.list_(_type(value[0]))
    if isinstance(value, np.generic):
        return pyarrow.from_numpy_dtype(value.dtype)
    return pyarrow.scalar(value).type


def to_arrow(value: object) -> object:
    """A row in Python's own types."""
    if isinstance(value, dict):
        return {name: to_arrow(part) for name, part in value.items()}
    if isinstance(value, list):
        return [to_arrow(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def from_arrow(value: object, kind: pyarrow.DataType) -> object:
    """The row (or a part of it) that `to_arrow` was given. kind: its Arrow type."""
    import pyarrow

    types = pyarrow.types
    if types.is_struct(kind):
        return {field.name: from_arrow(value[field.name], field.type) for field in kind}
    if types.is_list(kind) and types.is_struct(kind.value_type):
        return [from_arrow(part, kind.value_type) for part in value]
    if types.is_list(kind):
        while types.is_list(kind):
            kind = kind.value_type
        return np.array(value, kind.to_pandas_dtype())
    plain = isinstance(value, str | bytes | bool) or kind.bit_width == 64
    return value if plain else kind.to_pandas_dtype()(value)
