"""What a gallery card draws as lines and dots: boxes as SVG, key-points as numbers for the script.

Coordinates are the labels' own, px; an SVG's view box is the picture. Key-points of every set are
too many to write out as elements, so the page's script draws the chosen set.
"""

from html import escape

import numpy as np

from pipeline.dataset import Frame
from pipeline.report.bones import SMPLX, point_sets
from pipeline.report.overlays import person_colour
from pipeline.truth.schema import VISIBILITY

_SIDES = ("left", "right")
BOXES = {"boxes": "modal box", "amodal-boxes": "amodal box", "hand-boxes": "hand box"}
"""Layer -> what its rectangles are called."""


def box_layers(frame: Frame) -> dict[str, str]:
    """SVG of each layer of BOXES. A box of nothing (all zeros) is not drawn."""
    labels = frame.labels
    boxes = {
        "boxes": [(k, "", box) for k, box in enumerate(labels["box_modal"])],
        "amodal-boxes": [(k, "", box) for k, box in enumerate(labels["box_amodal"])],
        "hand-boxes": [
            (k, f", {side}", box)
            for k, hands in enumerate(labels["box_hands"])
            for side, box in zip(_SIDES, hands, strict=True)
        ],
    }
    return {
        name: "".join(
            _rectangle(k, f"person {k}: {BOXES[name]}{side}", box)
            for k, side, box in drawn
            if box.any()
        )
        for name, drawn in boxes.items()
    }


def _rectangle(person: int, title: str, box: np.ndarray) -> str:
    x0, y0, x1, y1 = (round(float(v), 1) for v in box)
    told = f"{title}, {x0:g} {y0:g} {x1:g} {y1:g} px"
    return (
        f'<rect x="{x0:g}" y="{y0:g}" width="{x1 - x0:g}" height="{y1 - y0:g}" '
        f'stroke="{css_colour(person)}"><title>{escape(told)}</title></rect>'
    )


def css_colour(person: int) -> str:
    """A person's colour."""
    return "#" + "".join(f"{int(c):02x}" for c in person_colour(person))


def point_data(frame: Frame) -> dict:
    """Every set's points of every person, flat: x, y, code, x, y, code, ...; and the smallest set
    of dense points with the vertices that they are."""
    labels = frame.labels
    sets = {}
    for name in point_sets():
        uv, code = (
            (labels["joints_2d"], labels["joints_code"])
            if name == SMPLX
            else (labels[f"{name}_2d"], labels[f"{name}_code"])
        )
        sets[name] = _flat(uv, code)
    top, bottom = labels["box_amodal"][:, 1], labels["box_amodal"][:, 3]
    data = {
        "size": list(frame.size),
        "colours": [css_colour(k) for k in range(len(frame.people))],
        "heights": np.round(bottom - top).astype(int).tolist(),
        "sets": sets,
    }
    dense = smallest_dense(labels)
    if dense:
        data["dense"] = _flat(labels[f"{dense}_2d"], labels[f"{dense}_code"])
        data["vertices"] = labels[f"{dense}_index"].tolist()
    return data


def smallest_dense(labels: dict[str, np.ndarray]) -> str:
    """Name of the smallest set of dense points, e.g. dense_138; empty when there is none."""
    found = [n.removesuffix("_index") for n in labels if n.startswith("dense_") and "index" in n]
    return min(found, key=lambda name: int(name.removeprefix("dense_")), default="")


def page_data() -> dict:
    """What all cards share: names, sizes and bones of the sets, and names of the codes."""
    sets = {
        name: {
            "names": one.names,
            "sizes": "".join(map(str, one.sizes)),
            "bones": [list(bone) for bone in one.bones],
        }
        for name, one in point_sets().items()
    }
    codes = sorted(VISIBILITY, key=VISIBILITY.get)
    return {"sets": sets, "codes": [name.replace("_", " ") for name in codes]}


def _flat(uv: np.ndarray, code: np.ndarray) -> list[list[float]]:
    """Tenths of a pixel: less than a screen shows at four-fold size."""
    return [
        [
            v
            for (x, y), c in zip(np.round(points.astype(float), 1).tolist(), codes, strict=True)
            for v in (x, y, int(c))
        ]
        for points, codes in zip(uv, code, strict=True)
    ]
