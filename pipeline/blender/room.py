"""A procedural room around the people and the camera: windows to an HDRI, lamps, some furniture."""

import bpy
import numpy as np
from mathutils import Matrix

from pipeline.blender import surfaces
from pipeline.blender.blocks import Blocks, Hole
from pipeline.scene import PlaceSpec

_WALL, _TRIM, _DOOR = 0, 1, 2
_REVEAL_M = 0.22


def add_room(place: PlaceSpec, rng: np.random.Generator) -> None:
    """Build a room of the place's size; the world's light comes in through its windows."""
    width, depth, height = place.size_m
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [width / 2, depth / 2, 0]
    T = place.T_world_place()
    with_windows = rng.permutation(4)[: int(rng.integers(1, 3))]
    door_wall = int(rng.choice([k for k in range(4) if k not in with_windows]))
    walls = Blocks()
    for k in range(4):
        # From inside, a wall runs from right to left along the corners: turn it round.
        start, end = corners[(k + 1) % 4], corners[k]
        holes = _windows(np.linalg.norm(end - start), height, rng) if k in with_windows else []
        out = _outwards(start, end)
        walls.wall(start, end - start, height, holes, _WALL, out * _REVEAL_M, _TRIM)
        _skirting(walls, start, end, -out)
        for hole in holes:
            _window_frame(walls, start, end, out, hole)
            _portal(T, start, end, out, hole)
        if k == door_wall:
            _door(walls, start, end, -out, rng)
        elif not holes:
            _furnish(walls, start, end, -out, height, T, rng)
    paint = _wall_paint(rng)
    trim = surfaces.matt("trim", np.full(3, rng.uniform(0.5, 0.8)), 0.4)
    wood = surfaces.matt("door", rng.choice([[0.6, 0.58, 0.55], [0.25, 0.14, 0.07]]), 0.45)
    walls.build("walls", [paint, trim, wood], T)
    _floor_and_ceiling(place, T, rng)
    _lamps(place, T, rng)


