"""BEDLAM2's `be_camera_animations.json`: keyframed cameras in, one pose per frame out, and back.

A keyframe places a camera root in the Unreal world and the camera relative to it. Unreal
interpolates each number by itself: angles as numbers, and the lens as a focal length in mm.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from pipeline.bedlam.curves import Key, value_at
from pipeline.bedlam.unreal import UnrealPose, compose
from pipeline.errors import GenbError
from pipeline.storage import canonical_json, read_json

SENSOR_MM = (36.0, 20.25)
_PLACES = ("x", "y", "z", "yaw", "pitch", "roll")


@dataclass(frozen=True)
class PosedLens:
    """A camera at one frame. pose: Unreal world. hfov_deg: over the image's width."""

    pose: UnrealPose
    hfov_deg: float


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Strict):
    """Where the root or the camera is, cm and degrees; a direction left out is not keyed."""

    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat
    yaw: FiniteFloat | None = None
    pitch: FiniteFloat | None = None
    roll: FiniteFloat | None = None


class Keyframe(_Strict):
    """One keyframe. frame_index counts images; -1 is the lead frame of motion blur."""

    frame_index: int
    hfov: Annotated[float, Field(gt=0, lt=180)] | None = None
    cameraroot: Place | None = None
    camera_local: Place | None = None
    type: Literal["linear", "auto"]


class Animation(BaseModel):
    """The camera of one sequence."""

    model_config = ConfigDict(frozen=True)
    keyframes: Annotated[list[Keyframe], Field(min_length=1)]
    info: dict = {}

    @model_validator(mode="after")
    def _in_order(self):
        frames = [key.frame_index for key in self.keyframes]
        if frames != sorted(set(frames)):
            raise ValueError("frame_index must increase from keyframe to keyframe")
        return self


@dataclass(frozen=True)
class AnimationFile:
    """Animations by sequence name, for one sensor. path: where they were read."""

    path: Path
    sensor_mm: tuple[float, float]
    animations: dict[str, Animation]

    def of(self, sequence: str) -> Animation:
        """A sequence's animation; raises GenbError when the file has none."""
        if sequence not in self.animations:
            raise GenbError(f"{self.path} has no camera for sequence {sequence}.")
        return self.animations[sequence]


def read_camera_animations(path: Path) -> AnimationFile:
    """A camera file; raises GenbError when it is damaged or does not hold the cameras' poses."""
    try:
        data = read_json(path)
    except OSError as error:
        raise GenbError(f"cannot read {path}: {error.strerror or error}.") from error
    info = data.get("info") if isinstance(data, dict) else None
    config = info.get("config", {}) if isinstance(info, dict) else None
    if not isinstance(config, dict):
        raise GenbError(f"{path} is not a camera animation file: it has no table 'info'.")
    _refuse_live_cameras(path, config)
    animations = {}
    for name in sorted(set(data) - {"info"}):
        try:
            animations[name] = Animation.model_validate(data[name])
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise GenbError(f"{path}, {name}: {'; '.join(faults)}.") from error
    return AnimationFile(Path(path), _sensor(path, config), animations)


def _refuse_live_cameras(path: Path, config: dict) -> None:
    """Cameras that Unreal aims while it plays have no pose in the file."""
    live = [key for key in ("follow", "look_at", "static_world_location") if config.get(key)]
    if live:
        raise GenbError(
            f"{path}: its cameras are aimed by Unreal while it plays ({', '.join(live)}), so the "
            "file does not hold their poses. Give the rendered cameras instead: "
            "--camera-csv ground_truth/meta_exr_csv (or be_camera_animations_depth.json here)."
        )


def _sensor(path: Path, config: dict) -> tuple[float, float]:
    """Sensor (width, height) mm; a width of 0 or none means Unreal's own, BEDLAM's 36 x 20.25."""
    width, height = config.get("sensor_width") or 0, config.get("sensor_height") or 0
    try:
        width, height = float(width), float(height)
    except (TypeError, ValueError) as error:
        raise GenbError(f"{path}: sensor_width and sensor_height must be numbers (mm).") from error
    if width <= 0:
        return SENSOR_MM
    if not (math.isfinite(width) and height > 0 and math.isfinite(height)):
        raise GenbError(f"{path}: a sensor of {width:g} x {height:g} mm is not possible.")
    return width, height


def lenses(
    animation: Animation,
    frames: int,
    sensor_width_mm: float,
    root: UnrealPose,
    local: UnrealPose,
    hfov_deg: float | None,
) -> list[PosedLens]:
    """The camera at frames 0 .. frames - 1.

    root, local, hfov_deg: the Group row's own, for what no keyframe says. Directions that no
    keyframe of a given place says are 0. Raises GenbError when no field of view is given.
    """
    root_at = _place_curve(animation, lambda key: key.cameraroot, root)
    local_at = _place_curve(animation, lambda key: key.camera_local, local)
    focal = tuple(
        Key(key.frame_index, _focal_mm(key.hfov, sensor_width_mm), key.type)
        for key in animation.keyframes
        if key.hfov is not None
    )
    if not focal and hfov_deg is None:
        raise GenbError("neither a keyframe (hfov) nor the Group row (camera_hfov) has a lens.")
    focal = focal or (Key(0, _focal_mm(hfov_deg, sensor_width_mm), "linear"),)
    return [
        PosedLens(
            compose(root_at(frame), local_at(frame)),
            math.degrees(2 * math.atan(sensor_width_mm / (2 * value_at(focal, frame)))),
        )
        for frame in range(frames)
    ]


def _place_curve(
    animation: Animation, place_of: Callable[[Keyframe], Place | None], default: UnrealPose
) -> Callable[[int], UnrealPose]:
    """A pose as a function of the frame; each of its six numbers is a curve of its own."""
    keyed = [(key, place) for key in animation.keyframes if (place := place_of(key)) is not None]
    if not keyed:
        return lambda frame: default
    curves = {}
    for name in _PLACES:
        keys = tuple(
            Key(key.frame_index, value, key.type)
            for key, place in keyed
            if (value := getattr(place, name)) is not None
        )
        curves[name] = keys or (Key(0, 0.0, "linear"),)
    return lambda frame: UnrealPose(**{name: value_at(curves[name], frame) for name in _PLACES})


def _focal_mm(hfov_deg: float, sensor_width_mm: float) -> float:
    return sensor_width_mm / (2 * math.tan(math.radians(hfov_deg) / 2))


def camera_animations_text(
    sequences: dict[str, dict[int, PosedLens]], sensor_mm: tuple[float, float]
) -> str:
    """Content of a camera file: cameras by sequence and frame, Unreal world.

    Roots stand at Unreal's origin, so that the file serves levels with and without a root.
    """
    flags = {"follow": False, "look_at": False, "static_world_location": False}
    config = {"sensor_width": sensor_mm[0], "sensor_height": sensor_mm[1], **flags}
    data: dict = {"info": {"fps": 30, "config_type": "genb", "config": config}}
    for name, cameras in sequences.items():
        keyframes = [
            Keyframe(
                frame_index=frame,
                hfov=lens.hfov_deg,
                cameraroot=Place(x=0, y=0, z=0, yaw=0, pitch=0, roll=0),
                camera_local=Place(**{p: getattr(lens.pose, p) for p in _PLACES}),
                type="linear",
            )
            for frame, lens in cameras.items()
        ]
        data[name] = Animation(keyframes=keyframes).model_dump(mode="json")
    return canonical_json(data, indent=1) + "\n"
