"""Random streams that do not depend on how many scenes are asked for, or in what order.

Every random decision in the project comes from one of these generators; a stream's number is part
of the data's identity, so the enum below is append-only.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a generator is for. Append new members; never renumber."""

    SUBJECT = 0
    CASTING = 1
    LAYOUT = 2
    CAMERA = 3
    LIGHT = 4
    APPEARANCE = 5
    MOTION = 6
    MATERIAL = 7
    DIFFUSION = 8
    FINISH = 9
    DENSE_KEYPOINTS = 10
    CASTING_SHARES = 11
    GAZE = 12
    MOVEMENT = 13
    FRAMING = 14
    OPTICS = 15
    PLACE = 16
    PROMPT = 17
    TEXT = 18
    SPLIT = 19


def generator(seed: int, stream: Stream, *indices: int) -> np.random.Generator:
    """Generator for one stream of one thing, e.g. `generator(seed, Stream.CAMERA, scene)`.

    `indices` are non-negative integers (scene, person, frame ...) that identify the thing.
    """
    key = (int(stream), *(int(i) for i in indices))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def integer_seed(seed: int, stream: Stream, *indices: int) -> int:
    """A 31-bit integer for libraries that want a plain seed (Cycles, torch)."""
    return int(generator(seed, stream, *indices).integers(0, 2**31 - 1))
