"""How deep one part of a body is inside another part of the same body.

The skin is cut into fourteen segments by the joints that move it. Segments that share a joint may
overlap (a bent elbow does); between all others, a vertex behind the nearest skin of the other
segment is inside it. What touches already at rest, such as a heavy person's thighs, is subtracted.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.body.modelfile import JOINT_NAMES
from pipeline.contact import vertex_normals

_REACH_M = 0.09
"""Nothing is that deep inside a limb: farther skin belongs to another side of the body."""

_SEGMENTS = ("torso", "head") + tuple(
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
)
_MOVED_BY = {"shoulder": "upper_arm", "elbow": "forearm", "hip": "thigh", "knee": "shin"}


def _segment(joint: str) -> str:
    if joint in ("neck", "head", "jaw", "left_eye", "right_eye"):
        return "head"
    side, _, part = joint.partition("_")
    if side not in ("left", "right") or part == "collar":
        return "torso"
    if part in ("ankle", "foot"):
        return f"{side}_foot"
    return f"{side}_{_MOVED_BY.get(part, 'hand')}"


def _neighbours(a: str, b: str) -> bool:
    chains = [("torso", "head")]
    for side in ("left", "right"):
        arm = ("torso", *(f"{side}_{p}" for p in ("upper_arm", "forearm", "hand")))
        leg = ("torso", *(f"{side}_{p}" for p in ("thigh", "shin", "foot")))
        chains += [*zip(arm, arm[1:], strict=False), *zip(leg, leg[1:], strict=False)]
    return (a, b) in chains or (b, a) in chains


@dataclass(frozen=True)
class BodySegments:
    """The skin of a body model cut into segments.

    vertices: segment -> (n,) vertex numbers. inner: (V,) bool, vertices whose faces all belong to
    one segment; at the cut between two segments "behind the skin" means nothing. faces: (F, 3).
    """

    vertices: dict[str, np.ndarray]
    inner: np.ndarray
    faces: np.ndarray

    @classmethod
    def of(cls, weights: np.ndarray, faces: np.ndarray, face_part: np.ndarray) -> "BodySegments":
        """From skinning weights (V, 55), faces (F, 3) and their parts (F,): skin is part 0."""
        skin = faces[face_part == 0]
        number = np.array([_SEGMENTS.index(_segment(name)) for name in JOINT_NAMES])
        owner = number[weights.argmax(axis=1)]
        used = np.zeros(len(weights), bool)
        used[skin] = True
        inner = used.copy()
        cut = (owner[skin] != owner[skin[:, :1]]).any(axis=1)
        inner[skin[cut]] = False
        vertices = {n: np.flatnonzero(used & (owner == k)) for k, n in enumerate(_SEGMENTS)}
        return cls({n: index for n, index in vertices.items() if len(index)}, inner, skin)


Depths = dict[tuple[str, str], float]


def self_penetration_m(posed: Depths, rest: Depths) -> float:
    """Depth in metres of the deepest vertex of a segment inside another one.

    posed, rest: `segment_depths` of the pose and of the T-pose, whose overlaps do not count.
    """
    return max((d - rest.get(pair, 0.0) for pair, d in posed.items()), default=0.0)


def segment_depths(segments: BodySegments, vertices: np.ndarray) -> Depths:
    """Deepest penetration in metres of every ordered pair of segments that are not neighbours.

    vertices: (V, 3) metres. Pairs without any are left out.
    """
    vertices = vertices.astype(np.float64)
    normals = vertex_normals(vertices, segments.faces)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(length, 1e-20)
    boxes = {
        name: (vertices[index].min(axis=0), vertices[index].max(axis=0))
        for name, index in segments.vertices.items()
    }
    depths = {}
    for b, index_b in segments.vertices.items():
        tree = None
        low, high = boxes[b]
        for a, index_a in segments.vertices.items():
            if a == b or _neighbours(a, b):
                continue
            points = vertices[index_a]
            points = points[((points > low) & (points < high)).all(axis=1)]
            if not len(points):
                continue
            tree = tree or cKDTree(vertices[index_b])
            gap, nearest = tree.query(points, distance_upper_bound=_REACH_M)
            near = np.isfinite(gap)
            skin = index_b[nearest[near]]
            behind = ((vertices[skin] - points[near]) * normals[skin]).sum(axis=1)
            behind = behind[segments.inner[skin]]
            if len(behind) and behind.max() > 0:
                depths[a, b] = float(behind.max())
    return depths
