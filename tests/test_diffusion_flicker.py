"""Flicker: paint that moves with the surface gives 0, paint that stays or boils is measured."""

import numpy as np
import pytest
from diffusion_pictures import people_picture

from pipeline.diffusion.flicker import Painted, flicker

STEP_PX = 5


def _pair(paint) -> tuple[Painted, Painted]:
    """Two frames of a picture that moves STEP_PX to the right, painted by `paint(frame, x, y)`."""
    render, _, instance = people_picture(0, 256)
    flow = np.zeros((256, 256, 2), np.float32)
    flow[..., 0] = STEP_PX
    frames = []
    y, x = np.mgrid[:256, :256].astype(float)
    for number in (0, 1):
        moved = [np.roll(array, STEP_PX * number, axis=1) for array in (render, instance)]
        painted = moved[0] + paint(number, x - STEP_PX * number, x, y)[..., None]
        final = painted.clip(0, 255).astype(np.uint8)
        frames.append(Painted(moved[0], final, moved[1], flow if number == 0 else flow[:0, :0]))
    return frames[0], frames[1]


def _pattern(x, y):
    return 12 * np.sign(np.sin(x / 4) * np.sin(y / 6))


def test_paint_that_sticks_to_the_surface_does_not_flicker():
    told = flicker(*_pair(lambda n, own_x, x, y: _pattern(own_x, y)))
    # Rounding to 8 bits of both pictures.
    assert told["people"] < 0.6 and told["all"] < 0.6


def test_paint_that_stays_on_the_screen_flickers_by_its_own_difference():
    told = flicker(*_pair(lambda n, own_x, x, y: _pattern(x, y)))
    y, x = np.mgrid[:256, :256].astype(float)
    expected = np.abs(_pattern(x + STEP_PX, y) - _pattern(x, y)).mean()
    assert told["all"] == pytest.approx(expected, rel=0.1)


def test_new_paint_in_every_frame_flickers_most():
    def boiling(number, own_x, x, y):
        return np.random.default_rng(number).normal(0, 12, x.shape)

    # The difference of two independent normal numbers has the mean size 2 / sqrt(pi) sigma.
    assert flicker(*_pair(boiling))["all"] == pytest.approx(12 * 2 / np.sqrt(np.pi), rel=0.1)


def test_what_cannot_be_seen_again_does_not_count():
    before, after = _pair(lambda n, own_x, x, y: _pattern(own_x, y))
    hidden = after.final.copy()
    hidden[:, 128:] = 255 - hidden[:, 128:]
    instance = after.instance.copy()
    instance[:, 128:] = 9
    told = flicker(before, Painted(after.render, hidden, instance, after.flow))
    assert told["people"] < 0.6
    unknown = Painted(before.render, before.final, before.instance, before.flow + np.inf)
    assert flicker(unknown, after) == {"people": None, "all": None}


def test_the_last_frame_goes_nowhere():
    _, after = _pair(lambda n, own_x, x, y: _pattern(x, y))
    assert flicker(after, after) == {"people": None, "all": None}
