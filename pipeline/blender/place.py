"""Where a scene is: panorama, procedural place or file, with its light and the exposure."""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from pipeline.assets import Asset
from pipeline.blender import meter, outdoors, room, scene_file, world
from pipeline.blender.light_meter import WHITE_BALANCE, white_balance
from pipeline.blender.sky import add_sky
from pipeline.scene import SceneSpec


@dataclass(frozen=True)
class Surroundings:
    """The files behind a place. hdri: the panorama; plain_floor: boards or tiles instead of its own
    floor. file, asset: the scene file of places of kind `file`, and its row in the manifest."""

    hdri: Path
    plain_floor: bool = False
    file: Path | None = None
    asset: Asset | None = None


def add_place(
    scene: bpy.types.Scene, spec: SceneSpec, around: Surroundings, rng: np.random.Generator
) -> float:
    """World, ground and everything of a scene but its people. Returns the exposure in stops, which
    for anything but a panorama is a first guess: see `expose`.

    Raises SceneRejected when an HDRI or a scene file cannot be used.
    """
    place, light = spec.place, spec.light
    if place.kind == "panorama":
        return world.add_world(scene, around.hdri, light, spec.camera, rng, around.plain_floor)
    own = np.random.default_rng(place.seed)
    if place.has_sky:
        add_sky(scene, place, own)
        outdoors.BUILDERS[place.kind](place, own)
        return 0.0
    if place.kind == "room":
        room.add_room(place, own)
    else:
        scene_file.add_file(scene, place, around.asset, around.file)
    if place.kind == "room" or scene.world is None:
        image = world.load_panorama(around.hdri)
        gains = white_balance(world.pixels(image), WHITE_BALANCE) * light.strength
        world.set_panorama(scene, image, light.rotation_deg, gains)
    return 0.0


def expose(
    scene: bpy.types.Scene, spec: SceneSpec, people: list[bpy.types.Object], heads_m: np.ndarray
) -> float:
    """Meter a place that is no panorama by grey balls at the heads (P, 3) m, and set exposure and
    white balance; returns the exposure in stops."""
    stops, white = meter.meter(scene, people, heads_m)
    view = scene.view_settings
    view.exposure = stops + spec.light.exposure_stops
    view.use_white_balance = True
    view.white_balance_whitepoint = tuple(float(c) for c in white)
    return round(view.exposure, 4)
