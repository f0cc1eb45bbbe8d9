"""A full perspective camera: framing the people it is given, or standing where a rig says.

Framing: field of view, height and roll are drawn; the distance follows from them, as a photographer
walks back until everybody is in the picture. A rig fixes the camera first, as the generators of
BEDLAM and AGORA do, and whoever is beyond the frame is cut off.
"""

import numpy as np

from pipeline.config import CameraRig, CameraSection
from pipeline.conventions import (
    focal_from_fov,
    fov_from_focal,
    intrinsics,
    look_at,
    project,
    transform,
)
from pipeline.errors import SceneRejected
from pipeline.scene import CameraSpec

_NEAREST_M, _FARTHEST_M = 0.8, 200.0
_BISECTIONS = 40


def sample_camera(
    rng: np.random.Generator,
    section: CameraSection,
    spheres: np.ndarray,
    radii: np.ndarray,
    azimuth_deg: float,
) -> CameraSpec:
    """Camera that keeps all spheres inside the image with a drawn margin.

    spheres: (N, 3) metres, world. radii: (N,) metres. azimuth_deg: direction from the people to the
    camera about world Z. Raises SceneRejected when no distance does.
    """
    vfov_deg = sample_vfov(rng, section)
    height_m = rng.uniform(*section.height_m)
    roll_deg = rng.uniform(*section.roll_deg)
    margin = rng.uniform(*section.framing_margin)
    low = (spheres - radii[:, None]).min(axis=0)
    high = (spheres + radii[:, None]).max(axis=0)
    target = (low + high) / 2
    K = intrinsics(section.width, section.height, focal_from_fov(vfov_deg, section.height))
    direction = np.array([np.cos(np.radians(azimuth_deg)), np.sin(np.radians(azimuth_deg))])

    def camera(distance_m: float) -> CameraSpec:
        eye = np.array([*(target[:2] + distance_m * direction), height_m])
        return _camera(section, vfov_deg, eye, target, roll_deg)

    def fits(distance_m: float) -> bool:
        spec = camera(distance_m)
        return _inside(
            K, look_at(spec.eye_m, spec.target_m, spec.roll_deg), spheres, radii, margin, section
        )

    near, far = _NEAREST_M, _FARTHEST_M
    if not fits(far):
        raise SceneRejected(
            f"no camera up to {_FARTHEST_M:g} m away shows these people with a vertical field of "
            f"view of {vfov_deg:.1f} degrees, a margin of {margin:.2f} and an eye at "
            f"{height_m:.2f} m. Change camera.vfov_deg or lenses, framing_margin, or height_m."
        )
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        near, far = (near, middle) if fits(middle) else (middle, far)
    return camera(far)


def sample_vfov(rng: np.random.Generator, section: CameraSection) -> float:
    """A vertical field of view in degrees, of `vfov_deg` or of one of the lenses."""
    if not section.lenses:
        return float(rng.uniform(*section.vfov_deg))
    weights = np.array([lens.weight for lens in section.lenses])
    lens = section.lenses[int(rng.choice(len(weights), p=weights / weights.sum()))]
    ends_deg = [fov_from_focal(focal_mm, section.sensor_width_mm) for focal_mm in lens.focal_mm]
    focal_px = focal_from_fov(rng.uniform(*sorted(ends_deg)), section.width)
    return fov_from_focal(focal_px, section.height)


def turned_upright(section: CameraSection) -> CameraSection:
    """The same camera turned by a right angle, for a portrait picture that is stored upright."""

    def turned(fov_deg: float, before_px: int, after_px: int) -> float:
        return fov_from_focal(focal_from_fov(fov_deg, before_px), after_px)

    width, height = section.width, section.height
    rigs = [
        rig.model_copy(
            update={
                "hfov_deg": [turned(fov, width, height) for fov in rig.hfov_deg],
                "hfov_range_deg": rig.hfov_range_deg
                and tuple(turned(fov, width, height) for fov in rig.hfov_range_deg),
            }
        )
        for rig in section.rigs
    ]
    return section.model_copy(
        update={
            "width": height,
            "height": width,
            "sensor_width_mm": section.sensor_width_mm * height / width,
            "vfov_deg": tuple(turned(fov, height, width) for fov in section.vfov_deg),
            "rigs": rigs,
        }
    )


