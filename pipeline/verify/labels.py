"""Do the numeric labels of a sample agree with each other? No pixel and no body model is needed."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.conventions import project, transform
from pipeline.truth.keypoints import JOINTS, KEYPOINT_SETS, POINT_COUNT, hand_boxes
from pipeline.truth.schema import SEEN, VISIBILITY
from pipeline.verify.frame import CheckedFrame

REPROJECTION_PX = 0.02
"""joints_2d and joints_cam are float32: some 1e-7 of 10 m at 10,000 px focal length and 0.1 m."""
FRAME_M = 2e-5
"""joints_world and joints_cam are float32 of numbers up to about 30 m."""
_RIGID = 1e-9
"""T_cam_world and the root poses are float64; the products have some 1e-15 of rounding."""
_ROOT_RAD = 1e-6
"""arccos of a float64 trace near 3 resolves no less than some 1e-8 rad."""
NEAR_M = 0.1
"""Nearer points project too far away for their float32 coordinates to tell where."""


def label_faults(frame: CheckedFrame) -> Iterator[str]:
    """Camera against joints, world against camera, codes, and the sets of key-points."""
    yield from _camera_faults(frame)
    for k in range(frame.count):
        for fault in (*_joint_faults(frame, k), *_root_faults(frame, k), *_code_faults(frame, k)):
            yield f"person {k}: {fault}"
        for fault in _set_faults(frame, k):
            yield f"person {k}: {fault}"
    yield from _dense_index_faults(frame)


def _camera_faults(frame: CheckedFrame) -> Iterator[str]:
    T = frame.labels["T_cam_world"]
    rotation = T[:3, :3]
    rigid = np.abs(rotation @ rotation.T - np.eye(3)).max() < _RIGID
    if not rigid or np.linalg.det(rotation) < 0 or not np.array_equal(T[3], [0, 0, 0, 1]):
        yield "T_cam_world is not a rigid motion"


def _joint_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    labels = frame.labels
    joints = labels["joints_cam"][k].astype(np.float64)
    front = joints[:, 2] > NEAR_M
    off_px = np.linalg.norm(project(labels["K"], joints) - labels["joints_2d"][k], axis=1)
    worst = int(np.argmax(np.where(front, off_px, 0)))
    if front.any() and not off_px[worst] <= REPROJECTION_PX:
        yield f"K @ joints_cam is {off_px[worst]:.3g} px from joints_2d at joint {worst}"
    moved = transform(labels["T_cam_world"], labels["joints_world"][k].astype(np.float64))
    off_m = np.abs(moved - joints).max()
    if not off_m <= FRAME_M:
        yield f"T_cam_world @ joints_world is {off_m:.3g} m off joints_cam"
    box = labels["box_amodal"][k]
    inside = (labels["joints_2d"][k] >= box[:2] - 1) & (labels["joints_2d"][k] <= box[2:] + 1)
    if not inside[front].all():
        yield "a joint lies outside box_amodal"
    boxes = hand_boxes(labels["joints_2d"][k : k + 1], frame.size)[0]
    for side, name in enumerate(("left", "right")):
        if not np.array_equal(boxes[side], labels["box_hands"][k, side]):
            yield f"box_hands is not the box of the {name} hand's points"


def _root_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    labels, T = frame.labels, frame.labels["T_cam_world"]
    if not np.array_equal(labels["pose_cam"][k, 3:], labels["pose_world"][k, 3:]):
        yield "pose_cam and pose_world differ in more than the root"
    if np.linalg.det(T[:3, :3]) <= 0:
        return  # no turn at all, as has been said
    turned = Rotation.from_matrix(T[:3, :3]) * Rotation.from_rotvec(labels["pose_world"][k, :3])
    away = (turned.inv() * Rotation.from_rotvec(labels["pose_cam"][k, :3])).magnitude()
    if not away <= _ROOT_RAD:
        yield f"the roots of pose_cam and pose_world are {np.degrees(away):.3g} degrees apart"
    # The root turns about the rest pelvis, which both sets of parameters must put in one place.
    pelvis_of_world = labels["joints_world"][k, 0] - labels["transl_world"][k]
    pelvis_of_cam = labels["joints_cam"][k, 0] - labels["transl_cam"][k]
    off_m = np.abs(pelvis_of_world - pelvis_of_cam).max()
    if not off_m <= FRAME_M:
        yield f"transl_cam and transl_world are {off_m:.3g} m apart"


def _code_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    labels, (width, height) = frame.labels, frame.size
    uv, code = labels["joints_2d"][k], labels["joints_code"][k]
    inside = ((uv >= 0) & (uv < [width, height])).all(axis=1) & (labels["joints_cam"][k, :, 2] > 0)
    outside = code == VISIBILITY["outside_image"]
    if (~inside & ~outside).any():
        yield f"joint {np.flatnonzero(~inside & ~outside)[0]} outside the image is coded as inside"
    if (inside & outside).any():
        yield f"joint {np.flatnonzero(inside & outside)[0]} inside the image is coded as outside"
    if code.max() > max(VISIBILITY.values()):
        yield "joints_code holds an unknown code"
    if not np.array_equal(np.isin(code, SEEN), labels["joints_visible"][k]):
        yield "joints_visible does not follow from joints_code"


def _set_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    """Every set is a choice among the same 145 points, which have one place and one code each."""
    labels = frame.labels
    place, uv = np.full((POINT_COUNT, 3), np.nan), np.full((POINT_COUNT, 2), np.nan)
    code = np.full(POINT_COUNT, -1)
    place[:JOINTS], uv[:JOINTS] = labels["joints_cam"][k], labels["joints_2d"][k]
    code[:JOINTS] = labels["joints_code"][k]
    for name, points in KEYPOINT_SETS.items():
        known = code[points] >= 0
        for kind, of in (("cam", place), ("2d", uv), ("code", code)):
            values = labels[f"{name}_{kind}"][k]
            off = (values[known] != of[points][known]).reshape(known.sum(), -1).any(axis=1)
            if off.any():
                at = int(np.flatnonzero(known)[np.argmax(off)])
                yield f"{name}_{kind} at {at} is not point {points[at]} of the other labels"
            # A point that is no joint is known from the first set that has it.
            of[np.array(points)[~known]] = values[~known]


def _dense_index_faults(frame: CheckedFrame) -> Iterator[str]:
    counts = sorted(frame.config["shards"]["dense_keypoints"])
    indices = [frame.labels[f"dense_{n}_index"] for n in counts]
    for n, index in zip(counts, indices, strict=True):
        if (index >= 0).all() and len(np.unique(index)) != n:
            yield f"dense_{n}_index names a vertex twice"
    for n, index, larger in zip(counts, indices, indices[1:], strict=False):
        if (index >= 0).all() and (larger >= 0).all() and not np.array_equal(index, larger[:n]):
            yield f"dense_{n}_index is not the beginning of the larger set"
