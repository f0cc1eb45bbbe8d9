"""Procedural places under a procedural sky: open ground with a far tree line, and plazas between
buildings."""

import bpy
import numpy as np

from pipeline.blender import surfaces
from pipeline.blender.blocks import Blocks, Hole
from pipeline.blender.people import new_mesh
from pipeline.scene import PlaceSpec

_WALL, _PANE, _TRIM = 0, 1, 2
_HORIZON_M = 1500.0
_STOREY_M = (3.0, 3.8)
_SHOP_M = (3.6, 4.6)


def add_field(place: PlaceSpec, rng: np.random.Generator) -> None:
    """Open ground to the horizon, with trees far away."""
    kind = str(rng.choice(surfaces.OPEN_GROUNDS))
    _ground(place, surfaces.ground_material(kind, rng))
    _treeline(place, rng)
    if kind != "asphalt":
        _boulders(place, rng)


def add_plaza(place: PlaceSpec, rng: np.random.Generator) -> None:
    """A paved rectangle with buildings on three or four sides, open at some corners."""
    kind = str(rng.choice(surfaces.HARD_GROUNDS))
    _ground(place, surfaces.ground_material(kind, rng))
    _treeline(place, rng)
    width, depth, _ = place.size_m
    half = np.array([width, depth]) / 2
    sides = [
        ([-half[0], half[1]], [1, 0], width),
        ([half[0], half[1]], [0, -1], depth),
        ([half[0], -half[1]], [-1, 0], width),
        ([-half[0], -half[1]], [0, 1], depth),
    ]
    missing = int(rng.integers(4)) if rng.random() < 0.6 else -1
    for number, (start, along, length) in enumerate(sides):
        if number != missing:
            _row(place, np.array(start, float), np.array(along, float), length, rng)


def _ground(place: PlaceSpec, material: bpy.types.Material) -> None:
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    rim = np.stack([np.cos(angle), np.sin(angle), np.zeros(96)], axis=1) * _HORIZON_M
    vertices = np.concatenate([[[0, 0, 0]], rim]) + [place.x_m, place.y_m, 0.0]
    faces = np.stack([np.zeros(96, int), np.arange(1, 97), np.roll(np.arange(1, 97), -1)], axis=1)
    ground = new_mesh("ground", vertices, faces, smooth=False)
    ground.data.materials.append(material)


def _treeline(place: PlaceSpec, rng: np.random.Generator) -> None:
    """Woods around the horizon: a ragged ring, pale with distance."""
    distance_m, count = float(rng.uniform(70, 220)), 1400
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    crowns = np.zeros(count)
    for waves, amount in ((5, 0.5), (17, 0.35), (60, 0.25), (180, 0.25), (420, 0.2), (1400, 0.12)):
        knots = rng.uniform(-1, 1, waves)
        crowns += amount * np.interp(
            angle, np.linspace(0, 2 * np.pi, waves + 1), np.append(knots, knots[0])
        )
    height_m = np.clip(distance_m * rng.uniform(0.03, 0.06) * (1 + 0.7 * crowns), 0.5, None)
    far = distance_m * (1 + 0.1 * np.sin(3 * angle + rng.uniform(0, 6)))
    middle = np.array([place.x_m, place.y_m])
    foot = np.column_stack(
        [middle + far[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros(count)]
    )
    vertices = np.concatenate([foot, foot + height_m[:, None] * [0, 0, 1]])
    a, b = np.arange(count), np.roll(np.arange(count), -1)
    faces = np.stack([a, b, b + count, a + count], axis=1)
    leaves = np.array([[0.045, 0.07, 0.03], [0.07, 0.08, 0.03], [0.03, 0.05, 0.028]])
    haze = np.clip(distance_m / 500, 0, 0.5)
    colour = leaves[rng.integers(3)] * (1 - haze) + np.array([0.22, 0.24, 0.25]) * haze
    trees = new_mesh("treeline", vertices, faces, smooth=True)
    trees.data.materials.append(surfaces.foliage(colour, distance_m))


def _boulders(place: PlaceSpec, rng: np.random.Generator) -> None:
    """Stones and low shrubs around, none nearer than the rectangle that people and camera need."""
    rock = surfaces.stone(np.full(3, rng.uniform(0.08, 0.3)) * [1, 0.96, 0.9])
    leaves = surfaces.foliage(np.array([0.06, 0.08, 0.03]) * rng.uniform(0.7, 1.5), 8.0)
    free_m = np.hypot(*place.size_m[:2]) / 2
    for k in range(int(rng.integers(8, 40))):
        angle = rng.uniform(0, 2 * np.pi)
        away = free_m + 1.5 + float(rng.gamma(1.6, 9.0))
        size = float(np.exp(rng.normal(-1.1, 0.6))) * (1 if k % 2 else 1.6)
        at = [place.x_m + away * np.cos(angle), place.y_m + away * np.sin(angle), 0.0]
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=1.0)
        thing = bpy.context.object
        points = np.array([v.co for v in thing.data.vertices])
        lumps = np.zeros(len(points))
        for _ in range(14):
            toward = rng.normal(size=3)
            wave = rng.uniform(1.5, 9.0) * points @ (toward / np.linalg.norm(toward))
            lumps += np.sin(wave + rng.uniform(0, 6)) * 0.06
        points *= (1 + lumps * (1 if k % 2 else 1.7))[:, None]
        squash = np.array([1.0, rng.uniform(0.7, 1.0), rng.uniform(0.45, 0.9)])
        points = points * squash * size + at
        thing.data.vertices.foreach_set("co", points.astype(np.float32).ravel())
        thing.data.polygons.foreach_set("use_smooth", np.ones(len(thing.data.polygons), bool))
        thing.data.materials.append(rock if k % 2 else leaves)


