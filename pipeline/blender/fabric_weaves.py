"""The relief of fabrics: thread, ribs and wales as height fields at their true size.

A weave is a list of reliefs `(height socket 0..1, depth in m)`, coarse first; what the picture
cannot resolve is left out, as its mean is flat.
"""

from collections.abc import Callable

from pipeline.blender.drawing import Canvas

Relief = list[tuple[object, float]]


def _plain(canvas: Canvas) -> Relief:
    """Threads over and under one another, 0.9 mm apart."""
    if not canvas.shows(0.0018):
        return _fuzz(canvas)
    over = canvas.graph.math(
        "MULTIPLY", canvas.wave(canvas.u, 0.0018), canvas.wave(canvas.v, 0.0018)
    )
    return [(over, 0.00035)]


def _twill(canvas: Canvas) -> Relief:
    """Diagonal ridges 1.5 mm apart."""
    if not canvas.shows(0.0018):
        return _fuzz(canvas)
    slant = canvas.graph.math("ADD", canvas.u, canvas.v)
    return [(canvas.ridge(slant, 0.0021), 0.0004)]


def _jersey(canvas: Canvas) -> Relief:
    """Fine columns of loops, 1.3 mm wide."""
    if not canvas.shows(0.0013):
        return _fuzz(canvas)
    zigzag = canvas.graph.math("MULTIPLY", canvas.wave(canvas.v, 0.0012), 0.0004)
    return [(canvas.ridge(canvas.graph.math("ADD", canvas.u, zigzag), 0.0013), 0.0003)]


def _rib(canvas: Canvas) -> Relief:
    """Ribs of 6 mm, each of loops 3 mm high."""
    relief = []
    if canvas.shows(0.006):
        relief.append((canvas.ridge(canvas.u, 0.006), 0.0016))
    if canvas.shows(0.003):
        relief.append((canvas.wave(canvas.v, 0.003), 0.0003))
    return relief or _fuzz(canvas)


def _cable(canvas: Canvas) -> Relief:
    """Two strands that cross in columns 84 mm apart, on a ground of ribs."""
    graph = canvas.graph
    column = graph.math("SUBTRACT", graph.math("PINGPONG", canvas.u, 0.042), 0.021)
    swing = graph.math("SUBTRACT", canvas.wave(canvas.v, 0.055), 0.5)
    strands = []
    for sign in (1.0, -1.0):
        away = canvas.fused(swing, 0.016 * sign, column)
        strands.append(graph.remap(graph.math("ABSOLUTE", away), (0.0, 0.0065), (1.0, 0.0)))
    rope = graph.math("POWER", canvas.union(*strands), 0.6)
    relief = [(rope, 0.0045)]
    if canvas.shows(0.005):
        relief.append((canvas.ridge(canvas.u, 0.005), 0.0011))
    if canvas.shows(0.0035):
        relief.append((canvas.wave(canvas.v, 0.0035), 0.0004))
    return relief


def _corduroy(canvas: Canvas) -> Relief:
    """Wales 3.2 mm wide along the thread."""
    if not canvas.shows(0.0032):
        return _fuzz(canvas)
    return [(canvas.ridge(canvas.u, 0.0032), 0.0013)]


def _fleece(canvas: Canvas) -> Relief:
    """Soft pile in tufts."""
    return [(canvas.graph.noise(canvas.rest, 260.0, 2.0, 0.6), 0.0010)]


def _grain(canvas: Canvas) -> Relief:
    """Leather: cells of 2 mm between fine creases."""
    creases = canvas.graph.noise(canvas.rest, 55.0, 4.0, 0.65)
    relief = [(creases, 0.0022)]
    if canvas.shows(0.002):
        relief.append((canvas.cells(480.0, 1.0, canvas.rest).outputs["Distance"], 0.0003))
    return relief


def _smooth(canvas: Canvas) -> Relief:
    """A closed, taut surface with faint puckers."""
    return [(canvas.graph.noise(canvas.rest, 90.0, 2.0, 0.5), 0.0005)]


def _quilt(canvas: Canvas) -> Relief:
    """Down chambers of 75 mm, sewn across, that pucker at the seams."""
    graph = canvas.graph
    chamber = graph.math("POWER", canvas.ridge(canvas.v, 0.075), 0.6)
    pucker = graph.math("SUBTRACT", 1.0, chamber)
    pucker = graph.math("MULTIPLY", pucker, graph.noise(canvas.rest, 75.0, 2.0))
    return [(chamber, 0.016), (pucker, 0.006)]


def _fuzz(canvas: Canvas) -> Relief:
    """What is left of threads too fine to see."""
    return [(canvas.graph.noise(canvas.rest, 320.0, 1.0, 0.6), 0.00035)]


WEAVES: dict[str, Callable[[Canvas], Relief]] = {
    "plain": _plain,
    "twill": _twill,
    "jersey": _jersey,
    "rib": _rib,
    "cable": _cable,
    "corduroy": _corduroy,
    "fleece": _fleece,
    "grain": _grain,
    "smooth": _smooth,
    "quilt": _quilt,
}
"""Name -> function that draws it on a canvas."""
