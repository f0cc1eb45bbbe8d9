"""Motion Designer cache (.mdd) of LightWave, CLO, Marvelous Designer and Blender, with its mesh as
.obj beside it.

Big endian: samples, vertices (i32), the samples' seconds (f32), then the positions (f32).
"""

import struct
from pathlib import Path

from pipeline.garments.caches import RawCache, broken
from pipeline.garments.pointcache import whole_frames, with_mesh


def read(path: Path, fps: float) -> RawCache:
    """Read a cache sample by sample, whatever their times. Raises GenbError when it is no such
    file, or its mesh does not fit."""
    data = path.read_bytes()
    frames, points = struct.unpack_from(">ii", data) if len(data) >= 12 else (0, 0)
    if frames < 1 or points < 1:
        raise broken(path, f"it is not an MDD file: {frames} frames of {points} vertices")
    (first_s,) = struct.unpack_from(">f", data, 8)
    found, missing = whole_frames(data, ">f4", 8 + 4 * frames, points, frames)
    return with_mesh(path, found, points, missing, round(first_s * fps, 3))
