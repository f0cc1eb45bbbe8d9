"""The audit: labels drawn by a second renderer must agree with what Blender rendered.

Two routes from one scene meet here. Blender posed, placed and rendered the bodies; the label route
evaluates `pose_cam` with our own skinning, projects with the labels' K, and draws with OpenGL. A
wrong focal length, a shifted principal point, a moved or mirrored person, a swapped id or a scaled
depth each break at least one figure. `docs/labels.md` lists the figures and their limits.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from pipeline.config import AuditSection
from pipeline.contact import penetration_m
from pipeline.contracts import RenderPasses
from pipeline.conventions import project
from pipeline.truth.limits import beyond_limits
from pipeline.truth.schema import VISIBILITY

SMALL_PERSON_PX = 400
"""Below this visible area a person's own IoU is reported by the image's IoU only: one pixel of
rasterisation difference along the rim of a sliver is already several percent."""
_JOINT_MARGIN_PX = 2
_SMOOTH_M = 0.03
_CLOTH_TOLERANCE_M = 0.015
_NEAREST_M = 0.1
_LENS_FREE_M = 0.25
"""A surface nearer than this over much of the picture has the camera in it, or pressed to it."""


@dataclass(frozen=True)
class Audit:
    """Figures by name, and the sentences for those beyond their limits."""

    figures: dict[str, float]
    faults: list[str]


def audit_frame(
    labels: dict[str, np.ndarray],
    vertices_cam: np.ndarray,
    rendered_cam: np.ndarray,
    faces: list[np.ndarray],
    alone_depth: np.ndarray,
    passes: RenderPasses,
    limits: AuditSection,
) -> Audit:
    """Compare a frame's labels with its render.

    vertices_cam: (P, V, 3) m, the bodies that the labels' camera-frame parameters give.
    rendered_cam: (P, V, 3) m, the bodies that were handed to Blender, in the camera frame.
    faces: per person (F, 3). alone_depth: (P, H, W) m, each body drawn alone from the labels.
    """
    instance, depth = naked_scene(alone_depth)
    people = range(len(vertices_cam))
    overlap = [_iou(instance == k + 1, passes.body_instance == k + 1) for k in people]
    large = [k for k in people if _visible_px(k, instance, passes) >= SMALL_PERSON_PX]
    depth_mm = _depth_errors_mm(instance, depth, passes)
    vertex_px = [
        _vertex_errors_px(labels["K"], v, uv)
        for v, uv in zip(vertices_cam, passes.vertex_uv, strict=True)
    ]
    figures = {
        "silhouette_iou": _iou(instance > 0, passes.body_instance > 0),
        "person_iou_min": min((overlap[k] for k in large), default=1.0),
        "vertex_error_px": max(vertex_px),
        "position_error_px": float(passes.position_error_px),
        "parameter_error_mm": float(np.abs(vertices_cam - rendered_cam).max() * 1000),
        "depth_median_mm": float(np.median(depth_mm)) if len(depth_mm) else 0.0,
        "depth_p99_mm": float(np.percentile(depth_mm, 99)) if len(depth_mm) else 0.0,
        "depth_max_mm": float(depth_mm.max()) if len(depth_mm) else 0.0,
        "joints_in_mask": _joints_in_mask(labels, passes.body_instance),
        "clothed_in_front": _clothed_in_front(passes),
        "interpenetration_mm": interpenetration_mm(vertices_cam, faces),
        "amodal_covers": _amodal_covers(alone_depth, passes),
        "surface_error_px": _surface_error_px(labels["K"], vertices_cam, faces, passes),
        "near_share": float((passes.depth < _LENS_FREE_M).mean()),
    }
    return Audit(figures, audit_faults(figures, limits))


def naked_scene(alone_depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Instance ids (H, W) and depth (H, W) m of all bodies together, from each alone (P, H, W)."""
    depth = alone_depth.min(axis=0)
    instance = np.where(np.isfinite(depth), alone_depth.argmin(axis=0) + 1, 0)
    return instance, depth


def interpenetration_mm(vertices: np.ndarray, faces: list[np.ndarray]) -> float:
    """Depth in mm of the worst intersection between any two people's naked bodies."""
    people = range(len(vertices))
    pairs = [(a, b) for a in people for b in people if a < b]
    return 1000 * max(
        (penetration_m(vertices[a], faces[a], vertices[b], faces[b]) for a, b in pairs), default=0.0
    )


