"""Drawing on cloth: shapes and repeats in cloth coordinates, as sockets of a shader graph.

Lengths are metres. What is finer than the picture can show is left out: it would only be noise.
"""

from collections.abc import Sequence

import bpy
import numpy as np

from pipeline.blender.nodes import Graph, Value


class Canvas:
    """The cloth coordinates of one garment's material.

    u, v: along and across the thread (`cloth_point`). point: (u, v, 0). rest: place on the
    T-pose; x, y, z its parts. pixel_m: what a pixel of the picture covers of this garment.
    """

    def __init__(self, graph: Graph, pixel_m: float) -> None:
        self.graph = graph
        self.pixel_m = pixel_m
        self.point = cloth_point(graph)
        self.u, self.v, _ = graph.add("SeparateXYZ", {0: self.point}).outputs
        self.rest = graph.attribute("rest").outputs["Vector"]
        self.x, self.y, self.z = graph.add("SeparateXYZ", {0: self.rest}).outputs

    def shows(self, size_m: float) -> bool:
        """Whether something of this size can be told apart in the picture."""
        return size_m > 1.2 * self.pixel_m

    def fused(self, value: Value, factor: Value, offset: Value):
        """value * factor + offset."""
        inputs = {0: value, 1: factor, 2: offset}
        return self.graph.add("Math", inputs, operation="MULTIPLY_ADD").outputs[0]

    def wave(self, along: Value, period_m: float, phase: Value = 0.0):
        """Sine of one period per `period_m`, 0..1."""
        turned = self.fused(along, 2 * np.pi / period_m, phase)
        return self.fused(self.graph.math("SINE", turned), 0.5, 0.5)

    def ridge(self, along: Value, period_m: float):
        """Round ridges with sharp valleys, 0..1, one per `period_m`."""
        angle = self.graph.math("MULTIPLY", along, np.pi / period_m)
        return self.graph.math("ABSOLUTE", self.graph.math("SINE", angle))

    def bands(self, along: Value, period_m: float, share: float):
        """1 within a share of every period, else 0."""
        phase = self.graph.math("FRACT", self.graph.math("DIVIDE", along, period_m))
        return self.graph.math("LESS_THAN", phase, share)

    def line(self, distance: Value, half_width_m: float):
        """1 on a line where |distance| is 0, fading over half its width."""
        away = self.graph.math("ABSOLUTE", distance)
        return self.graph.remap(away, (0.5 * half_width_m, 1.5 * half_width_m), (1.0, 0.0))

    def dashes(self, distance: Value, along: Value, half_width_m: float, stitch_m: float = 0.0035):
        """A sewn line: dashes where they can be seen, else a fainter line."""
        line = self.line(distance, half_width_m)
        if not self.shows(stitch_m):
            return self.graph.math("MULTIPLY", line, 0.7)
        return self.graph.math("MULTIPLY", line, self.bands(along, stitch_m, 0.72))

    def box(self, u: Value, v: Value, centre: Sequence[float], half: Sequence[float]):
        """Signed distance to a rectangle's outline, negative inside."""
        graph = self.graph
        sides = [
            graph.math("SUBTRACT", graph.math("ABSOLUTE", graph.math("SUBTRACT", w, c)), h)
            for w, c, h in zip((u, v), centre, half, strict=True)
        ]
        return graph.math("MAXIMUM", *sides)

    def within(self, value: Value, low: float, high: float):
        """1 where low < value < high, else 0."""
        graph = self.graph
        above = graph.math("GREATER_THAN", value, low)
        return graph.math("MULTIPLY", above, graph.math("LESS_THAN", value, high))

    def union(self, *masks: Value):
        """The largest of some masks."""
        found = masks[0]
        for mask in masks[1:]:
            found = self.graph.math("MAXIMUM", found, mask)
        return found

    def cells(self, scale: float, randomness: float, vector: Value | None = None):
        """A Voronoi node with cells of 1 / scale m in cloth coordinates."""
        inputs = {"Vector": vector or self.point, "Scale": scale, "Randomness": randomness}
        return self.graph.add("TexVoronoi", inputs)


CLOTH_UV, BEHIND_UV = "cloth", "cloth_behind"
"""UV maps of the cloth coordinates, metres: as the front's, and as the back's."""


def cloth_point(graph: Graph) -> bpy.types.NodeSocket:
    """Cloth coordinates at a point: those of the front up to the side seam, behind it the back's.

    Choosing per point, not per face, keeps the seam straight across the mesh's triangles.
    """
    behind = graph.math("GREATER_THAN", graph.attribute("seam_side").outputs["Fac"], 0.0)
    front, back = (graph.add("UVMap", uv_map=name).outputs[0] for name in (CLOTH_UV, BEHIND_UV))
    node = graph.add("Mix", data_type="VECTOR")
    sockets = {socket.name: socket for socket in node.inputs if socket.enabled}
    for name, value in (("Factor", behind), ("A", front), ("B", back)):
        graph.tree.links.new(value, sockets[name])
    return next(socket for socket in node.outputs if socket.enabled)
