"""One garment's material: a fabric (or the user's pictures), wear and sewing put together.

Everything is drawn in the cloth's own coordinates (`pipeline.blender.sewing`), so it moves with it.
"""

import bpy
import numpy as np

from pipeline.blender.drawing import CLOTH_UV, Canvas
from pipeline.blender.fabric_prints import Dye, Prints
from pipeline.blender.fabric_weaves import WEAVES
from pipeline.blender.fabrics import Fabric
from pipeline.blender.nodes import Graph, new_material
from pipeline.blender.picture_materials import picture_material
from pipeline.blender.seam_lines import Sewn, sew
from pipeline.blender.texture_folders import Pictures

_BRASS = np.array([0.34, 0.27, 0.16])
_HORN = np.array([0.16, 0.12, 0.09])
_DENIM_THREAD = np.array([0.30, 0.16, 0.05])
_HARDWARE_ON = ("twill", "grain", "smooth", "quilt")
"""Weaves whose buttons and zips are of metal; others have buttons of horn."""


def cloth_material(
    kind: str,
    fabric: Fabric,
    dye: Dye,
    rest: np.ndarray,
    pixel_m: float,
    rng: np.random.Generator,
) -> bpy.types.Material:
    """Material of a garment of a procedural fabric.

    rest: (N, 3) m, T-pose. pixel_m: what a pixel covers of the garment; finer detail is left out.
    """
    material, graph, principled = new_material(f"{kind}_{fabric.print}_{fabric.weave}")
    canvas, finish = Canvas(graph, pixel_m), fabric.finish
    colour = getattr(Prints(canvas, dye, rng), fabric.print)()
    worn = graph.remap(graph.noise(canvas.rest, 5.0, 4.0), (0.3, 0.7), (0.88, 1.08))
    colour = _shaded(graph, colour, [worn])
    crumple = graph.noise(canvas.rest, 24.0, 3.0, 0.55)
    normal = graph.bump(crumple, finish.crumple_m, 0.35)
    graph.set(principled, "Roughness", finish.roughness)
    graph.set(principled, "Specular IOR Level", finish.specular)
    graph.set(principled, "Sheen Weight", finish.sheen)
    graph.set(principled, "Sheen Roughness", 0.4)
    sewn = sew(kind, fabric.weave, canvas, rest)
    heights = WEAVES[fabric.weave](canvas)
    thread = _thread_colour(fabric, dye.base)
    metal = fabric.weave in _HARDWARE_ON
    _sew_on(canvas, principled, sewn, colour, normal, heights, thread, metal)
    return material


def pictured_material(
    kind: str, pictures: Pictures, rest: np.ndarray, pixel_m: float
) -> bpy.types.Material:
    """Material of a garment that we cut, from a user's tileable pictures, with our sewing."""
    material = picture_material(pictures, "", CLOTH_UV)
    graph, principled = Graph(material.node_tree), material.node_tree.nodes["Principled BSDF"]
    canvas = Canvas(graph, pixel_m)
    colour, normal = (
        principled.inputs[name].links[0].from_socket if principled.inputs[name].links else None
        for name in ("Base Color", "Normal")
    )
    dark = np.array([0.05, 0.05, 0.05])
    sewn = sew(kind, "twill", canvas, rest)
    _sew_on(canvas, principled, sewn, colour, normal, [], dark, metal=True)
    return material


def _thread_colour(fabric: Fabric, base: np.ndarray) -> np.ndarray:
    """Sewing thread: ochre on blue denim, else a shade off the cloth."""
    if fabric.print == "denim" and base[2] > 1.5 * base[0]:
        return _DENIM_THREAD
    return base * 1.5 + 0.02 if base.mean() < 0.15 else base * 0.6


def _sew_on(
    canvas: Canvas,
    principled: bpy.types.Node,
    sewn: Sewn,
    colour,
    normal,
    heights: list,
    thread: np.ndarray,
    metal: bool,
) -> None:
    """Lay the sewing over a cloth's colour and relief, and connect both to the shader.

    heights: (socket, depth in m) of the weave.
    """
    graph = canvas.graph
    colour = _shaded(graph, colour, sewn.shade)
    if sewn.thread:
        colour = graph.mix(graph.math("MULTIPLY", canvas.union(*sewn.thread), 0.8), colour, thread)
    if sewn.metal:
        hard = canvas.union(*sewn.metal)
        colour = graph.mix(hard, colour, _BRASS if metal else _HORN)
        if metal:
            graph.set(principled, "Metallic", graph.math("MULTIPLY", hard, 0.9))
    graph.set(principled, "Base Color", colour)
    heights = [*sewn.relief, *heights]
    if sewn.rib and canvas.shows(0.005):
        ribs = graph.math("MULTIPLY", canvas.ridge(canvas.u, 0.005), canvas.union(*sewn.rib))
        heights.append((ribs, 0.0014))
    if heights:
        total = 0.0
        for height, depth_m in heights:
            total = canvas.fused(height, depth_m, total)
        # The field is in metres already.
        inputs = {"Height": total, "Distance": 1.0, "Strength": 0.8}
        inputs |= {"Normal": normal} if normal else {}
        normal = graph.add("Bump", inputs).outputs[0]
    if normal:
        graph.set(principled, "Normal", normal)


def _shaded(graph: Graph, colour, factors: list):
    """A colour times scalar factors."""
    if not factors:
        return colour
    total = factors[0]
    for factor in factors[1:]:
        total = graph.math("MULTIPLY", total, factor)
    grey = graph.add("CombineColor", {0: total, 1: total, 2: total}).outputs[0]
    return graph.mix(1.0, colour, grey, "MULTIPLY")
