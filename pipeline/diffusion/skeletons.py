"""The 'openpose' control: skeletons with hands and faces, as OpenPose's own pictures look.

The look (order of the points, which are joined, evenly spaced hues, limbs as ellipses at 0.6
brightness, sizes on a picture whose short side is 512 px) is what the ControlNets were trained on;
Cao et al. 2019 (arXiv 1812.08008) describe the detector. The drawing is our own. A test holds it
against controlnet_aux's, whose OpenPose code may not be used commercially.
"""

import colorsys

import cv2
import numpy as np

from pipeline.truth.schema import SEEN, VISIBILITY

_DRAWING_PX = 512
_MIN_PART_PX = 20
"""The OpenPose detector does not report hands and faces smaller than this on that picture."""

_NOSE, _NECK, _SHOULDERS = 55, 1, (17, 16)
_BODY = (_NOSE, None, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 56, 57, 58, 59)
"""OpenPose body point -> SMPL-X joint; the neck is the middle of the shoulders, as in COCO."""

_BODY_PARENT = (1, None, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12, 0, 0, 14, 15)
_BODY_ORDER = (2, 5, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 0, 14, 16, 15, 17)
"""The point at the far end of each limb, in the order they are painted and coloured."""

_LIMB_JOINTS = _BODY[2:14]
LEFT_HAND = (20, 37, 38, 39, 66, 25, 26, 27, 67, 28, 29, 30, 68, 34, 35, 36, 69, 31, 32, 33, 70)
RIGHT_HAND = (21, 52, 53, 54, 71, 40, 41, 42, 72, 43, 44, 45, 73, 49, 50, 51, 74, 46, 47, 48, 75)
_FACE = tuple(range(76, 127))

_RADIUS_PX, _FACE_RADIUS_PX, _FINGER_PX = 4, 3, 2
_LIMB_BRIGHTNESS = 0.6
_FINGERTIP, _WHITE = (0, 0, 255), (255, 255, 255)

_SAMPLES, _NEEDED = 10, 0.8
"""The detector joins two points when more than 0.8 of 10 places between them show the limb."""


def openpose(
    joints_2d: np.ndarray,
    joints_cam: np.ndarray,
    code: np.ndarray,
    depth_m: np.ndarray,
    instance: np.ndarray,
) -> np.ndarray:
    """Skeletons (H, W, 3) u8 RGB of everybody, the farthest painted first.

    joints_2d: (P, 127, 2) px and joints_cam: (P, 127, 3) m, SMPL-X order. code: (P, 127) u8, see
    `truth.schema.VISIBILITY`. depth_m: (H, W) m and instance: (H, W), person k is k + 1.

    Drawn is what the detector would find in a perfect photograph. A point that others hide, or that
    is outside, is not found. Of what a person hides itself, limbs are guessed, and fingers of a
    hand most of which is seen; but no nose, eye, ear or face point: one on the far side would turn
    the head around. Two points are joined unless others hide a fifth of the limb between them.
    Nothing is clipped: a real skeleton goes on across whoever stands before it.
    """
    height, width = depth_m.shape
    scale = _DRAWING_PX / min(height, width)
    canvas = np.zeros((round(height * scale), round(width * scale), 3), np.uint8)
    size, canvas_size = np.array([width, height], float), np.array(canvas.shape[1::-1], float)
    shown = _found(code) & ((joints_2d >= 0) & (joints_2d < size)).all(axis=-1)
    on_canvas = joints_2d / size * canvas_size
    order = np.argsort(-joints_cam[:, _LIMB_JOINTS, 2].mean(axis=1), kind="stable")
    for k in order:
        points, found = _body_points(on_canvas[k], shown[k])
        uv_px, _ = _body_points(joints_2d[k], shown[k])
        z_m, _ = _body_points(joints_cam[k, :, 2:], shown[k])
        joined = _joined(uv_px, z_m[:, 0], found, depth_m, instance, k + 1)
        _draw_body(canvas, points, found, joined)
        for hand in (LEFT_HAND, RIGHT_HAND):
            if _large(on_canvas[k, hand], shown[k, hand]):
                _draw_hand(canvas, on_canvas[k, hand], shown[k, hand])
        if _large(on_canvas[k, _FACE], shown[k, _FACE]):
            _draw_dots(canvas, on_canvas[k, _FACE], shown[k, _FACE], _FACE_RADIUS_PX, _WHITE)
    if canvas.shape[:2] == (height, width):
        return canvas
    resample = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return cv2.resize(canvas, (width, height), interpolation=resample)


