"""All measures of one image put together: per person and over everybody."""

from dataclasses import asdict, dataclass

import numpy as np

from pipeline.diffusion.drift.change import change_map, colour_map
from pipeline.diffusion.drift.depth import depth_errors
from pipeline.diffusion.drift.flow import Motion, person_motion, structure
from pipeline.diffusion.drift.keypoints import Keypoints, keypoint_drift
from pipeline.diffusion.drift.outline import boundary_ratio, outline_shift
from pipeline.diffusion.drift.regions import MIN_PIXELS, largest_region
from pipeline.diffusion.drift.tools import Tools

APART_PX = 5.0
"""A piece of a person that moved so far from the rest of them counts as lost."""
_DECIMALS = 4


@dataclass(frozen=True)
class PersonDrift:
    """Drift of one person; None where it was not or could not be measured.

    person: 0-based. pixels: of the mask. mean_px, p90_px: motion of the pixels that can be followed
    into the final image; used_share: their share of the mask. lost_share: share of the mask in the
    largest connected region that is torn (`flow.Motion`) or moved more than `APART_PX` from the
    median motion. boundary_ratio: outline contrast relative to the render's (1: as sharp and as
    well placed). boundary_px: median shift of the outline along its normal. change: mean
    1 - MS-SSIM of the luma; colour_change: mean CIE 1976 Delta E. keypoint_px: median shift of the
    detector's points; found_again: whether a person found in the render is found in the final
    image. depth_error: median relative change of the estimated depth.
    """

    person: int
    pixels: int
    mean_px: float | None
    p90_px: float | None
    used_share: float
    lost_share: float
    boundary_ratio: float | None
    boundary_px: float | None
    change: float
    colour_change: float
    keypoint_px: float | None
    found_again: bool | None
    depth_error: float | None


@dataclass(frozen=True)
class Drift:
    """Drift of an image: motion over all people together, change of the whole picture, and each."""

    mean_px: float | None
    p90_px: float | None
    used_share: float
    change: float
    colour_change: float
    people: tuple[PersonDrift, ...]

    def to_json(self) -> dict:
        """JSON form."""
        return asdict(self)


def measure_drift(
    render: np.ndarray, final: np.ndarray, instance: np.ndarray, tools: Tools | None = None
) -> Drift:
    """Drift of `final` from `render`, both (H, W, 3) u8 RGB.

    instance: (H, W) u16, person k is k + 1, 0 nobody. tools: keypoint detector and depth model, if
    any. Raises GenbError when the detector does not keep its contract.
    """
    tools = tools or Tools()
    before, after = structure(render), structure(final)
    change, colour = change_map(render, final), colour_map(render, final)
    persons = [int(value) - 1 for value in np.unique(instance) if value > 0]
    keypoints = keypoint_drift(tools.detector, render, final, instance)
    depth = depth_errors(tools.depth, render, final, instance)
    lengths, followed = np.zeros(instance.shape, np.float32), np.zeros(instance.shape, bool)
    people = []
    for person in persons:
        mask = instance == person + 1
        motion = person_motion(before, after, mask)
        length = np.linalg.norm(motion.flow, axis=-1)
        lengths[mask], followed[mask] = length[mask], motion.followed[mask]
        points = keypoints.get(person, Keypoints(None, None))
        mean_px, p90_px, used_share = _summary(length, motion.followed, mask)
        people.append(
            PersonDrift(
                person=person,
                pixels=int(mask.sum()),
                mean_px=mean_px,
                p90_px=p90_px,
                used_share=used_share,
                lost_share=_rounded(_lost_share(motion, mask)),
                boundary_ratio=_rounded(boundary_ratio(render, final, mask)),
                boundary_px=_rounded(outline_shift(render, final, mask)),
                change=_rounded(change[mask].mean()),
                colour_change=_rounded(colour[mask].mean()),
                keypoint_px=_rounded(points.shift_px),
                found_again=points.found_again,
                depth_error=_rounded(depth.get(person)),
            )
        )
    everyone = _summary(lengths, followed, instance > 0)
    return Drift(*everyone, _rounded(change.mean()), _rounded(colour.mean()), tuple(people))


def _summary(length_px, followed, mask) -> tuple[float | None, float | None, float]:
    """Mean and 90th percentile of the motion, px, of the followed pixels, and their share."""
    usable = mask & followed
    share = _rounded(usable.sum() / max(mask.sum(), 1))
    if usable.sum() < MIN_PIXELS:
        return None, None, share
    return (
        _rounded(length_px[usable].mean()),
        _rounded(np.percentile(length_px[usable], 90)),
        share,
    )


def _lost_share(motion: Motion, mask: np.ndarray) -> float:
    """Share of the mask in the largest region that is torn or went its own way."""
    rest = np.median(motion.flow[motion.followed if motion.followed.any() else mask], axis=0)
    astray = np.linalg.norm(motion.flow - rest, axis=-1) > APART_PX
    return largest_region(mask & (astray | motion.torn)) / mask.sum()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), _DECIMALS)
