"""LoRAs, IP-Adapters and the answer to too little memory, on the tiny pipelines."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusion_models import request_of, tiny_config
from diffusion_pictures import people_picture
from safetensors.torch import save_file

from pipeline import assets
from pipeline.diffusion.backends import make_backend
from pipeline.diffusion.images import write_image
from pipeline.diffusion.memory import MemoryLadder
from pipeline.diffusion.models import check_models
from pipeline.errors import GenbError


@pytest.fixture(scope="module")
def adapters(tiny, tmp_path_factory):
    """A LoRA and an IP-Adapter for the tiny SD1.5, in the layout of published ones."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("adapters")
    pipe = make_backend(tiny_config(tiny, controls=["depth"])).family.pipe
    lora, ip = {}, {}
    number = 1
    for name, module in pipe.unet.named_modules():
        if not name.endswith(("attn1", "attn2")):
            continue
        width = module.to_q.in_features
        lora[f"unet.{name}.to_q.lora_A.weight"] = torch.randn(4, width)
        lora[f"unet.{name}.to_q.lora_B.weight"] = torch.randn(module.to_q.out_features, 4)
        if name.endswith("attn2"):
            for kind in ("to_k_ip", "to_v_ip"):
                shape = module.to_k.weight.shape
                ip[f"ip_adapter.{number}.{kind}.weight"] = torch.randn(shape)
            number += 2
    vision, words = 24, pipe.unet.config.cross_attention_dim
    ip["image_proj.proj.weight"] = torch.randn(4 * words, vision) * 0.3
    ip["image_proj.proj.bias"] = torch.zeros(4 * words)
    ip["image_proj.norm.weight"], ip["image_proj.norm.bias"] = torch.ones(words), torch.zeros(words)
    (folder / "models").mkdir()
    save_file(lora, folder / "pytorch_lora_weights.safetensors")
    save_file(ip, folder / "models" / "ip-adapter_sd15.safetensors")
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
            projection_dim=vision,
        )
    )
    encoder.save_pretrained(folder / "models" / "image_encoder")
    return folder


def test_a_lora_changes_the_picture_and_its_scale_matters(tiny, adapters):
    images = {}
    for scale in (None, 0.2, 1.0):
        loras = [] if scale is None else [{"model": str(adapters), "scale": scale}]
        config = tiny_config(tiny, controls=["depth"], loras=loras, scheduler="lcm")
        check_models(config)
        images[scale] = make_backend(config).rerender([request_of(config)])[0].image.astype(int)
    weak, strong = (np.abs(images[s] - images[None]).mean() for s in (0.2, 1.0))
    assert 0 < weak < strong


@pytest.fixture
def reference_pictures(tmp_path, monkeypatch):
    """Two pictures with rows in the user's reference.toml."""
    rows = []
    for number in (0, 1):
        write_image(tmp_path / f"look{number}.png", people_picture(number + 30)[0])
        rows.append(
            f'[[asset]]\nid = "look{number}"\npath = "look{number}.png"\nlicence = "CC0-1.0"\n'
            'source = "made"\nobtained = "made"\nredistributable = true\ncommercial_use = true\n'
        )
    (tmp_path / "reference.toml").write_text("\n".join(rows))
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    assets.manifest.cache_clear()
    yield ["look0", "look1"]
    assets.manifest.cache_clear()


def test_a_reference_picture_steers_the_look(tiny, adapters, reference_pictures):
    images = []
    reference = {"model": str(adapters), "images": reference_pictures, "scale": 1.0}
    config = tiny_config(tiny, controls=["depth"], references=[reference])
    check_models(config)
    backend = make_backend(config)
    for number in (0, 1, 0):
        shown = people_picture(number + 30)[0]
        request = request_of(config, references=(shown,), reference_names=(f"look{number}",))
        images.append(backend.rerender([request])[0].image)
    assert (images[0] == images[2]).all() and (images[0] != images[1]).any()


def test_a_pickled_image_encoder_is_refused(tiny, adapters, reference_pictures, tmp_path):
    shutil.copytree(adapters, tmp_path / "copy")
    reference = {"model": str(tmp_path / "copy"), "images": reference_pictures}
    config = tiny_config(tiny, controls=["depth"], references=[reference])
    check_models(config)
    weights = tmp_path / "copy" / "models" / "image_encoder" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(GenbError, match="image_encoder/ has no .safetensors weights"):
        check_models(config)


