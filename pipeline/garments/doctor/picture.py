"""Before and after, side by side: body and garment as the file is read now, and corrected.

The garment is blue outside and orange inside, so that faces that look inwards show. What is far
away or far too large is drawn to the same scale as the body, with an arrow to whoever is tiny.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.garments.caches import GarmentSequence
from pipeline.garments.doctor.examine import Examination
from pipeline.garments.doctor.faults import toml_lines
from pipeline.garments.doctor.penetration import length
from pipeline.garments.doctor.wearing import Wearing
from pipeline.garments.surface import face_cross, unit, vertex_normals
from pipeline.opengl import offscreen_renderer, pyrender_module
from pipeline.report.mesh_picture import View, fit_view
from pipeline.storage import atomic_file

_TILE_PX = (460, 420)
_HEAD_PX, _ROW_PX, _GAP_PX = 78, 24, 12
_FRAMES = 3
_PAPER, _INK, _DIM, _MARK = (18, 20, 24), (238, 238, 238), (160, 164, 172), (214, 40, 40)
_SKY = (240, 242, 245)
_SKIN, _OUTER, _INNER = (0.86, 0.74, 0.66), (0.27, 0.47, 0.80), (0.93, 0.55, 0.20)
_LIGHT = np.array([0.45, -0.65, 0.75]) / np.linalg.norm([0.45, -0.65, 0.75])
_AMBIENT = 0.42
_TINY = 0.25
"""Share of the picture's height below which the body gets an arrow."""
_FIELD_OF_VIEW_DEG = 24.0
"""That of `View.pose`."""


def write_picture(found: Examination, wearing: Wearing, path: Path) -> None:
    """Draw an examination; does nothing for a file that could not be read at all.

    Raises GenbError when no OpenGL context can be made.
    """
    pairs = [pair for pair in (found.before, found.after) if pair]
    if not pairs:
        return
    corrections = "   ".join(toml_lines(found.corrections()))
    titles = [
        ("as it is read now", ", ".join(fault.name for fault in found.faults) or "no fault"),
        ("with the proposed lines", corrections or "nothing to correct"),
    ]
    frames = np.unique(np.linspace(0, len(pairs[-1][0].vertices) - 1, _FRAMES).round().astype(int))
    width, height = _TILE_PX
    size = 2 * width + _GAP_PX, _HEAD_PX + len(frames) * (height + _ROW_PX)
    page = Image.new("RGB", size, _PAPER)
    draw, large, small = (
        ImageDraw.Draw(page),
        ImageFont.load_default(20),
        ImageFont.load_default(13),
    )
    for column, ((title, note), pair) in enumerate(
        zip(titles, (found.before, found.after), strict=True)
    ):
        left = column * (width + _GAP_PX)
        draw.text((left + 10, 6), title, _INK, large)
        draw.text((left + 10, 34), _short(note), _INK, small)
        if pair is None:
            draw.text((left + 10, 52), "no frame of the file falls into the clip", _DIM, small)
            continue
        sequence, deep = pair
        worst = 100 * deep.share.max()
        caption = f"{worst:.1f} % inside the body at worst, {length(deep.away_m)} from the skin"
        draw.text((left + 10, 52), caption, _DIM, small)
        for row, frame in enumerate(frames.tolist()):
            top = _HEAD_PX + row * (height + _ROW_PX)
            if frame >= len(sequence.vertices):
                draw.text((left + 10, top + 4), f"clip frame {frame}: not covered", _DIM, small)
                continue
            body = wearing.motion.clip[frame].astype(np.float64)
            page.paste(_panel(body, wearing.faces, sequence, frame), (left, top + _ROW_PX))
            note = f"clip frame {frame}   {_size_note(body, sequence.vertices[frame])}"
            draw.text((left + 10, top + 4), note, _INK, small)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as partial:
        page.save(partial, "PNG")


def _short(text: str, most: int = 68) -> str:
    return text if len(text) <= most else text[: most - 4] + " ..."


def _size_note(body: np.ndarray, cloth: np.ndarray) -> str:
    """How large the garment is, where that is not obvious."""
    size, tall = (float(np.ptp(points, axis=0).max()) for points in (cloth, body))
    return "" if 0.1 * tall < size < 1.5 * tall else f"garment {size:.3g} m, person {tall:.2f} m"


