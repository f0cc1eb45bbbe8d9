"""report/index.html: the dataset at a glance, made from its own published files.

Self-contained: one page with its style and script, and its pictures beside it; no network. Timings
are shown when the work folder still has them; they appear nowhere else.
"""

import json
import shutil
from collections import defaultdict
from html import escape
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset
from pipeline.report.balance import balance_section
from pipeline.report.distributions import distribution_charts
from pipeline.report.gallery import gallery_section, layer_style
from pipeline.report.rerendering import rerender_section
from pipeline.report.script import PAGE_SCRIPT
from pipeline.report.style import GALLERY_STYLE, PAGE_STYLE
from pipeline.shards.balance import dataset_balance
from pipeline.shards.index import read_index
from pipeline.storage import atomic_dir, write_json

_AUDIT = {
    "silhouette_iou": ("silhouettes, image", "IoU", "min"),
    "person_iou_min": ("silhouettes, worst person", "IoU", "min"),
    "vertex_error_px": ("vertices against Blender's camera", "px", "max"),
    "position_error_px": ("Cycles' position pass", "px", "max"),
    "parameter_error_mm": ("label parameters against the rendered body", "mm", "max"),
    "depth_median_mm": ("depth, median", "mm", "max"),
    "depth_p99_mm": ("depth, 99th percentile", "mm", "max"),
    "depth_max_mm": ("depth, largest (no limit)", "mm", "max"),
    "joints_in_mask": ("joints inside the body", "share", "min"),
    "clothed_in_front": ("clothes in front of the body", "share", "min"),
    "amodal_covers": ("bodies inside their amodal masks", "share", "min"),
    "surface_error_px": ("surface correspondence against pixel centres", "px", "max"),
    "near_share": ("of the picture nearer than 0.25 m", "share", "max"),
    "interpenetration_mm": ("people inside each other", "mm", "max"),
}


def rebuild_report(out: Path) -> Path:
    """Write `report/` of a finished dataset anew; returns the path of its index.html.

    Raises GenbError when there is no finished dataset, or when a shard is damaged.
    """
    dataset = Dataset(out)
    rows = read_index(dataset.out / "index.parquet")
    balance = dataset_balance(dataset, rows)
    with atomic_dir(dataset.out / "report") as folder:
        (folder / "images").mkdir()
        write_json(folder / "balance.json", balance)
        page = _page(dataset, rows, gallery_section(dataset, folder / "images"), balance)
        (folder / "index.html").write_text(page, encoding="utf-8")
        # The old report stays until the new one is complete.
        shutil.rmtree(dataset.out / "report", ignore_errors=True)
    return dataset.out / "report" / "index.html"


def _page(dataset: Dataset, rows: list[dict], gallery: str, balance: dict) -> str:
    description = dataset.description
    counts, limits = description["counts"], description["config"]["diffusion"]["drift"]
    facts = (
        f"{counts['samples']} images · {counts['people']} people · {counts['shards']} shard(s) · "
        f"{counts['rejected']} of {counts['scenes']} scenes rejected · seed {description['seed']}"
    )
    sections = {
        "gallery": ("Gallery", gallery),
        "balance": ("Balance", balance_section(balance)),
        "distributions": ("Distributions", distribution_charts(rows)),
        "audit": ("Audit", _audit_table(description, rows)),
        "drift": ("Noise and drift", rerender_section(rows, limits)),
        "rejections": ("Rejected scenes", _rejections(description)),
        "timings": ("Timings", _timings(dataset.out)),
    }
    links = "".join(f'<a href="#{name}">{title}</a> ' for name, (title, _) in sections.items())
    body = "".join(
        f'<section id="{name}"><h2>{title}</h2>{content}</section>\n'
        for name, (title, content) in sections.items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(description["name"])}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{PAGE_STYLE}{GALLERY_STYLE}{layer_style()}</style></head>
<body><header><h1>{escape(description["name"])}</h1><p>{escape(description["description"])}</p>
<p class="facts">{facts}</p><nav>{links}</nav></header>
<main>{body}</main><script>{PAGE_SCRIPT}</script></body></html>
"""


def _audit_table(description: dict, rows: list[dict]) -> str:
    limits = description["config"]["audit"]
    images = list({row["key"]: row for row in rows}.values())
    if not images:
        return "<p>No image.</p>"
    lines = []
    for name, (title, unit, worst_of) in _AUDIT.items():
        values = [row[f"audit_{name}"] for row in images]
        pick = min if worst_of == "min" else max
        worst = pick(images, key=lambda row, n=name: row[f"audit_{n}"])
        lines.append(
            f"<tr><td>{title}</td><td>{np.median(values):.5g}</td><td>{pick(values):.5g}</td>"
            f"<td>{unit}</td><td>{worst['key']}</td></tr>"
        )
    told = ", ".join(f"{name} = {value:g}" for name, value in limits.items())
    return (
        '<div class="wide"><table><tr><th>figure</th><th>median</th><th>worst</th><th>unit</th>'
        f"<th>worst image</th></tr>{''.join(lines)}</table></div><p>Limits: {escape(told)}. An "
        "image beyond any of them is rejected with its figure.</p>"
    )


def _rejections(description: dict) -> str:
    scenes = _table(description["rejected"], ("scene", "stage", "reason"))
    columns = ("subject", "motion", "outfit", "stage", "reason")
    candidates = _table(description["cast_failures"], columns)
    refused = _table(description["motions_refused"], ("motion", "reason"))
    return (
        f"{scenes}<p>Cast candidates who were replaced by an understudy:</p>{candidates}"
        f"<p>Motion files that could not be used:</p>{refused}"
    )


def _table(rows: list[dict], columns: tuple[str, ...]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th>{name}</th>" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in columns) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{lines}</table></div>'


def _timings(out: Path) -> str:
    path = out / "work" / "timings.jsonl"
    if not path.is_file():
        return "<p>The work folder with the timings is gone.</p>"
    seconds, peak = defaultdict(list), defaultdict(int)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        seconds[row["stage"]].append(row["seconds"])
        peak[row["stage"]] = max(peak[row["stage"]], row["peak_rss_mb"])
    lines = "".join(
        f"<tr><td>{stage}</td><td>{len(s)}</td><td>{np.median(s):.2f}</td><td>{max(s):.2f}</td>"
        f"<td>{sum(s):.1f}</td><td>{peak[stage]}</td></tr>"
        for stage, s in seconds.items()
    )
    return (
        '<div class="wide"><table><tr><th>stage</th><th>items</th><th>median s</th>'
        f"<th>longest s</th><th>total s</th><th>peak memory MB</th></tr>{lines}</table></div><p>On "
        "the machine that built it, all runs into this folder together; stages may have run at the "
        "same time.</p>"
    )