def audit_faults(figures: dict[str, float], limits: AuditSection) -> list[str]:
    at_least = {
        "silhouette_iou": limits.min_silhouette_iou,
        "person_iou_min": limits.min_silhouette_iou,
        "joints_in_mask": limits.min_joints_in_mask,
        "clothed_in_front": limits.min_clothed_in_front,
        "amodal_covers": limits.min_clothed_in_front,
    }
    at_most = {
        "vertex_error_px": limits.max_vertex_error_px,
        "position_error_px": limits.max_vertex_error_px,
        "surface_error_px": limits.max_vertex_error_px,
        "parameter_error_mm": limits.max_parameter_error_mm,
        "depth_median_mm": limits.max_depth_error_mm,
        "depth_p99_mm": limits.max_depth_error_mm,
        "interpenetration_mm": limits.max_interpenetration_mm,
        "near_share": limits.max_near_share,
    }
    return beyond_limits(figures, at_least, at_most)


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def _visible_px(person: int, instance: np.ndarray, passes: RenderPasses) -> int:
    return max((instance == person + 1).sum(), (passes.body_instance == person + 1).sum())


def _vertex_errors_px(K: np.ndarray, vertices_cam: np.ndarray, vertex_uv: np.ndarray) -> float:
    """Worst distance in px between label projections and Blender's own, in front of the camera."""
    front = vertices_cam[:, 2] > _NEAREST_M
    if not front.any():
        return 0.0
    uv = project(K, vertices_cam[front].astype(float))
    return float(np.linalg.norm(uv - vertex_uv[front], axis=1).max())


def _depth_errors_mm(instance: np.ndarray, depth: np.ndarray, passes: RenderPasses) -> np.ndarray:
    """Depth differences where both routes see one person's smooth surface, away from rims."""

    def one_id(ids: np.ndarray) -> np.ndarray:
        return minimum_filter(ids, 3) == maximum_filter(ids, 3)

    both = (instance > 0) & (instance == passes.body_instance)
    both &= one_id(instance) & one_id(passes.body_instance)
    finite = np.where(np.isfinite(depth), depth, 0)
    both &= maximum_filter(finite, 3) - minimum_filter(finite, 3) < _SMOOTH_M
    return np.abs(depth[both].astype(float) - passes.body_depth[both]) * 1000


def _joints_in_mask(labels: dict[str, np.ndarray], body_instance: np.ndarray) -> float:
    """Share of the seen joints that lie within 2 px of their person's body as Blender drew it."""
    inside, count = 0, 0
    for k, uv in enumerate(labels["joints_2d"]):
        distance_px = distance_transform_edt(body_instance != k + 1)
        seen = uv[np.isin(labels["joints_code"][k], list(_IN_MASK))].astype(int)
        inside += (distance_px[seen[:, 1], seen[:, 0]] <= _JOINT_MARGIN_PX).sum()
        count += len(seen)
    return float(inside / count) if count else 1.0


_IN_MASK = (VISIBILITY["visible"], VISIBILITY["covered"], VISIBILITY["self_occluded"])


def _clothed_in_front(passes: RenderPasses) -> float:
    """Share of naked-body pixels where the clothed render shows something no farther away."""
    body = passes.body_instance > 0
    if not body.any():
        return 1.0
    return float((passes.depth[body] <= passes.body_depth[body] + _CLOTH_TOLERANCE_M).mean())


def _amodal_covers(alone_depth: np.ndarray, passes: RenderPasses) -> float:
    """Share of each naked body's own pixels, drawn from the labels, that lie in its amodal mask; of
    the person with the least, among those of some size."""
    shares = [
        float(mask[np.isfinite(depth)].mean())
        for depth, mask in zip(alone_depth, passes.amodal, strict=True)
        if np.isfinite(depth).sum() >= SMALL_PERSON_PX
    ]
    return min(shares, default=1.0)


def _surface_error_px(
    K: np.ndarray, vertices_cam: np.ndarray, faces: list[np.ndarray], passes: RenderPasses
) -> float:
    """99th percentile of the distance in px between a pixel's centre and the projection of the
    surface point that `body_face` and `body_bary` name there, on the labels' own bodies."""
    rows, columns = np.nonzero(passes.body_face >= 0)
    if not len(rows):
        return 0.0
    face, who = passes.body_face[rows, columns], passes.body_instance[rows, columns].astype(int) - 1
    first_two = passes.body_bary[rows, columns].astype(float)
    weights = np.column_stack([first_two, 1 - first_two.sum(axis=1)])
    corners = np.stack(faces)[who, face]
    points = np.einsum("nk,nkd->nd", weights, vertices_cam[who[:, None], corners])
    off = project(K, points) - np.column_stack([columns + 0.5, rows + 0.5])
    return float(np.percentile(np.linalg.norm(off, axis=1), 99))
