"""A scene as a person can read it: the single source of both its pixels and its labels.

Everything here is JSON scalars and asset ids. Editing a scene file and running
`genb scene FILE --out DIR` renders and labels the edited scene.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from pipeline.assets import content_hash
from pipeline.config import Section
from pipeline.conventions import focal_from_fov, intrinsics, look_at
from pipeline.errors import GenbError
from pipeline.storage import canonical_json, read_json, sha256_text

Vec3 = tuple[float, float, float]


class MotionSpec(Section):
    """A clip of the motion library, or of a file (`path`) in a supported format."""

    name: str
    seed: Annotated[int, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    fps: Annotated[float, Field(gt=0)]


class GarmentSpec(Section):
    """One garment: a tailor's pattern with its measures, or a user's simulation cache."""

    kind: str
    layer: Literal["lower", "upper", "full", "outer"]
    options: dict[str, float] = {}
    cache: str | None = None


class SubjectSpec(Section):
    """One body, one motion, one outfit: all that the cloth simulation depends on."""

    subject: str
    gender: Literal["neutral", "male", "female"]
    sex: Literal["male", "female"]
    age_years: float
    ancestry: Vec3
    betas: list[float]
    motion: MotionSpec
    outfit: list[GarmentSpec]

    def digest(self) -> str:
        """Identity of the dressed subject: all but its name, and the bytes of user caches."""
        identity = self.model_dump(exclude={"subject"})
        caches = [Path(garment.cache) for garment in self.outfit if garment.cache]
        identity["caches"] = [content_hash(path) if path.is_file() else "" for path in caches]
        return sha256_text(canonical_json(identity))[:16]


class AppearanceSpec(Section):
    """Colours and patterns; nothing here moves a vertex of the body or of a garment."""

    skin_tone: Annotated[float, Field(ge=0, le=1)]
    iris: Literal["brown", "dark", "hazel", "green", "blue"]
    hair_style: Literal["short", "medium", "long", "bald"]
    hair_colour: Literal["black", "brown", "auburn", "blond", "grey"]
    garment_seeds: list[int]
    shoe_seed: int
    seed: int


class PersonSpec(Section):
    """A subject at a place, from one moment of its clip on."""

    subject: SubjectSpec
    first_frame: Annotated[int, Field(ge=0)]
    position_m: tuple[float, float]
    yaw_deg: float
    expression: list[float]
    appearance: AppearanceSpec


class CameraSpec(Section):
    """A centred pinhole camera with square pixels that looks from `eye_m` at `target_m`."""

    width: Annotated[int, Field(ge=8)]
    height: Annotated[int, Field(ge=8)]
    vfov_deg: Annotated[float, Field(gt=1, lt=170)]
    eye_m: Vec3
    target_m: Vec3
    roll_deg: float = 0.0
    sensor_width_mm: float = 36.0

    def K(self) -> np.ndarray:
        """Intrinsics (3, 3) px."""
        return intrinsics(self.width, self.height, focal_from_fov(self.vfov_deg, self.height))

    def T_cam_world(self) -> np.ndarray:
        """Extrinsics (4, 4), OpenCV camera from world, metres."""
        return look_at(np.array(self.eye_m), np.array(self.target_m), self.roll_deg)


class LightSpec(Section):
    """An HDRI, turned about the vertical, and the camera's exposure."""

    hdri: str
    rotation_deg: float
    strength: Annotated[float, Field(gt=0)]
    exposure_stops: float


class SceneSpec(Section):
    """One scene of the dataset."""

    scene: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    people: Annotated[list[PersonSpec], Field(min_length=1)]
    camera: CameraSpec
    light: LightSpec
    notes: list[str] = []

    def subjects(self) -> list[SubjectSpec]:
        """The people's subjects in order, one entry per person."""
        return [person.subject for person in self.people]


def scene_name(scene: int) -> str:
    """Folder name of a scene, e.g. `scene_000042`."""
    return f"scene_{scene:06d}"


def frame_name(frame: int) -> str:
    """File stem of a frame, e.g. `frame_0003`."""
    return f"frame_{frame:04d}"


def read_scene(path: Path) -> SceneSpec:
    """Scene from its JSON file; raises GenbError with every fault."""
    try:
        return SceneSpec.model_validate(read_json(path))
    except FileNotFoundError as error:
        raise GenbError(f"scene file {path} does not exist.") from error
    except ValidationError as error:
        faults = "\n".join(f"  {'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
        raise GenbError(f"{path} is not a scene:\n{faults}") from error
