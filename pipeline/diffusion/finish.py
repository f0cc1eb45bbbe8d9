"""A photographic finish by classical means: what a lens and a sensor add to a perfect render.

Tone, white balance, a little bloom and softness, vignetting and grain. Every step is a per-pixel
or a symmetric local operation, so nothing moves: no distortion, no chromatic displacement.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from pipeline.seeding import Stream, generator

_GRAIN_CORRELATION_PX = 0.6
_BLOOM_THRESHOLD = 0.75
_MID_GREY = 0.15
_METER_LIMITS = (0.85, 1.4)
_SHOULDER_START = 0.7


@dataclass(frozen=True)
class Look:
    """One camera's rendition.

    gain: RGB white-balance factors. exposure: factor on top of the camera's metering. contrast:
    S-curve amount, 0 = none. saturation: factor. softness_px: Gaussian sigma of the lens.
    sharpening: unsharp amount of the camera. bloom: share of highlight light that spreads.
    vignette: loss in the corners, 0..1. grain: noise standard deviation at mid-grey, in 1/255.
    """

    gain: tuple[float, float, float]
    exposure: float
    contrast: float
    saturation: float
    softness_px: float
    sharpening: float
    bloom: float
    vignette: float
    grain: float

    def to_json(self) -> dict:
        """JSON form."""
        return {
            name: [round(v, 4) for v in value] if name == "gain" else round(value, 4)
            for name, value in asdict(self).items()
        }


def sample_look(rng: np.random.Generator) -> Look:
    """A camera, drawn within what one photographer's cameras differ by."""
    warmth, tint = rng.normal(0, 0.015), rng.normal(0, 0.006)
    return Look(
        gain=(1 + warmth, 1 + tint, 1 - warmth),
        exposure=float(np.exp(rng.normal(0, 0.03))),
        contrast=rng.uniform(0.12, 0.38),
        saturation=rng.uniform(1.0, 1.12),
        softness_px=rng.uniform(0.35, 0.55),
        sharpening=rng.uniform(0.25, 0.5),
        bloom=rng.uniform(0.02, 0.08),
        vignette=rng.uniform(0.02, 0.09),
        grain=rng.uniform(0.6, 1.6),
    )


def finish_frame(
    image: np.ndarray, seed: int, scene: int, frame: int, appearance: int = 0
) -> tuple[np.ndarray, Look]:
    """Finished copy of a frame, and its look. One camera per scene and appearance, fresh grain per
    frame."""
    other = (appearance,) if appearance else ()
    camera = (scene, 0, *other, 0) if appearance else (scene,)
    look = sample_look(generator(seed, Stream.FINISH, *camera))
    return apply_look(image, look, generator(seed, Stream.FINISH, scene, frame, *other)), look


def apply_look(image: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Finished copy (H, W, 3) u8 of an RGB image (H, W, 3) u8; lens first, then sensor."""
    linear = _to_linear(image.astype(np.float32) / 255)
    linear = _bloom(linear, look.bloom)
    linear = cv2.GaussianBlur(linear, (0, 0), look.softness_px)
    linear *= _vignette(*image.shape[:2], look.vignette)[..., None]
    linear *= np.array(look.gain, np.float32) * np.float32(look.exposure * _metered(linear))
    picture = _to_display(_shoulder(linear))
    picture = _contrast(picture, look.contrast)
    grey = _luma(picture)
    picture = grey + look.saturation * (picture - grey)
    picture += look.sharpening * (picture - cv2.GaussianBlur(picture, (0, 0), 0.9))
    picture += _grain(picture, look.grain, rng)
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def _to_linear(display: np.ndarray) -> np.ndarray:
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def _to_display(linear: np.ndarray) -> np.ndarray:
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _luma(picture: np.ndarray) -> np.ndarray:
    return (picture @ np.array([0.2126, 0.7152, 0.0722], np.float32))[..., None]


def _bloom(linear: np.ndarray, amount: float) -> np.ndarray:
    """Spread a part of the highlights around themselves."""
    radius = max(linear.shape[:2]) / 60
    highlights = np.maximum(linear - _BLOOM_THRESHOLD, 0)
    return linear + amount * (cv2.GaussianBlur(highlights, (0, 0), radius) - highlights)


def _metered(linear: np.ndarray) -> float:
    """Exposure factor of an automatic camera: half-way (in stops) to an average of mid-grey."""
    log_average = float(np.exp(np.log(_luma(linear) + 1e-3).mean()))
    return float(np.clip(np.sqrt(_MID_GREY / log_average), *_METER_LIMITS))


def _shoulder(linear: np.ndarray) -> np.ndarray:
    """Highlights roll off towards white instead of clipping."""
    room = np.float32(1 - _SHOULDER_START)
    rolled = _SHOULDER_START + room * (1 - np.exp(-(linear - _SHOULDER_START) / room))
    return np.where(linear > _SHOULDER_START, rolled, linear)


def _vignette(height: int, width: int, loss: float) -> np.ndarray:
    """Light left over (H, W) f32: 1 in the middle, 1 - loss in the corners."""
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None]
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None, :]
    radius_squared = (x * x + y * y) / ((height / 2) ** 2 + (width / 2) ** 2)
    return 1 - np.float32(loss) * radius_squared


def _contrast(picture: np.ndarray, amount: float) -> np.ndarray:
    """Blend towards a smoothstep curve, which keeps black, mid-grey and white."""
    smooth = picture * picture * (3 - 2 * picture)
    return picture + amount * (smooth - picture)


def _grain(picture: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Shot noise: mostly luminance, slightly clumped, strongest in the mid-tones of the picture."""
    height, width = picture.shape[:2]
    noise = rng.standard_normal((height, width, 4)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), _GRAIN_CORRELATION_PX)
    noise /= noise.std()
    mixed = 0.85 * noise[..., :1] + 0.5 * noise[..., 1:]
    level = _luma(picture).clip(0, 1)
    # Photon noise grows with the root of the light; the tone curve compresses the highlights.
    strength = np.sqrt(0.15 + 0.85 * level) * (1 - 0.6 * level) / 0.53
    return mixed * strength * np.float32(sigma / 255)
