"""Visibility codes worked out again from the published depth and masks and the drawn bodies.

Where a rim falls on one of two neighbouring pixels, or a depth on one side of a limit, may differ
between graphics drivers; a code is wrong when no such choice explains it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from pipeline.truth.audit import naked_scene
from pipeline.truth.bodies import cached_model
from pipeline.truth.keypoints import JOINTS, KEYPOINT_SETS, POINT_COUNT
from pipeline.truth.labels import project_in_front, rest_body
from pipeline.truth.visibility import SURFACE_TOLERANCE_M, flesh_depth, joint_codes
from pipeline.verify.frame import CheckedFrame

_FLESH_M = 1e-3
"""Flesh is measured on float32 vertices along rays that may graze a triangle's edge."""
_EDGE_PX = 0.02
"""A surface point this close to a pixel's edge may have been looked up in the next pixel: the
audit allows its vertex 0.2 mm, and measures some 0.0005 mm."""


@dataclass(frozen=True)
class _Published:
    """What `joint_codes` reads of a frame's passes."""

    depth: np.ndarray
    instance: np.ndarray
    part: np.ndarray


def code_faults(frame: CheckedFrame) -> Iterator[str]:
    """Codes of joints, key-points and surface points that nothing explains."""
    if not frame.evaluated or frame.alone is None:
        return
    instance, depth = naked_scene(frame.alone)
    for k in range(frame.count):
        first = np.where(instance == k + 1, depth, np.inf)
        for fault in (*_point_faults(frame, k), *_dense_faults(frame, k, first)):
            yield f"person {k}: {fault}"


def _point_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    labels, model = frame.labels, frame.models[k]
    flesh = _flesh(model.path, model.kid_template, tuple(labels["betas"][k]))
    body = _Body(frame, k, frame.alone[k])
    codes = body.codes(frame.points_cam[k], frame.points_2d[k], flesh)
    for name, points in ({"joints": list(range(JOINTS))} | KEYPOINT_SETS).items():
        told = labels[f"{name}_code"][k]
        at = np.array(points)
        for i in np.flatnonzero(told != codes[at]):
            point = at[i : i + 1]
            possible = body.perhaps(
                frame.points_cam[k, point], frame.points_2d[k, point], flesh[point]
            )
            if told[i] not in possible:
                yield f"{name}_code at {i} is {told[i]}, worked out again {codes[at[i]]}"
                break


def _dense_faults(frame: CheckedFrame, k: int, first: np.ndarray) -> Iterator[str]:
    """first: (H, W) m, where this person's naked body is the first of all bodies."""
    body = _Body(frame, k, first)
    for n in frame.config["shards"]["dense_keypoints"]:
        told, everybody = frame.labels[f"dense_{n}_code"][k], frame.dense_points(n)
        if everybody is None:
            continue
        points = everybody[k]
        uv = project_in_front(frame.labels["K"], points)
        skin = np.full(n, SURFACE_TOLERANCE_M)
        codes = body.codes(points, uv, skin)
        unsure = (np.abs(uv - np.round(uv)) < _EDGE_PX).any(axis=1)
        for i in np.flatnonzero((told != codes) & ~unsure):
            if told[i] not in body.perhaps(points[i : i + 1], uv[i : i + 1], skin[i : i + 1]):
                yield f"dense_{n}_code at {i} is {told[i]}, worked out again {codes[i]}"
                break


class _Body:
    """Codes of points of person k. own: depth (H, W) m of their body."""

    def __init__(self, frame: CheckedFrame, k: int, own: np.ndarray):
        self._passes = _Published(frame.depth, frame.mask, frame.part)
        self._k, self._own = k, own

    def codes(self, points: np.ndarray, uv: np.ndarray, flesh: np.ndarray) -> np.ndarray:
        """Codes (n,) of points (n, 3) m at uv (n, 2) px under flesh (n,) m."""
        return joint_codes(points, uv, self._k, self._own, flesh, self._passes)

    def perhaps(self, points: np.ndarray, uv: np.ndarray, flesh: np.ndarray) -> np.ndarray:
        """Codes of a point that another driver's rims, or flesh measured elsewhere, would give."""
        (column, row), (height, width) = uv[0].astype(int), self._own.shape
        surfaces = [self._own, *self._around]
        inside = 0 <= row < height and 0 <= column < width
        if inside and not np.isfinite(self._own[row, column]):
            # At a rim Cycles may hit the very surface that OpenGL misses here, and none around.
            surfaces.append(np.full_like(self._own, np.inf))
        return np.concatenate(
            [
                joint_codes(points, uv, self._k, surface, flesh + more, self._passes)
                for surface in surfaces
                for more in (-_FLESH_M, _FLESH_M)
            ]
        )

    @cached_property
    def _around(self) -> tuple[np.ndarray, np.ndarray]:
        """The nearest and the farthest surface within a pixel."""
        far = maximum_filter(np.where(np.isfinite(self._own), self._own, -np.inf), 3)
        return minimum_filter(self._own, 3), np.where(np.isfinite(far), far, np.inf)


@lru_cache(maxsize=256)
def _flesh(path: Path, kid: Path | None, betas: tuple[float, ...]) -> np.ndarray:
    """Flesh (145,) m over the points of a body; those past the joints lie on the skin."""
    model = cached_model(path, kid)
    vertices, joints = rest_body(model, np.array(betas))
    skin = np.full(POINT_COUNT - JOINTS, SURFACE_TOLERANCE_M)
    return np.concatenate([flesh_depth(joints, vertices, model.faces), skin])
