"""What is particular to one garment-cache format: names, polygons, transforms, numbering."""

import struct

import numpy as np
import pytest
from garment_files import (
    blender_object,
    export_abc,
    obj_text,
    write_abc,
    write_mdd,
    write_npz,
    write_obj,
    write_pc2,
    write_usda,
)
from garment_sheet import FPS, TOLERANCE_M, assert_same, brought, sheet_of

from pipeline.errors import GenbError
from pipeline.garments import alembic, npz
from pipeline.garments.cachefile import GarmentCache
from pipeline.garments.caches import checked, read_cache, read_raw
from pipeline.garments.placing import rest_mesh


def test_alembic_reads_transforms_of_parents_between_frames(tmp_path):
    """A parent turns 6 degrees and rises 0.1 m per frame; at twice the rate too."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = FPS
    sheet = sheet_of(1)
    thing = blender_object(scene, "coat", sheet, 1)
    thing.parent = parent = bpy.data.objects.new("rig", None)
    scene.collection.objects.link(parent)
    for k in range(11):
        parent.rotation_euler, parent.location = (0, 0, np.radians(6 * k)), (0, 0, 0.1 * k)
        parent.keyframe_insert("rotation_euler", frame=40 + k)
        parent.keyframe_insert("location", frame=40 + k)
    thing.shape_key_clear()
    export_abc(tmp_path / "coat.abc", 40, 50)
    raw = read_raw(tmp_path / "coat.abc", FPS)
    assert len(raw.frames) == 11 and raw.first_frame == 40
    for k, frame in enumerate(raw.frames):
        np.testing.assert_allclose(frame, _turned(sheet.vertices[0], k), atol=TOLERANCE_M)
    twice = read_raw(tmp_path / "coat.abc", 2 * FPS)
    assert len(twice.frames) == 21
    for k, frame in enumerate(twice.frames[::2]):
        np.testing.assert_allclose(frame, raw.frames[k], atol=TOLERANCE_M)


def _turned(points, k):
    c, s = np.cos(np.radians(6 * k)), np.sin(np.radians(6 * k))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return points @ turn.T + [0, 0, 0.1 * k]


def test_usd_reads_transforms_of_parents(tmp_path):
    sheet = sheet_of(1)
    path = write_usda(tmp_path, {"coat": sheet}, FPS, 0)
    rows = []
    for k in range(11):
        c, s = np.cos(np.radians(6 * k)), np.sin(np.radians(6 * k))
        rows.append(
            f"{40 + k}: (({c}, {s}, 0, 0), ({-s}, {c}, 0, 0), (0, 0, 1, 0), (0, 0, {0.1 * k}, 1))"
        )
    moving = (
        f'def Xform "World" {{ matrix4d xformOp:transform.timeSamples = {{ {", ".join(rows)} }}\n'
        'uniform token[] xformOpOrder = ["xformOp:transform"]'
    )
    text = (
        path.read_text()
        .replace('def Xform "World" {', moving)
        .replace("points.timeSamples = { 0:", "points = ")
    )
    text = text.replace(" }\nint[] faceVertexCounts", "\nint[] faceVertexCounts")
    path.write_text(text)
    raw = read_raw(path, FPS)
    assert len(raw.frames) == 11 and raw.first_frame == 40
    for k, frame in enumerate(raw.frames):
        np.testing.assert_allclose(frame, _turned(sheet.vertices[0], k), atol=TOLERANCE_M)


USDA_QUAD = """#usda 1.0
def Mesh "tile" (prepend apiSchemas = ["MaterialBindingAPI"]) {
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0)]
    int[] faceVertexCounts = [4, 3]
    int[] faceVertexIndices = [0, 1, 2, 3, 1, 4, 2]
    EXTRA
}
def Material "silk" {}
"""


@pytest.mark.parametrize(
    "extra,uv",
    [
        (
            'texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1)] ( interpolation = "faceVarying" )'
            "\nint[] primvars:st:indices = [0, 1, 2, 0, 1, 2, 0]",
            [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 0]], [[1, 0], [1, 1], [0, 0]]],
        ),
        (
            "float2[] primvars:map = [(0, 0), (1, 0), (1, 1), (0, 1), (2, 0)] "
            '( interpolation = "vertex" )',
            [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]], [[1, 0], [2, 0], [1, 1]]],
        ),
    ],
)
def test_usd_polygons_texture_coordinates_and_material_of_a_whole_mesh(tmp_path, extra, uv):
    extra += "\nrel material:binding = </silk>"
    (tmp_path / "tile.usda").write_text(USDA_QUAD.replace("EXTRA", extra))
    raw = read_raw(tmp_path / "tile.usda", FPS)
    np.testing.assert_array_equal(raw.faces, [[0, 1, 2], [0, 2, 3], [1, 4, 2]])
    np.testing.assert_array_equal(raw.corner_uv, uv)
    assert raw.group_names == ("silk",) and raw.face_group.tolist() == [0, 0, 0]


def test_usd_left_handed_faces_are_turned_and_no_material_is_none(tmp_path):
    text = USDA_QUAD.replace("EXTRA", 'uniform token orientation = "leftHanded"')
    (tmp_path / "tile.usda").write_text(text)
    raw = read_raw(tmp_path / "tile.usda", FPS)
    np.testing.assert_array_equal(raw.faces, [[2, 1, 0], [3, 2, 0], [2, 4, 1]])
    assert raw.face_group is None and raw.corner_uv is None and len(raw.frames) == 1


def test_usd_without_a_rate_counts_time_codes(tmp_path):
    sheet = sheet_of()
    path = write_usda(tmp_path, {"coat": sheet}, 24, 5)
    path.write_text(path.read_text().replace("timeCodesPerSecond = 24", ""))
    assert_same(brought(path), sheet)


def test_usd_blend_shapes_become_points(tmp_path):
    """Blender exports shape keys as blend shapes under a SkelRoot."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene, sheet = bpy.context.scene, sheet_of()
    scene.render.fps, scene.frame_start, scene.frame_end = FPS, 1, 12
    blender_object(scene, "coat", sheet, 1)
    path = tmp_path / "coat.usdc"
    bpy.ops.wm.usd_export(filepath=str(path), export_animation=True, export_shapekeys=True)
    assert_same(brought(path), sheet)


