"""Control pictures from ground truth: what the ControlNets are told must not move.

Each is (H, W, 3) u8 RGB in the colours its ControlNet was trained on. Here are the registry and the
pictures that show the geometry; skeletons, edges and classes have modules of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.config_diffusion import DiffusionSection
from pipeline.contracts import RenderPasses
from pipeline.diffusion.edges import canny, hed_weights, softedge
from pipeline.diffusion.segmentation import seg
from pipeline.diffusion.skeletons import openpose
from pipeline.scene import SceneSpec

_BACKGROUND_NORMAL = (127, 127, 255)
_ZOE_PERCENTILES = (2, 85)


@dataclass(frozen=True)
class ControlInputs:
    """What the controls of one frame are drawn from, see `control_pictures`."""

    image: np.ndarray
    passes: RenderPasses
    labels: dict[str, np.ndarray]
    spec: SceneSpec | None
    frame: int
    annotators: str
    local_files_only: bool


def control_pictures(
    names: list[str],
    image: np.ndarray,
    passes: RenderPasses,
    labels: dict[str, np.ndarray],
    spec: SceneSpec | None,
    frame: int,
    annotators: str = "lllyasviel/Annotators",
    local_files_only: bool = True,
) -> dict[str, np.ndarray]:
    """The named controls of one frame, each (H, W, 3) u8 RGB.

    image: (H, W, 3) u8 render. labels: the frame's numeric labels, of which joints_2d, joints_cam
    and joints_code are read. spec: its scene, which only 'seg' reads (else it may be None).
    annotators: folder or hub id with the weights of 'softedge'. Raises GenbError without them.
    """
    given = ControlInputs(image, passes, labels, spec, frame, annotators, local_files_only)
    return {name: CONTROL_PICTURES[name](given) for name in dict.fromkeys(names)}


def check_annotators(section: DiffusionSection) -> None:
    """Raise GenbError when a control needs a detector whose weights are not there.

    Nothing is loaded. A hub id that may be downloaded is left to the first picture.
    """
    wanted = any(net.control == "softedge" for net in section.controlnets)
    if wanted and section.local_files_only:
        hed_weights(section.annotators)


def depth(depth_m: np.ndarray) -> np.ndarray:
    """Relative disparity as MiDaS gives it: nearest white, infinitely far black.

    depth_m: (H, W) f32. Without any infinite pixel the farthest is black. The nearest 0.1 % may
    saturate, so that a sliver of ground at the camera's feet does not darken the people.
    """
    finite = np.isfinite(depth_m) & (depth_m > 0)
    disparity = np.zeros(depth_m.shape, np.float32)
    disparity[finite] = 1 / depth_m[finite]
    if not finite.any():
        return np.zeros((*depth_m.shape, 3), np.uint8)
    low = 0.0 if not finite.all() else float(disparity.min())
    high = float(np.percentile(disparity[finite], 99.9))
    grey = np.clip((disparity - low) / max(high - low, 1e-9), 0, 1)
    return _grey((grey * 255).round())


def depth_zoe(depth_m: np.ndarray) -> np.ndarray:
    """Metric depth as ControlNets trained with ZoeDepth (arXiv 2302.12288) expect it.

    depth_m: (H, W) f32. Linear in metres from white at the 2nd to black at the 85th percentile,
    beyond which it saturates, truncated to u8. The network gives the sky a depth; here infinitely
    far is black and no part of the percentiles.
    """
    finite = np.isfinite(depth_m)
    if not finite.any():
        return np.zeros((*depth_m.shape, 3), np.uint8)
    near_m, far_m = np.percentile(depth_m[finite], _ZOE_PERCENTILES)
    share = (np.where(finite, depth_m, far_m) - near_m) / max(far_m - near_m, 1e-9)
    share[~finite] = 1
    return _grey(((1 - share) * 255).clip(0, 255))


def normal(normal_cam: np.ndarray) -> np.ndarray:
    """Normals in the colours of the 'normal-bae' ControlNet: blue front, red left, green up.

    normal_cam: (H, W, 3), OpenCV camera axes, unit, facing the camera, 0 = background. Each colour
    is (1 - n) / 2: a surface facing the camera (n = (0, 0, -1)) is (0.5, 0.5, 1). The background
    gets the colour of a surface facing the camera.
    """
    vectors = normal_cam.astype(np.float32)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    colour = (1 - vectors / np.maximum(length, 1e-6)) / 2 * 255
    picture = colour.clip(0, 255).astype(np.uint8)
    picture[length[..., 0] < 0.5] = _BACKGROUND_NORMAL
    return picture


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


CONTROL_PICTURES: dict[str, Callable[[ControlInputs], np.ndarray]] = {
    "openpose": lambda given: openpose(
        *(given.labels[name] for name in ("joints_2d", "joints_cam", "joints_code")),
        given.passes.depth,
        given.passes.instance,
    ),
    "depth": lambda given: depth(given.passes.depth),
    "depth_zoe": lambda given: depth_zoe(given.passes.depth),
    "normal": lambda given: normal(given.passes.normal),
    "canny": lambda given: canny(given.image),
    "softedge": lambda given: softedge(given.image, given.annotators, given.local_files_only),
    "seg": lambda given: seg(
        given.image,
        given.passes.depth,
        given.passes.normal,
        given.passes.instance,
        given.spec,
        given.frame,
    ),
}
"""How each name of `config_diffusion.CONTROLS` is drawn."""
