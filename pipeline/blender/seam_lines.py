"""What a tailor adds to cloth: seams, hem stitching, plackets, buttons, zips, pockets and ribbing.

Drawn as colour and relief in the garment's layout (`pipeline.blender.sewing`). A plan says what a
kind of garment has; everything is left out where the picture could not show it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.blender.drawing import Canvas

SEAM_ATTRIBUTES = ("seam_side", "seam_arm", "hem", "piece")
"""Mesh attributes that are read here: distances in m per vertex, the piece id per face."""

_SEEN_M = 0.004
"""Seams are a few millimetres wide; a coarser picture does not show them."""


@dataclass(frozen=True)
class Sewn:
    """thread: mask 0..1 of sewing thread. shade: factor 0..1 on the cloth's colour. relief: list of
    (height socket, depth m). metal: mask of buttons and zips. rib: mask of ribbed bands."""

    thread: list
    shade: list
    relief: list
    metal: list
    rib: list


class Tailoring:
    """The sewn details of one garment. low, high: (3,) its bounding box on the T-pose, m."""

    def __init__(self, canvas: Canvas, low: np.ndarray, high: np.ndarray) -> None:
        self.canvas, self.graph = canvas, canvas.graph
        self.low, self.high = low, high
        middle_x = float(low[0] + high[0]) / 2
        self.side, self.arm, self.hem, piece = (
            self.graph.attribute(name).outputs["Fac"] for name in SEAM_ATTRIBUTES
        )
        self.front = self.graph.math("LESS_THAN", piece, 0.5)
        self.back = canvas.within(piece, 0.5, 1.5)
        self.trunk_x = self.graph.math("SUBTRACT", canvas.x, middle_x)
        self.sewn = Sewn([], [], [], [], [])

    def seams(self) -> None:
        """Side and sleeve seams and armholes: a fine groove between two pieces."""
        for distance in (self.side, self.arm):
            groove = self.canvas.line(distance, 0.0011)
            self.sewn.relief.append((self.graph.math("SUBTRACT", 1.0, groove), 0.0009))
            self.sewn.shade.append(self._shade(groove, 0.72))

    def hems(self, width_m: float, rows: int = 1) -> None:
        """Stitching that holds a folded hem."""
        for row in range(rows):
            self._stitch(self.graph.math("SUBTRACT", self.hem, width_m - 0.005 * row))
        step = self.graph.remap(self.hem, (width_m, width_m + 0.0025), (1.0, 0.0))
        self.sewn.relief.append((step, 0.0008))

    def ribbing(self, width_m: float, neck_m: float = 0.0) -> None:
        """Elastic ribs at hem and cuffs, and of another width at the neck."""
        graph, canvas = self.graph, self.canvas
        at_neck = graph.math("GREATER_THAN", canvas.z, float(self.low[2] + self.high[2]) / 2)
        on_trunk = graph.math("ADD", self.front, self.back)
        at_neck = graph.math("MULTIPLY", at_neck, on_trunk)
        width = canvas.fused(at_neck, neck_m - width_m, width_m)
        inside = graph.math("SUBTRACT", width, self.hem)
        band = graph.math("GREATER_THAN", inside, 0.0)
        self.sewn.rib.append(band)
        self.sewn.shade.append(self._shade(canvas.line(inside, 0.0016), 0.65))
        self.sewn.relief.append((graph.math("SUBTRACT", 1.0, band), 0.0030))

    def waistband(self, height_m: float = 0.038) -> None:
        """A band at the top, with stitching."""
        down = self.graph.math("SUBTRACT", float(self.high[2]), self.canvas.z)
        self._stitch(self.graph.math("SUBTRACT", down, height_m))
        band = self.graph.remap(down, (height_m, height_m + 0.002), (1.0, 0.0))
        self.sewn.relief.append((band, 0.0018))

    def fly(self) -> None:
        """The centre seam in front, the fly's curved stitching beside it, and a button."""
        graph, canvas = self.graph, self.canvas
        down = graph.math("SUBTRACT", float(self.high[2]), canvas.z)
        centre = graph.math(
            "MULTIPLY", canvas.line(self.trunk_x, 0.0012), canvas.within(down, 0, 0.4)
        )
        self.sewn.shade.append(self._shade(centre, 0.62))
        self.sewn.relief.append((graph.math("SUBTRACT", 1.0, centre), 0.0012))
        # The stitching runs straight down and curves to the centre at its end.
        turn = graph.remap(down, (0.12, 0.165), (0.0, 1.0))
        reach = self.canvas.fused(graph.math("MULTIPLY", turn, turn), -0.034, 0.034)
        near = graph.math("MULTIPLY", canvas.within(down, 0.04, 0.168), self.front)
        self._stitch(graph.math("SUBTRACT", self.trunk_x, reach), near)
        self._button(self.trunk_x, graph.math("SUBTRACT", down, 0.019), self.front)

    def trouser_pockets(self) -> None:
        """Slanted front pockets, and patch pockets on the seat."""
        graph, canvas = self.graph, self.canvas
        down = graph.math("SUBTRACT", float(self.high[2]), canvas.z)
        aside = graph.math("ABSOLUTE", self.trunk_x)
        half = float(self.high[0] - self.low[0]) / 2
        # From a third of the width at the waistband out to the side seam.
        mouth = self.canvas.fused(down, 0.42, 0.45 * half)
        slant = graph.math("SUBTRACT", aside, mouth)
        here = graph.math("MULTIPLY", canvas.within(down, 0.038, 0.19), self.front)
        self._edge(slant, here)
        self._stitch(graph.math("ADD", slant, 0.006), here)
        pocket = canvas.box(aside, down, (0.46 * half, 0.155), (0.066, 0.070))
        self._edge(pocket, self.back)
        self._stitch(graph.math("ADD", pocket, 0.004), self.back)

    def placket(self, spacing_m: float = 0.085) -> None:
        """A shirt's front: a strip with buttons."""
        graph, canvas = self.graph, self.canvas
        down = graph.math("SUBTRACT", float(self.high[2]), canvas.z)
        strip = graph.math("SUBTRACT", graph.math("ABSOLUTE", self.trunk_x), 0.016)
        self._edge(strip, self.front)
        self._stitch(graph.math("ADD", strip, 0.003), self.front)
        row = graph.math("SUBTRACT", graph.math("PINGPONG", down, spacing_m / 2), spacing_m / 4)
        self._button(self.trunk_x, row, self.front)

    def open_front(self, metal: bool) -> None:
        """The edges of a jacket that opens in front: double stitching, and a zip or buttons."""
        graph, canvas = self.graph, self.canvas
        near = graph.math("LESS_THAN", graph.math("ABSOLUTE", self.trunk_x), 0.16)
        near = graph.math("MULTIPLY", near, self.front)
        self._stitch(graph.math("SUBTRACT", self.hem, 0.030), near)
        if metal:
            teeth = graph.math("MULTIPLY", graph.math("LESS_THAN", self.hem, 0.006), near)
            self.sewn.metal.append(teeth)
            return
        right = graph.math("MULTIPLY", near, graph.math("GREATER_THAN", self.trunk_x, 0.0))
        down = graph.math("SUBTRACT", float(self.high[2]), canvas.z)
        row = graph.math("SUBTRACT", graph.math("PINGPONG", down, 0.045), 0.0225)
        self._button(graph.math("SUBTRACT", self.hem, 0.016), row, right, 0.0075)

    def chest_pockets(self) -> None:
        """Two patch pockets with flaps."""
        graph, canvas = self.graph, self.canvas
        down = graph.math("SUBTRACT", float(self.high[2]), canvas.z)
        aside = graph.math("ABSOLUTE", self.trunk_x)
        for centre, half in (((0.095, 0.225), (0.052, 0.060)), ((0.095, 0.185), (0.055, 0.020))):
            outline = canvas.box(aside, down, centre, half)
            self._edge(outline, self.front)
            self._stitch(graph.math("ADD", outline, 0.004), self.front)

    def kangaroo_pocket(self) -> None:
        """A hoodie's pouch: straight at the bottom, slanted at its openings."""
        graph, canvas = self.graph, self.canvas
        up = graph.math("SUBTRACT", canvas.z, float(self.low[2]))
        aside = graph.math("ABSOLUTE", self.trunk_x)
        slope = graph.math("MAXIMUM", graph.math("SUBTRACT", up, 0.13), 0.0)
        width = self.canvas.fused(slope, -0.55, 0.15)
        outline = graph.math(
            "MAXIMUM",
            graph.math("SUBTRACT", aside, width),
            graph.math("SUBTRACT", graph.math("ABSOLUTE", graph.math("SUBTRACT", up, 0.16)), 0.10),
        )
        self._edge(outline, self.front, 0.0030)
        self._stitch(graph.math("ADD", outline, 0.006), self.front)

    def cords(self) -> None:
        """Two drawstrings that hang from the neck."""
        graph, canvas = self.graph, self.canvas
        down = graph.math("SUBTRACT", float(self.high[2]), canvas.z)
        cord = graph.math("SUBTRACT", graph.math("ABSOLUTE", self.trunk_x), 0.034)
        mask = graph.math("MULTIPLY", canvas.line(cord, 0.0026), canvas.within(down, 0.0, 0.24))
        mask = graph.math("MULTIPLY", mask, self.front)
        self.sewn.thread.append(mask)
        self.sewn.relief.append((mask, 0.0040))

    def _stitch(self, distance, where=1.0) -> None:
        along = self.graph.math("ADD", self.canvas.u, self.canvas.v)
        mask = self.canvas.dashes(distance, along, 0.0006)
        self.sewn.thread.append(self.graph.math("MULTIPLY", mask, where))

    def _edge(self, distance, where, depth_m: float = 0.0018) -> None:
        """The border of a piece of cloth sewn on top: raised inside, a dark line around."""
        graph = self.graph
        line = graph.math("MULTIPLY", self.canvas.line(distance, 0.0010), where)
        self.sewn.shade.append(self._shade(line, 0.60))
        inside = graph.remap(distance, (-0.0012, 0.0012), (1.0, 0.0))
        self.sewn.relief.append((graph.math("MULTIPLY", inside, where), depth_m))

    def _button(self, dx, dy, where, radius_m: float = 0.0055) -> None:
        graph = self.graph
        squares = graph.math("ADD", graph.math("MULTIPLY", dx, dx), graph.math("MULTIPLY", dy, dy))
        disc = graph.math("LESS_THAN", squares, radius_m**2)
        disc = graph.math("MULTIPLY", disc, where)
        self.sewn.metal.append(disc)
        self.sewn.relief.append((disc, 0.0020))

    def _shade(self, mask, darkest: float):
        return self.graph.remap(mask, (0.0, 1.0), (1.0, darkest))


