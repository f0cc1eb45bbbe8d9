"""What users bring to looks: fabric folders, hair and shoe meshes; found, checked, fingerprinted.

Each is an id of a manifest ($GENB_ASSETS/texture.toml, hair.toml, shoes.toml) or, for fabrics, the
path of a folder; see docs/looks.md.
"""

from pathlib import Path

from pipeline import assets
from pipeline.blender import texture_folders
from pipeline.config import Config
from pipeline.config_looks import FabricFolder, SkinFolder
from pipeline.errors import GenbError
from pipeline.garments.shoe_kinds import BAREFOOT, SHOES


def look_folder(entry: FabricFolder | SkinFolder) -> Path:
    """The folder that an entry of `look.fabric_folders` or `look.skin_folders` names."""
    located = assets.manifest("texture").get(entry.folder)
    return located.path if located else assets.user_path(entry.folder)


def own_shoes(config: Config) -> list[str]:
    """Ids in `look.shoes` that are meshes of the user, not built in."""
    return sorted(name for name in config.look.shoes if name not in (*SHOES, BAREFOOT))


def check_look(config: Config) -> None:
    """Raise GenbError for anything in [look] that would stop the run later."""
    from pipeline.garments.caches import checked, read_raw

    for entry in (*config.look.fabric_folders, *config.look.skin_folders):
        texture_folders.check_folder(look_folder(entry))
    _check_kinds(config)
    meshes = [("hair", name) for name in config.look.hair_meshes]
    for kind, name in meshes + [("shoes", name) for name in own_shoes(config)]:
        path = _mesh(kind, name)
        checked(read_raw(path, 1.0), path)
        if path.with_suffix("").is_dir():
            texture_folders.check_folder(path.with_suffix(""))


def _mesh(kind: str, name: str) -> Path:
    """File of a user's hair or shoes; raises GenbError when id or file is not there."""
    if kind == "shoes" and name not in assets.manifest(kind):
        raise GenbError(
            f"look.shoes: unknown kind {name!r}. Known: {', '.join(SHOES)}, {BAREFOOT}, and ids in "
            "$GENB_ASSETS/shoes.toml (see docs/looks.md)."
        )
    return assets.find_file(kind, name)


def _check_kinds(config: Config) -> None:
    from pipeline.garments.outfits import KIND_LAYERS

    for entry in config.look.fabric_folders:
        for kind in entry.kinds:
            if kind not in KIND_LAYERS:
                raise GenbError(
                    f"look.fabric_folders, {entry.folder!r}: unknown garment kind {kind!r}. "
                    f"Known: {', '.join(KIND_LAYERS)}."
                )


def fingerprint(config: Config, shoes: bool) -> dict[str, str]:
    """What identifies the content of the user's assets: of shoes, or of fabrics and hair."""
    if shoes:
        return {name: assets.content_hash(_mesh("shoes", name)) for name in own_shoes(config)}
    found = {
        f"texture {entry.folder}": texture_folders.fingerprint(look_folder(entry))
        for entry in (*config.look.fabric_folders, *config.look.skin_folders)
    }
    for name in config.look.hair_meshes:
        path = _mesh("hair", name)
        found[f"hair {name}"] = assets.content_hash(path)
        if path.with_suffix("").is_dir():
            found[f"hair {name} textures"] = texture_folders.fingerprint(path.with_suffix(""))
    return found


def card_assets(config: Config) -> list[tuple[str, str]]:
    """(kind, id) of every user's asset that may be in the pictures, for the dataset card."""
    folders = (*config.look.fabric_folders, *config.look.skin_folders)
    rows = [("texture", entry.folder) for entry in folders]
    rows += [("hair", name) for name in config.look.hair_meshes]
    return rows + [("shoes", name) for name in own_shoes(config)]
