"""report/index.html: the dataset at a glance, made from its own files.

Self-contained: no scripts, no network, pictures as JPEG beside it. Timings are shown when the work
folder still has them; they appear nowhere else.
"""

import json
from collections import defaultdict
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.errors import GenbError
from pipeline.report.charts import categories, histogram
from pipeline.report.overlays import (
    amodal_picture,
    draw_outlines,
    draw_points,
    draw_skeletons,
    flow_picture,
)
from pipeline.report.rerendering import noise_text, rerender_section
from pipeline.report.style import PAGE_STYLE
from pipeline.shards.index import read_index
from pipeline.shards.read import Sample, read_samples
from pipeline.storage import atomic_dir, read_json

GALLERY_SIZE = 60
_SHOWN = ("rgb.jpg", "cg.png", "mask.png", "json", "npz", "geometry.npz", "flow.npy")
_PICTURE_PX = 512

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
    """Write `report/` of a finished dataset anew; returns the path of its index.html."""
    out = Path(out)
    if not (out / "dataset.json").is_file():
        raise GenbError(f"{out} holds no finished dataset (no dataset.json). Build it first.")
    description = read_json(out / "dataset.json")
    rows = read_index(out / "index.parquet")
    with atomic_dir(out / "report") as folder:
        (folder / "images").mkdir()
        gallery = _gallery(out, folder / "images", description["counts"]["samples"])
        page = _page(description, rows, gallery, _timings(out))
        (folder / "index.html").write_text(page)
    return out / "report" / "index.html"


def _gallery(out: Path, images: Path, samples: int) -> list[str]:
    """Cards of up to GALLERY_SIZE samples, spread evenly over the dataset."""
    wanted = set(np.linspace(0, samples - 1, min(samples, GALLERY_SIZE)).astype(int).tolist())
    cards, number = [], 0
    for tar in sorted((out / "shards").glob("genb-*.tar")):
        for sample in read_samples(tar, only=_SHOWN):
            if number in wanted:
                cards.append(_card(sample, images))
            number += 1
    return cards


def _card(sample: Sample, images: Path) -> str:
    labels, facts = sample.labels(), sample.json()
    final = sample.image("rgb.jpg")
    pictures = {
        "final": final,
        "render": sample.image("cg.png"),
        "joints": draw_skeletons(final, labels["joints_2d"], labels["joints_code"]),
        "masks": draw_outlines(final, sample.image("mask.png")),
    }
    dense = [name for name in labels if name.startswith("dense_") and name.endswith("_2d")]
    if dense:
        pictures["surface"] = draw_points(final, labels[min(dense, key=len)])
    if "geometry.npz" in sample.members:
        pictures["amodal"] = amodal_picture(sample.arrays("geometry.npz")["amodal"])
    if "flow.npy" in sample.members:
        pictures["flow"] = flow_picture(sample.array("flow.npy"))
    views = "".join(
        f'<a href="images/{_save(images, sample.key, name, picture)}"><img loading="lazy" '
        f'src="images/{sample.key}.{name}.jpg" alt="{name} of {sample.key}"><span>{name}</span></a>'
        for name, picture in pictures.items()
    )
    people = "<br>".join(
        escape(
            f"{p['sex']} {p['age_years']:.0f} y, {p['action']}, {p['garments'] or 'none'}, "
            f"{p['occlusion']:.0%} hidden"
        )
        for p in facts["people"]
    )
    made = f"appearance {facts['appearance']}, {_decided(facts)} · {noise_text(facts['rerender'])}"
    where = f"{facts['light']['place']} {facts['light']['hdri']}".strip()
    return (
        f'<article id="{sample.key}"><div class="views">{views}</div><p><b>{sample.key}</b> '
        f"{escape(where)}, {facts['camera']['vfov_deg']:.0f}°<br>{escape(made)}"
        f"<br>{people}</p></article>"
    )


def _decided(facts: dict) -> str:
    """The decision, and how many people it touched."""
    decision = facts["rerender"]["decision"]
    repaired = sum(p["drift_decision"] != "accepted" for p in facts["people"])
    if decision in ("accepted", "passthrough"):
        return decision
    return f"{decision}, {repaired} of {facts['people_count']} repaired"


