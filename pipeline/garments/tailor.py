"""Fit a pattern to one person's body: the garment's rest shape, and where its skin takes it.

Frames: subject frame (Z up), metres.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.garments.patterns import Pattern, Template
from pipeline.garments.surface import (
    ClosestPoint,
    boundary_loops,
    neighbour_mean,
    unit,
    vertex_normals,
)

Surface = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) and faces (M, 3)."""


@dataclass(frozen=True)
class FittedGarment:
    """A pattern on one body. rest: (N, 3) m, subject frame. height_m: (n,) of the n bound
    vertices above the body along its normal."""

    pattern: Pattern
    rest: np.ndarray
    height_m: np.ndarray


def fit(
    pattern: Pattern, template: Template, tpose: np.ndarray, inner: list[Surface], gap_m: float
) -> FittedGarment:
    """Put a pattern on a body (V, 3), outside the `inner` garments' vertices by `gap_m`.

    The body is in the T-pose, or anywhere between it and another pose with nothing touching.
    """
    normals = vertex_normals(tpose, template.faces)
    foot = pattern.binding @ tpose
    outward = unit(pattern.binding @ normals)
    points = foot + outward * pattern.ease_m[:, None]
    if pattern.rings:
        scale = _leg_length(template, tpose) / _leg_length(template, _z_up(template.vertices))
        points = np.concatenate([points, _rings(pattern, points, scale)])
    points = _relax(pattern, template, tpose, points, inner, gap_m)
    height = ((points[: len(foot)] - foot) * outward).sum(axis=1)
    pinned = np.flatnonzero(pattern.pinned)
    points[pinned] = foot[pinned] + outward[pinned] * height[pinned, None]
    return FittedGarment(pattern, points, height)


def skin_path(garment: FittedGarment, template: Template, body: np.ndarray) -> np.ndarray:
    """Where a moving body (F, V, 3) takes the bound vertices, (F, n, 3), above their skin."""
    binding = garment.pattern.binding
    paths = []
    for frame in body.astype(np.float64):
        normals = vertex_normals(frame, template.faces)
        paths.append(binding @ frame + unit(binding @ normals) * garment.height_m[:, None])
    return np.stack(paths)


def _z_up(points: np.ndarray) -> np.ndarray:
    """Body-model frame (Y up) to subject frame (Z up)."""
    return np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1)


def _leg_length(template: Template, vertices: np.ndarray) -> float:
    hip, ankle = (
        template.J_regressor[JOINT_INDEX[joint]] @ vertices for joint in ("left_hip", "left_ankle")
    )
    return float(np.linalg.norm(hip - ankle))


def _rings(pattern: Pattern, points: np.ndarray, scale: float) -> np.ndarray:
    """Vertices (rings * L, 3) of the tube below the lowest loop, growing round and wider."""
    start = points[pattern.loop]
    centre = start[:, :2].mean(axis=0)
    spoke = start[:, :2] - centre
    radius = np.linalg.norm(spoke, axis=1)
    spoke = spoke / radius[:, None]
    # The hull's support in each direction: a tube never follows the hollows of the body.
    hull = np.maximum(radius, 0.97 * (spoke @ (start[:, :2] - centre).T).max(axis=1))
    rings = []
    for ring in range(1, pattern.rings + 1):
        t = ring / pattern.rings
        blend = min(1.0, 3 * t)
        reach = (1 - blend) * radius + blend * hull + pattern.flare_m * scale * t
        flat_z = (1 - t) * start[:, 2] + t * start[:, 2].mean()
        height = flat_z - pattern.hang_m * scale * t
        rings.append(np.column_stack([centre + spoke * reach[:, None], height]))
    return np.concatenate(rings)


def _relax(pattern, template, tpose, points, inner, gap_m, rounds: int = 14) -> np.ndarray:
    """Smooth the cloth like a taut skin that keeps its distance from the body and inner layers."""
    average = neighbour_mean(pattern.faces, pattern.count)
    loops = boundary_loops(pattern.faces)
    ease = np.full(pattern.count, 0.006)
    ease[: pattern.bound_count] = pattern.ease_m
    body = ClosestPoint(tpose, template.faces)
    layers = [(body, vertex_normals(tpose, template.faces), ease)]
    for vertices, faces in inner:
        gap = np.full(pattern.count, gap_m)
        layers.append((ClosestPoint(vertices, faces), vertex_normals(vertices, faces), gap))
    for turn in range(rounds):
        smooth = average @ points
        for loop in loops:
            smooth[loop] = (points[np.roll(loop, 1)] + points[np.roll(loop, -1)]) / 2
        points = points + 0.5 * (smooth - points)
        # The last rounds let the smoothing win over the exact distance, which irons out dents.
        share = 1.0 if turn < rounds - 3 else 0.6
        for surface, normals, clearance in layers:
            points = _keep_clear(points, surface, normals, share * clearance)
    return points


def _keep_clear(points, surface, normals, clearance) -> np.ndarray:
    """Push points that are closer than `clearance` (N,) to a surface, or behind it, outwards."""
    closest, face, bary = surface.query(points)
    outward = unit((normals[surface.faces[face]] * bary[..., None]).sum(axis=1))
    offset = points - closest
    height = (offset * outward).sum(axis=1)
    # Far away on the wrong side means another part of the body, or the open end of a garment.
    near = np.linalg.norm(offset, axis=1) < 0.06
    push = np.where(near, np.maximum(clearance - height, 0), 0)
    return points + outward * push[:, None]
