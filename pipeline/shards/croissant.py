"""Croissant 1.0 metadata: what the files of a dataset are, which records they hold, and what to
know before using it (the RAI vocabulary). Paths are relative, so the folder may be served anywhere.
"""

from pipeline.compose.splits import SPLITS
from pipeline.shards.columns import COLUMNS

_TYPES = {bool: "sc:Boolean", int: "sc:Integer", float: "sc:Float", str: "sc:Text"}


def croissant(description: dict, index_sha256: str) -> dict:
    """Croissant 1.0 JSON-LD of a dataset; description: its dataset.json."""
    tars = [_tar_object(shard) for shard in description["shards"]]
    index = {
        "@type": "cr:FileObject",
        "@id": "index.parquet",
        "name": "index.parquet",
        "contentUrl": "index.parquet",
        "encodingFormat": "application/x-parquet",
        "sha256": index_sha256,
    }
    licences = sorted({a["licence"] for a in description["assets"] if a["kind"] != "software"})
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": description["name"],
        "description": description["description"]
        or "Synthetic images of people with exact labels of 3D pose, shape and camera.",
        "citeAs": _citation(description),
        "license": licences,
        "url": "README.md",
        "version": "1.0.0",
        **{name: description[name] for name in ["datePublished"] if name in description},
        **_responsible(description),
        "distribution": [*tars, index, *([_images(tars)] if tars else [])],
        "recordSet": [_people(), _splits(description), *([_pictures()] if tars else [])],
    }


def _citation(description: dict) -> str:
    software = description["software"]["genb"]
    return (
        f"@misc{{genb_{description['fingerprint']}, title = {{{description['name']}}}, note = "
        f"{{Synthetic dataset made with genb {software}, fingerprint "
        f"{description['fingerprint']}}}}}"
    )


def _responsible(description: dict) -> dict:
    """Responsible-AI facts, of what was recorded and no more."""
    counts = description["counts"]
    return {
        "rai:dataCollection": "Rendered: bodies, motions, clothes, places and cameras are sampled "
        "by a program from the configuration in dataset.json.",
        "rai:dataCollectionType": ["Software Collection", "Synthetic"],
        "rai:dataCollectionMissingData": f"{counts['rejected']} of {counts['scenes']} scenes were "
        "rejected; dataset.json lists each with stage and reason.",
        "rai:dataAnnotationProtocol": [
            "Labels are computed from the scenes, and compared with the "
            "rendered pixels by a second renderer."
        ],  # fmt: skip
        "rai:machineAnnotationTools": ["genb"],
        "rai:personalSensitiveInformation": [
            "Age, sex, ancestry and skin tone are inputs of a "
            "body generator; nobody depicted exists."
        ],  # fmt: skip
        "rai:dataBiases": [
            "Bodies, motions, clothes and places cover less than reality does; "
            "report/index.html and README.md show the distributions."
        ],  # fmt: skip
        "rai:dataLimitations": [
            "A model trained on this alone should be checked on real images before it is relied on."
        ],  # fmt: skip
        "rai:dataUseCases": ["Training and testing of 3D human pose and shape estimation."],
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


def _images(tars: list[dict]) -> dict:
    return {
        "@type": "cr:FileSet",
        "@id": "images",
        "name": "images",
        "description": "Training images inside the shards.",
        "containedIn": [{"@id": tar["@id"]} for tar in tars],
        "encodingFormat": "image/jpeg",
        "includes": "*.rgb.jpg",
    }


def _people() -> dict:
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
                "description": column.meaning + (f" ({column.unit})" if column.unit else ""),
                "dataType": _TYPES[column.kind],
                "source": {"fileObject": {"@id": "index.parquet"}, "extract": {"column": name}},
            }
            for name, column in COLUMNS.items()
        ],
    }


def _splits(description: dict) -> dict:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "Values of people/split. "
        + (description["held_out_reason"] or "No person and no motion is in two of them."),
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": "splits/name",
                "name": "name",
                "dataType": "sc:Text",
            },
            {"@type": "cr:Field", "@id": "splits/images", "name": "images",
             "dataType": "sc:Integer"},
        ],
        "data": [
            {"splits/name": split, "splits/images": description["splits"][split]["images"]}
            for split in SPLITS
        ],
    }  # fmt: skip


def _pictures() -> dict:
    """The training images with their keys, by which the rows of the index refer to them."""
    key = {"fileSet": {"@id": "images"}, "extract": {"fileProperty": "filename"}}
    content = {"fileSet": {"@id": "images"}, "extract": {"fileProperty": "content"}}
    return {
        "@type": "cr:RecordSet",
        "@id": "pictures",
        "name": "pictures",
        "description": "Every training image and its key.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": "pictures/key",
                "name": "key",
                "dataType": "sc:Text",
                "source": key | {"transform": {"regex": r"^(.*)\.rgb\.jpg$"}},
            },
            {
                "@type": "cr:Field",
                "@id": "pictures/image",
                "name": "image",
                "dataType": "sc:ImageObject",
                "source": content,
            },
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
