"""Assets by id: where they are, what they may be used for, and their fingerprints.

The tables in `assets_manifest/*.toml` list every asset with licence, source and checksum. A user
adds assets with tables of the same form in the folder named by the environment variable
GENB_ASSETS; there `path` is relative to that folder.
"""

import difflib
import importlib.metadata
import importlib.util
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pipeline.config import Config, DiffusionSection, Section
from pipeline.errors import GenbError
from pipeline.storage import canonical_json, read_json, sha256_file, sha256_text, write_json

EMBEDDED_MODEL_DIR = Path(__file__).resolve().parent / "diffusion" / "embedded"
"""The small re-rendering model that comes with this package."""

MANIFEST_DIR = Path(__file__).resolve().parent.parent / "assets_manifest"


class Asset(Section):
    """One row of a manifest. floor, of an HDRI: `photo` lays the panorama's own floor under the
    people; `plain` lays boards or tiles of its colour, for rooms whose floor is full of things.

    Of a scene file (place.toml), in its own frame, Z up, m: walkable, the corners of the level
    floor where people may stand; camera_area, where the camera may (the same unless given);
    floor_m, its height; metres_per_unit; lit, whether it brings its own light.
    """

    id: str
    path: str = ""
    licence: str
    source: str
    obtained: str
    redistributable: bool
    commercial_use: bool
    sha256: str = ""
    notes: str = ""
    floor: Literal["photo", "plain"] = "photo"
    walkable: list[tuple[float, float]] = []
    camera_area: list[tuple[float, float]] = []
    floor_m: float = 0.0
    metres_per_unit: Annotated[float, Field(gt=0)] = 1.0
    lit: bool = True


@dataclass(frozen=True)
class Located:
    """An asset and the file it stands for."""

    asset: Asset
    path: Path


def cache_dir() -> Path:
    """Folder for what is generated once: $GENB_CACHE, else ~/.cache/genb."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genb"
    return Path(os.environ.get("GENB_CACHE") or default)


def user_assets_dir() -> Path | None:
    """Folder of the user's own assets ($GENB_ASSETS), or None."""
    value = os.environ.get("GENB_ASSETS")
    return Path(value) if value else None


def user_path(name: str) -> Path:
    """A file that a user named: as it stands when absolute, else below $GENB_ASSETS."""
    return (user_assets_dir() or Path()) / name


@cache
def manifest(kind: str) -> dict[str, Located]:
    """All assets of a kind ('hdri', 'body', 'diffusion', 'software') by id; users' rows win."""
    rows: dict[str, Located] = {}
    for folder in (MANIFEST_DIR, user_assets_dir()):
        path = folder / f"{kind}.toml" if folder else None
        if path and path.is_file():
            for asset in _read_table(path):
                located = Located(asset, _locate(asset.path, folder))
                rows |= _members(located) if kind == "hdri" else {asset.id: located}
    return rows


def _members(located: Located) -> dict[str, Located]:
    """An HDRI, or all of a folder of them, as `ID/name`."""
    asset, path = located.asset, located.path
    if not path.is_dir():
        return {asset.id: located}
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in (".exr", ".hdr"))
    return {
        f"{asset.id}/{file.stem}": Located(
            asset.model_copy(update={"id": f"{asset.id}/{file.stem}", "sha256": ""}), file
        )
        for file in files
    }


