"""A moving subject against the limits: figures of every frame, and sentences for what is beyond."""

from dataclasses import dataclass

import numpy as np

from pipeline.config import PlausibilitySection
from pipeline.conventions import PARTS
from pipeline.motion.limits import joint_limit_violations
from pipeline.plausibility.ground import airborne, lowest_point_m, slide_m_s
from pipeline.plausibility.selfcontact import BodySegments, segment_depths, self_penetration_m

_SELF_CONTACT_FRAMES = 8
"""Self-contact is measured in this many frames spread over a clip; frames between take the nearer
one's figure (limbs move slowly against 25 frames a second, and a frame costs 20 ms)."""


@dataclass(frozen=True)
class Plausibility:
    """Figures over a clip of T frames.

    ground_gap_mm: (T,) f32, lowest vertex over (+) or under (-) the floor. airborne: (T,) bool.
    self_penetration_mm: (T,) f32. slide_mm_s: speed of the
    carrying feet over the floor.
    faults: a sentence for every limit that is broken.
    """

    ground_gap_mm: np.ndarray
    airborne: np.ndarray
    self_penetration_mm: np.ndarray
    slide_mm_s: float
    faults: list[str]


def judge(
    clip: np.ndarray,
    tpose: np.ndarray,
    pelvis: np.ndarray,
    pose: np.ndarray,
    fps: float,
    segments: BodySegments,
    vertex_part: np.ndarray,
    limits: PlausibilitySection,
    grounded: bool = True,
) -> Plausibility:
    """Measure a clip and hold it against the limits.

    clip: (T, V, 3) and tpose: (V, 3) metres, subject frame, the floor at z = 0 (of the bare foot:
    without the thickness of soles). pelvis: (T, 3) m. pose: (T, 165) axis-angle. vertex_part: (V,)
    ids of `conventions.PARTS`. grounded: False when the clip stands on a floor of its own, which
    is then not judged.
    """
    lowest = lowest_point_m(clip)
    flight = airborne(lowest, pelvis[:, 2], fps)
    inside = _self_penetration_mm(clip, tpose, segments)
    feet = vertex_part == PARTS["feet"]
    found = Plausibility(
        ground_gap_mm=(1000 * lowest).astype(np.float32),
        airborne=flight,
        self_penetration_mm=inside.astype(np.float32),
        slide_mm_s=1000 * slide_m_s(clip[:, feet], pelvis[:, 2], fps),
        faults=[],
    )
    found.faults.extend(_faults(found, pose, limits, grounded))
    return found


def float_mm(found: Plausibility) -> float:
    """95th percentile over the frames in contact of the height of the lowest point."""
    standing = found.ground_gap_mm[~found.airborne]
    return float(np.percentile(np.maximum(standing, 0), 95)) if len(standing) else 0.0


def sink_mm(found: Plausibility) -> float:
    """95th percentile over frames of how deep the lowest point is under the floor."""
    return float(np.percentile(np.maximum(-found.ground_gap_mm, 0), 95))


def _self_penetration_mm(clip, tpose, segments) -> np.ndarray:
    count = min(len(clip), _SELF_CONTACT_FRAMES)
    frames = np.unique(np.linspace(0, len(clip) - 1, count).round().astype(int))
    rest = segment_depths(segments, tpose)
    depth = np.array(
        [1000 * self_penetration_m(segment_depths(segments, clip[f]), rest) for f in frames]
    )
    nearest = np.abs(np.arange(len(clip))[:, None] - frames).argmin(axis=1)
    return depth[nearest]


def _faults(found: Plausibility, pose, limits: PlausibilitySection, grounded: bool) -> list[str]:
    figures = {
        "self_penetration_mm": float(np.percentile(found.self_penetration_mm, 95)),
    }
    if grounded:
        figures |= {
            "float_mm": float_mm(found),
            "sink_mm": sink_mm(found),
            "slide_mm_s": found.slide_mm_s,
        }
    faults = [
        f"{name} {value:.0f} > {getattr(limits, f'max_{name}'):g}"
        for name, value in figures.items()
        if not value <= getattr(limits, f"max_{name}")
    ]
    bent = joint_limit_violations(pose, limits.joint_slack_deg)
    return faults + [f"joint limit: {violation}" for violation in bent[:3]]
