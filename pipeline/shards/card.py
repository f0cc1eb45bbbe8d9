"""The dataset card (README.md), from the dataset's own description and the index."""

from collections import Counter

from pipeline.compose.splits import SPLITS
from pipeline.shards.sample import UNMEASURED

_YES = {True: "yes", False: "no"}

KNOWN_LIMITS = """\
- Everybody and everything is synthetic. Bodies, motions, clothes and rooms cover less than reality
  does; a model trained on this alone should be checked on real images before it is relied on.
- Masks, depth and normals are exact for the render `cg.png`. Where re-rendering changed pixels,
  `rgb.jpg` follows them only as closely as the measured drift says (`rerender` in each sample's
  JSON, `drift_mean_px` and its neighbours in the index). At noise level 0 both show the same
  geometry.
- Joints are those of the body model's regressor, not of an anatomical study.
- `joints_visible` counts a joint under the person's own clothes as seen; `joints_code` tells which.
- Two people may touch: the audit only limits how deep naked bodies may overlap.
- Age, sex, skin tone and stature are inputs of a body generator, not of real persons, and are not
  meant to stand for any group."""


def commercial_use(description: dict) -> bool:
    """Whether every asset that the images contain may be used commercially."""
    return all(a["commercial_use"] for a in description["assets"] if a["kind"] != "software")


def dataset_card(description: dict, rows: list[dict]) -> str:
    """README.md of a dataset."""
    counts = description["counts"]
    return f"""\
# {description["name"]}

{description["description"] or "Synthetic people with exact labels of 3D pose, shape and camera."}

{counts["samples"]} images with {counts["people"]} people, from {counts["scenes"]} scenes
({counts["rejected"]} rejected), in {counts["shards"]} WebDataset shard(s).
{_origin(description)}, format {description["format"]}.

## What is in a sample

| member | content |
|---|---|
| `rgb.jpg` | the training image |
| `cg.png` | the Blender render it was made from |
| `depth.npy` | float32 (H, W), metres along the camera axis, inf = background |
| `normal.npy` | float16 (H, W, 3), camera frame, unit length, 0 = background |
| `geometry.npz` | amodal masks; the naked body's triangle at each pixel, and where in it |
| `flow.npy` | (scenes of several frames) float32 (H, W, 2), px to the next frame; inf = unknown |
| `mask.png` | 8-bit instance ids, person k is k + 1 |
| `part.png` | 8-bit semantic ids: skin, face, hands, ..., garments, shoes |
| `json` | camera, light, people, audit, what re-rendering did and how far it drifted |
| `npz` | numeric labels: body parameters, joints, visibility, boxes, dense key-points |

Camera frame: OpenCV. World: Z up, metres. Pixel (0, 0) is the outer corner of the first pixel.
`model(betas, pose_cam, transl_cam, expression)` gives vertices in the camera frame.
{_body_model(description)}

```python
import webdataset
for sample in webdataset.WebDataset("shards/genb-000000.tar", shardshuffle=False).decode("pil"):
    sample["npz"]["joints_2d"]

from datasets import load_dataset
load_dataset("webdataset", data_files={{"train": "shards/*.tar"}}, split="train")
```

Both stream over HTTP: put `https://HOST/FOLDER/shards/...` for the file names, and
`streaming=True` for `datasets`. `index.parquet` says what is where without opening a shard:

```python
import duckdb
duckdb.sql("SELECT shard, key FROM 'index.parquet' WHERE split = 'train' AND occlusion < 0.3")
```

{_appearances(description)}

## Splits

{_splits(description)}

## What it shows

{_distribution(rows)}

## Re-rendering

{_rerendering(description, rows)}

## Licences

May the images and labels be used commercially, as far as the assets in them go:
**{_YES[commercial_use(description)]}**.

| asset | kind | licence | commercial use | redistributable | source |
|---|---|---|---|---|---|
{_licence_table(description, software=False)}

Tools that made the data; they are not part of it:

| tool | licence | commercial use | note |
|---|---|---|---|
{_licence_table(description, software=True)}

{_evaluator(description)} Blender
(`bpy`) is GPL software; its licence covers the program, not the pictures made with it.

## Known limits

{KNOWN_LIMITS}

## Rejected scenes

{_rejections(description)}
"""


def _origin(description: dict) -> str:
    if "subset_of" in description:
        source = description["subset_of"]
        return (
            f"The images of `{source['name']}` (fingerprint {source['fingerprint']}) where\n"
            f"`{source['where']}`"
        )
    if "parts" not in description:
        return f"Seed {description['seed']}"
    parts = (
        f"`{part['name']}` (seed {part['seed']}, fingerprint {part['fingerprint']}, from scene "
        f"{part['first_scene']})"
        for part in description["parts"]
    )
    return "Merged from " + ",\n".join(parts)


def _body_model(description: dict) -> str:
    files = description["body"]["files"]
    if any(file["included"] for file in files):
        return "The body model files are in `body/`."
    return (
        f"The body model (`{description['body']['source']}`) is not part of the dataset;\n"
        "`dataset.json` has the checksums of the files that were used."
    )


