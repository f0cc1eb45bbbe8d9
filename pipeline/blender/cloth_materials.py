"""Fabrics: procedural patterns drawn in the cloth's own rest coordinates, so they move with it.

Every material reads the mesh attributes `rest` (T-pose position, m) and `side` (1 where the cloth
faces sideways in the T-pose): patterns run across the front, then change at the side seam.
"""

import bpy
import numpy as np

from pipeline.blender import palette
from pipeline.blender.nodes import Graph, new_material

_PATTERNS = {
    "tshirt": {"plain": 0.40, "heather": 0.15, "stripes": 0.20, "graphic": 0.25},
    "longsleeve": {"plain": 0.30, "knit": 0.25, "stripes": 0.15, "plaid": 0.20, "heather": 0.10},
    "tank": {"plain": 0.6, "heather": 0.4},
    "trousers": {"denim": 0.45, "plain": 0.40, "heather": 0.15},
    "shorts": {"denim": 0.30, "plain": 0.60, "plaid": 0.10},
    "skirt": {"plain": 0.45, "plaid": 0.20, "floral": 0.20, "denim": 0.15},
    "dress": {"floral": 0.40, "plain": 0.30, "dots": 0.20, "stripes": 0.10},
}
_ANY = {"plain": 0.6, "heather": 0.25, "plaid": 0.15}


def choose_pattern(kind: str, rng: np.random.Generator) -> str:
    """A pattern that garments of this kind have."""
    table = _PATTERNS.get(kind, _ANY)
    return str(rng.choice(list(table), p=list(table.values())))


def cloth_material(
    pattern: str,
    base: np.ndarray,
    accent: np.ndarray,
    chest: np.ndarray,
    rng: np.random.Generator,
) -> bpy.types.Material:
    """Material of one garment.

    base, accent: linear RGB (3,). chest: (3,) rest position where a print is centred.
    """
    material, graph, principled = new_material(f"cloth_{pattern}")
    cloth = _Cloth(graph, rng)
    colour = getattr(cloth, pattern)(base, accent, chest)
    worn = graph.remap(graph.noise(cloth.rest, 5.0, 4.0), (0.3, 0.7), (0.88, 1.08))
    shade = graph.add("CombineColor", {0: worn, 1: worn, 2: worn}).outputs[0]
    graph.set(principled, "Base Color", graph.mix(1.0, colour, shade, "MULTIPLY"))
    graph.set(principled, "Roughness", 0.82)
    graph.set(principled, "Specular IOR Level", 0.2)
    graph.set(principled, "Sheen Weight", 0.12)
    graph.set(principled, "Sheen Roughness", 0.4)
    crumple = graph.bump(graph.noise(cloth.rest, 24.0, 3.0, 0.55), 0.010, 0.35)
    weave = graph.add(
        "Bump",
        {"Height": cloth.weave(pattern), "Distance": 0.0012, "Strength": 0.3, "Normal": crumple},
    ).outputs[0]
    graph.set(principled, "Normal", weave)
    return material


