"""Contact sheets of moving bodies: one row per clip, evenly spaced frames, on a visible ground.

Made to be looked at: `mesh_picture` draws the bodies, this module lays them out.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.report.mesh_picture import draw_person, fit_view
from pipeline.storage import atomic_file

TILE_PX = (230, 290)
"""Width and height of one picture, pixels."""

_LABEL_PX = 20
_PAPER, _INK = (18, 20, 24), (238, 238, 238)


def write_motion_sheet(
    rows: list[tuple[str, np.ndarray, np.ndarray]], path: Path, columns: int = 6
) -> None:
    """Write a PNG with one row of `columns` pictures per clip.

    rows: (label, vertices (T, V, 3) metres in the subject frame (Z up, facing -Y, ground z = 0),
    faces (F, 3)). Raises ValueError when there is nothing to draw, GenbError without OpenGL.
    """
    if not rows or columns < 1:
        raise ValueError(f"a motion sheet needs rows and columns, got {len(rows)} and {columns}")
    width, height = TILE_PX
    page = Image.new("RGB", (columns * width, len(rows) * (height + _LABEL_PX)), _PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for index, (label, vertices, faces) in enumerate(rows):
        top = index * (height + _LABEL_PX)
        draw.text((6, top + 2), label, _INK, font)
        frames = np.linspace(0, len(vertices) - 1, columns).round().astype(int)
        view = fit_view(vertices[frames], TILE_PX[0] / TILE_PX[1])
        for column, frame in enumerate(frames):
            picture = draw_person(vertices[frame], faces, view, TILE_PX)
            page.paste(Image.fromarray(picture), (column * width, top + _LABEL_PX))
    with atomic_file(path) as partial:
        page.save(partial, "PNG")
