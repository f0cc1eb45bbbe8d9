"""What tailoring needs of a body model: any body with SMPL-X's 55 joints (numpy only)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.errors import GenbError

ARM = ("shoulder", "elbow", "wrist")
"""Joints of an arm, from the trunk outwards; `left_` or `right_` goes before."""


@dataclass(frozen=True)
class Template:
    """T-pose vertices (V, 3) m, body-model frame (Y up, facing +Z); faces (M, 3);
    weights (V, 55); J_regressor (55, V)."""

    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    J_regressor: np.ndarray

    def joint(self, name: str) -> np.ndarray:
        """Position (3,) of a joint of the template, to the nanometre.

        The last digits of a long sum depend on the number of threads, and cuts follow them: a
        garment must have the same vertices on every machine.
        """
        return np.round(self.J_regressor[JOINT_INDEX[name]] @ self.vertices, 9)

    def weight(self, *joints: str) -> np.ndarray:
        """Summed skinning weight (V,) of some joints."""
        return self.weights[:, [JOINT_INDEX[joint] for joint in joints]].sum(axis=1)

    def arms(self) -> np.ndarray:
        """Summed skinning weight (V,) of both arms, from the shoulder joints on."""
        return self.weight(*(f"{side}_{joint}" for side in ("left", "right") for joint in ARM))

    def span(self, first: str, last: str, tpose: np.ndarray) -> float:
        """Distance between two joints on a body (V, 3) over that on the template."""

        def length(vertices: np.ndarray) -> float:
            a, b = (self.J_regressor[JOINT_INDEX[joint]] @ vertices for joint in (first, last))
            return float(np.linalg.norm(a - b))

        return length(tpose) / length(self.vertices)

    def trunk_turn(self, body: np.ndarray) -> np.ndarray:
        """Rotation (3, 3) that takes template directions to those of a body's chest.

        body: (V, 3), any frame. Kabsch over the vertices of the upper trunk.
        """
        chest = self.weight("spine2", "spine3", "left_collar", "right_collar") > 0.6
        source, target = self.vertices[chest], body[chest]
        covariance = (target - target.mean(axis=0)).T @ (source - source.mean(axis=0))
        left, _, right = np.linalg.svd(covariance)
        flip = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
        return left @ flip @ right


def read_template(path: Path) -> Template:
    """Template from a body model file; raises GenbError when it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Template(
                vertices=archive["v_template"].astype(np.float64),
                faces=archive["f"].astype(np.int64),
                weights=archive["weights"].astype(np.float64),
                J_regressor=archive["J_regressor"].astype(np.float64),
            )
    except FileNotFoundError as error:
        raise GenbError(f"body model {path} is missing. Run: genb doctor") from error
    except Exception as error:
        raise GenbError(f"body model {path} is damaged ({error}). Run: genb doctor") from error
