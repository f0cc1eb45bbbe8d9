"""What an HDRI does to a scene, in numpy: irradiance, exposure, white balance, the ground's colour.

A panorama is (H, W, 3) float32 linear radiance with row 0 at the BOTTOM (Blender's order); a world
direction (x, y, z) lies at u = 0.5 - atan2(y, x) / 2 pi, v = 0.5 + asin(z) / pi (Cycles' mapping).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.conventions import rotation_z

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SKIN_ALBEDO = 0.30
"""Mean reflectance of clothes and skin that the exposure is set for."""

KEY = 0.25
"""Radiance that the metered subject is brought to; the view transforms put it a little above mid
display grey."""

WHITE_BALANCE = 0.5
"""How far the camera's white balance follows the light's colour."""

MAX_ALBEDO = 0.88
DARKEST_FLOOR = 0.10
NEAR_M = (3.5, 7.0)
"""People stand within the first; what is not floor is painted over there, less and less up to the
second."""
PLAIN_M = (8.0, 12.0)
"""The same for a plain floor, which covers what stood there up to where the ground dissolves."""


@dataclass(frozen=True)
class Environment:
    """A panorama turned by `rotation_deg` anticlockwise about the vertical, with channel gains."""

    panorama: np.ndarray
    rotation_deg: float
    gains: np.ndarray

    def radiance(self, directions: np.ndarray) -> np.ndarray:
        """Linear RGB (..., 3) seen along world directions (..., 3), not necessarily unit."""
        height, width, _ = self.panorama.shape
        # Rows times R turn by its inverse: into the panorama's own frame.
        local = directions @ rotation_z(self.rotation_deg).astype(directions.dtype)
        length = np.linalg.norm(local, axis=-1)
        u = 0.5 - np.arctan2(local[..., 1], local[..., 0]) / (2 * np.pi)
        v = 0.5 + np.arcsin(np.clip(local[..., 2] / length, -1, 1)) / np.pi
        shape = u.shape
        columns = (u * width - 0.5).reshape(shape[0], -1).astype(np.float32)
        rows = np.clip(v * height - 0.5, 0, height - 1).reshape(shape[0], -1).astype(np.float32)
        # OpenCV wraps both axes; rows never leave the image, so only columns wrap.
        sampled = cv2.remap(
            self.panorama, columns % width, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return sampled.reshape(*shape, 3) * self.gains

    def irradiance(self, normal: np.ndarray) -> np.ndarray:
        """Linear RGB (3,) falling on an unshadowed surface with world normal (3,), W/m2-like."""
        normal = rotation_z(-self.rotation_deg) @ (np.asarray(normal) / np.linalg.norm(normal))
        panorama = _reduced(self.panorama)
        directions, solid_angle = _sphere(*panorama.shape[:2])
        cosine = np.maximum(directions @ normal, 0) * solid_angle
        return np.einsum("hw,hwc->c", cosine, panorama) * self.gains


def _reduced(panorama: np.ndarray) -> np.ndarray:
    """The panorama at 256 x 128 or less: enough for what is integrated over the whole sphere."""
    if panorama.shape[1] <= 256:
        return panorama
    return cv2.resize(panorama, (256, 128), interpolation=cv2.INTER_AREA)


def _sphere(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (H, W, 3) of a panorama's texels and their solid angles (H, 1)."""
    elevation = ((np.arange(height) + 0.5) / height - 0.5) * np.pi
    azimuth = (0.5 - (np.arange(width) + 0.5) / width) * 2 * np.pi
    cos_elevation = np.cos(elevation)[:, None]
    directions = np.stack(
        [
            cos_elevation * np.cos(azimuth),
            cos_elevation * np.sin(azimuth),
            np.broadcast_to(np.sin(elevation)[:, None], (height, width)),
        ],
        axis=-1,
    )
    return directions, cos_elevation * (np.pi / height) * (2 * np.pi / width)


def white_balance(panorama: np.ndarray, strength: float) -> np.ndarray:
    """Channel gains (3,) that bring the light's mean colour `strength` of the way to neutral.

    What a camera's automatic white balance does; luminance is kept.
    """
    panorama = _reduced(panorama)
    _, solid_angle = _sphere(*panorama.shape[:2])
    mean = (panorama * solid_angle[..., None]).mean(axis=(0, 1), dtype=float)
    gains = (LUMINANCE @ mean / np.maximum(mean, 1e-6)) ** strength
    return gains * (LUMINANCE @ mean) / (LUMINANCE @ (mean * gains))