def _outwards(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = (end - start) / np.linalg.norm(end - start)
    out = np.array([-along[1], along[0], 0.0])
    middle = (start + end) / 2
    return out if out @ middle > 0 else -out


def _windows(length: float, height: float, rng: np.random.Generator) -> list[Hole]:
    wide = min(float(rng.uniform(0.9, 2.0)), length - 0.6)
    sill = float(rng.choice([0.15, 0.85, 0.95]))
    top = min(height - 0.25, float(rng.uniform(2.1, 2.4)))
    count = max(int((length - 0.4) / (wide + rng.uniform(0.4, 1.2))), 1)
    pitch = length / count
    return [
        (k * pitch + (pitch - wide) / 2, sill, k * pitch + (pitch + wide) / 2, top)
        for k in range(count)
    ]


def _frame(start: np.ndarray, end: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Axes (along the wall, into `depth`, up) and origin as (3, 4)."""
    along = (end - start) / np.linalg.norm(end - start)
    return np.stack([along, depth, [0, 0, 1.0], start], axis=1)


def _skirting(walls: Blocks, start, end, inwards) -> None:
    length = np.linalg.norm(end - start)
    walls.turned_box(_frame(start, end, inwards), [0, 0, 0], [length, 0.015, 0.09], _TRIM)


def _window_frame(walls: Blocks, start, end, out, hole: Hole) -> None:
    left, bottom, right, top = hole
    frame, bar = _frame(start, end, out), 0.03
    near, far = 0.12, 0.17
    middle = (left + right) / 2
    for x in (left, middle - bar / 2, right - bar):
        walls.turned_box(frame, [x, near, bottom], [x + bar, far, top], _TRIM)
    for z in (bottom, top - bar):
        walls.turned_box(frame, [left, near, z], [right, far, z + bar], _TRIM)
    low, high = [left - 0.06, -0.12, bottom - 0.03], [right + 0.06, 0.1, bottom]
    walls.turned_box(frame, low, high, _TRIM)


def _portal(T: np.ndarray, start, end, out, hole: Hole) -> None:
    """Tell Cycles where daylight comes in, so that it does not search for it."""
    left, bottom, right, top = hole
    along = (end - start) / np.linalg.norm(end - start)
    centre = start + along * (left + right) / 2 + [0, 0, (bottom + top) / 2] + 0.05 * out
    light = bpy.data.lights.new("portal", "AREA")
    light.shape, light.size, light.size_y = "RECTANGLE", right - left, top - bottom
    light.cycles.is_portal = True
    thing = bpy.data.objects.new("portal", light)
    pose = np.eye(4)
    # A lamp shines along its own -Z: into the room.
    pose[:3, 0], pose[:3, 2], pose[:3, 1] = along, out, np.cross(out, along)
    pose[:3, 3] = centre
    thing.matrix_world = Matrix((T @ pose).tolist())
    bpy.context.scene.collection.objects.link(thing)


def _door(walls: Blocks, start, end, inwards, rng) -> None:
    length = np.linalg.norm(end - start)
    if length < 1.4:
        return
    at = float(rng.uniform(0.2, length - 1.15))
    frame = _frame(start, end, inwards)
    walls.turned_box(frame, [at, 0, 0], [at + 0.92, 0.012, 2.02], _DOOR)
    for low, high in (
        ([at - 0.08, 0, 0], [at, 0.03, 2.1]),
        ([at + 0.92, 0, 0], [at + 1.0, 0.03, 2.1]),
        ([at - 0.08, 0, 2.02], [at + 1.0, 0.03, 2.1]),
        ([at + 0.82, 0.012, 1.02], [at + 0.86, 0.06, 1.06]),
        ([at + 0.72, 0.05, 1.03], [at + 0.86, 0.07, 1.05]),
    ):
        walls.turned_box(frame, low, high, _TRIM)


def _furnish(walls: Blocks, start, end, inwards, height: float, T, rng) -> None:
    """Cupboards and shelves up to 0.45 m deep, and pictures on the wall."""
    length, frame = float(np.linalg.norm(end - start)), _frame(start, end, inwards)
    at = float(rng.uniform(0.1, 1.2))
    while at + 0.9 < length:
        wide = float(min(rng.uniform(0.7, 1.8), length - at - 0.1))
        kind = rng.choice(["cupboard", "shelf", "picture", "picture", "nothing"])
        if kind == "cupboard":
            _cupboard(frame, at, wide, T, rng)
        elif kind == "shelf":
            _shelf(frame, at, wide, min(height - 0.3, rng.uniform(1.2, 2.1)), T, rng)
        elif kind == "picture":
            _picture(frame, at, min(wide, 1.3), T, rng)
        at += wide + float(rng.uniform(0.15, 1.3))


def _cupboard(frame, at: float, wide: float, T, rng) -> None:
    tall, deep = float(rng.uniform(0.7, 1.1)), float(rng.uniform(0.35, 0.45))
    blocks = Blocks()
    blocks.turned_box(frame, [at, 0.0, 0.06], [at + wide, deep - 0.02, tall], 0)
    blocks.turned_box(frame, [at - 0.01, 0, tall], [at + wide + 0.01, deep, tall + 0.025], 0)
    doors = max(int(wide / 0.5), 1)
    for k in range(doors):
        low, high = at + k * wide / doors + 0.006, at + (k + 1) * wide / doors - 0.006
        blocks.turned_box(frame, [low, deep - 0.02, 0.08], [high, deep, tall - 0.01], 0)
        blocks.turned_box(
            frame, [high - 0.06, deep, tall - 0.2], [high - 0.045, deep + 0.02, tall - 0.08], 1
        )
    wood = np.array(
        [[0.32, 0.19, 0.10], [0.55, 0.52, 0.48], [0.12, 0.07, 0.04], [0.10, 0.14, 0.17]]
    )
    body = surfaces.matt("cupboard", wood[rng.integers(len(wood))], 0.45, uneven=0.06)
    blocks.build("cupboard", [body, surfaces.matt("handle", (0.3, 0.3, 0.3), 0.3)], T)


def _shelf(frame, at: float, wide: float, tall: float, T, rng) -> None:
    deep, board = 0.28, 0.025
    blocks = Blocks()
    rows = max(int(tall / 0.36), 2)
    for k in range(rows + 1):
        z = 0.05 + k * (tall - 0.05) / rows
        blocks.turned_box(frame, [at, 0, z], [at + wide, deep, z + board], 0)
    for x in (at - board, at + wide):
        blocks.turned_box(frame, [x, 0, 0], [x + board, deep, tall + board], 0)
    for k in range(rows):
        z, x = 0.05 + k * (tall - 0.05) / rows + board, at
        room = (tall - 0.05) / rows - board
        while x < at + wide - 0.06:
            thick = float(rng.uniform(0.015, 0.06))
            if rng.random() < 0.85:
                size = [
                    x + thick,
                    float(rng.uniform(0.14, 0.24)),
                    z + room * rng.uniform(0.6, 0.92),
                ]
                blocks.turned_box(frame, [x, 0.01, z], size, int(rng.integers(1, 6)))
            x += thick + 0.002 + (rng.uniform(0.05, 0.4) if rng.random() < 0.06 else 0)
    colours = [surfaces.matt("book", _muted(rng), 0.6) for _ in range(5)]
    wood = surfaces.matt("shelf", rng.choice([[0.3, 0.19, 0.1], [0.6, 0.58, 0.55]]), 0.5)
    blocks.build("shelf", [wood, *colours], T)


def _picture(frame, at: float, wide: float, T, rng) -> None:
    tall, bottom = wide * float(rng.uniform(0.65, 1.3)), float(rng.uniform(1.1, 1.35))
    tall = min(tall, 2.25 - bottom)
    blocks, edge = Blocks(), 0.03
    blocks.turned_box(frame, [at, 0, bottom], [at + wide, 0.02, bottom + tall], 0)
    for low, high in (
        ([at - edge, 0, bottom - edge], [at + wide + edge, 0.035, bottom]),
        ([at - edge, 0, bottom + tall], [at + wide + edge, 0.035, bottom + tall + edge]),
        ([at - edge, 0, bottom], [at, 0.035, bottom + tall]),
        ([at + wide, 0, bottom], [at + wide + edge, 0.035, bottom + tall]),
    ):
        blocks.turned_box(frame, low, high, 1)
    border = surfaces.matt("picture_frame", rng.choice([[0.02] * 3, [0.6] * 3, [0.3, 0.18, 0.08]]))
    blocks.build("picture", [surfaces.picture(rng), border], T)


def _wall_paint(rng: np.random.Generator) -> bpy.types.Material:
    paints = np.array(
        [
            [0.76, 0.74, 0.70],
            [0.70, 0.70, 0.70],
            [0.62, 0.66, 0.66],
            [0.70, 0.62, 0.50],
            [0.45, 0.52, 0.48],
            [0.36, 0.42, 0.50],
            [0.60, 0.47, 0.40],
            [0.74, 0.70, 0.58],
        ]
    )
    if rng.random() < 0.12:
        return surfaces.brick(np.array([0.32, 0.17, 0.12]) * rng.uniform(0.8, 1.3), rng)
    return surfaces.matt(
        "paint", paints[rng.integers(len(paints))] * rng.uniform(0.85, 1.05), 0.85, 0.02
    )


def _floor_and_ceiling(place: PlaceSpec, T: np.ndarray, rng: np.random.Generator) -> None:
    width, depth, height = place.size_m
    low = [-width / 2, -depth / 2, 0.0]
    floor, ceiling = Blocks(), Blocks()
    floor.rectangle(low, [width, 0, 0], [0, depth, 0], 0)
    floor.build("ground", [surfaces.floor_material(rng)], T)
    ceiling.rectangle([low[0], low[1], height], [width, 0, 0], [0, depth, 0], 0)
    ceiling.build("ceiling", [surfaces.matt("ceiling", np.full(3, rng.uniform(0.6, 0.8)), 0.9)], T)


def _lamps(place: PlaceSpec, T: np.ndarray, rng: np.random.Generator) -> None:
    """Flat ceiling lamps on a grid, warm or cool; one room in five has them off."""
    width, depth, height = place.size_m
    shape = np.maximum(np.round(np.array([width, depth]) / rng.uniform(2.0, 3.2)), 1).astype(int)
    warmth = rng.uniform(0, 1)
    colour = (1 - warmth) * np.array([1.0, 0.98, 0.96]) + warmth * np.array([1.0, 0.72, 0.45])
    off = rng.random() < 0.2
    radiance = np.exp(rng.uniform(np.log(4.0), np.log(14.0)))
    size = float(rng.uniform(0.25, 0.6))
    long = float(rng.choice([1.0, 1.0, 2.0]))
    lamps = Blocks()
    for i in range(shape[0]):
        for j in range(shape[1]):
            x = (i + 0.5) / shape[0] * width - width / 2
            y = (j + 0.5) / shape[1] * depth - depth / 2
            a, b = size * long / 2, size / 2
            lamps.box([x - a, y - b, height - 0.06], [x + a, y + b, height - 0.012], 1)
            corner = [x - a + 0.02, y - b + 0.02, height - 0.0605]
            lamps.rectangle(corner, [2 * a - 0.04, 0, 0], [0, 2 * b - 0.04, 0], 0)
    shade = surfaces.matt("lamp_body", (0.6, 0.6, 0.6), 0.5)
    light = surfaces.matt("lamp_off", (0.8, 0.8, 0.78)) if off else surfaces.lamp(colour * radiance)
    lamps.build("lamps", [light, shade], T)


def _muted(rng: np.random.Generator) -> np.ndarray:
    """A colour (3,) as things in rooms have them: rarely a pure one."""
    return rng.uniform(0.02, 0.5) * np.clip(1 + rng.normal(0, 0.4, 3), 0.25, 1.8)
