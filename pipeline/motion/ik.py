"""Closed-form two-bone inverse kinematics for a limb with a hinge (knee, elbow).

The bones of a real skeleton are neither straight nor perpendicular to the hinge, so the hinge
angle is solved from the actual rest offsets: the end joint lands exactly on its target.
"""

from __future__ import annotations

import numpy as np

from .kinematics import matrices, transform


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to length 1."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)


def frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Right-handed frame (..., 3, 3): column 0 along `first`, column 1 near `second`."""
    a = unit(first)
    b = unit(second - a * np.sum(a * second, axis=-1, keepdims=True))
    return np.stack([a, b, np.cross(a, b)], axis=-1)


def soft_limit(value: np.ndarray, start: float, end: float) -> np.ndarray:
    """`value` unchanged below `start`, then approaching `end` smoothly (slope 1 at `start`)."""
    room = end - start
    over = np.maximum(value - start, 0.0)
    return np.where(value > start, start + room * (1 - np.exp(-over / room)), value)


def solve_two_bone(
    upper: np.ndarray,
    lower: np.ndarray,
    hinge_axis: np.ndarray,
    bend_range: tuple[float, float],
    target: np.ndarray,
    pole: np.ndarray,
    upper_chain: tuple[float, float] = (0.994, 0.9995),
) -> tuple[np.ndarray, np.ndarray]:
    """Bend and aim a two-bone limb.

    upper, lower: (3,) rest offsets of the two bones, metres. hinge_axis: (3,) unit, rest frame;
    positive angles bend the limb. bend_range: (least, most) hinge angle, radians. target:
    (T, 3) wanted offset from the first joint to the end joint, world. pole: (T, 3) where the
    middle joint should point. upper_chain: fractions of the full length at which the
    reach starts to saturate and where it ends.
    Returns world rotations of the upper bone (T, 3, 3) and hinge angles (T,). The end joint is
    exactly at `target` whenever its distance is within the saturation start and the bend range.
    """
    along = (upper @ hinge_axis) * (lower @ hinge_axis)
    cosine = upper @ lower - along
    sine = upper @ np.cross(hinge_axis, lower)
    squared = upper @ upper + lower @ lower
    scale, straight = np.hypot(cosine, sine), np.arctan2(sine, cosine)

    def reach(angle: float) -> float:
        return float(np.sqrt(squared + 2 * (scale * np.cos(angle - straight) + along)))

    longest, shortest = reach(max(straight, bend_range[0])), reach(bend_range[1])
    distance = np.linalg.norm(target, axis=-1)
    distance = soft_limit(distance, upper_chain[0] * longest, upper_chain[1] * longest)
    # The mirrored saturation keeps a target close to the shoulder or hip from over-bending.
    distance = -soft_limit(-distance, -1.03 * shortest, -shortest)
    wanted = ((distance**2 - squared) / 2 - along) / scale
    angle = straight + np.arccos(np.clip(wanted, -1.0, 1.0))

    hinge = matrices(angle[:, None] * hinge_axis)
    end_rest = upper + transform(hinge, lower)
    # In the plane of the hinge, the middle joint lies on this side of the line to the end joint.
    rest_frame = frame(end_rest, np.cross(end_rest, hinge_axis))
    return frame(target, pole) @ np.swapaxes(rest_frame, -1, -2), angle