def exposure_stops(environment: Environment, T_cam_world: np.ndarray, K: np.ndarray) -> float:
    """Exposure (log2) at which people before this camera come out right.

    The subject is metered by the light on surfaces that face the camera, the frame by the panorama
    behind it; people count more, as in any portrait, but a dark room or a bright sky still pulls.
    """
    right, down, forward = T_cam_world[:3, :3]
    facing = [-forward, 0.7 * right - forward, -0.7 * right - forward, -0.8 * down - forward]
    light = np.mean([environment.irradiance(n) @ LUMINANCE for n in facing])
    subject = light * SKIN_ALBEDO / np.pi
    u, v = np.meshgrid(np.linspace(0, 2 * K[0, 2], 24), np.linspace(0, 2 * K[1, 2], 24))
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T @ T_cam_world[:3, :3]
    behind = environment.radiance(rays) @ LUMINANCE
    frame = np.exp(np.log(np.maximum(behind, 1e-4)).mean())
    metered = subject**0.65 * frame**0.35
    stops = np.log2(KEY / metered)
    # Whatever is behind, people must stay within reach of a good exposure.
    return float(np.clip(stops, *(np.log2(KEY / subject) + np.array([-0.5, 0.5]))))


def ground_albedo(
    environment: Environment,
    eye_m: np.ndarray,
    radius_m: float,
    size_px: int,
    plain: bool = False,
) -> np.ndarray:
    """Colour (size, size, 3) float32 of the plane z = 0 as the photo's continuation; row 0 at -Y.

    Seen from `eye_m`, and unshadowed, a diffuse plane of this albedo has exactly the radiance of
    the panorama behind it, so the plane has no visible edge. Where people stand, what is plainly
    not floor (furniture, a wall, water) becomes the floor the photographer stood on. plain: near
    the people, the one colour of that floor instead.
    """
    step = (((np.arange(size_px) + 0.5) / size_px * 2 - 1) * radius_m).astype(np.float32)
    x, y = np.meshgrid(step, step)
    eye = eye_m.astype(np.float32)
    directions = np.stack([x - eye[0], y - eye[1], np.full_like(x, -eye[2])], axis=-1)
    light = np.maximum(environment.irradiance(np.array([0.0, 0.0, 1.0])), 1e-4)
    albedo = np.clip(environment.radiance(directions) * np.pi / light, 0.004, MAX_ALBEDO)
    floor = _own_floor(environment, light, x, y)
    mean = np.log2(np.median(floor[::8, ::8].reshape(-1, 3), axis=0))
    smooth = cv2.GaussianBlur(np.log2(albedo), (0, 0), max(size_px / 90, 1))
    unlike = np.sqrt(((smooth - mean) ** 2).mean(axis=-1))
    if plain:
        near = np.clip((PLAIN_M[1] - np.hypot(x, y)) / (PLAIN_M[1] - PLAIN_M[0]), 0, 1)[..., None]
        return (albedo * (1 - near) + np.exp2(mean) * near).astype(np.float32)
    near = np.clip((NEAR_M[1] - np.hypot(x, y)) / (NEAR_M[1] - NEAR_M[0]), 0, 1)
    replaced = (near * np.clip((unlike - 0.5) / 0.6, 0, 1))[..., None]
    return (albedo * (1 - replaced) + floor * replaced).astype(np.float32)


def _own_floor(
    environment: Environment, light: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Albedo (H, W, 3) of a floor like the one below the panorama's tripod, at ground points x, y.

    The true floor within a metre of the tripod is mirrored outwards; never darker than asphalt.
    """
    patch, height = 1.1, 1.6
    folded = [np.abs((c - patch) % (4 * patch) - 2 * patch) - patch for c in (x, y)]
    directions = np.stack([*folded, np.full_like(x, -height)], axis=-1)
    colour = np.clip(environment.radiance(directions) * np.pi / light, 0.004, 0.6)
    dark = np.median(colour[::8, ::8].reshape(-1, 3), axis=0) @ LUMINANCE
    return np.clip(colour * max(1.0, DARKEST_FLOOR / dark), 0.004, 0.6)
