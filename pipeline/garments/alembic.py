"""Alembic (.abc) through Blender, in a scene of its own that is removed again.

Blender maps Alembic's seconds to frames with the frame rate of the scene at import, so that is set
first. Alembic is Y up by convention and Blender Z up: a file's (x, y, z) is read as (x, -z, y), and
written the other way round.
"""

import re
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from pipeline.garments.caches import GarmentSequence, RawCache, broken
from pipeline.garments.ogawa import time_span
from pipeline.garments.scenemesh import SceneMesh, joined
from pipeline.storage import atomic_file

_NO_DATE = b"Thu Jan  1 00:00:00 1970"


def read(path: Path, fps: float) -> RawCache:
    """Read an archive at `fps` samples per second, from its first sample to its last.

    Meshes come in the order of their names; face sets are materials. Raises GenbError when the
    archive is damaged or holds no mesh.
    """
    first_s, last_s = time_span(path)
    count = int(np.floor((last_s - first_s) * fps + 1e-3)) + 1
    with _own_scene(fps) as scene:
        try:
            # The cache reader tells each mesh its path, whether it moves or not.
            bpy.ops.wm.alembic_import(
                filepath=str(path),
                as_background_job=False,
                set_frame_range=False,
                always_add_cache_reader=True,
            )
        except RuntimeError as error:
            raise broken(path, f"Blender cannot import it ({error})") from error
        things = [(_archive_path(thing), thing) for thing in scene.objects if thing.type == "MESH"]
        things.sort(key=lambda item: item[0])
        if not things:
            raise broken(path, "it holds no mesh")
        frames, meshes = [], []
        for k in range(count):
            _go_to(scene, first_s * fps + k)
            graph = scene.view_layers[0].depsgraph
            graph.update()
            now = [thing.evaluated_get(graph) for _, thing in things]
            frames.append(np.concatenate([_world_vertices(thing) for thing in now]))
            if not meshes:
                meshes = [
                    _scene_mesh(names, thing) for (names, _), thing in zip(things, now, strict=True)
                ]
        return joined(meshes, frames, round(first_s * fps, 3))


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
    scene.render.fps = max(round(fps), 1)
    scene.render.fps_base = scene.render.fps / fps
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
    others = (data.materials, data.images, data.cameras, data.lights, data.curves)
    more = (data.hair_curves, data.pointclouds)
    return {item for table in (*tables, *others, *more) for item in table}


def _go_to(scene, frame: float) -> None:
    """Evaluate the scene at a frame, between whole ones too."""
    whole = round(frame)
    if abs(frame - whole) < 1e-3:
        scene.frame_set(whole)
    else:
        scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))


def _archive_path(thing) -> tuple[str, str]:
    """Name and path of a mesh in the archive; the name is that of the transform it hangs on.

    Blender's own object name gets a number when another scene has an object of that name.
    """
    path = next(m.object_path for m in thing.modifiers if m.type == "MESH_SEQUENCE_CACHE")
    names = path.strip("/").split("/")
    return names[max(len(names) - 2, 0)], path


def _world_vertices(thing) -> np.ndarray:
    flat = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", flat)
    matrix = np.array(thing.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _scene_mesh(names: tuple[str, str], thing) -> SceneMesh:
    """Triangles, texture coordinates and materials of a mesh as it is now."""
    mesh = thing.data
    mesh.calc_loop_triangles()
    loops = _column(mesh.loop_triangles, "loops", 3, np.int32)
    polygon = _column(mesh.loop_triangles, "polygon_index", 1, np.int32)[:, 0]
    uv = mesh.uv_layers.active
    slots = [slot.material for slot in thing.material_slots]
    material = _column(mesh.polygons, "material_index", 1, np.int32)[polygon, 0]
    named = np.array([slot is not None for slot in slots] + [False])
    return SceneMesh(
        *names,
        count=len(mesh.vertices),
        faces=_column(mesh.loops, "vertex_index", 1, np.int32)[loops, 0],
        corner_uv=_column(uv.data, "uv", 2, np.float32)[loops] if uv else None,
        material=np.where(named[np.minimum(material, len(slots))], material, -1),
        materials=tuple(slot.name if slot else "" for slot in slots),
    )


def _column(items, name: str, width: int, dtype) -> np.ndarray:
    """(len(items), width) of a property of a mesh's elements."""
    flat = np.empty(width * len(items), dtype)
    items.foreach_get(name, flat)
    return flat.reshape(-1, width)
