"""Does a depth estimator see each person at the depth it saw them at in the render? Reported only.

The estimator is any of transformers' depth models, read from safetensors. Such models know depth up
to a scale and a shift, so the final image's depth is first fitted to the render's.
"""

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.errors import GenbError

Depth = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) u8 RGB -> (H, W) f32 depth or disparity in any unit."""


def depth_errors(
    depth: Depth | None, render: np.ndarray, final: np.ndarray, instance: np.ndarray
) -> dict[int, float]:
    """Person -> median |difference| of the estimated depth over its median in the render.

    render, final: (H, W, 3) u8 RGB. instance: (H, W) u16, person k is k + 1. Empty without a model.
    """
    if depth is None:
        return {}
    before, after = depth(render).astype(np.float64), depth(final).astype(np.float64)
    columns = np.stack([after.ravel(), np.ones(after.size)], axis=1)
    scale, shift = np.linalg.lstsq(columns, before.ravel(), rcond=None)[0]
    difference = np.abs(scale * after + shift - before)
    errors = {}
    for value in (int(v) for v in np.unique(instance) if v > 0):
        mask = instance == value
        size = max(float(np.median(np.abs(before[mask]))), 1e-9)
        errors[value - 1] = float(np.median(difference[mask])) / size
    return errors


def load_depth(model: str, local_files_only: bool) -> Depth:
    """The depth estimator in a folder or of a hub id; on the GPU if there is one.

    Raises GenbError when transformers cannot read it.
    """
    import torch
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    try:
        prepare = AutoImageProcessor.from_pretrained(model, local_files_only=local_files_only)
        network = AutoModelForDepthEstimation.from_pretrained(
            model, local_files_only=local_files_only, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise GenbError(
            f"diffusion.drift.depth_model = {model!r} cannot be loaded: {error}\n"
            "Name a folder with a depth model of transformers (config.json, "
            "preprocessor_config.json, safetensors weights), or leave depth_model empty."
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).eval()

    def depth(image: np.ndarray) -> np.ndarray:
        inputs = prepare(images=image, return_tensors="pt").to(device)
        with torch.inference_mode():
            estimate = network(**inputs).predicted_depth[0].float().cpu().numpy()
        return cv2.resize(estimate, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    return depth
