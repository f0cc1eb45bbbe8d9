"""What a dataset, or one of its samples, holds: as text, and as one overlay picture."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.errors import GenbError
from pipeline.shards.index import read_index
from pipeline.shards.read import Sample, find_sample
from pipeline.storage import atomic_file, read_json
from pipeline.truth.schema import VISIBILITY


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
    for name in ("occlusion", "truncation", "age_years", "stature_m", "vfov_deg", "distance_m"):
        values = [row[name] for row in rows]
        if values:
            low, middle, high = np.percentile(values, [0, 50, 100])
            lines.append(f"  {name:<12} {low:8.2f} {middle:8.2f} {high:8.2f}  (min, median, max)")
    for name in ("sex", "action", "garments", "hdri", "steps_applied", "decision"):
        counted = Counter(row[name] for row in rows).most_common(6)
        lines.append(f"  {name:<12} " + ", ".join(f"{_named(value)} {n}" for value, n in counted))
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
    camera, rerender = facts["camera"], facts["rerender"]
    lines = [
        f"{sample.key} in {facts['shard']}: {camera['width']} x {camera['height']}, "
        f"vfov {camera['vfov_deg']:.2f} deg, focal {camera['focal_px']:.1f} px, "
        f"{facts['light']['place']}, light {facts['light']['hdri'] or 'sun and sky'}",
        f"  noise {rerender['steps_applied']} of {rerender['steps']} steps "
        f"({rerender['backend']}), {rerender['decision']}, "
        f"drift {rerender['drift_mean_px']:.2f} px",
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
        ]
    lines.append("  audit " + ", ".join(f"{n} {v:.4g}" for n, v in facts["audit"].items()))
    lines.append("  members:")
    lines += [f"    {name:<12} {len(data):>9} bytes" for name, data in sample.members.items()]
    lines.append("  labels:")
    lines += [f"    {name:<16} {a.dtype!s:<8} {a.shape}" for name, a in sorted(labels.items())]
    return "\n".join(lines)
