"""Tiles and crops: what the model sees, and that nothing moves on the way there and back."""

import numpy as np
import pytest
from diffusion_models import SIZE, request_of, tiny_config
from diffusion_pictures import people_picture

from pipeline.config import ViewSection
from pipeline.diffusion.backends import make_backend
from pipeline.diffusion.pipelines import _lay_in, _Painted
from pipeline.diffusion.views import blend_weight, frame_views, padded_to_multiple, person_views


@pytest.mark.parametrize(("height", "width"), [(512, 512), (1024, 1536), (1088, 576), (64, 2048)])
def test_tiles_cover_the_frame_on_the_latents_grid(height, width):
    section = ViewSection(tile_px=512, overlap_px=96)
    views = frame_views(height, width, section)
    covered = np.zeros((height, width), int)
    for view in views:
        assert view.top % 16 == 0 and view.left % 16 == 0
        assert view.size == (view.height, view.width) == (min(512, height), min(512, width))
        covered[view.top : view.top + view.height, view.left : view.left + view.width] += 1
    assert covered.min() == 1
    if (height, width) != (512, 512):
        assert covered.max() > 1


def test_neighbouring_tiles_overlap_at_least_as_asked():
    views = frame_views(512, 2048, ViewSection(tile_px=512, overlap_px=96))
    lefts = sorted(view.left for view in views)
    assert all(first + 512 - second >= 96 for first, second in zip(lefts, lefts[1:], strict=False))


def test_blending_weights_are_positive_and_even_between_tiles():
    section = ViewSection(tile_px=128, overlap_px=32)
    views = frame_views(128, 224, section)
    total = np.zeros((128, 224))
    weights = []
    for view in views:
        weights.append(np.zeros((128, 224)))
        view.cut(weights[-1])[...] = blend_weight(view, 128, 224, 32)
        total += weights[-1]
    assert total.min() > 0
    share = weights[0][64] / total[64]
    assert share[0] == 1 and share[-1] == 0 and (np.diff(share) <= 1e-6).all()


def test_the_same_noise_lies_under_overlapping_tiles(tiny):
    """Then a tiled picture of a constant frame is constant but for what the borders do."""
    config = tiny_config(tiny, controls=["depth"], views={"tile_px": 64, "overlap_px": 32})
    backend = make_backend(config)
    frame = backend._frame(request_of(config))
    for item in backend._items(frame):
        top, left = item.view.top // 8, item.view.left // 8
        assert (item.noise == frame.noise[:, :, top : top + 8, left : left + 8]).all()


@pytest.mark.parametrize("family", ["sd15", "flux"])
def test_tiles_keep_what_is_protected_and_change_the_rest(tiny, family):
    config = tiny_config(
        tiny,
        family,
        controls=["depth"],
        noise={"face": 0},
        views={"tile_px": 64, "overlap_px": 16},
    )
    request = request_of(config, (120, SIZE))
    rendered = make_backend(config).rerender([request])[0]
    change = np.abs(rendered.image.astype(int) - request.image).max(axis=-1)
    assert rendered.record["views"] == 9
    assert (change[request.levels == 0] == 0).all() and (change[request.part == 0] > 0).mean() > 0.9


def test_small_people_get_a_crop_of_the_size_asked_for():
    instance = np.zeros((512, 768), np.uint16)
    instance[100:180, 300:330] = 1
    instance[0:60, 740:768] = 2
    instance[50:450, 50:200] = 3
    instance[500:510, 10:15] = 4
    views = person_views(instance, ViewSection(person_px=320, max_zoom=4.0))
    assert [view.person for view in views] == [0, 1]
    for view in views:
        mask = view.shown((instance == view.person + 1).astype(np.uint8), nearest=True)
        assert mask.shape == view.size and all(side % 64 == 0 for side in view.size)
        # The whole person is in it, and as tall as asked for (the second at the zoom's limit).
        assert view.cut(instance == view.person + 1).sum() == (instance == view.person + 1).sum()
        tall = np.ptp(np.nonzero(mask)[0]) + 1
        assert abs(tall - min(320, 4 * (80, 60)[view.person])) <= 8
        across = view.size[1] / view.width
        along = view.size[0] / view.height
        assert abs(across / along - 1) < 0.02
    assert person_views(instance, ViewSection()) == []


def test_what_was_painted_in_a_crop_lands_where_it_was():
    """A smooth change, painted in the enlarged view, is the same change in the frame."""
    _, _, instance = people_picture(0, 256)
    view = person_views(instance, ViewSection(person_px=448, max_zoom=4.0))[0]
    y, x = np.mgrid[: view.size[0], : view.size[1]]
    y = view.top + (y + 0.5) * view.height / view.size[0]
    x = view.left + (x + 0.5) * view.width / view.size[1]

    def wave(x, y):
        return np.sin(x / 5) * np.cos(y / 7)

    painted = _Painted(
        np.repeat(wave(x, y)[..., None], 3, axis=2).astype(np.float32),
        np.full(view.size, 4, np.float32),
    )
    change, steps = np.zeros((256, 256, 3), np.float32), np.zeros((256, 256), np.float32)
    _lay_in(change, steps, instance, view, painted)
    own = instance == view.person + 1
    rows, columns = np.nonzero(own & (steps == 4))
    expected = wave(columns + 0.5, rows + 0.5)
    # Half a pixel of displacement would be an error of 0.1 here.
    assert np.abs(change[rows, columns, 0] - expected).max() < 0.01
    assert (change[~own] == 0).all() and len(rows) > 0.7 * own.sum()


def test_a_crop_paints_its_person_and_the_frame_paints_the_rest(tiny):
    plain = tiny_config(tiny, controls=["depth"])
    cropped = tiny_config(tiny, controls=["depth"], views={"person_px": 192})
    request = request_of(plain)
    whole = make_backend(plain).rerender([request])[0].image
    both = make_backend(cropped).rerender([request])[0]
    assert both.record["views"] == 3
    differs = (both.image != whole).any(axis=-1)
    assert not differs[request.instance == 0].any()
    assert differs[request.instance > 0].mean() > 0.9


def test_padding_goes_on_at_the_right_and_the_bottom_only():
    array = np.arange(100 * 65).reshape(100, 65)
    padded = padded_to_multiple(array)
    assert padded.shape == (128, 128) and (padded[:100, :65] == array).all()
    assert padded_to_multiple(np.ones((64, 128, 3))).shape == (64, 128, 3)
