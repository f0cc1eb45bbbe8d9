"""Trains a small re-renderer from scratch on a dataset of ours, without foreign weights.

    python -m pipeline.diffusion.train DATASET MODEL_DIR --minutes 60

It is an SD1.5-shaped pipeline of a few million parameters (autoencoder, UNet, two ControlNets;
the text encoder is silenced). It knows our renders and eight CC0 panoramas and nothing else: it can
vary texture and tone, not make a photograph. Use it with detail = "residual". The `embedded` model
was made by this command (docs/noise.md says from what).
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderTiny,
    ControlNetModel,
    UNet2DConditionModel,
)

from pipeline.diffusion.tiny import ddim_scheduler, sd15_pipeline, silent_text_encoder
from pipeline.diffusion.training_data import CONTROLS, TrainingData, load_training_data
from pipeline.storage import atomic_dir, write_json

_AUTOENCODER_SHARE = 0.35
_AUTOENCODER = {"batch": 16, "crop_px": 64, "rate": 2e-3}
_DENOISER = {"rate": 6e-4, "crops": ((6, 128), (2, 224))}
"""Pictures per batch and their size, px: small crops first, large ones for the last part, so that
attention has seen more than a corner of a frame."""
_LARGE_SHARE = 0.3
_TEXT_WIDTH = 32
_CONTROL_KEPT = 0.7
_SNR_CAP = 5.0
_TIMING_STEPS = 12


def train(
    dataset: Path,
    model_dir: Path,
    minutes: float,
    iterations: tuple[int, int] | None = None,
    threads: int = 1,
) -> None:
    """Train both parts and write `MODEL_DIR/{base,controlnet_*}`, `rerender.toml`, `training.json`.

    iterations: (autoencoder, denoiser); without it the numbers that fit `minutes` are found by
    timing. Equal iterations on one machine and thread count give equal weights.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    data = load_training_data(dataset)
    autoencoder, first = _train_autoencoder(data, minutes, iterations and iterations[0])
    unet, nets, second = _train_denoiser(data, autoencoder, minutes, iterations and iterations[1])
    record = {
        "autoencoder": first,
        "denoiser": second,
        "renders": len(data.renders),
        "sky_views": len(data.skies),
        "threads": threads,
    }
    with atomic_dir(model_dir) as folder:
        _save(folder, autoencoder, unet, nets)
        write_json(folder / "training.json", record)
        (folder / "rerender.toml").write_text(_layer(model_dir.resolve()))
    print(f"wrote {model_dir}; use it with extends = [..., {str(model_dir / 'rerender.toml')!r}]")


def _train_autoencoder(data: TrainingData, minutes: float, iterations: int | None):
    autoencoder = AutoencoderTiny(
        latent_channels=8,
        encoder_block_out_channels=(32,) * 3,
        decoder_block_out_channels=(32,) * 3,
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    )

    def loss(rng: np.random.Generator, progress: float) -> torch.Tensor:
        batch = data.batch(rng, _AUTOENCODER["batch"], _AUTOENCODER["crop_px"])
        images = torch.from_numpy(batch["image"]) * 2 - 1
        latents = autoencoder.encoder(images)
        decoded = autoencoder.decoder(latents + 0.05 * torch.randn_like(latents))
        gradients = sum(F.l1_loss(decoded.diff(dim=axis), images.diff(dim=axis)) for axis in (2, 3))
        distance = F.l1_loss(decoded, images) + 2 * F.mse_loss(decoded, images)
        return distance + 0.5 * gradients + 1e-3 * latents.square().mean()

    budget_s = 60 * minutes * _AUTOENCODER_SHARE
    count = _optimise(autoencoder, loss, _AUTOENCODER["rate"], budget_s, iterations, "autoencoder")
    autoencoder.eval()
    with torch.inference_mode():
        images = _validation_images(data)
        latents = autoencoder.encoder(images)
        error = F.mse_loss(autoencoder.decoder(latents).clamp(-1, 1) / 2, images / 2)
        autoencoder.register_to_config(scaling_factor=float(1 / latents.std()))
    psnr_db = -10 * math.log10(error.item())
    print(f"[train] autoencoder: {psnr_db:.2f} dB on renders kept back", flush=True)
    return autoencoder, {"iterations": count, "psnr_db": round(psnr_db, 3)}


