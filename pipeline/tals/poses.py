"""The pose that would show the true picture through a wrong camera: how far its joints turn.

Root and 21 body joints may turn and the body may move; every turn away from the truth costs a
little, so of all poses that fit the picture the nearest one is found. What it differs by is what a
method that fits 2-D points through this camera must get wrong at least.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import PARENTS
from pipeline.tals.cameras import first_shift, place, project_all
from pipeline.tals.people import BODY_JOINTS, People, carriers

PIXEL_SIGMA = 1 / 256
TURN_SIGMA_RAD = 0.1
"""A point off by a pixel of a 256-px crop weighs as much as a turn by 0.1 rad. A limb that turns so
far moves its end by some eight pixels: where the picture tells a turn, the picture decides; where
it does not (towards the camera and away), the pose stays near the truth."""
_MAX_STEPS = 300
_STILL_RAD = 1e-6
_DAMPING_RANGE = (1e-9, 1e6)
_BATCH = 64

_ABOVE = np.eye(BODY_JOINTS, dtype=bool)
for _j in range(1, BODY_JOINTS):
    _ABOVE[_j] |= _ABOVE[PARENTS[_j]]
"""(22, 22): row j marks j and the joints that j hangs on."""


@dataclass(frozen=True)
class Skeletons:
    """Rigid skeletons of N people. bones (N, 22, 3): from the parent, in its axes; offsets
    (N, 48, 3): points from their carrying joint, in its axes; m. truth (N, 22, 3, 3)."""

    bones: np.ndarray
    offsets: np.ndarray
    truth: np.ndarray

    def pose(self, turns: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, ...]:
        """World rotations (N, 22, 3, 3), joints (N, 22, 3) and points (N, 48, 3)."""
        world, joints = _chain(turns, self.bones, root)
        carrier = carriers()
        points = joints[:, carrier] + np.einsum(
            "npab,npb->npa", world[:, carrier], self.offsets, optimize=True
        )
        return world, joints, points


def _chain(turns, bones, root) -> tuple[np.ndarray, np.ndarray]:
    world, joints = turns.copy(), np.repeat(root[:, None], BODY_JOINTS, axis=1)
    for j in range(1, BODY_JOINTS):
        p = PARENTS[j]
        world[:, j] = world[:, p] @ turns[:, j]
        joints[:, j] = joints[:, p] + (world[:, p] @ bones[:, j, :, None])[..., 0]
    return world, joints


def skeletons_of(people: People) -> tuple[Skeletons, np.ndarray]:
    """The people's skeletons, and their true points (N, 48, 3) m in the camera frame."""
    world = people.turns.copy()
    for j in range(1, BODY_JOINTS):
        world[:, j] = world[:, PARENTS[j]] @ people.turns[:, j]
    bones = np.zeros_like(people.joints)
    for j in range(1, BODY_JOINTS):
        p = PARENTS[j]
        bones[:, j] = _in_axes(world[:, p], people.joints[:, j] - people.joints[:, p])
    points = np.concatenate([people.points, people.knuckles], axis=1)
    carrier = carriers()
    offsets = _in_axes(world[:, carrier], points - people.joints[:, carrier])
    return Skeletons(bones, offsets, people.turns), points


