"""Every garment-cache format gives the same garment; broken files are refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from garment_files import WRITERS, obj_text
from garment_sheet import FPS, TOLERANCE_M, assert_same, brought, sheet_of

from pipeline.errors import GenbError
from pipeline.garments.caches import READERS, GarmentSequence, read_cache, read_raw

FORMATS = [(format, ending) for format, ends in WRITERS.items() for ending in ends]

every_format = pytest.mark.parametrize("format,ending", FORMATS, ids=[e for _, e in FORMATS])


def _file_frame(sheet, vertices, flip=False):
    faces, uv = sheet.faces, sheet.corner_uv
    if flip:
        faces, uv = faces[:, ::-1], uv[:, ::-1]
    return replace(sheet, vertices=vertices.astype(np.float32), faces=faces, corner_uv=uv)


def test_every_reader_has_a_writer_here():
    assert {f: tuple(ends) for f, ends in WRITERS.items()} == {
        f: ends for f, (_, ends) in READERS.items()
    }


@every_format
@pytest.mark.parametrize("first", [0, 100])
def test_formats_agree_whatever_the_first_frames_number(tmp_path, format, ending, first):
    sheet = sheet_of()
    path = WRITERS[format][ending](tmp_path, {"coat": sheet}, FPS, first)
    assert_same(brought(path), sheet)
    raw = read_raw(path, FPS)
    assert len(raw.frames) == 12 and not raw.damage
    if format not in ("npz", "npy"):
        assert raw.first_frame == pytest.approx(first, abs=1e-3)
    if format not in ("npz",):
        assert [(part.name, part.first, part.count) for part in raw.parts] == [("coat", 0, 500)]


@every_format
def test_lead_in_centimetres_and_y_up(tmp_path, format, ending):
    """As CLO and Marvelous Designer write: x to the person's left, y up, z to the front, cm."""
    sheet = sheet_of(17)
    x, y, z = np.moveaxis(sheet.vertices, -1, 0)
    file = _file_frame(sheet, 100 * np.stack([x, z, -y], axis=-1))
    path = WRITERS[format][ending](tmp_path, {"coat": file}, FPS, 1)
    back = brought(path, unit="cm", up="y", forward="z", start_frame=5)
    assert_same(back, replace(sheet, vertices=sheet.vertices[5:]))


@every_format
def test_mirrored_millimetres_with_yaw_and_offset(tmp_path, format, ending):
    """A left-handed file whose person faces +x: mirrored along z, faces turned."""
    sheet = sheet_of()
    x, y, z = np.moveaxis(sheet.vertices.astype(np.float64), -1, 0)
    # -y (front) is the file's x, the person's left is its -y (y in a right-handed one), in mm.
    left, front, up = x - 0.2, -(y - 0.1), z - 0.3
    file = _file_frame(sheet, 1000 * np.stack([front, -left, up], axis=-1), flip=True)
    path = WRITERS[format][ending](tmp_path, {"coat": file}, FPS, 1)
    options = dict(unit="mm", up="z", forward="x", mirrored=True)
    assert_same(brought(path, offset_m=(0.2, 0.1, 0.3), **options), sheet)
    # A quarter turn more (anticlockwise from above): (x, y) -> (-y, x).
    turned = brought(path, yaw_deg=90, **options).vertices
    np.testing.assert_allclose(turned, np.stack([front, left, up], axis=-1), atol=TOLERANCE_M)


@every_format
def test_other_rates_are_interpolated(tmp_path, format, ending):
    """Cloth at 30 fps on a clip of 25; each vertex moves straight, so in between is known."""
    rest, step = sheet_of(1), np.array([0.01, -0.02, 0.03])
    file = replace(rest, vertices=rest.vertices + np.arange(13)[:, None, None] * step)
    path = WRITERS[format][ending](tmp_path, {"coat": file}, 30, 7)
    want = rest.vertices + 1.2 * np.arange(10)[:, None, None] * step
    np.testing.assert_allclose(brought(path, 10, fps=30).vertices, want, atol=TOLERANCE_M)
    if format in ("abc", "usd"):  # these know their seconds
        np.testing.assert_allclose(brought(path, 10).vertices, want, atol=TOLERANCE_M)
        with pytest.raises(GenbError, match="cover 11 frames of the clip, but the clip has 12"):
            brought(path, 12)


@every_format
def test_objects_choose_the_garment(tmp_path, format, ending):
    sheet, other = sheet_of(), replace(sheet_of(rows=10, x=1.0), group_names=("skin", "hair"))
    meshes = {"avatar": other, "coat": sheet, "shoe": sheet_of(rows=4, x=2.0)}
    path = WRITERS[format][ending](tmp_path, meshes, FPS, 1)
    if format == "npz":
        with pytest.raises(GenbError, match=r"no mesh is called co\* \(there: none has a name\)"):
            brought(path, objects=["co*"])
        return
    assert_same(brought(path, objects=["co*"]), sheet)
    with pytest.raises(GenbError, match=r"no mesh is called hat \(there: avatar, coat, shoe\)"):
        brought(path, objects=["hat"])
    assert brought(path).vertices.shape[1] == 500 + 200 + 80


