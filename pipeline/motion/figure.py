"""An animator's view of the skeleton: aim an arm, plant a foot, bend the back.

A `Figure` holds one sequence while it is being posed, pelvis first, then spine, then limbs.
Angles are anatomical (flexion, abduction, ...) and the same for both sides; lengths scale with
the body's own bones, so that the same call suits an adult and a child.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .flesh import Flesh, estimate_flesh
from .ik import frame, solve_two_bone, unit
from .kinematics import JOINT, JOINTS, PARENTS, matrices, rotvecs, transform, turn
from .motion import Motion

# Ground level below the ankle and half a hip's thickness are not in the joints; these ratios to
# bone lengths were measured on the free body model's mesh.
SOLE_BELOW_ANKLE = 0.49  # of the ankle-to-ball distance
HEEL_BEHIND_ANKLE = 0.30  # of the ankle-to-ball distance
HEEL_RADIUS = 0.53  # ankle to the ground under a foot lying on its heel, of the same

SIDES = {"left": 1.0, "right": -1.0}
_KNEE_RANGE = (0.02, 2.7)
_ELBOW_RANGE = (0.03, 2.5)
Curve = np.ndarray | float


class Figure:
    """One person being posed over time. Ground is y = 0, the start heading +Z, metres."""

    def __init__(self, rest_joints: np.ndarray, seconds: np.ndarray, flesh: Flesh | None = None):
        """rest_joints: (55, 3) T-pose joints, metres. seconds: (T,) time of each frame.

        flesh: thicknesses of the body, estimated from the joints when None.
        """
        self.rest = np.asarray(rest_joints, dtype=np.float64)
        self.t = np.asarray(seconds, dtype=np.float64)
        self.local = np.broadcast_to(np.eye(3), (len(self.t), JOINTS, 3, 3)).copy()
        self.leg_m = self.length("left_knee") + self.length("left_ankle")
        self.arm_m = self.length("left_elbow") + self.length("left_wrist")
        self.foot_m = self.length("left_foot")
        self.head_m = self.length("right_eye")  # head joint to eye; 0.12 for an adult
        self.flesh = estimate_flesh(self.rest) if flesh is None else flesh
        self.hip_half_m = (
            abs(self.rest[JOINT["left_hip"], 0] - self.rest[JOINT["right_hip"], 0]) / 2
        )
        self.ankle_up_m = SOLE_BELOW_ANKLE * self.foot_m
        self.pelvis = np.zeros((len(self.t), 3))
        self.pelvis[:, 1] = self.ankle_up_m + self.rest[0, 1] - self.rest[JOINT["left_ankle"], 1]

    def length(self, joint: str) -> float:
        """Distance of a joint from its parent in metres."""
        return float(np.linalg.norm(self.offset(joint)))

    def offset(self, joint: str) -> np.ndarray:
        """Rest offset (3,) of a joint from its parent, metres."""
        index = JOINT[joint]
        return self.rest[index] - self.rest[PARENTS[index]]

    def curve(self, value: Curve) -> np.ndarray:
        """A constant or (T,) value as (T,) float64."""
        return np.broadcast_to(np.asarray(value, dtype=np.float64), self.t.shape)

    def points(self, x: Curve, y: Curve, z: Curve) -> np.ndarray:
        """Three constants or curves as (T, 3)."""
        return np.stack([self.curve(x), self.curve(y), self.curve(z)], axis=-1)

    # --- reading the pose so far -------------------------------------------------------------
    def rotation(self, joint: str) -> np.ndarray:
        """World rotation (T, 3, 3) of a joint."""
        index, world = JOINT[joint], None
        while index >= 0:
            world = self.local[:, index] if world is None else self.local[:, index] @ world
            index = PARENTS[index]
        return world

    def position(self, joint: str) -> np.ndarray:
        """World position (T, 3) of a joint, metres."""
        index, offset = JOINT[joint], np.zeros((len(self.t), 3))
        while PARENTS[index] >= 0:
            offset += self.rest[index] - self.rest[PARENTS[index]]
            index = PARENTS[index]
            offset = transform(self.local[:, index], offset)
        return self.pelvis + offset

    def from_torso(self, x: Curve, y: Curve, z: Curve) -> np.ndarray:
        """World position (T, 3) of a point in the chest's axes, measured from the neck, metres."""
        return self.position("neck") + transform(self.rotation("spine3"), self.points(x, y, z))

    def from_head(self, x: Curve, y: Curve, z: Curve) -> np.ndarray:
        """World position (T, 3) of a point in the head's axes, measured from the head joint.

        x, y, z: left, up, ahead in multiples of `head_m`: the eyes are at (+-0.24, 0.57, 0.81).
        """
        point = self.head_m * self.points(x, y, z)
        return self.position("head") + transform(self.rotation("head"), point)

    @property
    def front_m(self) -> float:
        """How far the belly's skin is ahead of the neck joint of an upright trunk, metres."""
        return self.flesh.belly_m + float(
            (self.rest[JOINT["spine1"]] - self.rest[JOINT["neck"]])[2]
        )

    def head_direction(self, x: Curve, y: Curve, z: Curve) -> np.ndarray:
        """A direction given in the head's axes as a world direction (T, 3)."""
        return transform(self.rotation("head"), self.points(x, y, z))

    def chest_direction(self, x: Curve, y: Curve, z: Curve) -> np.ndarray:
        """A direction given in the chest's axes as a world direction (T, 3)."""
        return transform(self.rotation("spine3"), self.points(x, y, z))

    def forearm_direction(self, side: str) -> np.ndarray:
        """World direction (T, 3) of a forearm, elbow to wrist."""
        return unit(self.position(f"{side}_wrist") - self.position(f"{side}_elbow"))

    # --- trunk -------------------------------------------------------------------------------
    def set_pelvis(self, pitch: Curve = 0.0, yaw: Curve = 0.0, roll: Curve = 0.0) -> None:
        """Pelvis orientation in radians: pitch forward, yaw to the left, roll left side up."""
        self.local[:, 0] = (
            turn("y", self.curve(yaw)) @ turn("x", self.curve(pitch)) @ turn("z", self.curve(roll))
        )

    def set_spine(self, flex: Curve = 0.0, side: Curve = 0.0, twist: Curve = 0.0) -> None:
        """Trunk above the pelvis, radians: flex forward, bend to the left, twist to the left."""
        for joint, bend, swivel in (
            ("spine1", 0.40, 0.25), ("spine2", 0.35, 0.35), ("spine3", 0.25, 0.40)
        ):  # fmt: skip
            self.local[:, JOINT[joint]] = (
                turn("y", swivel * self.curve(twist))
                @ turn("x", bend * self.curve(flex))
                @ turn("z", -bend * self.curve(side))
            )

    def set_head(self, pitch: Curve = 0.0, yaw: Curve = 0.0, roll: Curve = 0.0) -> None:
        """Head against the chest, radians: nod down, turn to the left, tilt left side up."""
        for joint, part in (("neck", 0.45), ("head", 0.55)):
            self.local[:, JOINT[joint]] = (
                turn("y", part * self.curve(yaw))
                @ turn("x", part * self.curve(pitch))
                @ turn("z", part * self.curve(roll))
            )

    def set_eyes(self, yaw: Curve = 0.0, pitch: Curve = 0.0) -> None:
        """Both eyes in the head, radians: to the left, down."""
        for joint in ("left_eye", "right_eye"):
            self.local[:, JOINT[joint]] = turn("y", self.curve(yaw)) @ turn("x", self.curve(pitch))

    def set_jaw(self, opening: Curve) -> None:
        """Jaw opening in radians."""
        self.local[:, JOINT["jaw"]] = turn("x", self.curve(opening))

    # --- legs --------------------------------------------------------------------------------
    def foot_ankle(self, base: np.ndarray, yaw: Curve, pitch: Curve, soft: Curve = 0.0):
        """Ankle (T, 3) and foot rotation (T, 3, 3) of a foot that rolls over the ground.

        base: (T, 3) point of the sole below the ankle when flat. pitch > 0 lifts the heel about
        the ball, < 0 lifts the toes about the heel; `soft` radians round off the change-over.
        """
        pitch = self.curve(pitch)
        soft = self.curve(soft)
        heel_up = (pitch + np.sqrt(pitch**2 + soft**2)) / 2
        heading = turn("y", self.curve(yaw))
        # Turning about the toe joint itself leaves the bent toes exactly where they are.
        ball = np.array([0.0, self.ankle_up_m, 0.0]) + self.offset("left_foot") * [0.0, 1.0, 1.0]
        heel = np.array([0.0, 0.0, -HEEL_BEHIND_ANKLE * self.foot_m])
        ankle = np.array([0.0, self.ankle_up_m, 0.0])
        rolled = ball + transform(turn("x", heel_up), ankle - ball)
        rolled += heel + transform(turn("x", pitch - heel_up), ankle - heel) - ankle
        return base + transform(heading, rolled), heading @ turn("x", pitch)

    def plant_foot(
        self, side: str, base: np.ndarray, yaw: Curve, pitch: Curve = 0.0,
        toe_flat: Curve = 1.0, soft: Curve = 0.0, knee_out: Curve = 0.0,
    ) -> None:  # fmt: skip
        """Leg IK with a foot on, or above, the ground (see `foot_ankle`).

        toe_flat: 0..1, how far the toes stay level while the heel is up. knee_out: radians by
        which the knee points outwards of the foot.
        """
        ankle, foot = self.foot_ankle(base, yaw, pitch, soft)
        knee = self.curve(yaw) + SIDES[side] * self.curve(knee_out)
        # Without the pelvis' lean the pole would be parallel to a thigh that is lifted high.
        pole = self.points(np.sin(knee), 0.15, np.cos(knee))
        self.reach_leg(side, ankle, pole)
        self.set_foot(side, foot)
        bend = self.curve(toe_flat) * np.maximum(self.curve(pitch), 0.0)
        self.local[:, JOINT[f"{side}_foot"]] = turn("x", -np.minimum(bend, 1.0))

    def reach_leg(self, side: str, ankle: np.ndarray, pole: np.ndarray) -> None:
        """Put the ankle at a world position (T, 3) with the knee towards `pole` (T, 3)."""
        hip, knee = JOINT[f"{side}_hip"], JOINT[f"{side}_knee"]
        thigh, angle = solve_two_bone(
            self.offset(f"{side}_knee"), self.offset(f"{side}_ankle"), np.array([1.0, 0, 0]),
            _KNEE_RANGE, ankle - self.position(f"{side}_hip"), pole,
        )  # fmt: skip
        self.local[:, hip] = np.swapaxes(self.local[:, 0], -1, -2) @ thigh
        self.local[:, knee] = turn("x", angle)

    def set_foot(self, side: str, foot: np.ndarray) -> None:
        """Give the foot a world rotation (T, 3, 3)."""
        shin = self.rotation(f"{side}_knee")
        self.local[:, JOINT[f"{side}_ankle"]] = np.swapaxes(shin, -1, -2) @ foot

    def aim_foot(self, side: str, toes: np.ndarray, sole: np.ndarray) -> None:
        """Turn the foot as near as the ankle can to an orientation.

        toes, sole: (T, 3) world directions of the toes and out of the sole. The ankle does up to
        70 degrees down, 40 up, and 32 degrees of tilt and turn.
        """
        wanted = frame(toes, sole) @ frame(np.array([0, 0, 1.0]), np.array([0, -1.0, 0])).T
        bend = rotvecs(np.swapaxes(self.rotation(f"{side}_knee"), -1, -2) @ wanted)
        middle, half = np.radians(15), np.radians(55)
        self.local[:, JOINT[f"{side}_ankle"]] = matrices(
            np.stack(
                [
                    middle + soft_clamp(bend[:, 0] - middle, half),
                    soft_clamp(bend[:, 1], np.radians(32)),
                    soft_clamp(bend[:, 2], np.radians(32)),
                ],
                -1,
            )
        )

    def pelvis_ceiling(self, side: str, ankle: np.ndarray, extension: float) -> np.ndarray:
        """Greatest pelvis height (T,) at which the leg is no longer than `extension` x length."""
        hip = self.position(f"{side}_hip") - self.pelvis
        across = ankle[:, [0, 2]] - self.pelvis[:, [0, 2]] - hip[:, [0, 2]]
        span = (extension * self.leg_m) ** 2 - np.sum(across**2, axis=1)
        return ankle[:, 1] - hip[:, 1] + np.sqrt(np.maximum(span, (0.2 * self.leg_m) ** 2))

    # --- arms --------------------------------------------------------------------------------
    def set_collar(self, side: str, lift: Curve = 0.0, forward: Curve = 0.0) -> None:
        """Shoulder girdle, radians: shrug up, draw forward."""
        sign = SIDES[side]
        self.local[:, JOINT[f"{side}_collar"]] = turn("y", -sign * self.curve(forward)) @ turn(
            "z", sign * self.curve(lift)
        )

    def swing_arm(
        self, side: str, forward: Curve, out: Curve, bend: Curve, inward: Curve = 0.3,
        pronate: Curve = 0.0,
    ) -> None:  # fmt: skip
        """Pose an arm by angles, radians, chest axes.

        forward: 0 hangs, pi/2 points ahead, pi up. out: away from the sagittal plane. bend:
        elbow flexion. inward: how far the bent forearm turns in front of the body (0: straight
        ahead of the upper arm). pronate: forearm twist, palm turning to the back or down.
        """
        f, o, i = (self.curve(value) for value in (forward, out, inward))
        arm = self.points(np.sin(o), -np.cos(o) * np.cos(f), np.cos(o) * np.sin(f))
        ahead = self.points(0.0, np.sin(f), np.cos(f))
        across = self.points(-np.cos(o), -np.sin(o) * np.cos(f), np.sin(o) * np.sin(f))
        toward = np.cos(i)[:, None] * ahead + np.sin(i)[:, None] * across
        self.aim_arm(side, arm, toward, bend, pronate)

    def aim_arm(
        self, side: str, arm: np.ndarray, toward: np.ndarray, bend: Curve, pronate: Curve = 0.0
    ) -> None:
        """Pose an arm by the direction of the upper arm and the side the forearm bends to.

        arm, toward: (T, 3) or (3,), chest axes with +x outwards. bend, pronate: radians.
        """
        sign, shape = SIDES[side], (len(self.t), 3)
        arm = unit(np.broadcast_to(np.asarray(arm, dtype=np.float64), shape))
        toward = np.broadcast_to(np.asarray(toward, dtype=np.float64), shape)
        raised = np.arccos(np.clip(-arm[:, 1], -1, 1))
        lift = 0.24 * np.log1p(np.exp(4 * (raised - 0.8))) / 4 - 0.09
        self.set_collar(side, lift, 0.12 * arm[:, 2])
        rest = frame(self.offset(f"{side}_elbow"), np.array([0.0, 0, 1.0]))
        flip = np.array([sign, 1.0, 1.0])
        upper = self.rotation("spine3") @ frame(arm * flip, toward * flip) @ rest.T
        self._set_upper_arm(side, upper, self.curve(bend))
        self.twist_forearm(side, pronate)

    def mix_arm(self, side: str, before: np.ndarray, weight: Curve) -> None:
        """Replace an arm by a slerp from `before` (a copy of `local`) to its present pose."""
        weight, elbow = self.curve(weight), JOINT[f"{side}_elbow"]
        first = JOINT[f"{side}_index1"]
        joints = [JOINT[f"{side}_{part}"] for part in ("collar", "shoulder", "wrist")]
        joints += range(first, first + 15)
        # A slerp between two bent and twisted elbows would bend them sideways on the way.
        hinge, end_hinge = (
            Rotation.from_matrix(pose[:, elbow]).as_euler("YXZ") for pose in (before, self.local)
        )
        hinge += weight[:, None] * (end_hinge - hinge)
        self.local[:, elbow] = Rotation.from_euler("YXZ", hinge).as_matrix()
        start, end = before[:, joints], self.local[:, joints]
        step = rotvecs(np.swapaxes(start, -1, -2) @ end)
        self.local[:, joints] = start @ matrices(step * weight[:, None, None])

    def reach_arm(
        self, side: str, wrist: np.ndarray, elbow: np.ndarray, lift: Curve = 0.05,
        forward: Curve = 0.1, chest_axes: bool = True,
    ) -> None:  # fmt: skip
        """Put the wrist at a world position (T, 3) with the elbow towards `elbow` (T, 3) or (3,).

        The elbow direction is in chest axes with +x outwards, unless chest_axes is False (then
        world axes). lift, forward: shoulder girdle, radians.
        """
        sign = SIDES[side]
        self.set_collar(side, lift, forward)
        pole = np.broadcast_to(np.asarray(elbow, dtype=np.float64), wrist.shape)
        if chest_axes:
            pole = transform(self.rotation("spine3"), pole * [sign, 1.0, 1.0])
        upper, angle = solve_two_bone(
            self.offset(f"{side}_elbow"), self.offset(f"{side}_wrist"),
            np.array([0.0, -sign, 0.0]), _ELBOW_RANGE,
            wrist - self.position(f"{side}_shoulder"), pole,
        )  # fmt: skip
        self._set_upper_arm(side, upper, angle)
        self.twist_forearm(side, 0.0)

    def _set_upper_arm(self, side: str, upper: np.ndarray, angle: np.ndarray) -> None:
        collar = self.rotation(f"{side}_collar")
        self.local[:, JOINT[f"{side}_shoulder"]] = np.swapaxes(collar, -1, -2) @ upper
        self.local[:, JOINT[f"{side}_elbow"]] = turn("y", -SIDES[side] * angle)

    def twist_forearm(self, side: str, pronate: Curve) -> None:
        """Twist the forearm, radians, shared by elbow and wrist as muscles and skin share it."""
        half = matrices(
            self.curve(pronate)[:, None] / 2 * unit(self.offset(f"{side}_wrist")) * SIDES[side]
        )
        elbow = JOINT[f"{side}_elbow"]
        self.local[:, elbow] = self.local[:, elbow] @ half
        self.local[:, JOINT[f"{side}_wrist"]] = half

    def bend_wrist(self, side: str, flex: Curve = 0.0, deviate: Curve = 0.0) -> None:
        """Add wrist flexion (palm side) and deviation towards the thumb, radians."""
        sign, wrist = SIDES[side], JOINT[f"{side}_wrist"]
        self.local[:, wrist] = (
            self.local[:, wrist]
            @ turn("y", -sign * self.curve(deviate))
            @ turn("z", -sign * self.curve(flex))
        )

    def aim_hand(self, side: str, fingers: np.ndarray, palm: np.ndarray) -> None:
        """Turn forearm and wrist so that the hand comes as near as it can to an orientation.

        fingers, palm: (T, 3) or (3,) world directions of the fingers and out of the palm. Twist
        beyond +-85 degrees and wrist bends beyond +-72 (side +-22) degrees are not done.
        """
        sign = SIDES[side]
        shape = (len(self.t), 3)
        wanted = frame(np.broadcast_to(fingers, shape), np.broadcast_to(palm, shape)) @ (
            frame(np.array([sign, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])).T
        )
        elbow, wrist = JOINT[f"{side}_elbow"], JOINT[f"{side}_wrist"]
        relative = np.swapaxes(self.rotation(f"{side}_elbow"), -1, -2) @ wanted
        # Local order: twist about the forearm (x), then deviation (y), then flexion (z).
        twist = np.arctan2(
            -relative[:, 1, 2] + relative[:, 2, 1], relative[:, 1, 1] + relative[:, 2, 2]
        )
        twist = soft_clamp(twist, np.radians(85))
        rest = rotvecs(np.swapaxes(turn("x", twist), -1, -2) @ relative)
        self.local[:, elbow] = self.local[:, elbow] @ turn("x", twist / 2)
        bend = matrices(
            np.stack(
                [
                    np.zeros(len(twist)),
                    soft_clamp(rest[:, 1], np.radians(22)),
                    soft_clamp(rest[:, 2], np.radians(72)),
                ],
                -1,
            )
        )
        self.local[:, wrist] = turn("x", twist / 2) @ bend

    # --- result ------------------------------------------------------------------------------
    def to_motion(self, name: str, action: str, fps: float) -> Motion:
        """The finished sequence, moved so that the first frame's pelvis is at its rest place."""
        pose = rotvecs(self.local).reshape(len(self.t), -1)
        return Motion(name, action, fps, pose, self.pelvis - self.pelvis[0])


def soft_clamp(value: np.ndarray, limit: float) -> np.ndarray:
    """Values kept within +-limit, unchanged inside 80 % of it, without a corner."""
    start, room = 0.8 * limit, 0.2 * limit
    over = np.maximum(np.abs(value) - start, 0.0)
    return np.sign(value) * (np.minimum(np.abs(value), start) + room * np.tanh(over / room))
