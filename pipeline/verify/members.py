"""The form of a sample: are all members there, do they decode, have they the types and shapes?

What is said here of a member keeps the other checks from reading it.
"""

import io
import json
from collections.abc import Callable

import numpy as np
from PIL import Image

from pipeline.conventions import PARTS
from pipeline.shards.read import UNREADABLE
from pipeline.shards.sample import member_checksums
from pipeline.truth.schema import LABEL_ARRAYS, array_faults, dense_arrays
from pipeline.verify.frame import CheckedFrame

_IMAGES = {"rgb.jpg": 3, "cg.png": 3, "mask.png": 2, "part.png": 2}
_GEOMETRY = ("depth.npy", "normal.npy", "geometry.npz")
_SURFACE = {"amodal": "bool", "body_face": "int32", "body_bary": "float16"}


def expected_members(config: dict) -> set[str]:
    """Extensions of the members that every sample has under a configuration."""
    expected = {*_IMAGES, "json", "npz"}
    if config["shards"]["geometry"]:
        expected |= {*_GEOMETRY, *(["flow.npy"] if config["scene"]["frames"] > 1 else [])}
    return expected


def form_faults(frame: CheckedFrame) -> tuple[list[str], set[str]]:
    """Faults, and the members that no other check may read."""
    expected, present = expected_members(frame.config), set(frame.sample.members)
    faults, broken = [], expected - present
    if present != expected:
        faults.append(f"holds {sorted(present)}, expected {sorted(expected)}")
    # The JSON says what the others must look like.
    for name in ("json", *sorted(expected & present - {"json"})):
        if "json" in broken:
            return faults, broken
        try:
            found = _FORMS[name](frame)
        except UNREADABLE as error:
            found = [f"{name} cannot be read ({error!r})"]
        if found:
            broken.add(name)
            faults += found
    return faults, broken


def checksum_faults(frame: CheckedFrame) -> list[str]:
    """Members that are not those whose checksums the JSON tells."""
    told = frame.facts["members"]
    if told.keys() != (real := member_checksums(frame.sample.members)).keys():
        return [f"its JSON has checksums of {sorted(told)}, expected {sorted(real)}"]
    return [
        f"{name.replace('_', '.')}: its SHA-256 is not the one in the JSON"
        for name in sorted(real)
        if told[name] != real[name]
    ]


def structure(facts: dict) -> frozenset[str]:
    """Keys of a JSON with the types of their values, one 'path: type' each."""
    return frozenset(_paths(facts, ""))


def _paths(value: object, path: str):
    if isinstance(value, dict):
        if not value:
            yield f"{path}: empty object"
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        if not value:
            yield f"{path}: empty list"
        entries = [frozenset(_paths(inner, f"{path}[]")) for inner in value]
        yield from frozenset.union(*entries)
        for number, entry in enumerate(entries):
            yield from (f"{path}[{number}] unlike its neighbours: {e}" for e in entry ^ entries[0])
    else:
        yield f"{path}: {type(value).__name__}"


def _json_form(frame: CheckedFrame) -> list[str]:
    def refuse(word: str):
        raise ValueError(f"{word} is no JSON number")

    text = frame.sample.members["json"]
    facts = json.loads(text, parse_constant=refuse, object_pairs_hook=_unique)
    if not isinstance(facts, dict) or not isinstance(facts.get("people"), list):
        return ["json is not an object with people"]
    # Hugging Face `datasets` infers one type per key, and none from null or from an empty list.
    empty = (": NoneType", ": empty list", ": empty object")
    return [f"json: {path}" for path in sorted(structure(facts)) if path.endswith(empty)]


def _unique(pairs: list[tuple]) -> dict:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _npz_form(frame: CheckedFrame) -> list[str]:
    counts = frame.config["shards"]["dense_keypoints"]
    faults = array_faults(frame.labels, LABEL_ARRAYS | dense_arrays(counts))
    told, count = len(frame.people), len(frame.labels.get("betas", ()))
    if not faults and (told, frame.facts["people_count"]) != (count, count):
        faults.append(f"{told} people in the JSON, {count} in the npz")
    return faults


def _image_form(name: str) -> Callable[[CheckedFrame], list[str]]:
    def check(frame: CheckedFrame) -> list[str]:
        size, image = frame.size[::-1], frame.sample.image(name)
        if image.shape[:2] != size or image.ndim != _IMAGES[name] or image.dtype != np.uint8:
            return [f"{name} is {image.shape} {image.dtype}, expected {size} 8-bit"]
        faults = []
        if name == "part.png" and int(image.max()) > max(PARTS.values()):
            faults.append("part.png holds an unknown part id")
        if name == "mask.png" and int(image.max()) > len(frame.people):
            faults.append(
                f"mask.png holds id {image.max()}, but there are {len(frame.people)} people"
            )
        if name == "rgb.jpg":
            faults += _jpeg_faults(frame.sample.members[name])
        return faults

    return check


def _jpeg_faults(data: bytes) -> list[str]:
    with Image.open(io.BytesIO(data)) as image:
        if image.format != "JPEG" or any(layer[1:3] != (1, 1) for layer in image.layer):
            return ["rgb.jpg is not a JPEG without chroma subsampling"]
    return []


def _depth_form(frame: CheckedFrame) -> list[str]:
    depth, size = frame.depth, frame.size[::-1]
    if depth.shape != size or depth.dtype != np.float32:
        return [f"depth is {depth.shape} {depth.dtype}, expected {size} float32"]
    if np.isnan(depth).any() or (depth <= 0).any():
        return ["depth holds NaN or values that are not in front of the camera"]
    return []


def _normal_form(frame: CheckedFrame) -> list[str]:
    normal, size = frame.normal, (*frame.size[::-1], 3)
    if normal.shape != size or normal.dtype != np.float16:
        return [f"normal is {normal.shape} {normal.dtype}, expected {size} float16"]
    return [] if np.isfinite(normal).all() else ["normal holds NaN or inf"]


def _geometry_form(frame: CheckedFrame) -> list[str]:
    arrays, size = frame.geometry, frame.size[::-1]
    kinds = {name: str(array.dtype) for name, array in arrays.items()}
    if kinds != _SURFACE:
        return [f"geometry.npz holds {kinds}, expected {_SURFACE}"]
    wanted = {
        "amodal": (len(frame.people), *size),
        "body_face": size,
        "body_bary": (*size, 2),
    }
    shapes = {name: arrays[name].shape for name in wanted}
    if shapes != wanted:
        return [f"geometry.npz has the shapes {shapes}, expected {wanted}"]
    faults = []
    if arrays["body_face"].min() < -1:
        faults.append("body_face holds numbers below -1")
    if not np.isfinite(arrays["body_bary"]).all():
        faults.append("body_bary holds NaN or inf")
    return faults


def _flow_form(frame: CheckedFrame) -> list[str]:
    flow, size = frame.flow, (*frame.size[::-1], 2)
    if flow.shape != size or flow.dtype != np.float32:
        return [f"flow is {flow.shape} {flow.dtype}, expected {size} float32"]
    return ["flow holds NaN"] if np.isnan(flow).any() else []


_FORMS = {
    "json": _json_form,
    "npz": _npz_form,
    "depth.npy": _depth_form,
    "normal.npy": _normal_form,
    "geometry.npz": _geometry_form,
    "flow.npy": _flow_form,
    **{name: _image_form(name) for name in _IMAGES},
}
