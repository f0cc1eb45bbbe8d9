"""The pictures of a gallery card: the final picture, and layers that lie over it pixel by pixel.

Layers are PNGs as large as the picture, transparent where they say nothing. A layer that a sample
cannot have is told by its reason, never left out in silence.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.dataset import Frame
from pipeline.errors import GenbError
from pipeline.report.overlays import (
    body_layer,
    depth_picture,
    flow_picture,
    normal_picture,
    part_picture,
    person_colour,
)
from pipeline.truth.rle import rle_mask
from pipeline.truth.silhouette import render_depth

MEMBERS = ("rgb.jpg", "cg.png", "mask.png", "part.png", "depth.npy", "normal.npy", "flow.npy")
"""What is read of a sample beside its facts and labels."""

LARGEST_PX = 768
"""Pictures with a longer side are shown smaller, so that the report stays small."""

_JPEG_QUALITY = 90
_FILL, _HIDDEN_FILL, _PART_ALPHA = 90, 130, 190
_HATCH_PX = 6


@dataclass(frozen=True)
class Pictures:
    """A card's pictures. final: file name of the picture below everything. layers: layer -> file
    name. absent: layer -> why it is not there."""

    final: str
    layers: dict[str, str]
    absent: dict[str, str]


class Absent(GenbError):
    """A sample has no such layer; the message is the reason."""


def write_pictures(frame: Frame, images: Path) -> Pictures:
    """Write a sample's pictures into `images`. Raises GenbError when the sample is damaged."""
    final = f"{frame.key}.final.jpg"
    small = max(frame.size) <= LARGEST_PX
    painted = frame.sample.members["rgb.jpg"]
    (images / final).write_bytes(painted if small else _jpeg(frame.sample.image("rgb.jpg")))
    layers, absent = {}, {}
    for name, make in MAKERS.items():
        try:
            picture = make(frame)
        except GenbError as reason:
            absent[name] = str(reason)
            continue
        opaque = picture.shape[-1] == 3
        layers[name] = f"{frame.key}.{name}.{'jpg' if opaque else 'png'}"
        data = _jpeg(picture) if opaque else png_bytes(smaller(picture, nearest=True))
        (images / layers[name]).write_bytes(data)
    return Pictures(final, layers, absent)


def _render(frame: Frame) -> np.ndarray:
    return frame.sample.image("cg.png")


def _depth(frame: Frame) -> np.ndarray:
    depth_m = _array(frame, "depth.npy")
    return _masked(depth_picture(depth_m), np.isfinite(depth_m))


def _normals(frame: Frame) -> np.ndarray:
    normal = _array(frame, "normal.npy")
    # Rounded to 1/16: half the bytes, and no step that an eye would see.
    return _masked(normal_picture(normal) // 8 * 8 + 4, (normal != 0).any(axis=-1))


def _flow(frame: Frame) -> np.ndarray:
    if frame.facts["frames"] == 1:
        raise Absent("these scenes are single frames")
    flow = _array(frame, "flow.npy")
    known = np.isfinite(flow).all(axis=-1)
    if not known.any():
        raise Absent("the last frame of a scene has no next one")
    return _masked(flow_picture(flow), known)


def _parts(frame: Frame) -> np.ndarray:
    part = frame.sample.image("part.png")
    return _masked(part_picture(part), part > 0, _PART_ALPHA)


def _masks(frame: Frame) -> np.ndarray:
    instance = frame.sample.image("mask.png")
    return _tinted([instance == k + 1 for k in range(len(frame.people))])


def _amodal(frame: Frame) -> np.ndarray:
    """Whole bodies; what others hide of them is hatched."""
    width, height = frame.size
    instance = frame.sample.image("mask.png")
    whole = [rle_mask(person["rle_amodal"], height, width) for person in frame.people]
    picture = _tinted(whole)
    v, u = np.indices((height, width))
    stripes = (u + v) // (_HATCH_PX // 2) % 2 == 0
    for k, mask in enumerate(whole):
        hatched = mask & (instance != k + 1) & stripes
        picture[hatched] = [*person_colour(k), 255 - _HIDDEN_FILL // 2]
    return _outlined(picture, whole)


def _mesh(frame: Frame) -> np.ndarray:
    width, height = frame.size
    K = frame.labels["K"]
    depth_m = [
        render_depth(vertices, model.faces, K, width, height)
        for vertices, model in zip(frame.vertices, frame.models, strict=True)
    ]
    return body_layer(np.stack(depth_m), K)


MAKERS: dict[str, Callable[[Frame], np.ndarray]] = {
    "render": _render,
    "depth": _depth,
    "normals": _normals,
    "parts": _parts,
    "flow": _flow,
    "amodal": _amodal,
    "masks": _masks,
    "mesh": _mesh,
}
"""Layer -> how it is made: (H, W, 3) covers everything below it, (H, W, 4) has an alpha channel.
The order is that in which they lie over each other."""


def _array(frame: Frame, member: str) -> np.ndarray:
    if member not in frame.sample.members:
        raise Absent("the dataset was made without it (shards.geometry = false)")
    return frame.sample.array(member)


def _masked(picture: np.ndarray, mask: np.ndarray, alpha: int = 255) -> np.ndarray:
    return np.dstack([picture, np.where(mask, alpha, 0).astype(np.uint8)])


def _tinted(masks: list[np.ndarray]) -> np.ndarray:
    """Masks (H, W) bool as films in the people's colours, with outlines inside their edges."""
    picture = np.zeros((*masks[0].shape, 4), np.uint8)
    for k, mask in enumerate(masks):
        picture[mask] = [*person_colour(k), _FILL]
    return _outlined(picture, masks)


def _outlined(picture: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
    picture = picture.copy()
    for k, mask in enumerate(masks):
        inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        picture[mask & ~inner] = [*person_colour(k), 255]
    return picture


def smaller(picture: np.ndarray, nearest: bool = False) -> np.ndarray:
    """At most LARGEST_PX on the longer side; ids and labels are never blended."""
    height, width = picture.shape[:2]
    scale = LARGEST_PX / max(height, width)
    if scale >= 1:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize(size, how))


def _jpeg(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(smaller(picture))
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def png_bytes(picture: np.ndarray) -> bytes:
    """A PNG of (H, W, 4) u8, with a palette when there are at most 256 colours. No pixel changes,
    but for the colour of invisible ones."""
    picture = np.where(picture[..., 3:] > 0, picture, np.uint8(0))
    packed = np.ascontiguousarray(picture).view("<u4")[..., 0]
    colours = np.unique(packed)
    buffer = io.BytesIO()
    if len(colours) > 256:
        Image.fromarray(picture).save(buffer, "PNG", compress_level=6)
        return buffer.getvalue()
    table = colours.view(np.uint8).reshape(-1, 4)
    image = Image.fromarray(np.searchsorted(colours, packed).astype(np.uint8))
    image.putpalette(table[:, :3].tobytes())
    image.save(buffer, "PNG", transparency=table[:, 3].tobytes(), compress_level=6)
    return buffer.getvalue()
