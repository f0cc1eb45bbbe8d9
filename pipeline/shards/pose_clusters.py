"""What only the labels tell: how people hold themselves, which way they face, whether their hands
are seen; and groups of alike poses.

A pose is the 22 body joints around the pelvis, turned to one heading and scaled to a stature of
1 m, so that neither place, direction nor size tells two of them apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from pipeline.dataset import Dataset, Frame
from pipeline.shards.read import read_samples
from pipeline.truth.keypoints import LEFT_HAND, RIGHT_HAND
from pipeline.truth.schema import SEEN

BODY_JOINTS = 22
MOST_FRAMES = 1000
"""Frames whose labels are read, spread evenly: more would not change the shares."""

_MOST_CLUSTERS, _RESTARTS, _ROUNDS, _SEED = 12, 8, 100, 0
_LYING = 0.7
"""Somebody whose front points up or down by more than this (the sine of 45 degrees) lies."""

FACINGS = (
    *("towards the camera", "towards, to the right", "to the right", "away, to the right"),
    *("away from the camera", "away, to the left", "to the left", "towards, to the left"),
    *("face up", "face down"),
)
"""Where the front of a person's pelvis points; left and right are those of the picture."""


@dataclass(frozen=True)
class Poses:
    """N people. keys, numbers, splits: their samples' keys, their places in them, their parts of
    the dataset. joints: (N, 22, 3), statures, heading -Y, Z up, around the pelvis. facings: (N,)
    places in FACINGS. hands: (N,) how many hands are seen. frames: how many frames were read."""

    keys: list[str]
    numbers: list[int]
    splits: list[str]
    joints: np.ndarray
    facings: np.ndarray
    hands: np.ndarray
    frames: int


def read_poses(dataset: Dataset, keys_wanted: set[str]) -> Poses:
    """Poses of everybody in those of up to MOST_FRAMES samples whose keys are wanted."""
    keys, numbers, splits, joints, facings, hands, frames = [], [], [], [], [], [], 0
    for frame in spread(dataset, MOST_FRAMES, ()):
        if frame.key not in keys_wanted:
            continue
        labels, frames = frame.labels, frames + 1
        front, up = body_axes(labels["pose_world"])
        eye_m = -labels["T_cam_world"][:3, :3].T @ labels["T_cam_world"][:3, 3]
        facings.append(facing(front, labels["joints_world"][:, 0], eye_m))
        statures = np.array([person["stature_m"] for person in frame.people])
        joints.append(heading_removed(labels["joints_world"][:, :BODY_JOINTS], front, up, statures))
        hands.append(hands_seen(labels["joints_code"]))
        keys += [frame.key] * len(frame.people)
        numbers += range(len(frame.people))
        splits += [frame.facts["split"]] * len(frame.people)
    return Poses(
        keys,
        numbers,
        splits,
        np.concatenate([np.zeros((0, BODY_JOINTS, 3)), *joints]),
        np.concatenate([np.zeros(0, int), *facings]),
        np.concatenate([np.zeros(0, int), *hands]),
        frames,
    )


def spread(dataset: Dataset, most: int, members: tuple[str, ...]) -> Iterator[Frame]:
    """Up to `most` samples spread evenly over the dataset; shards without one are not opened.

    members: extensions that are read beside `json` and `npz`. Raises GenbError when a tar is
    damaged.
    """
    shards = dataset.description["shards"]
    keys = [key for shard in shards for key in shard["samples"]]
    places = np.linspace(0, len(keys) - 1, min(len(keys), most)).astype(int)
    wanted = {keys[place] for place in places}
    for tar, shard in zip(dataset.tars, shards, strict=True):
        if wanted.isdisjoint(shard["samples"]):
            continue
        for sample in read_samples(tar, only=("json", "npz", *members)):
            if sample.key in wanted:
                yield Frame(dataset, sample)


def body_axes(pose_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Front and head-up directions (P, 3) of the pelvis, world frame, from poses (P, 165)."""
    rotation = Rotation.from_rotvec(pose_world[:, :3]).as_matrix()
    # The model's own frame: Y up, facing +Z.
    return rotation[:, :, 2], rotation[:, :, 1]


def facing(front: np.ndarray, pelvis_m: np.ndarray, eye_m: np.ndarray) -> np.ndarray:
    """Places (P,) in FACINGS of people with these fronts (P, 3), pelves (P, 3) and camera (3,).

    Seen along the ray from the camera, on the level; world frame.
    """
    to_camera = (eye_m - pelvis_m)[:, :2]
    across = to_camera[:, 0] * front[:, 1] - to_camera[:, 1] * front[:, 0]
    along = (to_camera * front[:, :2]).sum(axis=1)
    turn = np.degrees(np.arctan2(across, along))
    eighth = np.round(turn / 45).astype(int) % 8
    eighth[front[:, 2] > _LYING] = FACINGS.index("face up")
    eighth[front[:, 2] < -_LYING] = FACINGS.index("face down")
    return eighth


def hands_seen(codes: np.ndarray) -> np.ndarray:
    """How many hands (P,) of each person show at least half of their finger points.

    codes: (P, 127) visibility of the joints.
    """
    seen = np.isin(codes, SEEN)
    return sum((seen[:, hand].mean(axis=1) >= 0.5).astype(int) for hand in (LEFT_HAND, RIGHT_HAND))


def heading_removed(
    joints_world: np.ndarray, front: np.ndarray, up: np.ndarray, stature_m: np.ndarray
) -> np.ndarray:
    """Joints (P, n, 3) around the first, in statures, turned about Z until the heading is -Y.

    The heading is where the front (P, 3) points, or the head `up` (P, 3) of somebody who lies.
    """
    lies = np.abs(front[:, 2]) > _LYING
    heading = np.where(lies[:, None], up, front)
    turn = -np.pi / 2 - np.arctan2(heading[:, 1], heading[:, 0])
    upright = Rotation.from_euler("z", turn[:, None]).as_matrix()
    around = (joints_world - joints_world[:, :1]).astype(np.float64)
    return np.einsum("pij,pnj->pni", upright, around) / stature_m[:, None, None]


def cluster_count(people: int) -> int:
    """How many groups that many poses are sorted into: the root of half of them, up to 12."""
    return min(max(round((people / 2) ** 0.5), 1), _MOST_CLUSTERS)


def pose_clusters(joints: np.ndarray) -> list[np.ndarray]:
    """Members of each group of alike poses, the largest group first.

    joints: (N, 22, 3) as of `heading_removed`. Each group's first member is its medoid, the one
    nearest to all others. k-means of several seeded starts, of which the tightest is taken.
    """
    if not len(joints):
        return []
    points = np.round(joints.reshape(len(joints), -1), 6)
    count = min(cluster_count(len(points)), len(np.unique(points, axis=0)))
    rng = np.random.default_rng(_SEED)
    runs = [
        kmeans2(points, count, iter=_ROUNDS, minit="++", rng=rng, missing="warn")
        for _ in range(_RESTARTS)
    ]
    spreads = [np.square(points - centres[labels]).sum() for centres, labels in runs]
    labels = runs[int(np.argmin(np.round(spreads, 9)))][1]
    groups = [_medoid_first(points, np.flatnonzero(labels == k)) for k in np.unique(labels)]
    return sorted(groups, key=lambda members: (-len(members), members[0]))


def _medoid_first(points: np.ndarray, members: np.ndarray) -> np.ndarray:
    distance = cdist(points[members], points[members]).sum(axis=1)
    medoid = int(np.argmin(np.round(distance, 9)))
    return np.concatenate([members[medoid : medoid + 1], np.delete(members, medoid)])