def test_blenders_own_exports_read_back(tmp_path):
    """Polygon order, names and numbering as a program writes them: .obj in both axes, and USD."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene, sheet = bpy.context.scene, sheet_of(3)
    scene.render.fps, scene.frame_start, scene.frame_end = FPS, 9, 11
    blender_object(scene, "coat", sheet, 9)
    frames = dict(export_animation=True, start_frame=9, end_frame=11)
    z_up = dict(forward_axis="Y", up_axis="Z")
    bpy.ops.wm.obj_export(filepath=str(tmp_path / "z_.obj"), **z_up, **frames)
    bpy.ops.wm.obj_export(filepath=str(tmp_path / "y_.obj"), **frames)
    bpy.ops.wm.usd_export(
        filepath=str(tmp_path / "coat.usdc"), export_animation=True, export_shapekeys=False
    )
    assert_same(brought(tmp_path / "z_*.obj", 3), sheet)
    assert_same(brought(tmp_path / "y_*.obj", 3, up="y", forward="z"), sheet)
    assert_same(brought(tmp_path / "coat.usdc", 3), sheet)


def test_a_garment_without_coordinates_beside_an_avatar_with_some_has_none(tmp_path):
    coat, avatar = sheet_of(2), sheet_of(2, rows=5, x=1)
    lines = obj_text({"coat": coat, "avatar": avatar}, 0).split("\n")
    faces = [k for k, line in enumerate(lines) if line.startswith("f ")][: len(coat.faces)]
    for k in faces:
        lines[k] = " ".join(word.split("/")[0] for word in lines[k].split())
    (tmp_path / "both.obj").write_text("\n".join(lines))
    both = read_raw(tmp_path / "both.obj", FPS)
    assert not both.corner_uv[: len(coat.faces)].any() and both.corner_uv[len(coat.faces) :].any()
    assert read_raw(tmp_path / "both.obj", FPS, objects=["coat"]).corner_uv is None


def test_rest_mesh_takes_its_frame_of_a_file_with_seconds(tmp_path):
    sheet = sheet_of()
    path = write_abc(tmp_path, {"coat": sheet}, 30, 100)
    cache = GarmentCache(path=str(path), aligned="rest", fps=30, start_frame=7)
    rest = rest_mesh(cache, np.zeros((4, 3)))
    np.testing.assert_allclose(rest.vertices[0], sheet.vertices[7], atol=TOLERANCE_M)


def test_changing_topology_is_kept_in_the_frames(tmp_path):
    small, sheet = sheet_of(rows=10), sheet_of()
    (tmp_path / "usd").mkdir()
    usd = write_usda(tmp_path / "usd", {"coat": sheet}, FPS, 1)
    text = usd.read_text()
    row = write_usda(tmp_path, {"coat": small}, FPS, 1).read_text().split("\n")
    k = next(k for k, line in enumerate(row) if line.startswith("5: "))
    lines = text.split("\n")
    lines[k] = row[k]
    usd.write_text("\n".join(lines))
    obj = write_obj(tmp_path, {"coat": sheet}, FPS, 1)
    (tmp_path / "coat2_5.obj").write_text(obj_text({"coat": small}, 4))
    for path in (usd, obj):
        assert [len(frame) for frame in read_raw(path, FPS).frames] == [500] * 4 + [200] + [500] * 7
        with pytest.raises(GenbError, match="topology changes: 500 .* 200 in frame 4"):
            read_cache(path, FPS)
        mended = brought(path, mend=True).vertices[4]
        between = (sheet.vertices[3] + sheet.vertices[5]) / 2
        np.testing.assert_allclose(mended, between, atol=TOLERANCE_M)


def test_alembic_splits_polygons_and_keeps_their_corners(tmp_path):
    """Quads whose texture coordinates are a function of the place, but for one corner."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = FPS
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=6, y_subdivisions=5, size=1)
    data = bpy.context.object.data
    places = np.array([data.vertices[loop.vertex_index].co[:2] for loop in data.loops])
    places[0] += 7
    data.uv_layers.active.data.foreach_set("uv", places.astype(np.float32).ravel())
    export_abc(tmp_path / "tile.abc", 1, 1)
    raw = read_raw(tmp_path / "tile.abc", FPS)
    assert len(raw.frames) == 1 and len(raw.faces) == 2 * 6 * 5
    off = np.abs(raw.corner_uv - raw.frames[0][raw.faces][..., :2]).max(axis=2)
    assert sorted(set(off.round(4).ravel())) == [0, 7]
    assert (off > 6).sum() in (1, 2)  # the corner belongs to one triangle of its quad, or both
    area = np.cross(
        *(raw.frames[0][raw.faces[:, k]] - raw.frames[0][raw.faces[:, 0]] for k in (1, 2))
    )
    np.testing.assert_allclose(area[:, 2].sum() / 2, 1, rtol=1e-5)  # all face up


