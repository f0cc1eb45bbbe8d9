"""All checks of one sample: which there are, and what each of them reads."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.config import DriftSection
from pipeline.shards.consistency import rerender_faults
from pipeline.shards.read import UNREADABLE
from pipeline.verify.bodies import body_faults
from pipeline.verify.codes import code_faults
from pipeline.verify.drawing import drawing_faults
from pipeline.verify.facts import fact_faults
from pipeline.verify.frame import CheckedFrame
from pipeline.verify.labels import label_faults
from pipeline.verify.masks import amodal_faults, depth_faults, mask_faults
from pipeline.verify.members import checksum_faults, form_faults
from pipeline.verify.motion import flow_faults
from pipeline.verify.picture import exposure_of_render_faults, picture_faults
from pipeline.verify.surface import normal_faults, surface_faults

_LABELS = ("json", "npz")
_MASKS = (*_LABELS, "mask.png", "part.png")
_DEPTH = (*_MASKS, "depth.npy")
_SURFACE = (*_DEPTH, "geometry.npz")


def _rerendering(frame: CheckedFrame) -> list[str]:
    limits = DriftSection.model_validate(frame.config["diffusion"]["drift"])
    return rerender_faults(frame.facts, limits)


class _Check(NamedTuple):
    """faults: the check itself. reads: members that must be sound for it to run."""

    faults: Callable[[CheckedFrame], list[str] | Iterator[str]]
    reads: tuple[str, ...]


CHECKS = (
    _Check(checksum_faults, ("json",)),
    _Check(fact_faults, _LABELS),
    _Check(_rerendering, ("json",)),
    _Check(label_faults, _LABELS),
    _Check(mask_faults, _MASKS),
    _Check(depth_faults, (*_DEPTH, "normal.npy")),
    _Check(amodal_faults, _SURFACE),
    _Check(flow_faults, ("json", "mask.png", "flow.npy")),
    _Check(exposure_of_render_faults, ("json", "mask.png", "cg.png")),
    _Check(picture_faults, ("json", "cg.png", "rgb.jpg")),
    _Check(body_faults, _LABELS),
    _Check(surface_faults, _SURFACE),
    _Check(normal_faults, (*_DEPTH, "normal.npy")),
    _Check(drawing_faults, _MASKS),
    _Check(code_faults, _DEPTH),
)
"""In the order in which their faults are told."""


def sample_faults(frame: CheckedFrame) -> tuple[list[str], set[str]]:
    """Faults of one sample, and its members that have not the form they should have."""
    faults, broken = form_faults(frame)
    present = set(frame.sample.members)
    for check in CHECKS:
        if set(check.reads) <= present - broken:
            faults += _run(check, frame)
    return faults, broken


def _run(check: _Check, frame: CheckedFrame) -> list[str]:
    faults: list[str] = []
    try:
        for fault in check.faults(frame):
            faults.append(fault)
    except (TypeError, IndexError, *UNREADABLE) as error:
        name = check.faults.__name__.removesuffix("_faults").strip("_").replace("_", " ")
        faults.append(f"{name} cannot be checked ({error!r})")
    return faults