class _Cloth:
    """The patterns. Each method returns a colour socket for (base, accent, chest)."""

    def __init__(self, graph: Graph, rng: np.random.Generator) -> None:
        self.graph = graph
        self.rng = rng
        self.rest = graph.attribute("rest").outputs["Vector"]
        x, y, z = graph.add("SeparateXYZ", {0: self.rest}).outputs
        side = graph.attribute("side").outputs["Fac"]
        picked = graph.add("Mix", data_type="FLOAT")
        for socket, value in zip(picked.inputs[:1], (side,), strict=True):
            graph.tree.links.new(value, socket)
        graph.tree.links.new(x, picked.inputs[2])
        graph.tree.links.new(y, picked.inputs[3])
        self.across = picked.outputs[0]
        self.up, self.front, self.x = z, y, x

    def weave(self, pattern: str):
        """Height field of the thread."""
        if pattern == "knit":
            rib = self._bands(self.across, 0.0075, 0.5)
            return self.graph.math("ADD", rib, self.graph.noise(self.rest, 500.0))
        return self.graph.noise(self.rest, 420.0, 2.0, 0.6)

    def plain(self, base, accent, chest):
        return self._speckled(base, 0.06)

    def heather(self, base, accent, chest):
        pale = base * 0.6 + 0.4 * np.array([0.5, 0.5, 0.5])
        threads = self.graph.noise(self.rest, 330.0, 3.0, 0.7)
        return self.graph.ramp(threads, [(0.40, base * 0.8), (0.62, pale)])

    def knit(self, base, accent, chest):
        rib = self._bands(self.across, 0.0075, 0.5)
        return self.graph.mix(rib, base * 0.78, np.minimum(base * 1.1, 0.75))

    def stripes(self, base, accent, chest):
        period = self.rng.uniform(0.016, 0.075)
        along = self.up if self.rng.random() < 0.8 else self.across
        stripe = self._bands(along, period, self.rng.uniform(0.25, 0.55))
        return self.graph.mix(stripe, self._speckled(base, 0.05), accent)

    def plaid(self, base, accent, chest):
        period = self.rng.uniform(0.045, 0.095)
        thread = accent * 0.35 + base * 0.65
        colour = self._speckled(base, 0.05)
        for axis in (self.across, self.up):
            broad = self.graph.math("MULTIPLY", self._bands(axis, period, 0.42), 0.5)
            colour = self.graph.mix(broad, colour, accent)
            offset = self.graph.math("ADD", axis, 0.31 * period)
            fine = self.graph.math("MULTIPLY", self._bands(offset, period, 0.05), 0.7)
            colour = self.graph.mix(fine, colour, np.minimum(thread * 2.5 + 0.02, 0.7))
        return colour

    def denim(self, base, accent, chest):
        wash = self.rng.uniform(0, 1)
        deep = np.array([0.020, 0.030, 0.066]) * (1 - wash) + np.array([0.075, 0.115, 0.200]) * wash
        pale = np.minimum(deep * 2.6 + 0.03, 0.5)
        slant = self.graph.math("ADD", self.across, self.up)
        twill = self._bands(slant, 0.0024, 0.5)
        threads = self.graph.noise(self.rest, 260.0, 4.0, 0.75)
        faded = self.graph.remap(self.graph.noise(self.rest, 3.2, 2.0), (0.38, 0.70), (0.0, 0.55))
        mixed = self.graph.math("MULTIPLY", threads, self.graph.remap(twill, (0, 1), (0.75, 1.0)))
        factor = self.graph.math(
            "ADD", self.graph.remap(mixed, (0.3, 0.7), (0, 0.5)), faded, clamp=True
        )
        return self.graph.mix(factor, deep, pale)

    def dots(self, base, accent, chest):
        size = self.rng.uniform(0.018, 0.035)
        cells = self._voronoi(1 / size, randomness=0.15)
        dot = self.graph.remap(cells.outputs["Distance"], (0.22, 0.25), (1.0, 0.0))
        return self.graph.mix(dot, self._speckled(base, 0.04), accent)

    def floral(self, base, accent, chest):
        graph = self.graph
        wobble = graph.add("TexNoise", {"Vector": self.rest, "Scale": 45.0})
        bent = graph.add(
            "VectorMath", {0: self.rest, 1: wobble.outputs["Color"]}, operation="MULTIPLY_ADD"
        )
        graph.tree.links.new(wobble.outputs["Color"], bent.inputs[0])
        bent.inputs[1].default_value = (0.016, 0.016, 0.016)
        graph.tree.links.new(self.rest, bent.inputs[2])
        scale = self.rng.uniform(16, 34)
        flowers = self._voronoi(scale, 0.9, bent.outputs[0])
        petal = graph.remap(flowers.outputs["Distance"], (0.30, 0.34), (1.0, 0.0))
        heart = graph.remap(flowers.outputs["Distance"], (0.09, 0.12), (1.0, 0.0))
        leaves = self._voronoi(scale * 1.9, 1.0, bent.outputs[0])
        leaf = graph.remap(leaves.outputs["Distance"], (0.20, 0.24), (0.8, 0.0))
        green = np.array([0.055, 0.105, 0.045]) * 0.6 + base * 0.4
        hue = graph.add("SeparateColor", {0: flowers.outputs["Color"]}).outputs[0]
        second = palette.accent_colour(self.rng, base)
        bloom = graph.mix(graph.math("GREATER_THAN", hue, 0.5), accent, second)
        colour = graph.mix(leaf, self._speckled(base, 0.04), green)
        colour = graph.mix(petal, colour, bloom)
        return graph.mix(heart, colour, (0.45, 0.30, 0.08))

    def graphic(self, base, accent, chest):
        """A printed panel on the chest: lines of blocks, like a slogan or an emblem."""
        graph = self.graph
        half_w, half_h = self.rng.uniform(0.07, 0.105), self.rng.uniform(0.03, 0.10)
        dx = graph.math("ABSOLUTE", graph.math("SUBTRACT", self.x, float(chest[0])))
        dz = graph.math("ABSOLUTE", graph.math("SUBTRACT", self.up, float(chest[2])))
        inside = graph.math("LESS_THAN", dx, half_w)
        inside = graph.math("MULTIPLY", inside, graph.math("LESS_THAN", dz, half_h))
        ahead = graph.math("LESS_THAN", self.front, float(chest[1]))
        inside = graph.math("MULTIPLY", inside, ahead)
        if self.rng.random() < 0.5:
            rows = self._bands(self.up, 0.036, 0.62)
            letters = graph.math("GREATER_THAN", graph.noise(self.rest, 95.0, 1.0), 0.44)
            ink = graph.math("MULTIPLY", rows, letters)
        else:
            rings = graph.math(
                "ADD", graph.math("MULTIPLY", dx, dx), graph.math("MULTIPLY", dz, dz)
            )
            disc = graph.math("LESS_THAN", rings, min(half_w, half_h) ** 2)
            blobs = graph.math("GREATER_THAN", graph.noise(self.rest, 38.0, 3.0), 0.47)
            ink = graph.math("MULTIPLY", disc, blobs)
        ink = graph.math("MULTIPLY", graph.math("MULTIPLY", ink, inside), 0.92)
        return graph.mix(ink, self._speckled(base, 0.05), accent)

    def _bands(self, along, period_m: float, share: float):
        phase = self.graph.math("FRACT", self.graph.math("DIVIDE", along, period_m))
        return self.graph.math("LESS_THAN", phase, share)

    def _voronoi(self, scale: float, randomness: float, vector=None):
        inputs = {"Vector": vector or self.rest, "Scale": scale, "Randomness": randomness}
        return self.graph.add("TexVoronoi", inputs)

    def _speckled(self, base, amount: float):
        threads = self.graph.noise(self.rest, 300.0, 2.0, 0.6)
        dark, light = base * (1 - 2 * amount), np.minimum(base * (1 + 2 * amount), 0.75)
        return self.graph.ramp(threads, [(0.35, dark), (0.65, light)])


