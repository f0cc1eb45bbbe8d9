"""How a frame is shown to a model: whole, in overlapping tiles, or a crop around a small person.

Models are at home at one picture size. Tiles keep large frames at it; crops enlarge people who are
small in the frame, as Gen-B does, and are laid back into the picture on that person's pixels only.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.config import ViewSection

SIZE_MULTIPLE = 64
"""Networks want sides that are multiples of this, in px."""

_LEAST_PX = 16


@dataclass(frozen=True)
class View:
    """A window of the frame. top, left, height, width: px of the frame, padding included. size:
    (height, width) px that the model sees; larger than the window for a crop. person: whom a crop
    is of (0-based), None for the frame or a tile."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]
    person: int | None = None

    def cut(self, padded: np.ndarray) -> np.ndarray:
        """The window of an array (H, W, ...) at the frame's own resolution."""
        return padded[self.top : self.top + self.height, self.left : self.left + self.width]

    def shown(self, padded: np.ndarray, nearest: bool = False) -> np.ndarray:
        """The window as the model sees it."""
        window = self.cut(padded)
        if window.shape[:2] == self.size:
            return window
        method = cv2.INTER_NEAREST if nearest else cv2.INTER_CUBIC
        return cv2.resize(window, self.size[::-1], interpolation=method)


def frame_views(height: int, width: int, section: ViewSection) -> list[View]:
    """The views that together cover a frame of padded size (multiples of 64): itself, or tiles."""
    tile = section.tile_px
    if not tile or (height <= tile and width <= tile):
        return [View(0, 0, height, width, (height, width))]
    rows = _starts(height, tile, section.overlap_px)
    columns = _starts(width, tile, section.overlap_px)
    size = (min(tile, height), min(tile, width))
    return [View(top, left, *size, size) for top in rows for left in columns]


def _starts(extent: int, tile: int, overlap: int) -> list[int]:
    """First pixels of tiles that cover `extent`, on the latents' grid, overlapping at least so."""
    if extent <= tile:
        return [0]
    count = int(np.ceil((extent - overlap) / (tile - overlap)))
    steps = np.linspace(0, extent - tile, count) // 16 * 16
    return [int(start) for start in steps[:-1]] + [extent - tile]


def person_views(instance: np.ndarray, section: ViewSection) -> list[View]:
    """Crops (padded frame) of everybody who is less tall than `person_px`.

    instance: (H, W) u16. A crop is the person's box with a margin of a quarter of its height,
    enlarged until the person is `person_px` tall (at most `max_zoom` times) and grown to multiples
    of 64 px. People below 16 px are left as they are.
    """
    if not section.person_px:
        return []
    views = []
    for value in (int(v) for v in np.unique(instance) if v > 0):
        rows, columns = np.nonzero(instance == value)
        tall = int(np.ptp(rows)) + 1
        zoom = min(section.person_px / tall, section.max_zoom)
        if tall < _LEAST_PX or zoom <= 1:
            continue
        spans = [
            _span(where.min(), where.max() + 1, tall // 4, zoom, extent)
            for where, extent in zip((rows, columns), instance.shape, strict=True)
        ]
        (top, height, tall_px), (left, width, wide_px) = spans
        views.append(View(top, left, height, width, (tall_px, wide_px), value - 1))
    return views


def _span(first: int, end: int, margin: int, zoom: float, extent: int) -> tuple[int, int, int]:
    """(start, length, length as shown) of a crop along one axis of a frame of `extent` px."""
    shown = int(np.ceil((end - first + 2 * margin) * zoom / SIZE_MULTIPLE)) * SIZE_MULTIPLE
    length = min(round(shown / zoom), extent)
    start = int(np.clip((first + end - length) // 2, 0, extent - length))
    return start, length, shown


def blend_weight(view: View, height: int, width: int, overlap: int) -> np.ndarray:
    """Weight (h, w) f32 of a tile's pixels: 1 inside, falling to near 0 at borders that are not the
    frame's (height, width), so that overlapping tiles blend without a seam."""

    def side(start: int, length: int, extent: int) -> np.ndarray:
        weight = np.ones(length, np.float32)
        ramp = (np.arange(overlap, dtype=np.float32) + 1) / (overlap + 1)
        if start > 0:
            weight[:overlap] = ramp[:length]
        if start + length < extent:
            weight[-overlap:] = np.minimum(weight[-overlap:], ramp[::-1][-length:])
        return weight

    rows = side(view.top, view.height, height)
    columns = side(view.left, view.width, width)
    return rows[:, None] * columns[None, :]


def padded_to_multiple(array: np.ndarray, mode: str = "edge") -> np.ndarray:
    """(H, W, ...) extended at the right and the bottom to multiples of 64 px."""
    missing = [(0, -size % SIZE_MULTIPLE) for size in array.shape[:2]]
    return np.pad(array, [*missing, *([(0, 0)] * (array.ndim - 2))], mode=mode)