def sample_rig_camera(
    rng: np.random.Generator, section: CameraSection, azimuth_deg: float
) -> CameraSpec:
    """Camera of a rig drawn by weight, around a stage with its middle at the world's origin."""
    weights = np.array([rig.weight for rig in section.rigs])
    rig = section.rigs[int(rng.choice(len(weights), p=weights / weights.sum()))]
    hfov_deg = _sample_hfov(rng, rig)
    distance_m, height_m = rng.uniform(*rig.distance_m), rng.uniform(*rig.height_m)
    pitch, yaw = np.radians(rng.uniform(*rig.pitch_deg)), rng.uniform(*rig.yaw_deg)
    roll_deg = rng.uniform(*rig.roll_deg)
    out = np.radians(azimuth_deg)
    eye = np.array([distance_m * np.cos(out), distance_m * np.sin(out), height_m])
    heading = np.radians(azimuth_deg + 180.0 + yaw)
    view = [np.cos(pitch) * np.cos(heading), np.cos(pitch) * np.sin(heading), np.sin(pitch)]
    # A target one stage away keeps the direction to a hundredth of a degree in four decimals.
    target = eye + max(distance_m, 1.0) * np.array(view)
    vfov_deg = fov_from_focal(focal_from_fov(hfov_deg, section.width), section.height)
    return _camera(section, vfov_deg, eye, target, roll_deg)


def _sample_hfov(rng: np.random.Generator, rig: CameraRig) -> float:
    if rig.hfov_range_deg:
        return float(rng.uniform(*rig.hfov_range_deg))
    return float(rng.choice(rig.hfov_deg))


def _camera(section: CameraSection, vfov_deg, eye, target, roll_deg) -> CameraSpec:
    return CameraSpec(
        width=section.width,
        height=section.height,
        vfov_deg=round(float(vfov_deg), 6 if section.rigs else 4),
        eye_m=tuple(round(float(x), 4) for x in eye),
        target_m=tuple(round(float(x), 4) for x in target),
        roll_deg=round(float(roll_deg), 4),
        sensor_width_mm=section.sensor_width_mm,
    )


def keeps_in_picture(path: list[CameraSpec], spheres: np.ndarray, radii: np.ndarray) -> bool:
    """Whether every camera of a path (S,) sees all of its frame's spheres (S, N, 3) m."""
    return all(
        _inside(camera.K(), camera.T_cam_world(), centres, radii, 0.0, camera)
        for camera, centres in zip(path, spheres, strict=True)
    )


def keeps_away(path: list[CameraSpec], spheres: np.ndarray, radii: np.ndarray) -> bool:
    """Whether no camera of a path (S,) comes close to any of its frame's spheres (S, N, 3) m."""
    eyes = np.array([camera.eye_m for camera in path])
    gap = np.linalg.norm(spheres - eyes[:, None], axis=2) - radii
    return bool(gap.min() > _NEAREST_M / 2)


def shows_somebody(path: list[CameraSpec], spheres: np.ndarray, radii: np.ndarray) -> bool:
    """Whether every camera of a path (S,) has at least a tenth of each person in the picture.

    spheres: (S, P, N, 3) m; radii: (P, N) m.
    """
    for camera, people in zip(path, spheres, strict=True):
        local = transform(camera.T_cam_world(), people)
        ahead = local[..., 2] > radii + _NEAREST_M / 4
        uv = project(camera.K(), np.where(ahead[..., None], local, [0.0, 0.0, 1.0]))
        within = ahead & ((uv > 0) & (uv < [camera.width, camera.height])).all(axis=-1)
        if within.mean(axis=1).min() < 0.1:
            return False
    return True


def _inside(K, T_cam_world, spheres, radii, margin, section: CameraSection | CameraSpec) -> bool:
    centres = transform(T_cam_world, spheres)
    if centres[:, 2].min() - radii.max() < _NEAREST_M / 2:
        return False
    uv = project(K, centres)
    pad = (K[0, 0] * radii / centres[:, 2])[:, None]
    size = np.array([section.width, section.height])
    free = margin * size.min() / 2
    return bool(((uv - pad) >= free).all() and ((uv + pad) <= size - free).all())