def _found(code: np.ndarray) -> np.ndarray:
    """Joints (P, 127) bool that a detector would see or guess, wherever they are."""
    seen, own = np.isin(code, SEEN), code == VISIBILITY["self_occluded"]
    guessed = np.zeros_like(seen)
    guessed[:, _LIMB_JOINTS] = True
    for hand in (LEFT_HAND, RIGHT_HAND):
        guessed[:, hand] |= seen[:, hand].mean(axis=1, keepdims=True) > 0.5
    return seen | (own & guessed)


def _body_points(joints: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """OpenPose's 18 body points (18, D) of joints (127, D), and which of them are found (18,)."""
    body = [_NOSE if j is None else j for j in _BODY]
    points, found = joints[body].astype(float), shown[body]
    points[_NECK] = joints[list(_SHOULDERS)].mean(axis=0)
    found[_NECK] = shown[list(_SHOULDERS)].all()
    return points, found


def _joined(uv_px, z_m, found, depth_m, instance, own_id: int) -> np.ndarray:
    """Whether each body point (18,) is joined to its parent: both found, and seen in between."""
    joined = np.zeros(len(found), bool)
    share = np.linspace(0, 1, _SAMPLES)
    for end in _BODY_ORDER:
        start = _BODY_PARENT[end]
        if not (found[start] and found[end]):
            continue
        u, v = np.array([uv_px[start] + s * (uv_px[end] - uv_px[start]) for s in share]).T
        # Along a line in the image, the inverse of depth is linear.
        along_m = 1 / (1 / z_m[start] + share * (1 / z_m[end] - 1 / z_m[start]))
        at = v.astype(int), u.astype(int)
        hidden = (instance[at] != own_id) & (depth_m[at] < along_m)
        joined[end] = (~hidden).mean() > _NEEDED
    return joined


def _large(points: np.ndarray, shown: np.ndarray) -> bool:
    """Whether what is seen of a hand or face is large enough for the detector."""
    return shown.sum() > 1 and np.ptp(points[shown], axis=0).max() >= _MIN_PART_PX


def _draw_body(canvas, points: np.ndarray, found: np.ndarray, joined: np.ndarray) -> None:
    hues = _hues(len(_BODY))
    for number, end in enumerate(_BODY_ORDER):
        if not joined[end]:
            continue
        start = _BODY_PARENT[end]
        towards = points[start] - points[end]
        outline = cv2.ellipse2Poly(
            center=tuple(int(x) for x in (points[start] + points[end]) / 2),
            axes=(int(np.hypot(*towards) / 2), _RADIUS_PX),
            angle=int(np.degrees(np.arctan2(towards[1], towards[0]))),
            arcStart=0,
            arcEnd=360,
            delta=1,
        )
        # Truncated, not rounded, as the pictures that were trained on.
        colour = [int(_LIMB_BRIGHTNESS * c) for c in hues[number]]
        cv2.fillConvexPoly(canvas, outline, colour)
    for point, shown, colour in zip(points, found, hues, strict=True):
        _draw_dots(canvas, point[None], np.array([shown]), _RADIUS_PX, colour)


def _draw_hand(canvas, points: np.ndarray, shown: np.ndarray) -> None:
    hues = _hues(len(points) - 1)
    for end in range(1, len(points)):
        start = 0 if end % 4 == 1 else end - 1
        if shown[start] and shown[end]:
            a, b = (tuple(int(x) for x in points[i]) for i in (start, end))
            cv2.line(canvas, a, b, hues[end - 1], _FINGER_PX)
    _draw_dots(canvas, points, shown, _RADIUS_PX, _FINGERTIP)


def _draw_dots(canvas, points: np.ndarray, shown: np.ndarray, radius_px: int, colour) -> None:
    for x, y in points[shown].astype(int).tolist():
        cv2.circle(canvas, (x, y), radius_px, colour, cv2.FILLED)


def _hues(count: int) -> list[list[int]]:
    """That many colours around the colour wheel from red on, RGB in 0..255."""
    return [[round(255 * c) for c in colorsys.hsv_to_rgb(k / count, 1, 1)] for k in range(count)]
