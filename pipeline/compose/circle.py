"""The default placement rule: anywhere on a round stage, with a gap between the moving bodies."""

import numpy as np

from pipeline.compose.footprint import smallest_gap_m
from pipeline.compose.layout import Candidate, Place, View, meshes_clear, sample_yaw
from pipeline.config import SceneSection

_WIDEN_FACTOR = 1.15
_ALONE_SHARE = 0.35


def place_all(
    rng: np.random.Generator,
    section: SceneSection,
    candidates: list[Candidate],
    view: View,
    widening: int,
) -> list[Place] | None:
    """Places on a disc of `stage_radius_m`, or None when somebody found none in time."""
    radius_m = section.stage_radius_m * _WIDEN_FACTOR**widening
    radius_m *= _ALONE_SHARE if len(candidates) == 1 else 1.0
    placed: list[tuple[Candidate, Place]] = []
    for candidate in candidates:
        for _ in range(section.max_placement_tries):
            place = _sample_place(rng, section, view, radius_m)
            if has_gap(section.gap_m, candidate, place, placed) and meshes_clear(
                section, candidate, place, placed
            ):
                placed.append((candidate, place))
                break
        else:
            return None
    return [place for _, place in placed]


def has_gap(
    gap_m: float, candidate: Candidate, place: Place, others: list[tuple[Candidate, Place]]
) -> bool:
    """Whether the spheres around a body keep a gap to all others in every frame."""
    centres = place.apply(candidate.spheres)
    return all(
        smallest_gap_m(centres, candidate.radii, where.apply(other.spheres), other.radii) >= gap_m
        for other, where in others
    )


def _sample_place(rng, section: SceneSection, view: View, radius_m: float) -> Place:
    angle, share = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
    yaw_deg = sample_yaw(rng, section, view.azimuth_deg)
    position = share * radius_m * np.array([np.cos(angle), np.sin(angle)])
    return Place((round(float(position[0]), 4), round(float(position[1]), 4)), yaw_deg)
