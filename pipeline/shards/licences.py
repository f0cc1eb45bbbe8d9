"""Licence facts of every asset that is in the images, and of the tools that made them."""

from pathlib import Path

from pipeline import assets
from pipeline.config import Config
from pipeline.diffusion.models import RANDOM_TINY
from pipeline.diffusion.noise import is_passthrough
from pipeline.look_assets import card_assets

_UNKNOWN = {
    "licence": "not in the manifest: see its own page before publishing data made with it",
    "source": "",
    "commercial_use": False,
    "redistributable": False,
    "notes": "",
}
_RANDOM = {
    "licence": "CC0-1.0",
    "source": "pipeline/diffusion/tiny.py",
    "commercial_use": True,
    "redistributable": True,
    "notes": "Random weights, to test the machinery; the pictures are of no use.",
}


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
    matrices = config.shards.matrices.values()
    files = {Path(path).name for one in matrices for path in (one.path, one.via) if path}
    wanted += [("dense", name) for name in sorted(files)]
    wanted += card_assets(config)
    wanted += _painting(config)
    wanted += [("software", name) for name in sorted(assets.manifest("software"))]
    return [_asset_row(kind, name) for kind, name in wanted]


def _painting(config: Config) -> list[tuple[str, str]]:
    """Models that may have painted the images, and the pictures whose look they took over."""
    section = config.diffusion
    if is_passthrough(section):
        return []
    models = {section.model} | {
        row.model for row in (*section.controlnets, *section.loras, *section.references)
    }
    if any(net.control == "softedge" for net in section.controlnets):
        models.add(section.annotators)
    pictures = {name for reference in section.references for name in reference.images}
    return [("diffusion", name) for name in sorted(models)] + [
        ("reference", name) for name in sorted(pictures)
    ]


def _asset_row(kind: str, name: str) -> dict:
    known = assets.manifest(kind).get(name)
    if known is not None:
        told = known.asset.model_dump(include=set(_UNKNOWN))
    elif (kind, name) == ("diffusion", RANDOM_TINY):
        told = _RANDOM
    else:
        told = _UNKNOWN | {"source": name}
    return {"kind": kind, "id": name, **told}
