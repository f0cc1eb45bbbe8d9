"""One .obj file: its vertices, and everything that its faces say.

Wavefront's text format as modelling programs write it. Normals, curves and the colours of vertices
are left out.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.garments.caches import Part, broken
from pipeline.garments.scenemesh import fan

_FACE = re.compile(rb"\nf[ \t]([^\n]*)")
_SPOKEN = re.compile(rb"\n((?:v|vt|f|o|g|usemtl)[ \t][^\n]*)")


@dataclass(frozen=True)
class ObjMesh:
    """vertices: (N, 3) f64. faces: (M, 3) triangles. corner_uv: (M, 3, 2) f64 or None. face_group:
    (M,) index into group_names (`usemtl`), or None. parts: meshes (`o`, else `g`). face_lines: the
    file's text of the faces. corners: vertex of every polygon's every corner, -1 after each."""

    vertices: np.ndarray
    faces: np.ndarray
    corner_uv: np.ndarray | None
    face_group: np.ndarray | None
    group_names: tuple[str, ...]
    parts: tuple[Part, ...]
    face_lines: list[bytes]
    corners: list[int]


@dataclass
class _Polygons:
    """Per polygon: its corners (vertex, texture coordinate), and the names that hold for it."""

    corners: list[list[tuple[int, int]]] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def read_mesh(path: Path) -> ObjMesh:
    """Read an .obj whole. Polygons are split into triangles as a fan; corners without texture
    coordinates get (0, 0), faces without material the file's name.

    Raises GenbError when it has no vertices or a line makes no sense.
    """
    text = _text_of(path)
    vertices = _numbers(text, b"v", 3, path)
    polygons = _polygons(text, path)
    places, polygon = fan([len(corners) for corners in polygons.corners])
    corners = np.array([c for corners in polygons.corners for c in corners], int).reshape(-1, 2)
    faces = corners[places, 0]
    names = list(dict.fromkeys(polygons.materials))
    number = np.array([names.index(name) for name in polygons.materials], np.int32)
    named = any(names)
    return ObjMesh(
        vertices=vertices,
        faces=faces,
        corner_uv=_corner_uv(_numbers(text, b"vt", 2, path), corners[places, 1], path),
        face_group=number[polygon] if named else None,
        group_names=tuple(name or path.stem for name in names) if named else (),
        parts=_parts(polygons, polygon, faces, len(vertices), path.stem),
        face_lines=_FACE.findall(text),
        corners=_flat(polygons),
    )


def read_frame(path: Path, first: ObjMesh) -> tuple[np.ndarray, bool]:
    """Vertices (N, 3) of a later frame, and whether its polygons are those of the first one.

    Raises GenbError when it has no vertices or a line makes no sense.
    """
    text = _text_of(path)
    vertices = _numbers(text, b"v", 3, path)
    if _FACE.findall(text) == first.face_lines:
        return vertices, True
    return vertices, _flat(_polygons(text, path)) == first.corners


def _text_of(path: Path) -> bytes:
    """The file's text, with a line's end before its first line too."""
    text = b"\n" + path.read_bytes()
    if b"\\" in text:  # a backslash at its end continues a line
        text = text.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    return text


def _numbers(text: bytes, key: bytes, width: int, path: Path) -> np.ndarray:
    """(n, width) f64: the first numbers of every line that starts with `key`."""
    count = text.count(b"\n" + key + b" ") + text.count(b"\n" + key + b"\t")
    if not count and key == b"v":
        raise broken(path, "it holds no vertex")
    rows = re.findall(rb"\n" + key + rb"[ \t]+(\S+)" + rb"[ \t]+(\S+)" * (width - 1), text)
    try:
        if len(rows) == count:
            return np.array(rows, float).reshape(count, width)
    except ValueError:
        pass
    lines = re.findall(rb"\n(" + key + rb"[ \t][^\n]*)", text)
    wrong = next((line for line in lines if not _holds(line.split(), width)), lines[0])
    raise broken(path, f"its line `{_words(wrong.split())}` does not hold {width} numbers")


def _holds(words: list[bytes], width: int) -> bool:
    try:
        return len([float(word) for word in words[1 : width + 1]]) == width
    except ValueError:
        return False


def _polygons(text: bytes, path: Path) -> _Polygons:
    found = _Polygons()
    vertices = coordinates = 0
    material = name = group = ""
    for line in _SPOKEN.findall(text):
        words = line.split()
        match words[0]:
            case b"v":
                vertices += 1
            case b"vt":
                coordinates += 1
            case b"f":
                try:
                    corners = [_corner(word, vertices, coordinates) for word in words[1:]]
                except ValueError:
                    raise broken(path, f"its line `{_words(words)}` is no face") from None
                if len(corners) < 3:
                    raise broken(path, f"its line `{_words(words)}` has fewer than 3 corners")
                found.corners.append(corners)
                found.materials.append(material)
                found.objects.append(name)
                found.groups.append(group)
            case b"usemtl":
                material = _words(words[1:])
            case b"o":
                name = _words(words[1:])
            case b"g":
                group = _words(words[1:])
    return found


def _corner(word: bytes, vertices: int, coordinates: int) -> tuple[int, int]:
    """Vertex and texture coordinate of `3/4/5`, counted from 0; -1 for none."""
    vertex, _, rest = word.partition(b"/")
    coordinate = rest.partition(b"/")[0]
    return _index(int(vertex), vertices), _index(int(coordinate or 0), coordinates)


def _index(number: int, count: int) -> int:
    """From 1-based, or backwards from the last of `count` so far."""
    return number - 1 if number >= 0 else count + number


def _corner_uv(uv: np.ndarray, index: np.ndarray, path: Path) -> np.ndarray | None:
    """(M, 3, 2) texture coordinates, or None when the file or its faces have none."""
    if not len(uv) or not (index >= 0).any():
        return None
    if index.max() >= len(uv):
        raise broken(path, f"a face points to texture coordinate {index.max() + 1} of {len(uv)}")
    return np.where(index[..., None] >= 0, uv[index], 0.0)


def _parts(polygons: _Polygons, polygon, faces, count: int, stem: str) -> tuple[Part, ...]:
    """The file's meshes, where their vertices do not mix; else one mesh of everything."""
    labels = polygons.objects if any(polygons.objects) else polygons.groups
    names = list(dict.fromkeys(labels))
    if len(names) < 2:
        return (Part((names[0] if names else "") or stem, 0, count),)
    label = np.array([names.index(name) for name in labels])[polygon]
    first, last = np.full(len(names), count), np.full(len(names), -1)
    np.minimum.at(first, label, faces.min(axis=1))
    np.maximum.at(last, label, faces.max(axis=1))
    order = np.argsort(first, kind="stable")
    if (last[order][:-1] >= first[order][1:]).any():
        return (Part(stem, 0, count),)
    return tuple(Part(names[k] or stem, int(first[k]), int(last[k] - first[k] + 1)) for k in order)


def _flat(polygons: _Polygons) -> list[int]:
    return [vertex for corners in polygons.corners for vertex in (*(c[0] for c in corners), -1)]


def _words(words: list[bytes]) -> str:
    return b" ".join(words).decode(errors="replace")
