"""Amodal masks: everything of each person as if nothing were in front of it, in one render.

Every surface becomes transparent and adds 1 to its person's channel, so that a channel counts the
surfaces behind a pixel's centre. Three people share a colour channel of Cycles' own output.
"""

import bpy
import numpy as np

from pipeline.blender import session
from pipeline.blender.nodes import Graph, bare_material
from pipeline.blender.passes import captured, unlit

_MOST_SURFACES = 1024
"""Cycles' limit of transparent surfaces on one ray; people in hair and clothes have some dozens."""


def prepare(scene: bpy.types.Scene, people: int) -> bpy.types.Material:
    """Make the transparent override material and its channels. Call once per scene."""
    material, graph, surface = bare_material("amodal")
    graph.tree.links.new(graph.add("BsdfTransparent").outputs[0], surface)
    index = graph.add("ObjectInfo").outputs["Object Index"]
    for first in range(0, people, 3):
        channel = scene.view_layers[0].aovs.add()
        channel.name, channel.type = f"amodal_{first}", "COLOR"
        _count(graph, index, channel.name, first)
    return material


def _count(graph: Graph, index: bpy.types.NodeSocket, channel: str, first: int) -> None:
    mine = {}
    for k, axis in enumerate("XYZ"):
        compared = graph.add("Math", {0: index, 1: float(first + k + 1), 2: 0.5})
        compared.operation = "COMPARE"
        mine[axis] = compared.outputs[0]
    output = graph.tree.nodes.new("ShaderNodeOutputAOV")
    output.aov_name = channel
    graph.tree.links.new(graph.add("CombineXYZ", mine).outputs[0], output.inputs["Color"])


def render_amodal(scene: bpy.types.Scene, material: bpy.types.Material, people: int) -> np.ndarray:
    """Masks (P, H, W) bool of everybody visible in the scene now, hidden by others or not."""
    session.truth_settings(scene)
    layer, bounces = scene.view_layers[0], scene.cycles.transparent_max_bounces
    layer.material_override = material
    scene.cycles.transparent_max_bounces = _MOST_SURFACES
    try:
        with unlit(scene), captured() as raw, session.quiet():
            bpy.ops.render.render()
    finally:
        layer.material_override = None
        scene.cycles.transparent_max_bounces = bounces
    return np.stack([raw[f"amodal_{k // 3 * 3}"][..., k % 3] > 0.5 for k in range(people)])
