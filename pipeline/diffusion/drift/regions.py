"""Parts of a mask: the box around it and its largest connected piece."""

import cv2
import numpy as np

MIN_PIXELS = 50
"""Of fewer pixels nothing is measured and nobody is judged."""


def box_around(mask: np.ndarray, margin_px: int) -> tuple[slice, slice]:
    """Rows and columns of a mask (H, W) bool and `margin_px` around, within the image.

    The first row and column are even, so that boxes can be halved. The mask may not be empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return tuple(
        slice(max(int(span[0]) - margin_px, 0) // 2 * 2, int(span[-1]) + margin_px + 1)
        for span in (rows, columns)
    )


def largest_region(mask: np.ndarray) -> int:
    """Pixels of the largest 8-connected region of a mask (H, W) bool; 0 of an empty mask."""
    _, _, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return int(facts[1:, cv2.CC_STAT_AREA].max(initial=0))
