"""Control pictures from ground truth: what the ControlNets are told must not move.

Each is (H, W, 3) u8 RGB in the colours its ControlNet was trained on. controlnet_aux is imported
only when a picture needs it: it pulls in torchvision and a dozen detectors. Its OpenPose drawing
code carries CMU's non-commercial notice; leave the 'openpose' control out where that matters.
"""

import warnings

import cv2
import numpy as np

from pipeline.contracts import RenderPasses
from pipeline.truth.schema import SEEN, VISIBILITY

_DRAWING_PX = 512
"""ControlNet's skeletons have fixed line widths on a picture whose short side is 512 px."""

_MIN_PART_PX = 20
"""The OpenPose detector does not report hands and faces smaller than this on that picture."""

_BODY_18 = (55, None, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 56, 57, 58, 59)
"""OpenPose body point -> SMPL-X joint; the neck is the middle of the shoulders, as in COCO."""

_LIMBS = _BODY_18[2:14]
_NECK, _SHOULDERS = 1, (16, 17)
_LEFT_HAND = (20, 37, 38, 39, 66, 25, 26, 27, 67, 28, 29, 30, 68, 34, 35, 36, 69, 31, 32, 33, 70)
_RIGHT_HAND = (21, 52, 53, 54, 71, 40, 41, 42, 72, 43, 44, 45, 73, 49, 50, 51, 74, 46, 47, 48, 75)
_FACE_51 = tuple(range(76, 127))
_BACKGROUND_NORMAL = (127, 127, 255)


def control_pictures(
    names: list[str],
    image: np.ndarray,
    passes: RenderPasses,
    joints_2d: np.ndarray,
    joints_code: np.ndarray,
) -> dict[str, np.ndarray]:
    """The named controls of one frame.

    image: (H, W, 3) u8 render. joints_2d: (P, 127, 2) px. joints_code: (P, 127) u8, see
    `truth.schema.VISIBILITY`.
    """
    height, width = image.shape[:2]
    makers = {
        "openpose": lambda: openpose(joints_2d, joints_code, height, width),
        "depth": lambda: depth(passes.depth),
        "normal": lambda: normal(passes.normal),
        "canny": lambda: canny(image),
    }
    return {name: makers[name]() for name in dict.fromkeys(names)}


def openpose(joints_2d: np.ndarray, code: np.ndarray, height: int, width: int) -> np.ndarray:
    """Skeletons with hands and face points, drawn by controlnet_aux. People in array order.

    joints_2d: (P, 127, 2) px, SMPL-X order. code: (P, 127) u8. What others hide is not drawn. Of
    what a person hides itself, only the limbs are, as detectors guess those: a nose or an ear on
    the far side would turn the head around.
    """
    draw_poses, pose_result, body_result, keypoint = _openpose_drawing()
    scale = _DRAWING_PX / min(height, width)
    canvas_h, canvas_w = round(height * scale), round(width * scale)
    size = np.array([width, height], float)
    limb = np.isin(np.arange(joints_2d.shape[1]), _LIMBS)
    shown_code = np.isin(code, SEEN) | (limb & (code == VISIBILITY["self_occluded"]))
    inside = shown_code & ((joints_2d >= 0) & (joints_2d < size)).all(axis=-1)
    poses = []
    for points, shown in zip(joints_2d / size, inside, strict=True):

        def points_of(indices, points=points, shown=shown):
            """Hidden points lie left of the picture, which is how the detector marks them."""
            return [keypoint(*points[i]) if shown[i] else keypoint(-1.0, -1.0) for i in indices]

        def part(indices, points=points, shown=shown):
            seen = points[[i for i in indices if shown[i]]] * (canvas_w, canvas_h)
            large = len(seen) > 1 and np.ptp(seen, axis=0).max() >= _MIN_PART_PX
            return points_of(indices, points, shown) if large else None

        body = [keypoint(*points[i]) if i is not None and shown[i] else None for i in _BODY_18]
        if shown[list(_SHOULDERS)].all():
            body[_NECK] = keypoint(*points[list(_SHOULDERS)].mean(axis=0))
        if any(point is not None for point in body):
            result = body_result(keypoints=body, total_score=1.0, total_parts=18)
            poses.append(pose_result(result, part(_LEFT_HAND), part(_RIGHT_HAND), part(_FACE_51)))
    canvas = draw_poses(poses, canvas_h, canvas_w)
    if canvas.shape[:2] == (height, width):
        return canvas
    shrink = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return cv2.resize(canvas, (width, height), interpolation=shrink)


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
    return np.repeat((grey * 255).round().astype(np.uint8)[..., None], 3, axis=2)


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


def canny(image: np.ndarray) -> np.ndarray:
    """White edges on black at the image's own resolution, by controlnet_aux's detector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux import CannyDetector
    height, width = image.shape[:2]
    # The detector resizes to multiples of 64; padding first makes that resize the identity.
    padded = np.pad(image, ((0, -height % 64), (0, -width % 64), (0, 0)), mode="edge")
    short_side = min(padded.shape[:2])
    edges = CannyDetector()(padded, detect_resolution=short_side, image_resolution=short_side)
    return edges[:height, :width].copy()


def _openpose_drawing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux.open_pose import PoseResult, draw_poses
        from controlnet_aux.open_pose.body import BodyResult, Keypoint
    return draw_poses, PoseResult, BodyResult, Keypoint
