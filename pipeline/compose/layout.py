"""Places for people who must not touch: try, then widen the stage, then invite fewer.

What was widened or left out is written into the scene's notes; nobody overlaps silently.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.compose.footprint import body_spheres, smallest_gap_m
from pipeline.config import SceneSection
from pipeline.conventions import rotation_z

_WIDEN_FACTOR = 1.15
_MAX_WIDENINGS = 5
_FACING_SHARE = 0.65
_FACING_SPREAD_DEG = 65.0


@dataclass(frozen=True)
class Candidate:
    """A person to be placed. joints: (F, 55, 3) metres, subject frame, first pelvis over origin."""

    joints: np.ndarray
    stature_m: float


@dataclass(frozen=True)
class Place:
    """Where a person stands, in metres, and where they look, in degrees about world Z."""

    position_m: tuple[float, float]
    yaw_deg: float


def place_people(
    rng: np.random.Generator, section: SceneSection, candidates: list[Candidate], azimuth_deg: float
) -> tuple[list[Place], list[str]]:
    """Places for the first n candidates that fit, and notes on what had to give.

    azimuth_deg: direction from the stage to the camera, about world Z; most people look roughly
    that way.
    """
    notes: list[str] = []
    wanted = len(candidates)
    while True:
        radius_m = section.stage_radius_m * (0.35 if wanted == 1 else 1.0)
        for widening in range(_MAX_WIDENINGS + 1):
            places = _try_places(rng, section, candidates[:wanted], azimuth_deg, radius_m)
            if places is not None:
                if widening:
                    notes.append(f"stage widened to {radius_m:.2f} m to fit {wanted} people")
                return places, notes
            radius_m *= _WIDEN_FACTOR
        notes.append(f"{wanted} people did not fit within {radius_m:.2f} m; one fewer was placed")
        wanted -= 1


def _try_places(rng, section, candidates, azimuth_deg, radius_m) -> list[Place] | None:
    places: list[Place] = []
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for candidate in candidates:
        spheres, radii = body_spheres(candidate.joints, candidate.stature_m)
        for _ in range(section.max_placement_tries):
            place = _sample_place(rng, azimuth_deg, radius_m)
            centres = spheres @ rotation_z(place.yaw_deg).T + np.array([*place.position_m, 0.0])
            if all(smallest_gap_m(centres, radii, *other) >= section.gap_m for other in taken):
                places.append(place)
                taken.append((centres, radii))
                break
        else:
            return None
    return places


def _sample_place(rng: np.random.Generator, azimuth_deg: float, radius_m: float) -> Place:
    angle, share = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
    if rng.random() < _FACING_SHARE:
        # A person of yaw 0 faces -Y, that is azimuth -90 degrees.
        yaw_deg = azimuth_deg + 90.0 + rng.normal(0.0, _FACING_SPREAD_DEG)
    else:
        yaw_deg = rng.uniform(0.0, 360.0)
    position = share * radius_m * np.array([np.cos(angle), np.sin(angle)])
    return Place(
        (round(float(position[0]), 4), round(float(position[1]), 4)), round(float(yaw_deg % 360), 3)
    )