def _train_denoiser(data: TrainingData, autoencoder, minutes: float, iterations: int | None):
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=8,
        out_channels=8,
        block_out_channels=(48, 96, 128),
        layers_per_block=1,
        norm_num_groups=16,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=_TEXT_WIDTH,
        attention_head_dim=4,
    )
    nets = [
        ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16, 48))
        for _ in CONTROLS
    ]
    scheduler = ddim_scheduler()
    scale = autoencoder.config.scaling_factor

    def predict(noisy, times, batch, kept):
        text = torch.zeros(len(noisy), 77, _TEXT_WIDTH)
        down, middle = None, None
        for name, net, keep in zip(CONTROLS, nets, kept, strict=True):
            if not keep:
                continue
            d, m = net(noisy, times, text, torch.from_numpy(batch[name]), return_dict=False)
            down = d if down is None else [a + b for a, b in zip(down, d, strict=True)]
            middle = m if middle is None else middle + m
        return unet(
            noisy,
            times,
            text,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample

    def loss(rng: np.random.Generator, progress: float) -> torch.Tensor:
        count, crop_px = _DENOISER["crops"][progress >= 1 - _LARGE_SHARE]
        batch = data.batch(rng, count, crop_px)
        with torch.no_grad():
            latents = autoencoder.encoder(torch.from_numpy(batch["image"]) * 2 - 1) * scale
        times = torch.randint(0, scheduler.config.num_train_timesteps, (len(latents),))
        noise = torch.randn_like(latents)
        noisy = scheduler.add_noise(latents, noise, times)
        error = (predict(noisy, times, batch, rng.random(len(nets)) < _CONTROL_KEPT) - noise) ** 2
        alpha = scheduler.alphas_cumprod[times]
        snr = alpha / (1 - alpha)
        # Min-SNR weighting (Hang et al., 2023): no noise level dominates the gradient.
        return (error.mean(dim=(1, 2, 3)) * snr.clamp(max=_SNR_CAP) / snr).mean()

    modules = torch.nn.ModuleList([unet, *nets])
    budget_s = 60 * minutes * (1 - _AUTOENCODER_SHARE)
    count = _optimise(modules, loss, _DENOISER["rate"], budget_s, iterations, "denoiser", ema=True)
    return unet, nets, {"iterations": count}


def _optimise(module, loss, rate, budget_s, iterations, label: str, ema: bool = False) -> int:
    """AdamW with warm-up and cosine decay; returns the number of iterations."""
    if iterations is None:
        iterations = _fit_iterations(module, loss, budget_s)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    parameters = list(module.parameters())
    average = [p.detach().clone() for p in parameters]
    optimiser = torch.optim.AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=1e-4)
    recent = []
    module.train()
    for step in range(iterations):
        decay = 0.5 * (1 + math.cos(math.pi * step / iterations)) + 0.02
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * decay
        value = loss(rng, step / iterations)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        recent.append(value.item())
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1 - min(0.995, (1 + step) / (10 + step)))
        if (step + 1) % 100 == 0:
            mean = np.mean(recent[-100:])
            print(f"[train] {label} {step + 1}/{iterations} loss {mean:.4f}", flush=True)
    if ema:
        with torch.no_grad():
            for parameter, mean in zip(parameters, average, strict=True):
                parameter.copy_(mean)
    module.eval()
    return iterations


def _fit_iterations(module, loss, budget_s: float) -> int:
    """How many iterations fit the budget, from timing a few gradients (no weights change)."""
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    for step in range(_TIMING_STEPS):
        loss(rng, step / _TIMING_STEPS).backward()
    module.zero_grad()
    per_step_s = (time.perf_counter() - started) / _TIMING_STEPS
    return max(1, int(budget_s / per_step_s))


def _validation_images(data: TrainingData) -> torch.Tensor:
    size = min(min(p.image.shape[:2]) for p in data.held_back) // 64 * 64
    images = np.stack([p.image[:size, :size] for p in data.held_back])
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def _save(folder: Path, autoencoder, unet, nets) -> None:
    tokenizer, text_encoder = silent_text_encoder(folder / "tokenizer")
    pipe = sd15_pipeline(autoencoder, tokenizer, text_encoder, unet)
    pipe.to(torch.float16).save_pretrained(folder / "base")
    for name, net in zip(CONTROLS, nets, strict=True):
        net.to(torch.float16).save_pretrained(folder / f"controlnet_{name}")


def _layer(model_dir: Path) -> str:
    """A configuration layer that uses the model."""
    lines = [
        "# Written by pipeline.diffusion.train.",
        "[diffusion]",
        'backend = "diffusers"',
        f"model = {json.dumps(str(model_dir / 'base'))}",
        "steps = 20",
        "denoise_steps = 6",
        "guidance_scale = 1.0",
        'negative_prompt = ""',
        'detail = "residual"',
    ]
    for name in CONTROLS:
        model = json.dumps(str(model_dir / f"controlnet_{name}"))
        lines += ["", "[[diffusion.controlnets]]", f'control = "{name}"', f"model = {model}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--iterations", type=int, nargs=2, metavar=("AUTOENCODER", "DENOISER"))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    iterations = tuple(given.iterations) if given.iterations else None
    train(given.dataset, given.model_dir, given.minutes, iterations, given.threads)


if __name__ == "__main__":
    main()
