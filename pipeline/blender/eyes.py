"""Eyes, teeth and tongue."""

import bpy
import numpy as np

from pipeline.blender.nodes import new_material

IRIS = {
    "brown": (0.130, 0.060, 0.024),
    "dark": (0.034, 0.017, 0.009),
    "hazel": (0.160, 0.100, 0.034),
    "green": (0.105, 0.130, 0.058),
    "blue": (0.110, 0.180, 0.270),
}


def eye_material(iris: str) -> bpy.types.Material:
    """Eyeball with pupil, iris and sclera; reads the attribute `eyeball` (sideways, up, back)."""
    material, graph, principled = new_material("eye")
    place = graph.attribute("eyeball").outputs["Vector"]
    axes = graph.add("SeparateXYZ", {0: place}).outputs
    radius = graph.math(
        "SQRT",
        graph.math(
            "ADD",
            graph.math("MULTIPLY", axes[0], axes[0]),
            graph.math("MULTIPLY", axes[1], axes[1]),
        ),
    )
    colour = np.array(IRIS[iris])
    sclera = (0.50, 0.455, 0.43)
    rings = graph.ramp(
        radius,
        [
            (0.145, (0.004, 0.004, 0.004)),
            (0.165, colour * 0.75),
            (0.26, colour * 1.25),
            (0.365, colour * 0.55),
            (0.405, colour * 0.22),
            (0.445, sclera),
            (0.95, np.array(sclera) * [0.9, 0.72, 0.68]),
        ],
    )
    # The upper lid and its lashes keep sky light off the top of the ball.
    lid = graph.remap(axes[1], (0.10, 0.46), (1.0, 0.42))
    shade = graph.add("CombineColor", {0: lid, 1: lid, 2: lid}).outputs[0]
    graph.set(principled, "Base Color", graph.mix(1.0, rings, shade, "MULTIPLY"))
    graph.set(principled, "Roughness", 0.25)
    graph.set(principled, "Coat Weight", 1.0)
    graph.set(principled, "Coat Roughness", 0.03)
    graph.set(principled, "Coat IOR", 1.376)
    return material


def teeth_material() -> bpy.types.Material:
    """Enamel."""
    material, graph, principled = new_material("teeth")
    graph.set(principled, "Base Color", (0.56, 0.50, 0.41))
    graph.set(principled, "Roughness", 0.3)
    return material


def tongue_material() -> bpy.types.Material:
    """Wet flesh."""
    material, graph, principled = new_material("tongue")
    graph.set(principled, "Base Color", (0.36, 0.10, 0.085))
    graph.set(principled, "Roughness", 0.4)
    return material
