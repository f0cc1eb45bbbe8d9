"""How a user's garment simulation is to be read: the options of one cache file.

Everything defaults to this project's own form (metres, Z up, facing -Y, sample 0 is clip frame 0).
Options come from the scene file, and from a TOML file beside the cache (`jacket.abc.toml`), which
`genb garment check --apply` writes; what the scene file says wins.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import GenbError

Axis = Literal["x", "-x", "y", "-y", "z", "-z"]

UNIT_M = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
"""Metres per unit of length."""


class GarmentCache(BaseModel):
    """A simulated garment in a file, and how its numbers become metres of the subject frame.

    path: a file, a folder of .obj frames, or a pattern such as `coat_*.obj`; relative to
    $GENB_ASSETS. format: a name of `caches.READERS`; empty: by the ending. objects: name patterns
    (fnmatch) of the meshes that belong to the garment, for archives that also hold the avatar.

    A point of the file becomes `turn(axes(point) * unit) + offset_m`: `up` and `forward` name the
    file's axes that point up and to where the person faces, `mirrored` says that they form a
    left-handed system, `yaw_deg` turns about the vertical (anticlockwise from above).

    space: what the file's origin is. `motion`: the motion file's own world, wherever our clip moved
    it (of a built-in motion: the subject frame). `subject`: our subject frame, see conventions.md.
    `pelvis`: the pelvis joint of every frame, directions of the subject frame. `root`: the pelvis
    joint and its rotation.

    aligned: `motion` for a simulated sequence; `rest` for one mesh on the T-pose, which is then
    simulated by the built-in solver.

    start_frame: the sample (0 is the file's first, whatever its number or time) of clip frame 0:
    frames before it are the simulation's own lead-in. fps: samples per second, when it is not the
    clip's; other rates are interpolated. weld_mm: vertices this close in the first frame are
    merged. flip_faces: turn the faces inside out. mend: interpolate frames that are not finite or
    have another number of vertices, and take a flat file that ends early as far as it goes.
    settle: push cloth that lies in the body out of it, frame by frame.
    textures: folder with one subfolder (texture_01, ...) per look; see docs/clothing.md.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    format: str = ""
    objects: list[str] = ["*"]
    unit: Literal["m", "dm", "cm", "mm", "in", "ft"] = "m"
    up: Axis = "z"
    forward: Axis = "-y"
    mirrored: bool = False
    yaw_deg: Annotated[float, Field(ge=-360, le=360)] = 0.0
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    space: Literal["motion", "subject", "pelvis", "root"] = "motion"
    aligned: Literal["motion", "rest"] = "motion"
    start_frame: Annotated[int, Field(ge=0)] = 0
    fps: Annotated[float, Field(gt=0)] | None = None
    weld_mm: Annotated[float, Field(ge=0, le=10)] = 0.0
    flip_faces: bool = False
    mend: bool = False
    settle: bool = True
    textures: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value):
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _axes_differ(self):
        if self.up[-1] == self.forward[-1]:
            raise ValueError("up and forward must be different axes")
        return self

    def matrix(self) -> np.ndarray:
        """Linear map (3, 3) from file units to metres of the subject frame (or of `space`)."""
        up, forward = _axis(self.up), _axis(self.forward)
        left = np.cross(up, forward) * (-1.0 if self.mirrored else 1.0)
        # Rows: where subject x (the person's left), y (backward) and z (up) read the file.
        c, s = np.cos(np.radians(self.yaw_deg)), np.sin(np.radians(self.yaw_deg))
        turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        return turn @ np.stack([left, -forward, up]) * UNIT_M[self.unit]


def _axis(name: str) -> np.ndarray:
    vector = np.zeros(3)
    vector["xyz".index(name[-1])] = -1.0 if name[0] == "-" else 1.0
    return vector


def sidecar(path: Path) -> Path:
    """The options file beside a cache: `jacket.abc` -> `jacket.abc.toml`.

    Of a pattern such as `coat_*.obj` it is `coat_.obj.toml`; of a folder, `folder.toml`.
    """
    return path.with_name(path.name.replace("*", "") + ".toml")


def cache_files(path: Path) -> list[Path]:
    """Every file that decides what a cache says: its own, the mesh and the options beside it."""
    if path.is_dir():
        frames = sorted(path.glob("*.obj"))
    elif "*" in path.name:
        frames = sorted(path.parent.glob(path.name))
    else:
        frames = [path, path.with_suffix(".obj")] if path.suffix != ".obj" else [path]
    return [file for file in (*frames, sidecar(path)) if file.is_file()]


def with_sidecar(cache: GarmentCache, path: Path) -> GarmentCache:
    """The options of a cache at `path`, completed from the file beside it.

    Raises GenbError when that file is not valid.
    """
    beside = sidecar(path)
    if not beside.is_file():
        return cache
    try:
        options = tomllib.loads(beside.read_text())
        given = cache.model_dump(include=cache.model_fields_set)
        return GarmentCache.model_validate({**options, **given})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise GenbError(
            f"garment options {beside} are not valid: {error}. Known options are those of "
            "docs/garment-files.md; `genb garment check` writes the file anew with --apply."
        ) from error
