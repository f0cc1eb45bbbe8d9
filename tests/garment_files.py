"""Writers of every garment-cache format, made without the code that reads them.

A writer takes a folder, named meshes (all with the same number of frames), the frame rate and the
number of the first frame, and returns the path to give to the importer.
"""

import io
import struct

import numpy as np

from pipeline.garments.caches import GarmentSequence


def write_npz(folder, meshes, fps, first):
    whole = joined(meshes)
    np.savez_compressed(
        folder / "cloth.npz",
        vertices=whole.vertices,
        faces=whole.faces,
        corner_uv=whole.corner_uv,
        face_group=whole.face_group,
        group_names=np.array(whole.group_names),
    )
    return folder / "cloth.npz"


def write_npy(folder, meshes, fps, first):
    np.save(folder / "cloth.npy", joined(meshes).vertices)
    (folder / "cloth.obj").write_text(obj_text(meshes, 0))
    return folder / "cloth.npy"


def write_pc2(folder, meshes, fps, first):
    vertices = joined(meshes).vertices
    frames, points, _ = vertices.shape
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, points, first, 1.0, frames)
    (folder / "cloth.pc2").write_bytes(header + vertices.astype("<f4").tobytes())
    (folder / "cloth.obj").write_text(obj_text(meshes, 0))
    return folder / "cloth.pc2"


def write_mdd(folder, meshes, fps, first):
    vertices = joined(meshes).vertices
    frames, points, _ = vertices.shape
    times = ((first + np.arange(frames)) / fps).astype(">f4")
    header = struct.pack(">ii", frames, points)
    (folder / "cloth.mdd").write_bytes(header + times.tobytes() + vertices.astype(">f4").tobytes())
    (folder / "cloth.obj").write_text(obj_text(meshes, 0))
    return folder / "cloth.mdd"


def write_obj(folder, meshes, fps, first):
    """A pattern of frames whose numbers have no leading zeros."""
    for k in range(frame_count(meshes)):
        (folder / f"coat2_{first + k}.obj").write_text(obj_text(meshes, k))
    return folder / "coat2_*.obj"


def obj_text(meshes, frame):
    """One frame; triangles, texture coordinates per corner, `o` and `usemtl` lines."""
    out, first, corner = io.StringIO(), 1, 1
    for name, mesh in meshes.items():
        out.write(f"o {name}\n")
        np.savetxt(out, mesh.vertices[frame], "v %.7g %.7g %.7g")
        np.savetxt(out, mesh.corner_uv.reshape(-1, 2), "vt %.7g %.7g")
        for group, face in zip(mesh.face_group, mesh.faces + first, strict=True):
            out.write(f"usemtl {mesh.group_names[group]}\nf")
            for vertex in face:
                out.write(f" {vertex}/{corner}")
                corner += 1
            out.write("\n")
        first += mesh.vertices.shape[1]
    return out.getvalue()


def write_usda(folder, meshes, fps, first):
    text = [
        "#usda 1.0",
        f'( defaultPrim = "World"\n timeCodesPerSecond = {fps} )',
        'def Xform "World" {',
        *(_usda_mesh(name, mesh, first) for name, mesh in meshes.items()),
        "}",
    ]
    (folder / "cloth.usda").write_text("\n".join(text))
    return folder / "cloth.usda"


def _usda_mesh(name, mesh, first):
    samples = ",\n".join(f"{first + k}: {_points(frame)}" for k, frame in enumerate(mesh.vertices))
    subsets = "\n".join(
        f'def Material "{group}" {{}}\ndef GeomSubset "part_{k}" ( prepend apiSchemas = '
        '["MaterialBindingAPI"] ) { uniform token elementType = "face"\n'
        'uniform token familyName = "materialBind"\n'
        f"int[] indices = {np.flatnonzero(mesh.face_group == k).tolist()}\n"
        f"rel material:binding = </World/{name}/{group}>\n}}"
        for k, group in enumerate(mesh.group_names)
    )
    uv = ", ".join(f"({u:.7g}, {v:.7g})" for u, v in mesh.corner_uv.reshape(-1, 2))
    return (
        f'def Mesh "{name}" {{\npoint3f[] points.timeSamples = {{ {samples} }}\n'
        f"int[] faceVertexCounts = {[3] * len(mesh.faces)}\n"
        f"int[] faceVertexIndices = {mesh.faces.ravel().tolist()}\n"
        f'texCoord2f[] primvars:st = [{uv}] ( interpolation = "faceVarying" )\n{subsets}\n}}'
    )


