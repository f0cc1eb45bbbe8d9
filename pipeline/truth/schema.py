"""Names, types and shapes of the numeric labels: one table for writer, reader and checker.

P is the number of people in the image; frames and units are those of `pipeline.conventions`.
`docs/labels.md` explains the same table to users.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.truth.keypoints import JOINTS as JOINT_COUNT
from pipeline.truth.keypoints import KEYPOINT_SETS

POSE_SIZE = 165

VISIBILITY = {
    "visible": 0,
    "covered": 1,
    "outside_image": 2,
    "self_occluded": 3,
    "person_occluded": 4,
    "object_occluded": 5,
}
"""Reason codes of `joints_code`. A covered joint lies under the person's own clothes, hair or
shoes and nothing else; like a visible one it counts as seen."""

SEEN = (VISIBILITY["visible"], VISIBILITY["covered"])


@dataclass(frozen=True)
class LabelArray:
    """One array: numpy type code, shape ('P' and 'B' are sizes of the scene), and what it is."""

    dtype: str
    shape: tuple
    meaning: str


LABEL_ARRAYS = {
    "K": LabelArray("f8", (3, 3), "intrinsics, px; (0, 0) is the outer corner of the first pixel"),
    "T_cam_world": LabelArray("f8", (4, 4), "camera from world, metres"),
    "betas": LabelArray("f8", ("P", "B"), "shape coefficients"),
    "expression": LabelArray("f8", ("P", 10), "expression coefficients"),
    "pose_world": LabelArray("f8", ("P", POSE_SIZE), "axis-angle; model(...) is in the world"),
    "transl_world": LabelArray("f8", ("P", 3), "m; model(...) is in the world"),
    "pose_cam": LabelArray("f8", ("P", POSE_SIZE), "axis-angle; model(...) is in the camera frame"),
    "transl_cam": LabelArray("f8", ("P", 3), "m; model(...) is in the camera frame"),
    "joints_world": LabelArray("f4", ("P", JOINT_COUNT, 3), "m, world"),
    "joints_cam": LabelArray("f4", ("P", JOINT_COUNT, 3), "m, camera frame"),
    "joints_2d": LabelArray("f4", ("P", JOINT_COUNT, 2), "px, also where hidden or outside"),
    "joints_visible": LabelArray("b1", ("P", JOINT_COUNT), "seen: visible, or only covered"),
    "joints_code": LabelArray("u1", ("P", JOINT_COUNT), "why not, see VISIBILITY"),
    "box_modal": LabelArray("f4", ("P", 4), "px x0 y0 x1 y1 of the mask; zeros if no pixel"),
    "box_amodal": LabelArray("f4", ("P", 4), "px x0 y0 x1 y1 of the whole body, not clipped"),
    "occlusion": LabelArray("f4", ("P",), "hidden share of the body's pixels in the image"),
    "truncation": LabelArray("f4", ("P",), "share of the body's silhouette outside the image"),
    "mask_area_px": LabelArray("i4", ("P",), "pixels of the instance mask"),
    "box_hands": LabelArray("f4", ("P", 2, 4), "px x0 y0 x1 y1, left and right; zeros if outside"),
}
for _name, _points in KEYPOINT_SETS.items():
    LABEL_ARRAYS |= {
        f"{_name}_2d": LabelArray("f4", ("P", len(_points), 2), f"px, {_name}"),
        f"{_name}_cam": LabelArray("f4", ("P", len(_points), 3), f"m, camera frame, {_name}"),
        f"{_name}_code": LabelArray("u1", ("P", len(_points)), f"visibility of {_name}"),
    }


def dense_arrays(counts: list[int]) -> dict[str, LabelArray]:
    """The dense surface key-points that a shard adds, for each set size."""
    arrays = {}
    for n in counts:
        arrays[f"dense_{n}_2d"] = LabelArray("f4", ("P", n, 2), "px of body surface points")
        arrays[f"dense_{n}_index"] = LabelArray("i4", (n,), "their vertex numbers; -1: a matrix's")
        arrays[f"dense_{n}_code"] = LabelArray("u1", ("P", n), "their visibility")
    return arrays


def array_faults(arrays: dict[str, np.ndarray], expected: dict[str, LabelArray]) -> list[str]:
    """Everything that is missing, of the wrong type or shape, or not finite."""
    faults = [f"{name} is missing" for name in expected if name not in arrays]
    faults += [f"{name} is not a known label" for name in arrays if name not in expected]
    sizes: dict[str, int] = {}
    for name in (n for n in expected if n in arrays):
        array, want = arrays[name], expected[name]
        if array.dtype != np.dtype(want.dtype):
            faults.append(f"{name} has type {array.dtype}, expected {np.dtype(want.dtype)}")
        fits = array.ndim == len(want.shape) and all(
            have == (sizes.setdefault(size, have) if isinstance(size, str) else size)
            for have, size in zip(array.shape, want.shape, strict=True)
        )
        if not fits:
            faults.append(f"{name} has shape {array.shape}, expected {want.shape}")
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            faults.append(f"{name} holds NaN or inf")
    return faults
