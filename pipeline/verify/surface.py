"""Depth, normals, parts and `body_face` where a body's own surface is seen; no drawing needed.

`body_face` and `body_bary` name a point of the naked body at a pixel. Evaluated from the labels, it
must lie on that pixel's ray; where bare skin is seen it must also lie at the pixel's depth.
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from pipeline.conventions import PARTS, pixel_centres, project, unproject
from pipeline.verify.frame import CheckedFrame

_SKIN_M = 2e-4
"""body_bary is float16: 2.4e-4 of a triangle's edge of at most 0.1 m, and float32 positions of some
1e-6 m. Measured on Cycles: 0.02 mm."""
_CLOTH_M = 0.015
"""As in the audit: cloth that the simulation lets sink into the skin."""
_REACH_M = 0.5
"""Hair, clothes and shoes reach no farther from the body."""
_FACING = 2e-3
"""Normals are float16."""
_NORMAL_DEG = 15.0
"""Median over a person, or over all that is nobody's. Smooth normals of cloth and skin lie 2 to 7
degrees (median) from the plane through neighbouring pixels at 500 px; coarser pictures cut more
folds."""
_SMOOTH_M = 0.03
_FEW_PX = 50
"""A median of fewer pixels says nothing."""
_BODY_PARTS = (PARTS["skin"], PARTS["hands"], PARTS["feet"], PARTS["eyes_mouth"])


def surface_faults(frame: CheckedFrame) -> Iterator[str]:
    """body_face, body_bary, depth and part.png against the evaluated bodies."""
    if not frame.evaluated:
        return
    limit_px = frame.config["audit"]["max_vertex_error_px"]
    for k in range(frame.count):
        for fault in _skin_faults(frame, k, limit_px):
            yield f"person {k}: {fault}"
        hidden = frame.geometry["amodal"][k] & (frame.mask != k + 1)
        if (frame.depth[hidden] > frame.vertices[k][:, 2].max() + _REACH_M).any():
            yield f"person {k}: the amodal mask covers pixels that show what is behind the person"
    rows, columns = np.nonzero(frame.geometry["body_face"] >= 0)
    if not len(rows):
        return
    if frame.geometry["body_face"].max() >= min(len(model.faces) for model in frame.models):
        yield "body_face names triangles that the body model does not have"
        return
    points = [frame.surface_points(k, rows, columns) for k in range(frame.count)]
    centres = np.column_stack([columns + 0.5, rows + 0.5])
    off_px = np.stack([_off_px(frame, some, centres) for some in points])
    nearest = off_px.argmin(axis=0)
    off_px = off_px.min(axis=0)
    if not (p99 := np.percentile(off_px, 99)) <= limit_px:
        yield f"body_face and body_bary name points up to {p99:.3g} px from their pixels (p99)"
    body_m = np.stack(points)[nearest, np.arange(len(rows)), 2]
    in_front = (frame.depth[rows, columns] <= body_m + _CLOTH_M)[off_px <= limit_px]
    if in_front.size and not in_front.mean() >= frame.config["audit"]["min_clothed_in_front"]:
        yield f"depth lies behind the bodies at {1 - in_front.mean():.1%} of their pixels"


def _off_px(frame: CheckedFrame, points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Distance (n,) px of projected points (n, 3) from pixel centres; inf behind the camera."""
    front = points[:, 2] > 0
    uv = project(frame.labels["K"], np.where(front[:, None], points, [0.0, 0.0, 1.0]))
    return np.where(front, np.linalg.norm(uv - centres, axis=1), np.inf)


def _skin_faults(frame: CheckedFrame, k: int, limit_px: float) -> Iterator[str]:
    rows, columns = frame.bare(k)
    face = frame.geometry["body_face"][rows, columns]
    known = (face >= 0) & (face < len(frame.models[k].faces))
    rows, columns, face = rows[known], columns[known], face[known]
    if not len(rows):
        return
    points = frame.surface_points(k, rows, columns)
    off_px = _off_px(frame, points, np.column_stack([columns + 0.5, rows + 0.5]))
    if (count := (~(off_px <= limit_px)).sum()) > 0:
        yield (
            f"body_face and body_bary name points up to {off_px.max():.3g} px from their pixels "
            f"({count} of {len(rows)} pixels of skin)"
        )
    off_m = np.abs(frame.depth[rows, columns] - points[:, 2])
    wrong = ~(off_m <= _SKIN_M) & (off_px <= limit_px)
    if wrong.any():
        yield (
            f"depth is up to {1000 * off_m[wrong].max():.3g} mm from the body's surface "
            f"({wrong.sum()} of {len(rows)} pixels of skin)"
        )
    told = frame.models[k].vertex_part[frame.models[k].faces[face]]
    eyes = np.where(frame.models[k].face_part[face] > 0, PARTS["eyes_mouth"], told[:, 0])
    seen = frame.part[rows, columns]
    odd = ~(told == seen[:, None]).any(axis=1) & (eyes != seen)
    if odd.any():
        yield f"part.png shows another part of the body than body_face ({odd.sum()} pixels)"


def normal_faults(frame: CheckedFrame) -> Iterator[str]:
    """Normals against the view, and against the surface that the depth describes."""
    K, mask, normal = frame.labels["K"], frame.mask, frame.normal.astype(np.float64)
    rays = np.concatenate([pixel_centres(*frame.size), np.ones((*mask.shape, 1))], axis=-1)
    rays = rays @ np.linalg.inv(K).T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    away = (normal * rays).sum(axis=-1) > _FACING
    depth = np.where(np.isfinite(frame.depth), frame.depth, 1e4)
    slope = _plane_normals(K, depth)
    cosine = np.abs((slope * normal).sum(axis=-1)).clip(0, 1)
    flat = (maximum_filter(depth, 3) - minimum_filter(depth, 3) < _SMOOTH_M) & (
        minimum_filter(frame.part, 3) == maximum_filter(frame.part, 3)
    )
    # The planes of single hairs are not those of their shading.
    flat &= (minimum_filter(mask, 3) == maximum_filter(mask, 3)) & (frame.part != PARTS["hair"])
    for k in range(-1, frame.count):
        own, who = mask == k + 1, f"person {k}: " if k >= 0 else "where nobody is, "
        if k < 0:
            own &= np.isfinite(frame.depth)
        if (away & own).any():
            yield f"{who}{(away & own).sum()} normals face away from the camera"
        if (flat & own).sum() >= _FEW_PX:
            median = float(np.median(np.degrees(np.arccos(cosine[flat & own]))))
            if not median <= _NORMAL_DEG:
                yield f"{who}normals lean {median:.3g} degrees (median) from the depth"


def _plane_normals(K: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Normals (H, W, 3) of the planes through each pixel's four neighbours, of unit length."""
    points = np.pad(unproject(K, depth), ((1, 1), (1, 1), (0, 0)), mode="edge")
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    normal = np.cross(across, down)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
