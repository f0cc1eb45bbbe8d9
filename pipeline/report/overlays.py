"""Depth, normals, ids and labels as colours on a picture.

All functions take and return (H, W, 3) uint8 RGB unless they say otherwise; none writes into its
argument.
"""

import cv2
import numpy as np

from pipeline.body.modelfile import PARENTS
from pipeline.conventions import PARTS
from pipeline.truth.schema import VISIBILITY

PERSON_COLOURS = np.array(
    [
        (230, 97, 60),
        (64, 148, 236),
        (96, 186, 88),
        (240, 188, 50),
        (168, 108, 214),
        (66, 190, 190),
        (232, 120, 176),
        (150, 120, 80),
    ],
    np.uint8,
)
PART_COLOURS = {
    "background": (24, 26, 30),
    "skin": (226, 170, 136),
    "face": (250, 208, 176),
    "hands": (240, 130, 110),
    "feet": (190, 110, 90),
    "eyes_mouth": (240, 240, 250),
    "hair": (110, 72, 44),
    "upper": (66, 133, 220),
    "lower": (60, 90, 150),
    "full": (150, 90, 190),
    "outer": (60, 160, 130),
    "shoes": (90, 90, 96),
}
CODE_COLOURS = {
    "visible": (90, 235, 110),
    "covered": (90, 200, 235),
    "self_occluded": (250, 210, 70),
    "person_occluded": (245, 80, 80),
    "object_occluded": (220, 90, 220),
    "outside_image": (150, 150, 150),
}

_BODY_ALPHA, _SHADES = 204, 30


def person_colour(person: int) -> np.ndarray:
    """Colour (3,) uint8 of a person."""
    return PERSON_COLOURS[person % len(PERSON_COLOURS)]


def depth_picture(depth_m: np.ndarray) -> np.ndarray:
    """Depth (H, W) m as colours: near is bright; the range is that of the finite pixels."""
    finite = np.isfinite(depth_m)
    picture = np.zeros((*depth_m.shape, 3), np.uint8)
    if finite.any():
        # Most of the range would go to the ground's far end: spread by inverse depth.
        inverse = 1 / depth_m[finite]
        low, high = np.percentile(inverse, [1, 99.5])
        level = np.clip((inverse - low) / max(high - low, 1e-9), 0, 1)
        colours = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_MAGMA)
        picture[finite] = colours[:, 0, ::-1]
    return picture


def normal_picture(normal: np.ndarray) -> np.ndarray:
    """Camera-frame normals (H, W, 3) as colours; facing the camera is light blue."""
    facing = normal.astype(np.float32) * [1, -1, -1]
    picture = ((facing * 0.5 + 0.5) * 255).clip(0, 255).astype(np.uint8)
    picture[(normal == 0).all(axis=-1)] = 24
    return picture


def instance_picture(instance: np.ndarray) -> np.ndarray:
    """Instance ids (H, W) as colours."""
    picture = np.full((*instance.shape, 3), 24, np.uint8)
    for value in np.unique(instance[instance > 0]):
        picture[instance == value] = person_colour(int(value) - 1)
    return picture


def part_picture(part: np.ndarray) -> np.ndarray:
    """Semantic ids (H, W) as colours."""
    table = np.zeros((256, 3), np.uint8)
    for name, index in PARTS.items():
        table[index] = PART_COLOURS[name]
    return table[part]


