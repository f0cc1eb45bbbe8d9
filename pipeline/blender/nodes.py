"""Shader graphs in a few words: `graph.add(kind, inputs, **settings)` makes and wires a node."""

from collections.abc import Sequence

import bpy

Value = float | Sequence[float] | bpy.types.NodeSocket


class Graph:
    """The node tree of one material or world."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree

    def add(self, kind: str, inputs: dict | None = None, **settings) -> bpy.types.Node:
        """New node of type `ShaderNode<kind>`; an input is a constant or another node's socket."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            self.set(node, name, value)
        return node

    def set(self, node: bpy.types.Node, name: str | int, value: Value) -> None:
        """Link a socket to an input, or set the input's constant."""
        socket = node.inputs[name]
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif socket.type == "RGBA":
            socket.default_value = (*list(value)[:3], 1.0)
        elif socket.type == "VECTOR":
            socket.default_value = tuple(value)
        else:
            socket.default_value = value

    def attribute(self, name: str) -> bpy.types.Node:
        """A mesh attribute: outputs 'Fac', 'Vector', 'Color'."""
        return self.add("Attribute", attribute_name=name)

    def math(self, operation: str, a: Value, b: Value = 0.0, clamp: bool = False):
        """Scalar arithmetic; returns the output socket."""
        return self.add("Math", {0: a, 1: b}, operation=operation, use_clamp=clamp).outputs[0]

    def mix(self, factor: Value, a: Value, b: Value, blend: str = "MIX"):
        """Colour mix; returns the output socket."""
        node = self.add("Mix", data_type="RGBA", blend_type=blend, clamp_result=False)
        # The node has sockets of the same name per data type; those of colours come last.
        sockets = {s.name: s for s in node.inputs if s.enabled}
        for socket, value in ((sockets["Factor"], factor), (sockets["A"], a), (sockets["B"], b)):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            elif socket.type == "RGBA":
                socket.default_value = (*list(value)[:3], 1.0)
            else:
                socket.default_value = value
        return next(s for s in node.outputs if s.enabled)

    def noise(self, vector: Value, scale: float, detail: float = 2.0, roughness: float = 0.5):
        """Perlin noise in 0..1 (mean 0.5); returns the output socket."""
        inputs = {"Vector": vector, "Scale": scale, "Detail": detail, "Roughness": roughness}
        return self.add("TexNoise", inputs).outputs[0]

    def ramp(self, factor: Value, stops: list[tuple[float, Sequence[float]]], step: bool = False):
        """Colour by position; returns the output socket."""
        node = self.add("ValToRGB", {0: factor})
        band = node.color_ramp
        band.interpolation = "CONSTANT" if step else "LINEAR"
        while len(band.elements) < len(stops):
            band.elements.new(1.0)
        for element, (position, colour) in zip(band.elements, stops, strict=True):
            element.position = position
            element.color = (*list(colour)[:3], 1.0)
        return node.outputs[0]

    def remap(self, value: Value, old: tuple[float, float], new: tuple[float, float]):
        """Linear map of one range to another, clamped; returns the output socket."""
        inputs = {0: value, 1: old[0], 2: old[1], 3: new[0], 4: new[1]}
        return self.add("MapRange", inputs, clamp=True).outputs[0]

    def bump(self, height: Value, distance_m: float, strength: float):
        """Shading normal of a height field; returns the output socket."""
        inputs = {"Height": height, "Distance": distance_m, "Strength": strength}
        return self.add("Bump", inputs).outputs[0]


def new_material(name: str) -> tuple[bpy.types.Material, Graph, bpy.types.Node]:
    """A material with its graph and its Principled BSDF node."""
    material = bpy.data.materials.new(name)
    graph = Graph(material.node_tree)
    return material, graph, material.node_tree.nodes["Principled BSDF"]


def bare_material(name: str) -> tuple[bpy.types.Material, Graph, bpy.types.NodeSocket]:
    """A material without any shader, its graph, and the surface input to connect."""
    material, graph, principled = new_material(name)
    graph.tree.nodes.remove(principled)
    return material, graph, graph.tree.nodes["Material Output"].inputs["Surface"]
