"""Every body evaluated again from its published parameters, with the published body model.

The numpy evaluator does it, so that joints, boxes, surface points and key-point sets are compared
with a computation that needs neither Blender nor the `smplx` package.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from pipeline.body.modelfile import ModelFile
from pipeline.conventions import project
from pipeline.truth.bodies import cached_model
from pipeline.truth.dense import dense_indices
from pipeline.truth.keypoints import JOINTS, KEYPOINT_SETS
from pipeline.truth.labels import amodal_boxes
from pipeline.verify.frame import CheckedFrame, rest
from pipeline.verify.labels import NEAR_M, REPROJECTION_PX

_PIVOT_M = 1e-6
"""transl_cam follows from transl_world in float64; the rest pelvis sums 14,000 float32 numbers."""


def body_faults(frame: CheckedFrame) -> Iterator[str]:
    """Parameters against joints, key-points, surface points and boxes."""
    if not frame.evaluated:
        return
    # What the audit allowed between the labels' bodies and Blender's holds for every joint.
    limit_m = frame.config["audit"]["max_parameter_error_mm"] / 1000
    for k in range(frame.count):
        for fault in (*_joint_faults(frame, k, limit_m), *_point_faults(frame, k, limit_m)):
            yield f"person {k}: {fault}"
        for fault in (*_world_faults(frame, k), *_dense_faults(frame, k, limit_m)):
            yield f"person {k}: {fault}"


def _joint_faults(frame: CheckedFrame, k: int, limit_m: float) -> Iterator[str]:
    off_m = np.linalg.norm(frame.joints[k] - frame.labels["joints_cam"][k], axis=1)
    worst = int(np.argmax(off_m))
    if not off_m[worst] <= limit_m:
        yield (
            f"its parameters (betas, expression, pose_cam, transl_cam, gender) put joint {worst} "
            f"{1000 * off_m[worst]:.3g} mm from joints_cam"
        )
    vertices = frame.vertices[k]
    wanted = amodal_boxes(frame.labels["K"], vertices[None])[0]
    box, near = frame.labels["box_amodal"][k], vertices[:, 2].min()
    # A vertex that moves over the plane where boxes begin changes the box at once.
    if near > NEAR_M and not np.abs(box - wanted).max() <= _spread_px(frame, limit_m, near):
        yield f"box_amodal is {np.abs(box - wanted).max():.3g} px from that of its vertices"


def _spread_px(frame: CheckedFrame, limit_m: float, z: np.ndarray | float) -> np.ndarray | float:
    """How far apart projections (in px) of points at depth z may be that are limit_m apart.

    Seen under up to 60 degrees from the axis, a step along it moves a point by 1.7 times as much.
    """
    return REPROJECTION_PX + 2 * limit_m * frame.labels["K"][0, 0] / z


def _world_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    """pose_world and transl_world against the camera's: the pivot is the rest pelvis."""
    labels, T = frame.labels, frame.labels["T_cam_world"]
    model = frame.models[k]
    pelvis, _ = rest(model.path, model.kid_template, tuple(labels["betas"][k]))
    moved = T[:3, :3] @ (labels["transl_world"][k] + pelvis) + T[:3, 3] - pelvis
    off_m = np.abs(moved - labels["transl_cam"][k]).max()
    if not off_m <= _PIVOT_M:
        yield f"transl_world, moved by T_cam_world, is {off_m:.3g} m from transl_cam"


def _point_faults(frame: CheckedFrame, k: int, limit_m: float) -> Iterator[str]:
    """Points of the sets that are no joints: the face's outline and the top of the head."""
    K, points = frame.labels["K"], frame.points_cam[k]
    for name, chosen in KEYPOINT_SETS.items():
        surface = np.flatnonzero(np.array(chosen) >= JOINTS)
        if not len(surface):
            continue
        place, uv = (frame.labels[f"{name}_{kind}"][k][surface] for kind in ("cam", "2d"))
        off_m = np.linalg.norm(place - points[np.array(chosen)[surface]], axis=1)
        worst = int(np.argmax(off_m))
        if not off_m[worst] <= limit_m:
            yield f"{name}_cam at {surface[worst]} is {1000 * off_m[worst]:.3g} mm off the body"
        place = place.astype(np.float64)
        front = place[:, 2] > NEAR_M
        off_px = np.linalg.norm(project(K, place[front]) - uv[front], axis=1).max(initial=0)
        if not off_px <= REPROJECTION_PX:
            yield f"{name}_2d is {off_px:.3g} px from the projection of {name}_cam"


def _dense_faults(frame: CheckedFrame, k: int, limit_m: float) -> Iterator[str]:
    labels, shards = frame.labels, frame.config["shards"]
    counts = tuple(n for n in shards["dense_keypoints"] if str(n) not in shards["dense_matrices"])
    for n in shards["dense_keypoints"]:
        wanted = _chosen(frame.models[k], counts)[n] if n in counts else np.full(n, -1)
        if not np.array_equal(labels[f"dense_{n}_index"], wanted):
            yield f"dense_{n}_index is not the set of evenly spread vertices"
            continue
        if (everybody := frame.dense_points(n)) is None:
            continue
        points = everybody[k]
        front = points[:, 2] > NEAR_M
        off_px = np.linalg.norm(project(labels["K"], points) - labels[f"dense_{n}_2d"][k], axis=1)
        beyond = front & ~(off_px <= _spread_px(frame, limit_m, points[:, 2]))
        if beyond.any():
            at = int(np.argmax(np.where(beyond, off_px, 0)))
            yield f"dense_{n}_2d at {at} is {off_px[at]:.3g} px from its point of the body"


@cache
def _chosen_from(path, kid, counts: tuple[int, ...]) -> dict[int, np.ndarray]:
    return dense_indices(cached_model(path, kid), list(counts))


def _chosen(model: ModelFile, counts: tuple[int, ...]) -> dict[int, np.ndarray]:
    return _chosen_from(model.path, model.kid_template, counts)
