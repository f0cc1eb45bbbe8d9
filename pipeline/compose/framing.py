"""A full perspective camera that frames the people it is given.

Field of view, height and roll are drawn; the distance follows from them, as a photographer walks
back until everybody is in the picture.
"""

import numpy as np

from pipeline.config import CameraSection
from pipeline.conventions import focal_from_fov, intrinsics, look_at, project, transform
from pipeline.scene import CameraSpec

_NEAREST_M, _FARTHEST_M = 0.8, 60.0
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
    camera about world Z.
    """
    vfov_deg = rng.uniform(*section.vfov_deg)
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
        return CameraSpec(
            width=section.width,
            height=section.height,
            vfov_deg=round(float(vfov_deg), 4),
            eye_m=tuple(round(float(x), 4) for x in eye),
            target_m=tuple(round(float(x), 4) for x in target),
            roll_deg=round(float(roll_deg), 4),
            sensor_width_mm=section.sensor_width_mm,
        )

    def fits(distance_m: float) -> bool:
        spec = camera(distance_m)
        return _inside(
            K, look_at(spec.eye_m, spec.target_m, spec.roll_deg), spheres, radii, margin, section
        )

    near, far = _NEAREST_M, _FARTHEST_M
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        near, far = (near, middle) if fits(middle) else (middle, far)
    return camera(far)


def _inside(K, T_cam_world, spheres, radii, margin, section) -> bool:
    centres = transform(T_cam_world, spheres)
    if centres[:, 2].min() - radii.max() < _NEAREST_M / 2:
        return False
    uv = project(K, centres)
    pad = (K[0, 0] * radii / centres[:, 2])[:, None]
    size = np.array([section.width, section.height])
    free = margin * size.min() / 2
    return bool(((uv - pad) >= free).all() and ((uv + pad) <= size - free).all())
