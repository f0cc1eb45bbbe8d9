"""A scene as a person can read it: the single source of both its pixels and its labels.

Everything here is JSON scalars and asset ids. Editing a scene file and running
`genb scene FILE --out DIR` renders and labels the edited scene.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from pipeline.assets import content_hash, user_path
from pipeline.blender.texture_folders import fingerprint
from pipeline.config import Section
from pipeline.config_looks import HairStyle
from pipeline.conventions import focal_from_fov, intrinsics, look_at, rotation_z
from pipeline.errors import GenbError
from pipeline.garments.cachefile import GarmentCache, cache_files, with_sidecar
from pipeline.storage import canonical_json, read_json, sha256_text

Vec3 = tuple[float, float, float]


class MotionSpec(Section):
    """A clip of the motion library (`name` is a family), or of a motion file (`path`).

    Of a file: `format` is the reader's name (`pipeline.motion.files`), `start_s` where the clip
    begins, `mirrored` exchanges left and right, `loop` blends the end into the start when the file
    is shorter than the clip. heading: `forward` turns the start to face ahead, `file` keeps the
    file's direction. ground: `touch` sets the clip on the ground by one offset, `file` keeps the
    file's own height and place. fit_stride scales the travel to the body's legs, so that feet do
    not skate; without it the file's numbers are kept. `action` is an English label.
    """

    name: str
    seed: Annotated[int, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    fps: Annotated[float, Field(gt=0)]
    path: str | None = None
    format: str | None = None
    up: Literal["auto", "y", "z"] = "auto"
    action: str = ""
    start_s: Annotated[float, Field(ge=0)] = 0.0
    mirrored: bool = False
    loop: bool = False
    fit_stride: bool = False
    heading: Literal["forward", "file"] = "forward"
    ground: Literal["touch", "file"] = "touch"


class GarmentSpec(Section):
    """One garment: a tailor's pattern with its measures, or a user's simulation cache.

    cache: the path of a file, or a table of `pipeline.garments.cachefile.GarmentCache`.
    """

    kind: str
    layer: Literal["lower", "upper", "full", "outer"]
    options: dict[str, float] = {}
    cache: GarmentCache | None = None


class SubjectSpec(Section):
    """One body, one motion, one outfit: all that the cloth simulation depends on.

    kid: the last beta blends towards the kid template (AGORA's children of the licensed model).
    """

    subject: str
    gender: Literal["neutral", "male", "female"]
    sex: Literal["male", "female"]
    age_years: float
    ancestry: Vec3
    betas: list[float]
    kid: bool = False
    motion: MotionSpec
    outfit: list[GarmentSpec]
    shoes: str = "sneaker"

    def digest(self) -> str:
        """Identity of the dressed subject: all but its name, and the bytes of users' files."""
        identity = self.model_dump(exclude={"subject": True, "motion": {"path"}})
        caches = [(g.cache, user_path(g.cache.path)) for g in self.outfit if g.cache]
        paths = [file for _, path in caches for file in cache_files(path)]
        paths += [user_path(self.motion.path)] if self.motion.path else []
        identity["files"] = [content_hash(path) if path.is_file() else "" for path in paths]
        folders = [with_sidecar(cache, path).textures for cache, path in caches]
        identity["textures"] = [fingerprint(user_path(name)) for name in folders if name]
        return sha256_text(canonical_json(identity))[:16]


class AppearanceSpec(Section):
    """Colours and patterns; nothing here moves a vertex of the body or of a garment.

    hair_mesh: an id of $GENB_ASSETS/hair.toml that takes the place of hair_style's strands.
    """

    skin_tone: Annotated[float, Field(ge=0, le=1)]
    iris: Literal["brown", "dark", "hazel", "green", "blue"]
    hair_style: HairStyle
    hair_colour: Literal["black", "brown", "auburn", "blond", "grey"]
    hair_mesh: str = ""
    garment_seeds: list[int]
    shoe_seed: int
    seed: int


class PersonSpec(Section):
    """A subject at a place, from one moment of its clip on.

    position_m: of the clip's first pelvis (of the file's origin when the motion keeps the file's
    own place: ground = "file"). height_m: above the ground. gaze_m: a point in the world that the
    eyes look at; None leaves them to the motion. origin: the row of a BEDLAM file it came from.
    """

    subject: SubjectSpec
    first_frame: Annotated[int, Field(ge=0)]
    position_m: tuple[float, float]
    yaw_deg: float
    height_m: float = 0.0
    gaze_m: Vec3 | None = None
    expression: list[float]
    appearance: AppearanceSpec
    origin: str = ""


class CameraSpec(Section):
    """A centred pinhole camera with square pixels that looks from `eye_m` at `target_m`.

    f_number: of a thin lens focused on the plane `focus_m` before it; 0 is a pinhole.
    """

    width: Annotated[int, Field(ge=8)]
    height: Annotated[int, Field(ge=8)]
    vfov_deg: Annotated[float, Field(gt=1, lt=170)]
    eye_m: Vec3
    target_m: Vec3
    roll_deg: float = 0.0
    sensor_width_mm: float = 36.0
    f_number: Annotated[float, Field(ge=0)] = 0.0
    focus_m: Annotated[float, Field(gt=0)] = 1.0

    def K(self) -> np.ndarray:
        """Intrinsics (3, 3) px."""
        return intrinsics(self.width, self.height, focal_from_fov(self.vfov_deg, self.height))

    def T_cam_world(self) -> np.ndarray:
        """Extrinsics (4, 4), OpenCV camera from world, metres."""
        return look_at(np.array(self.eye_m), np.array(self.target_m), self.roll_deg)

    def towards(self, other: "CameraSpec", share: float) -> "CameraSpec":
        """This camera moved a share of the way to another one, number by number."""

        def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.asarray(a) * (1 - share) + np.asarray(b) * share

        return self.model_copy(
            update={
                "eye_m": tuple(between(self.eye_m, other.eye_m).tolist()),
                "target_m": tuple(between(self.target_m, other.target_m).tolist()),
                "vfov_deg": float(between(self.vfov_deg, other.vfov_deg)),
                "roll_deg": float(between(self.roll_deg, other.roll_deg)),
            }
        )


class LightSpec(Section):
    """An HDRI, turned about the vertical, and the camera's exposure."""

    hdri: str
    rotation_deg: float
    strength: Annotated[float, Field(gt=0)]
    exposure_stops: float


class PlaceSpec(Section):
    """Where a scene is (`[place]`). The place's own frame (Z up, m) is turned by `yaw_deg` and lies
    at (x_m, y_m) of the world; its ground is z = 0.

    size_m: of a room, its inner width, depth and height; of a plaza or a field, the width and depth
    that are free.
    asset: the id of a scene file. seed: of everything built. sun_elevation_deg, sun_azimuth_deg: of
    a procedural sky's sun in the world, the azimuth clockwise from +Y as seen from above.
    """

    kind: Literal["panorama", "field", "plaza", "room", "file"] = "panorama"
    asset: str = ""
    x_m: float = 0.0
    y_m: float = 0.0
    yaw_deg: float = 0.0
    size_m: Vec3 = (0.0, 0.0, 0.0)
    seed: Annotated[int, Field(ge=0)] = 0
    sun_elevation_deg: Annotated[float, Field(ge=-90, le=90)] = 45.0
    sun_azimuth_deg: float = 0.0

    @property
    def has_sky(self) -> bool:
        """Whether a procedural sun and sky light it, and no HDRI."""
        return self.kind in ("field", "plaza")

    def T_world_place(self) -> np.ndarray:
        """(4, 4), world from place."""
        T = np.eye(4)
        T[:3, :3] = rotation_z(self.yaw_deg)
        T[:2, 3] = self.x_m, self.y_m
        return T


class SceneSpec(Section):
    """One scene of the dataset.

    frame_step: clip frames from one image to the next. camera_path: a moving camera, one entry per
    frame; empty when it stands still. movement, framing: how it moves and what it frames
    (`[camera]`). split: the part of the dataset it belongs to (`[cast]`). shutter_s: how long each
    picture is exposed; its frame is the middle of that time.
    origin: the row of a BEDLAM file it came from.
    """

    scene: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)]
    frames: Annotated[int, Field(ge=1)]
    people: Annotated[list[PersonSpec], Field(min_length=1)]
    frame_step: Annotated[int, Field(ge=1)] = 1
    camera: CameraSpec
    camera_path: list[CameraSpec] = []
    movement: str = "static"
    framing: str = ""
    split: Literal["train", "val", "test"] = "train"
    shutter_s: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    light: LightSpec
    place: PlaceSpec = PlaceSpec()
    notes: list[str] = []
    origin: str = ""

    @model_validator(mode="after")
    def _one_camera_per_frame(self):
        if self.camera_path and len(self.camera_path) != self.frames:
            raise ValueError(
                f"camera_path has {len(self.camera_path)} entries for {self.frames} frames"
            )
        sizes = {(c.width, c.height, c.sensor_width_mm) for c in (self.camera, *self.camera_path)}
        if len(sizes) > 1:
            raise ValueError("camera_path may not change image size or sensor")
        return self

    def camera_at(self, frame: int) -> CameraSpec:
        """The camera of a frame."""
        return self.camera_path[frame] if self.camera_path else self.camera

    def camera_ends(self, frame: int) -> tuple[CameraSpec, CameraSpec]:
        """The camera when the shutter of a frame opens and when it closes, half a `shutter_s` to
        either side, on straight lines between the frames' cameras."""
        last, here = self.frames - 1, self.camera_at(frame)
        if not self.camera_path or not last or self.shutter_s == 0:
            return here, here
        share = self.shutter_s / 2 / self.seconds_between_frames()
        before, after = max(frame - 1, 0), min(frame + 1, last)
        # At either end of the path the one neighbour there is stands for both, mirrored.
        opening = (before, share) if before < frame else (after, -share)
        closing = (after, share) if after > frame else (before, -share)
        return tuple(here.towards(self.camera_at(k), s) for k, s in (opening, closing))

    def clip_frames(self, person: PersonSpec) -> list[int]:
        """Frame of the person's clip that each image shows."""
        return [person.first_frame + k * self.frame_step for k in range(self.frames)]

    def seconds_between_frames(self) -> float:
        """Time from one image to the next."""
        return self.frame_step / self.people[0].subject.motion.fps

    def subjects(self) -> list[SubjectSpec]:
        """The people's subjects in order, one entry per person."""
        return [person.subject for person in self.people]


def scene_name(scene: int) -> str:
    """Folder name of a scene, e.g. `scene_000042`."""
    return f"scene_{scene:06d}"


def frame_name(frame: int) -> str:
    """File stem of a frame, e.g. `frame_0003`."""
    return f"frame_{frame:04d}"


def picture_name(frame: int, appearance: int) -> str:
    """File stem of one appearance of a frame, e.g. `frame_0003`, or `frame_0003_a2`."""
    return frame_name(frame) + (f"_a{appearance}" if appearance else "")


def read_scene(path: Path) -> SceneSpec:
    """Scene from its JSON file; raises GenbError with every fault."""
    try:
        return SceneSpec.model_validate(read_json(path))
    except FileNotFoundError as error:
        raise GenbError(f"scene file {path} does not exist.") from error
    except ValidationError as error:
        faults = "\n".join(f"  {'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
        raise GenbError(f"{path} is not a scene:\n{faults}") from error