def draw_outlines(image: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Person masks as thin outlines."""
    picture = image.copy()
    for value in np.unique(instance[instance > 0]):
        contours, _ = cv2.findContours(
            (instance == value).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        colour = tuple(int(c) for c in person_colour(int(value) - 1))
        cv2.drawContours(picture, contours, -1, colour, 1, cv2.LINE_AA)
    return picture


def draw_skeletons(image: np.ndarray, joints_2d: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """55 joints and their bones; the joint's colour is its visibility code.

    joints_2d: (P, 127, 2) px. codes: (P, 127).
    """
    picture = (image * 0.6).astype(np.uint8)
    colours = {VISIBILITY[name]: colour for name, colour in CODE_COLOURS.items()}
    thickness = max(1, round(min(image.shape[:2]) / 300))
    for k, (uv, code) in enumerate(zip(joints_2d, codes, strict=True)):
        bone = tuple(int(c) for c in person_colour(k))
        for child, parent in enumerate(PARENTS):
            # Eyes and jaw hang off the head by bones that say nothing.
            if parent >= 0 and child not in (22, 23, 24):
                cv2.line(
                    picture, _dot(uv[parent]), _dot(uv[child]), bone, thickness, cv2.LINE_AA, 4
                )
        for j in range(len(uv)):
            radius = thickness + 1 if j < 22 else thickness
            cv2.circle(picture, _dot(uv[j]), radius * 8, colours[int(code[j])], -1, cv2.LINE_AA, 4)
    return picture


def draw_points(image: np.ndarray, points_2d: np.ndarray) -> np.ndarray:
    """Surface key-points (P, n, 2) px as dots in the person's colour."""
    picture = (image * 0.6).astype(np.uint8)
    for k, uv in enumerate(points_2d):
        colour = tuple(int(c) for c in person_colour(k))
        for point in uv:
            cv2.circle(picture, _dot(point), 20, colour, -1, cv2.LINE_AA, 4)
    return picture


def draw_bodies(image: np.ndarray, alone_depth: np.ndarray, K: np.ndarray) -> np.ndarray:
    """The labelled bodies, shaded, over the picture.

    alone_depth: (P, H, W) m, each body drawn alone from its label parameters.
    """
    layer = body_layer(alone_depth, K).astype(np.float32)
    cover = layer[..., 3:] / 255
    return np.round(cover * layer[..., :3] + (1 - cover) * image).astype(np.uint8)


def body_layer(alone_depth: np.ndarray, K: np.ndarray) -> np.ndarray:
    """The labelled bodies (H, W, 4) RGBA, shaded; nothing where there is none.

    alone_depth: (P, H, W) m. Nobody but another body is in front of a body.
    """
    picture = np.zeros((*alone_depth.shape[1:], 4), np.uint8)
    nearest = alone_depth.min(axis=0)
    for k, depth in enumerate(alone_depth):
        mask = np.isfinite(depth) & (depth == nearest)
        # Few enough shades for a palette of 256 colours.
        light = np.round(_shading(depth, K)[mask] * _SHADES) / _SHADES
        picture[mask, :3] = person_colour(k) * (0.2 + 0.8 * light[:, None])
        picture[mask, 3] = _BODY_ALPHA
    return picture


def _shading(depth: np.ndarray, K: np.ndarray) -> np.ndarray:
    """How much each pixel's surface faces the camera (H, W), from differences of depth."""
    filled = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
    step_v, step_u = np.gradient(filled)
    scale = np.maximum(filled, 0.1) / K[0, 0]
    return (1 / np.sqrt(1 + (step_u / scale) ** 2 + (step_v / scale) ** 2)).astype(np.float32)


def _dot(uv: np.ndarray) -> tuple[int, int]:
    """Continuous pixel coordinates in OpenCV's 1/16 px, whose integers are pixel centres."""
    return tuple(int(round(float(c))) for c in (np.clip(uv, -1e5, 1e5) - 0.5) * 16)


def amodal_picture(amodal: np.ndarray) -> np.ndarray:
    """Masks (P, H, W) in the people's colours, mixed where they lie over each other."""
    picture = np.zeros((*amodal.shape[1:], 3))
    for person, mask in enumerate(amodal):
        picture[mask] += person_colour(person)
    count = np.maximum(amodal.sum(axis=0), 1)[..., None]
    return (picture / count).astype(np.uint8)


def surface_picture(face: np.ndarray, bary: np.ndarray, corner_uv: np.ndarray) -> np.ndarray:
    """The body's texture coordinates as red and green. face (H, W); bary (H, W, 2); corner_uv
    (F, 3, 2)."""
    picture = np.zeros((*face.shape, 3), np.uint8)
    on = face >= 0
    first_two = bary[on].astype(float)
    weights = np.column_stack([first_two, 1 - first_two.sum(axis=1)])
    uv = np.einsum("nk,nkd->nd", weights, corner_uv[face[on]])
    picture[on] = np.column_stack([255 * uv, np.full(len(uv), 110)]).clip(0, 255)
    return picture


def flow_picture(flow: np.ndarray) -> np.ndarray:
    """Direction as hue, length as strength, as flow is usually shown; grey is unknown."""
    known = np.isfinite(flow).all(axis=-1)
    moved = np.where(known[..., None], flow, 0)
    length = np.linalg.norm(moved, axis=-1)
    longest = max(float(np.percentile(length, 99)), 1e-6)
    # OpenCV's eight-bit hue runs to 180.
    hue = (np.arctan2(moved[..., 1], moved[..., 0]) / (2 * np.pi) % 1 * 179).astype(np.uint8)
    strength = (np.clip(length / longest, 0, 1) * 255).astype(np.uint8)
    hsv = np.stack([hue, strength, np.full_like(hue, 255)], axis=-1)
    picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    picture[~known] = 90
    return picture
