"""Places for people who must not touch: try, then widen the stage, then invite fewer.

How places are tried is a rule (`circle`, `bedlam`, `crowd`: the registry below); that nobody's
mesh is inside another's, and what is given up when they do not fit, is decided here for all rules.
What was widened or left out is written into the scene's notes; nobody overlaps silently.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np

from pipeline.compose.footprint import body_spheres
from pipeline.config import SceneSection
from pipeline.contact import penetration_m
from pipeline.conventions import rotation_z
from pipeline.errors import SceneRejected
from pipeline.scene import CameraSpec

RULES = {
    "circle": "pipeline.compose.circle:place_all",
    "bedlam": "pipeline.compose.swept:place_all",
    "crowd": "pipeline.compose.crowd:place_all",
}
"""Placement rule -> function(rng, section, candidates, view, widening) -> places, or None."""

MAX_WIDENINGS = 5
_FACING_SPREAD_DEG = 65.0


@dataclass(frozen=True)
class Candidate:
    """A person to be placed, in the subject frame with the first pelvis over the origin, metres.

    joints: (S, >=22, 3) over every clip frame that the scene spans. vertices: (F, V, 3) in the
    frames that are rendered, faces: (N, 3). stature_m: standing height.
    """

    joints: np.ndarray
    vertices: np.ndarray
    faces: np.ndarray
    stature_m: float
    spheres: np.ndarray = field(init=False)
    radii: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        spheres, radii = body_spheres(self.joints, self.stature_m)
        object.__setattr__(self, "spheres", spheres)
        object.__setattr__(self, "radii", radii)


@dataclass(frozen=True)
class Place:
    """Where a person stands, in metres, and where they look, in degrees about world Z."""

    position_m: tuple[float, float]
    yaw_deg: float

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the subject frame in the world."""
        return points @ rotation_z(self.yaw_deg).T + np.array([*self.position_m, 0.0])


@dataclass(frozen=True)
class View:
    """Where the people are seen from: azimuth of the camera from the stage's middle about world Z,
    and the camera itself when it is placed before the people (camera rigs)."""

    azimuth_deg: float
    camera: CameraSpec | None = None

    def to_world(self, ahead_m: float, left_m: float) -> tuple[float, float]:
        """World position of a place on the stage: metres away from and to the left of the camera,
        from the stage's middle."""
        angle = np.radians(self.azimuth_deg + 180.0)
        ahead = np.array([np.cos(angle), np.sin(angle)])
        left = np.array([-ahead[1], ahead[0]])
        x, y = ahead_m * ahead + left_m * left
        return (round(float(x), 4), round(float(y), 4))


def place_people(
    rng: np.random.Generator, section: SceneSection, candidates: list[Candidate], view: View
) -> tuple[list[Place], list[str]]:
    """Places for the first n candidates that fit, and notes on what had to give.

    Raises SceneRejected when not even the least number of people wanted (`people`) fits.
    """
    module, _, name = RULES[section.placement].partition(":")
    place_all: Callable = getattr(import_module(module), name)
    notes: list[str] = []
    least = min(section.people[0], len(candidates))
    for wanted in range(len(candidates), least - 1, -1):
        for widening in range(MAX_WIDENINGS + 1):
            places = place_all(rng, section, candidates[:wanted], view, widening)
            if places is not None:
                if widening:
                    notes.append(f"stage widened in {widening} step(s) to fit {wanted} people")
                return places, notes
        notes.append(f"{wanted} people did not fit on the widened stage; one fewer was tried")
    raise SceneRejected(
        f"not even {least} people fit by the rule {section.placement!r}: enlarge the stage "
        "(scene.stage_radius_m, or area_x_m and area_y_m), or lower scene.people or scene.gap_m"
    )


def meshes_clear(
    section: SceneSection, candidate: Candidate, place: Place, others: list[tuple[Candidate, Place]]
) -> bool:
    """Whether a body is at most `max_penetration_mm` inside any other in every rendered frame."""
    mine = place.apply(candidate.vertices)
    for other, where in others:
        theirs = where.apply(other.vertices)
        for a, b in zip(mine, theirs, strict=True):
            apart = (a.min(axis=0) > b.max(axis=0)) | (b.min(axis=0) > a.max(axis=0))
            if apart.any():
                continue
            depth_mm = 1000 * penetration_m(a, candidate.faces, b, other.faces)
            if depth_mm > section.max_penetration_mm:
                return False
    return True


def sample_yaw(rng: np.random.Generator, section: SceneSection, azimuth_deg: float) -> float:
    """Direction in degrees: most people look roughly towards the camera, the others anywhere in
    `yaw_deg` (0: away along -Y, anticlockwise from above)."""
    if rng.random() < section.facing_share:
        # A person of yaw 0 faces -Y, that is azimuth -90 degrees.
        yaw_deg = azimuth_deg + 90.0 + rng.normal(0.0, _FACING_SPREAD_DEG)
    else:
        yaw_deg = rng.uniform(*section.yaw_deg)
    return round(float(yaw_deg % 360), 3)
