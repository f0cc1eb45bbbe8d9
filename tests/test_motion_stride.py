"""Travel of motion files fitted to other legs."""

from dataclasses import replace

import numpy as np
import pytest
from motion_skeleton import adult, child

from pipeline.motion.kinematics import JOINT, forward_kinematics
from pipeline.motion.library import make_motion
from pipeline.motion.stride import LEAST, MOST, fit_stride, stride_factor


def walk(seed=1, name="walk"):
    return make_motion(name, np.random.default_rng(seed), 30.0, 90, adult())


def test_a_body_of_half_the_size_takes_half_the_travel():
    """Scaling a skeleton scales what its rotations do: the factor is known, to a step of 0.0025."""
    motion = walk()
    own = stride_factor(motion, adult())
    for scale in (0.5, 0.8, 1.2):
        assert stride_factor(motion, scale * adult()) == pytest.approx(scale * own, abs=0.003)


@pytest.mark.parametrize("seed", range(4))
def test_the_own_body_keeps_its_travel(seed):
    # Planted by inverse kinematics, a stance foot still rolls: the fit may move by a few percent.
    assert stride_factor(walk(seed), adult()) == pytest.approx(1.0, abs=0.05)


def test_feet_of_a_child_stop_skating():
    def skating_m(motion):
        feet = forward_kinematics(motion.pose, motion.transl, child())
        feet = feet[:, [JOINT["left_foot"], JOINT["right_foot"]]]
        step = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1)
        return step.min(axis=1).mean()

    motion = walk()
    assert skating_m(fit_stride(motion, child())) < 0.4 * skating_m(motion)


def test_standing_still_and_wild_files_are_left_within_bounds():
    motion = walk()
    nearly_still = replace(motion, transl=motion.transl * np.float32(0.01))
    assert stride_factor(nearly_still, child()) == 1.0
    sleigh = replace(motion, transl=motion.transl * np.float32(20))
    assert stride_factor(sleigh, adult()) == LEAST
    crawl = replace(motion, transl=motion.transl * np.float32(0.2))
    assert stride_factor(crawl, adult()) == MOST
    one = replace(motion, pose=motion.pose[:1], transl=motion.transl[:1])
    assert stride_factor(one, adult()) == 1.0
