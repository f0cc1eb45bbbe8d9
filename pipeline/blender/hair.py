"""Hair strands as Blender curves, and their material."""

import bpy
import numpy as np

from pipeline.blender.nodes import bare_material, new_material
from pipeline.blender.passes import PART_ATTRIBUTE
from pipeline.blender.people import set_scalar

COLOURS = {
    "black": (0.009, 0.007, 0.006),
    "brown": (0.070, 0.034, 0.017),
    "auburn": (0.150, 0.046, 0.019),
    "blond": (0.400, 0.255, 0.120),
    "grey": (0.300, 0.295, 0.290),
}
ROOT_RADIUS_M = 0.00040
_TIP_SHARE = 0.5


def add_strands(
    name: str, strands: np.ndarray, instance: int, part: int, root_radius_m: float
) -> bpy.types.Object:
    """Curve object from strands (N, S, 3) world m, labelled as `part` of `instance`."""
    count, points, _ = strands.shape
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([points] * count)
    taper = np.linspace(root_radius_m, root_radius_m * _TIP_SHARE, points)
    set_scalar(curves, "radius", "POINT", np.tile(taper, count))
    set_scalar(curves, PART_ATTRIBUTE, "CURVE", np.full(count, part))
    thing = bpy.data.objects.new(name, curves)
    thing.pass_index = instance
    bpy.context.scene.collection.objects.link(thing)
    move_strands(thing, strands)
    return thing


def move_strands(thing: bpy.types.Object, strands: np.ndarray) -> None:
    """Replace all points of the strands (N, S, 3) world m."""
    position = thing.data.attributes["position"]
    position.data.foreach_set("vector", np.ascontiguousarray(strands, np.float32).ravel())
    thing.data.update_tag()


def hair_material(colour: np.ndarray, grey_share: float) -> bpy.types.Material:
    """Hair of a linear RGB colour (3,), varying from strand to strand; grey_share 0..1 is white."""
    material, graph, surface = bare_material("hair")
    shader = graph.add("BsdfHairPrincipled", parametrization="COLOR")
    strand = graph.add("HairInfo").outputs["Random"]
    tone = graph.ramp(strand, [(0.0, colour * 0.75), (0.5, colour), (1.0, colour * 1.3 + 0.004)])
    if grey_share > 0:
        white = graph.math("LESS_THAN", strand, grey_share)
        tone = graph.mix(white, tone, (0.52, 0.51, 0.50))
    graph.set(shader, "Color", tone)
    graph.set(shader, "Roughness", 0.42)
    # Below keratin's 1.55: without the strands' own scales the sheen of dark hair is too strong.
    graph.set(shader, "IOR", 1.45)
    graph.set(shader, "Radial Roughness", 0.45)
    graph.tree.links.new(shader.outputs[0], surface)
    return material


def hair_surface_material(colour: np.ndarray) -> bpy.types.Material:
    """A modelled surface of hair without pictures: streaks of a linear RGB colour (3,)."""
    material, graph, principled = new_material("hair_surface")
    place = graph.add("TexCoord").outputs["Object"]
    stretched = graph.add(
        "VectorMath", {0: place, 1: (700.0, 700.0, 25.0)}, operation="MULTIPLY"
    ).outputs[0]
    streaks = graph.noise(stretched, 1.0, 2.0)
    tone = graph.ramp(streaks, [(0.35, colour * 0.6), (0.65, colour * 1.4 + 0.004)])
    graph.set(principled, "Base Color", tone)
    graph.set(principled, "Roughness", 0.45)
    graph.set(principled, "Normal", graph.bump(streaks, 0.0015, 0.6))
    return material
