"""Exposure and white balance of a place that Cycles lights: grey balls where the people stand.

As on a film set, a small grey ball at each head is rendered instead of the people, coarsely; what
they reflect is the light on people there, shadows of the place included. The arithmetic around it
is that of `light_meter`.
"""

import bpy
import numpy as np
from scipy.ndimage import minimum_filter

from pipeline.blender import passes, session
from pipeline.blender.light_meter import KEY, LUMINANCE, SKIN_ALBEDO, WHITE_BALANCE
from pipeline.blender.nodes import bare_material

_WIDTH_PX = 96
_SAMPLES = 48
_BALL_PX, _BALL_M = 6.0, (0.13, 0.5)
"""Radius of a ball in the meter's picture, and its limits in the place."""
_BALL_ID = 9999


def meter(
    scene: bpy.types.Scene, hidden: list[bpy.types.Object], heads_m: np.ndarray
) -> tuple[float, np.ndarray]:
    """(exposure in stops, white point (3,) linear RGB of luminance 1) for the scene's camera.

    hidden: objects to leave out, the people. heads_m: (P, 3) world m.
    """
    material, graph, surface = bare_material("grey_ball")
    diffuse = graph.add("BsdfDiffuse", {"Color": (SKIN_ALBEDO,) * 3})
    graph.tree.links.new(diffuse.outputs[0], surface)
    eye = np.array(scene.camera.matrix_world)[:3, 3]
    focal_px = scene.camera.data.lens / scene.camera.data.sensor_width * _WIDTH_PX
    balls = [
        _ball(point, np.linalg.norm(point - eye) / focal_px * _BALL_PX, material)
        for point in heads_m
    ]
    settings, shown = scene.render, [t for t in hidden if not t.hide_render]
    size = settings.resolution_x, settings.resolution_y
    for thing in shown:
        thing.hide_render = True
    settings.resolution_x = _WIDTH_PX
    settings.resolution_y = max(round(_WIDTH_PX * size[1] / size[0]), 8)
    layer = scene.view_layers[0]
    layer.use_pass_object_index = True
    session.meter_settings(scene, _SAMPLES)
    try:
        with passes.captured() as raw, session.quiet():
            bpy.ops.render.render()
    finally:
        settings.resolution_x, settings.resolution_y = size
        layer.use_pass_object_index = False
        for thing in shown:
            thing.hide_render = False
        for ball in balls:
            bpy.data.objects.remove(ball)
    return _read(raw["Combined"][..., :3], np.rint(raw["Object Index"][..., 0]).astype(int))


def _ball(point: np.ndarray, radius_m: float, material: bpy.types.Material) -> bpy.types.Object:
    radius_m = float(np.clip(radius_m, *_BALL_M))
    bpy.ops.mesh.primitive_uv_sphere_add(
        segments=32, ring_count=16, radius=radius_m, location=point
    )
    ball = bpy.context.object
    bpy.ops.object.shade_smooth()
    ball.data.materials.append(material)
    ball.pass_index = _BALL_ID
    return ball


def _read(picture: np.ndarray, index: np.ndarray) -> tuple[float, np.ndarray]:
    luminance = np.maximum(picture @ LUMINANCE, 1e-5)
    on_ball = index == _BALL_ID
    # A ball's rim is mixed with what is behind it.
    seen = minimum_filter(on_ball, 3)
    if seen.sum() < 4:
        # Nobody's head in the picture: the frame itself is metered.
        seen = on_ball if on_ball.sum() >= 4 else np.ones_like(on_ball)
    subject = float(luminance[seen].mean())
    frame = float(np.exp(np.log(luminance[~on_ball]).mean())) if (~on_ball).any() else subject
    stops = np.log2(KEY / (subject**0.65 * frame**0.35))
    stops = float(np.clip(stops, *(np.log2(KEY / subject) + np.array([-0.5, 0.5]))))
    colour = np.clip(picture[seen].mean(axis=0) / subject, 0.2, 5.0) ** WHITE_BALANCE
    # Where surfaces of a place touch, Cycles' last bits may vary from run to run; nobody sees a
    # fiftieth of a stop.
    return round(stops * 50) / 50, np.round(colour, 2)
