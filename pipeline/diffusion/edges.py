"""The 'canny' and 'softedge' controls: edges of the render, by controlnet_aux's detectors.

controlnet_aux is imported only when a picture needs it: it pulls in torchvision and a dozen
detectors. Both detectors work at the image's own resolution.
"""

import warnings
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError

HED_WEIGHTS = "ControlNetHED.pth"
_SIZE_MULTIPLE = 64
"""The detectors resize to multiples of 64; padding first makes that resize the identity."""


def canny(image: np.ndarray) -> np.ndarray:
    """White edges on black, thresholds 100 and 200. image: (H, W, 3) u8 RGB; so is the result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux import CannyDetector
    return _at_own_size(CannyDetector(), image)


def softedge(image: np.ndarray, annotators: str, local_files_only: bool = True) -> np.ndarray:
    """Soft edges, white on black, by the HED network (Xie and Tu 2015, ControlNet's own weights).

    image: (H, W, 3) u8 RGB; so is the result. annotators: folder or hub id with the weights. Runs
    on the CPU. Raises GenbError when they are not there.
    """
    return _at_own_size(_hed(hed_weights(annotators, local_files_only)), image)


def hed_weights(annotators: str, local_files_only: bool = True) -> Path:
    """The weights file in a folder, or of a hub id in the local Hugging Face cache.

    Without `local_files_only` a hub id is downloaded first. Raises GenbError when there is none.
    """
    folder = Path(annotators).expanduser()
    if folder.is_dir():
        if not (folder / HED_WEIGHTS).is_file():
            raise GenbError(
                f"diffusion.annotators = {annotators!r} holds no {HED_WEIGHTS}, which the softedge "
                f"control needs: hf download lllyasviel/Annotators {HED_WEIGHTS} --local-dir "
                f"{annotators}"
            )
        return folder / HED_WEIGHTS
    if annotators.startswith((".", "~", "/")) or annotators.count("/") != 1:
        raise GenbError(f"diffusion.annotators: the folder {annotators} does not exist")
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    found = try_to_load_from_cache(annotators, HED_WEIGHTS)
    if isinstance(found, str):
        return Path(found)
    if local_files_only:
        raise GenbError(
            f"the softedge control needs weights that are not in the local Hugging Face cache: "
            f"fetch them with `hf download {annotators} {HED_WEIGHTS}`, or set "
            "diffusion.local_files_only = false"
        )
    return Path(hf_hub_download(annotators, HED_WEIGHTS))


@cache
def _hed(weights: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from controlnet_aux.hed import ControlNetHED_Apache2, HEDdetector

    # As in the backend: torch's last bits depend on the number of threads.
    torch.set_num_threads(1)
    network = ControlNetHED_Apache2()
    try:
        # A pickle from outside: tensors only, whatever torch's default is.
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except Exception as error:
        raise GenbError(
            f"{weights} does not hold the weights of ControlNet's HED: {error}"
        ) from error
    return HEDdetector(network.float().eval())


def _at_own_size(detector, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    padding = ((0, -height % _SIZE_MULTIPLE), (0, -width % _SIZE_MULTIPLE), (0, 0))
    padded = np.pad(image, padding, mode="edge")
    side = min(padded.shape[:2])
    edges = detector(padded, detect_resolution=side, image_resolution=side, output_type="np")
    return edges[:height, :width].copy()
