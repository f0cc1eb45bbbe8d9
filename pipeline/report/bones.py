"""Names and bones of the key-point sets that the gallery draws.

Points are numbered as in the set's own arrays, and bones are those of the field's own drawings, so
that a set stored in a wrong order looks wrong.
"""

from dataclasses import dataclass

from pipeline.body.modelfile import JOINT_NAMES, PARENTS, VERTEX_JOINTS
from pipeline.truth.keypoints import HEAD_TOP, JOINTS, KEYPOINT_SETS

SMPLX = "smplx"
"""The 127 joints of the labels themselves."""

BODY, FINE = 2, 1
"""Sizes of points: of the body, and of hands and faces."""


@dataclass(frozen=True)
class PointSet:
    """What a set's points are called, how large they are drawn, and which are joined."""

    title: str
    names: list[str]
    sizes: list[int]
    bones: list[tuple[int, int]]


_SURFACE_NAMES = [
    f"{name}_tip" if name.split("_")[-1] in ("thumb", "index", "middle", "ring", "pinky") else name
    for name in VERTEX_JOINTS
]
# The 68-point scheme of faces: its outline comes first, the 51 landmarks after it.
POINT_NAMES = [
    *JOINT_NAMES,
    *_SURFACE_NAMES,
    *(f"face_{k}" for k in range(17, 68)),
    *(f"face_{k}" for k in range(17)),
    "head_top",
]
"""Names of the 145 points."""


def _chain(*points: int) -> list[tuple[int, int]]:
    return list(zip(points[:-1], points[1:], strict=True))


def _run(first: int, count: int, closed: bool = False) -> list[tuple[int, int]]:
    """Neighbours of `count` points in a row."""
    points = list(range(first, first + count))
    return _chain(*points, points[0]) if closed else _chain(*points)


def _hand(wrist: int, first: int) -> list[tuple[int, int]]:
    """Five fingers of four points each, all from the wrist."""
    return [
        bone for k in range(5) for bone in _chain(wrist, *range(first + 4 * k, first + 4 * k + 4))
    ]


def _features(first: int) -> list[tuple[int, int]]:
    """Brows, nose, eyes and lips of the 51 landmarks that start at `first`."""
    return [
        *(*_run(first, 5), *_run(first + 5, 5), *_run(first + 10, 4), *_run(first + 14, 5)),
        *(*_run(first + 19, 6, True), *_run(first + 25, 6, True)),
        *(*_run(first + 31, 12, True), *_run(first + 43, 8, True)),
    ]


def _smplx() -> list[tuple[int, int]]:
    # Eyes and jaw hang off the head by bones that say nothing.
    bones = [(int(PARENTS[j]), j) for j in range(1, 55) if j not in (22, 23, 24)]
    point = {name: 55 + k for k, name in enumerate(_SURFACE_NAMES)}
    joint = {name: k for k, name in enumerate(JOINT_NAMES)}
    bones.append((joint["head"], point["nose"]))
    for side in ("left", "right"):
        for finger in ("thumb", "index", "middle", "ring", "pinky"):
            bones.append((joint[f"{side}_{finger}3"], point[f"{side}_{finger}_tip"]))
        bones.append((joint[f"{side}_ankle"], point[f"{side}_heel"]))
        bones += [(joint[f"{side}_foot"], point[f"{side}_{toe}_toe"]) for toe in ("big", "small")]
    return bones + _features(76)


_COCO17 = [
    *_chain(9, 7, 5, 6, 8, 10),
    *_chain(15, 13, 11, 12, 14, 16),
    *((5, 11), (6, 12)),
    *_chain(3, 1, 0, 2, 4),
    *((1, 2), (3, 5), (4, 6)),
]
_BODY25 = [
    *_chain(4, 3, 2, 1, 5, 6, 7),
    *_chain(17, 15, 0, 16, 18),
    *_chain(0, 1, 8),
    *(*_chain(8, 9, 10, 11, 22, 23), (11, 24)),
    *(*_chain(8, 12, 13, 14, 19, 20), (14, 21)),
]
BONES = {
    SMPLX: _smplx(),
    "openpose137": [
        *_BODY25,
        *(*_hand(25, 26), *_hand(46, 47)),
        *(*_run(67, 17), *_features(84)),
    ],
    "coco17": _COCO17,
    "coco133": [
        *_COCO17,
        *((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22)),
        *(*_run(23, 17), *_features(40)),
        *(*_hand(91, 92), *_hand(112, 113)),
    ],
    "h36m17": [
        *_chain(3, 2, 1, 0, 4, 5, 6),
        *_chain(0, 7, 8, 9, 10),
        *_chain(13, 12, 11, 8, 14, 15, 16),
    ],
    "lsp14": [
        *_chain(0, 1, 2, 3, 4, 5),
        *_chain(6, 7, 8, 12, 9, 10, 11),
        *((2, 8), (3, 9), (12, 13)),
    ],
}
"""Set -> pairs of its points."""

_TITLES = {
    SMPLX: "SMPL-X, 127 joints",
    "openpose137": "OpenPose, 137",
    "coco17": "COCO, 17",
    "coco133": "COCO-WholeBody, 133",
    "h36m17": "Human3.6M, 17",
    "lsp14": "LSP, 14",
}
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def point_sets() -> dict[str, PointSet]:
    """The sets of the gallery in the order of its chooser."""
    return {
        name: PointSet(
            title,
            [POINT_NAMES[point] for point in set_points(name)],
            [_size(point) for point in set_points(name)],
            BONES[name],
        )
        for name, title in _TITLES.items()
    }


def set_points(name: str) -> list[int]:
    """Which of the 145 points a set is made of."""
    return list(range(JOINTS)) if name == SMPLX else KEYPOINT_SETS[name]


def _size(point: int) -> int:
    name = POINT_NAMES[point]
    fine = name.startswith("face_") or name == "jaw" or any(f in name for f in _FINGERS)
    return BODY if point == HEAD_TOP or not fine else FINE
