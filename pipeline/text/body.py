"""One posed body, upright in the world, as the words see it: joints, skin by region, turned bones.

All lengths are judged against the person's own leg, so that a child is described like an adult.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES, PARENTS, VERTEX_JOINTS, ModelFile
from pipeline.conventions import transform
from pipeline.dataset import Frame
from pipeline.truth.bodies import cached_model

SIDES = ("left", "right")
ADULT_LEG_M = 0.8
_SURFACE = {name: 55 + i for i, name in enumerate(VERTEX_JOINTS)}
_TRUNK = {
    "pelvis": "pelvis", "spine1": "belly", "spine2": "belly", "spine3": "chest", "neck": "neck",
    "head": "head", "jaw": "head", "left_eye": "head", "right_eye": "head",
}  # fmt: skip
_LIMBS = {
    "hip": "thigh", "knee": "shin", "ankle": "foot", "foot": "foot", "collar": "chest",
    "shoulder": "upper_arm", "elbow": "forearm",
}  # fmt: skip


def other(side: str) -> str:
    """The other side."""
    return "right" if side == "left" else "left"


def _region(joint: str) -> str:
    if joint in _TRUNK:
        return _TRUNK[joint]
    side, _, part = joint.partition("_")
    region = _LIMBS.get(part, "hand")
    return region if region == "chest" else f"{side}_{region}"


REGIONS = tuple(_region(name) for name in JOINT_NAMES)
"""Region of the skin that each joint moves."""


def vertex_regions(model: ModelFile) -> dict[str, np.ndarray]:
    """Vertex numbers of each region of the skin: the bone with the largest weight decides."""
    return _regions(model.path, model.kid_template)


@cache
def _regions(path: Path, kid_template: Path | None) -> dict[str, np.ndarray]:
    model = cached_model(path, kid_template)
    owner = np.asarray(REGIONS)[model.weights.argmax(axis=1)]
    return {name: np.flatnonzero(owner == name) for name in sorted(set(REGIONS))}


@dataclass(frozen=True)
class Body:
    """A posed body in a frame with Z up, metres.

    joints: (127, 3). vertices: (V, 3). pose: (165,) axis-angle whose root turns the model into this
    frame. regions: vertex numbers by region. floor_m: height of the floor under the person.
    airborne: nothing carries the person. eye_m: (3,) of the camera.
    """

    joints: np.ndarray
    vertices: np.ndarray
    pose: np.ndarray
    regions: dict[str, np.ndarray]
    floor_m: float
    airborne: bool
    eye_m: np.ndarray

    def joint(self, name: str) -> np.ndarray:
        """Place (3,) m of a skeleton joint."""
        return self.joints[JOINT_INDEX[name]].astype(float)

    def surface(self, name: str) -> np.ndarray:
        """Place (3,) m of one of the 21 surface points (nose, toes, finger tips)."""
        return self.joints[_SURFACE[name]].astype(float)

    def skin(self, *regions: str) -> np.ndarray:
        """Vertices (n, 3) m of some regions."""
        return self.vertices[np.concatenate([self.regions[name] for name in regions])]

    def height(self, *regions: str) -> float:
        """Height of the lowest skin of some regions above the floor, m of an adult."""
        return float(self.skin(*regions)[:, 2].min() - self.floor_m) * self.scale

    @cached_property
    def turns(self) -> np.ndarray:
        """Rotations (55, 3, 3) of the bones: columns are the bone's left, up and front."""
        local = Rotation.from_rotvec(self.pose.reshape(55, 3)).as_matrix()
        world = local.copy()
        for j in range(1, 55):
            world[j] = world[PARENTS[j]] @ local[j]
        return world

    def axes(self, joint: str) -> np.ndarray:
        """Columns (3, 3): left, up and front of the bone that a joint moves, Z-up frame."""
        return self.turns[JOINT_INDEX[joint]]

    @cached_property
    def heading(self) -> np.ndarray:
        """Columns (3, 3): left, up (vertical) and front (level) of the hips."""
        return level(self.axes("pelvis"))

    @cached_property
    def scale(self) -> float:
        """Factor that turns this body's lengths into those of an adult with legs of 0.8 m."""
        return ADULT_LEG_M / self.leg_m

    @cached_property
    def leg_m(self) -> float:
        """Length of the legs (mean of both), m: hip to knee to ankle."""
        return float(np.mean([self._chain(side, "hip", "knee", "ankle") for side in SIDES]))

    def _chain(self, side: str, *parts: str) -> float:
        points = np.array([self.joint(f"{side}_{part}") for part in parts])
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())

    @property
    def trunk(self) -> np.ndarray:
        """Unit vector (3,) from the middle of the hips to the neck."""
        middle = (self.joint("left_hip") + self.joint("right_hip")) / 2
        return unit(self.joint("neck") - middle)


def frame_body(frame: Frame, person: int) -> Body:
    """The body of one person of a labelled frame. Raises BodyModelError without a model file."""
    labels, facts = frame.labels, frame.people[person]
    T_world_cam = np.linalg.inv(labels["T_cam_world"])
    vertices = transform(T_world_cam, frame.vertices[person])
    # The label says how far the lowest skin is over the floor, except in flight.
    gap_m = (facts["foot_float_mm"] - facts["foot_sink_mm"]) / 1000
    return Body(
        joints=labels["joints_world"][person],
        vertices=vertices,
        pose=labels["pose_world"][person],
        regions=vertex_regions(frame.models[person]),
        floor_m=0.0 if facts["airborne"] else float(vertices[:, 2].min()) - gap_m,
        airborne=bool(facts["airborne"]),
        eye_m=T_world_cam[:3, 3],
    )


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length 1."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    """Angle between two vectors (3,), degrees."""
    cross, dot = np.linalg.norm(np.cross(a, b)), float(np.dot(a, b))
    return float(np.degrees(np.arctan2(cross, dot)))


def level(axes: np.ndarray) -> np.ndarray:
    """Axes (3, 3) turned upright: their front without its vertical part, up vertical.

    Of somebody whose front points up or down, the left axis decides.
    """
    front, left = axes[:, 2] * [1, 1, 0], axes[:, 0] * [1, 1, 0]
    up = np.array([0.0, 0.0, 1.0])
    if np.linalg.norm(front) < np.linalg.norm(left) * 0.5:
        front = np.cross(left, up)
    front = unit(front)
    return np.stack([np.cross(up, front), up, front], axis=1)