def _row(
    place: PlaceSpec, start: np.ndarray, along: np.ndarray, length: float, rng: np.random.Generator
) -> None:
    """Buildings side by side along one side of the plaza, facing inwards, some set back."""
    outwards = np.array([-along[1], along[0]])
    at = -float(rng.uniform(0, 6))
    while at < length + 4:
        width = float(rng.uniform(7, 16))
        back = float(rng.choice([0.0, 0.0, rng.uniform(0.3, 3.0)]))
        corner = start + at * along + back * outwards
        _building(place, corner, along, outwards, width, rng)
        at += width + float(rng.choice([0.0, 0.0, rng.uniform(2.0, 5.0)]))


def _building(place: PlaceSpec, corner, along, outwards, width: float, rng) -> None:
    """A block with shops below, rows of windows and a cornice, seen from its inner face."""
    shop, storey = rng.uniform(*_SHOP_M), rng.uniform(*_STOREY_M)
    storeys = int(rng.integers(2, 7))
    height, deep = shop + storeys * storey, float(rng.uniform(8, 14))
    windows, doors = _openings(width, shop, storey, storeys, rng)
    front = Blocks()
    front.wall(
        [0, 0, 0], [width, 0, 0], height, windows + doors, _WALL, np.array([0, 0.18, 0]), _TRIM
    )
    for hole in windows + doors:
        _glaze(front, hole)
    for left, bottom, right, _ in windows:
        front.box([left - 0.08, -0.1, bottom - 0.07], [right + 0.08, 0.05, bottom], _TRIM)
    front.box([0, 0.19, 0], [width, deep, height], _WALL)
    front.box([-0.05, -0.25, height], [width + 0.05, deep, height + 0.35], _TRIM)
    front.box([0, -0.06, shop * 0.86], [width, 0.02, shop * 0.86 + 0.22], _TRIM)
    frame = np.zeros((3, 4))
    frame[:2, 0], frame[:2, 1], frame[2, 2], frame[:2, 3] = along, outwards, 1, corner
    blocks = Blocks()
    blocks.include(front, frame)
    materials = [_facade(rng), surfaces.pane(), _trim(rng)]
    blocks.build("building", materials, place.T_world_place())


def _openings(
    width: float, shop: float, storey: float, storeys: int, rng: np.random.Generator
) -> tuple[list[Hole], list[Hole]]:
    """Windows of the upper floors, and shop windows with a door now and then."""
    bays = max(int(width / rng.uniform(2.2, 3.2)), 2)
    bay = width / bays
    wide, tall = bay * rng.uniform(0.38, 0.6), storey * rng.uniform(0.45, 0.62)
    windows = []
    for row in range(storeys):
        bottom = shop + (row + 0.22) * storey
        for k in range(bays):
            left = (k + 0.5) * bay - wide / 2
            windows.append((left, bottom, left + wide, bottom + tall))
    doors = [
        (k * bay + 0.25, 0.05 if k % 3 == 1 else 0.6, (k + 1) * bay - 0.25, shop * 0.8)
        for k in range(bays)
    ]
    return windows, doors


def _glaze(front: Blocks, hole: Hole) -> None:
    """A pane in its frame, with a bar in the middle, 16 cm inside the wall."""
    left, bottom, right, top = hole
    front.rectangle([left, 0.16, bottom], [right - left, 0, 0], [0, 0, top - bottom], _PANE)
    bar, middle = 0.035, (left + right) / 2
    front.box([middle - bar, 0.10, bottom], [middle + bar, 0.17, top], _TRIM)
    for edge in (left, right - 2 * bar):
        front.box([edge, 0.08, bottom], [edge + 2 * bar, 0.17, top], _TRIM)
    for edge in (bottom, top - 2 * bar):
        front.box([left, 0.08, edge], [right, 0.17, edge + 2 * bar], _TRIM)


def _facade(rng: np.random.Generator) -> bpy.types.Material:
    plaster = np.array(
        [
            [0.55, 0.50, 0.42],
            [0.62, 0.55, 0.40],
            [0.50, 0.34, 0.25],
            [0.45, 0.46, 0.45],
            [0.66, 0.64, 0.60],
            [0.42, 0.30, 0.26],
            [0.36, 0.40, 0.42],
            [0.58, 0.45, 0.33],
        ]
    )
    if rng.random() < 0.35:
        red = np.array([[0.22, 0.09, 0.06], [0.30, 0.15, 0.09], [0.34, 0.27, 0.19]])
        return surfaces.brick(red[rng.integers(3)] * rng.uniform(0.8, 1.2), rng)
    colour = plaster[rng.integers(len(plaster))] * rng.uniform(0.75, 1.1)
    return surfaces.matt("plaster", colour, 0.9, uneven=0.12)


def _trim(rng: np.random.Generator) -> bpy.types.Material:
    colour = np.full(3, rng.choice([0.04, 0.35, 0.6])) * rng.uniform(0.8, 1.1, 3)
    return surfaces.matt("trim", np.clip(colour, 0, 0.75), 0.6)


BUILDERS = {"field": add_field, "plaza": add_plaza}
"""What builds a place of each kind that has a sky."""
