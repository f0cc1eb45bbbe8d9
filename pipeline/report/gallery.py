"""The gallery: one card per picture, with layers that are switched on and off, and its facts.

A card's own check boxes work by style sheet alone. The bar for all cards, the key-points and the
page's address (`?layers=mesh,boxes&points=coco17#KEY`) need the page's script. A card that is the
page's target lies over the page, large, with all that is known of the sample.
"""

import json
from collections import Counter
from html import escape
from pathlib import Path

from pipeline.dataset import Dataset, Frame
from pipeline.report.bones import point_sets
from pipeline.report.facts import facts_tables, people_lines, picture_line
from pipeline.report.layers import MAKERS, MEMBERS, Pictures, write_pictures
from pipeline.report.overlays import CODE_COLOURS, PART_COLOURS
from pipeline.report.vectors import BOXES, box_layers, page_data, point_data
from pipeline.shards.pose_clusters import spread
from pipeline.truth.schema import VISIBILITY

GALLERY_SIZE = 60

LAYERS = {
    "render": "render",
    "mesh": "mesh",
    "skeleton": "key-points",
    "dense": "dense points",
    "boxes": "boxes",
    "amodal-boxes": "amodal boxes",
    "hand-boxes": "hand boxes",
    "masks": "masks",
    "amodal": "amodal masks",
    "depth": "depth",
    "normals": "normals",
    "parts": "parts",
    "flow": "flow",
}
"""Layer -> its name on the page, in the order of the switches."""

_DRAWN = ("dense", "skeleton")
"""Layers that the script draws."""


def gallery_section(dataset: Dataset, images: Path) -> str:
    """HTML of up to GALLERY_SIZE cards, spread evenly over the dataset. Writes their pictures."""
    cards, absent = [], Counter()
    for frame in spread(dataset, GALLERY_SIZE, MEMBERS):
        pictures = write_pictures(frame, images)
        absent.update((LAYERS[name], why) for name, why in pictures.absent.items())
        cards.append(_card(frame, pictures))
    if not cards:
        return "<p>No picture: every scene was rejected, see the rejections below.</p>"
    total = dataset.description["counts"]["samples"]
    return (
        f"<p>{len(cards)} of {total} images. Switch overlays on for all of them here, or for one "
        "below its picture; a click on a picture opens it large, with its facts. Point at a joint "
        "or a box to read its name.</p>"
        f"{_absent(absent, len(cards))}{_bar(absent, len(cards))}{_LEGEND}"
        f'<div class="cards">{"".join(cards)}</div>'
        f'<script type="application/json" id="page-data">{_json(page_data())}</script>'
    )


def _absent(absent: Counter, cards: int) -> str:
    """Every layer that some card lacks, with the reason."""
    if not absent:
        return ""
    lines = "".join(
        f"<li>{escape(layer)}, of {'all pictures' if n == cards else f'{n} pictures'}: "
        f"{escape(why)}</li>"
        for (layer, why), n in absent.items()
    )
    names = ", ".join(sorted({layer for layer, _ in absent}))
    return (
        f'<details class="absent"><summary>Absent, of some pictures or all: {escape(names)}'
        f"</summary><ul>{lines}</ul></details>"
    )


def _bar(absent: Counter, cards: int) -> str:
    """The switches for all cards. A layer that no card has is not offered."""
    nowhere = {
        layer
        for layer in {layer for layer, _ in absent}
        if sum(n for (name, _), n in absent.items() if name == layer) == cards
    }
    boxes = "".join(
        f'<label><input type="checkbox" name="{name}" autocomplete="off">{title}</label>'
        for name, title in LAYERS.items()
        if title not in nowhere
    )
    choices = "".join(
        f'<option value="{name}">{escape(one.title)}</option>' for name, one in point_sets().items()
    )
    return f"""<form id="bar" class="bar"><fieldset class="switches"><legend>All pictures</legend>
{boxes}</fieldset><div class="choices"><label>Key-point set <select name="points"
autocomplete="off">{choices}</select></label> <label>Bones <select name="bones"
autocomplete="off"><option value="people">by person</option><option value="sides">by side: left
blue, right orange</option></select></label> <label>Opacity <input type="range" name="opacity"
min="10" max="100" value="100" autocomplete="off"></label></div></form>
<noscript><p>Without scripts the bar for all pictures and the key-points do not work; the switches
below the pictures do.</p></noscript>"""


