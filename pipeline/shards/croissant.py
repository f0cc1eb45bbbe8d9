"""Croissant 1.0 metadata: what the files of a dataset are and which columns its index has."""


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
