"""Texture folders: a folder with one subfolder per look (texture_01, texture_02, ...) of pictures.

What a picture is for is told by its name (`SLOTS`); a picture that no word explains is the
diffuse one. A name that holds the name of one of the garment's materials is for that material only.
No Blender here: folders are checked before the first render.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.assets import content_hash
from pipeline.errors import GenbError
from pipeline.storage import sha256_text

SLOTS = {
    "diffuse": ("diffuse", "diff", "basecolor", "base", "albedo", "color", "colour", "col"),
    "normal": ("normal", "normals", "nrm", "nor", "norm"),
    "roughness": ("roughness", "rough", "rgh"),
    "metallic": ("metallic", "metalness", "metal"),
    "opacity": ("opacity", "alpha", "transparency"),
    "unused": (
        *("ao", "occlusion", "height", "displacement", "disp", "bump", "specular", "spec"),
        *("gloss", "glossiness", "emissive", "emission", "thickness"),
    ),
}
"""Use of a picture -> words in its file name that say so. Pictures for `unused` are passed over."""

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".tga", ".webp")
_LOOKS = "texture_*"
_SIZE_PX = (4, 16384)


@dataclass(frozen=True)
class Pictures:
    """The pictures of one look. files: material group -> use -> path; the group "" serves every
    material that has no picture of its own. tile_m: size of the picture on the cloth where it is
    laid out by us; None where the garment brings its own texture coordinates."""

    name: str
    files: dict[str, dict[str, Path]]
    tile_m: float | None = None

    def of(self, group: str) -> dict[str, Path]:
        """Use -> path for one material."""
        return {**self.files.get("", {}), **self.files.get(group, {})}


def slot_of(stem: str) -> str:
    """What a picture of this name is for: a key of `SLOTS`. The last word that says so counts."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", stem)
    for word in reversed([word.lower() for word in words]):
        for slot, known in SLOTS.items():
            if word in known:
                return slot
    return "diffuse"


def find_looks(folder: Path) -> list[Path]:
    """Subfolders texture_01, ... in order. Raises GenbError when there is no folder or no look."""
    if not folder.is_dir():
        raise GenbError(
            f"texture folder {folder} does not exist. Paths are absolute or relative to "
            "$GENB_ASSETS; it must hold a subfolder per look: texture_01, texture_02, ..."
        )
    looks = sorted(path for path in folder.glob(_LOOKS) if path.is_dir())
    if not looks:
        raise GenbError(
            f"texture folder {folder} holds no look: put the pictures of each into a subfolder "
            "named texture_01, texture_02, ... (see docs/looks.md)."
        )
    return looks


def choose_look(
    folder: Path, seed: int, groups: tuple[str, ...] = (), tile_m: float | None = None
) -> Pictures:
    """The look that a garment's seed falls on. Raises GenbError when it cannot be used."""
    looks = find_looks(folder)
    number = int(np.random.default_rng([seed, len(looks)]).integers(len(looks)))
    return read_look(looks[number], groups, tile_m)


def read_look(folder: Path, groups: tuple[str, ...] = (), tile_m: float | None = None) -> Pictures:
    """The pictures of one look for the materials `groups` of a garment.

    Raises GenbError when two pictures claim one use, or a material has no diffuse picture.
    """
    files: dict[str, dict[str, Path]] = {}
    for path in _pictures(folder):
        group, slot = _group_of(path.stem, groups), slot_of(path.stem)
        if slot == "unused":
            continue
        other = files.setdefault(group, {}).setdefault(slot, path)
        if other != path:
            raise GenbError(
                f"look {folder}: {other.name} and {path.name} are both the {slot} picture"
                + (f" of material {group!r}" if group else "")
                + ". Name them by use (diffuse, normal, roughness, metallic, opacity), and by "
                f"material where a garment has several (materials: {', '.join(groups) or 'one'})."
            )
    found = Pictures(folder.name, files, tile_m)
    for group in groups or ("",):
        if "diffuse" not in found.of(group):
            raise GenbError(
                f"look {folder} has no diffuse picture"
                + (f" for material {group!r}" if group else "")
                + ". Add one named like diffuse.png, for all materials or with the material's name."
            )
    return found


def check_folder(folder: Path) -> None:
    """Read every picture of every look; raises GenbError with the first fault and its file."""
    for look in find_looks(folder):
        paths = [path for path in _pictures(look) if slot_of(path.stem) != "unused"]
        if not any(slot_of(path.stem) == "diffuse" for path in paths):
            raise GenbError(f"look {look} has no diffuse picture. Add one, named like diffuse.png.")
        for path in paths:
            _check_picture(path)


def fingerprint(folder: Path) -> str:
    """Identity of all pictures of a folder, by content."""
    files = [path for look in find_looks(folder) for path in _pictures(look)]
    return sha256_text(" ".join(f"{p.relative_to(folder)}:{content_hash(p)}" for p in files))


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in ENDINGS)


def _group_of(stem: str, groups: tuple[str, ...]) -> str:
    """The material whose name is in a file's name, the longest one; "" when there is none."""
    named = [group for group in groups if f"_{_plain(group)}_" in f"_{_plain(stem)}_"]
    return max(named, key=len, default="")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _check_picture(path: Path) -> None:
    try:
        with Image.open(path) as image:
            size = image.size
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise GenbError(
            f"texture {path} is not a picture that can be read ({error}). Save it again as PNG or "
            "JPEG, or take it out of the folder."
        ) from error
    if min(size) < _SIZE_PX[0] or max(size) > _SIZE_PX[1]:
        raise GenbError(
            f"texture {path} is {size[0]} x {size[1]} pixels; a side must have {_SIZE_PX[0]} to "
            f"{_SIZE_PX[1]}. Scale it, or take it out of the folder."
        )
