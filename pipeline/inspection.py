"""What a dataset, or one of its samples, holds: as text, and as one overlay picture."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.errors import GenbError
from pipeline.shards.index import read_index
from pipeline.shards.read import Sample, find_sample
from pipeline.shards.sample import UNMEASURED
from pipeline.storage import atomic_file, read_json
from pipeline.truth.schema import VISIBILITY

_NUMBERS = (
    *("occlusion", "truncation", "age_years", "stature_m", "vfov_deg", "distance_m"),
    *("drift_mean_px", "change"),
)
_NAMES = (
    *("sex", "action", "garments", "hdri"),
    *("appearance", "strategy", "steps_applied", "decision", "drift_decision"),
)


def inspect(out: Path, key: str | None = None, picture: Path | None = None) -> str:
    """Summary of the dataset in `out`, or of the sample `key`.

    With a key, an overlay picture is written to `picture` (default OUT/inspect/KEY.png). Raises
    GenbError when there is no such dataset or sample.
    """
    out = Path(out)
    if key is None:
        return _dataset_text(out)
    sample = find_sample(out, key)
    picture = picture or out / "inspect" / f"{key}.png"
    with atomic_file(picture) as partial:
        Image.fromarray(sample_picture(sample)).save(partial, "PNG")
    return f"{_sample_text(sample)}\npicture: {picture}"


def sample_picture(sample: Sample) -> np.ndarray:
    """(H, 4 W, 3) uint8: final image, masks, joints, surface points (or parts)."""
    from pipeline.report.overlays import draw_outlines, draw_points, draw_skeletons, part_picture

    image, labels = sample.image("rgb.jpg"), sample.labels()
    dense = sorted((n for n in labels if n.endswith("_2d") and n.startswith("dense_")), key=len)
    last = draw_points(image, labels[dense[0]]) if dense else part_picture(sample.image("part.png"))
    joints = draw_skeletons(image, labels["joints_2d"], labels["joints_code"])
    return np.concatenate(
        [image, draw_outlines(image, sample.image("mask.png")), joints, last], axis=1
    )


def _dataset_text(out: Path) -> str:
    if not (out / "dataset.json").is_file():
        raise GenbError(f"{out} holds no finished dataset (no dataset.json). Build it first.")
    description = read_json(out / "dataset.json")
    counts, rows = description["counts"], read_index(out / "index.parquet")
    lines = [
        f"{description['name']} ({description['format']}), seed {description['seed']}",
        f"  {counts['samples']} images, {counts['people']} people, {counts['shards']} shard(s), "
        f"{counts['scenes']} scenes of which {counts['rejected']} rejected",
    ]
    for name in _NUMBERS:
        values = [row[name] for row in rows if row[name] != UNMEASURED]
        if values:
            low, middle, high = np.percentile(values, [0, 50, 100])
            lines.append(f"  {name:<14} {low:8.2f} {middle:8.2f} {high:8.2f}  (min, median, max)")
    for name in _NAMES:
        counted = Counter(row[name] for row in rows).most_common(6)
        lines.append(f"  {name:<14} " + ", ".join(f"{_named(value)} {n}" for value, n in counted))
    lines += [
        f"  rejected: scene {r['scene']} at {r['stage']}: {r['reason']}"
        for r in description["rejected"]
    ]
    keys = sorted({row["key"] for row in rows})
    if keys:
        lines.append(f"  keys {keys[0]} to {keys[-1]}; look at one: genb inspect {out} {keys[0]}")
    return "\n".join(lines)


def _named(value: object) -> str:
    return "none" if value == "" else str(value)


def _sample_text(sample: Sample) -> str:
    facts, labels = sample.json(), sample.labels()
    camera = facts["camera"]
    lines = [
        f"{sample.key} in {facts['shard']}: {camera['width']} x {camera['height']}, "
        f"vfov {camera['vfov_deg']:.2f} deg, focal {camera['focal_px']:.1f} px, "
        f"{facts['light']['place']}, light {facts['light']['hdri'] or 'sun and sky'}",
        *_rerender_lines(facts["appearance"], facts["rerender"]),
    ]
    names = {code: name for name, code in VISIBILITY.items()}
    for k, person in enumerate(facts["people"]):
        codes = Counter(names[int(code)] for code in labels["joints_code"][k])
        lines += [
            f"  person {k}: {person['sex']}, {person['age_years']:.0f} years, "
            f"{person['stature_m']:.2f} m, {person['action']}, "
            f"{person['garments'] or 'no garments'}, {person['distance_m']:.2f} m away",
            f"    {person['occlusion']:.1%} occluded, {person['truncation']:.1%} outside; joints: "
            + ", ".join(f"{n} {name}" for name, n in codes.most_common()),
            f"    {person['drift_decision']}, drift {_figure(person['drift_mean_px'])} px, "
            f"{_figure(person['drift_used_share'])} followed, change {_figure(person['change'])}",
        ]
    lines.append("  audit " + ", ".join(f"{n} {v:.4g}" for n, v in facts["audit"].items()))
    lines.append("  members:")
    lines += [f"    {name:<12} {len(data):>9} bytes" for name, data in sample.members.items()]
    lines.append("  labels:")
    lines += [f"    {name:<16} {a.dtype!s:<8} {a.shape}" for name, a in sorted(labels.items())]
    return "\n".join(lines)


def _rerender_lines(appearance: int, rerender: dict) -> list[str]:
    """What painted a picture, and what was decided about it."""
    levels = ", ".join(f"{region} {level}" for region, level in rerender["levels"].items())
    lines = [
        f"  appearance {appearance}: {rerender['steps_applied']} of {rerender['steps']} steps "
        f"({rerender['model'] or rerender['backend']}), {rerender['decision']}",
        f"  {rerender['strategy']} noise: {levels}",
        f"  drift {_figure(rerender['drift_mean_px'])} px, of the first painting "
        f"{_figure(rerender['first_drift_mean_px'])} px; change {_figure(rerender['change'])}, "
        f"of colour {_figure(rerender['colour_change'])}; flicker of people "
        f"{_figure(rerender['flicker_people'])}, of all {_figure(rerender['flicker_all'])}",
    ]
    return lines + ([f"  because {rerender['reason']}"] if rerender["reason"] else [])


def _figure(value: float) -> str:
    return "unmeasured" if value == UNMEASURED else f"{value:.2f}"
