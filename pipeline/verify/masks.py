"""Do boxes, areas, run lengths and geometry follow from the masks of a sample?"""

from collections.abc import Iterator

import numpy as np

from pipeline.conventions import PARTS
from pipeline.garments.outfits import KIND_LAYERS
from pipeline.garments.shoe_kinds import BAREFOOT
from pipeline.truth.labels import modal_box
from pipeline.truth.rle import rle_text
from pipeline.truth.schema import VISIBILITY
from pipeline.verify.frame import CheckedFrame

_UNIT_LENGTH = 2e-3
"""Normals and body_bary are float16: three numbers of at most 2^-11 relative error each."""
_LAYERS = ("upper", "lower", "full", "outer")
_COVERS = [PARTS[name] for name in (*_LAYERS, "hair", "shoes")]
_NEAR_M = 0.25
_ROUNDED = 1e-6
"""The audit's figures are rounded to six digits."""


def mask_faults(frame: CheckedFrame) -> Iterator[str]:
    """mask.png and part.png against each other and the labels."""
    mask, part, labels = frame.mask, frame.part, frame.labels
    if ((part > 0) != (mask > 0)).any():
        yield "part.png and mask.png do not cover the same pixels"
    for k, person in enumerate(frame.people):
        own = mask == k + 1
        if own.sum() != labels["mask_area_px"][k]:
            yield f"person {k}: mask_area_px is not the mask's area"
        if not np.array_equal(modal_box(own), labels["box_modal"][k]):
            yield f"person {k}: box_modal is not the mask's box"
        if person["rle_modal"] != rle_text(own):
            yield f"person {k}: rle_modal is not the mask"
        for fault in _part_faults(frame, k, person):
            yield f"person {k}: {fault}"


def _part_faults(frame: CheckedFrame, k: int, person: dict) -> Iterator[str]:
    """Parts that this person does not wear, and codes that say otherwise than the pixels."""
    own = frame.part[frame.mask == k + 1]
    names = {name for name, part in PARTS.items() if (own == part).any()}
    odd = (names & {*_LAYERS, "shoes"}) - _worn(person)
    for name in sorted(odd):
        yield f"part.png shows {name}, which the JSON does not know of"
    codes, uv = frame.labels["joints_code"][k], frame.labels["joints_2d"][k]
    seen = np.flatnonzero(codes <= VISIBILITY["covered"])
    columns, rows = uv[seen].astype(int).T
    clothed = (frame.mask[rows, columns] == k + 1) & np.isin(frame.part[rows, columns], _COVERS)
    wrong = clothed != (codes[seen] == VISIBILITY["covered"])
    if wrong.any():
        yield f"joint {seen[wrong][0]} is coded covered or bare, and part.png shows otherwise"
    hidden = np.flatnonzero(codes == VISIBILITY["person_occluded"])
    columns, rows = uv[hidden].astype(int).T
    nobody = np.isin(frame.mask[rows, columns], (0, k + 1))
    if nobody.any():
        yield f"joint {hidden[nobody][0]} is coded as hidden by a person, and nobody is there"


def _worn(person: dict) -> set[str]:
    """Parts of clothes that a person can show."""
    worn = {"shoes"} if person["shoes"] != BAREFOOT else set()
    for kind in filter(None, person["garments"].split("+")):
        layer = KIND_LAYERS.get(kind, kind)
        # A garment from a file may be of any kind.
        worn |= {layer} if layer in _LAYERS else set(_LAYERS)
    return worn


def depth_faults(frame: CheckedFrame) -> Iterator[str]:
    """Depth and normals where people are, and what they tell of each other."""
    mask, depth, normal = frame.mask, frame.depth, frame.normal.astype(np.float32)
    if not np.isfinite(depth[mask > 0]).all():
        yield "a person's pixel has no depth"
    length = np.linalg.norm(normal, axis=-1)
    somewhere = np.isfinite(depth)
    off = np.abs(length - 1) > _UNIT_LENGTH
    for where, told in ((mask > 0, "a person's pixel"), (somewhere & (mask == 0), "a pixel")):
        if off[where].any():
            yield f"{told} has a normal that is not of unit length"
    if length[~somewhere].any():
        yield "a pixel without depth has a normal"
    near = float((depth < _NEAR_M).mean())
    if abs(near - frame.facts["audit"]["near_share"]) > _ROUNDED:
        yield f"near_share of the audit is not that of depth.npy, {near:.4g}"


def amodal_faults(frame: CheckedFrame) -> Iterator[str]:
    """Amodal masks against the mask, and body_face and body_bary against both."""
    mask, sky = frame.mask, ~np.isfinite(frame.depth)
    amodal, face, bary = (frame.geometry[n] for n in ("amodal", "body_face", "body_bary"))
    for k, person in enumerate(frame.people):
        if not amodal[k][mask == k + 1].all():
            yield f"person {k}: a pixel of the mask is not in the amodal mask"
        if (amodal[k] & sky).any():
            yield f"person {k}: the amodal mask covers pixels that show nothing"
        if person["rle_amodal"] != rle_text(amodal[k]):
            yield f"person {k}: rle_amodal is not the amodal mask"
        if (face[frame.bare(k)] < 0).any():
            yield f"person {k}: skin is seen where body_face names no triangle"
    share = bary.astype(np.float32)
    if share.min() < 0 or share.sum(axis=-1).max() > 1 + _UNIT_LENGTH:
        yield "body_bary holds weights outside of their triangle"
    if (share[face < 0] != 0).any() or (face[~amodal.any(axis=0)] >= 0).any():
        yield "body_face, body_bary and the amodal masks do not agree on where bodies are"
