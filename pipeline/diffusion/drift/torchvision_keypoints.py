"""Torchvision's Keypoint R-CNN as a drift detector.

`detector = "pipeline.diffusion.drift.torchvision_keypoints:detect"` in [diffusion.drift]. The
code is BSD-licensed; the weights were trained on COCO. Nothing is downloaded: the weights are the
file named by $GENB_KEYPOINT_WEIGHTS, or the one in torch's own cache.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError

WEIGHTS_VARIABLE = "GENB_KEYPOINT_WEIGHTS"
WEIGHTS_URL = "https://download.pytorch.org/models/keypointrcnn_resnet50_fpn_coco-fc266e95.pth"
_PERSON_SCORE = 0.7


def detect(image: np.ndarray) -> list[np.ndarray]:
    """People in an (H, W, 3) u8 RGB image: (17, 3) f32 each, COCO order: x px, y px, score 0..1.

    A point's score is the logistic of its heat map's peak, times the person's. Raises GenbError
    when the weights are missing or do not fit.
    """
    import torch

    network, device = _network(weights_file())
    picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        found = network([picture.to(device)])[0]
    sure = found["scores"] > _PERSON_SCORE
    score = found["keypoints_scores"][sure].sigmoid() * found["scores"][sure, None]
    points = torch.cat([found["keypoints"][sure][..., :2], score[..., None]], dim=2)
    return list(points.cpu().numpy())


def check() -> None:
    """Raise GenbError when the weights are missing; imports no torch."""
    weights_file()


def weights_file() -> Path:
    """Where the weights are; raises GenbError when they are not."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = Path(os.environ.get("TORCH_HOME", f"{cache_home}/torch")).expanduser()
    cached = torch_home / "hub" / "checkpoints" / WEIGHTS_URL.rpartition("/")[2]
    path = Path(named).expanduser() if named else cached
    if not path.is_file():
        raise GenbError(
            f"the weights of torchvision's Keypoint R-CNN are not at {path}: fetch them with "
            f"`curl --create-dirs -o {path} {WEIGHTS_URL}`, or name another file in "
            f"${WEIGHTS_VARIABLE}"
        )
    return path


@cache
def _network(path: Path):
    """The network with the weights of a file, and its device."""
    import torch
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    network = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds
        raise GenbError(
            f"{path} does not hold the weights of torchvision's keypointrcnn_resnet50_fpn "
            f"({type(error).__name__}: {str(error)[:300]}); fetch {WEIGHTS_URL}"
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return network.to(device).eval(), device
