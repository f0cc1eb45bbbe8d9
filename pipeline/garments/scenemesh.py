"""Meshes of a scene file (Alembic, USD), put together to one `RawCache`, and polygons to triangles.

A file with several meshes counts as one garment; `objects` of the options may choose among them.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.garments.caches import Part, RawCache


@dataclass(frozen=True)
class SceneMesh:
    """What stays the same of one mesh. count: its vertices in the first frame. faces: (M, 3) into
    them. corner_uv: (M, 3, 2) or None. material: (M,) index into materials, -1 for none."""

    name: str
    path: str
    count: int
    faces: np.ndarray
    corner_uv: np.ndarray | None
    material: np.ndarray
    materials: tuple[str, ...]


def joined(meshes: list[SceneMesh], frames: list[np.ndarray], first_frame: float) -> RawCache:
    """All meshes as one. frames: vertices of all meshes, in their order, per sample.

    A mesh without texture coordinates gets zeros where another has some, and its own name as
    material where another has one. Of meshes with the same name the parts carry the whole path.
    """
    starts = np.cumsum([0, *(mesh.count for mesh in meshes)])[:-1]
    groups: dict[str, int] = {}
    face_group = [_named(mesh, groups) for mesh in meshes]
    names = [mesh.name for mesh in meshes]
    uv = [mesh.corner_uv for mesh in meshes]
    return RawCache(
        frames=frames,
        faces=np.concatenate([mesh.faces + at for mesh, at in zip(meshes, starts, strict=True)]),
        corner_uv=np.concatenate(
            [
                np.zeros((len(mesh.faces), 3, 2), np.float32) if known is None else known
                for mesh, known in zip(meshes, uv, strict=True)
            ]
        )
        if any(known is not None for known in uv)
        else None,
        face_group=np.concatenate(face_group) if any(mesh.materials for mesh in meshes) else None,
        group_names=tuple(groups) if any(mesh.materials for mesh in meshes) else (),
        parts=tuple(
            Part(mesh.name if names.count(mesh.name) == 1 else mesh.path, int(at), mesh.count)
            for mesh, at in zip(meshes, starts, strict=True)
        ),
        first_frame=first_frame,
    )


def _named(mesh: SceneMesh, groups: dict[str, int]) -> np.ndarray:
    """(M,) group of each face of a mesh; materials that are new are added to `groups`."""
    names = (*mesh.materials, mesh.name)
    used = np.unique(mesh.material)
    number = np.zeros(len(names), np.int32)
    for k in [*used[used >= 0], *used[used < 0]]:
        number[k] = groups.setdefault(names[k], len(groups))
    return number[mesh.material]


def fan(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of polygons with `counts` (P,) corners, listed one after the other.

    Returns the places (M, 3) of the triangles' corners in that list, and the polygon (M,) of each.
    """
    counts = np.asarray(counts, int)
    triangles = np.maximum(counts - 2, 0)
    polygon = np.repeat(np.arange(len(counts)), triangles)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    start = (np.cumsum(counts) - counts)[polygon]
    return np.stack([start, start + step + 1, start + step + 2], axis=1), polygon