def test_each_appearance_draws_its_reference(tiny, adapters, reference_pictures, tmp_path):
    from diffusion_models import run_stage

    from pipeline.storage import read_json

    reference = {"model": str(adapters), "images": reference_pictures}
    config = tiny_config(tiny, controls=["depth"], references=[reference], appearances=6)
    folder = run_stage(config, tmp_path / "out", frames=1)
    drawn = [read_json(path)["references"][0] for path in sorted(folder.glob("frame_0000*.json"))]
    assert len(drawn) == 6 and set(drawn) == {"look0", "look1"}


# --- memory --------------------------------------------------------------------------------------


class _Device:
    """Stands for a GPU's allocator: refuses more pictures at once than it has room for."""

    def __init__(self, room: int):
        self.room, self.seen = room, []

    def paint(self, items: list) -> list:
        self.seen.append(len(items))
        if len(items) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return [item * 10 for item in items]


def test_a_batch_that_does_not_fit_is_halved_and_stays_halved(tiny, capsys):
    pipe = make_backend(tiny_config(tiny, controls=["depth"])).family.pipe
    device, ladder = _Device(room=2), MemoryLadder(pipe, "cuda", 8, can_slice=True)
    assert ladder.run(list(range(7)), device.paint) == [10 * k for k in range(7)]
    assert device.seen == [7, 4, 2, 2, 2, 1] and ladder.measures == ["batch 4", "batch 2"]
    assert ladder.run([1, 2, 3], device.paint) == [10, 20, 30] and device.seen[-2:] == [2, 1]
    assert "going on with batch 2" in capsys.readouterr().out


def test_when_nothing_helps_the_error_says_what_to_change(tiny):
    pipe = make_backend(tiny_config(tiny, controls=["depth"])).family.pipe
    ladder = MemoryLadder(pipe, "cuda", 2, can_slice=True)
    with pytest.raises(GenbError, match="views.tile_px.*offload.*run the same command again"):
        ladder.run([1, 2], _Device(room=0).paint)
    assert ladder.measures == ["batch 1", "attention slicing", "VAE tiling"]


def test_other_errors_are_not_taken_for_too_little_memory(tiny):
    pipe = make_backend(tiny_config(tiny, controls=["depth"])).family.pipe

    def broken(items):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        MemoryLadder(pipe, "cuda", 2, can_slice=True).run([1], broken)


_LIMITED = """
import resource, sys
sys.path.insert(0, {tests!r})
import numpy as np
from dataclasses import replace
from diffusion_models import request_of
from pipeline.config import load_config
from pipeline.diffusion.backends import make_backend
from pipeline.errors import GenbError
config = load_config({config!r})
backend = make_backend(config)
small = request_of(config)
backend.rerender([small])
side = 1280
big = replace(
    small,
    image=np.zeros((side, side, 3), np.uint8),
    levels=np.full((side, side), 4, np.int32),
    part=np.zeros((side, side), np.uint8),
    instance=np.zeros((side, side), np.uint16),
    controls={{"depth": np.zeros((side, side, 3), np.uint8)}},
)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {room_mb} * 2**20,) * 2)
try:
    print("RECORD", backend.rerender([big])[0].record["memory"])
except GenbError as error:
    print("ERROR", error)
"""


def test_a_machine_without_enough_memory_tries_less_and_then_says_so(tiny, tmp_path):
    """The real allocator of torch under a real limit of the process's memory."""
    import json
    from pathlib import Path

    section = tiny_config(tiny, controls=["depth"]).diffusion
    lines = ["[diffusion]", 'backend = "diffusers"', f"model = {json.dumps(section.model)}"]
    lines += ["steps = 8", "denoise_steps = 4", "[[diffusion.controlnets]]", 'control = "depth"']
    lines += [f"model = {json.dumps(section.controlnets[0].model)}"]
    path = tmp_path / "limited.toml"
    path.write_text("\n".join(lines))
    code = _LIMITED.format(tests=str(Path(__file__).parent), config=str(path), room_mb=40)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "going on with attention slicing" in done.stdout, done.stdout[-2000:]
    assert "ERROR re-rendering ran out of memory on 'cpu'" in done.stdout, done.stdout[-2000:]
