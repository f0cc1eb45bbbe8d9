"""A quick shaded picture of a body on the ground, with OpenGL but without a graphics card.

What floats loses its dark contact shade on the ground, what sinks is cut off by the ground. Colours
are computed here with numpy; pyrender (EGL) only sorts out depth, so a picture takes some
hundredths of a second.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from pipeline.opengl import offscreen_renderer, pyrender_module

AROUND_DEG = -38.0
"""Camera azimuth: from straight in front of a person who faces -Y, a little to their left."""

_FIELD_OF_VIEW_DEG = 24.0
_CAMERA_DOWN_DEG = 12.0
_SKIN = np.array([0.86, 0.74, 0.66])
_GROUND, _LINE, _SHADE = np.array([0.83, 0.84, 0.86]), np.array([0.66, 0.68, 0.72]), 0.20
_SKY = (240, 242, 245)
_LIGHTS = ((np.array([0.45, -0.65, 0.75]), 0.68), (np.array([-0.8, -0.2, 0.25]), 0.26))
_AMBIENT = 0.34
_MARGIN = 1.08
_SHADE_FADES_M = 0.06
_PLANE_M = 60.0
_GRID_M, _GRID_LINES, _LINE_M = 0.25, 24, 0.006


@dataclass(frozen=True)
class View:
    """A camera that keeps a person in the middle: the same for all frames of a clip."""

    radius_m: float  # half the height of what the picture shows
    up_m: float  # height of the point above the ground that it looks at
    around_deg: float = AROUND_DEG

    def axes(self) -> np.ndarray:
        """Right, up and backward (3, 3, as columns) of the camera in the subject frame."""
        around, down = np.radians(self.around_deg), np.radians(_CAMERA_DOWN_DEG)
        level = np.array([-np.sin(around), -np.cos(around), 0.0])
        back = np.cos(down) * level + [0.0, 0.0, np.sin(down)]
        right = np.array([-level[1], level[0], 0.0])
        return np.stack([right, np.cross(back, right), back], axis=1)

    def pose(self, middle: np.ndarray) -> np.ndarray:
        """OpenGL camera pose (4, 4) for a person above the ground point `middle` (2,)."""
        pose = np.eye(4)
        pose[:3, :3] = self.axes()
        distance_m = self.radius_m / np.tan(np.radians(_FIELD_OF_VIEW_DEG / 2))
        pose[:3, 3] = [*middle, self.up_m] + distance_m * pose[:3, 2]
        return pose


def fit_view(vertices: np.ndarray, aspect: float, around_deg: float = AROUND_DEG) -> View:
    """The closest view that holds every frame of (T, V, 3) metres; aspect: width over height."""
    axes = View(1.0, 0.0, around_deg).axes()
    centred = vertices.astype(np.float64)
    centred[..., :2] -= ((centred.max(axis=1) + centred.min(axis=1)) / 2)[:, None, :2]
    right, up = centred @ axes[:, 0], centred @ axes[:, 1]
    low, high = min(float(up.min()), 0.0), float(up.max())
    radius_m = _MARGIN * max((high - low) / 2, np.abs(right).max() / aspect)
    return View(radius_m, (high + low) / 2 / axes[2, 1], around_deg)


def draw_person(
    vertices: np.ndarray, faces: np.ndarray, view: View, size_px: tuple[int, int]
) -> np.ndarray:
    """Shaded picture (H, W, 3) uint8 of one mesh on the ground plane z = 0.

    vertices: (V, 3) metres, subject frame (Z up, facing -Y). faces: (F, 3). size_px: width,
    height. Raises GenbError when no GL context can be made.
    """
    gl = pyrender_module()
    scene = gl.Scene(bg_color=[*_SKY, 255])
    middle = (vertices.max(axis=0) + vertices.min(axis=0))[:2] / 2
    body = vertices, faces, _shaded(vertices, faces)
    scene.add(_mesh(body, _ground(middle), _contact_shade(vertices, faces)))
    camera = gl.PerspectiveCamera(yfov=np.radians(_FIELD_OF_VIEW_DEG), znear=0.05, zfar=200.0)
    scene.add(camera, pose=view.pose(middle))
    flags = gl.RenderFlags.FLAT | gl.RenderFlags.SKIP_CULL_FACES
    colour, _ = offscreen_renderer(*size_px).render(scene, flags=flags)
    return np.array(colour[..., :3])


def _shaded(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Colours (V, 3) 0..1 of skin under two lamps and a bright sky."""
    normals = _vertex_normals(vertices, faces)
    light = _AMBIENT * (1 + 0.5 * normals[:, 2])
    for direction, strength in _LIGHTS:
        light = light + strength * np.maximum(normals @ (direction / np.linalg.norm(direction)), 0)
    return np.clip(_SKIN * light[:, None], 0, 1)


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3), weighted by the area of the faces around."""
    corners = vertices[faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(area[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=-1,
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _contact_shade(vertices: np.ndarray, faces: np.ndarray) -> tuple:
    """The mesh pressed flat on the ground: black where it touches, gone at some centimetres.

    The lower a point of the body, the higher (by less than a millimetre) its shade lies, so that
    the darkest wins.
    """
    near = np.exp(-np.maximum(vertices[:, 2], 0.0) / _SHADE_FADES_M)
    flat = np.column_stack([vertices[:, :2], 0.0015 + 0.0008 * near])
    low = faces[(near[faces] > 0.02).any(axis=1)]
    return flat, low, _GROUND * (1 - (1 - _SHADE) * near[:, None])


def _ground(middle: np.ndarray) -> tuple:
    """A plane with grid lines that stay in the world while the camera follows the person."""
    x, y = np.floor(middle / _GRID_M) * _GRID_M
    half_m = _GRID_LINES * _GRID_M
    quads = [(x - _PLANE_M, x + _PLANE_M, y - _PLANE_M, y + _PLANE_M, 0.0, _GROUND)]
    for step in range(-_GRID_LINES, _GRID_LINES + 1):
        at = step * _GRID_M
        quads.append((x + at, x + at + _LINE_M, y - half_m, y + half_m, 0.0008, _LINE))
        quads.append((x - half_m, x + half_m, y + at, y + at + _LINE_M, 0.0008, _LINE))
    points, colours = [], []
    for x0, x1, y0, y1, z, colour in quads:
        points += [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
        colours += [colour] * 4
    first = 4 * np.arange(len(quads))[:, None, None]
    return np.array(points), (first + [[0, 1, 2], [0, 2, 3]]).reshape(-1, 3), np.array(colours)


def _mesh(*parts: tuple[np.ndarray, np.ndarray, np.ndarray]):
    """One pyrender mesh of several (points, triangles, colours).

    One, because pyrender draws the meshes of a scene in no fixed order, and where two surfaces
    meet the picture would depend on it.
    """
    points, triangles, colours = (list(each) for each in zip(*parts, strict=True))
    first = np.cumsum([0, *map(len, points[:-1])])
    rgba = np.concatenate(colours)
    primitive = pyrender_module().Primitive(
        positions=np.concatenate(points).astype(np.float32),
        indices=np.concatenate([t + n for t, n in zip(triangles, first, strict=True)]).astype(
            np.uint32
        ),
        color_0=np.column_stack([rgba, np.ones(len(rgba))]).astype(np.float32),
        mode=pyrender_module().constants.GLTF.TRIANGLES,
        material=_white(),
    )
    return pyrender_module().Mesh([primitive])


@cache
def _white():
    return pyrender_module().MetallicRoughnessMaterial(baseColorFactor=(1.0, 1.0, 1.0, 1.0))