@every_format
def test_panels_are_welded(tmp_path, format, ending):
    """The sheet cut in two along its groups, in cm; 1 mm joins it again."""
    sheet = sheet_of()
    panels = {}
    for k, name in enumerate(("a", "b")):
        mine = sheet.faces[sheet.face_group == k]
        used, faces = np.unique(mine, return_inverse=True)
        panels[name] = GarmentSequence(
            100 * sheet.vertices[:, used],
            faces.reshape(-1, 3).astype(np.int32),
            sheet.corner_uv[sheet.face_group == k],
            np.zeros(len(mine), np.int32),
            (sheet.group_names[k],),
        )
    path = WRITERS[format][ending](tmp_path, panels, FPS, 1)
    assert brought(path, unit="cm").vertices.shape[1] == 520
    back = brought(path, unit="cm", weld_mm=1)
    order = [np.abs(back.vertices[0] - point).sum(axis=1).argmin() for point in sheet.vertices[0]]
    assert sorted(order) == list(range(500))
    place = np.argsort(order).astype(np.int32)
    back = replace(back, vertices=back.vertices[:, order], faces=place[back.faces])
    assert_same(back, sheet)


@every_format
def test_frames_that_are_not_finite_are_reported_as_they_are(tmp_path, format, ending):
    sheet = sheet_of(6)
    sheet.vertices[3, 17] = np.nan
    path = WRITERS[format][ending](tmp_path, {"coat": sheet}, FPS, 1)
    raw = read_raw(path, FPS)
    assert [bool(np.isfinite(frame).all()) for frame in raw.frames] == [1, 1, 1, 0, 1, 1]
    with pytest.raises(GenbError, match="frame 3 holds coordinates that are not finite"):
        brought(path, 6)
    between = (sheet.vertices[2] + sheet.vertices[4]) / 2
    np.testing.assert_allclose(brought(path, 6, mend=True).vertices[3], between, atol=TOLERANCE_M)


@every_format
@pytest.mark.parametrize("fault", ["missing", "empty", "garbage", "noise", "half", "tail"])
def test_broken_files_are_refused_by_name(tmp_path, format, ending, fault):
    path = WRITERS[format][ending](tmp_path, {"coat": sheet_of()}, FPS, 1)
    target = path if path.is_file() else tmp_path / "coat2_5.obj"
    data = target.read_bytes()
    content = {
        "missing": b"",
        "empty": b"",
        "garbage": b"This is no garment cache.\n" * 40,
        "noise": np.random.default_rng(0).bytes(4000),
        "half": data[: len(data) // 2],
        "tail": data[:-12],
    }[fault]
    target.write_bytes(content)
    if fault == "missing":
        target.unlink()
        # Of a sequence the next file tells that one is missing.
        target = target if path == target else tmp_path / "coat2_6.obj"
    with pytest.raises(GenbError, match=target.name):
        read_cache(path, FPS)


@pytest.mark.parametrize("ending", [".abc", ".usda", ".usdc", ".usdz"])
def test_truncation_anywhere_is_refused_and_the_process_lives(tmp_path, ending):
    format = "abc" if ending == ".abc" else "usd"
    path = WRITERS[format][ending](tmp_path, {"coat": sheet_of(3)}, FPS, 1)
    data = path.read_bytes()
    for size in np.linspace(1, len(data) - 3, 25).astype(int):
        path.write_bytes(data[:size])
        with pytest.raises(GenbError, match=path.name):
            read_raw(path, FPS)


@pytest.mark.parametrize("ending", [".pc2", ".mdd"])
def test_truncated_point_caches_keep_their_whole_frames(tmp_path, ending):
    sheet = sheet_of()
    path = WRITERS[ending[1:]][ending](tmp_path, {"coat": sheet}, FPS, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-15000])  # 2.5 frames of 500 * 12 bytes
    raw = read_raw(path, FPS)
    assert raw.damage == (
        f"it is truncated: {len(whole) - 15000} of {len(whole)} bytes, 9 whole frames of 12"
    )
    with pytest.raises(GenbError, match="it is truncated"):
        brought(path, 9)
    assert_same(brought(path, 9, mend=True), replace(sheet, vertices=sheet.vertices[:9]))
    with pytest.raises(GenbError, match="cover 9 frames"):
        brought(path, 10, mend=True)


@pytest.mark.parametrize("ending", [".pc2", ".mdd", ".npy"])
def test_positions_need_the_mesh_that_was_simulated(tmp_path, ending):
    path = WRITERS[ending[1:]][ending](tmp_path, {"coat": sheet_of(3)}, FPS, 1)
    (tmp_path / "cloth.obj").write_text(obj_text({"coat": sheet_of(3, rows=10)}, 0))
    with pytest.raises(GenbError, match="it has 500 vertices but cloth.obj has 200"):
        read_raw(path, FPS)
    (tmp_path / "cloth.obj").unlink()
    with pytest.raises(GenbError, match="its mesh cloth.obj is not beside it"):
        read_raw(path, FPS)
