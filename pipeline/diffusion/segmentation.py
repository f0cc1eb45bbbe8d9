"""The 'seg' control: what each pixel is, in the colours of ADE20K's 150 classes.

Only what is known for certain gets a colour, the rest is black. People are known everywhere; of the
surroundings only those that we build ourselves (`blender.outdoors`, `blender.room`): a panorama is
a picture, and a scene file does not say what its objects are.
"""

import numpy as np

from pipeline.conventions import transform, unproject
from pipeline.scene import PlaceSpec, SceneSpec

ADE20K = {
    "wall": (120, 120, 120),
    "building": (180, 120, 120),
    "sky": (6, 230, 230),
    "floor": (80, 50, 50),
    "tree": (4, 200, 3),
    "ceiling": (120, 120, 80),
    "windowpane": (230, 230, 230),
    "grass": (4, 250, 7),
    "sidewalk": (235, 255, 7),
    "person": (150, 5, 61),
    "earth": (120, 120, 70),
}
"""Colours of the classes used here, RGB, as 'control_v11p_sd15_seg' was trained on."""

_LEVEL_M = 0.05
_UP = 0.7
_TREES_FROM_M = 63.0
"""The ring of trees begins this far from the middle of a place, beyond nearly all boulders."""

_ON_WALL_M = 0.13
"""Doors, skirting boards, pictures and sills stand out less than this; furniture more."""

_LAWN_GREEN = 0.12
"""Excess green index (Woebbecke et al. 1995) of the render. By the colours in `blender.surfaces` a
lawn has about 0.15, sand with grass on it 0.09, bare ground 0.03 at most."""


def seg(
    image: np.ndarray,
    depth_m: np.ndarray,
    normal_cam: np.ndarray,
    instance: np.ndarray,
    spec: SceneSpec,
    frame: int,
) -> np.ndarray:
    """Classes (H, W, 3) u8 RGB of one frame.

    image: (H, W, 3) u8, its render, which tells a lawn from other open ground. depth_m: (H, W), inf
    where there is nothing. normal_cam: (H, W, 3), camera axes. instance: (H, W), 0 = nobody.
    """
    camera, place = spec.camera_at(frame), spec.place
    there = np.isfinite(depth_m)
    T_world_cam = np.linalg.inv(camera.T_cam_world())
    points = transform(T_world_cam, unproject(camera.K(), np.where(there, depth_m, 0)))
    up = normal_cam.astype(np.float32) @ T_world_cam[2, :3]
    surroundings = {"field": _field, "plaza": _plaza, "room": _room}.get(place.kind)
    classes = surroundings(place, points, up, there, image) if surroundings else {}
    picture = np.zeros(image.shape, np.uint8)
    for name, where in {**classes, "person": instance > 0}.items():
        picture[where] = ADE20K[name]
    return picture


def _field(place: PlaceSpec, points, up, there, image) -> dict[str, np.ndarray]:
    """Masks (H, W) by class; of pixels in several, the last class counts. Boulders: unknown."""
    ground = there & _is_ground(points, up)
    red, green, blue = image[ground].mean(axis=0) if ground.any() else (1, 1, 1)
    excess_green = (2 * green - red - blue) / (red + green + blue)
    kind = "grass" if excess_green > _LAWN_GREEN else "earth"
    trees = there & ~ground & (_from_middle_m(place, points) >= _TREES_FROM_M)
    return {"sky": ~there, kind: ground, "tree": trees}


def _plaza(place: PlaceSpec, points, up, there, image) -> dict[str, np.ndarray]:
    ground = there & _is_ground(points, up)
    # Buildings stand around the free rectangle, hardly deeper than 20 m with their sides.
    far_m = max(np.hypot(*place.size_m[:2]) / 2 + 20.0, _TREES_FROM_M)
    trees = there & ~ground & (_from_middle_m(place, points) >= far_m)
    return {"sky": ~there, "building": there & ~ground, "sidewalk": ground, "tree": trees}


def _room(place: PlaceSpec, points, up, there, image) -> dict[str, np.ndarray]:
    width_m, depth_m, height_m = place.size_m
    x, y, z = np.moveaxis(transform(np.linalg.inv(place.T_world_place()), points), -1, 0)
    from_wall_m = np.minimum(width_m / 2 - abs(x), depth_m / 2 - abs(y))
    ceiling = there & (z > height_m - _ON_WALL_M) & (up < -_UP)
    return {
        "windowpane": ~there,
        "wall": there & (from_wall_m < _ON_WALL_M),
        "ceiling": ceiling,
        "floor": there & _is_ground(points, up),
    }


def _is_ground(points: np.ndarray, up: np.ndarray) -> np.ndarray:
    return (abs(points[..., 2]) < _LEVEL_M) & (up > _UP)


def _from_middle_m(place: PlaceSpec, points: np.ndarray) -> np.ndarray:
    return np.hypot(points[..., 0] - place.x_m, points[..., 1] - place.y_m)
