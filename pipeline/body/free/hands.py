"""A synthetic distribution of hand poses, for the hand mean and components of the model file.

Rest: fingers along X, palm down, thumb forwards. Fingers curl about Z; the modes drawn are relaxed,
open, fist, half closed, anything, and some fingers bent while others stay straight.
"""

import numpy as np

_FULL_CURL_RAD = (1.45, 1.65, 1.0)  # first, second and third joint of a finger in a fist
_SPREAD = {"index": 0.9, "middle": 0.1, "pinky": -1.0, "ring": -0.5}


def hand_pose_space(
    rng: np.random.Generator, count: int = 4000
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean (45,) and components (45, 45) of the left hand, then of the right, float32, radians.

    Joint order index, middle, pinky, ring, thumb, three joints each, axis-angle.
    """
    mode = rng.integers(0, 5, count)
    curls = [
        rng.normal(0.25, 0.12, count),
        rng.normal(0.05, 0.05, count),
        rng.normal(0.95, 0.10, count),
        rng.normal(0.50, 0.20, count),
    ]
    curl = np.select([mode == k for k in range(4)], curls, rng.uniform(0, 1, count))
    spread = rng.normal(0, 0.12, count)
    pose = np.zeros((count, 15, 3))
    for first, share in zip((0, 3, 6, 9), _SPREAD.values(), strict=True):
        single = np.where(mode == 4, rng.choice([0, 0.8], count), 0)
        bend = (curl + rng.normal(0, 0.12, count) + single).clip(-0.05, 1.05)
        for k, full in enumerate(_FULL_CURL_RAD):
            pose[:, first + k, 2] = -bend * full
        pose[:, first, 2] += rng.normal(0, 0.05, count)
        pose[:, first, 1] = -share * spread * (1 - 0.7 * bend)  # a fist cannot spread
    thumb = (curl + rng.normal(0, 0.2, count)).clip(0, 1)
    pose[:, 12] = np.stack([0.15 + 0.45 * thumb, -0.1 + 0.35 * thumb, -0.25 * thumb], axis=1)
    pose[:, 12] += rng.normal(0, 0.08, (count, 3))
    pose[:, 13] = np.stack([0 * thumb, 0.35 * thumb, -0.1 * thumb], axis=1)
    pose[:, 14] = np.stack([0 * thumb, 0.7 * thumb, -0.1 * thumb], axis=1)
    flat = pose.reshape(count, 45)
    relaxed = np.abs(flat[:, 5]) < 0.9
    mean = 0.6 * flat[relaxed].mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(flat.T))
    components = vectors[:, ::-1].T
    # A fixed sign keeps the components the same on every machine.
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(45), largest])[:, None]
    mirror = np.tile([1.0, -1.0, -1.0], 15)
    spaces = (mean, components, mean * mirror, components * mirror)
    return tuple(space.astype(np.float32) for space in spaces)