def _splits(description: dict) -> str:
    names = ("scenes", "images", "people", "subjects", "motions")
    rows = [
        f"| {split} | " + " | ".join(str(description["splits"][split][n]) for n in names) + " |"
        for split in SPLITS
    ]
    table = [f"| split | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|", *rows]
    if not description["held_out"]:
        return f"Nothing is held out: {description['held_out_reason']}."
    return "\n".join(table) + (
        "\n\nNobody and no motion of one split is in another; all pictures of a scene are in one. "
        "Select by\n`split` in the index or in the JSON of each sample."
    )


def _appearances(description: dict) -> str:
    count = description["config"]["diffusion"]["appearances"]
    if count == 1:
        return "There is one picture of every frame; its key is `SSSSSS_FFFF` (scene, frame)."
    return f"""\
**Appearances.** There are {count} pictures of every frame, with the same labels, masks and
geometry: `SSSSSS_FFFF`, `SSSSSS_FFFF_a1`, ... (scene, frame, appearance). Each is a sample of its
own, so a plain loader sees {count} images per frame. To use one, or to weigh them, select by
`appearance` in the JSON or the index.

```python
import pandas, webdataset

samples = webdataset.WebDataset("shards/genb-000000.tar", shardshuffle=False).decode("pil")
one_per_frame = samples.select(lambda sample: sample["json"]["appearance"] == 0)
keys = pandas.read_parquet("index.parquet").query("appearance == 0").key.unique()
```"""


def _rerendering(description: dict, rows: list[dict]) -> str:
    """Noise, drift and decisions, as the pictures were made."""
    if not rows:
        return "Nothing: every scene was rejected."
    images = list({row["key"]: row for row in rows}.values())
    made = Counter(
        f"{row['backend']}, {row['strategy']} noise, {row['steps_applied']} of {row['steps']} steps"
        for row in images
    )
    decisions = Counter(row["decision"] for row in images)
    people = Counter(row["drift_decision"] for row in rows)
    lines = [
        "- pictures made by: " + _counted(made),
        "- decisions per picture: " + _counted(decisions),
        "- decisions per person: " + _counted(people),
    ]
    drift = sorted(row["drift_mean_px"] for row in rows if row["drift_mean_px"] != UNMEASURED)
    if drift:
        lines.append(f"- drift per person, px: median {_median(drift):.2f}, most {drift[-1]:.2f}")
    text = "\n".join(lines)
    if not any(row["steps_run"] for row in images):
        return text
    limits = description["config"]["diffusion"]["drift"]
    return f"""\
{text}

Nobody who drifted more than {limits["max_px"]:g} px on average, or of whom less than
{limits["min_followed"]:.0%} could be followed, was left as painted: `calmed` people were painted
again with less noise, `render` people show the render, and in a `passthrough` picture everything
does."""


def _counted(counts: Counter) -> str:
    return ", ".join(f"{name} ({n})" for name, n in counts.most_common())


def _evaluator(description: dict) -> str:
    if description["config"]["body"]["evaluator"] == "numpy":
        return "Bodies were evaluated by `pipeline/body/lbs.py`; the `smplx` package was not used."
    return (
        "The `smplx` package that evaluated the bodies is licensed for non-commercial scientific\n"
        "research only; whoever may not use it sets `body.evaluator` to `numpy` and makes the\n"
        "same data with `pipeline/body/lbs.py`."
    )


def _distribution(rows: list[dict]) -> str:
    if not rows:
        return "Nothing: every scene was rejected."
    lines = []
    for name, title in (
        ("sex", "sex"),
        ("action", "action"),
        ("garments", "clothes"),
        ("place", "place"),
        ("hdri", "light"),
    ):
        shares = Counter(row[name] or "none" for row in rows).most_common(8)
        lines.append(f"- {title}: " + ", ".join(f"{value} {n}" for value, n in shares))
    for name, title in (
        ("age_years", "age, years"),
        ("stature_m", "stature, m"),
        ("vfov_deg", "vertical field of view, degrees"),
        ("distance_m", "distance, m"),
        ("occlusion", "occlusion share"),
    ):
        values = sorted(row[name] for row in rows)
        lines.append(
            f"- {title}: {values[0]:.2f} to {values[-1]:.2f}, median {_median(values):.2f}"
        )
    return "\n".join(lines)


def _median(values: list[float]) -> float:
    return values[len(values) // 2]


def _licence_table(description: dict, software: bool) -> str:
    rows = [a for a in description["assets"] if (a["kind"] == "software") == software]
    if software:
        return "\n".join(
            f"| {a['id']} | {a['licence']} | {_YES[a['commercial_use']]} | {a['notes']} |"
            for a in rows
        )
    return "\n".join(
        f"| {a['id']} | {a['kind']} | {a['licence']} | {_YES[a['commercial_use']]} | "
        f"{_YES[a['redistributable']]} | {a['source']} |"
        for a in rows
    )


def _rejections(description: dict) -> str:
    if not description["rejected"]:
        return "None."
    return "\n".join(
        f"- scene {r['scene']}, at {r['stage']}: {r['reason']}" for r in description["rejected"]
    )
