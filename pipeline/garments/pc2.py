"""Point cache (.pc2) of 3ds Max, Blender and Marvelous Designer, with its mesh as .obj beside it.

Little endian: "POINTCACHE2", version, vertices, first frame, frames per sample, samples; then the
positions.
"""

import struct
from pathlib import Path

from pipeline.garments.caches import RawCache, broken
from pipeline.garments.pointcache import whole_frames, with_mesh

_HEADER = struct.Struct("<12siiffi")


def read(path: Path, fps: float) -> RawCache:
    """Read a point cache, sample by sample whatever their time stamps. Raises GenbError when it is
    no point cache, or its mesh does not fit."""
    data = path.read_bytes()
    if len(data) < _HEADER.size or not data.startswith(b"POINTCACHE2"):
        raise broken(path, "it is not a PC2 file")
    _, _, points, first_frame, _, frames = _HEADER.unpack_from(data)
    if points < 1 or frames < 1:
        raise broken(path, f"it is not a PC2 file: it has {points} vertices, {frames} frames")
    found, missing = whole_frames(data, "<f4", _HEADER.size, points, frames)
    return with_mesh(path, found, points, missing, first_frame)
