"""Garments as .obj: what a file says, and how files become frames."""

from dataclasses import replace

import numpy as np
import pytest
from garment_files import (
    obj_text,
    write_obj,
)
from garment_sheet import FPS, TOLERANCE_M, assert_same, brought, sheet_of

from pipeline.errors import GenbError
from pipeline.garments.caches import read_cache, read_raw

OBJ = """# a tile of two quads
o left panel
v 0 0 0 1.0 0.5 0.5
v 1 0 0 1.0 0.5 0.5
v 1 1 0 1.0 0.5 0.5
v 0 1 0 1.0 0.5 0.5
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 1
f -4/-4/1 -3/-3/1 -2/-2/1 -1/-1/1
o right
usemtl silk
v 2 0 0
v 3 0 0
v 3 1 0
v 2.5 2 0
v 2 1 0
f 5//1 6//1 7//1 8//1 \\
  9//1
"""


def test_obj_polygons_negative_indices_colours_and_names(tmp_path):
    (tmp_path / "tile.obj").write_bytes(OBJ.replace("\n", "\r\n").encode())
    raw = read_raw(tmp_path / "tile.obj", FPS)
    np.testing.assert_array_equal(
        raw.faces, [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7], [4, 7, 8]]
    )
    np.testing.assert_array_equal(raw.frames[0][[2, 7]], [[1, 1, 0], [2.5, 2, 0]])
    np.testing.assert_array_equal(raw.corner_uv[1], [[0, 0], [1, 1], [0, 1]])
    assert not raw.corner_uv[2:].any()
    assert raw.group_names == ("tile", "silk") and raw.face_group.tolist() == [0, 0, 1, 1, 1]
    assert [(p.name, p.first, p.count) for p in raw.parts] == [
        ("left panel", 0, 4),
        ("right", 4, 5),
    ]


def test_obj_groups_are_meshes_only_where_they_share_no_vertex(tmp_path):
    lines = [f"v {k} 0 0" for k in range(6)]
    apart = [*lines, "g a", "f 1 2 3", "g b", "f 4 5 6"]
    mixed = [*lines, "g a", "f 1 2 3", "g b", "f 3 5 6"]
    (tmp_path / "apart.obj").write_text("\n".join(apart))
    (tmp_path / "mixed.obj").write_text("\n".join(mixed))
    names = [
        [p.name for p in read_raw(tmp_path / f"{n}.obj", FPS).parts] for n in ("apart", "mixed")
    ]
    assert names == [["a", "b"], ["mixed"]]


@pytest.mark.parametrize(
    "line,fault",
    [
        ("v 1 2", "`v 1 2` does not hold 3 numbers"),
        ("v 1 2 x", "`v 1 2 x` does not hold 3 numbers"),
        ("f 1 2", "`f 1 2` has fewer than 3 corners"),
        ("f 1 2 a", "`f 1 2 a` is no face"),
        ("f 1/9 2/9 3/9", "points to texture coordinate 9 of 4"),
        ("f 1 2 30", "points to vertex 29 of 9"),
        ("f 0 1 2", "points to vertex"),
    ],
)
def test_obj_lines_that_make_no_sense(tmp_path, line, fault):
    (tmp_path / "tile.obj").write_text(f"{OBJ}{line}\n")
    with pytest.raises(GenbError, match=fault) as error:
        read_cache(tmp_path / "tile.obj", FPS)
    assert "tile.obj" in str(error.value)


def test_obj_frames_count_by_their_last_number(tmp_path):
    """A folder; 8, 9, 10, 11 as text would come 10, 11, 8, 9. The 2 belongs to the name."""
    sheet = sheet_of(4)
    path = write_obj(tmp_path, {"coat": sheet}, FPS, 8)
    for named in (path, tmp_path):
        assert_same(brought(named, 4), sheet)
    assert read_raw(tmp_path, FPS).first_frame == 8


def test_obj_frames_that_are_missing_or_other_are_damage(tmp_path):
    sheet = sheet_of()
    path = write_obj(tmp_path, {"coat": sheet}, FPS, 1)
    (tmp_path / "coat2_4.obj").unlink()
    other = replace(sheet, faces=sheet.faces[::-1].copy())
    (tmp_path / "coat2_8.obj").write_text(obj_text({"coat": other}, 7))
    raw = read_raw(path, FPS)
    assert raw.damage == (
        "1 of its frames are missing before coat2_5.obj; "
        "the faces of coat2_8.obj are not those of coat2_1.obj"
    )
    assert [len(frame) for frame in raw.frames] == [500] * 3 + [0] + [500] * 3 + [0] + [500] * 4
    with pytest.raises(GenbError, match="missing before coat2_5.obj"):
        brought(path)
    mended = brought(path, mend=True).vertices
    want = sheet.vertices.copy()
    for k in (3, 7):
        want[k] = (want[k - 1] + want[k + 1]) / 2
    np.testing.assert_allclose(mended, want, atol=TOLERANCE_M)


def test_obj_every_other_number_is_no_gap(tmp_path):
    sheet = sheet_of(3)
    for k in range(3):
        (tmp_path / f"c_{10 * k:04}.obj").write_text(obj_text({"coat": sheet}, k))
    assert_same(brought(tmp_path, 3), sheet)


def test_obj_folder_of_two_series_asks_for_a_pattern(tmp_path):
    write_obj(tmp_path, {"coat": sheet_of(2)}, FPS, 1)
    (tmp_path / "body_1.obj").write_text(obj_text({"body": sheet_of(1)}, 0))
    with pytest.raises(GenbError, match=r"several series of frames \(body_#, coat2_#"):
        read_raw(tmp_path, FPS)
    with pytest.raises(GenbError, match="the folder holds no .obj"):
        (tmp_path / "nothing").mkdir()
        read_raw(tmp_path / "nothing", FPS)
