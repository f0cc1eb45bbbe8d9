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
