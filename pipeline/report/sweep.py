"""sweep/index.html: the plots, the table, the recommendation and the pictures of a sweep.

Self-contained: no scripts, no network, pictures as JPEG beside it.
"""

import math
import shutil
from html import escape
from pathlib import Path

from pipeline.report.curves import Curve, curves
from pipeline.report.style import PAGE_STYLE
from pipeline.report.sweep_strips import strips
from pipeline.storage import atomic_dir
from pipeline.sweep.choice import Choice, allowed_losses, level_fault
from pipeline.sweep.grid import Sweep, settings_toml, varied

_FOLLOWED_PX = 8.0
"""Axes of drift end here at the latest: larger medians are of people who cannot be followed."""
_UNSEEN = """<p>The figures say whether people stayed where their labels are, and how different
they look. They do not say whether the pictures look more real: noise, smears and odd colours are
change too, and more change is better only if the strips below are. Optical flow cannot see what
happens inside a flat region, nor a face, a hand or a garment that became another one in the same
place. It is good to about 0.1 px, and a new look alone can read as half a pixel. Change follows
structure (1 - MS-SSIM of the luma) and tone (CIE 1976 Delta E), not meaning. The intervals count
every painting of a person as one more observation, though people of one scene, and seeds of one
person, are alike; they are rather too narrow. Strategy <i>background</i> leaves people as
rendered, so it hardly moves or changes them whatever its level: compare it by the change of the
picture, by eye, and take it when people must not be touched.</p>"""


def write_sweep_report(
    sweep: Sweep,
    scenes: list[int],
    rejected: list[dict],
    rows: list[dict],
    table: list[dict],
    choice: Choice,
) -> Path:
    """Write `sweep/` in the sweep's folder anew; returns the path of its index.html.

    rows, table: of `pipeline.sweep.table`.
    """
    target = sweep.plan.out / "sweep"
    with atomic_dir(target) as folder:
        (folder / "images").mkdir()
        pictures = strips(sweep, scenes, rows, folder / "images")
        page = _page(sweep, scenes, rejected, rows, table, choice, pictures)
        (folder / "index.html").write_text(page)
        shutil.rmtree(target, ignore_errors=True)
    return target / "index.html"