def find(kind: str, asset_id: str) -> Located:
    """An asset by id; raises GenbError with a suggestion when the id is unknown."""
    rows = manifest(kind)
    if asset_id in rows:
        return rows[asset_id]
    close = difflib.get_close_matches(asset_id, rows, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise GenbError(
        f"unknown {kind} asset {asset_id!r}.{hint} Known: {', '.join(sorted(rows))}. Add your own "
        f"in $GENB_ASSETS/{kind}.toml (see assets_manifest/README.md)."
    )


def find_file(kind: str, asset_id: str) -> Path:
    """Path of an asset's file; raises GenbError when it is not there."""
    located = find(kind, asset_id)
    if not located.path.is_file():
        raise GenbError(
            f"{kind} asset {asset_id!r} is missing: {located.path} does not exist. "
            f"How to obtain it: {located.asset.obtained} ({located.asset.source})."
        )
    return located.path


def body_dir(config: Config) -> Path:
    """Folder with `smplx/SMPLX_*.npz` of the configured body source."""
    if config.body.source == "free":
        from pipeline.body.free.build import FREE_BODY_VERSION

        return cache_dir() / "body" / f"free-{FREE_BODY_VERSION}"
    folder = user_assets_dir()
    if folder is None:
        raise GenbError(
            "body.source = 'smplx' needs the licensed model files: set GENB_ASSETS to a folder "
            "that holds smplx/SMPLX_NEUTRAL.npz (https://smpl-x.is.tue.mpg.de), or use "
            "body.source = 'free'."
        )
    return folder


def fingerprint(kind: str, config: Config) -> dict[str, str]:
    """What identifies the content of the assets of one kind that a configuration uses."""
    if kind == "body" and config.body.source == "free":
        return {"free": body_dir(config).name, "anny": importlib.metadata.version("anny")}
    if kind == "body":
        files = sorted((body_dir(config) / "smplx").glob("SMPLX_*.npz"))
        kid = body_dir(config) / config.body.kid_template
        files += [kid] if config.cast.children_share > 0 and kid.is_file() else []
        return {path.name: content_hash(path) for path in files}
    if kind == "motion":
        from pipeline.motion.catalogue import fingerprint as catalogue_fingerprint

        return {"catalogue": catalogue_fingerprint(config.motion)}
    if kind == "clothed":
        from pipeline.compose.clothed import fingerprint as clothed_fingerprint

        return {"clothed": clothed_fingerprint(config.cast.clothed)}
    if kind == "hdri":
        names = hdri_names(config.light.hdris)
        return {name: content_hash(find_file("hdri", name)) for name in names}
    if kind == "place":
        return {name: _place_identity(name) for name in sorted(config.place.files)}
    if kind in ("look", "shoes"):
        from pipeline import look_assets

        return look_assets.fingerprint(config, shoes=kind == "shoes")
    if kind == "diffusion":
        return _diffusion_identity(config.diffusion)
    if kind == "dense":
        from pipeline.truth.dense_matrices import fingerprint as matrices_fingerprint

        return matrices_fingerprint(config.shards)
    raise ValueError(f"no assets of kind {kind!r}")


def hdri_names(chosen: list[str]) -> list[str]:
    """HDRI ids, with the id of a folder replaced by those of the pictures in it."""
    names: list[str] = []
    for name in chosen:
        members = [one for one in manifest("hdri") if one.startswith(f"{name}/")]
        names += sorted(members) if members else [name]
    return names


def _place_identity(name: str) -> str:
    """Hash of a scene file and of what its manifest declares about it."""
    asset = find("place", name).asset
    declared = asset.model_dump(include={"walkable", "camera_area", "floor_m", "lit"})
    declared["metres_per_unit"] = asset.metres_per_unit
    return sha256_text(canonical_json([content_hash(find_file("place", name)), declared]))


def _diffusion_identity(section: DiffusionSection) -> dict[str, str]:
    """Hashes of all local models and of the reference pictures; nothing for the pass-through."""
    if section.backend == "passthrough":
        return {}
    rows = (*section.controlnets, *section.loras, *section.references)
    models = {section.model, *(row.model for row in rows)}
    pictures = {image for row in section.references for image in row.images}
    found = {model: _model_hash(model) for model in sorted(models)}
    return found | {
        f"reference {name}": content_hash(find_file("reference", name)) for name in sorted(pictures)
    }


def _model_hash(model: str) -> str:
    """Content hash of a local model folder; a hub id stands for itself (its revision is config)."""
    folder = EMBEDDED_MODEL_DIR if model == "embedded" else Path(model)
    if not folder.is_dir():
        return "hub"
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return sha256_text(" ".join(f"{p.relative_to(folder)}:{content_hash(p)}" for p in files))


def content_hash(path: Path) -> str:
    """SHA-256 of a file, remembered by path, size and modification time."""
    stat = path.stat()
    key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    return _hashes().get(key) or _remember(key, path)


@cache
def _hashes() -> dict[str, str]:
    path = cache_dir() / "hashes.json"
    return dict(read_json(path)) if path.is_file() else {}


def _remember(key: str, path: Path) -> str:
    table = _hashes()
    table[key] = sha256_file(path)
    write_json(cache_dir() / "hashes.json", table)
    return table[key]


def _read_table(path: Path) -> list[Asset]:
    try:
        data = tomllib.loads(path.read_text())
        return [Asset.model_validate(row) for row in data.get("asset", [])]
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise GenbError(f"manifest {path} is not valid: {error}") from error


def _locate(path: str, folder: Path) -> Path:
    """`bpy:...` is inside Blender's own data, everything else beside the manifest."""
    if path.startswith("bpy:"):
        return blender_data_dir() / path.removeprefix("bpy:")
    return folder / path


def blender_data_dir() -> Path:
    """Data folder of the installed bpy (its HDRIs live below), found without importing bpy."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or not spec.origin:
        raise GenbError("the package bpy is not installed: run `make env`.")
    version = importlib.metadata.version("bpy").rsplit(".", 1)[0]
    return Path(spec.origin).parent / version / "datafiles"
