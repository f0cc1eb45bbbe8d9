"""Bodies and garments as Blender meshes whose vertices are replaced in place, frame by frame."""

from collections.abc import Sequence

import bpy
import numpy as np

from pipeline.blender.passes import PART_ATTRIBUTE


def new_mesh(
    name: str, vertices: np.ndarray, faces: np.ndarray, smooth: bool = True
) -> bpy.types.Object:
    """Mesh object in the scene; vertices (V, 3) world m, faces (F, 3 or 4)."""
    mesh = bpy.data.meshes.new(name)
    faces = np.asarray(faces)
    count, corners = faces.shape
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(count * corners)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, count * corners, corners, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.full(count, smooth))
    mesh.update(calc_edges=True)
    if mesh.validate():
        raise ValueError(f"the mesh {name!r} has broken faces (repeated or missing vertices)")
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def move_vertices(thing: bpy.types.Object, vertices: np.ndarray) -> None:
    """Replace all vertex positions (V, 3) world m."""
    thing.data.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    thing.data.update()


def read_vertices(thing: bpy.types.Object) -> np.ndarray:
    """World vertices (V, 3) float32 of the evaluated mesh, as the renderer gets them."""
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    vertices = np.empty(len(evaluated.data.vertices) * 3, np.float32)
    evaluated.data.vertices.foreach_get("co", vertices)
    matrix = np.array(evaluated.matrix_world, float)
    return (vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def set_scalar(data: bpy.types.ID, name: str, domain: str, values: np.ndarray) -> None:
    """Attach one float per POINT, FACE or CURVE."""
    attribute = data.attributes.get(name) or data.attributes.new(name, "FLOAT", domain)
    attribute.data.foreach_set("value", np.ascontiguousarray(values, np.float32).ravel())


def set_vector(data: bpy.types.ID, name: str, values: np.ndarray) -> None:
    """Attach one vector (3,) per point."""
    attribute = data.attributes.get(name) or data.attributes.new(name, "FLOAT_VECTOR", "POINT")
    attribute.data.foreach_set("vector", np.ascontiguousarray(values, np.float32).ravel())


def set_uv(thing: bpy.types.Object, corner_uv: np.ndarray, name: str = "UVMap") -> None:
    """Attach texture coordinates (F, 3, 2) under a name."""
    layer = thing.data.uv_layers.new(name=name)
    layer.data.foreach_set("uv", np.ascontiguousarray(corner_uv, np.float32).ravel())


def set_materials(
    thing: bpy.types.Object,
    materials: Sequence[bpy.types.Material],
    face_slot: np.ndarray | None = None,
) -> None:
    """Give the object its materials; face_slot (F,) says which one each face wears."""
    for material in materials:
        thing.data.materials.append(material)
    if face_slot is not None:
        thing.data.polygons.foreach_set("material_index", face_slot.astype(np.int32))


def label(thing: bpy.types.Object, instance: int, face_part: np.ndarray | int) -> None:
    """Instance id, and part id per face, for the ground truth."""
    thing.pass_index = instance
    parts = np.broadcast_to(face_part, len(thing.data.polygons))
    set_scalar(thing.data, PART_ATTRIBUTE, "FACE", parts)


def face_parts(vertex_part: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Part id (F,) of each triangle: what most of its corners say."""
    return np.sort(vertex_part[faces], axis=1)[:, 1]
