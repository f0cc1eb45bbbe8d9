"""The report's section on re-rendering: noise levels, drift, decisions, and who was repaired.

Figures are those of the index; rows are its rows, one per person per picture.
"""

from collections import Counter, defaultdict
from html import escape

import numpy as np

from pipeline.diffusion.noise import REGIONS
from pipeline.report.charts import categories, histogram, scatter
from pipeline.shards.sample import UNMEASURED

_LISTED = 200
"""Repaired people that the table shows; the others are counted."""


def rerender_section(rows: list[dict], limits: dict) -> str:
    """HTML of the section. limits: `[diffusion.drift]` of the configuration."""
    images = list({row["key"]: row for row in rows}.values())
    if not images:
        return "<p>No image.</p>"
    return (
        f"<h3>Noise levels</h3>{_levels_table(rows)}"
        f'<div class="charts">{_charts(rows, images)}</div>'
        f"<p>Limits: {escape(_told(limits))}. Each dot is a person. Drift and change are those of "
        "the picture that is in the dataset, camera look included; the drift of the first painting "
        "is from before anybody was repaired. Unmeasured figures are left out.</p>"
        f"<h3>Repaired people</h3>{_repairs(rows)}"
    )


def noise_text(rerender: dict) -> str:
    """Strategy and levels of a sample in one line; rerender: that of its JSON.

    Regions of one level stand together: 'regional noise of 20 steps: face, hands 2; others 6'.
    """
    if not rerender["steps_applied"]:
        return "noise 0"
    regions = defaultdict(list)
    for region, level in rerender["levels"].items():
        regions[level].append(region)
    most = max(regions, key=lambda level: len(regions[level]))
    parts = [f"{', '.join(regions[level])} {level}" for level in sorted(regions) if level != most]
    parts.append(f"{'others' if parts else 'everywhere'} {most}")
    if rerender["silhouette_band"] >= 0:
        parts.append(f"outlines {rerender['silhouette_band']}")
    return f"{rerender['strategy']} noise of {rerender['steps']} steps: {'; '.join(parts)}"


def _levels_table(rows: list[dict]) -> str:
    """One line per backend, strategy and set of levels."""
    columns = ("backend", "strategy", "steps", *(f"level_{r}" for r in REGIONS), "silhouette_band")
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in columns)].append(row)
    lines = []
    for values, members in sorted(groups.items()):
        images = {row["key"] for row in members}
        drift = _measured(members, "drift_mean_px")
        figures = (_number(np.median(drift)), _number(np.percentile(drift, 90))) if drift else ("",)
        cells = (*values[:-1], values[-1] if values[-1] >= 0 else "", len(images), *figures)
        lines.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    heads = ("backend", "strategy", "steps", *REGIONS, "outlines", "images")
    head = "".join(f"<th>{name}</th>" for name in (*heads, "median drift px", "90th percentile px"))
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _charts(rows: list[dict], images: list[dict]) -> str:
    flicker = [
        histogram(f"flicker of {name} between frames, 1/255", values)
        for name in ("people", "all")
        if (values := _measured(images, f"flicker_{name}"))
    ]
    return "".join(
        [
            histogram("drift per person", _measured(rows, "drift_mean_px"), " px"),
            histogram(
                "drift per person, first painting", _measured(rows, "first_drift_mean_px"), " px"
            ),
            scatter(
                "drift per person against noise, first painting",
                _points(rows, "steps_run", "first_drift_mean_px"),
                "denoising steps",
                "px",
            ),
            scatter(
                "drift per person against noise, in the picture",
                _points(rows, "steps_applied", "drift_mean_px"),
                "denoising steps",
                "px",
            ),
            scatter(
                "change against drift",
                _points(rows, "drift_mean_px", "change"),
                "drift, px",
                "change",
            ),
            scatter(
                "change of colour against drift",
                _points(rows, "drift_mean_px", "colour_change"),
                "drift, px",
                "change of colour",
            ),
            histogram("pixels that could be followed", _measured(rows, "drift_used_share")),
            histogram("largest piece lost", _measured(rows, "drift_lost_share")),
            histogram("outline contrast kept", _measured(rows, "boundary_ratio")),
            histogram("outline moved", _measured(rows, "boundary_px"), " px"),
            *flicker,
            categories("decisions per picture", [row["decision"] for row in images]),
            categories("decisions per person", [row["drift_decision"] for row in rows]),
        ]
    )


def _repairs(rows: list[dict]) -> str:
    """Everybody who was not left as first painted; a picture's reason stands at its first one."""
    repaired = [row for row in rows if row["drift_decision"] != "accepted"]
    if not repaired:
        return "<p>None.</p>"
    lines, told = [], set()
    for row in repaired[:_LISTED]:
        reason = "" if row["key"] in told else row["reason"]
        told.add(row["key"])
        cells = (
            row["key"],
            row["person"],
            row["drift_decision"],
            _number(row["first_drift_mean_px"]),
            _number(row["drift_mean_px"]),
            row["attempts"],
            reason,
        )
        lines.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    names = ("picture", "person", "decision", "first drift px", "drift px", "attempts", "reason")
    head = "".join(f"<th>{name}</th>" for name in names)
    more = len(repaired) - _LISTED
    counted = Counter(row["drift_decision"] for row in repaired)
    return (
        f"<p>{', '.join(f'{n} {name}' for name, n in counted.items())} of {len(rows)} people. "
        "Calmed: painted again with less noise. Render: the render's own pixels.</p>"
        f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'
        + (f"<p>And {more} more, see index.parquet.</p>" if more > 0 else "")
    )


def _measured(rows: list[dict], name: str) -> list[float]:
    return [row[name] for row in rows if row[name] != UNMEASURED]


def _points(rows: list[dict], x: str, y: str) -> list[tuple[float, float]]:
    """(x, y) of every person of whom both are known."""
    return [
        (float(row[x]), row[y]) for row in rows if row[x] != UNMEASURED and row[y] != UNMEASURED
    ]


def _number(value: float) -> str:
    return "" if value == UNMEASURED else f"{value:.2f}"


def _told(limits: dict) -> str:
    """The limits that are on, and what follows."""
    on = {name: v for name, v in limits.items() if v or not name.startswith(("max_", "min_"))}
    return ", ".join(f"{name} = {value}" for name, value in on.items() if value != "")
