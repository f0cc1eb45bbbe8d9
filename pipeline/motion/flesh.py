"""How thick a body is around its bones: what hands rest on and what rests on the ground.

Motions are posed on a skeleton. `estimate_flesh` guesses the flesh from bone lengths, which is all
that a skeleton tells; `measure_flesh` reads it off the T-pose mesh of the very body.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .kinematics import JOINT
from .motion import MotionError


@dataclass(frozen=True)
class Flesh:
    """Thicknesses in metres, all from a joint (or the line between two) to the skin."""

    waist_m: float  # half the width of the waist
    belly_m: float  # spine1 to the front of the belly
    thigh_m: float  # middle of the thigh bone to the front of the thigh
    seat_m: float  # pelvis to the back of the buttocks
    hip_m: float  # middle of the body to the side of the hips
    back_m: float  # spine3 to the back between the shoulder blades

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < 1:
                raise MotionError(f"flesh: {field.name} must be 0..1 m, got {value}")


def _leg_m(rest_joints: np.ndarray) -> float:
    hip, knee, ankle = (rest_joints[JOINT[f"left_{name}"]] for name in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))


def estimate_flesh(rest_joints: np.ndarray) -> Flesh:
    """An average body's flesh from leg length and hip width. rest_joints: (55, 3) metres.

    Fitted to `measure_flesh` of 200 people of the free body model; its error is 5 to 16 mm (SD).
    """
    joints = np.asarray(rest_joints, dtype=np.float64)
    leg = _leg_m(joints)
    hips = abs(joints[JOINT["left_hip"], 0] - joints[JOINT["right_hip"], 0]) / 2
    return Flesh(
        waist_m=0.052 * leg + 0.92 * hips, belly_m=0.058 * leg + 1.03 * hips,
        thigh_m=0.038 * leg + 0.67 * hips, seat_m=0.018 * leg + 0.63 * hips,
        hip_m=0.007 * leg + 1.54 * hips, back_m=0.026 * leg + 0.33 * hips,
    )  # fmt: skip


def measure_flesh(tpose_vertices: np.ndarray, rest_joints: np.ndarray) -> Flesh:
    """The flesh of one body.

    tpose_vertices: (V, 3) metres, body-model frame (Y up, facing +Z), arms level. rest_joints:
    (55, 3) metres, same frame. Raises MotionError when the mesh does not surround the skeleton.
    """
    vertices, joints = np.asarray(tpose_vertices), np.asarray(rest_joints)
    hip, knee = joints[JOINT["left_hip"]], joints[JOINT["left_knee"]]
    pelvis, spine1, spine3 = (joints[JOINT[name]] for name in ("pelvis", "spine1", "spine3"))
    waist_y = (spine1[1] + joints[JOINT["spine2"], 1]) / 2
    band_m, arm_m = 0.02 * _leg_m(joints), abs(joints[JOINT["left_shoulder"], 0])

    def slab(height: float, low_x: float, high_x: float) -> np.ndarray:
        near = np.abs(vertices[:, 1] - height) < band_m
        inside = (vertices[:, 0] > low_x) & (vertices[:, 0] < high_x)
        if not (near & inside).any():
            raise MotionError(
                f"no skin at height {height:.2f} m: the vertices are not the T-pose of these joints"
            )
        return vertices[near & inside]

    waist = slab(waist_y, -2 * arm_m, 2 * arm_m)
    hips = slab((hip[1] + pelvis[1]) / 2, -2 * arm_m, 2 * arm_m)
    thigh_middle = (hip + knee) / 2
    thigh = slab(thigh_middle[1], 0.0, 2 * arm_m)
    chest = slab(spine3[1], -0.7 * arm_m, 0.7 * arm_m)
    return Flesh(
        waist_m=float(np.ptp(waist[:, 0])) / 2,
        belly_m=float(waist[:, 2].max() - spine1[2]),
        thigh_m=float(thigh[:, 2].max() - thigh_middle[2]),
        seat_m=float(pelvis[2] - hips[:, 2].min()),
        hip_m=float(np.ptp(hips[:, 0])) / 2,
        back_m=float(spine3[2] - chest[:, 2].min()),
    )
