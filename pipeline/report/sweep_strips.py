"""Pictures of a sweep side by side: one strip per scene or person, one column per level."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.contracts import RenderPasses
from pipeline.diffusion.drift.regions import MIN_PIXELS
from pipeline.diffusion.images import read_image
from pipeline.scene import frame_name, scene_name
from pipeline.sweep.grid import Cell, Sweep
from pipeline.sweep.painting import SHOWN_SCENES

_PEOPLE = 2
"""So many of a scene's largest people are shown."""
_CROP_WH = (160, 260)
_MARGIN_PX = 12
_FRAME_WIDTH = 160


@dataclass(frozen=True)
class _Shown:
    """A scene to show. crops: person -> (left, top, right, bottom) px."""

    scene: int
    render: np.ndarray
    crops: dict[int, tuple[int, int, int, int]]


def strips(sweep: Sweep, scenes: list[int], rows: list[dict], images: Path) -> str:
    """HTML of the first scenes under every strategy; the pictures are written into `images`."""
    facts = {
        (row["strategy"], row["level"], row["scene"], row["person"]): row
        for row in rows
        if row["seed"] == 0 and row["frame"] == 0
    }
    shown = [_look(sweep, scene) for scene in scenes[:SHOWN_SCENES]]
    return "".join(_strategy(sweep, name, shown, facts, images) for name in sweep.strategies)


def _look(sweep: Sweep, scene: int) -> _Shown:
    source = sweep.source.scene_dir("render", scene)
    instance = RenderPasses.load(source / f"{frame_name(0)}.npz").instance
    values, counts = np.unique(instance[instance > 0], return_counts=True)
    largest = values[np.argsort(-counts, kind="stable")][:_PEOPLE]
    seen = [int(v) for v in largest if (instance == v).sum() >= MIN_PIXELS]
    crops = {value - 1: _crop(instance == value) for value in sorted(seen)}
    return _Shown(scene, read_image(source / f"{frame_name(0)}.png"), crops)


def _crop(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The upper part of somebody, at most `_CROP_WH` large."""
    rows = np.flatnonzero(mask.any(axis=1))
    top = max(int(rows[0]) - _MARGIN_PX, 0)
    bottom = min(int(rows[-1]) + _MARGIN_PX, mask.shape[0] - 1, top + _CROP_WH[1] - 1)
    # Around the middle of what is in those rows: outstretched legs may lie far to the side.
    here = np.flatnonzero(mask[top : bottom + 1].any(axis=0))
    middle = int(np.median(np.nonzero(mask[top : bottom + 1])[1]))
    half = min(max(middle - int(here[0]), int(here[-1]) - middle) + _MARGIN_PX, _CROP_WH[0] // 2)
    left, right = max(middle - half, 0), min(middle + half, mask.shape[1])
    return left, top, right, bottom + 1


def _strategy(sweep: Sweep, strategy: str, shown: list[_Shown], facts: dict, images: Path) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("render", *(f"level {n}" for n in sweep.levels)))
    lines = []
    for one in shown:
        painted = {
            level: read_image(
                sweep.folder(Cell(strategy, level, 0))
                / scene_name(one.scene)
                / f"{frame_name(0)}.png"
            )
            for level in sweep.levels
        }
        people = {level: _people(facts, strategy, level, one.scene) for level in sweep.levels}
        lines.append(_frames(one, strategy, painted, people, images))
        for person, box in one.crops.items():
            lines.append(_crops(one, strategy, person, box, painted, people, images))
    return (
        f'<h3>{strategy}</h3><div class="wide"><table class="strip"><tr>{head}</tr>'
        f"{''.join(lines)}</table></div>"
    )


def _people(facts: dict, strategy: str, level: int, scene: int) -> dict[int, dict]:
    """Rows by person."""
    wanted = (strategy, level, scene)
    return {person: row for (*where, person), row in facts.items() if tuple(where) == wanted}


def _frames(one: _Shown, strategy: str, painted: dict, people: dict, images: Path) -> str:
    def cell(picture: np.ndarray, name: str, text: str) -> str:
        file = _save(images, name, picture)
        width = min(_FRAME_WIDTH, picture.shape[1])
        return (
            f'<td><a href="images/{file}"><img loading="lazy" src="images/{file}" '
            f'width="{width}" alt="{name}"></a>{escape(text)}</td>'
        )

    cells = [cell(one.render, f"s{one.scene}_render", f"scene {one.scene}")]
    for level, picture in painted.items():
        change = next(iter(people[level].values()))["picture_change"] if people[level] else None
        text = "" if change is None else f"change {change:.3f}"
        cells.append(cell(picture, f"s{one.scene}_{strategy}_{level}", text))
    return f"<tr>{''.join(cells)}</tr>"


def _crops(
    one: _Shown, strategy: str, person: int, box: tuple, painted: dict, people: dict, images: Path
) -> str:
    left, top, right, bottom = box

    def cell(picture: np.ndarray, name: str, row: dict | None) -> str:
        file = _save(images, f"{name}_p{person}", picture[top:bottom, left:right])
        lost = f' class="lost" title="{escape(row["reason"])}"' if row and not row["kept"] else ""
        text = f"person {person}" if row is None else _told(row)
        return (
            f'<td{lost}><img loading="lazy" src="images/{file}" width="{right - left}" '
            f'height="{bottom - top}" alt="{name} person {person}">{escape(text)}</td>'
        )

    cells = [cell(one.render, f"s{one.scene}_render", None)]
    for level, picture in painted.items():
        name = f"s{one.scene}_{strategy}_{level}"
        cells.append(cell(picture, name, people[level][person]))
    return f"<tr>{''.join(cells)}</tr>"


def _told(row: dict) -> str:
    drift = "? px" if row["mean_px"] is None else f"{row['mean_px']:.2f} px"
    return f"{drift} · {row['change']:.3f}"


def _save(images: Path, name: str, picture: np.ndarray) -> str:
    file = f"{name}.jpg"
    if not (images / file).exists():
        Image.fromarray(picture).save(images / file, quality=90)
    return file
