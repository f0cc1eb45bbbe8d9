"""A procedural sun and sky: the atmosphere as Blender models it, the sun as a lamp of its own."""

import bpy
import numpy as np
from mathutils import Matrix, Vector

from pipeline.blender import session
from pipeline.blender.nodes import Graph
from pipeline.blender.passes import captured
from pipeline.conventions import look_at
from pipeline.scene import PlaceSpec


def add_sky(scene: bpy.types.Scene, place: PlaceSpec, rng: np.random.Generator) -> None:
    """Sun and sky of a multiple-scattering atmosphere, the sun where the place says.

    The sun's disc becomes a lamp of the same light: as a part of the sky it would draw nearly all
    of Cycles' samples, and leave people in the shade to noise.
    """
    world = bpy.data.worlds.new("sky")
    scene.world = world
    graph = Graph(world.node_tree)
    # Blender's rotation is the azimuth clockwise from +Y, as ours is.
    sky = graph.add(
        "TexSky",
        sky_type="MULTIPLE_SCATTERING",
        sun_disc=True,
        sun_elevation=float(np.radians(place.sun_elevation_deg)),
        sun_rotation=float(np.radians(place.sun_azimuth_deg)),
        altitude=float(rng.uniform(0.0, 800.0)),
        air_density=float(rng.uniform(0.8, 1.3)),
        aerosol_density=float(np.exp(rng.uniform(np.log(0.4), np.log(4.0)))),
        ozone_density=float(rng.uniform(0.8, 1.5)),
    )
    graph.set(world.node_tree.nodes["Background"], "Color", sky.outputs[0])
    elevation, azimuth = np.radians([place.sun_elevation_deg, place.sun_azimuth_deg])
    level = np.cos(elevation)
    toward = np.array([level * np.sin(azimuth), level * np.cos(azimuth), np.sin(elevation)])
    irradiance = _sun_irradiance(scene, toward)
    sky.sun_disc = False
    _add_sun(scene, toward, irradiance)


def _sun_irradiance(scene: bpy.types.Scene, toward: np.ndarray) -> np.ndarray:
    """Linear RGB (3,) that the sky's own sun sheds on a surface facing it: the disc seen through a
    long lens in an empty scene, summed over its solid angle."""
    width, fov = 24, np.radians(0.9)
    settings, kept = scene.render, scene.camera
    size = settings.resolution_x, settings.resolution_y
    T = look_at(np.zeros(3), toward * [1, 1, min(1, 0.999 / max(abs(toward[2]), 1e-9))])
    camera = bpy.data.objects.new("sun_finder", bpy.data.cameras.new("sun_finder"))
    camera.data.angle = fov
    camera.matrix_world = Matrix((np.linalg.inv(T) @ np.diag([1, -1, -1, 1])).tolist())
    scene.collection.objects.link(camera)
    scene.camera, settings.resolution_x, settings.resolution_y = camera, width, width
    session.meter_settings(scene, 64)
    try:
        with captured() as raw, session.quiet():
            bpy.ops.render.render()
    finally:
        scene.camera, (settings.resolution_x, settings.resolution_y) = kept, size
        bpy.data.objects.remove(camera)
    picture = raw["Combined"][..., :3]
    return picture.sum(axis=(0, 1)) * (2 * np.tan(fov / 2) / width) ** 2


def _add_sun(scene: bpy.types.Scene, toward: np.ndarray, irradiance: np.ndarray) -> None:
    light = bpy.data.lights.new("sun", "SUN")
    light.angle = np.radians(0.545)
    light.energy = float(irradiance.max())
    light.color = tuple(irradiance / max(irradiance.max(), 1e-9))
    sun = bpy.data.objects.new("sun", light)
    sun.rotation_mode = "QUATERNION"
    # A lamp shines along its own -Z.
    sun.rotation_quaternion = Vector(toward).to_track_quat("Z", "Y")
    scene.collection.objects.link(sun)
