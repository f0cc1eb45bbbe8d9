"""A tiny pipeline with RANDOM weights, made offline in seconds: a stand-in for the real models.

It has every part of Stable Diffusion 1.5 (or SDXL, or FLUX in `tiny_flux.py`) with its ControlNets,
at a few hundred kB, so tests and the smoke configuration run the unmodified diffusers code. What it
paints is noise; it is never a result. `python -m pipeline.diffusion.tiny FOLDER [--family sdxl]`
writes one.
"""

import argparse
import inspect
import json
import shutil
from pathlib import Path

from pipeline.storage import atomic_dir

CONTROLS = ("openpose", "depth", "normal", "canny")
UNION_CONTROLS = ("openpose", "depth", "softedge", "canny", "normal", "seg")
_HINT_CHANNELS = (8, 8, 16, 16)
_TEXT_WIDTH = 32


def write_tiny_pipeline(folder: Path, family: str = "sd15") -> Path:
    """Write `FOLDER/base` and `FOLDER/controlnet_<control>` and return the folder.

    family: as in `diffusion.family`. A union ControlNet is written once for every control, under
    each name. An existing folder is replaced. Same weights every time.
    """
    folder = Path(folder)
    with atomic_dir(folder) as partial:
        _write(partial, family)
    return folder


def _write(folder: Path, family: str) -> None:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if family == "flux":
            from pipeline.diffusion.tiny_flux import write_flux

            write_flux(folder)
            return
        pipe, unet = {"sd15": _sd15, "sdxl": _sdxl, "sdxl-union": _sdxl}[family](folder)
        pipe.save_pretrained(folder / "base")
        if family == "sdxl-union":
            net = _union_controlnet(unet)
            for control in UNION_CONTROLS:
                net.save_pretrained(folder / f"controlnet_{control}")
            return
        for control in CONTROLS:
            _controlnet(unet).save_pretrained(folder / f"controlnet_{control}")


def _controlnet(unet):
    from diffusers import ControlNetModel

    net = ControlNetModel.from_unet(
        unet, conditioning_channels=3, conditioning_embedding_out_channels=_HINT_CHANNELS
    )
    _wake(net, net.controlnet_cond_embedding.conv_out)
    return net


def _union_controlnet(unet):
    """A small ControlNetUnionModel: `from_unet` would keep the full size of its transformer."""
    from diffusers import ControlNetUnionModel

    told = dict(unet.config)
    shared = {
        k: told[k] for k in inspect.signature(ControlNetUnionModel.__init__).parameters if k in told
    }
    width = unet.config.block_out_channels[0]
    net = ControlNetUnionModel(
        **shared,
        conditioning_embedding_out_channels=_HINT_CHANNELS,
        num_control_type=6,
        num_trans_channel=width,
        num_trans_head=4,
        num_proj_channel=width,
    )
    _wake(net, net.controlnet_cond_embedding.conv_out, net.spatial_ch_projs, std=0.3)
    return net


def silent_text_encoder(folder: Path):
    """(tokenizer, CLIP text encoder) that give zeros for every prompt: a pipeline without words."""
    import torch
    from transformers import CLIPTextModel

    tokenizer = byte_tokenizer(folder)
    encoder = CLIPTextModel(text_config(tokenizer, "quick_gelu"))
    last = next(m for name, m in encoder.named_modules() if name.endswith("final_layer_norm"))
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    return tokenizer, encoder


def _sd15(folder: Path):
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    tokenizer = byte_tokenizer(folder / "tokenizer")
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=_TEXT_WIDTH,
        attention_head_dim=4,
    )
    vae = _vae(0.18215)
    text_encoder = CLIPTextModel(text_config(tokenizer, "quick_gelu"))
    return sd15_pipeline(vae, tokenizer, text_encoder, unet), unet


def sd15_pipeline(vae, tokenizer, text_encoder, unet):
    """A Stable Diffusion 1.5 pipeline of given parts, without the safety checker."""
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=ddim_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(folder: Path):
    from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = byte_tokenizer(folder / "tokenizer")
    time_width = 8
    unet = UNet2DConditionModel(
        sample_size=128,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * _TEXT_WIDTH,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=time_width,
        transformer_layers_per_block=(1, 1),
        # SDXL feeds the pooled text and six size numbers, each embedded in `time_width`.
        projection_class_embeddings_input_dim=6 * time_width + _TEXT_WIDTH,
    )
    pipe = StableDiffusionXLPipeline(
        vae=_vae(0.13025),
        text_encoder=CLIPTextModel(text_config(tokenizer, "quick_gelu")),
        text_encoder_2=CLIPTextModelWithProjection(text_config(tokenizer, "gelu")),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=ddim_scheduler(),
        add_watermarker=False,
    )
    return pipe, unet


def _vae(scaling_factor: float):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(8, 16, 16, 16),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        sample_size=512,
        scaling_factor=scaling_factor,
    )


def ddim_scheduler():
    """Stable Diffusion's noise schedule."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def text_config(tokenizer, activation: str):
    from transformers import CLIPTextConfig

    size = len(tokenizer)
    return CLIPTextConfig(
        vocab_size=size,
        hidden_size=_TEXT_WIDTH,
        intermediate_size=2 * _TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=_TEXT_WIDTH,
        hidden_act=activation,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
    )


def byte_tokenizer(folder: Path):
    """A CLIP tokenizer without merges: every byte is a token. `folder` is used as scrap paper."""
    from transformers import CLIPTokenizer

    symbols = _byte_symbols()
    tokens = [*symbols, *(s + "</w>" for s in symbols), "<|startoftext|>", "<|endoftext|>"]
    end = {f"{name}_token": "<|endoftext|>" for name in ("eos", "unk", "pad")}
    special = {"bos_token": "<|startoftext|>", **end}
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "do_lower_case": True,
        "add_prefix_space": False,
        **special,
    }
    folder.mkdir(parents=True)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    shutil.rmtree(folder)
    return tokenizer


def _byte_symbols() -> list[str]:
    """The printable stand-ins that byte-level BPE uses for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(hidden))]


def _wake(net, *more, std: float = 0.05) -> None:
    """Randomise the layers that start at zero, or the control would change nothing."""
    import torch

    with torch.no_grad():
        for module in (*net.controlnet_down_blocks, net.controlnet_mid_block, *more):
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape) * std)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=("sd15", "sdxl", "sdxl-union", "flux"), default="sd15")
    arguments = parser.parse_args()
    folder = write_tiny_pipeline(arguments.folder, arguments.family)
    print(f"tiny random {arguments.family} pipeline (noise, for tests only) in {folder}")


if __name__ == "__main__":
    main()
