"""Masks as COCO's compressed run-length text, the form that COCO's own tools read."""

import numpy as np
from pycocotools import mask as coco_mask


def rle_text(mask: np.ndarray) -> str:
    """Compressed counts of a mask (H, W) bool; with its size it is a COCO segmentation."""
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode("ascii")


def rle_mask(text: str, height: int, width: int) -> np.ndarray:
    """The mask (H, W) bool of such a text. Raises ValueError when it is no mask of that size."""
    mask = coco_mask.decode({"size": [height, width], "counts": text.encode("ascii")})
    if rle_text(mask.astype(bool)) != text:
        raise ValueError(f"not the run lengths of a {width} x {height} mask")
    return mask.astype(bool)