def _panel(body, faces, sequence: GarmentSequence, frame: int) -> Image.Image:
    """One picture of the body and the garment, as near as both can be seen."""
    cloth = sequence.vertices[frame].astype(np.float64)
    both = np.concatenate([body, cloth])
    scale = 2.0 / max(float(np.ptp(both, axis=0).max()), 2.0)
    middle = (both.max(axis=0) + both.min(axis=0)) / 2
    base = np.array([*middle[:2], both[:, 2].min()])
    body, cloth = (body - base) * scale, (cloth - base) * scale
    width, height = _TILE_PX
    view = fit_view(np.concatenate([body, cloth])[None], width / height)
    pose = view.pose(np.zeros(2))
    meshes = [_skin(body, faces), _cloth(cloth, sequence.faces, pose)]
    picture = Image.fromarray(_drawn(meshes, pose))
    _mark(picture, body, view, pose, "person")
    _mark(picture, cloth, view, pose, "garment")
    return picture


def _drawn(meshes, pose: np.ndarray) -> np.ndarray:
    gl = pyrender_module()
    scene = gl.Scene(bg_color=[*_SKY, 255])
    points = np.concatenate([points for points, _ in meshes]).astype(np.float32)
    colours = np.concatenate([colours for _, colours in meshes])
    primitive = gl.Primitive(
        positions=points,
        color_0=np.column_stack([colours, np.ones(len(colours))]).astype(np.float32),
        mode=gl.constants.GLTF.TRIANGLES,
        material=gl.MetallicRoughnessMaterial(baseColorFactor=(1.0, 1.0, 1.0, 1.0)),
    )
    # One mesh, because pyrender draws several in no fixed order.
    scene.add(gl.Mesh([primitive]))
    camera = gl.PerspectiveCamera(yfov=np.radians(_FIELD_OF_VIEW_DEG), znear=0.05, zfar=100.0)
    scene.add(camera, pose=pose)
    flags = gl.RenderFlags.FLAT | gl.RenderFlags.SKIP_CULL_FACES
    colour, _ = offscreen_renderer(*_TILE_PX).render(scene, flags=flags)
    return np.array(colour[..., :3])


def _skin(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (3 M, 3) and colours of a smooth body."""
    light = _AMBIENT + (1 - _AMBIENT) * np.maximum(vertex_normals(vertices, faces) @ _LIGHT, 0)
    return vertices[faces].reshape(-1, 3), (light[:, None] * _SKIN)[faces].reshape(-1, 3)


def _cloth(vertices: np.ndarray, faces: np.ndarray, pose: np.ndarray):
    """Corners (3 M, 3) and colours of a garment, by the side of each face that is seen."""
    normals, corners = unit(face_cross(vertices, faces)), vertices[faces]
    outer = ((pose[:3, 3] - corners.mean(axis=1)) * normals).sum(axis=1) > 0
    shown = vertex_normals(vertices, faces)[faces] * np.where(outer, 1.0, -1.0)[:, None, None]
    light = _AMBIENT + (1 - _AMBIENT) * np.maximum(shown @ _LIGHT, 0)
    colour = np.where(outer[:, None], _OUTER, _INNER)[:, None] * light[..., None]
    return corners.reshape(-1, 3), colour.reshape(-1, 3)


def _mark(picture: Image.Image, points: np.ndarray, view: View, pose: np.ndarray, name: str):
    """An arrow to what is too small to be found."""
    width, height = _TILE_PX
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    focal = height / 2 / np.tan(np.radians(_FIELD_OF_VIEW_DEG / 2))
    pixels = local[:, :2] / -local[:, 2:] * focal * [1, -1] + [width / 2, height / 2]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (high - low).max() > _TINY * height:
        return
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    middle = (low + high) / 2
    inward = np.array([1.0 if middle[0] < width / 2 else -1.0, -1.0 if middle[1] > 60 else 1.0])
    tip, tail = middle + inward * ((high - low) / 2 + 3), middle + inward * ((high - low) / 2 + 34)
    draw.line([*tail, *tip], fill=_MARK, width=2)
    side = np.array([-inward[1], inward[0]])
    draw.polygon(
        [tuple(tip), *(tuple(tip + 8 * inward + s * 4 * side) for s in (1, -1))], fill=_MARK
    )
    anchor = ("l" if inward[0] > 0 else "r") + ("b" if inward[1] < 0 else "t")
    draw.text(tuple(tail), name, _MARK, font, anchor=anchor)
