"""The key-point sets that training code asks for, picked from the points of a labelled body.

A body has 145 points: the 127 joints, the 17 points of the face's outline (as seen from the front,
from the body model file) and the top of the head. Every set is a choice among them, so a point has
one place and one visibility in all sets. Hips, neck or thorax of other regressors lie a few
centimetres from these joints; `docs/labels.md` says which joint stands for what.
"""

import numpy as np

from pipeline.body.modelfile import JOINT_INDEX, VERTEX_JOINTS, ModelFile

JOINTS, CONTOUR = 127, 17
POINT_COUNT = JOINTS + CONTOUR + 1
_SURFACE = {name: 55 + i for i, name in enumerate(VERTEX_JOINTS)}
_FACE = list(range(76, JOINTS))
_OUTLINE = list(range(JOINTS, JOINTS + CONTOUR))
HEAD_TOP = POINT_COUNT - 1


def _joints(*names: str) -> list[int]:
    return [JOINT_INDEX[name] for name in names]


def _surface(*names: str) -> list[int]:
    return [_SURFACE[name] for name in names]


def _both(order: tuple[str, str], *names: str) -> list[int]:
    """Joints of both sides, side by side: left hip, right hip, left knee, ..."""
    return [JOINT_INDEX[f"{side}_{name}"] for name in names for side in order]


def _side(side: str, *names: str) -> list[int]:
    return _joints(*(f"{side}_{name}" for name in names))


def _hand(side: str) -> list[int]:
    """Wrist, then thumb, index, middle, ring and little finger from the palm to the tip."""
    points = _joints(f"{side}_wrist")
    for finger in ("thumb", "index", "middle", "ring", "pinky"):
        points += _joints(*(f"{side}_{finger}{k}" for k in (1, 2, 3)))
        points += _surface(f"{side}_{finger}")
    return points


_TOES = ("big_toe", "small_toe", "heel")
_FEET = {side: _surface(*(f"{side}_{name}" for name in _TOES)) for side in ("left", "right")}
_LEFT_RIGHT = ("left", "right")

OPENPOSE25 = [
    *_surface("nose"),
    *_joints("neck", "right_shoulder", "right_elbow", "right_wrist"),
    *_joints("left_shoulder", "left_elbow", "left_wrist", "pelvis"),
    *_side("right", "hip", "knee", "ankle"),
    *_side("left", "hip", "knee", "ankle"),
    *_surface("right_eye", "left_eye", "right_ear", "left_ear"),
    *(*_FEET["left"], *_FEET["right"]),
]
_PUPILS = _surface("right_eye", "left_eye")
_COCO17 = [
    *_surface("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *_both(_LEFT_RIGHT, "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
]
_LIMBS12 = [
    *_side("right", "ankle", "knee", "hip"),
    *_side("left", "hip", "knee", "ankle"),
    *_side("right", "wrist", "elbow", "shoulder"),
    *_side("left", "shoulder", "elbow", "wrist"),
]
_LSP14 = [*_LIMBS12, *_joints("neck"), HEAD_TOP]

KEYPOINT_SETS: dict[str, list[int]] = {
    "openpose137": [*OPENPOSE25, *_hand("left"), *_hand("right"), *_OUTLINE, *_FACE, *_PUPILS],
    "coco17": _COCO17,
    "coco133": [
        *(*_COCO17, *_FEET["left"], *_FEET["right"], *_OUTLINE, *_FACE),
        *(*_hand("left"), *_hand("right")),
    ],
    "h36m17": [
        *_joints("pelvis"),
        *(*_side("right", "hip", "knee", "ankle"), *_side("left", "hip", "knee", "ankle")),
        *(*_joints("spine2", "neck"), *_surface("nose"), HEAD_TOP),
        *(*_side("left", "shoulder", "elbow", "wrist"),),
        *(*_side("right", "shoulder", "elbow", "wrist"),),
    ],
    "lsp14": _LSP14,
    "hmr44": [
        *(*OPENPOSE25, *_LSP14, *_joints("pelvis", "neck", "spine2", "jaw", "head")),
    ],
}
"""Set name -> its points, in the order of the field:

openpose137: BODY_25, left hand 21, right hand 21, face 70 (outline, 51 landmarks, pupils).
coco133: COCO-WholeBody: 17, 6 of the feet, face 68, left hand 21, right hand 21.
h36m17: pelvis, right leg, left leg, spine, thorax, nose, head top, left arm, right arm.
lsp14: right leg up, left leg down, right arm up, left arm down, neck, head top.
hmr44: OpenPose's 25 and the 19 more of HMR's training code: LSP's 14, pelvis, thorax, spine, jaw,
head.
"""

LEFT_HAND, RIGHT_HAND = _hand("left")[1:], _hand("right")[1:]
"""The 20 finger points of each hand, without the wrist."""

COCO17_NAMES = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)


def body_points(model: ModelFile, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The 145 points (145, 3) of a body.

    vertices: (V, 3) and joints: (127, 3), metres, in any one frame, which is the result's.
    """
    corners = vertices[model.faces[model.contour_faces_idx]]
    outline = np.einsum("kcd,kc->kd", corners, model.contour_bary_coords.astype(np.float64))
    return np.concatenate([joints, outline, vertices[head_top(model)][None]])


def head_top(model: ModelFile) -> int:
    """The vertex that is highest when the body stands upright."""
    # Rounded to 10 micrometres: the choice must not hang on the last bit of a float.
    return int(np.argmax(np.round(model.v_template[:, 1].astype(np.float64), 5)))


def keypoint_labels(
    points_cam: np.ndarray, points_2d: np.ndarray, codes: np.ndarray
) -> dict[str, np.ndarray]:
    """Arrays `<set>_2d` (P, n, 2) px, `<set>_cam` (P, n, 3) m and `<set>_code` (P, n) of every set.

    points_cam: (P, 145, 3) m; points_2d: (P, 145, 2) px; codes: (P, 145), `schema.VISIBILITY`.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, points in KEYPOINT_SETS.items():
        arrays[f"{name}_2d"] = points_2d[:, points].astype(np.float32)
        arrays[f"{name}_cam"] = points_cam[:, points].astype(np.float32)
        arrays[f"{name}_code"] = codes[:, points]
    return arrays


def hand_boxes(points_2d: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes (P, 2, 4) px x0 y0 x1 y1 of the left and right hand: around the finger points that lie
    in the image, seen or not; zeros when none does.

    points_2d: (P, >= 127, 2) px of points before the camera. size: width, height px.
    """
    boxes = np.zeros((len(points_2d), 2, 4), np.float32)
    for k, points in enumerate(points_2d):
        for side, hand in enumerate((LEFT_HAND, RIGHT_HAND)):
            uv = points[hand]
            uv = uv[((uv >= 0) & (uv <= size)).all(axis=1)]
            if len(uv):
                boxes[k, side] = [*uv.min(axis=0), *uv.max(axis=0)]
    return boxes
