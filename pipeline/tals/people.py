"""The people of a dataset as the measurement needs them: points, camera, crop, and skeleton."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import JOINT_INDEX, PARENTS, VERTEX_JOINTS
from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.truth.keypoints import HEAD_TOP, KEYPOINT_SETS

POINTS = KEYPOINT_SETS["hmr44"]
BODY_JOINTS = 22
"""The pelvis and 21 body joints, whose rotations are measured."""
BBOX_FACTOR = 1.2
MIN_POINTS = 8
"""Points of hmr44 that must lie in the picture; BEDLAM's own rule for a labelled person."""
_NEAREST_M = 0.1
_SURFACE_ABOVE = {"big_toe": "foot", "small_toe": "foot", "heel": "ankle"}
"""What carries the surface points of the feet; the others of hmr44 are of the face."""
_KNUCKLES = [
    JOINT_INDEX[f"{side}_{name}1"] for side in ("left", "right") for name in ("index", "pinky")
]
"""Without these no point would tell how a wrist is turned."""
POSE_POINT_COUNT = len(POINTS) + len(_KNUCKLES)


@dataclass(frozen=True)
class People:
    """N people; float64, camera frame, metres and pixels.

    points (N, 44, 3) and uv_px (N, 44, 2): hmr44; inside (N, 44): in the picture. K (N, 3, 3);
    size_px (N, 2): of the picture. centre_px (N, 2) and side_px (N,): the square crop. joints
    (N, 22, 3) and turns (N, 22, 3, 3): body joints and their local rotations, the root's in the
    camera frame. knuckles (N, 4, 3).
    """

    points: np.ndarray
    uv_px: np.ndarray
    inside: np.ndarray
    K: np.ndarray
    size_px: np.ndarray
    centre_px: np.ndarray
    side_px: np.ndarray
    joints: np.ndarray
    turns: np.ndarray
    knuckles: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def some(self, chosen: np.ndarray) -> "People":
        """The people at these numbers, or under this mask."""
        return People(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    @property
    def distance_m(self) -> np.ndarray:
        """Depth (N,) of the pelvis."""
        return self.joints[:, 0, 2]

    @property
    def vfov_deg(self) -> np.ndarray:
        """Vertical field of view (N,) of the picture."""
        return np.degrees(2 * np.arctan(self.size_px[:, 1] / 2 / self.K[:, 1, 1]))

    @property
    def relief(self) -> np.ndarray:
        """Depth of the body (standard deviation over its points) per distance, (N,)."""
        return self.points[:, :, 2].std(axis=1) / self.points[:, :, 2].mean(axis=1)


def make_people(points: np.ndarray, K: np.ndarray, size_px: np.ndarray, **skeleton) -> People:
    """People from their points (N, 44, 3), cameras (N, 3, 3) and picture sizes (N, 2).

    skeleton: joints, turns and knuckles, see `People`. The crop is a square of `BBOX_FACTOR` times
    the longer side of the box around the points in the picture.
    """
    uvw = points @ K.transpose(0, 2, 1)
    uv = uvw[..., :2] / uvw[..., 2:]
    inside = ((uv >= 0) & (uv < size_px[:, None])).all(axis=2)
    low = np.where(inside[..., None], uv, np.inf).min(axis=1)
    high = np.where(inside[..., None], uv, -np.inf).max(axis=1)
    return People(
        points=points,
        uv_px=uv,
        inside=inside,
        K=K,
        size_px=size_px,
        centre_px=(low + high) / 2,
        side_px=BBOX_FACTOR * (high - low).max(axis=1),
        **skeleton,
    )


def read_people(dataset: Dataset) -> tuple[People, dict[str, int]]:
    """Everybody that can be measured, and how many were left out, by reason.

    Further appearances of a frame show the same bodies and are not counted. Raises GenbError when
    nobody is left, or when the dataset's labels have no key-point sets.
    """
    columns: dict[str, list] = {name: [] for name in ("points", "K", "size", "joints", "pose")}
    left_out = {"behind or at the camera": 0, f"fewer than {MIN_POINTS} points in the picture": 0}
    near, few = left_out
    for frame in dataset.frames(members=()):
        if frame.facts["appearance"]:
            continue
        if "hmr44_cam" not in frame.labels:
            raise GenbError(
                f"{dataset.out}: sample {frame.key} has no key-point set hmr44; the dataset was "
                "written by an earlier version. Run the command that made it again."
            )
        for k in range(len(frame.people)):
            points = frame.labels["hmr44_cam"][k].astype(np.float64)
            joints = frame.labels["joints_cam"][k].astype(np.float64)
            if min(points[:, 2].min(), joints[_KNUCKLES, 2].min()) < _NEAREST_M:
                left_out[near] += 1
                continue
            uvw = points @ frame.labels["K"].T
            uv = uvw[:, :2] / uvw[:, 2:]
            if ((uv >= 0) & (uv < frame.size)).all(axis=1).sum() < MIN_POINTS:
                left_out[few] += 1
                continue
            columns["points"].append(points)
            columns["K"].append(frame.labels["K"])
            columns["size"].append(frame.size)
            columns["joints"].append(joints)
            columns["pose"].append(frame.labels["pose_cam"][k].reshape(-1, 3)[:BODY_JOINTS])
    if not columns["points"]:
        raise GenbError(f"{dataset.out} has nobody to measure ({left_out}). Build more scenes.")
    joints = np.array(columns["joints"])
    turns = Rotation.from_rotvec(np.array(columns["pose"]).reshape(-1, 3)).as_matrix()
    people = make_people(
        np.array(columns["points"]),
        np.array(columns["K"], np.float64),
        np.array(columns["size"], np.float64),
        joints=joints[:, :BODY_JOINTS],
        turns=turns.reshape(-1, BODY_JOINTS, 3, 3),
        knuckles=joints[:, _KNUCKLES],
    )
    return people, left_out


def carriers() -> np.ndarray:
    """The body joint (48,) that carries each point of hmr44 and each knuckle rigidly.

    Joints carry themselves, a jaw or a knuckle goes with the body joint above it.
    """
    carrier = {HEAD_TOP: JOINT_INDEX["head"]}
    for joint in range(len(PARENTS)):
        carrier[joint] = joint if joint < BODY_JOINTS else carrier[int(PARENTS[joint])]
    for number, name in enumerate(VERTEX_JOINTS, start=len(PARENTS)):
        side, _, part = name.partition("_")
        above = _SURFACE_ABOVE.get(part)
        carrier[number] = JOINT_INDEX[f"{side}_{above}" if above else "head"]
    return np.array([carrier[point] for point in (*POINTS, *_KNUCKLES)])