def shoe_material(rng: np.random.Generator) -> bpy.types.Material:
    """Leather or canvas with a sole; reads the attributes `rest` and `sole` (1 on the sole)."""
    material, graph, principled = new_material("shoe")
    rest = graph.attribute("rest").outputs["Vector"]
    leather = rng.random() < 0.5
    upper = palette.leather_colour(rng) if leather else palette.canvas_colour(rng)
    pale_sole = not leather or rng.random() < 0.2
    sole = np.array([0.56, 0.55, 0.53]) if pale_sole else np.array([0.02, 0.018, 0.016])
    scuffs = graph.noise(rest, 70.0, 4.0, 0.7)
    upper_colour = graph.ramp(scuffs, [(0.35, upper * 0.8), (0.7, np.minimum(upper * 1.15, 0.75))])
    dirt = graph.remap(scuffs, (0.4, 0.75), (0.0, 0.45))
    sole_colour = graph.mix(dirt, sole, sole * 0.5 + [0.02, 0.016, 0.012])
    is_sole = graph.attribute("sole").outputs["Fac"]
    edge = graph.math("GREATER_THAN", is_sole, 0.5)
    graph.set(principled, "Base Color", graph.mix(edge, upper_colour, sole_colour))
    graph.set(principled, "Roughness", 0.38 if leather else 0.8)
    graph.set(principled, "Specular IOR Level", 0.4 if leather else 0.2)
    grain = graph.noise(rest, 380.0 if leather else 600.0, 3.0)
    graph.set(principled, "Normal", graph.bump(grain, 0.0008, 0.3))
    return material
