"""Does the paint stay on the surface? Flicker between two frames, along the ground-truth flow.

What re-rendering added (picture minus render) is followed from each pixel to where its surface is
in the next frame; paint that moves with the surface gives 0, whatever the surface's own shading
does.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_MIN_PIXELS = 50


@dataclass(frozen=True)
class Painted:
    """One frame of a sequence. render, final: (H, W, 3) u8. instance: (H, W) u16. flow: (H, W, 2)
    f32 px to the next frame, inf where unknown; (0, 0, 2) for the last."""

    render: np.ndarray
    final: np.ndarray
    instance: np.ndarray
    flow: np.ndarray


def flicker(before: Painted, after: Painted) -> dict:
    """{'people', 'all'}: mean change of the paint's luma from one frame to the next, in 1/255.

    Only pixels that can still be seen count: their flow ends inside the picture, on the same person
    (or on nobody), and the bilinear sample there touches nothing else. None where fewer than 50.
    """
    if not before.flow.size:
        return {"people": None, "all": None}
    height, width = before.instance.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    known = np.isfinite(before.flow).all(axis=-1)
    flow = np.where(known[..., None], before.flow, 0).astype(np.float32)
    to_x, to_y = x + flow[..., 0], y + flow[..., 1]
    inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    same = np.ones_like(known)
    for dx in (0, 1):
        for dy in (0, 1):
            column = np.clip(np.floor(to_x) + dx, 0, width - 1).astype(int)
            row = np.clip(np.floor(to_y) + dy, 0, height - 1).astype(int)
            same &= after.instance[row, column] == before.instance
    moved = cv2.remap(_paint(after), to_x, to_y, cv2.INTER_LINEAR)
    change = np.abs(moved - _paint(before))
    seen = known & inside & same
    return {"people": _mean(change, seen & (before.instance > 0)), "all": _mean(change, seen)}


def _paint(frame: Painted) -> np.ndarray:
    return (frame.final.astype(np.float32) - frame.render.astype(np.float32)) @ _LUMA


def _mean(values: np.ndarray, mask: np.ndarray) -> float | None:
    return round(float(values[mask].mean()), 4) if mask.sum() >= _MIN_PIXELS else None
