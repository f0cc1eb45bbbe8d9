"""How a person is turned towards the camera, and where head and eyes point.

Turned: the angle, about the vertical, between the body's front (hips and chest together) and the
direction to the camera. Of lying people that says nothing; their head's side of the picture does.
"""

import numpy as np

from pipeline.text.bands import BANDS, levels
from pipeline.text.body import Body, angle_deg, unit
from pipeline.text.fact import Fact
from pipeline.text.ground import LYING

_WORDS = ("front", "three_quarter_front", "profile", "three_quarter_back", "back")
_TURNED_DEG = 28.0
"""From here on it can be said to which side somebody is turned."""

_GAZE_LABELS = ("pose_world", "joints_world", "T_cam_world")


def facing_deg(body: Body) -> float:
    """Angle (-180..180) from the direction to the camera to the body's front, seen from above.

    Positive: the person turned to their own right of the camera, so their left side shows.
    """
    fronts = body.axes("pelvis")[:, 2] + body.axes("spine3")[:, 2]
    to_camera = body.eye_m - body.joint("pelvis")
    a = np.arctan2(to_camera[1], to_camera[0]) - np.arctan2(fronts[1], fronts[0])
    return float((np.degrees(a) + 180) % 360 - 180)


def facing_word(deg: float) -> str:
    """front, three_quarter_front, profile, three_quarter_back or back; empty between two."""
    off, bands = abs(deg), ("not_facing", "sideways", "from_behind", "away")
    reached = levels(off, *bands)
    unsure = reached < len(bands) and BANDS[bands[reached]](off) is None
    return "" if unsure else _WORDS[reached]


def facing_facts(body: Body, posture: str, T_cam_world: np.ndarray) -> list[Fact]:
    """Facts `body.facing`, `body.side` (which side shows), `body.heads_to` (side of the picture
    that the front, or a lying person's head, points to)."""
    labels = ("pose_world", "joints_world", "T_cam_world")
    if posture in LYING:
        along = T_cam_world[:3, :3] @ unit(body.joint("head") - body.joint("pelvis"))
        if abs(along[0]) < 0.5:
            return []
        to = "right" if along[0] > 0 else "left"
        return [Fact("body", "head_end", to, float(along[0]), labels=labels)]
    fronts = body.axes("pelvis")[:, 2] + body.axes("spine3")[:, 2]
    if abs(unit(fronts)[2]) > 0.75:
        return []
    deg = facing_deg(body)
    facts = []
    if word := facing_word(deg):
        facts.append(Fact("body", "facing", word, deg, "deg", labels=labels))
    if _TURNED_DEG < abs(deg) < 180 - _TURNED_DEG:
        facts.append(
            Fact("body", "side", "left" if deg > 0 else "right", deg, "deg", labels=labels)
        )
        # Whoever shows their left side heads for the left of the picture.
        facts.append(
            Fact("body", "heads_to", "left" if deg > 0 else "right", deg, "deg", labels=labels)
        )
    return facts


def face_camera_deg(body: Body) -> float:
    """Angle between where the face points and the direction to the camera, degrees."""
    return angle_deg(body.axes("head")[:, 2], body.eye_m - body.joint("head"))


def gaze_deg(body: Body) -> float:
    """The same of the eyes: the larger of both."""
    offs = []
    for eye in ("left_eye", "right_eye"):
        offs.append(angle_deg(body.axes(eye)[:, 2], body.eye_m - body.joint(eye)))
    return max(offs)


def look_facts(body: Body) -> list[Fact]:
    """Whether the face is turned to the camera, and whether the eyes look into it."""
    face, gaze = face_camera_deg(body), gaze_deg(body)
    facts = []
    if word := facing_word(face):
        facts.append(Fact("face", "towards_camera", word, face, "deg", labels=_GAZE_LABELS))
    past = BANDS["gaze"](gaze)
    # Of a face that is turned away nobody can tell that the eyes come back to the camera.
    frontal = BANDS["not_facing"](face) is False
    if (past and face < BANDS["sideways"].no) or (past is False and frontal):
        value = "past_camera" if past else "into_camera"
        facts.append(Fact("eyes", "look", value, gaze, "deg", labels=_GAZE_LABELS))
    return facts
