"""Materials of procedural places: paint, plaster, brick, floors, ground, glass and lamps."""

import bpy
import numpy as np

from pipeline.blender.nodes import Graph, bare_material, new_material

_GROUNDS = {
    # linear RGB, how much it varies over metres and over millimetres, paving stones (m) or none
    "asphalt": ((0.055, 0.055, 0.058), 0.25, 0.5, None),
    "concrete": ((0.27, 0.26, 0.245), 0.25, 0.2, (2.5, 2.5)),
    "paving": ((0.24, 0.22, 0.20), 0.3, 0.25, (0.6, 0.4)),
    "cobbles": ((0.17, 0.16, 0.155), 0.3, 0.4, (0.16, 0.12)),
    "gravel": ((0.25, 0.235, 0.21), 0.25, 0.8, None),
    "sand": ((0.42, 0.33, 0.23), 0.2, 0.3, None),
    "earth": ((0.145, 0.105, 0.07), 0.4, 0.5, None),
    "lawn": ((0.055, 0.075, 0.028), 0.4, 0.9, None),
}
_GROWN_OVER = {
    "gravel": (0.10, 0.11, 0.05),
    "sand": (0.22, 0.20, 0.10),
    "earth": (0.08, 0.10, 0.035),
    "lawn": (0.14, 0.13, 0.05),
    "asphalt": (0.085, 0.082, 0.078),
}
"""What grows on (or wears) a ground in patches of some metres: linear RGB."""

HARD_GROUNDS = ("asphalt", "concrete", "paving", "cobbles")
OPEN_GROUNDS = ("asphalt", "gravel", "sand", "earth", "lawn", "concrete")


def ground_material(kind: str, rng: np.random.Generator) -> bpy.types.Material:
    """Ground of a kind of HARD_GROUNDS or OPEN_GROUNDS, in true size from object coordinates."""
    colour, patches, grain, stones = _GROUNDS[kind]
    tint = np.array(colour) * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    material, graph, surface = bare_material(f"ground_{kind}")
    place = graph.add("TexCoord").outputs["Object"]
    broad = graph.noise(place, float(rng.uniform(0.25, 0.6)), detail=3.0)
    blades = kind == "lawn"
    fine = graph.noise(place, 1.0 / (0.04 if blades else 0.012), 5.0 if blades else 2.0, 0.75)
    tone = graph.math("MULTIPLY_ADD", broad, 2 * patches)
    tone.node.inputs[2].default_value = 1.0 - patches
    speckle = graph.math("MULTIPLY_ADD", fine, 2 * grain)
    speckle.node.inputs[2].default_value = 1.0 - grain
    shade = graph.math("MULTIPLY", tone, speckle)
    shades = graph.add("CombineXYZ", {0: shade, 1: shade, 2: shade}).outputs[0]
    result = graph.mix(1.0, tint, shades, "MULTIPLY")
    if kind in _GROWN_OVER:
        growth = graph.noise(place, float(rng.uniform(0.08, 0.25)), detail=6.0, roughness=0.65)
        where = graph.remap(
            growth, (0.5, 0.5 + rng.uniform(0.06, 0.2)), (0.0, rng.uniform(0.4, 0.9))
        )
        green = np.array(_GROWN_OVER[kind]) * np.exp(rng.normal(0, 0.15, 3))
        patch = graph.mix(1.0, green, shades, "MULTIPLY")
        result = graph.mix(where, result, patch)
    if stones:
        result = graph.mix(1.0, result, _joints(graph, place, stones, rng), "MULTIPLY")
    shader = graph.add("BsdfDiffuse", {"Color": result})
    graph.tree.links.new(shader.outputs[0], surface)
    return material


def _joints(graph: Graph, place, stones: tuple[float, float], rng) -> bpy.types.NodeSocket:
    """Paving stones as a colour around 1."""
    turned = graph.add("Mapping", {"Vector": place, "Rotation": (0, 0, rng.uniform(0, np.pi))})
    contrast = float(rng.uniform(0.05, 0.2))
    return graph.add(
        "TexBrick",
        {
            "Vector": turned.outputs[0],
            "Color1": (1 - contrast,) * 3,
            "Color2": (1 + contrast,) * 3,
            "Mortar": (0.45,) * 3,
            "Scale": 1.0,
            "Mortar Size": 0.006,
            "Mortar Smooth": 0.3,
            "Brick Width": stones[0],
            "Row Height": stones[1],
        },
        offset=float(rng.choice([0.0, 0.5])),
    ).outputs["Color"]


def matt(name: str, colour, roughness: float = 0.8, uneven: float = 0.0) -> bpy.types.Material:
    """Paint or plaster of a linear RGB colour (3,), uneven by a share of it."""
    material, graph, principled = new_material(name)
    colour = np.asarray(colour, float)
    if uneven:
        place = graph.add("TexCoord").outputs["Object"]
        noise = graph.noise(place, 0.8, detail=5.0, roughness=0.6)
        result = graph.ramp(noise, [(0.3, colour * (1 - uneven)), (0.7, colour * (1 + uneven))])
        graph.set(principled, "Base Color", result)
    else:
        graph.set(principled, "Base Color", colour)
    graph.set(principled, "Roughness", roughness)
    return material


