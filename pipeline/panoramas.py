"""What can be told about a panorama or a scene file before Blender opens it: is it one, of what
size, does it fit into memory, where may people stand."""

import struct
from collections.abc import Callable
from pathlib import Path

import psutil

from pipeline import assets
from pipeline.errors import GenbError
from pipeline.storage import sha256_file

_EXR_MAGIC = b"\x76\x2f\x31\x01"
_HDR_MAGICS = (b"#?RADIANCE", b"#?RGBE")
_BYTES_PER_PIXEL = 40
"""Blender's own four floats, the renderer's copy, and ours for metering and the ground."""

_SMALLEST_FLOOR_M2 = 0.5
PLACE_ENDINGS = (".blend", ".glb", ".gltf")


def panorama_size(path: Path) -> tuple[int, int]:
    """(width, height) of an .exr or .hdr from its header. Raises GenbError for anything else."""
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 16)
        if head.startswith(_EXR_MAGIC):
            return _exr_size(head)
        if head.startswith(_HDR_MAGICS):
            return _hdr_size(head)
    except (IndexError, ValueError, struct.error) as error:
        raise GenbError(f"{path} is damaged: its header cannot be read ({error}).") from error
    raise GenbError(f"{path} is not an .exr or .hdr image.")


def _exr_size(head: bytes) -> tuple[int, int]:
    """From the attribute dataWindow (OpenEXR file layout: name, type, size, value)."""
    at = 8
    while head[at]:
        name_end = head.index(b"\0", at)
        type_end = head.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", head, type_end + 1)
        if head[at:name_end] == b"dataWindow":
            x0, y0, x1, y1 = struct.unpack_from("<4i", head, type_end + 5)
            return x1 - x0 + 1, y1 - y0 + 1
        at = type_end + 5 + size
    raise ValueError("no dataWindow")


def _hdr_size(head: bytes) -> tuple[int, int]:
    """From Radiance's resolution line, e.g. `-Y 512 +X 1024`."""
    for line in head.split(b"\n"):
        words = line.split()
        if len(words) == 4 and words[0] in (b"-Y", b"+Y") and words[2] in (b"+X", b"-X"):
            return int(words[3]), int(words[1])
    raise ValueError("no resolution line")


def check_shape(name: str) -> tuple[int, int]:
    """(width, height) of an HDRI. Raises GenbError unless it exists and is an equirectangular image
    by its header."""
    path = assets.find_file("hdri", name)
    try:
        width, height = panorama_size(path)
    except GenbError as error:
        raise GenbError(f"HDRI {name!r}: {error}") from error
    if abs(width - 2 * height) > 0.02 * width:
        raise GenbError(
            f"HDRI {name!r} ({path}) has {width} x {height} pixels; an equirectangular panorama is "
            "twice as wide as it is high."
        )
    return width, height


def check_panorama(name: str) -> None:
    """Raise GenbError unless an HDRI is sound: shape, checksum, and size for this machine."""
    width, height = check_shape(name)
    path, expected = assets.find_file("hdri", name), assets.find("hdri", name).asset.sha256
    if expected and sha256_file(path) != expected:
        raise GenbError(
            f"HDRI {name!r} ({path}) does not match the checksum in its manifest: it is damaged or "
            "was replaced. Reinstall bpy (`make env`), or correct sha256 in your own manifest."
        )
    too_large = memory_fault(width, height)
    if too_large:
        raise GenbError(f"HDRI {name!r} ({path}) {too_large}")


def memory_fault(width: int, height: int) -> str:
    """Why a panorama of this size cannot be opened now, or an empty text."""
    needed, free = width * height * _BYTES_PER_PIXEL, psutil.virtual_memory().available
    if needed <= 0.8 * free:
        return ""
    return (
        f"has {width} x {height} pixels and needs about {needed / 1e9:.1f} GB, but "
        f"{free / 1e9:.1f} GB are free. Use a smaller one (pictures gain little above 8192 x "
        "4096), or a machine with more memory."
    )


def usable_panoramas(chosen: list[str], report: Callable[[str], None] | None = None) -> list[str]:
    """The ids behind `light.hdris`: what was named must be sound; pictures in a folder that are no
    panoramas by their headers are left out, with a word to `report` about each.

    Depends on the files only, never on the machine. Raises GenbError when a named one is faulty, or
    a folder holds no sound one.
    """
    found: list[str] = []
    for name in chosen:
        members = assets.hdri_names([name])
        if members == [name]:
            check_shape(name)
            found.append(name)
            continue
        sound = []
        for member in members:
            try:
                check_shape(member)
                sound.append(member)
            except GenbError as error:
                if report:
                    report(f"left out: {error}")
        if not sound:
            raise GenbError(f"light.hdris: the folder {name!r} holds no HDRI that can be used.")
        found += sound
    return found


def check_place(name: str) -> None:
    """Raise GenbError unless a scene file exists, is of a known kind, and declares where people may
    stand."""
    located = assets.find("place", name)
    path, asset = assets.find_file("place", name), located.asset
    if path.suffix.lower() not in PLACE_ENDINGS:
        raise GenbError(
            f"place {name!r}: {path.name} is none of {', '.join(PLACE_ENDINGS)}. Export it from "
            "your program as .glb, or save it as .blend."
        )
    for key in ("walkable", "camera_area"):
        corners = getattr(asset, key)
        if key == "camera_area" and not corners:
            continue
        area_m2 = polygon_area(corners) * asset.metres_per_unit**2
        if len(corners) < 3 or area_m2 < _SMALLEST_FLOOR_M2:
            raise GenbError(
                f"place {name!r}: {key} has {len(corners)} corners and an area of {area_m2:.2f} "
                "m2, so nobody could stand there. In place.toml give the corners of the free floor "
                "in order, in the file's units: walkable = [[-2, -2], [2, -2], [2, 3], [-2, 3]]."
            )


def polygon_area(corners: list[tuple[float, float]]) -> float:
    """Area of a polygon by its corners in order."""
    pairs = zip(corners, [*corners[1:], *corners[:1]], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2