def _card(frame: Frame, pictures: Pictures) -> str:
    key = frame.key
    width, height = frame.size
    layers = "".join(
        f'<img class="layer {name}" loading="lazy" src="images/{pictures.layers[name]}" '
        f'width="{width}" height="{height}" alt="{LAYERS[name]} of {key}">'
        for name in MAKERS
        if name in pictures.layers
    )
    view_box = f'viewBox="0 0 {width} {height}" preserveAspectRatio="none"'
    boxes = box_layers(frame)
    drawn = "".join(
        f'<svg class="layer {name}" {view_box} role="img" aria-label="{LAYERS[name]} of {key}">'
        f"{boxes.get(name, '')}</svg>"
        for name in (*BOXES, *_DRAWN)
    )
    points = point_data(frame)
    there = {*pictures.layers, *BOXES, "skeleton", *(("dense",) if "dense" in points else ())}
    switches = "".join(
        f'<label><input type="checkbox" name="{name}" autocomplete="off">{title}</label>'
        for name, title in LAYERS.items()
        if name in there
    )
    zooms = "".join(
        f'<label><input type="radio" name="zoom-{key}" class="zoom{zoom}" autocomplete="off"'
        f"{' checked' if zoom == 1 else ''}>{'fit' if zoom == 1 else f'{zoom} times'}</label>"
        for zoom in (1, 2, 4)
    )
    return f"""<div class="slot" id="at-{key}"><article class="card" id="{key}" tabindex="-1"
aria-labelledby="name-{key}" style="--ratio:{width / height:.4f}"><div class="look">
<div class="top"><b id="name-{key}">{key}</b><fieldset class="switches zoom"><legend>Zoom of
{key}</legend>{zooms}</fieldset><a class="close" href="#at-{key}">close ✕</a></div>
<div class="view"><a class="stage" href="#{key}"><img class="final" loading="lazy"
src="images/{pictures.final}" width="{width}" height="{height}" alt="final picture of {key}, open it
large">{layers}{drawn}</a></div><fieldset class="switches"><legend>Overlays of {key}</legend>
{switches}</fieldset></div><div class="told"><p>{picture_line(frame)}</p>{people_lines(frame)}
<div class="more">{facts_tables(frame)}</div></div>
<script type="application/json" class="point-data">{_json(points)}</script></article></div>
"""


def _json(data: dict) -> str:
    """JSON that can stand within an element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _swatch(colour: tuple[int, int, int], name: str) -> str:
    return f'<span><i style="background:rgb{colour}"></i>{name.replace("_", " ")}</span>'


_LEGEND = (
    '<details class="legend"><summary>Colours</summary><p>Joints and dense points: '
    + " ".join(_swatch(colour, name) for name, colour in CODE_COLOURS.items())
    + "</p><p>Parts: "
    + " ".join(_swatch(c, name) for name, c in PART_COLOURS.items() if name != "background")
    + "</p><p>Depth: near is bright. Normals: facing the camera is light blue, red to the right, "
    "green upwards. Flow: hue is direction (red to the right), strength is length. Amodal masks: "
    "hatched where something hides the person. Amodal boxes are dashed, hand boxes dotted.</p>"
    "</details>"
)


def layer_style() -> str:
    """Style sheet rules that show a layer while its box is ticked, and colour the key-points."""
    shown = "".join(
        f'.card:has(.switches [name="{name}"]:checked) .layer.{name}{{display:block}}\n'
        for name in LAYERS
    )
    coloured = "".join(
        f".code{VISIBILITY[name]}{{--person:rgb{colour}}}\n"
        for name, colour in CODE_COLOURS.items()
    )
    return shown + coloured
