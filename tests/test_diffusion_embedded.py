"""The model that comes with the package: small, whole, offline, and it really re-renders."""

import numpy as np
import pytest
from diffusion_models import request_of
from diffusion_pictures import people_picture

from pipeline import assets
from pipeline.config import CONFIG_DIR, load_config
from pipeline.diffusion.backends import make_backend
from pipeline.diffusion.controls import canny, normal
from pipeline.diffusion.drift import faults, measure_drift
from pipeline.diffusion.models import check_models
from pipeline.diffusion.noise import at_level

SIZE = 256


@pytest.fixture(scope="module")
def config():
    """The preset."""
    return load_config(str(CONFIG_DIR / "diffusion" / "embedded.toml"))


@pytest.fixture(scope="module")
def backend(config):
    """The loaded model."""
    return make_backend(config)


def _request(config, level: int):
    section = at_level(config.diffusion, level)
    image, part, instance = people_picture(4, SIZE)
    facing = np.zeros((SIZE, SIZE, 3), np.float32)
    facing[instance > 0] = (0, 0, -1)
    controls = {"normal": normal(facing), "canny": canny(image)}
    fields = {"image": image, "part": part, "instance": instance, "controls": controls}
    levels = np.full((SIZE, SIZE), level, np.int32)
    return section, request_of(config, **fields, levels=levels)


def test_it_is_whole_small_and_has_a_licence(config):
    check_models(config)
    files = [path for path in assets.EMBEDDED_MODEL_DIR.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 30e6
    assert assets.find("diffusion", "embedded").asset.redistributable
    assert len(assets.fingerprint("diffusion", config)["embedded"]) == 64


def test_more_noise_is_more_change_and_more_drift(config, backend):
    """The paper's relation, on pictures of a kind that the model has never seen."""
    changes, shares, found = [], [], []
    for level in (2, 8, 20):
        section, request = _request(config, level)
        painter = backend.reconfigured(config.model_copy(update={"diffusion": section}))
        image = painter.rerender([request])[0].image
        drift = measure_drift(request.image, image, request.instance)
        changes.append(drift.change)
        shares.append(drift.used_share)
        found.append(len(faults(drift, section.drift)))
    assert changes == sorted(changes) and changes[0] < 0.2 < changes[-1]
    assert shares[0] > 0.95 > shares[-1]
    assert found[0] == 0 and found[-1] == 2


def test_painting_from_nothing_but_noise_follows_its_controls(config, backend):
    """At the highest level the picture's edges lie on the Canny control, not beside it."""
    section, request = _request(config, 20)
    painter = backend.reconfigured(config.model_copy(update={"diffusion": section}))
    image = painter.rerender([request])[0].image
    edges, own = (canny(picture)[..., 0] > 0 for picture in (request.image, image))
    there = own[edges].mean()
    beside = np.mean([own[np.roll(edges, shift, axis=(0, 1))].mean() for shift in (9, 17, -13)])
    assert there > 1.3 * beside
