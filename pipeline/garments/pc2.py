"""Point cache (.pc2) of 3ds Max, Blender and Marvelous Designer, with its mesh as .obj beside it.

The .obj (same stem) gives the faces; polygons are split into triangles. Z-up metres.
"""

import struct
from pathlib import Path

import numpy as np

from pipeline.garments.caches import GarmentSequence, broken

_HEADER = struct.Struct("<12siiffi")


def read(path: Path, fps: float) -> GarmentSequence:
    """Read a point cache; sample k is clip frame k whatever its time stamp."""
    data = path.read_bytes()
    if len(data) < _HEADER.size or not data.startswith(b"POINTCACHE2"):
        raise broken(path, "it is not a PC2 file")
    _, _, n_vertices, _, _, n_frames = _HEADER.unpack_from(data)
    wanted = _HEADER.size + 12 * n_vertices * n_frames
    if n_vertices < 1 or n_frames < 1 or len(data) < wanted:
        raise broken(path, f"it is truncated: {len(data)} of {wanted} bytes")
    vertices = np.frombuffer(data, "<f4", 3 * n_vertices * n_frames, _HEADER.size)
    mesh = path.with_suffix(".obj")
    if not mesh.is_file():
        raise broken(path, f"its mesh {mesh.name} is not beside it")
    count, faces = _read_faces(mesh)
    if count != n_vertices:
        raise broken(path, f"it has {n_vertices} vertices but {mesh.name} has {count}")
    return GarmentSequence(vertices.reshape(n_frames, n_vertices, 3), faces)


def _read_faces(path: Path) -> tuple[int, np.ndarray]:
    """Vertex count and triangles (M, 3) of an .obj."""
    count, triangles = 0, []
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("v "):
            count += 1
        elif line.startswith("f "):
            corners = [int(word.split("/")[0]) for word in line.split()[1:]]
            corners = [c - 1 if c > 0 else count + c for c in corners]
            triangles += [[corners[0], *corners[k : k + 2]] for k in range(1, len(corners) - 1)]
    return count, np.array(triangles, int).reshape(-1, 3)
