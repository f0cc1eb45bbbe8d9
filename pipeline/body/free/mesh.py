"""Which MakeHuman surface the free body keeps, cut into triangles, and where its landmarks lie.

Kept: skin, eyeballs, teeth and tongue; dropped: clothing helpers, joint cubes, lashes. The vertices
are renumbered so that the `smplx` package's built-in vertex ids (nose, eyes, ears, toes, heels,
finger tips) fall on the right places without patching that package.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.body.free.makehuman import SKIN_VERTEX_COUNT, MakeHuman
from pipeline.body.free.skeleton import FINGERS, SIDES
from pipeline.body.modelfile import JOINT_INDEX, VERTEX_JOINTS

PART_GROUPS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-upper-teeth",
    "helper-lower-teeth",
    "helper-tongue",
)
"""Base-mesh groups that are kept; the position is the `face_part` number."""

# The nipples are cut away (rings of vertices) and the holes closed with quads, as Anny does.
_NIPPLE_RANGES = ((1778, 1794), (8450, 8466))
_NIPPLE_CAPS = np.array(
    [
        *((8437, 8438, 8439, 8440), (8436, 8437, 8440, 8441), (8435, 8436, 8441, 8442)),
        *((8434, 8435, 8442, 8443), (8449, 8434, 8443, 8444), (8448, 8449, 8444, 8445)),
        *((8447, 8448, 8445, 8446), (1762, 1771, 1770, 1763), (1763, 1770, 1769, 1764)),
        *((1764, 1769, 1768, 1765), (1765, 1768, 1767, 1766), (1762, 1777, 1772, 1771)),
        *((1777, 1776, 1773, 1772), (1776, 1775, 1774, 1773)),
    ]
)


@dataclass(frozen=True)
class Surface:
    """The kept quads. Quads (Q, 4) index the base mesh; uv_quads (Q, 4) index its UVs.

    quad_part (Q,) uint8: position in PART_GROUPS. keep (V,): base-mesh vertices in use, ascending.
    """

    quads: np.ndarray
    uv_quads: np.ndarray
    quad_part: np.ndarray
    keep: np.ndarray

    def renumbered(self, base_vertices: np.ndarray) -> np.ndarray:
        """Positions in `keep` of base-mesh vertex ids."""
        return np.searchsorted(self.keep, base_vertices)


@dataclass(frozen=True)
class Triangles:
    """faces, uv_faces (F, 3) int64; quad (F,) the quad each comes from. No empty triangles."""

    faces: np.ndarray
    uv_faces: np.ndarray
    quad: np.ndarray


def kept_surface(body: MakeHuman) -> Surface:
    """Skin without nipples, eyes, teeth and tongue."""
    skin, skin_uv = body.groups["body"]
    nipple = np.concatenate([np.arange(*r) for r in _NIPPLE_RANGES])
    cut = np.isin(skin, nipple).any(axis=1)
    uv_of = dict(zip(skin[~cut].ravel(), skin_uv[~cut].ravel(), strict=True))
    cap_uv = np.array([[uv_of[v] for v in cap] for cap in _NIPPLE_CAPS])
    quads = [np.concatenate([skin[~cut], _NIPPLE_CAPS])]
    uv_quads = [np.concatenate([skin_uv[~cut], cap_uv])]
    for name in PART_GROUPS[1:]:
        quads.append(body.groups[name][0])
        uv_quads.append(body.groups[name][1])
    part = np.repeat(np.arange(len(quads)), [len(q) for q in quads]).astype(np.uint8)
    quads = np.concatenate(quads)
    return Surface(quads, np.concatenate(uv_quads), part, np.unique(quads))


def triangulate(surface: Surface, vertices: np.ndarray) -> Triangles:
    """Cut every quad along its shorter diagonal on `vertices` (V, 3)."""
    quads = surface.renumbered(surface.quads)
    corner = vertices[quads]
    along_02 = np.linalg.norm(corner[:, 0] - corner[:, 2], axis=1)
    along_13 = np.linalg.norm(corner[:, 1] - corner[:, 3], axis=1)
    cut_02 = np.array([[0, 1, 2], [0, 2, 3]])
    cut_13 = np.array([[0, 1, 3], [1, 2, 3]])
    pattern = np.where((along_02 <= along_13)[:, None, None], cut_02, cut_13).reshape(len(quads), 6)
    faces = np.take_along_axis(quads, pattern, axis=1).reshape(-1, 3)
    uv_faces = np.take_along_axis(surface.uv_quads, pattern, axis=1).reshape(-1, 3)
    source = np.repeat(np.arange(len(quads)), 2)
    a, b, c = faces.T
    solid = (a != b) & (b != c) & (c != a)
    return Triangles(faces[solid], uv_faces[solid], source[solid])


def mirror_map(vertices: np.ndarray) -> np.ndarray:
    """For each vertex of a left-right symmetric shape, the index (V,) of its mirror image."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(vertices).query(vertices * [-1, 1, 1])
    assert distance.max() < 1e-4, "the MakeHuman base mesh is symmetric"
    return index


def landmark_vertices(
    body: MakeHuman, surface: Surface, fold: np.ndarray, template: np.ndarray, joints: np.ndarray
) -> dict[str, int]:
    """Vertex of each name in VERTEX_JOINTS, found on the T-pose template (V, 3)."""
    weights = body.bone_weights[surface.keep]
    skin = surface.keep < SKIN_VERTEX_COUNT
    head = ((weights @ fold)[:, JOINT_INDEX["head"]] > 0.5) & skin
    x, y, z = template.T

    def furthest(candidates: np.ndarray, score: np.ndarray) -> int:
        ids = np.flatnonzero(candidates)
        return int(ids[score[ids].argmax()])

    def moved_by(*bones: str) -> np.ndarray:
        return sum(weights[:, body.bone_index(b)] for b in bones) > 0.5

    found = {"nose": furthest(head & (np.abs(x) < 0.004), z)}
    for side, letter, sign in SIDES:
        eye = np.isin(surface.keep, body.groups[f"helper-{letter.lower()}-eye"][0])
        found[f"{side}_eye"] = furthest(eye, z)
        level = np.abs(y - y[found[f"{side}_eye"]]) < 0.05
        behind = z < z[found["nose"]] - 0.06
        found[f"{side}_ear"] = furthest(head & behind & level, sign * x)
        for finger, number in FINGERS.items():
            from_joint = np.linalg.norm(template - joints[JOINT_INDEX[f"{side}_{finger}3"]], axis=1)
            found[f"{side}_{finger}"] = furthest(moved_by(f"finger{number}-3.{letter}"), from_joint)
        found[f"{side}_big_toe"] = furthest(moved_by(f"toe1-2.{letter}"), z)
        small_toe = moved_by(f"toe5-3.{letter}", f"toe5-2.{letter}")
        found[f"{side}_small_toe"] = furthest(small_toe, z)
        found[f"{side}_heel"] = furthest(moved_by(f"foot.{letter}") & (y < y.min() + 0.05), -z)
    return found


def renumbering(landmarks: dict[str, int], count: int) -> np.ndarray:
    """Order (V,): new vertex i is old vertex order[i], with landmarks at their SMPL-X numbers."""
    order = np.arange(count)
    position = np.arange(count)
    for name, wanted in VERTEX_JOINTS.items():
        current = position[landmarks[name]]
        order[[current, wanted]] = order[[wanted, current]]
        position[order[[current, wanted]]] = [current, wanted]
    assert all(order[VERTEX_JOINTS[name]] == vertex for name, vertex in landmarks.items())
    return order
