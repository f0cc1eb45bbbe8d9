"""Which people may not be used under the configured limits, and why."""

from collections.abc import Iterator

from pipeline.config import DriftSection
from pipeline.diffusion.drift.measure import Drift, PersonDrift
from pipeline.diffusion.drift.regions import MIN_PIXELS


def faults(drift: Drift, section: DriftSection) -> dict[int, str]:
    """Person -> why they may not be used, the first reason of each; empty if all are fine.

    People of less than 50 px are not judged. A limit of 0 is off.
    """
    found = {}
    for person in drift.people:
        reason = next(_reasons(person, section), None)
        if person.pixels >= MIN_PIXELS and reason:
            found[person.person] = f"person {person.person} {reason}"
    return found


def _reasons(person: PersonDrift, section: DriftSection) -> Iterator[str]:
    if person.used_share < section.min_followed:
        yield (
            f"changed beyond measuring: {person.used_share:.2f} of its pixels can be followed "
            f"(limit {section.min_followed})"
        )
    if _beyond(person.mean_px, section.max_px):
        yield f"drifted {person.mean_px:.2f} px on average (limit {section.max_px} px)"
    if person.lost_share > section.max_lost:
        yield (
            f"lost {person.lost_share:.3f} of its pixels in one piece, as if a limb had gone or "
            f"moved (limit {section.max_lost})"
        )
    if _beyond(person.boundary_px, section.max_boundary_px):
        yield (
            f"has its outline {person.boundary_px:.2f} px off (limit {section.max_boundary_px} px)"
        )
    ratio = person.boundary_ratio
    if ratio is not None and ratio < section.min_boundary_ratio:
        yield f"keeps {ratio:.2f} of its outline contrast (limit {section.min_boundary_ratio})"
    if section.max_keypoint_px and person.found_again is False:
        yield "is no longer found by the detector"
    if _beyond(person.keypoint_px, section.max_keypoint_px):
        yield (
            f"has its keypoints {person.keypoint_px:.2f} px off "
            f"(limit {section.max_keypoint_px} px)"
        )
    if _beyond(person.change, section.max_change):
        yield f"changed by {person.change:.3f} in 1 - MS-SSIM (limit {section.max_change})"


def _beyond(value: float | None, limit: float) -> bool:
    return value is not None and 0 < limit < value
