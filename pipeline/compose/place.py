"""Where a scene is: the place is laid around the people and the camera, who stand already.

A room or a plaza is built as large as they need. A scene file is turned and moved until everybody
and the camera are on what its manifest declares walkable, with no edge of it between them.
"""

from dataclasses import dataclass

import numpy as np

from pipeline import assets
from pipeline.compose.sun import sample_sun
from pipeline.config import PlaceSection
from pipeline.conventions import rotation_z
from pipeline.errors import SceneRejected
from pipeline.panoramas import polygon_area
from pipeline.scene import CameraSpec, PlaceSpec

CAMERA_GAP_M = 0.35
"""The least distance of the lens from a wall."""

_LONGEST_ROOM_M = 18.0
_TRIES = 600
_SEED_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class Occupied:
    """What a place must leave free. centres: (N, 2) m and radii: (N,) m of discs on the ground that
    hold people; eyes: (C, 2) m of the camera; top_m: nothing is higher."""

    centres: np.ndarray
    radii: np.ndarray
    eyes: np.ndarray
    top_m: float


def occupied(spheres: np.ndarray, radii: np.ndarray, cameras: list[CameraSpec]) -> Occupied:
    """From spheres (S, P, N, 3) m around everybody in every clip frame, their radii (P, N) m, and
    the cameras of a scene."""
    eyes = np.array([camera.eye_m for camera in cameras])
    flat = spheres.reshape(-1, 3)
    around = np.tile(radii.ravel(), len(spheres))
    top_m = max(float((flat[:, 2] + around).max()), float(eyes[:, 2].max()))
    return Occupied(flat[:, :2], around, eyes[:, :2], top_m)


def choose_place(
    rng: np.random.Generator, section: PlaceSection, taken: Occupied
) -> tuple[PlaceSpec, list[str]]:
    """A place by the weights of `[place]` that has room for everybody, and notes on changed plans.

    A room longer than any would be, because the lens is, becomes a plaza. Raises SceneRejected when
    a scene file has no spot for them.
    """
    names = sorted(section.kinds)
    weights = np.array([section.kinds[name] for name in names])
    kind = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    seed = int(rng.integers(_SEED_LIMIT))
    if kind == "panorama":
        return PlaceSpec(), []
    if kind == "file":
        return _in_file(rng, str(rng.choice(section.files)), taken, seed), []
    place, notes = PlaceSpec(kind=kind, seed=seed), []
    if kind == "room":
        room = _around(rng, place, taken, (0.7, 2.2))
        if max(room.size_m) <= _LONGEST_ROOM_M:
            return room, []
        place = place.model_copy(update={"kind": "plaza"})
        notes = [f"a plaza: a room would be {max(room.size_m):.0f} m long for this camera"]
    sun, north_deg = sample_sun(rng, section.sun), rng.uniform(0.0, 360.0)
    place = place.model_copy(
        update={
            "sun_elevation_deg": round(sun.elevation_deg, 3),
            "sun_azimuth_deg": round((sun.azimuth_deg + north_deg) % 360.0, 3),
        }
    )
    margins = (3.0, 16.0) if place.kind == "plaza" else (0.0, 0.0)
    return _around(rng, place, taken, margins), notes


def _around(
    rng: np.random.Generator, place: PlaceSpec, taken: Occupied, margins: tuple[float, float]
) -> PlaceSpec:
    """A rectangle with walls at drawn distances from everybody and the camera."""
    yaw_deg = float(rng.uniform(0.0, 360.0))
    discs = np.concatenate([taken.centres, taken.eyes]) @ rotation_z(yaw_deg)[:2, :2]
    radii = np.concatenate([taken.radii, np.full(len(taken.eyes), CAMERA_GAP_M)])[:, None]
    low = (discs - radii).min(axis=0) - rng.uniform(*margins, 2)
    high = (discs + radii).max(axis=0) + rng.uniform(*margins, 2)
    height_m = max(float(rng.uniform(2.5, 3.3)), taken.top_m + 0.3)
    centre = rotation_z(yaw_deg)[:2, :2] @ (low + high) / 2
    size_m = (*(high - low), height_m if place.kind == "room" else 0.0)
    return place.model_copy(
        update={
            "x_m": round(float(centre[0]), 4),
            "y_m": round(float(centre[1]), 4),
            "yaw_deg": round(yaw_deg, 3),
            "size_m": tuple(round(float(x), 4) for x in size_m),
        }
    )


def _in_file(rng: np.random.Generator, name: str, taken: Occupied, seed: int) -> PlaceSpec:
    asset = assets.find("place", name).asset
    floor = np.array(asset.walkable) * asset.metres_per_unit
    stand = np.array(asset.camera_area or asset.walkable) * asset.metres_per_unit
    middle = taken.centres.mean(axis=0)
    low, high = floor.min(axis=0), floor.max(axis=0)
    for _ in range(_TRIES):
        yaw_deg, at = float(rng.uniform(0.0, 360.0)), rng.uniform(low, high)
        turn = rotation_z(yaw_deg)[:2, :2]
        # The group's middle comes to `at` of the place: p_place = R^T (p_world - middle) + at.
        people = (taken.centres - middle) @ turn + at
        eyes = (taken.eyes - middle) @ turn + at
        fits = _within(floor, people, taken.radii).all()
        fits = fits and _within(stand, eyes, np.full(len(eyes), CAMERA_GAP_M)).all()
        if fits and _sees(floor, stand, eyes, people):
            origin = middle - turn @ at
            return PlaceSpec(
                kind="file",
                asset=name,
                x_m=round(float(origin[0]), 5),
                y_m=round(float(origin[1]), 5),
                yaw_deg=round(yaw_deg, 4),
                seed=seed,
            )
    far_m = np.linalg.norm(taken.eyes[:, None] - taken.centres[None], axis=-1).max()
    area_m2 = polygon_area(floor.tolist())
    raise SceneRejected(
        f"place {name!r}: its walkable area of {area_m2:.1f} m2 has no spot for these people with "
        f"the camera up to {far_m:.1f} m away ({_TRIES} tried). Declare more of it "
        "walkable, give it a camera_area, or film from nearer: fewer scene.people, a wider "
        "camera.vfov_deg, a smaller scene.stage_radius_m."
    )


def _within(corners: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Which discs (N, 2), (N,) lie inside a polygon (M, 2) of either orientation: (N,) bool."""
    a, b = corners, np.roll(corners, -1, axis=0)
    edge = b - a
    to = centres[:, None] - a
    along = np.clip((to * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-12), 0, 1)
    gap = np.linalg.norm(to - along[..., None] * edge, axis=-1).min(axis=1)
    crosses = (a[:, 1] > centres[:, None, 1]) != (b[:, 1] > centres[:, None, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[:, 0] + (centres[:, None, 1] - a[:, 1]) / edge[:, 1] * edge[:, 0]
    inside = (crosses & (centres[:, None, 0] < x)).sum(axis=1) % 2 == 1
    return inside & (gap >= radii)


def _sees(floor: np.ndarray, stand: np.ndarray, eyes: np.ndarray, people: np.ndarray) -> bool:
    """Whether every straight line from an eye to a disc stays in the floor or the camera's area."""
    targets = people[:: max(len(people) // 100, 1)]
    eyes = eyes[:: max(len(eyes) // 5, 1), None, None]
    lines = eyes + np.linspace(0, 1, 25)[:, None] * (targets[:, None] - eyes)
    points = lines.reshape(-1, 2)
    nothing = np.zeros(len(points))
    return bool((_within(floor, points, nothing) | _within(stand, points, nothing)).all())
