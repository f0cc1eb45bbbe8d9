"""Alembic (.abc) through Blender, in a scene of its own that is removed again.

Blender maps Alembic's seconds to frames with the frame rate of the scene at import, so that is set
first. Several meshes in one file count as one garment.
"""

import re
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from pipeline.garments.caches import GarmentSequence, broken
from pipeline.storage import atomic_file

_NO_DATE = b"Thu Jan  1 00:00:00 1970"


def read(path: Path, fps: float) -> GarmentSequence:
    """Read all frames of an archive, first sample first. Raises GenbError when it is damaged."""
    _check_ogawa(path.read_bytes(), path)
    with _own_scene(fps) as scene:
        try:
            bpy.ops.wm.alembic_import(
                filepath=str(path), as_background_job=False, set_frame_range=True
            )
        except RuntimeError as error:
            raise broken(path, f"Blender cannot import it ({error})") from error
        things = [thing for thing in scene.objects if thing.type == "MESH"]
        if not things:
            raise broken(path, "it holds no mesh, or is truncated")
        frames = range(scene.frame_start, scene.frame_end + 1)
        return _sequence(scene, sorted(things, key=lambda thing: thing.name), frames, path)


def _check_ogawa(data: bytes, path: Path) -> None:
    """Walk the archive's tree, because Blender's reader aborts the process on a truncated file.

    Ogawa: "Ogawa", a byte that is 255 once the file was closed, two bytes of version, then the
    offset of the root group. A group is a count and that many offsets; an offset with its top bit
    set points to data, which is a size and that many bytes. All are 64-bit little endian.
    """
    if data[:5] != b"Ogawa":
        raise broken(path, "it is not an Alembic (Ogawa) file")
    if len(data) < 16 or data[5] != 0xFF:
        raise broken(path, "it was not written to its end")
    todo, seen = [struct.unpack_from("<Q", data, 8)[0]], set()
    while todo:
        offset = todo.pop()
        is_data, place = offset >> 63, offset & ~(1 << 63)
        if place == 0 or offset in seen:
            continue
        seen.add(offset)
        if place + 8 > len(data):
            raise broken(path, f"it is truncated at {len(data)} bytes")
        (count,) = struct.unpack_from("<Q", data, place)
        if place + 8 + count * (1 if is_data else 8) > len(data):
            raise broken(path, f"it is truncated at {len(data)} bytes")
        if not is_data:
            todo += struct.unpack_from(f"<{count}Q", data, place + 8)


def write(path: Path, sequence: GarmentSequence, fps: float) -> None:
    """Write a moving mesh with one sample per frame, the first at frame 1."""
    vertices = np.ascontiguousarray(sequence.vertices, "<f4")
    n_frames, n_vertices, _ = vertices.shape
    with (
        _own_scene(fps) as scene,
        tempfile.TemporaryDirectory() as folder,
        atomic_file(path) as partial,
    ):
        mesh = bpy.data.meshes.new("garment")
        mesh.from_pydata(vertices[0].tolist(), [], sequence.faces.tolist())
        thing = bpy.data.objects.new("garment", mesh)
        scene.collection.objects.link(thing)
        samples = Path(folder) / "path.pc2"
        header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, n_vertices, 1.0, 1.0, n_frames)
        samples.write_bytes(header + vertices.tobytes())
        modifier = thing.modifiers.new("path", "MESH_CACHE")
        modifier.cache_format, modifier.filepath = "PC2", str(samples)
        modifier.frame_start, modifier.interpolation = 1, "NONE"
        modifier.forward_axis, modifier.up_axis = "POS_Y", "POS_Z"
        bpy.ops.wm.alembic_export(
            filepath=str(partial),
            start=1,
            end=n_frames,
            uvs=False,
            normals=False,
            as_background_job=False,
        )
        # Same vertices, same bytes: the archive's only clock is a text of fixed length.
        data = partial.read_bytes()
        partial.write_bytes(re.sub(rb"(?<=_ai_DateWritten=)[^;]{24}", _NO_DATE, data))


@contextmanager
def _own_scene(fps: float) -> Iterator[bpy.types.Scene]:
    """A fresh active scene; afterwards it and everything made in it are gone."""
    before = _datablocks()
    window = bpy.context.window
    previous = bpy.context.scene
    scene = bpy.data.scenes.new("garment cache")
    scene.render.fps_base = round(fps) / fps
    scene.render.fps = round(fps)
    if window is not None:
        window.scene = scene
    try:
        with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
            yield scene
    finally:
        if window is not None:
            window.scene = previous
        bpy.data.batch_remove([item for item in _datablocks() if item not in before])


def _datablocks() -> set:
    """All datablocks that an import can add."""
    data = bpy.data
    tables = (data.scenes, data.objects, data.meshes, data.cache_files, data.collections)
    return {item for table in (*tables, data.materials, data.images) for item in table}


def _sequence(scene, things, frames, path: Path) -> GarmentSequence:
    """Vertices of all meshes over the frames, in the coordinates of the file's world."""
    layer = scene.view_layers[0]
    rows, faces, uv = [], None, None
    for frame in frames:
        scene.frame_set(frame)
        graph = layer.depsgraph
        graph.update()
        meshes = [thing.evaluated_get(graph) for thing in things]
        row = np.concatenate([_world_vertices(mesh) for mesh in meshes])
        if faces is None:
            faces, uv = _triangles(meshes)
        elif len(row) != len(rows[0]):
            raise broken(
                path,
                f"its topology changes: {len(rows[0])} vertices in the first frame, {len(row)} in "
                f"frame {frame}; a garment needs one fixed mesh",
            )
        rows.append(row)
    return GarmentSequence(np.stack(rows), faces, uv)


def _world_vertices(thing) -> np.ndarray:
    flat = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", flat)
    matrix = np.array(thing.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _triangles(meshes) -> tuple[np.ndarray, np.ndarray | None]:
    """Triangles over all meshes, and per-vertex texture coordinates where every mesh has them."""
    faces, uv, first = [], [], 0
    for thing in meshes:
        mesh = thing.data
        mesh.calc_loop_triangles()
        triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles)
        faces.append(triangles.reshape(-1, 3) + first)
        first += len(mesh.vertices)
        if mesh.uv_layers.active:
            flat = np.empty(2 * len(mesh.loops), np.float32)
            mesh.uv_layers.active.data.foreach_get("uv", flat)
            corner = np.empty(len(mesh.loops), np.int32)
            mesh.loops.foreach_get("vertex_index", corner)
            per_vertex = np.zeros((len(mesh.vertices), 2), np.float32)
            per_vertex[corner] = flat.reshape(-1, 2)
            uv.append(per_vertex)
    return np.concatenate(faces), np.concatenate(uv) if len(uv) == len(meshes) else None
