"""Every threshold of the words, by name: from `yes` on a thing is said, up to `no` it is denied.

Between the two nothing is said: a reader may disagree there, and a wrong sentence costs more than a
missing one. `docs/text.md` shows this table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """A dead band. no < yes: values up to `no` deny the meaning, values from `yes` on affirm it."""

    no: float
    yes: float
    unit: str
    meaning: str

    def __call__(self, value: float) -> bool | None:
        """True, False, or None where a reader may disagree."""
        if value >= self.yes:
            return True
        return False if value <= self.no else None


BANDS = {
    # Joints. Straight limbs of the body model are bent by 10 to 20 degrees at the joint centres.
    "bent": Band(25, 37, "deg", "an elbow or a knee is bent, not straight"),
    "clearly_bent": Band(48, 56, "deg", "it is more than slightly bent"),
    "right_angle": Band(76, 82, "deg", "it is bent by a right angle, or more"),
    "past_right_angle": Band(100, 106, "deg", "it is bent by more than a right angle"),
    "sharply_bent": Band(112, 118, "deg", "it is sharply bent"),
    "thigh_raised": Band(38, 50, "deg", "the thigh is raised in front of the hanging leg's line"),
    # Trunk and head.
    "lean": Band(13, 19, "deg", "the trunk leans away from the vertical"),
    "clear_lean": Band(23, 28, "deg", "it leans clearly"),
    "far_lean": Band(54, 62, "deg", "it is bent far over"),
    "lying": Band(50, 58, "deg", "the trunk is level enough to lie"),
    "twist": Band(18, 27, "deg", "the shoulders are turned against the hips"),
    "side_bend": Band(13, 20, "deg", "the shoulders are tilted against the hips"),
    "head_turn": Band(18, 28, "deg", "the head is turned against the chest"),
    "head_pitch": Band(14, 22, "deg", "the face points up or down"),
    "head_tilt": Band(11, 18, "deg", "the head is tilted to a side of the chest"),
    "gaze": Band(6, 15, "deg", "the eyes look past the camera"),
    # About the vertical, between the body's front and the camera.
    "not_facing": Band(22, 32, "deg", "turned away from the camera"),
    "sideways": Band(60, 72, "deg", "seen from the side, or from behind"),
    "from_behind": Band(108, 120, "deg", "seen from behind, wholly or partly"),
    "away": Band(148, 158, "deg", "seen straight from behind"),
    # What carries a body.
    "chest_up": Band(35, 42, "deg", "the chest faces up (or down, negated) of somebody level"),
    "on_side": Band(40, 49, "deg", "the line of the shoulders points up and down"),
    "folded_knees": Band(128, 135, "deg", "knees are folded as far as when sitting on the heels"),
    "hips_high": Band(0.32, 0.36, "m", "the hips of somebody on their knees are over the heels"),
    "behind_feet": Band(0.25, 0.34, "m", "the pelvis is behind the feet, as on a chair"),
    "level_thighs": Band(50, 60, "deg", "both thighs are level, as on a chair"),
    "deep_knees": Band(94, 100, "deg", "both knees are bent as far as in a squat"),
    # Heights over the floor and distances from the skin: metres on an adult with legs of 0.8 m.
    "foot_up": Band(0.04, 0.09, "m", "a foot is off the ground"),
    "leg_lifted": Band(0.08, 0.12, "m", "a leg is lifted"),
    "off_floor": Band(0.045, 0.075, "m", "seat, knee, back or hand is off the ground"),
    "off_bed": Band(0.10, 0.14, "m", "seat and back are too high for a level trunk to lie"),
    "off_skin": Band(0.03, 0.06, "m", "a hand is away from a part of the body"),
    "palm_off": Band(0.06, 0.08, "m", "the palm is off a leg, whatever its fingers brush"),
    "above": Band(0.02, 0.06, "m", "a hand is above the head"),
    "hand_ahead": Band(0.12, 0.20, "m", "a hand is in front of the trunk"),
    "hand_out": Band(0.12, 0.22, "m", "a hand is out at the side"),
    "hand_behind": Band(0.10, 0.16, "m", "a hand is behind the trunk's middle"),
    # Feet, in lengths of the leg (hip to knee to ankle).
    "feet_together": Band(-0.24, -0.18, "legs", "feet are together (their distance, negated)"),
    "feet_apart": Band(0.40, 0.48, "legs", "feet are apart sideways"),
    "feet_wide": Band(0.70, 0.82, "legs", "feet are wide apart"),
    "feet_staggered": Band(0.22, 0.32, "legs", "one foot is ahead of the other"),
    "feet_crossed": Band(0.0, 0.06, "legs", "ankles have changed sides"),
    "low_knees": Band(62, 70, "deg", "both knees are too bent to stand"),
    "lunge": Band(0.50, 0.64, "legs", "the feet are as far apart, fore and aft, as in a lunge"),
    "lunge_knee": Band(48, 56, "deg", "the front knee of a lunge is bent, its thigh raised"),
    # The picture.
    "hidden": Band(0.05, 0.15, "share", "another person or a thing hides part of the person"),
    "mostly_hidden": Band(0.5, 0.6, "share", "most of the person is hidden"),
    "cut": Band(0.005, 0.03, "share", "part of the person is outside the picture"),
    "nearer": Band(0.25, 0.45, "m", "one person is nearer to the camera than another"),
    "beside": Band(0.03, 0.06, "widths", "one person is farther right in the picture"),
    "camera_pitch": Band(5, 10, "deg", "the camera looks up or down"),
    "camera_roll": Band(3, 6, "deg", "the camera is tilted sideways"),
    "camera_high": Band(1.9, 2.3, "m", "the camera is above the eyes of those who stand"),
    "camera_low": Band(-1.1, -0.8, "m", "the camera is low (its height, negated)"),
    "wide_view": Band(58, 68, "deg", "the angle of view is wide"),
    "narrow_view": Band(-32, -25, "deg", "the angle of view is narrow (negated)"),
}
"""Name -> dead band."""


def levels(value: float, *names: str) -> int:
    """How many of some nested bands are surely reached, from the first on."""
    reached = 0
    for name in names:
        if not BANDS[name](value):
            break
        reached += 1
    return reached
