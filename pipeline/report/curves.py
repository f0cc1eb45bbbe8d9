"""Lines with bands on two axes, as inline SVG: how measures of a sweep go with the level."""

from dataclasses import dataclass
from html import escape

import numpy as np

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
"""Told apart by the colour-blind too (Okabe and Ito), on white and on black."""
_TICKS = 5
_LEFT, _TOP, _PLOT_W, _PLOT_H, _HEIGHT = 44, 16, 396, 230, 302


@dataclass(frozen=True)
class Curve:
    """A line through points in their order. band: (low, high) in y of every point. labels: a text
    at every point. cloud: further points, drawn small and pale."""

    name: str
    points: list[tuple[float, float]]
    band: list[tuple[float, float]] | None = None
    labels: list[str] | None = None
    cloud: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class _Scale:
    """From values to the picture; both axes start at 0."""

    x_step: float
    x_max: float
    y_step: float
    y_max: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn; not exact far outside, where it is cut off anyway."""
        right, up = (min(v, 10.0) for v in (x / self.x_max, y / self.y_max))
        return _LEFT + _PLOT_W * right, _TOP + _PLOT_H * (1 - up)


def curves(
    title: str,
    lines: list[Curve],
    x_name: str,
    y_name: str,
    limit: tuple[float, str] | None = None,
    ends: tuple[float | None, float | None] = (None, None),
) -> str:
    """Lines with their bands; limit: a dashed height and its name.

    The axes hold the points and the limit, but go no further than `ends` in x and y. What is
    outside, infinity too, is cut off.
    """
    points = [point for line in lines for point in line.points]
    tops = [y for _, y in points] + ([limit[0]] if limit else [])
    scale = _Scale(*_axis([x for x, _ in points], ends[0]), *_axis(tops, ends[1]))
    drawn = "".join(
        _curve(line, colour, scale) for line, colour in zip(lines, _COLOURS, strict=False)
    )
    # The room around the frame is for dots and labels on its edge.
    x, y, width, height = _LEFT - 4, _TOP - 4, _PLOT_W + 24, _PLOT_H + 8
    parts = [
        _grid(scale),
        f'<svg x="{x}" y="{y}" width="{width}" height="{height}" '
        f'viewBox="{x} {y} {width} {height}">{drawn}</svg>',
    ]
    if limit and limit[0] <= scale.y_max:
        x, y = scale.at(0, limit[0])
        parts.append(
            f'<path d="M{x:.1f} {y:.1f}h{_PLOT_W}" stroke="currentColor" stroke-dasharray="5 4"/>'
            f'<text x="{_LEFT + _PLOT_W}" y="{y - 4:.1f}" text-anchor="end">{escape(limit[1])}'
            "</text>"
        )
    for k, (line, colour) in enumerate(zip(lines, _COLOURS, strict=False)):
        x = _LEFT + k * _PLOT_W / max(len(lines), 4)
        parts.append(
            f'<path d="M{x:.0f} {_HEIGHT - 8}h14" stroke="{colour}" stroke-width="3"/>'
            f'<text x="{x + 18:.0f}" y="{_HEIGHT - 4}">{escape(line.name)}</text>'
        )
    parts.append(
        f'<text x="{_LEFT + _PLOT_W}" y="{_TOP + _PLOT_H + 31}" text-anchor="end">'
        f'→ {escape(x_name)}</text><text x="4" y="{_TOP - 6}">↑ {escape(y_name)}</text>'
    )
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_LEFT + _PLOT_W + 20} {_HEIGHT}" role="img">{"".join(parts)}</svg>'
        "</figure>"
    )


def _axis(values: list[float], end: float | None) -> tuple[float, float]:
    """(step, end) of an axis: about five steps of 1, 2 or 5 times a power of ten."""
    top = max((value for value in values if np.isfinite(value)), default=0.0)
    if end is not None:
        top = min(top, end)
    if top <= 0:
        return 1.0, 1.0
    power = 10.0 ** np.floor(np.log10(top / _TICKS))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= top / _TICKS * (1 - 1e-9))
    return float(step), float(step * np.ceil(top / step - 1e-9))


def _curve(line: Curve, colour: str, scale: _Scale) -> str:
    parts = []
    if line.band:
        xs = [x for x, _ in line.points]
        lows = [scale.at(x, low) for x, (low, _) in zip(xs, line.band, strict=True)]
        highs = [scale.at(x, high) for x, (_, high) in zip(xs, line.band, strict=True)]
        parts.append(
            f'<polygon points="{_route(highs + lows[::-1])}" fill="{colour}" opacity=".13"/>'
        )
    for x, y in line.cloud:
        if x <= scale.x_max and y <= scale.y_max:
            parts.append(_dot(scale.at(x, y), 1.3, colour, 0.35))
    places = [scale.at(x, y) for x, y in line.points]
    parts.append(
        f'<polyline points="{_route(places)}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
    )
    for k, (place, (x, y)) in enumerate(zip(places, line.points, strict=True)):
        label = line.labels[k] if line.labels else ""
        parts.append(_dot(place, 2.8, colour, 1, f"{line.name} {label}: {x:.4g}, {y:.4g}"))
        if label:
            parts.append(
                f'<text x="{place[0] + 4:.1f}" y="{place[1] - 4:.1f}" style="fill:{colour}">'
                f"{escape(label)}</text>"
            )
    return "".join(parts)


def _route(places: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _dot(place: tuple[float, float], radius: float, colour: str, opacity: float, tip: str = ""):
    x, y = place
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="fill:{colour}" '
        f'opacity="{opacity}"><title>{escape(tip)}</title></circle>'
    )


def _grid(scale: _Scale) -> str:
    parts = []
    for x in np.arange(0, scale.x_max + scale.x_step / 2, scale.x_step):
        px, py = scale.at(x, 0)
        parts.append(
            f'<path class="axis" d="M{px:.1f} {py:.1f}v-{_PLOT_H}"/>'
            f'<text x="{px:.1f}" y="{py + 15:.1f}" text-anchor="middle">{x:.4g}</text>'
        )
    for y in np.arange(0, scale.y_max + scale.y_step / 2, scale.y_step):
        px, py = scale.at(0, y)
        parts.append(
            f'<path class="axis" d="M{px:.1f} {py:.1f}h{_PLOT_W}"/>'
            f'<text x="{px - 5:.1f}" y="{py + 4:.1f}" text-anchor="end">{y:.4g}</text>'
        )
    return "".join(parts)
