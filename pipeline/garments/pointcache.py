"""What .pc2, .mdd and .npy share: positions only, with the mesh as .obj of the same name beside."""

from pathlib import Path

import numpy as np

from pipeline.garments.caches import RawCache, broken
from pipeline.garments.objmesh import read_mesh


def whole_frames(data: bytes, dtype: str, start: int, points: int, frames: int):
    """Positions [(points, 3)] of all complete frames of a block of floats (4 bytes each) that
    begins at byte `start`, and what is missing of it, in words."""
    size = 12 * points
    there = min(max(len(data) - start, 0) // size, frames)
    flat = np.frombuffer(data, dtype, 3 * points * there, start if there else 0)
    missing = (
        f"it is truncated: {len(data)} of {start + size * frames} bytes, {there} whole frames of "
        f"{frames}"
    )
    return list(flat.reshape(there, points, 3)), "" if there == frames else missing


def with_mesh(
    path: Path,
    frames: list[np.ndarray],
    points: int,
    damage: str = "",
    first_frame: float | None = None,
) -> RawCache:
    """A cache of positions of `points` vertices, completed by the .obj beside it.

    Raises GenbError when that is missing, damaged, or has another number of vertices.
    """
    beside = path.with_suffix(".obj")
    if not beside.is_file():
        absent = (
            f"its mesh {beside.name} is not beside it. Export the mesh that was simulated under "
            "that name, without changing the order of its vertices"
        )
        raise broken(path, "; ".join(fault for fault in (damage, absent) if fault))
    mesh = read_mesh(beside)
    if points != len(mesh.vertices):
        raise broken(
            path,
            f"it has {points} vertices but {beside.name} has {len(mesh.vertices)}; both "
            "must come from the same mesh, unwelded, without subdivision",
        )
    return RawCache(
        frames=frames,
        faces=mesh.faces,
        corner_uv=mesh.corner_uv,
        face_group=mesh.face_group,
        group_names=mesh.group_names,
        parts=mesh.parts,
        mesh=mesh.vertices,
        damage=damage,
        first_frame=first_frame,
    )
