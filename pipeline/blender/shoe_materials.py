"""What shoes are made of: leather, suede or canvas with a sole; sandals of straps."""

from dataclasses import dataclass

import bpy
import numpy as np

from pipeline.blender.nodes import new_material

_PALE_SOLE = np.array([0.56, 0.55, 0.53])
_DARK_SOLE = np.array([0.020, 0.018, 0.016])
_GUM_SOLE = np.array([0.230, 0.120, 0.055])


@dataclass(frozen=True)
class _Make:
    """leather: share of shoes of this kind in leather, the rest is canvas. soles: their shares
    (pale, dark, gum) on leather."""

    leather: float
    soles: tuple[float, float, float]


_MAKES = {
    "sneaker": _Make(0.45, (0.55, 0.25, 0.20)),
    "high_top": _Make(0.35, (0.70, 0.20, 0.10)),
    "boot": _Make(1.0, (0.0, 0.75, 0.25)),
    "loafer": _Make(1.0, (0.0, 0.85, 0.15)),
    "flat": _Make(0.75, (0.0, 0.80, 0.20)),
    "sandal": _Make(1.0, (0.0, 0.60, 0.40)),
}


def shoe_dye(style: str, rng: np.random.Generator) -> str:
    """The use of `palette.COLOURS` that a pair of this style is dyed from."""
    make = _MAKES.get(style, _MAKES["sneaker"])
    return "leather" if rng.random() < make.leather else "canvas"


def shoe_material(
    style: str, dye: str, upper: np.ndarray, rng: np.random.Generator
) -> bpy.types.Material:
    """Material of a pair; reads the attributes `rest` and `sole` (1 on the sole and on laces).

    dye: "leather" or "canvas". upper: linear RGB (3,).
    """
    material, graph, principled = new_material(f"shoe_{style}")
    rest = graph.attribute("rest").outputs["Vector"]
    leather = dye == "leather"
    shares = _MAKES.get(style, _MAKES["sneaker"]).soles if leather else (0.85, 0.10, 0.05)
    sole = (_PALE_SOLE, _DARK_SOLE, _GUM_SOLE)[int(rng.choice(3, p=shares))]
    suede = leather and rng.random() < 0.3
    scuffs = graph.noise(rest, 70.0, 4.0, 0.7)
    upper_colour = graph.ramp(scuffs, [(0.35, upper * 0.8), (0.7, np.minimum(upper * 1.15, 0.75))])
    dirt = graph.remap(scuffs, (0.4, 0.75), (0.0, 0.45))
    sole_colour = graph.mix(dirt, sole, sole * 0.5 + [0.02, 0.016, 0.012])
    edge = graph.math("GREATER_THAN", graph.attribute("sole").outputs["Fac"], 0.5)
    graph.set(principled, "Base Color", graph.mix(edge, upper_colour, sole_colour))
    polished = 0.38 if leather and not suede else 0.85
    graph.set(principled, "Roughness", graph.remap(edge, (0, 1), (polished, 0.75)))
    graph.set(principled, "Specular IOR Level", 0.4 if polished < 0.5 else 0.2)
    graph.set(principled, "Sheen Weight", 0.3 if suede else 0.0)
    grain = graph.noise(rest, 380.0 if leather else 600.0, 3.0)
    graph.set(principled, "Normal", graph.bump(grain, 0.0008, 0.3))
    return material
