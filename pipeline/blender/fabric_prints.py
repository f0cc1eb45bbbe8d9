"""The colours of fabrics: plain dyes, stripes, checks and prints, in cloth coordinates."""

from dataclasses import dataclass

import numpy as np

from pipeline.blender.drawing import Canvas


@dataclass(frozen=True)
class Dye:
    """Linear RGB colours (3,) of a fabric. second: another accent, for flowers. chest: (3,) place
    on the T-pose, m, where a printed picture has its middle."""

    base: np.ndarray
    accent: np.ndarray
    second: np.ndarray
    chest: np.ndarray


class Prints:
    """Every method draws one print and returns its colour socket."""

    def __init__(self, canvas: Canvas, dye: Dye, rng: np.random.Generator) -> None:
        self.canvas, self.graph, self.dye, self.rng = canvas, canvas.graph, dye, rng

    def plain(self):
        return self._speckled(0.05)

    def melange(self):
        """Yarn that is not of one colour, darker between its ribs."""
        return self._speckled(0.11)

    def slub(self):
        """Linen: uneven threads in both directions."""
        graph = self.graph
        threads = []
        for stretch in ((500.0, 18.0, 1.0), (18.0, 500.0, 1.0)):
            point = graph.add(
                "VectorMath", {0: self.canvas.point, 1: stretch}, operation="MULTIPLY"
            ).outputs[0]
            threads.append(graph.noise(point, 1.0, 1.0))
        both = graph.math("MULTIPLY", graph.math("ADD", *threads), 0.5)
        base = self.dye.base
        return graph.ramp(both, [(0.38, base * 0.78), (0.62, np.minimum(base * 1.15, 0.78))])

    def heather(self):
        """Yarn of two shades that are mixed before spinning."""
        base = self.dye.base
        pale = base * 0.72 + 0.28 * np.array([0.42, 0.42, 0.42])
        threads = self.graph.noise(self.canvas.rest, 380.0, 3.0, 0.65)
        return self.graph.ramp(threads, [(0.36, base * 0.85), (0.66, pale)])

    def worn(self):
        """Leather: rubbed pale where it creases and at broad places."""
        broad = self.graph.noise(self.canvas.rest, 9.0, 4.0, 0.6)
        base = self.dye.base
        rubbed = np.minimum(base * 1.7 + 0.006, 0.5)
        return self.graph.ramp(broad, [(0.40, base * 0.85), (0.58, base), (0.75, rubbed)])

    def stripes(self):
        period = self.rng.uniform(0.014, 0.070)
        along = self.canvas.v if self.rng.random() < 0.85 else self.canvas.u
        stripe = self.canvas.bands(along, period, self.rng.uniform(0.25, 0.55))
        return self.graph.mix(stripe, self._speckled(0.05), self.dye.accent)

    def pinstripes(self):
        period = self.rng.uniform(0.007, 0.014)
        stripe = self.canvas.bands(self.canvas.u, period, 0.25)
        fine = 0.75 if self.canvas.shows(period) else 0.2
        factor = self.graph.math("MULTIPLY", stripe, fine)
        return self.graph.mix(factor, self._speckled(0.04), self.dye.accent)

    def gingham(self):
        """Two sets of equal bands that darken each other."""
        period = self.rng.uniform(0.012, 0.034)
        colour = self._speckled(0.04)
        for along in (self.canvas.u, self.canvas.v):
            band = self.graph.math("MULTIPLY", self.canvas.bands(along, period, 0.5), 0.55)
            colour = self.graph.mix(band, colour, self.dye.accent)
        return colour

    def plaid(self):
        period = self.rng.uniform(0.045, 0.100)
        base, accent = self.dye.base, self.dye.accent
        thread = np.minimum((accent * 0.35 + base * 0.65) * 2.5 + 0.02, 0.7)
        colour = self._speckled(0.05)
        for along in (self.canvas.u, self.canvas.v):
            broad = self.graph.math("MULTIPLY", self.canvas.bands(along, period, 0.42), 0.5)
            colour = self.graph.mix(broad, colour, accent)
            offset = self.graph.math("ADD", along, 0.31 * period)
            fine = self.graph.math("MULTIPLY", self.canvas.bands(offset, period, 0.05), 0.7)
            colour = self.graph.mix(fine, colour, thread)
        return colour

    def denim(self):
        """White weft through blue warp; washed out at broad places."""
        graph, deep = self.graph, self.dye.base
        pale = np.minimum(deep * 2.4 + 0.03, 0.55)
        threads = graph.noise(self.canvas.rest, 260.0, 4.0, 0.75)
        if self.canvas.shows(0.0021):
            slant = graph.math("ADD", self.canvas.u, self.canvas.v)
            twill = graph.remap(self.canvas.ridge(slant, 0.0021), (0, 1), (1.15, 0.85))
            threads = graph.math("MULTIPLY", threads, twill)
        wash = float(self.rng.uniform(0.2, 0.6))
        broad = graph.remap(graph.noise(self.canvas.rest, 3.2, 2.0), (0.38, 0.70), (0.0, wash))
        grain = graph.remap(threads, (0.3, 0.7), (0, 0.5))
        return graph.mix(graph.math("ADD", grain, broad, clamp=True), deep, pale)

    def dots(self):
        size = self.rng.uniform(0.014, 0.034)
        cells = self.canvas.cells(1 / size, float(self.rng.choice([0.0, 0.25])))
        dot = self.graph.remap(cells.outputs["Distance"], (0.24, 0.27), (1.0, 0.0))
        return self.graph.mix(dot, self._speckled(0.04), self.dye.accent)

    def camouflage(self):
        """Four tones in large torn patches."""
        graph, base = self.graph, self.dye.base
        grey = base.mean()
        tones = [base * 0.28, base * 0.62 + 0.008, base, np.minimum(base * 1.7 + 0.1 * grey, 0.6)]
        patches = graph.noise(self.canvas.point, self.rng.uniform(7, 12), 3.0, 0.55)
        second = graph.noise(self.canvas.rest, self.rng.uniform(9, 14), 3.0, 0.55)
        colour = graph.ramp(
            patches, [(0.0, tones[2]), (0.47, tones[1]), (0.56, tones[3])], step=True
        )
        return graph.mix(graph.math("GREATER_THAN", second, 0.57), colour, tones[0])

    def floral(self):
        graph, dye = self.graph, self.dye
        wobble = graph.add("TexNoise", {"Vector": self.canvas.point, "Scale": 45.0})
        bent = graph.add("VectorMath", operation="MULTIPLY_ADD")
        graph.tree.links.new(wobble.outputs["Color"], bent.inputs[0])
        bent.inputs[1].default_value = (0.016, 0.016, 0.016)
        graph.tree.links.new(self.canvas.point, bent.inputs[2])
        scale = self.rng.uniform(16, 38)
        flowers = self.canvas.cells(scale, 0.9, bent.outputs[0])
        petal = graph.remap(flowers.outputs["Distance"], (0.30, 0.34), (1.0, 0.0))
        heart = graph.remap(flowers.outputs["Distance"], (0.09, 0.12), (1.0, 0.0))
        leaves = self.canvas.cells(scale * 1.9, 1.0, bent.outputs[0])
        leaf = graph.remap(leaves.outputs["Distance"], (0.20, 0.24), (0.8, 0.0))
        green = np.array([0.055, 0.105, 0.045]) * 0.6 + dye.base * 0.4
        hue = graph.add("SeparateColor", {0: flowers.outputs["Color"]}).outputs[0]
        bloom = graph.mix(graph.math("GREATER_THAN", hue, 0.5), dye.accent, dye.second)
        colour = graph.mix(leaf, self._speckled(0.04), green)
        colour = graph.mix(petal, colour, bloom)
        return graph.mix(heart, colour, (0.45, 0.30, 0.08))

    def graphic(self):
        """A picture printed on the chest: a slogan's lines, an emblem, or a framed photograph."""
        graph, chest, canvas = self.graph, self.dye.chest, self.canvas
        half_w, half_h = self.rng.uniform(0.07, 0.115), self.rng.uniform(0.04, 0.11)
        centre = (float(chest[0]), float(chest[2]))
        inside = graph.math(
            "LESS_THAN", canvas.box(canvas.x, canvas.z, centre, (half_w, half_h)), 0
        )
        inside = graph.math("MULTIPLY", inside, graph.math("LESS_THAN", canvas.y, float(chest[1])))
        ink = getattr(self, str(self.rng.choice(["_slogan", "_emblem", "_photograph"])))
        colour, mask = ink(centre, half_w, half_h)
        # Old ink cracks a little.
        cracked = graph.remap(graph.noise(canvas.rest, 420.0, 2.0), (0.3, 0.42), (0.6, 1.0))
        mask = graph.math("MULTIPLY", graph.math("MULTIPLY", mask, inside), cracked)
        return graph.mix(mask, self._speckled(0.05), colour)

    def _slogan(self, centre, half_w, half_h):
        """Lines of letter-like blocks of several widths."""
        graph, canvas = self.graph, self.canvas
        height = self.rng.uniform(0.022, 0.042)
        z = graph.math("SUBTRACT", canvas.z, centre[1] - half_h)
        rows = canvas.bands(z, height, 0.68)
        row = graph.math("FLOOR", graph.math("DIVIDE", z, height))
        across = self.canvas.fused(row, 7.31, graph.math("MULTIPLY", canvas.x, 1.0))
        letter = graph.math("GREATER_THAN", self._noise_1d(across, 150.0), 0.42)
        bars = graph.math("GREATER_THAN", graph.noise(canvas.rest, 130.0, 0.0), 0.40)
        ink = graph.math("MULTIPLY", rows, graph.math("MULTIPLY", letter, bars))
        return self.dye.accent, ink

    def _noise_1d(self, along, scale: float):
        return self.graph.add(
            "TexNoise", {"W": along, "Scale": scale, "Detail": 0.0}, noise_dimensions="1D"
        ).outputs[0]

    def _emblem(self, centre, half_w, half_h):
        """A ring with a many-pointed star in it."""
        graph, canvas = self.graph, self.canvas
        dx = graph.math("SUBTRACT", canvas.x, centre[0])
        dz = graph.math("SUBTRACT", canvas.z, centre[1])
        radius = graph.math("POWER", self._sum_of_squares(dx, dz), 0.5)
        size = min(half_w, half_h)
        ring = canvas.within(radius, 0.82 * size, size)
        angle = graph.math(
            "MULTIPLY", graph.math("ARCTAN2", dx, dz), float(self.rng.integers(3, 9))
        )
        reach = self.canvas.fused(graph.math("COSINE", angle), 0.22 * size, 0.45 * size)
        star = graph.math("LESS_THAN", radius, reach)
        return self.dye.accent, canvas.union(ring, star)

    def _sum_of_squares(self, a, b):
        graph = self.graph
        return graph.math("ADD", graph.math("MULTIPLY", a, a), graph.math("MULTIPLY", b, b))

    def _photograph(self, centre, half_w, half_h):
        """A landscape-like gradient of three colours with a jagged horizon."""
        graph, canvas, dye = self.graph, self.canvas, self.dye
        z = graph.math("SUBTRACT", canvas.z, centre[1] - half_h)
        hills = graph.math("MULTIPLY", self._noise_1d(canvas.x, 26.0), 1.5 * half_h)
        near = graph.math("LESS_THAN", z, hills)
        sky = graph.mix(graph.remap(z, (0.4 * half_h, 2 * half_h), (0, 1)), dye.accent, dye.second)
        disc = self._sum_of_squares(
            graph.math("SUBTRACT", canvas.x, centre[0] + 0.3 * half_w),
            graph.math("SUBTRACT", canvas.z, centre[1] + 0.35 * half_h),
        )
        sun = graph.math("LESS_THAN", disc, (0.22 * half_h) ** 2)
        sky = graph.mix(sun, sky, np.minimum(dye.accent * 2 + 0.25, 0.75))
        return graph.mix(near, sky, dye.accent * 0.25), 1.0

    def _speckled(self, amount: float):
        """Yarn is never of one even colour."""
        base = self.dye.base
        threads = self.graph.noise(self.canvas.rest, 300.0, 2.0, 0.6)
        dark, light = base * (1 - 2 * amount), np.minimum(base * (1 + 2 * amount), 0.75)
        return self.graph.ramp(threads, [(0.35, dark), (0.65, light)])
