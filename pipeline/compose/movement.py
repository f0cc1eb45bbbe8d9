"""A moving camera: how it follows, circles, approaches, zooms and shakes, frame by frame.

A movement is centred on the middle of the scene, where the camera is as it was framed. Without rigs
one that would lose somebody from the picture is made smaller until it does not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.config import CameraSection
from pipeline.conventions import focal_from_fov, fov_from_focal, look_at, rotation_z
from pipeline.scene import CameraSpec

_SHRINK = (1.0, 0.5, 0.25, 0.1)
"""Shares of a drawn movement that are tried; then the camera stands still."""
_LOWEST_M = 0.15
_SHAKE_HZ = (0.7, 1.9, 4.3)
"""Frequencies of hand tremor and of breathing, each with less of the shake than the one before."""


@dataclass(frozen=True)
class Movement:
    """A drawn movement. kind: of `MovementSection.kinds`. rate: degrees, metres or the focal
    length's factor per second, as the kind says. shake_deg, shake_m: standard deviations of a
    held camera; phase: (6, 3) of its waves: three of tilt, three of sway."""

    kind: str
    rate: float
    shake_deg: float
    shake_m: float
    phase: np.ndarray

    def smaller(self, share: float) -> "Movement":
        """The same, less far (the zoom's factor is a power)."""
        rate = self.rate**share if self.kind == "zoom" else self.rate * share
        return replace(
            self, rate=rate, shake_deg=self.shake_deg * share, shake_m=self.shake_m * share
        )

    @property
    def held(self) -> bool:
        """Whether the camera shakes in the hand."""
        return bool(self.shake_deg or self.shake_m)

    @property
    def name(self) -> str:
        """The kind, and `handheld` when it is, e.g. `orbit+handheld`."""
        return f"{self.kind}+handheld" if self.held else self.kind


def sample_movement(rng: np.random.Generator, section: CameraSection) -> Movement:
    """A movement by the weights and ranges of `[camera.movement]`."""
    chosen = section.movement
    names = sorted(chosen.kinds)
    weights = np.array([chosen.kinds[name] for name in names])
    kind = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    away = -1.0 if rng.random() < 0.5 else 1.0
    rate = {
        "orbit": away * rng.uniform(*chosen.orbit_deg_s),
        "dolly": away * rng.uniform(*chosen.dolly_m_s),
        "zoom": rng.uniform(*chosen.zoom_per_s) ** away,
    }.get(kind, 0.0)
    held = rng.random() < chosen.handheld_share
    return Movement(
        kind=kind,
        rate=float(rate),
        shake_deg=chosen.shake_deg if held else 0.0,
        shake_m=chosen.shake_m if held else 0.0,
        phase=rng.uniform(0, 2 * np.pi, (2 * len(_SHAKE_HZ), 3)),
    )


def follow_shift(movement: Movement, pelvises: np.ndarray) -> np.ndarray:
    """Offsets (S, 3) m that keep the people's middle where it is in the middle of the scene.

    pelvises: (S, P, 3) m, world. Zeros for a camera that does not follow.
    """
    middle = pelvises.mean(axis=1) * [1, 1, 0]
    if movement.kind != "follow":
        return np.zeros_like(middle)
    return middle - middle[(len(middle) - 1) // 2]


def camera_path(
    camera: CameraSpec, movement: Movement, shift: np.ndarray, fps: float
) -> list[CameraSpec]:
    """The cameras of every clip frame of a scene, (S,), moved from `camera`.

    shift: (S, 3) as `follow_shift`. fps: of the clips. The distance to `target_m` is the radius of
    an orbit; a dolly is level, keeps looking at it, and never comes nearer than half of it.
    """
    eye, target = np.array(camera.eye_m), np.array(camera.target_m)
    seconds = (np.arange(len(shift)) - (len(shift) - 1) / 2) / fps
    tilt, sway = _shake(movement, seconds)
    path = []
    for k, second in enumerate(seconds):
        at, aim, vfov_deg = eye, target, camera.vfov_deg
        if movement.kind == "orbit":
            at = target + rotation_z(movement.rate * second) @ (eye - target)
        elif movement.kind == "dolly":
            level = (target - eye) * [1, 1, 0]
            ahead = min(movement.rate * second, np.linalg.norm(level) / 2)
            at = eye + ahead * level / np.linalg.norm(level)
        elif movement.kind == "zoom":
            focal = focal_from_fov(camera.vfov_deg, 2) * movement.rate**second
            vfov_deg = fov_from_focal(focal, 2)
        at, aim = at + shift[k], aim + shift[k]
        across = np.array(look_at(at, aim)[:3, :3])
        at, aim = at + across.T @ sway[k], aim + across.T @ sway[k]
        at[2] = max(at[2], _LOWEST_M)
        reach = np.linalg.norm(aim - at)
        aim = aim + reach * across.T @ [*np.radians(tilt[k, :2]), 0.0]
        path.append(
            camera.model_copy(
                update={
                    "eye_m": tuple(round(float(x), 5) for x in at),
                    "target_m": tuple(round(float(x), 5) for x in aim),
                    "vfov_deg": round(float(vfov_deg), 6),
                    "roll_deg": round(float(camera.roll_deg + tilt[k, 2]), 5),
                }
            )
        )
    return path


def largest_that_fits(
    camera: CameraSpec,
    movement: Movement,
    shift: np.ndarray,
    fps: float,
    fits: Callable[[list[CameraSpec]], bool],
) -> tuple[list[CameraSpec], float]:
    """The path of the largest share of a movement that `fits`, and that share; no path and 0 when
    none does. Following is whole or not at all: its shares are those of the shake."""
    for share in (*_SHRINK, 0.0) if movement.kind == "follow" else _SHRINK:
        path = camera_path(camera, movement.smaller(share), shift, fps)
        if fits(path):
            return path, share
    return [], 0.0


def _shake(movement: Movement, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tilt (S, 3) degrees (right, down, roll) and sway (S, 3) m of a held camera."""
    weight = 1 / np.arange(1, len(_SHAKE_HZ) + 1)
    weight *= np.sqrt(2 / (weight**2).sum())
    turn = 2 * np.pi * np.outer(seconds, _SHAKE_HZ)[..., None]
    first, second = movement.phase.reshape(2, len(_SHAKE_HZ), 3)
    waves = [(weight[:, None] * np.sin(turn + phase)).sum(axis=1) for phase in (first, second)]
    return movement.shake_deg * waves[0], movement.shake_m * waves[1]
