"""Contact sheets of clips: what is drawn where, and what floating looks like."""

import numpy as np
import pytest
from PIL import Image

from pipeline.report.mesh_picture import draw_person, fit_view
from pipeline.report.motion_sheet import TILE_PX, write_motion_sheet

SKY = np.array([240, 242, 245])


def post(height_m=1.0, lift_m=0.0, half_m=0.15, x=0.0, y=0.0, rings=60):
    """A closed square post (V, 3), (F, 3) on the ground or `lift_m` above it."""
    z = lift_m + np.linspace(0, height_m, rings)
    square = half_m * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    sides = [[*(corner + [x, y]), level] for level in z for corner in square]
    faces = []
    for ring in range(rings - 1):
        for k in range(4):
            a, b = 4 * ring + k, 4 * ring + (k + 1) % 4
            faces += [(a, b, b + 4), (a, b + 4, a + 4)]
    faces += [(0, 2, 1), (0, 3, 2), (4 * rings - 4, 4 * rings - 3, 4 * rings - 2)]
    faces += [(4 * rings - 4, 4 * rings - 2, 4 * rings - 1)]
    return np.array(sides), np.array(faces)


def skin(picture):
    """Pixels (H, W) of the body: warmer than the grey ground, shade and sky."""
    picture = picture.astype(int)
    return picture[..., 0] > picture[..., 2] + 12


def draw(vertices, faces, view=None):
    view = fit_view(vertices[None], TILE_PX[0] / TILE_PX[1]) if view is None else view
    return draw_person(vertices, faces, view, TILE_PX)


def test_the_whole_person_is_in_the_middle_of_the_picture():
    body = skin(draw(*post()))
    rows, columns = np.nonzero(body)
    assert body.any() and rows.min() > 3 and columns.min() > 3
    assert rows.max() < TILE_PX[1] - 4 and columns.max() < TILE_PX[0] - 4
    assert np.ptp(rows) > 0.6 * TILE_PX[1]  # and not needlessly small
    assert abs(columns.mean() - TILE_PX[0] / 2) < 4


def test_the_camera_follows_and_the_ground_stays():
    """The same post elsewhere looks the same, but for the grid lines of the ground."""
    view = fit_view(post()[0][None], TILE_PX[0] / TILE_PX[1])
    here, there = draw(*post(), view), draw(*post(x=3.1, y=-2.07), view)
    assert (skin(here) != skin(there)).mean() < 0.002  # rounding at the outline
    assert (here != there).any(axis=-1)[~skin(here)].mean() > 0.01


def darkest_ground(picture):
    """Grey level of the darkest ground pixel, 0..255; the ground is bluish, the body is not."""
    picture = picture.astype(float)
    ground = picture[..., 2] >= picture[..., 0]
    return picture.mean(-1)[ground].min()


def test_floating_loses_the_contact_shade():
    view = fit_view(post()[0][None], TILE_PX[0] / TILE_PX[1])
    hovering, floating, flying = (draw(*post(lift_m=up), view) for up in (0.01, 0.06, 0.5))
    assert darkest_ground(hovering) + 20 < darkest_ground(floating)
    assert darkest_ground(floating) + 20 < darkest_ground(flying)


def test_sinking_is_cut_off_by_the_ground():
    view = fit_view(post()[0][None], TILE_PX[0] / TILE_PX[1])
    whole, sunk = (skin(draw(*post(lift_m=up), view)) for up in (0.0, -0.3))
    rows = [np.nonzero(picture)[0] for picture in (whole, sunk)]
    assert abs(rows[0].max() - rows[1].max()) <= 1  # the foot line stays on the ground
    # A metre less 30 cm is seen, at the same scale.
    assert np.ptp(rows[1]) / np.ptp(rows[0]) == pytest.approx(0.76, abs=0.06)


def test_light_comes_from_above_and_one_side():
    vertices, faces = post(rings=2)
    picture = draw(vertices, faces)
    body = skin(picture)
    columns = np.nonzero(body.any(axis=0))[0]
    left, right = (
        picture[..., 0][body & (np.arange(TILE_PX[0]) // 1 == columns[k])[None]].mean()
        for k in (6, -6)
    )
    assert abs(left - right) > 15  # two sides of the post, two tones


def test_sheet_has_a_row_per_clip_and_a_column_per_frame(tmp_path):
    vertices, faces = post()
    clip = np.stack([vertices + [0.0, 0.0, 0.02 * k] for k in range(11)])
    path = tmp_path / "sheet.png"
    write_motion_sheet([("rising", clip, faces), ("standing", clip[:1], faces)], path, columns=3)
    page = np.asarray(Image.open(path))
    label_px = page.shape[0] // 2 - TILE_PX[1]
    assert page.shape == (2 * (TILE_PX[1] + label_px), 3 * TILE_PX[0], 3) and 10 < label_px < 40
    tiles = [
        page[label_px : label_px + TILE_PX[1], k * TILE_PX[0] : (k + 1) * TILE_PX[0]]
        for k in range(3)
    ]
    view = fit_view(clip[[0, 5, 10]], TILE_PX[0] / TILE_PX[1])
    for tile, frame in zip(tiles, (0, 5, 10), strict=True):
        assert np.array_equal(tile, draw(clip[frame], faces, view))
    assert page[:label_px].max() > 150  # the label is written
    assert not list(tmp_path.glob("*.partial"))


def test_empty_sheets_are_refused(tmp_path):
    with pytest.raises(ValueError, match="needs rows and columns, got 0 and 6"):
        write_motion_sheet([], tmp_path / "sheet.png")
