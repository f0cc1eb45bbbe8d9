"""Where the features of a face are, found on the T-pose of any body with SMPL-X landmarks.

All fields are per vertex, 0..1, and smooth over a few millimetres. The subject frame has Z up and
faces -Y. The 51 landmarks are the dlib ones without the contour: brows 0-9, nose 10-18, eyes 19-30,
outer lips 31-42, inner lips 43-50.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.body.modelfile import ModelFile


@dataclass(frozen=True)
class Head:
    """Named places of one person's T-pose head, metres, subject frame.

    landmarks: (51, 3). eye_centre: (2, 3) eyeball centres, left then right. eye_radius_m: of one
    eyeball. unit_m: distance of the eyes from each other, the yardstick for everything on a head.
    """

    landmarks: np.ndarray
    eye_centre: np.ndarray
    eye_radius_m: float

    @property
    def unit_m(self) -> float:
        return float(np.linalg.norm(self.eye_centre[0] - self.eye_centre[1]))


def find_head(tpose: np.ndarray, model: ModelFile) -> Head:
    """Head of a T-pose (V, 3) in the subject frame."""
    corners = tpose[model.faces[model.lmk_faces_idx]]
    landmarks = np.einsum("lk,lkd->ld", model.lmk_bary_coords, corners)
    centres, radii = [], []
    for number in (1, 2):
        ball = tpose[np.unique(model.faces[model.face_part == number])]
        centres.append((ball.max(axis=0) + ball.min(axis=0)) / 2)
        radii.append(np.ptp(ball, axis=0).max() / 2)
    return Head(landmarks, np.array(centres), float(np.mean(radii)))


def eye_coordinates(tpose: np.ndarray, model: ModelFile, head: Head) -> np.ndarray:
    """(V, 3): on an eyeball (sideways, up, back) in ball radii from the pole; far off elsewhere."""
    coordinates = np.full((len(tpose), 3), 9.0)
    for number, centre in zip((1, 2), head.eye_centre, strict=True):
        ball = np.unique(model.faces[model.face_part == number])
        local = (tpose[ball] - centre) / head.eye_radius_m
        coordinates[ball] = local[:, [0, 2, 1]]
        behind = ball[local[:, 1] > 0]
        coordinates[behind, :2] = 2.0
    return coordinates


def brows(tpose: np.ndarray, head: Head, thickness: float = 1.0) -> np.ndarray:
    """Eyebrows (V,)."""
    lines = [_resampled(head.landmarks[i : i + 5], 48) for i in (0, 5)]
    points = np.concatenate(lines) + [0, 0, 0.016 * head.unit_m]
    reach = 0.068 * thickness * head.unit_m
    return np.clip(1.6 - _distance(tpose, points) / reach, 0, 1)


def upper_lashes(tpose: np.ndarray, head: Head) -> np.ndarray:
    """Line of the upper eyelids (V,): the first four points of each eye's ring run along it."""
    lines = [_resampled(head.landmarks[i : i + 4], 24) for i in (19, 25)]
    return np.clip(1.3 - _distance(tpose, np.concatenate(lines)) / (0.035 * head.unit_m), 0, 1)


def lips(tpose: np.ndarray, head: Head) -> np.ndarray:
    """Lips (V,), for bodies without a painted lip mask."""
    outer = np.vstack([head.landmarks[31:43], head.landmarks[31]])
    inner = np.vstack([head.landmarks[43:51], head.landmarks[43]])
    outer, inner = _resampled(outer, 60), _resampled(inner, 60)
    nearest = inner[cKDTree(inner).query(outer)[1]]
    filled = np.concatenate([outer * (1 - t) + nearest * t for t in (0.1, 0.35, 0.6, 0.85, 1.0)])
    return np.clip(1.5 - _distance(tpose, filled) / (0.045 * head.unit_m), 0, 1)


def flush(tpose: np.ndarray, head: Head) -> np.ndarray:
    """Redder skin (V,): cheeks, tip of the nose, chin, knuckle-like places of the face."""
    eyes = head.eye_centre.mean(axis=0)
    unit = head.unit_m
    nose = head.landmarks[13]
    spots = [(nose, 0.22, 0.8)]
    for side in (-1, 1):
        cheek = np.array([eyes[0] + side * 0.62 * unit, nose[1] + 0.22 * unit, nose[2]])
        spots.append((cheek, 0.38, 1.0))
    return _blobs(tpose, spots, unit)


def beard(tpose: np.ndarray, head: Head) -> np.ndarray:
    """Where a man's beard grows (V,): jaw, chin and upper lip, not the lips."""
    unit = head.unit_m
    mouth = head.landmarks[31:43].mean(axis=0)
    nose_base = head.landmarks[14:19].mean(axis=0)
    below = np.clip((nose_base[2] - 0.06 * unit - tpose[:, 2]) / (0.12 * unit), 0, 1)
    # The line of the beard climbs towards the ear and stops under the chin.
    side = np.abs(tpose[:, 0] - mouth[0])
    cheek_line = (
        mouth[2] + np.interp(side / unit, [0, 0.45, 0.75, 1.2], [0.45, 0.3, 0.15, 0.7]) * unit
    )
    under_line = np.clip((cheek_line - tpose[:, 2]) / (0.15 * unit), 0, 1)
    chin_z = mouth[2] - 0.95 * unit
    above_neck = np.clip((tpose[:, 2] - chin_z) / (0.2 * unit), 0, 1)
    front = np.clip((mouth[1] + 1.45 * unit - tpose[:, 1]) / (0.3 * unit), 0, 1)
    side_limit = np.clip((1.25 * unit - side) / (0.1 * unit), 0, 1)
    bare_lips = 1 - lips(tpose, head)
    below = np.maximum(below, np.clip((side / unit - 0.8) / 0.15, 0, 1))
    return below * under_line * above_neck * front * side_limit * bare_lips


def _blobs(tpose: np.ndarray, spots: list, unit_m: float) -> np.ndarray:
    field = np.zeros(len(tpose))
    for centre, size, amount in spots:
        distance = np.linalg.norm(tpose - centre, axis=1) / (size * unit_m)
        field = np.maximum(field, amount * np.exp(-(distance**2)))
    return field


def _resampled(line: np.ndarray, count: int) -> np.ndarray:
    where = np.linspace(0, len(line) - 1, count)
    return np.stack([np.interp(where, np.arange(len(line)), axis) for axis in line.T], axis=1)


def _distance(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return cKDTree(targets).query(points)[0]
