"""Where hair grows: coordinates on any head, the hairline, and roots scattered over it (numpy)."""

import numpy as np

from pipeline.blender.features import Head
from pipeline.body.modelfile import JOINT_INDEX, VERTEX_JOINTS, ModelFile


class Scalp:
    """Coordinates on a head: height above the ears, from forehead to back, and sideways."""

    def __init__(self, tpose: np.ndarray, model: ModelFile, head: Head) -> None:
        weight = model.weights[:, JOINT_INDEX["head"]]
        self.skull = (weight > 0.55) & ~_in_faces(model.faces[model.face_part > 0], len(tpose))
        skull = tpose[self.skull]
        ears = tpose[[VERTEX_JOINTS["left_ear"], VERTEX_JOINTS["right_ear"]]]
        self.eye_z = head.eye_centre[:, 2].mean()
        self.middle_x = head.eye_centre[:, 0].mean()
        self.top_z = skull[:, 2].max()
        self.front_y = head.eye_centre[:, 1].min() - head.eye_radius_m
        self.back_y = skull[:, 1].max()
        self.half_width = np.abs(skull[skull[:, 2] > self.eye_z + 0.5 * head.unit_m, 0]).max()
        self.ears = ears
        self.unit = head.unit_m

    def coordinates(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """height, rear, sideways of points (N, 3) on the T-pose."""
        height = (points[:, 2] - self.eye_z) / (self.top_z - self.eye_z)
        rear = (points[:, 1] - self.front_y) / (self.back_y - self.front_y)
        return height, rear, (points[:, 0] - self.middle_x) / self.half_width

    def density(self, tpose: np.ndarray) -> np.ndarray:
        """How much hair grows at each vertex (V,), 0..1, thinning out at the hairline."""
        height, rear, sideways = self.coordinates(tpose)
        side = np.abs(sideways)
        line = np.interp(
            rear,
            [0.0, 0.16, 0.30, 0.42, 0.52, 0.64, 1.0],
            [0.60, 0.55, 0.36, 0.00, -0.12, -0.40, -0.68],
        )
        # The line dips a little in the middle of the forehead and recedes at the temples.
        line = line + np.where(rear < 0.35, 0.05 * np.exp(-(((side - 0.55) / 0.2) ** 2)), 0.0)
        above = np.clip((height - line) / 0.10 + 0.25, 0, 1)
        for ear in self.ears:
            away = np.linalg.norm((tpose - ear) / [1.0, 1.0, 1.15], axis=1) / self.unit
            above = above * np.clip((away - 0.54) / 0.12, 0, 1)
        pinna = np.abs(tpose[:, 0] - self.middle_x) > 1.03 * self.half_width
        above[pinna & (height < 0.45)] = 0.0
        return np.where(self.skull, above, 0.0)


def _in_faces(faces: np.ndarray, count: int) -> np.ndarray:
    inside = np.zeros(count, bool)
    inside[faces] = True
    return inside


def scatter(tpose, faces, density, count, rng) -> tuple[np.ndarray, np.ndarray]:
    """Roots (face, barycentric) with a given density, evenly random over the surface."""
    grown = np.where((density[faces] > 0).any(axis=1))[0]
    a, b, c = (tpose[faces[grown, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    pick = grown[rng.choice(len(grown), 2 * count, p=area / area.sum())]
    bary = np.sort(rng.random((2 * count, 2)), axis=1)
    bary = np.stack([bary[:, 0], bary[:, 1] - bary[:, 0], 1 - bary[:, 1]], axis=1)
    here = (density[faces[pick]] * bary).sum(axis=1)
    kept = np.where(rng.random(2 * count) < here)[0][:count]
    return pick[kept], bary[kept]


def head_frame(
    vertices: np.ndarray, tpose: np.ndarray, model: ModelFile, head: Head
) -> tuple[np.ndarray, np.ndarray]:
    """Axes (forward, left, up) as rows, world, and the posed point between the eyes' centres.

    vertices: (V, 3) posed, world m; tpose: (V, 3) subject frame.
    """
    skull = model.weights[:, JOINT_INDEX["head"]] > 0.9
    source, target = tpose[skull].astype(float), vertices[skull].astype(float)
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    flip = np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    axes = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], float) @ rotation.T
    between = head.eye_centre.mean(axis=0) + [0, head.unit_m, 0]
    return axes, rotation @ (between - a) + b
