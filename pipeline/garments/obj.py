"""Frames as .obj: one file, a folder of them, or a pattern such as `coat_*.obj`.

Files count in the order of the last number of their names. Faces, texture coordinates, materials
and meshes are those of the first file.
"""

import re
from pathlib import Path

import numpy as np

from pipeline.garments.caches import RawCache, broken
from pipeline.garments.objmesh import read_frame, read_mesh


def read(path: Path, fps: float) -> RawCache:
    """Read one .obj per sample; the frame rate is not stored.

    A frame that is missing in the numbering, or whose polygons are not the first file's, has no
    vertices and counts as damage. Raises GenbError when there is no file or one makes no sense.
    """
    files = _numbered(path)
    first = read_mesh(files[0][1])
    frames, faults = [first.vertices], []
    step = _step([number for number, _ in files])
    for (before, _), (number, file) in zip(files, files[1:], strict=False):
        missing = (number - before) // step - 1 if step else 0
        if missing:
            faults.append(f"{missing} of its frames are missing before {file.name}")
            frames += [np.zeros((0, 3))] * missing
        vertices, same = read_frame(file, first)
        if not same and len(vertices) == len(first.vertices):
            faults.append(f"the faces of {file.name} are not those of {files[0][1].name}")
            vertices = np.zeros((0, 3))
        frames.append(vertices)
    return RawCache(
        frames=frames,
        faces=first.faces,
        corner_uv=first.corner_uv,
        face_group=first.face_group,
        group_names=first.group_names,
        parts=first.parts,
        damage="; ".join(faults),
        first_frame=files[0][0],
    )


def _numbered(path: Path) -> list[tuple[int | None, Path]]:
    """The files of a sequence with their numbers, in their order."""
    if path.is_dir():
        files = sorted(path.glob("*.obj"))
    elif "*" in path.name:
        files = sorted(path.parent.glob(path.name))
    else:
        files = [path]
    if not files:
        raise broken(path, "the folder holds no .obj file")
    if len(files) == 1:
        return [(_number(files[0].stem), files[0])]
    series = {re.sub(r"\d+(?=\D*$)", "#", file.stem, count=1) for file in files}
    if len(series) > 1:
        names = ", ".join(sorted(series)[:4])
        raise broken(
            path,
            f"it holds several series of frames ({names}, # being the number); name one of them "
            f"by a pattern such as {sorted(series)[0].replace('#', '*')}.obj",
        )
    return sorted((_number(file.stem), file) for file in files)


def _number(stem: str) -> int | None:
    numbers = re.findall(r"\d+", stem)
    return int(numbers[-1]) if numbers else None


def _step(numbers: list) -> int:
    """The usual difference of neighbours, of which every other difference is a multiple; else 0."""
    differences = np.diff(numbers)
    if not len(differences) or differences.min() < 1:
        return 0
    usual = np.bincount(differences).argmax()
    return int(usual) if not (differences % usual).any() else 0