def _save(images: Path, key: str, name: str, picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((_PICTURE_PX, _PICTURE_PX), Image.Resampling.LANCZOS)
    image.save(images / f"{key}.{name}.jpg", quality=88)
    return f"{key}.{name}.jpg"


def _page(description: dict, rows: list[dict], gallery: list[str], timings: str) -> str:
    counts, limits = description["counts"], description["config"]["diffusion"]["drift"]
    facts = (
        f"{counts['samples']} images · {counts['people']} people · {counts['shards']} shard(s) · "
        f"{counts['rejected']} of {counts['scenes']} scenes rejected · seed {description['seed']}"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(description["name"])}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><header><h1>{escape(description["name"])}</h1><p>{escape(description["description"])}</p>
<p class="facts">{facts}</p>
<nav><a href="#gallery">gallery</a> <a href="#distributions">distributions</a>
<a href="#audit">audit</a> <a href="#drift">noise and drift</a>
<a href="#rejections">rejections</a> <a href="#timings">timings</a></nav></header>
<section id="gallery"><h2>Gallery</h2><p>{len(gallery)} of {counts["samples"]} images. Joints: green
seen, blue under clothes, yellow hidden by oneself, red by another person, violet by an object.</p>
<div class="cards">{"".join(gallery)}</div></section>
<section id="distributions"><h2>Distributions</h2>
<div class="charts">{_charts(rows)}</div></section>
<section id="audit"><h2>Audit</h2>{_audit_table(description, rows)}</section>
<section id="drift"><h2>Noise and drift</h2>{rerender_section(rows, limits)}</section>
<section id="rejections"><h2>Rejected scenes</h2>{_rejections(description)}</section>
<section id="timings"><h2>Timings</h2>{timings}</section>
</body></html>
"""


def _charts(rows: list[dict]) -> str:
    def column(name: str) -> list:
        return [row[name] for row in rows]

    images = list({row["key"]: row for row in rows}.values())
    return "".join(
        [
            histogram("people per image", [float(r["people_count"]) for r in images]),
            histogram("occlusion", column("occlusion")),
            histogram("truncation", column("truncation")),
            histogram("vertical field of view", [r["vfov_deg"] for r in images], "°"),
            histogram("camera height", [r["eye_height_m"] for r in images], " m"),
            histogram("distance", column("distance_m"), " m"),
            histogram("age", column("age_years"), " y"),
            histogram("stature", column("stature_m"), " m"),
            histogram("body mass index", column("bmi"), " kg/m²"),
            histogram("facing", [(y + 180) % 360 - 180 for y in column("yaw_deg")], "°"),
            categories("actions", column("action")),
            categories("clothes", column("garments")),
            categories("camera movement", [r["camera_movement"] for r in images]),
            categories("light", [r["hdri"] or "sun and sky" for r in images]),
            categories("appearance", [f"appearance {r['appearance']}" for r in images]),
            categories("place", [r["place"] for r in images]),
            histogram("brightness of people", [r["exposure_people_luma"] for r in images]),
            categories("sex", column("sex")),
            categories("body model", column("gender")),
            *(histogram(f"shape coefficient {i}", column(f"beta_{i}")) for i in range(3)),
            histogram("foot float", column("foot_float_mm"), " mm"),
            histogram("foot sink", column("foot_sink_mm"), " mm"),
            histogram("self-penetration", column("self_penetration_mm"), " mm"),
            histogram("cloth inside the body", _percent(column("garments_inside")), " %"),
            histogram("cloth pinched by the body", _percent(column("garments_pinched")), " %"),
            categories("cloth held to the skin", _yes_no(column("garments_held"))),
        ]
    )


def _percent(shares: list[float]) -> list[float]:
    return [100 * share for share in shares]


def _yes_no(flags: list[bool]) -> list[str]:
    return ["yes" if flag else "no" for flag in flags]


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
        "<table><tr><th>figure</th><th>median</th><th>worst</th><th>unit</th><th>worst image</th>"
        f"</tr>{''.join(lines)}</table><p>Limits: {escape(told)}. An image beyond any of them is "
        "rejected with its figure.</p>"
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
    return f"<table><tr>{head}</tr>{lines}</table>"


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
        "<table><tr><th>stage</th><th>items</th><th>median s</th><th>longest s</th><th>total s</th>"
        f"<th>peak memory MB</th></tr>{lines}</table><p>On the machine that built it, all runs "
        "into this folder together; stages may have run at the same time.</p>"
    )


_STYLE = (
    PAGE_STYLE
    + """
article p{color:var(--quiet)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(430px,1fr));gap:1.2rem}
article{border:1px solid var(--line);border-radius:6px;padding:.6rem}article p{margin:.4rem 0 0;
font-size:13px}article b{color:var(--ink)}
.views{display:grid;grid-template-columns:3fr 1fr 1fr;gap:4px}
.views a{position:relative;display:block}.views a:first-child{grid-row:span 3}.views img{width:100%;
display:block;border-radius:3px}.views span{position:absolute;left:4px;bottom:3px;font-size:11px;
color:#fff;background:#0008;padding:0 4px;border-radius:3px}
"""
)
