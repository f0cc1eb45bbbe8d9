"""The dataset card (README.md) and the Croissant metadata, from the dataset's own description."""

from collections import Counter

from pipeline import assets
from pipeline.config import Config
from pipeline.look_assets import card_assets

_YES = {True: "yes", False: "no"}

KNOWN_LIMITS = """\
- Everybody and everything is synthetic. Bodies, motions, clothes and rooms cover less than reality
  does; a model trained on this alone should be checked on real images before it is relied on.
- Masks, depth and normals are exact for the render `cg.png`. Where re-rendering changed pixels,
  `rgb.jpg` follows them only as closely as the measured drift says (`rerender` in each sample's
  JSON, `drift_mean_px` in the index). At noise level 0 both show the same geometry.
- Joints are those of the body model's regressor, not of an anatomical study.
- `joints_visible` counts a joint under the person's own clothes as seen; `joints_code` tells which.
- Two people may touch: the audit only limits how deep naked bodies may overlap.
- Age, sex, skin tone and stature are inputs of a body generator, not of real persons, and are not
  meant to stand for any group."""


def asset_rows(
    config: Config, hdris: list[str], places: list[str], motions: list[str], garments: list[str]
) -> list[dict]:
    """Licence facts of every asset in the images, and of the tools that made them.

    places: only those that are scene files are assets. motions, garments: where they came from
    (`motion_source`, `garment_source` in the index).
    """
    wanted = [("hdri", name) for name in hdris]
    wanted += [("place", name) for name in places if name in config.place.files]
    wanted += [("body", config.body.source)]
    if config.body.source == "smplx" and config.cast.children_share > 0:
        wanted += [("body", "smplx_kid")]
    wanted += [("motion", name) for name in motions]
    wanted += [("garment", name) for name in garments]
    wanted += card_assets(config)
    wanted += [("diffusion", model) for model in _models(config)]
    wanted += [("software", name) for name in sorted(assets.manifest("software"))]
    return [_asset_row(kind, name) for kind, name in wanted]


def _models(config: Config) -> list[str]:
    section = config.diffusion
    if section.backend == "passthrough":
        return []
    return sorted({section.model, *(net.model for net in section.controlnets)})


def _asset_row(kind: str, name: str) -> dict:
    known = assets.manifest(kind).get(name)
    if known is None:
        unknown = (
            "not in the manifest: see the model's own page before publishing data made with it"
        )
        return {
            "kind": kind,
            "id": name,
            "licence": unknown,
            "source": name,
            "commercial_use": False,
            "redistributable": False,
            "notes": "",
        }
    asset = known.asset
    return {
        "kind": kind,
        "id": name,
        "licence": asset.licence,
        "source": asset.source,
        "commercial_use": asset.commercial_use,
        "redistributable": asset.redistributable,
        "notes": asset.notes,
    }


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
Seed {description["seed"]}, format {description["format"]}.

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
| `json` | camera, light, people, audit, what re-rendering did |
| `npz` | numeric labels: body parameters, joints, visibility, boxes, dense key-points |

Camera frame: OpenCV. World: Z up, metres. Pixel (0, 0) is the outer corner of the first pixel.
`model(betas, pose_cam, transl_cam, expression)` gives vertices in the camera frame.

```python
import webdataset
for sample in webdataset.WebDataset("shards/genb-000000.tar", shardshuffle=False).decode("pil"):
    sample["npz"]["joints_2d"]

from datasets import load_dataset
load_dataset("webdataset", data_files={{"train": "shards/*.tar"}}, split="train")
```

## What it shows

{_distribution(rows)}

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


def croissant(description: dict, index_sha256: str, columns: list[tuple[str, object]]) -> dict:
    """Croissant 1.0 JSON-LD. columns: name and one example value of every index column."""
    tars = [_tar_object(shard) for shard in description["shards"]]
    index = {
        "@type": "cr:FileObject",
        "@id": "index.parquet",
        "name": "index.parquet",
        "contentUrl": "index.parquet",
        "encodingFormat": "application/x-parquet",
        "sha256": index_sha256,
    }
    images = {
        "@type": "cr:FileSet",
        "@id": "images",
        "name": "images",
        "description": "Training images inside the shards.",
        "containedIn": [{"@id": tar["@id"]} for tar in tars],
        "encodingFormat": "image/jpeg",
        "includes": "*.rgb.jpg",
    }
    licences = sorted({a["licence"] for a in description["assets"] if a["kind"] != "software"})
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": description["name"],
        "description": description["description"]
        or "Synthetic images of people with exact labels of 3D pose, shape and camera.",
        "license": licences,
        "url": "README.md",
        "version": "1.0.0",
        "distribution": [*tars, index, images],
        "recordSet": [_record_set(columns)],
    }


def _tar_object(shard: dict) -> dict:
    return {
        "@type": "cr:FileObject",
        "@id": shard["shard"],
        "name": shard["shard"],
        "contentUrl": f"shards/{shard['shard']}",
        "contentSize": f"{shard['bytes']} B",
        "encodingFormat": "application/x-tar",
        "sha256": shard["sha256"],
    }


def _record_set(columns: list[tuple[str, object]]) -> dict:
    types = {bool: "sc:Boolean", int: "sc:Integer", float: "sc:Float", str: "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "people",
        "name": "people",
        "description": "One row per person per image.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"people/{name}",
                "name": name,
                "dataType": types[type(value)],
                "source": {"fileObject": {"@id": "index.parquet"}, "extract": {"column": name}},
            }
            for name, value in columns
        ],
    }


_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
