"""Small charts as inline SVG, without scripts or libraries."""

from collections import Counter
from html import escape

import numpy as np

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 320, 150, 38, 26, 8
_LABEL = 24
"""Letters of a bar's name that fit beside it."""


def histogram(title: str, values: list[float], unit: str = "", bins: int = 12) -> str:
    """Histogram of numbers."""
    if not values:
        return _figure(title, _note("no data"))
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    plot_w, plot_h = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - _TOP
    step, tallest = plot_w / bins, max(int(counts.max()), 1)
    bars = []
    for i, count in enumerate(counts):
        h = plot_h * count / tallest
        tip = f"{edges[i]:.3g} to {edges[i + 1]:.3g}{unit}: {count}"
        bars.append(
            f'<rect x="{_LEFT + i * step + 1:.1f}" y="{_TOP + plot_h - h:.1f}" '
            f'width="{step - 2:.1f}" height="{h:.1f}" rx="1.5"><title>{tip}</title></rect>'
        )
    middle = (low + high) / 2
    ticks = [(_LEFT, low, "start"), (_LEFT + plot_w / 2, middle, "middle")]
    ticks.append((_LEFT + plot_w, high, "end"))
    labels = "".join(
        f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{v:.3g}{unit}</text>'
        for x, v, anchor in ticks
    )
    return _figure(title, _axes(tallest) + "".join(bars) + labels)


def categories(title: str, values: list[str], most: int = 14) -> str:
    """Horizontal bars of how often each text occurs, the most frequent first."""
    if not values:
        return _figure(title, _note("no data"))
    counted = Counter(values).most_common()
    shown = counted[:most]
    if len(counted) > most:
        shown.append((f"{len(counted) - most} more", sum(n for _, n in counted[most:])))
    return bars(title, shown)


def bars(title: str, counts: list[tuple[str, int]], even: float | None = None) -> str:
    """Horizontal bars of named counts, in their order. even: marked by a line, if given."""
    if not any(n for _, n in counts):
        return _figure(title, _note("no data"))
    row, label_w = 17, 150
    plot_w = _WIDTH - label_w - 40
    largest = max(*(n for _, n in counts), even or 0)
    parts = []
    if even is not None:
        x = label_w + plot_w * even / largest
        parts.append(
            f'<path class="even" d="M{x:.1f} 0V{len(counts) * row}"><title>an even share: '
            f"{even:.3g}</title></path>"
        )
    for i, (name, n) in enumerate(counts):
        width, y = plot_w * n / largest, i * row
        name = name or "none"
        short = escape(name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…")
        parts.append(
            f'<text x="{label_w - 6}" y="{y + 12}" text-anchor="end">{short}<title>{escape(name)}'
            f'</title></text><rect x="{label_w}" y="{y + 2}" width="{width:.1f}" '
            f'height="{row - 5}"/><text x="{label_w + width + 5:.1f}" y="{y + 12}">{n}</text>'
        )
    return _figure(title, "".join(parts), len(counts) * row + 4)


def scatter(title: str, points: list[tuple[float, float]], x_name: str, y_name: str) -> str:
    """Points on two axes that both start at 0."""
    if not points:
        return _figure(title, _note("no drift could be measured"))
    x_max = max(x for x, _ in points) or 1.0
    y_max = max(y for _, y in points) or 1.0
    plot_w, plot_h = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - _TOP
    dots = "".join(
        f'<circle cx="{_LEFT + plot_w * x / x_max:.1f}" cy="{_TOP + plot_h * (1 - y / y_max):.1f}" '
        f'r="2.6"><title>{x:.3g}, {y:.3g}</title></circle>'
        for x, y in points
    )
    labels = (
        f'<text x="{_LEFT + plot_w}" y="{_HEIGHT - 8}" text-anchor="end">→ {escape(x_name)}, to '
        f'{x_max:.3g}</text><text x="{_LEFT}" y="{_HEIGHT - 8}">↑ {escape(y_name)}</text>'
    )
    return _figure(title, _axes(y_max) + dots + labels)


def _axes(top: float) -> str:
    plot_h = _HEIGHT - _BOTTOM - _TOP
    return (
        f'<path class="axis" d="M{_LEFT} {_TOP}V{_TOP + plot_h}H{_WIDTH - 8}"/>'
        f'<text x="{_LEFT - 5}" y="{_TOP + 9}" text-anchor="end">{_short(top)}</text>'
        f'<text x="{_LEFT - 5}" y="{_TOP + plot_h}" text-anchor="end">0</text>'
    )


def _short(value: float) -> str:
    """At most three digits, as the margin is narrow."""
    return f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def _note(text: str) -> str:
    return f'<text x="{_WIDTH / 2}" y="{_HEIGHT / 2}" text-anchor="middle">{text}</text>'


def _figure(title: str, body: str, height: int = _HEIGHT) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{body}</svg></figure>"
    )