def _in_axes(axes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("...ab,...a->...b", axes, vectors)


@dataclass(frozen=True)
class PoseErrors:
    """turn_rad (N, 22): geodesic angle of root and body joints; left_2d (N,): root mean square
    distance that stays in the picture, crop units."""

    turn_rad: np.ndarray
    left_2d: np.ndarray


def pose_errors(people: People, K: np.ndarray) -> PoseErrors:
    """The least turns that bring everybody's points to the true picture through K (N, 3, 3).

    people: all of their points should be in the picture; those outside count as well.
    """
    turns, left = [], []
    for start in range(0, len(people), _BATCH):
        chosen = np.arange(start, min(start + _BATCH, len(people)))
        found = _fit(people.some(chosen), K[chosen])
        turns.append(found.turn_rad)
        left.append(found.left_2d)
    return PoseErrors(np.concatenate(turns), np.concatenate(left))


def _fit(people: People, K: np.ndarray) -> PoseErrors:
    """Levenberg-Marquardt for all people of a batch at once."""
    bodies, points = skeletons_of(people)
    count = len(people)
    uv = project_all(people.K, points)
    scale = people.side_px * PIXEL_SIGMA
    everything = np.ones(points.shape[:2], bool)
    shift = place(points, uv, everything, K, first_shift(points, people.K, K))
    turns, root = bodies.truth.copy(), people.joints[:, 0] + shift
    damping = np.full(count, 1e-3)
    cost, *now = _costs(bodies, turns, root, K, uv, scale)
    for _ in range(_MAX_STEPS):
        step = _step(bodies, turns, now, K, uv, scale, damping)
        local = Rotation.from_rotvec(step[:, :-3].reshape(-1, 3)).as_matrix()
        trial_turns = turns @ local.reshape(count, BODY_JOINTS, 3, 3)
        # A metre far away says as much as a millimetre near by: moves are shares of the distance.
        trial_root = root + step[:, -3:] * root[:, 2:]
        trial_cost, *trial = _costs(bodies, trial_turns, trial_root, K, uv, scale)
        better = trial_cost <= cost
        turns[better], root[better], cost[better] = (
            trial_turns[better],
            trial_root[better],
            trial_cost[better],
        )
        for old, new in zip(now, trial, strict=True):
            old[better] = new[better]
        damping = np.clip(np.where(better, damping / 10, damping * 10), *_DAMPING_RANGE)
        if np.abs(step).max() < _STILL_RAD:
            break
    relative = bodies.truth.transpose(0, 1, 3, 2) @ turns
    turn_rad = Rotation.from_matrix(relative.reshape(-1, 3, 3)).magnitude()
    off = (project_all(K, now[2]) - uv) / people.side_px[:, None, None]
    left = np.sqrt((off**2).sum(axis=2).mean(axis=1))
    return PoseErrors(turn_rad.reshape(count, BODY_JOINTS), left)


def _costs(bodies: Skeletons, turns, root, K, uv, scale) -> tuple[np.ndarray, ...]:
    """Cost (N,), then world rotations, joints and points."""
    world, joints, points = bodies.pose(turns, root)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = (project_all(K, points) - uv) / scale[:, None, None]
    cost = (off**2).sum(axis=(1, 2)) + (_away(bodies, turns) ** 2).sum(axis=1)
    cost = np.where((points[..., 2] > 0.05).all(axis=1), cost, np.inf)
    return cost, world, joints, points


def _away(bodies: Skeletons, turns: np.ndarray) -> np.ndarray:
    """Turns (N, 66) away from the truth, in units of their sigma."""
    relative = bodies.truth.transpose(0, 1, 3, 2) @ turns
    vectors = Rotation.from_matrix(relative.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(len(turns), -1) / TURN_SIGMA_RAD


def _step(bodies: Skeletons, turns, now, K, uv, scale, damping) -> np.ndarray:
    """Damped Gauss-Newton step (N, 69): local turns of the joints, and the root's move.

    The derivative of the turn away from the truth is taken as one: it is along its own axis, and
    across it the cost does not slope, so the minimum is the same.
    """
    world, joints, points = now
    count = len(points)
    carrier = carriers()
    arms = points[:, :, None] - joints[:, None]
    # d(point) = (world axis of the joint) x arm, for joints that carry the point.
    moves = np.cross(world.transpose(0, 1, 3, 2)[:, None], arms[:, :, :, None], axis=-1)
    moves *= _ABOVE[carrier][None, :, :, None, None]
    moves = moves.reshape(count, len(carrier), 3 * BODY_JOINTS, 3)
    shifts = np.broadcast_to(np.eye(3) * joints[:, 0, 2, None, None], (count, 3, 3))[
        :, None
    ].repeat(len(carrier), axis=1)
    moves = np.concatenate([moves, shifts], axis=2)
    depth = points[:, :, None, 2]
    slope = np.stack(
        [
            K[:, None, None, axis, axis]
            * (moves[..., axis] - points[:, :, None, axis] / depth * moves[..., 2])
            / depth
            for axis in (0, 1)
        ],
        axis=2,
    )
    slope = (slope / scale[:, None, None, None]).reshape(count, 2 * len(carrier), -1)
    off = ((uv - project_all(K, points)) / scale[:, None, None]).reshape(count, -1, 1)
    slope_t = slope.transpose(0, 2, 1)
    curvature, downhill = slope_t @ slope, (slope_t @ off)[..., 0]
    free = 3 * BODY_JOINTS
    curvature[:, range(free), range(free)] += 1 / TURN_SIGMA_RAD**2
    downhill[:, :free] -= _away(bodies, turns) / TURN_SIGMA_RAD
    diagonal = range(curvature.shape[1])
    curvature[:, diagonal, diagonal] *= 1 + damping[:, None]
    return np.linalg.solve(curvature, downhill[..., None])[..., 0]
