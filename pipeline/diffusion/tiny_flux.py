"""A tiny FLUX.1 pipeline with RANDOM weights and a union ControlNet, for `tiny.py`."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxControlNetModel,
    FluxPipeline,
    FluxTransformer2DModel,
)
from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

from pipeline.diffusion.tiny import byte_tokenizer, text_config

CONTROLS = ("openpose", "depth", "canny")
_CHANNELS = 4
_HEAD = {"attention_head_dim": 16, "num_attention_heads": 2}


def write_flux(folder: Path) -> None:
    """Write `FOLDER/base` and, for each of CONTROLS, `FOLDER/controlnet_<control>`."""
    tokenizer = byte_tokenizer(folder / "tokenizer")
    letters = [(chr(code), -1.0) for code in range(32, 127)]
    words = T5Tokenizer(
        vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), *letters]
    )
    width = 32
    transformer = FluxTransformer2DModel(
        in_channels=4 * _CHANNELS,
        num_layers=1,
        num_single_layers=1,
        joint_attention_dim=width,
        pooled_projection_dim=width,
        axes_dims_rope=(4, 6, 6),
        guidance_embeds=True,
        **_HEAD,
    )
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKL(
            latent_channels=_CHANNELS,
            block_out_channels=(8, 16, 16, 16),
            norm_num_groups=8,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=CLIPTextModel(text_config(tokenizer, "quick_gelu")),
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(words), d_model=width, d_kv=8, d_ff=64, num_layers=1, num_heads=4
            )
        ),
        tokenizer_2=words,
        transformer=transformer,
    )
    pipe.save_pretrained(folder / "base")
    net = FluxControlNetModel.from_config({**transformer.config, "num_mode": 10})
    with torch.no_grad():
        sleeping = (
            *net.controlnet_blocks,
            *net.controlnet_single_blocks,
            net.controlnet_x_embedder,
        )
        for module in sleeping:
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape) * 0.05)
    for control in CONTROLS:
        net.save_pretrained(folder / f"controlnet_{control}")
