"""The balance of a dataset as HTML: bars against an even share, warnings, poses, and its parts.

The numbers are those of `pipeline.shards.balance`; nothing is counted here.
"""

from html import escape
from itertools import count

from pipeline.body.modelfile import JOINT_NAMES, PARENTS
from pipeline.report.charts import bars
from pipeline.shards.pose_clusters import BODY_JOINTS

_FAR = 3.0
"""A part this many times as far from the training part as chance would put it is marked."""


def balance_section(balance: dict) -> str:
    """HTML of the section. balance: what `dataset_balance` returns."""
    if not balance["people"]:
        return "<p>No person.</p>"
    return (
        f"<p>{balance['people']} people in {balance['images']} images; a frame with several "
        "appearances counts once. Evenness is 1 when all bins are as full and 0 when everything is "
        "in one; the dashed line is an even share. Facing, hands and poses are of "
        f"{balance['frames_read_for_poses']} frames. All numbers are in "
        '<a href="balance.json">balance.json</a>.</p>'
        f'<div class="axes">{"".join(_axis(axis) for axis in balance["axes"].values())}</div>'
        f"{_parts(balance['axes'])}<h3>Groups of poses</h3><p>The middle of each group, from the "
        "front and from its left; the left side is blue, the right side orange.</p>"
        f'<div class="poses">{"".join(map(_pose, balance["pose_clusters"], count(1)))}</div>'
    )


def _axis(axis: dict) -> str:
    total, names = sum(axis["counts"]), axis["bins"]
    counts = list(zip(names, axis["counts"], strict=True))
    if axis["open_ended"]:
        counts = sorted(counts, key=lambda pair: -pair[1])
    told = "".join(
        f'<li class="{"few" if warning.startswith("only ") else "gap"}">{escape(warning)}</li>'
        for warning in axis["warnings"]
    )
    return (
        f"<div>{bars(axis['title'], counts, total / len(names) if names else None)}"
        f'<p class="evenness">evenness <meter min="0" max="1" value="{axis["evenness"]:.3f}" '
        f'aria-label="evenness of {escape(axis["title"])}"></meter> {axis["evenness"]:.2f}</p>'
        f"<ul>{told}</ul></div>"
    )


def _parts(axes: dict[str, dict]) -> str:
    """Every part of a divided dataset against its training part."""
    parts = sorted({split for axis in axes.values() for split in axis["against_train"]})
    if not parts:
        return ""
    lines = []
    for axis in axes.values():
        cells = "".join(_distance(axis["against_train"].get(part)) for part in parts)
        lines.append(f"<tr><th>{escape(axis['title'])}</th>{cells}</tr>")
    head = "".join(f"<th>{part} against train</th>" for part in parts)
    return (
        f'<h3>Parts of the dataset</h3><div class="wide"><table><tr><td></td>{head}</tr>'
        f"{''.join(lines)}</table></div><p>Half the sum of (p − q)² / (p + q) over the bins: 0 "
        "when both parts are spread alike, 1 when they have nothing in common. In brackets: what "
        "chance alone gives two parts of these sizes; more than "
        f"{_FAR:g} times as far is marked.</p>"
    )


def _distance(figures: dict | None) -> str:
    if figures is None:
        return "<td>not there</td>"
    distance, chance = figures["distance"], figures["by_chance"]
    far = ' class="far"' if distance > _FAR * chance else ""
    return f"<td{far}>{distance:.3f} ({chance:.3f})</td>"


def _pose(group: dict, number: int) -> str:
    caption = f"pose {number}: {group['people']} people, like person {group['person']} of "
    return (
        f'<figure class="pose">{stick_figures(group["joints"], f"pose {number}")}'
        f"<figcaption>{escape(caption)}{escape(group['key'])}</figcaption></figure>"
    )


def stick_figures(joints: list[list[float]], name: str) -> str:
    """SVG of 22 joints, in statures, heading -Y: from the front and, beside it, from the left."""
    # Seen from the front, the person's left is on the right; from their left, the front is there.
    front = [(x, -z) for x, _, z in joints]
    from_left = [(y, -z) for _, y, z in joints]
    # The left side is drawn last: it is the nearer one in the second view.
    nearest_last = sorted(range(1, BODY_JOINTS), key=lambda j: JOINT_NAMES[j].startswith("left"))
    parts = []
    for shift, points in ((0.0, front), (1.05, from_left)):
        for child in nearest_last:
            (x0, y0), (x1, y1) = points[PARENTS[child]], points[child]
            side = JOINT_NAMES[child].split("_")[0]
            kind = f' class="{side}"' if side in ("left", "right") else ""
            parts.append(f'<path{kind} d="M{x0 + shift:.3f} {y0:.3f}L{x1 + shift:.3f} {y1:.3f}"/>')
        x, y = points[JOINT_NAMES.index("head")]
        parts.append(f'<circle cx="{x + shift:.3f}" cy="{y:.3f}" r="0.055"/>')
    return (
        f'<svg viewBox="-0.5 -0.75 2.3 1.4" role="img" aria-label="{name}, from the front and '
        f'from the left">{"".join(parts)}</svg>'
    )
