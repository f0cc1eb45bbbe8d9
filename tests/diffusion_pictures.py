"""Made-up pictures of two people for the re-rendering tests: textured, with exact masks."""

import cv2
import numpy as np

from pipeline.contracts import RenderPasses
from pipeline.conventions import PARTS


def cloth(rng: np.random.Generator, height: int, width: int, cell_px: float) -> np.ndarray:
    """(H, W, 3) u8 RGB of smooth random blotches about `cell_px` wide, on a random colour."""
    noise = rng.standard_normal((height, width, 3)).astype(np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), cell_px / 2)
    coarse = cv2.GaussianBlur(noise, (0, 0), 3 * cell_px)
    mixed = fine / fine.std() * 18 + coarse / coarse.std() * 18 + rng.uniform(70, 180, 3)
    return mixed.clip(0, 255).astype(np.uint8)


def part_picture(size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Part ids (size, size) u8 and instance ids u16 of two standing figures."""
    part = np.zeros((size, size), np.uint8)
    instance = np.zeros((size, size), np.uint16)
    unit = size / 256
    for person, middle in enumerate((80, 170)):
        figure = np.zeros_like(part)

        def ellipse(name, x, y, rx, ry, figure=figure, middle=middle):
            centre = (round((middle + x) * unit), round(y * unit))
            axes = (round(rx * unit), round(ry * unit))
            cv2.ellipse(figure, centre, axes, 0, 0, 360, PARTS[name], -1)

        ellipse("lower", -14, 190, 13, 50)
        ellipse("lower", 14, 190, 13, 50)
        ellipse("skin", -36, 115, 8, 40)
        ellipse("skin", 36, 115, 8, 40)
        ellipse("upper", 0, 110, 30, 48)
        ellipse("hands", -36, 158, 9, 9)
        ellipse("hands", 36, 158, 9, 9)
        ellipse("hair", 0, 38, 19, 22)
        ellipse("face", 0, 44, 15, 19)
        part[figure > 0] = figure[figure > 0]
        instance[figure > 0] = person + 1
    return part, instance


def people_picture(seed: int = 0, size: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image (size, size, 3) u8 RGB with its part and instance masks."""
    rng = np.random.default_rng(seed)
    part, instance = part_picture(size)
    image = cloth(rng, size, size, 5)
    for person in (1, 2):
        for value in PARTS.values():
            mask = (instance == person) & (part == value)
            image[mask] = cloth(rng, size, size, 4)[mask]
    return cv2.GaussianBlur(image, (0, 0), 0.6), part, instance


def passes_of(part: np.ndarray, instance: np.ndarray) -> RenderPasses:
    """Render passes of figures 2 and 3 m away before nothing, all facing the camera."""
    height, width = part.shape
    depth = np.where(instance == 0, np.inf, 1.0 + instance).astype(np.float32)
    normal = np.zeros((height, width, 3), np.float16)
    normal[instance > 0] = (0, 0, -1)
    vertex_uv = np.zeros((int(instance.max()), 1, 2), np.float32)
    people = np.arange(1, int(instance.max()) + 1)
    return RenderPasses(
        depth=depth,
        normal=normal,
        instance=instance,
        part=part,
        body_instance=instance,
        body_depth=depth,
        vertex_uv=vertex_uv,
        position_error_px=np.array(0.0, np.float32),
        amodal=instance == people[:, None, None],
        body_face=np.where(instance > 0, 0, -1).astype(np.int32),
        body_bary=np.zeros((height, width, 2), np.float16),
        flow=np.zeros((0, 0, 2), np.float32),
    )


def shifted(image: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """The image moved by (dx, dy) px."""
    return cv2.warpAffine(
        image,
        np.float32([[1, 0, dx], [0, 1, dy]]),
        image.shape[1::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )


def relooked(image: np.ndarray, rng: np.random.Generator, amount: float = 1.0) -> np.ndarray:
    """Another look without any motion: gamma, colour cast, blotches and noise."""
    x = (image.astype(np.float32) / 255) ** rng.uniform(0.7, 1.4)
    x = x * rng.uniform(0.8, 1.2, 3) + rng.normal(0, 0.05, 3)
    blotches = cv2.GaussianBlur(rng.standard_normal(image.shape).astype(np.float32), (0, 0), 3)
    x += amount * 0.06 * blotches / blotches.std()
    x += amount * 0.03 * rng.standard_normal(image.shape)
    return (x.clip(0, 1) * 255).astype(np.uint8)


def behind(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) u8 without what is in `mask` (H, W) bool: the nearest other pixels."""
    hole = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5)))
    _, nearest = cv2.distanceTransformWithLabels(
        hole, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    pixel = np.zeros(nearest.max() + 1, np.int64)
    outside = np.flatnonzero(hole.ravel() == 0)
    pixel[nearest.ravel()[outside]] = outside
    filled = image.reshape(-1, 3)[pixel[nearest]]
    return np.where(hole[..., None] > 0, cv2.GaussianBlur(filled, (0, 0), 2), image)


def moved_person(
    image: np.ndarray, mask: np.ndarray, pull_px: np.ndarray, behind_mask: bool = False
) -> np.ndarray:
    """The image with the content of `mask` moved before a background that stays.

    pull_px: (H, W, 2) f32: what ends up at a pixel comes from pixel - pull_px. behind_mask: the
    mask stays too, as a window that the person moves behind.
    """
    height, width = mask.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x - pull_px[..., 0], y - pull_px[..., 1]
    person = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    if behind_mask:
        return np.where(mask[..., None], person, image)
    cover = cv2.remap(mask.astype(np.float32), x, y, cv2.INTER_LINEAR)[..., None]
    mixed = cover * person + (1 - cover) * behind(image, mask)
    return mixed.round().clip(0, 255).astype(np.uint8)


def uniform_pull(shape: tuple[int, int], distance_px: float, angle_rad: float) -> np.ndarray:
    """Pull (H, W, 2) f32 of a motion by the same distance everywhere."""
    pull = np.empty((*shape, 2), np.float32)
    pull[...] = distance_px * np.cos(angle_rad), distance_px * np.sin(angle_rad)
    return pull


def wavy_pull(mask: np.ndarray, distance_px: float, rng: np.random.Generator) -> np.ndarray:
    """Pull (H, W, 2) f32 that changes smoothly over some 60 px, of that mean length in the mask.

    Long vectors are shortened, so that hardly any has more than twice the mean length.
    """
    noise = rng.standard_normal((*mask.shape, 2)).astype(np.float32)
    pull = cv2.GaussianBlur(noise, (0, 0), 24)
    pull /= np.sqrt((pull**2).sum(axis=2, keepdims=True) + 2 * (pull[mask] ** 2).sum(axis=1).mean())
    return pull * np.float32(distance_px / np.linalg.norm(pull, axis=-1)[mask].mean())


def pushed_px(pull_px: np.ndarray) -> np.ndarray:
    """(H, W) f32: how far what was at each pixel is moved by `pull_px`, by fixed-point steps."""
    height, width = pull_px.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    push = np.zeros_like(pull_px)
    for _ in range(30):
        push = cv2.remap(
            pull_px,
            x + push[..., 0],
            y + push[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return np.linalg.norm(push, axis=-1)


def with_extra_arm(
    image: np.ndarray, mask: np.ndarray, source_xy: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """The image with an arm before the middle of the person in `mask`.

    Its texture is that around `source_xy`, turned; its length is 0.3 of the person's height and its
    width 0.06.
    """
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner = np.argwhere(depth > 0.5 * depth.max())
    centre = inner[rng.integers(len(inner))][::-1].astype(np.float64)
    height = np.ptp(np.flatnonzero(mask.any(axis=1)))
    angle = rng.uniform(0, np.pi)
    half = 0.15 * height * np.array([np.cos(angle), np.sin(angle)])
    arm = np.zeros(mask.shape, np.uint8)
    ends = [tuple(int(v) for v in np.round(centre + side * half)) for side in (-1, 1)]
    cv2.line(arm, *ends, 1, max(round(0.06 * height), 1))
    turn = cv2.getRotationMatrix2D(
        (float(source_xy[0]), float(source_xy[1])), rng.uniform(40, 320), 1
    )
    turn[:, 2] += centre - source_xy
    texture = cv2.warpAffine(image, turn, mask.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    return _blended(image, texture, arm > 0)


def without(image: np.ndarray, limb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image with background instead of the part `limb` (H, W) bool of the person in `mask`."""
    return _blended(image, behind(image, mask), limb)


def with_turned(
    image: np.ndarray, limb: np.ndarray, mask: np.ndarray, angle_deg: float
) -> np.ndarray:
    """The image with the part `limb` of the person in `mask` turned about its upper end."""
    y, x = np.argwhere(limb)[0]
    turn = cv2.getRotationMatrix2D((float(x), float(y)), angle_deg, 1)
    size = mask.shape[::-1]
    turned = cv2.warpAffine(limb.astype(np.uint8), turn, size) > 0
    return _blended(without(image, limb, mask), cv2.warpAffine(image, turn, size), turned)


def _blended(image: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    cover = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)[..., None]
    return (cover * other + (1 - cover) * image).round().astype(np.uint8)
