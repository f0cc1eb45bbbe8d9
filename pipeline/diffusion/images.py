"""Pictures in and out of files: 8-bit RGB, without loss."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import GenbError
from pipeline.storage import write_bytes


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) u8 RGB of an image file; raises GenbError when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise GenbError(
            f"{path} is missing or is not an image. Delete its folder and run the same command "
            "again to make it anew."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) u8 RGB as PNG, atomically."""
    encoded, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert encoded
    write_bytes(path, data.tobytes())