def _page(sweep, scenes, rejected, rows, table, choice, pictures: str) -> str:
    section = sweep.plan.config.diffusion
    paintings = sum(line["images"] for line in table)
    facts = (
        f"model {section.model} · {section.steps} steps · {len(scenes)} scenes · "
        f"{len(sweep.strategies)} strategies · {len(sweep.levels)} levels · {sweep.repeats} "
        f"seed(s) · {paintings} pictures · seed {sweep.plan.seed}"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sweep of {escape(sweep.plan.config.name)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><header><h1>Noise sweep of {escape(sweep.plan.config.name)}</h1>
<p class="facts">{escape(facts)}</p>
<nav><a href="#choice">recommendation</a> <a href="#plots">plots</a> <a href="#table">table</a>
<a href="#strips">side by side</a> <a href="#unseen">what is not measured</a>
<a href="#scenes">scenes</a></nav></header>
<section id="choice"><h2>Recommendation</h2>{_recommendation(sweep, table, choice)}</section>
<section id="plots"><h2>Plots</h2><div class="charts">{_plots(sweep, rows, table)}</div>
<p>Drift: mean motion of a person from the render to the picture, median over people, with the
middle half of them as the band; its axes end at twice the configured limit, as little beyond
can be measured. Keep rate: share of people within the limits, with its 95 % interval (Wilson).
Change: 1 - MS-SSIM, of people or of whole pictures. Numbers at points are levels, pale dots are
people. Every picture is measured as it was painted: nobody was repaired, and the camera look
({"on" if section.finish else "off"} here) is measured with it.</p></section>
<section id="table"><h2>Table</h2>{_table(sweep, table, choice)}</section>
<section id="strips"><h2>Side by side</h2>
<p>Below each picture: drift in px and change of that person, or change of the whole picture.
Red: the person would not be kept (point at it for the reason). People are shown pixel for
pixel; pictures open at full size.</p>{pictures}</section>
<section id="unseen"><h2>What is not measured</h2>{_UNSEEN}</section>
<section id="scenes"><h2>Scenes</h2>{_scenes(sweep, scenes, rejected)}</section>
</body></html>
"""


def _recommendation(sweep: Sweep, table: list[dict], choice: Choice) -> str:
    section = sweep.plan.config.diffusion
    head = f"Level {choice.level} of {section.steps}"
    if choice.strategy:
        settings = settings_toml(varied(section, choice.strategy, choice.level))
        head += f", strategy <i>{choice.strategy}</i>"
        settings = f"<pre>{escape(settings)}</pre>"
    else:
        settings = "<p>The renders can be used as they are (<code>denoise_steps = 0</code>).</p>"
    people = min(line["people"] for line in table)
    losses = allowed_losses(people, sweep.keep)
    allowed = f"{people} painted people " + (
        "are too few to show that" if losses is None else f"may lose {losses or 'none'}"
    )
    reaches = "".join(
        f"<li><i>{reach.strategy}</i>: up to level {reach.level}"
        + (f"; at {reach.next_level}: {escape(reach.fault)}" if reach.fault else ", the highest")
        + "</li>"
        for reach in choice.reaches
    )
    return (
        f'<p class="choice">{head}</p><p>{escape(choice.reason)}</p>{settings}'
        f"<p>The rule: a level is safe when, with the caution of a 95 % interval, at least "
        f"{sweep.keep:.0%} of people are kept ({allowed}), and when nine in ten drift by no more "
        f"than half the limit of {section.drift.max_px:g} px, so that those kept are not just "
        "inside it. A strategy goes up to its last safe level before the first unsafe one; of the "
        "strategies, the one that then changes people most is taken. Level 0 is always safe.</p>"
        f"<ul>{reaches}</ul>"
    )


def _plots(sweep: Sweep, rows: list[dict], table: list[dict]) -> str:
    max_px = sweep.plan.config.diffusion.drift.max_px
    end_px = min(2 * max_px, _FOLLOWED_PX)

    def of(x: str, y: str, *band: str, labels: bool = False, dots: bool = False) -> list[Curve]:
        made = []
        for strategy in sweep.strategies:
            lines = [line for line in table if line["strategy"] == strategy]
            lines = [line for line in lines if y == "drift_median_px" or line[y] is not None]
            lines = [{name: _drawn(line[name]) for name in line} for line in lines]
            made.append(
                Curve(
                    strategy,
                    [(line[x], line[y]) for line in lines],
                    [(line[band[0]], line[band[1]]) for line in lines] if band else None,
                    [str(line["level"]) for line in lines] if labels else None,
                    _cloud(rows, strategy) if dots else (),
                )
            )
        return made

    drift_band = ("drift_p25_px", "drift_p75_px")
    return "".join(
        [
            curves(
                "change of people against drift",
                of("drift_median_px", "change_median", labels=True, dots=True),
                "drift, px",
                "change of people",
                ends=(end_px, None),
            ),
            curves(
                "drift against level",
                of("level", "drift_median_px", *drift_band),
                "level",
                "drift, px",
                (max_px / 2, "half the limit"),
                (None, end_px),
            ),
            curves(
                "keep rate against level",
                of("level", "keep_rate", "keep_low", "keep_high"),
                "level",
                "people kept",
                (sweep.keep, f"{sweep.keep:g} wanted"),
            ),
            curves(
                "change of people against level",
                of("level", "change_median"),
                "level",
                "change of people",
            ),
            curves(
                "change of the whole picture against level",
                of("level", "picture_change_median"),
                "level",
                "change of picture",
            ),
            curves(
                "change of people per pixel of drift",
                of("level", "change_per_px"),
                "level",
                "change per px",
            ),
        ]
    )


def _drawn(figure):
    """What could not be measured is infinitely far."""
    return math.inf if figure is None else figure


def _cloud(rows: list[dict], strategy: str) -> tuple[tuple[float, float], ...]:
    """(drift, change) of everybody under one strategy."""
    return tuple(
        (row["mean_px"], row["change"])
        for row in rows
        if row["strategy"] == strategy and row["mean_px"] is not None
    )


_TITLES = {
    "strategy": "strategy",
    "level": "level",
    "images": "pictures",
    "people": "people",
    "kept": "kept",
    "keep_rate": "keep rate",
    "keep_low": "from",
    "keep_high": "to",
    "drift_median_px": "drift px, median",
    "drift_p90_px": "90th percentile",
    "boundary_median_px": "outline px, median",
    "change_median": "change",
    "colour_change_median": "change of colour",
    "picture_change_median": "change of picture",
    "change_per_px": "change per px",
}


def _table(sweep: Sweep, table: list[dict], choice: Choice) -> str:
    max_px = sweep.plan.config.diffusion.drift.max_px
    head = "".join(f"<th>{title}</th>" for title in (*_TITLES.values(), "not safe because"))
    lines = []
    for line in table:
        fault = level_fault(line, sweep.keep, max_px) if line["level"] else ""
        chosen = (line["strategy"], line["level"]) == (choice.strategy, choice.level)
        cells = [_figure(line[name]) for name in _TITLES] + [escape(fault)]
        kind = "chosen" if chosen else "unsafe" if fault else ""
        lines.append(f'<tr class="{kind}">' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return (
        f'<div class="wide"><table class="figures"><tr>{head}</tr>{"".join(lines)}</table></div>'
        "<p>People: paintings of a person of at least 50 px. Empty: could not be measured, or "
        "drift below what the flow can tell (0.1 px). Every row of every person is in "
        "sweep.parquet, this table in sweep.csv, the settings in sweep.json.</p>"
    )


def _figure(value) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _scenes(sweep: Sweep, scenes: list[int], rejected: list[dict]) -> str:
    told = f"<p>Swept: {', '.join(map(str, scenes))} of seed {sweep.plan.seed}.</p>"
    if not rejected:
        return told + "<p>None was rejected.</p>"
    lines = "".join(
        f"<li>scene {row['scene']}, at {escape(row['stage'])}: {escape(row['reason'])}</li>"
        for row in rejected
    )
    return f"{told}<p>Rejected, and so left out:</p><ul>{lines}</ul>"


_STYLE = (
    PAGE_STYLE
    + """
p,ul{max-width:1000px}.strip td,.strip th{color:var(--quiet)}
.choice{font-size:1.35rem;margin:.4rem 0}
pre{background:var(--good);padding:.6rem .9rem;border-radius:6px;display:inline-block;margin:0}
.charts{grid-template-columns:repeat(auto-fill,minmax(440px,1fr));gap:1.2rem}
tr.chosen td{background:var(--good)}tr.unsafe td{color:var(--quiet)}.figures{font-size:13px}
.figures td:last-child{min-width:24em}
.strip td,.strip th{padding:2px 4px 6px 0;border:0;font-size:12px;vertical-align:top}
.strip img{display:block;border-radius:3px}.strip .lost{color:var(--bad)}
.strip .lost img{outline:2px solid var(--bad);outline-offset:-2px}
"""
)
