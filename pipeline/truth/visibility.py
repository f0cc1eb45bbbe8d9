"""Which joints can be seen and how much of a person is hidden, from depth images.

A skeleton joint lies inside its limb, so "something is in front of it" is not yet "hidden": the
limb's own flesh may be. How much flesh a joint may have in front of it is measured on the person's
own T-pose, where no limb is before another.
"""

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES
from pipeline.conventions import PARTS
from pipeline.truth.schema import JOINT_COUNT, VISIBILITY
from pipeline.truth.silhouette import render_depth

SURFACE_TOLERANCE_M = 0.015
FLESH_FACTOR = 1.25
"""Bodies are looked at from anywhere, and thickness is measured front to back only."""

_COVERS = [PARTS[name] for name in ("hair", "upper", "lower", "full", "outer", "shoes")]
_EYES = [JOINT_INDEX[name] for name in ("left_eye", "right_eye")]
# Along the depth axis, a finger has its neighbours and a foot its whole length.
_FLAT = [j for j, name in enumerate(JOINT_NAMES) if name.endswith(("1", "2", "3", "foot"))]
_FLAT = [j for j in _FLAT if not JOINT_NAMES[j].startswith("spine")]


def flesh_depth(rest_joints: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """How deep (127,) m below the first surface of the body each joint may lie and still be seen.

    rest_joints: (55, 3) and vertices: (V, 3), the person's T-pose in the body-model frame (Y up,
    facing +Z), metres. Joints 55..126 lie on the skin.
    """
    # The last surface, past the cavity of the mouth; for a foot the first, below the knee.
    front_back = _exits(rest_joints, vertices, faces, axis=2, pick=max)
    below_above = _exits(rest_joints, vertices, faces, axis=1, pick=min)
    flesh_m = np.zeros(JOINT_COUNT)
    flesh_m[: len(rest_joints)] = front_back.max(axis=1)
    flesh_m[_FLAT] = below_above[_FLAT].max(axis=1)
    # Behind an eye is the whole head.
    flesh_m[_EYES] = front_back[_EYES, 1]
    return SURFACE_TOLERANCE_M + FLESH_FACTOR * flesh_m


def _exits(points, vertices, faces, axis: int, pick) -> np.ndarray:
    """Distance (N, 2) m from each point down and up an axis to the first surface (pick = min) or
    to the last (pick = max); 0 where there is none."""
    across = [i for i in range(3) if i != axis]
    a, b, c = np.moveaxis(vertices[faces][:, :, across], 1, 0)
    heights = vertices[faces][:, :, axis]
    exits = np.zeros((len(points), 2))
    for n, point in enumerate(points):
        p = point[across]
        share = np.stack([_cross(b - p, c - p), _cross(c - p, a - p), _cross(a - p, b - p)], axis=1)
        hit = (share >= 0).all(axis=1) | (share <= 0).all(axis=1)
        hit &= share.sum(axis=1) != 0
        if hit.any():
            along = (share[hit] * heights[hit]).sum(axis=1) / share[hit].sum(axis=1) - point[axis]
            exits[n] = (
                pick(-along[along < 0], default=0.0),
                pick(along[along >= 0], default=0.0),
            )
    return exits


def _cross(s: np.ndarray, t: np.ndarray) -> np.ndarray:
    return s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]


def joint_codes(
    joints_cam: np.ndarray,
    joints_2d: np.ndarray,
    person: int,
    own_depth: np.ndarray,
    flesh_m: np.ndarray,
    passes,
) -> np.ndarray:
    """Reason codes (J,) uint8 of one person's joints, see `schema.VISIBILITY`.

    joints_cam: (J, 3) m; joints_2d: (J, 2) px. own_depth: (H, W) m, this body alone and naked.
    flesh_m: (J,) from `flesh_depth`. passes: RenderPasses of the frame.
    """
    height, width = own_depth.shape
    z = joints_cam[:, 2]
    inside = (z > 0) & (joints_2d >= 0).all(axis=1)
    inside &= (joints_2d[:, 0] < width) & (joints_2d[:, 1] < height)
    codes = np.full(len(z), VISIBILITY["outside_image"], np.uint8)
    for j in np.flatnonzero(inside):
        u, v = int(joints_2d[j, 0]), int(joints_2d[j, 1])
        codes[j] = _code(z[j], u, v, person, own_depth, flesh_m[j], passes)
    return codes


def _code(z, u, v, person, own_depth, flesh_m, passes) -> int:
    first_m, who = passes.depth[v, u], int(passes.instance[v, u])
    if who not in (0, person + 1) and first_m < z:
        return VISIBILITY["person_occluded"]
    if who == 0 and first_m < z - flesh_m:
        return VISIBILITY["object_occluded"]
    if z - _surface(own_depth, u, v) > flesh_m:
        return VISIBILITY["self_occluded"]
    if who == person + 1 and passes.part[v, u] in _COVERS:
        return VISIBILITY["covered"]
    return VISIBILITY["visible"]


def _surface(own_depth: np.ndarray, u: int, v: int) -> float:
    """Depth of the body at a pixel; at its rim, of the nearest body pixel beside it."""
    if np.isfinite(own_depth[v, u]):
        return own_depth[v, u]
    around = own_depth[max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2]
    around = around[np.isfinite(around)]
    return around.max() if len(around) else np.inf


def occlusion_share(instance: np.ndarray, person: int, own_depth: np.ndarray) -> float:
    """Share of the body's own pixels in the image that another person or an object hides.

    1 when the body has no pixel in the image. The person's own clothes hide nothing.
    """
    body = np.isfinite(own_depth)
    return float(1.0 - (instance[body] == person + 1).mean()) if body.any() else 1.0


def truncation_share(
    vertices_cam: np.ndarray, faces: np.ndarray, box: np.ndarray, K: np.ndarray, shape: tuple
) -> float:
    """Share of the body's silhouette that falls outside the image.

    box: (4,) amodal box px. shape: (H, W). Parts farther out than one image size are not counted,
    nor those behind the camera.
    """
    height, width = shape
    if (box[:2] >= 0).all() and box[2] <= width and box[3] <= height:
        return 0.0
    low = np.maximum(np.minimum(box[:2], 0), [-width, -height])
    high = np.minimum(np.maximum(box[2:], [width, height]), [2 * width, 2 * height])
    # Draw a wider field into an image of the same size, and count inside and out at one scale.
    scale = float(np.min([width, height] / (high - low)))
    wide = (
        np.diag([scale, scale, 1.0]) @ np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ K
    )
    rows, columns = np.nonzero(np.isfinite(render_depth(vertices_cam, faces, wide, width, height)))
    u, v = (columns + 0.5) / scale + low[0], (rows + 0.5) / scale + low[1]
    if not len(u):
        return 1.0
    return float(1.0 - ((u >= 0) & (v >= 0) & (u < width) & (v < height)).mean())