def _points(frame):
    return "[" + ", ".join(f"({x:.7g}, {y:.7g}, {z:.7g})" for x, y, z in frame) + "]"


def write_usdc(folder, meshes, fps, first):
    return _usd_copy(write_usda(folder, meshes, fps, first), ".usdc")


def write_usd(folder, meshes, fps, first):
    return _usd_copy(write_usda(folder, meshes, fps, first), ".usd")


def write_usdz(folder, meshes, fps, first):
    import bpy

    bpy.utils.expose_bundled_modules()
    from pxr import Sdf, UsdUtils

    source = write_usdc(folder, meshes, fps, first)
    target = source.with_suffix(".usdz")
    assert UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(source)), str(target))
    return target


def _usd_copy(source, ending):
    import bpy

    bpy.utils.expose_bundled_modules()
    from pxr import Usd

    target = source.with_suffix(ending)
    Usd.Stage.Open(str(source)).Export(str(target))
    source.unlink()
    return target


def write_abc(folder, meshes, fps, first):
    """Blender's exporter on meshes that move by one shape key per frame."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = fps
    for name, mesh in meshes.items():
        blender_object(scene, name, mesh, first)
    export_abc(folder / "cloth.abc", first, first + frame_count(meshes) - 1)
    return folder / "cloth.abc"


def blender_object(scene, name, mesh, first):
    """A mesh with texture coordinates and materials; frame `first + k` shows vertices[k]."""
    import bpy

    data = bpy.data.meshes.new(name + "Shape")
    data.from_pydata(mesh.vertices[0].tolist(), [], mesh.faces.tolist())
    data.uv_layers.new(name="map").data.foreach_set("uv", mesh.corner_uv.ravel())
    for group in mesh.group_names:
        data.materials.append(bpy.data.materials.get(group) or bpy.data.materials.new(group))
    data.polygons.foreach_set("material_index", mesh.face_group)
    thing = bpy.data.objects.new(name, data)
    scene.collection.objects.link(thing)
    thing.shape_key_add(name="still")
    for k, vertices in enumerate(mesh.vertices):
        key = thing.shape_key_add(name=f"{k}")
        key.data.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
        for frame, value in ((k - 1, 0.0), (k, 1.0), (k + 1, 0.0)):
            key.value = value
            key.keyframe_insert("value", frame=first + frame)
    return thing


def export_abc(path, first, last):
    import bpy

    bpy.ops.wm.alembic_export(
        filepath=str(path),
        start=first,
        end=last,
        uvs=True,
        normals=False,
        face_sets=True,
        as_background_job=False,
    )


WRITERS = {
    "abc": {".abc": write_abc},
    "usd": {".usd": write_usd, ".usda": write_usda, ".usdc": write_usdc, ".usdz": write_usdz},
    "obj": {".obj": write_obj},
    "pc2": {".pc2": write_pc2},
    "mdd": {".mdd": write_mdd},
    "npz": {".npz": write_npz},
    "npy": {".npy": write_npy},
}
"""Format -> ending -> writer."""


def frame_count(meshes):
    return len(next(iter(meshes.values())).vertices)


def joined(meshes):
    """All meshes as one."""
    parts = list(meshes.values())
    first = np.cumsum([0, *(mesh.vertices.shape[1] for mesh in parts)])
    names = sorted({name for mesh in parts for name in mesh.group_names})
    return GarmentSequence(
        np.concatenate([mesh.vertices for mesh in parts], axis=1),
        np.concatenate([mesh.faces + at for mesh, at in zip(parts, first[:-1], strict=True)]),
        np.concatenate([mesh.corner_uv for mesh in parts]),
        np.concatenate(
            [
                np.array([names.index(name) for name in mesh.group_names])[mesh.face_group]
                for mesh in parts
            ]
        ),
        tuple(names),
    )
