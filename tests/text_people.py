"""Bodies for the tests of words: hand-made poses and clips of the motion library, on the free body.

A body stands on its lowest point, faces -Y at yaw 0, and is looked at by a camera at (0, -5, 1.4).
"""

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.lbs import NumpyEvaluator
from pipeline.body.modelfile import JOINT_INDEX, ModelFile
from pipeline.conventions import look_at
from pipeline.motion.flesh import measure_flesh
from pipeline.motion.library import make_motion
from pipeline.text.body import Body, vertex_regions
from pipeline.text.describe import measures, pose_facts
from pipeline.text.fact import PoseFacts
from pipeline.text.orientation import facing_facts, look_facts

EYE_M = np.array([0.0, -5.0, 1.4])
T_CAM_WORLD = look_at(EYE_M, np.array([0.0, 0.0, 1.0]))
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)
NUM_BETAS = 16


class People:
    """Poses the free body. `rest`: its joints (127, 3) and vertices in the T-pose, Y up."""

    def __init__(self, model: ModelFile, betas: np.ndarray | None = None):
        self.model = model
        self.betas = np.zeros(NUM_BETAS) if betas is None else betas
        self.evaluator = NumpyEvaluator(model, NUM_BETAS, 10)
        rest = self._evaluate(np.zeros((1, 165)))
        self.rest_joints, self.rest_vertices = rest.joints[0], rest.vertices[0]
        self.clip = cache(self._clip)

    def _evaluate(self, pose, transl=None):
        transl = np.zeros((len(pose), 3)) if transl is None else transl
        return self.evaluator.evaluate(self.betas, pose, transl, np.zeros((len(pose), 10)))

    def pose(self, yaw_deg: float = 0.0, root=None, **joints) -> Body:
        """A body with some joints turned. joints: name -> rotation vector in degrees. root: a
        Rotation of the upright body, applied before the yaw."""
        pose = np.zeros(165)
        for name, degrees in joints.items():
            at = 3 * JOINT_INDEX[name]
            pose[at : at + 3] = np.radians(degrees)
        whole = Rotation.from_euler("z", yaw_deg, degrees=True) * (root or Rotation.identity())
        pose[:3] = (whole * UPRIGHT).as_rotvec()
        posed = self._evaluate(pose[None])
        return self.body(posed.joints[0], posed.vertices[0], pose)

    def body(self, joints, vertices, pose, floor_m=None) -> Body:
        """A Body of arrays in a frame with Z up."""
        floor_m = float(vertices[:, 2].min()) if floor_m is None else floor_m
        middle = joints[0] * [1.0, 1.0, 0.0]
        return Body(
            joints=(joints - middle - [0, 0, floor_m]).astype(float),
            vertices=(vertices - middle - [0, 0, floor_m]).astype(float),
            pose=pose,
            regions=vertex_regions(self.model),
            floor_m=0.0,
            airborne=False,
            eye_m=EYE_M,
        )

    def _clip(self, family: str, seed: int, frames: int = 3, mirrored: bool = False) -> list[Body]:
        """Bodies of some frames of three seconds of a family."""
        from pipeline.motion.resample import mirror

        rest = self.rest_joints[:55]
        flesh = measure_flesh(self.rest_vertices, rest)
        motion = make_motion(family, np.random.default_rng(seed), 25.0, 75, rest, flesh)
        motion = mirror(motion) if mirrored else motion
        whole = self._evaluate(motion.pose[::5].astype(float), motion.transl[::5].astype(float))
        floor_m = float(whole.vertices[..., 1].min())
        bodies = []
        for t in np.linspace(0, 70, frames).astype(int):
            pose = motion.pose[t].astype(float)
            posed = self._evaluate(pose[None], motion.transl[t : t + 1].astype(float))
            joints, vertices = (UPRIGHT.apply(a[0]) for a in (posed.joints, posed.vertices))
            pose[:3] = (UPRIGHT * Rotation.from_rotvec(pose[:3])).as_rotvec()
            bodies.append(self.body(joints, vertices, pose, floor_m))
        return bodies


def facts_of(body: Body, key: str = "000000_0000") -> PoseFacts:
    """All that is known of a body without a picture of it."""
    facts = pose_facts(body)
    word = facts[0].value if facts and facts[0].id == "body.posture" else ""
    facts += facing_facts(body, word, T_CAM_WORLD) + look_facts(body)
    return PoseFacts(key, 0, 1, tuple(facts), measures(body))
