"""The fit of SMPL's parameters to vertices that correspond to its own, one by one.

Every joint's rotation is first found by itself (Kabsch on the vertices that it carries), then all
parameters move together by damped Gauss-Newton steps: coarse on every eighth vertex, then on all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.smpl.model import BETA_COUNT, JOINT_COUNT, PARENTS, SmplModel, SmplPosed

_COARSE = 8
_MAX_STEPS = 30
_DONE = 1e-5
"""A step that lowers the root mean square distance by a smaller share than this is the last."""
_EXACT_M = 1e-8
"""A root mean square distance below this is the rounding of the input."""
_FIRST_DAMPING, _MAX_DAMPING = 1e-6, 1e3
"""Damping of a step, as a share of the mean curvature."""


@dataclass(frozen=True)
class Parameters:
    """betas (10,); turns (24, 3, 3) local rotations; transl (3,) m."""

    betas: np.ndarray
    turns: np.ndarray
    transl: np.ndarray


def fit_body(
    model: SmplModel, target: np.ndarray, betas: np.ndarray | None = None
) -> tuple[Parameters, SmplPosed]:
    """Parameters that bring SMPL to a mesh, and the body they give.

    target: (6890, 3) m, any frame. betas: held at these (10,), instead of fitted.
    """
    fixed = betas is not None
    start = np.asarray(betas, np.float64) if fixed else np.zeros(BETA_COUNT)
    coarse, aim = model.some(_COARSE), target[::_COARSE]
    turns = _turns_by_parts(coarse.template + coarse.shape @ start, coarse.weights, aim)
    guess = Parameters(start, turns, np.zeros(3))
    centre = (aim - coarse.pose(start, turns, guess.transl).vertices).mean(axis=0)
    guess = _refine(coarse, aim, Parameters(start, turns, centre), fixed)[0]
    return _refine(model, target, guess, fixed)


def _turns_by_parts(rest: np.ndarray, weights: np.ndarray, aim: np.ndarray) -> np.ndarray:
    """Local rotations (24, 3, 3): each joint's vertices, weighted, laid onto the target's."""
    world = np.empty((JOINT_COUNT, 3, 3))
    for j in range(JOINT_COUNT):
        weight = weights[:, j] / max(weights[:, j].sum(), 1e-12)
        mine, theirs = rest - weight @ rest, aim - weight @ aim
        u, size, vt = np.linalg.svd((theirs * weight[:, None]).T @ mine)
        if size[1] < 1e-9 and j:  # too few vertices to tell: it goes with its parent
            world[j] = world[PARENTS[j]]
            continue
        u[:, 2] *= np.sign(np.linalg.det(u @ vt))
        world[j] = u @ vt
    turns = world.copy()
    for j in range(1, JOINT_COUNT):
        turns[j] = world[PARENTS[j]].T @ world[j]
    return turns


def _refine(
    model: SmplModel, target: np.ndarray, guess: Parameters, fixed: bool
) -> tuple[Parameters, SmplPosed]:
    """Levenberg-Marquardt on all parameters (without the betas where they are fixed)."""
    posed = model.pose(guess.betas, guess.turns, guess.transl)
    error, damping = _rms(posed, target), _FIRST_DAMPING
    for _ in range(_MAX_STEPS):
        if error < _EXACT_M:
            break
        slopes = [posed.by_turns()] + ([] if fixed else [posed.by_betas()])
        slopes.append(np.broadcast_to(np.eye(3), (len(target), 3, 3)))
        jacobian = np.concatenate(slopes, axis=2).reshape(3 * len(target), -1)
        curvature = jacobian.T @ jacobian
        downhill = jacobian.T @ (target - posed.vertices).ravel()
        scale = np.trace(curvature) / len(curvature)
        while damping < _MAX_DAMPING:
            step = np.linalg.solve(curvature + damping * scale * np.eye(len(curvature)), downhill)
            trial = _moved(guess, posed, step, fixed)
            trial_posed = model.pose(trial.betas, trial.turns, trial.transl)
            trial_error = _rms(trial_posed, target)
            if trial_error <= error:
                break
            damping *= 10
        else:
            break
        done = error - trial_error <= _DONE * error
        guess, posed, error, damping = trial, trial_posed, trial_error, damping / 10
        if done:
            break
    return guess, posed


def _moved(guess: Parameters, posed: SmplPosed, step: np.ndarray, fixed: bool) -> Parameters:
    """Parameters after a step: turns about the frame's axes, betas, translation."""
    small = step[: 3 * JOINT_COUNT].reshape(JOINT_COUNT, 3)
    turns = guess.turns.copy()
    for j, turn in enumerate(Rotation.from_rotvec(small).as_matrix()):
        parent = posed.world[PARENTS[j]] if j else np.eye(3)
        turns[j] = parent.T @ turn @ parent @ turns[j]
    betas = guess.betas if fixed else guess.betas + step[3 * JOINT_COUNT : -3]
    return Parameters(betas, turns, guess.transl + step[-3:])


def _rms(posed: SmplPosed, target: np.ndarray) -> float:
    return float(np.sqrt(((posed.vertices - target) ** 2).sum(axis=1).mean()))