def test_own_alembic_is_exact_repeatable_and_plain(tmp_path):
    sheet = sheet_of()
    for name in ("one", "two"):
        alembic.write(tmp_path / f"{name}.abc", sheet, 29.97)
    assert (tmp_path / "one.abc").read_bytes() == (tmp_path / "two.abc").read_bytes()
    raw = read_raw(tmp_path / "one.abc", 29.97)
    np.testing.assert_array_equal(np.stack(raw.frames), sheet.vertices)
    np.testing.assert_array_equal(raw.faces, sheet.faces)
    assert raw.corner_uv is None and raw.face_group is None and raw.group_names == ()
    assert raw.first_frame == 1 and [part.name for part in raw.parts] == ["garment"]


def test_alembic_keeps_changing_topology(tmp_path):
    """A mirrored second half appears at frame 3."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = FPS
    thing = blender_object(scene, "coat", sheet_of(1), 1)
    thing.shape_key_clear()
    array = thing.modifiers.new("more", "ARRAY")
    for frame, count in ((1, 1), (2, 1), (3, 2)):
        array.count = count
        array.keyframe_insert("count", frame=frame)
    export_abc(tmp_path / "coat.abc", 1, 4)
    raw = read_raw(tmp_path / "coat.abc", FPS)
    assert [len(frame) for frame in raw.frames] == [500, 500, 1000, 1000]
    assert len(raw.faces) == len(sheet_of(1).faces)
    with pytest.raises(GenbError, match="topology changes: 500 .* 1000 in frame 2"):
        read_cache(tmp_path / "coat.abc", FPS)


def test_alembic_names_do_not_depend_on_the_open_scene(tmp_path):
    import bpy

    path = write_abc(tmp_path, {"coat": sheet_of(2)}, FPS, 1)  # leaves an object "coat" behind
    assert "coat" in bpy.data.objects
    raw = read_raw(path, FPS)
    assert [part.name for part in raw.parts] == ["coat"] and raw.group_names == ("cotton", "trim")


def test_meshes_of_the_same_name_carry_their_path(tmp_path):
    text = write_usda(tmp_path, {"coat": sheet_of(2)}, FPS, 1).read_text()
    body = text[text.index("def Xform") :]
    path = tmp_path / "cloth.usda"
    path.write_text(text + "\n" + body.replace("World", "Other"))
    assert [part.name for part in read_raw(path, FPS).parts] == ["/Other/coat", "/World/coat"]
    assert brought(path, 2, objects=["/World/*"]).vertices.shape == (2, 500, 3)


def test_patterns_are_for_obj_only(tmp_path):
    write_npz(tmp_path, {"coat": sheet_of(2)}, FPS, 1)
    with pytest.raises(GenbError, match="folders and patterns are for .obj"):
        read_raw(tmp_path / "cl*.npz", FPS)


def test_npz_reads_coordinates_per_vertex_one_frame_and_its_own_writing(tmp_path):
    sheet = sheet_of()
    npz.write(tmp_path / "own.npz", sheet)
    assert_same(read_cache(tmp_path / "own.npz", FPS), sheet)
    uv = np.random.default_rng(0).random((500, 2))
    np.savez(tmp_path / "uv.npz", vertices=sheet.vertices[0], faces=sheet.faces, uv=uv)
    raw = read_raw(tmp_path / "uv.npz", FPS)
    assert len(raw.frames) == 1 and raw.face_group is None
    np.testing.assert_array_equal(raw.corner_uv, uv[sheet.faces])


@pytest.mark.parametrize(
    "change,fault",
    [
        ({"vertices": None}, "array 'vertices' is missing; it holds corner_uv, face_group"),
        ({"faces": None}, "array 'faces' is missing"),
        ({"faces": np.zeros((4, 3))}, "faces are float64 of shape"),
        ({"faces": np.full((912, 3), 500)}, "points to vertex 500 of 500"),
        ({"vertices": np.zeros((2, 500))}, "vertices are float64 of shape|points to vertex"),
        ({"vertices": np.zeros((2, 500, 3), object)}, "truncated, damaged or no .npz archive"),
        ({"corner_uv": np.zeros((9, 3, 2))}, "texture coordinates are float64 of shape"),
        ({"face_group": np.full(912, 7)}, "face_group reaches 7 of 2 groups"),
        ({"face_group": np.zeros(5, int)}, "face_group is int64 of shape"),
    ],
)
def test_npz_arrays_of_the_wrong_shape(tmp_path, change, fault):
    path = write_npz(tmp_path, {"coat": sheet_of(2)}, FPS, 1)
    arrays = {**np.load(path), **change}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(GenbError, match=fault) as error:
        read_cache(path, FPS)
    assert "cloth.npz" in str(error.value)


def test_caches_of_other_rates_keep_their_own_samples(tmp_path):
    """Formats without seconds give sample k as frame k; MDD's and PC2's stamps are only told."""
    sheet = sheet_of()
    for write in (write_pc2, write_mdd):
        raw = read_raw(write(tmp_path, {"coat": sheet}, 60, 30), FPS)
        np.testing.assert_array_equal(checked(raw, tmp_path).vertices, sheet.vertices)
    assert struct.unpack(">f", (tmp_path / "cloth.mdd").read_bytes()[8:12])[0] == 0.5