def _shirt(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.hems(0.020)


def _buttoned(sewing: Tailoring) -> None:
    _shirt(sewing)
    sewing.placket()


def _knitted(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.ribbing(0.045, neck_m=0.026)


def _trousers(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.hems(0.022)
    sewing.waistband()
    sewing.fly()
    sewing.trouser_pockets()


def _skirt(sewing: Tailoring) -> None:
    _shirt(sewing)
    sewing.waistband(0.032)


def _sweat_bottoms(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.ribbing(0.050, neck_m=0.045)


def _jacket(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.hems(0.028, rows=2)
    sewing.open_front(metal=False)
    sewing.chest_pockets()


def _zipped(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.hems(0.028)
    sewing.open_front(metal=True)


def _hoodie(sewing: Tailoring) -> None:
    sewing.seams()
    sewing.ribbing(0.055)
    sewing.kangaroo_pocket()
    sewing.cords()


PLANS: dict[tuple[str, str], Callable[[Tailoring], None]] = {
    ("longsleeve", "plain"): _buttoned,
    ("longsleeve", "rib"): _knitted,
    ("longsleeve", "cable"): _knitted,
    ("trousers", ""): _trousers,
    ("trousers", "jersey"): _sweat_bottoms,
    ("shorts", ""): _trousers,
    ("shorts", "jersey"): _shirt,
    ("skirt", ""): _skirt,
    ("jacket", ""): _jacket,
    ("jacket", "grain"): _zipped,
    ("jacket", "smooth"): _zipped,
    ("jacket", "quilt"): _zipped,
    ("hoodie", ""): _hoodie,
}
"""(kind, weave) -> what is sewn; an empty weave stands for any other, unknown kinds are shirts."""


def sew(kind: str, weave: str, canvas: Canvas, rest: np.ndarray) -> Sewn:
    """The sewn details of a garment with rest shape (N, 3), as far as the picture can show them."""
    if not canvas.shows(_SEEN_M):
        return Sewn([], [], [], [], [])
    sewing = Tailoring(canvas, rest.min(axis=0), rest.max(axis=0))
    plan = PLANS.get((kind, weave)) or PLANS.get((kind, "")) or _shirt
    plan(sewing)
    return sewing.sewn
