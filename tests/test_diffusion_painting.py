"""Regional noise on unmodified diffusers pipelines of every family, and what batching changes.

The models are random and tiny, but of the real architectures: they test the machinery, never the
looks.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from diffusion_models import FAMILY_CONTROLS, SIZE, request_of, tiny_config

from pipeline.config import Config
from pipeline.conventions import PARTS
from pipeline.diffusion import backends
from pipeline.diffusion.backends import make_backend
from pipeline.diffusion.families import Batch
from pipeline.diffusion.models import check_models
from pipeline.diffusion.regional import RegionalNoise

FAMILIES = list(FAMILY_CONTROLS)
SCHEDULERS = [("sd15", s) for s in ("ddim", "euler", "dpm++", "lcm")] + [
    (family, None) for family in FAMILIES[1:]
]


def _configured(tiny, family: str, scheduler: str | None, **options) -> Config:
    more = {"scheduler": scheduler} if scheduler else {}
    return tiny_config(tiny, family, controls=["depth"], **more, **options)


def _latents(backend, config: Config, cells: np.ndarray):
    """(latents after painting, latents of the render, steps run), both unpacked (1, C, h, w)."""
    family, request = backend.family, request_of(config)
    images = torch.from_numpy(request.image.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        clean = family.encode(images)
        drawn = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
        regional = RegionalNoise(
            family.run(int(cells.max()), SIZE, SIZE),
            family.packed(clean),
            family.packed(drawn),
            family.levels(torch.from_numpy(cells)[None]),
        )
        batch = Batch(images, [images], [request.prompt], [torch.Generator().manual_seed(1)])
        latents = family.unpacked(family.paint(batch, regional), SIZE, SIZE)
    return latents, family.unpacked(family.packed(clean), SIZE, SIZE), regional.steps_run


@pytest.mark.parametrize(("family", "scheduler"), SCHEDULERS)
def test_protected_latents_are_bit_equal_and_others_change_with_their_level(
    tiny, family, scheduler
):
    config = _configured(tiny, family, scheduler)
    backend = make_backend(config)
    side = SIZE // backend.family.cell_px
    cells = np.full((side, side), 4, np.int32)
    quarter = side // 4
    cells[quarter : 2 * quarter, quarter : 2 * quarter] = 0
    cells[2 * quarter : 3 * quarter, 2 * quarter : 3 * quarter] = 2
    latents, clean, steps_run = _latents(backend, config, cells)
    change = (latents - clean).abs().amax(dim=1)[0].numpy()
    repeat = change.shape[0] // side
    levels = cells.repeat(repeat, axis=0).repeat(repeat, axis=1)
    assert (change[levels == 0] == 0).all()
    assert (change[levels == 4] > 0).all() and (change[levels == 2] > 0).all()
    assert change[levels == 2].mean() < change[levels == 4].mean()
    assert steps_run == 4


@pytest.mark.parametrize(("family", "scheduler"), SCHEDULERS)
@pytest.mark.parametrize("level", [1, 5, 8])
def test_exactly_as_many_steps_are_run_as_the_level_says(tiny, family, scheduler, level):
    config = _configured(tiny, family, scheduler, denoise_steps=level)
    rendered = make_backend(config).rerender([request_of(config)])[0]
    assert rendered.record["steps_run"] == level
    assert rendered.record["regions"]["background"]["max_steps"] == level


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++"])
def test_a_uniform_level_is_plain_img2img(tiny, scheduler):
    config = _configured(tiny, "sd15", scheduler)
    backend = make_backend(config)
    ours, clean, _ = _latents(backend, config, np.full((SIZE // 8, SIZE // 8), 4, np.int32))
    request, pipe = request_of(config), backend.family.pipe
    picture = torch.from_numpy(request.image.copy()).permute(2, 0, 1)[None].float() / 255
    # Without our callback, and with diffusers' own noising of the same latents.
    theirs = pipe(
        prompt=request.prompt,
        negative_prompt=config.diffusion.negative_prompt,
        image=clean,
        control_image=[picture],
        height=SIZE,
        width=SIZE,
        strength=4.5 / 8,
        num_inference_steps=8,
        guidance_scale=1.0,
        controlnet_conditioning_scale=[1.0],
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    ).images
    # diffusers multiplies given latents by the scaling factor's inverse and back: float32 rounding.
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_change_grows_with_the_level(tiny):
    """On the same noise: more steps, more change, in every region that has them."""
    changes = []
    for level in (1, 2, 4, 6, 8):
        config = tiny_config(tiny, controls=["depth"], denoise_steps=level, scheduler="ddim")
        request = request_of(config)
        image = make_backend(config).rerender([request])[0].image
        changes.append(np.abs(image.astype(int) - request.image).mean())
    assert (np.diff(changes) > 0).all(), changes


@pytest.mark.parametrize("family", FAMILIES)
def test_repeats_are_bit_equal_and_seeds_matter(tiny, family):
    config = tiny_config(tiny, family)
    backend = make_backend(config)
    first = backend.rerender([request_of(config)])[0].image
    assert (first == backend.rerender([request_of(config)])[0].image).all()
    assert (first == make_backend(config).rerender([request_of(config)])[0].image).all()
    assert (first != backend.rerender([request_of(config, seed=4)])[0].image).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_is_the_same_alone_and_among_others(tiny, family):
    config = tiny_config(tiny, family)
    many = config.model_copy(update={"execution": config.execution.model_copy(update={"batch": 4})})
    alone = [make_backend(config).rerender([request_of(config, seed=s)])[0] for s in (3, 4, 5)]
    together = make_backend(many).rerender([request_of(config, seed=s) for s in (5, 3, 4)])
    for seed, other in zip((5, 3, 4), together, strict=True):
        assert (alone[seed - 3].image == other.image).all() and alone[0].record == other.record


@pytest.mark.parametrize("family", ["sd15", "sdxl", "sdxl-union"])
def test_a_gpu_batch_paints_what_single_pictures_give(tiny, family):
    """The batched call that a GPU makes, run here: equal but for float32 sums in another order."""
    config = tiny_config(tiny, family, noise={"face": 0, "hands": 2})
    backend = make_backend(config)
    requests = [request_of(config, seed=3), request_of(config, seed=4, prompt="something else")]
    items = [i for request in requests for i in backend._items(backend._frame(request))]
    with torch.inference_mode():
        together = backend._paint_batch(items)
        alone = [backend._paint_batch([item])[0] for item in items]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.change - other.change).max() < 1e-4
    assert np.abs(together[0].change - together[1].change).max() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(SIZE, SIZE), (120, 72)])
def test_face_stays_as_rendered_while_the_background_changes(tiny, family, shape):
    config = tiny_config(tiny, family, noise={"face": 0, "hands": 0})
    request = request_of(config, shape)
    rendered = make_backend(config).rerender([request])[0]
    change = np.abs(rendered.image.astype(int) - request.image).max(axis=-1)
    kept = np.isin(request.part, [PARTS["face"], PARTS["hands"]])
    assert rendered.image.shape == request.image.shape
    assert (change[kept] == 0).all()
    assert (change[request.part == 0] > 0).mean() > 0.9
    regions = rendered.record["regions"]
    assert regions["face"]["level"] == 0 and regions["face"]["max_steps"] == 0
    assert regions["background"]["level"] == 4 and 2 < regions["background"]["mean_steps"] < 4
    assert rendered.record["steps_run"] == 4


def test_the_seam_is_feathered_as_far_as_configured(tiny):
    """With twice the feather, half the share of the paint is left one pixel outside."""
    shares = {}
    for feather in (2.0, 8.0):
        config = tiny_config(
            tiny, controls=["depth"], noise={"strategy": "background"}, feather_px=feather
        )
        request = request_of(config)
        image = make_backend(config).rerender([request])[0].image.astype(int)
        config = tiny_config(
            tiny, controls=["depth"], noise={"strategy": "background"}, paste_back=False
        )
        free = make_backend(config).rerender([request])[0].image.astype(int)
        inside = (request.instance > 0).astype(np.uint8)
        rim = (cv2.dilate(inside, np.ones((3, 3))) > 0) & (inside == 0)
        done = np.abs(image - request.image)[rim].mean()
        shares[feather] = done / np.abs(free - request.image)[rim].mean()
        assert (image[inside > 0] == request.image[inside > 0]).all()
    # A pixel at distance 1 keeps 1 / feather of the paint; diagonal neighbours a little more.
    assert 0.4 < shares[2.0] < 0.75 and 0.08 < shares[8.0] < 0.25


def test_without_paste_back_the_autoencoder_changes_the_face(tiny):
    config = tiny_config(tiny, controls=["depth"], noise={"face": 0}, paste_back=False)
    request = request_of(config)
    image = make_backend(config).rerender([request])[0].image
    face = request.part == PARTS["face"]
    assert (image[face] != request.image[face]).any()


def test_residual_detail_adds_only_what_denoising_changed(tiny):
    common = {"controls": ["depth"], "paste_back": False, "noise": {"background": 0}}
    request = request_of(tiny_config(tiny, **common))
    errors = {}
    for detail in ("decoded", "residual"):
        config = tiny_config(tiny, detail=detail, **common)
        image = make_backend(config).rerender([request])[0].image.astype(int)
        errors[detail] = np.abs(image - request.image)[:16, -16:].mean()
    # In this far corner no latent changed; what is left is the decoder's image-wide normalisation.
    assert errors["residual"] < 0.5 * errors["decoded"]


@pytest.mark.parametrize(
    ("family", "control"), [(f, c) for f, names in FAMILY_CONTROLS.items() for c in names]
)
def test_every_control_reaches_the_network(tiny, family, control):
    config = tiny_config(tiny, family, controls=[control])
    backend = make_backend(config)
    request = request_of(config)
    other = replace(request, controls={control: 255 - request.image})
    assert (backend.rerender([request])[0].image != backend.rerender([other])[0].image).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_released_control_has_less_say(tiny, family):
    """`end`, and the strategy `schedule`, let go of the ControlNets before the last steps."""
    reach = {}
    for name, options in {
        "held": {},
        "ended": {"end": 0.5},
        "scheduled": {"noise": {"strategy": "schedule", "release": 0.5}},
    }.items():
        config = tiny_config(tiny, family, controls=["depth"])
        nets = [config.diffusion.controlnets[0].model_copy(update={"end": options.pop("end", 1.0)})]
        section = tiny_config(tiny, family, controls=["depth"], **options).diffusion
        config = Config(diffusion=section.model_copy(update={"controlnets": nets}))
        backend, request = make_backend(config), request_of(config)
        other = replace(request, controls={"depth": 255 - request.image})
        images = [backend.rerender([one])[0].image.astype(int) for one in (request, other)]
        reach[name] = np.abs(images[0] - images[1]).mean()
    assert 0 < reach["ended"] < reach["held"]
    assert reach["scheduled"] == reach["ended"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_control_that_starts_after_its_release_does_not_guide(tiny, family):
    noise = {"strategy": "schedule", "release": 0.5}
    config = tiny_config(tiny, family, controls=["depth"], noise=noise)
    late = [config.diffusion.controlnets[0].model_copy(update={"start": 0.6})]
    config = Config(diffusion=config.diffusion.model_copy(update={"controlnets": late}))
    backend, request = make_backend(config), request_of(config)
    other = replace(request, controls={"depth": 255 - request.image})
    assert (backend.rerender([request])[0].image == backend.rerender([other])[0].image).all()


def test_level_zero_everywhere_loads_no_model(tiny):
    section = {"backend": "diffusers", "model": "/does/not/exist", "denoise_steps": 0}
    config = Config.model_validate({"diffusion": section})
    check_models(config)
    request = request_of(config)
    rendered = make_backend(config).rerender([request])[0]
    assert (rendered.image == request.image).all() and rendered.record["steps_run"] == 0


def test_every_backend_of_the_registry_honours_level_zero(tiny):
    for name in backends.BACKENDS:
        config = tiny_config(tiny, controls=["depth"], backend=name)
        request = request_of(config)
        untouched = replace(request, levels=request.levels * 0, controls={})
        rendered = make_backend(config).rerender([untouched])[0]
        assert (rendered.image == request.image).all(), name
        assert rendered.record["backend"] == name


@pytest.mark.parametrize("family", FAMILIES)
def test_loaded_models_serve_another_noise_configuration(tiny, family):
    first = tiny_config(tiny, family, controls=["depth"])
    other = tiny_config(tiny, family, controls=["depth"], denoise_steps=2, noise={"face": 0})
    shared = make_backend(first).reconfigured(other)
    request = request_of(other)
    apart = make_backend(other).rerender([request])[0]
    assert (shared.rerender([request])[0].image == apart.image).all()
    with pytest.raises(ValueError, match="loaded anew"):
        make_backend(first).reconfigured(tiny_config(tiny, family, controls=["canny"]))