def stone(colour) -> bpy.types.Material:
    """Weathered rock of a linear RGB colour (3,)."""
    material = matt("rock", colour, 0.95, uneven=0.35)
    graph = Graph(material.node_tree)
    place = graph.add("TexCoord").outputs["Object"]
    rough = graph.noise(place, 5.0, detail=8.0, roughness=0.7)
    bumped = graph.bump(rough, 0.12, 1.0)
    graph.set(material.node_tree.nodes["Principled BSDF"], "Normal", bumped)
    return material


def brick(colour, rng: np.random.Generator) -> bpy.types.Material:
    """A brick wall in true size, in the texture coordinates of `Blocks` (m)."""
    material, graph, principled = new_material("brick")
    colour = np.asarray(colour, float)
    uv = graph.add("UVMap", uv_map="UVMap").outputs[0]
    bricks = graph.add(
        "TexBrick",
        {
            "Vector": uv,
            "Color1": colour * 0.75,
            "Color2": colour * 1.2,
            "Mortar": np.clip(colour * 0.3 + 0.22, 0, 1),
            "Scale": 1.0,
            "Mortar Size": 0.006,
            "Brick Width": 0.22,
            "Row Height": 0.075,
        },
        offset=0.5,
    ).outputs["Color"]
    graph.set(principled, "Base Color", bricks)
    graph.set(principled, "Roughness", float(rng.uniform(0.7, 0.95)))
    return material


def pane(name: str = "pane") -> bpy.types.Material:
    """Window glass seen from outside by day: dark, and it mirrors the sky."""
    material, graph, principled = new_material(name)
    graph.set(principled, "Base Color", (0.012, 0.016, 0.02))
    graph.set(principled, "Roughness", 0.06)
    graph.set(principled, "IOR", 1.5)
    return material


def lamp(radiance, name: str = "lamp") -> bpy.types.Material:
    """A surface that shines with a linear RGB radiance (3,)."""
    material, graph, surface = bare_material(name)
    radiance = np.asarray(radiance, float)
    strength = float(radiance.max())
    emission = graph.add("Emission", {"Color": radiance / strength, "Strength": strength})
    graph.tree.links.new(emission.outputs[0], surface)
    return material


def picture(rng: np.random.Generator) -> bpy.types.Material:
    """An abstract painting of three colours."""
    material, graph, principled = new_material("picture")
    place = graph.add("TexCoord").outputs["Object"]
    moved = graph.add("Mapping", {"Vector": place, "Location": tuple(rng.uniform(-50, 50, 3))})
    field = graph.noise(moved.outputs[0], float(rng.uniform(1.5, 5.0)), detail=3.0)
    grey = rng.uniform(0.04, 0.6, (4, 1))
    colours = grey * np.clip(1 + rng.normal(0, 0.35, (4, 3)), 0.2, 1.8)
    stops = list(zip((0.2, 0.42, 0.55, 0.75), colours, strict=True))
    graph.set(principled, "Base Color", graph.ramp(field, stops, step=bool(rng.random() < 0.5)))
    graph.set(principled, "Roughness", 0.5)
    return material


def floor_material(rng: np.random.Generator) -> bpy.types.Material:
    """Indoor floor: boards, tiles, or a carpet."""
    from pipeline.blender.world import boards

    kind = str(rng.choice(["wood", "wood", "tiles", "carpet"]))
    wood = np.array([[0.30, 0.18, 0.09], [0.42, 0.29, 0.17], [0.16, 0.09, 0.05]])
    colour = {
        "wood": wood[rng.integers(3)],
        "tiles": np.full(3, rng.uniform(0.18, 0.6)) * [1.0, 0.97, 0.92],
        "carpet": np.clip(np.full(3, rng.uniform(0.08, 0.4)) * rng.uniform(0.88, 1.12, 3), 0, 0.8),
    }[kind]
    material, graph, principled = new_material(f"floor_{kind}")
    if kind == "carpet":
        place = graph.add("TexCoord").outputs["Object"]
        pile = graph.noise(place, 220.0, detail=2.0)
        result = graph.ramp(pile, [(0.3, colour * 0.7), (0.7, colour * 1.25)])
    else:
        result = graph.mix(1.0, colour, boards(graph, rng, kind == "tiles"), "MULTIPLY")
    graph.set(principled, "Base Color", result)
    roughness = {"wood": (0.25, 0.55), "tiles": (0.12, 0.4), "carpet": (0.95, 1.0)}[kind]
    graph.set(principled, "Roughness", float(rng.uniform(*roughness)))
    return material


def foliage(colour, distance_m: float) -> bpy.types.Material:
    """Trees so far away that only light and dark patches are left."""
    material, graph, surface = bare_material("foliage")
    place = graph.add("TexCoord").outputs["Object"]
    # Crowns some metres wide, and leaves as fine as a pixel may see at that distance.
    clumps = graph.noise(place, 60.0 / distance_m, detail=9.0, roughness=0.72)
    colour = np.asarray(colour, float)
    stops = [(0.38, colour * 0.5), (0.5, colour), (0.62, colour * [1.5, 1.4, 1.3])]
    tone = graph.ramp(clumps, stops)
    shader = graph.add("BsdfDiffuse", {"Color": tone})
    graph.tree.links.new(shader.outputs[0], surface)
    return material
