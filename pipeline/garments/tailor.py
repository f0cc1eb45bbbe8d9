"""Fit a pattern to one person's body: the garment's rest shape, and where its skin takes it.

Frames: subject frame (Z up), metres.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.garments.patterns import Pattern
from pipeline.garments.surface import (
    ClosestPoint,
    boundary_loops,
    unique_edges,
    unit,
    vertex_normals,
)
from pipeline.garments.template import ARM, Template

Surface = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) and faces (M, 3)."""

_GROWN_CLEAR_M = 0.004
"""Least distance of collar and hood from skin and inner garments."""

_CHILD_EASE = 0.6
"""Least share of its ease that a garment keeps on a small body."""


@dataclass(frozen=True)
class FittedGarment:
    """A pattern on one body. rest: (N, 3) m, subject frame. height_m: (n,) of the n bound
    vertices above the body along its normal. away_m: (n, 3) of grown ones (collar, hood) from their
    places on the skin, in template directions; zero for the others."""

    pattern: Pattern
    rest: np.ndarray
    height_m: np.ndarray
    away_m: np.ndarray


def fit(
    pattern: Pattern, template: Template, tpose: np.ndarray, inner: list[Surface], gap_m: float
) -> FittedGarment:
    """Put a pattern on a body (V, 3), outside the `inner` garments' vertices by `gap_m`.

    The body is in the T-pose, or anywhere between it and another pose with nothing touching.
    """
    normals = vertex_normals(tpose, template.faces)
    foot = pattern.binding @ tpose
    outward = unit(pattern.binding @ normals)
    width = template.span("left_shoulder", "right_shoulder", tpose)
    ease = pattern.ease_m * np.clip(width, _CHILD_EASE, 1)
    points = sewn = foot + outward * ease[:, None]
    if pattern.rings:
        scale = template.span("left_hip", "left_ankle", tpose)
        points = np.concatenate([points, _rings(pattern, points, scale)])
    layers = _layers(pattern, template, tpose, ease, inner, gap_m)
    points = _relax(pattern, template, points, layers)
    if pattern.reach_m.any():
        points[: len(foot)] += _reach(pattern, template, tpose)
        for surface, normals, clearance in layers:
            points = _keep_clear(points, surface, normals, 0.6 * clearance)
    height = ((points[: len(foot)] - foot) * outward).sum(axis=1)
    held = np.flatnonzero(pattern.pinned & ~pattern.grown)
    # Smoothing moves the band along the skin too; where it stays, it has to be above the skin.
    height[held] = np.maximum(height[held], 0.6 * ease[held])
    points[held] = foot[held] + outward[held] * height[held, None]
    away, grown = np.zeros((len(foot), 3)), pattern.grown
    if grown.any():
        turn = template.trunk_turn(tpose)
        root = pattern.root[grown]
        lift = (points[root] - sewn[root]) @ turn
        away[grown] = width * pattern.offset_m[grown] + lift
        height[grown] = ease[grown]
        points[: len(foot)][grown] = sewn[grown] + away[grown] @ turn.T
        for surface, normals, clearance in layers:
            gap = np.maximum(clearance / 2, _GROWN_CLEAR_M)
            clear = _keep_clear(points, surface, normals, gap)[: len(foot)][grown]
            away[grown] += (clear - points[: len(foot)][grown]) @ turn
            points[: len(foot)][grown] = clear
    return FittedGarment(pattern, points, height, away)


def skin_path(garment: FittedGarment, template: Template, body: np.ndarray) -> np.ndarray:
    """Where a moving body (F, V, 3) takes the bound vertices, (F, n, 3), above their skin."""
    binding = garment.pattern.binding
    paths = []
    for frame in body.astype(np.float64):
        normals = vertex_normals(frame, template.faces)
        path = binding @ frame + unit(binding @ normals) * garment.height_m[:, None]
        if garment.pattern.grown.any():
            path += garment.away_m @ template.trunk_turn(frame).T
        paths.append(path)
    return np.stack(paths)


def _reach(pattern: Pattern, template: Template, body: np.ndarray) -> np.ndarray:
    """How far (n, 3) sleeves go on along the forearm beyond where they are bound."""
    ahead = np.zeros((pattern.bound_count, 3))
    for side, mine in (("left", pattern.reach_m > 0), ("right", pattern.reach_m < 0)):
        elbow, wrist = (
            template.J_regressor[JOINT_INDEX[f"{side}_{joint}"]] @ body for joint in ARM[1:]
        )
        scale = template.span(f"{side}_elbow", f"{side}_wrist", body)
        ahead[mine] = scale * np.abs(pattern.reach_m[mine, None]) * unit(wrist - elbow)
    return ahead


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


def _layers(pattern, template, tpose, bound_ease, inner, gap_m) -> list[tuple]:
    """Surfaces below the cloth, innermost first: (closest points, normals, clearance (N,) m)."""
    ease = np.full(pattern.count, 0.006)
    ease[: pattern.bound_count] = bound_ease
    layers = [(ClosestPoint(tpose, template.faces), vertex_normals(tpose, template.faces), ease)]
    for vertices, faces in inner:
        gap = np.full(pattern.count, gap_m)
        layers.append((ClosestPoint(vertices, faces), vertex_normals(vertices, faces), gap))
    return layers


def _relax(pattern, template, points, layers, rounds: int = 30) -> np.ndarray:
    """Smooth the cloth like a taut skin that keeps its distance from the layers below."""
    # Collar and hood keep their own shape; the rest is smoothed as if they were not there.
    loose = np.concatenate([~pattern.grown, np.ones(pattern.count - pattern.bound_count, bool)])
    faces = pattern.faces[loose[pattern.faces].all(axis=1)]
    arm = np.zeros(pattern.count)
    arm[: pattern.bound_count] = pattern.binding @ template.arms()
    average = _hanging_mean(points, faces, arm)
    # Sleeves do not hang from above: half the smoothing is enough for them.
    rate = (0.5 - 0.25 * arm)[:, None]
    loops = [(np.roll(loop, 1), loop, np.roll(loop, -1)) for loop in boundary_loops(faces)]
    for turn in range(rounds):
        smooth = np.where(loose[:, None], average @ points, points)
        for before, middle, after in loops:
            smooth[middle] = (points[before] + points[after]) / 2
        smooth[pattern.corners] = points[pattern.corners]
        points = points + rate * (smooth - points)
        # The last rounds let the smoothing win over the exact distance, which irons out dents.
        share = 1.0 if turn < rounds - 3 else 0.6
        for surface, normals, clearance in layers:
            points = _keep_clear(points, surface, normals, share * clearance)
    return points


def _hanging_mean(points: np.ndarray, faces: np.ndarray, arm: np.ndarray) -> sp.csr_matrix:
    """Row-stochastic matrix (N, N) over each vertex' neighbours, those above and below first.

    Cloth hangs: it goes straight from bust to belly, not into the hollow between them. Not so on
    arms that are held out; arm: (N,) 0..1.
    """
    a, b = unique_edges(faces).T
    along = unit(points[b] - points[a])
    sleeve = (arm[a] + arm[b]) / 2
    weight = sleeve * 0.5 + (1 - sleeve) * (0.15 + along[:, 2] ** 2)
    size = (len(points), len(points))
    edges = sp.csr_matrix((np.tile(weight, 2), (np.append(a, b), np.append(b, a))), size)
    total = np.asarray(edges.sum(axis=1)).ravel()
    return sp.diags(1 / np.where(total > 0, total, 1)) @ edges


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
