"""Ground truth as Cycles sees it: one unblended sample at the exact centre of every pixel.

Two renders: everything with an override material (depth, normal, instance, part, and where each
point goes), then the naked bodies alone (instance, depth, position, triangle). Values are read from
Cycles' own render result in memory. Masks through occluders are in `amodal.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from pipeline.blender import session
from pipeline.blender.nodes import Graph, bare_material
from pipeline.conventions import pixel_centres, project, transform

PART_ATTRIBUTE = "part"
"""Mesh and curve attribute with the id of `conventions.PARTS`, per face or per strand."""

FACE_ATTRIBUTE = "face"
"""Attribute of the naked body's triangles: their number, from 1 on."""

NEXT_ATTRIBUTE = "next"
"""Attribute of every moving point: where it is in the next frame, world m."""

_BARYCENTRIC = "barycentric"
_BACKGROUND_DEPTH = 1e9
"""Cycles writes 1e10 where no surface is hit."""


def prepare(scene: bpy.types.Scene) -> bpy.types.Material:
    """Make the override material that writes ids and points, and its channels. Call once per
    scene."""
    material, graph, surface = bare_material("truth")
    graph.tree.links.new(graph.add("BsdfDiffuse").outputs[0], surface)
    for name in (PART_ATTRIBUTE, FACE_ATTRIBUTE):
        _write(scene, graph, name, "VALUE", graph.attribute(name).outputs["Fac"])
    goes = graph.attribute(NEXT_ATTRIBUTE).outputs["Vector"]
    _write(scene, graph, NEXT_ATTRIBUTE, "COLOR", goes)
    # Cycles' parametric coordinates are the weights of a triangle's first and second corner.
    weights = graph.add("NewGeometry").outputs["Parametric"]
    _write(scene, graph, _BARYCENTRIC, "COLOR", weights)
    return material


def _write(
    scene: bpy.types.Scene, graph: Graph, name: str, kind: str, value: bpy.types.NodeSocket
) -> None:
    """A channel of the render's own, a VALUE or a COLOR (three floats, unclamped)."""
    channel = scene.view_layers[0].aovs.add()
    channel.name, channel.type = name, kind
    node = graph.tree.nodes.new("ShaderNodeOutputAOV")
    node.aov_name = name
    graph.tree.links.new(value, node.inputs["Value" if kind == "VALUE" else "Color"])


def render_truth(scene: bpy.types.Scene, material: bpy.types.Material) -> dict[str, np.ndarray]:
    """Render one ground-truth pass of what is visible in the scene now.

    Returns depth (H, W) f32 m with inf where nothing is hit, normal (H, W, 3) f32 world frame,
    instance (H, W) u16, part (H, W) u8, position (H, W, 3) f32 world m, next (H, W, 3) f32 world m
    of things that have NEXT_ATTRIBUTE, face (H, W) i32 (-1 = none) and barycentric (H, W, 2) f32 of
    those that have FACE_ATTRIBUTE.
    """
    session.truth_settings(scene)
    layer = scene.view_layers[0]
    with unlit(scene), _channels(layer, material), captured() as raw, session.quiet():
        bpy.ops.render.render()
    depth = raw["Depth"][..., 0]
    return {
        "depth": np.where(depth < _BACKGROUND_DEPTH, depth, np.inf).astype(np.float32),
        "normal": raw["Normal"],
        "instance": _whole(raw["Object Index"][..., 0], np.uint16),
        "part": _whole(raw[PART_ATTRIBUTE][..., 0], np.uint8),
        "position": raw["Position"],
        "next": raw[NEXT_ATTRIBUTE][..., :3],
        "face": _whole(raw[FACE_ATTRIBUTE][..., 0], np.int32) - 1,
        "barycentric": raw[_BARYCENTRIC][..., :2],
    }


def _whole(values: np.ndarray, dtype: type) -> np.ndarray:
    ids = np.rint(values)
    if np.abs(values - ids).max(initial=0) > 1e-3:
        raise RuntimeError("Cycles blended an id channel: the pass was not rendered at one sample")
    return ids.astype(dtype)


@contextmanager
def _channels(layer: bpy.types.ViewLayer, material: bpy.types.Material) -> Iterator[None]:
    names = ("use_pass_z", "use_pass_normal", "use_pass_object_index", "use_pass_position")
    for name in names:
        setattr(layer, name, True)
    layer.material_override = material
    try:
        yield
    finally:
        layer.material_override = None
        for name in names:
            setattr(layer, name, False)


@contextmanager
def unlit(scene: bpy.types.Scene) -> Iterator[None]:
    """No world and no lamps inside the block: ids and geometry need no light, and Cycles would
    prepare to sample it (a sky's tables alone cost half a second)."""
    world = scene.world
    # Lamps first: Cycles crashes on the portal of a world that is not there.
    lamps = [t for t in scene.objects if t.type == "LIGHT" and not t.hide_render]
    for lamp in lamps:
        lamp.hide_render = True
    scene.world = None
    try:
        yield
    finally:
        scene.world = world
        for lamp in lamps:
            lamp.hide_render = False


@contextmanager
def captured() -> Iterator[dict[str, np.ndarray]]:
    """Collect every channel of the renders inside the block, as (H, W, C) f32, row 0 on top.

    The Cycles add-on holds the finished render result for a moment at the end of its `render`;
    taking the arrays there needs no file.
    """
    import cycles

    engine = cycles.CyclesRender
    original = engine.render
    channels: dict[str, np.ndarray] = {}
    faults: list[Exception] = []

    def render(self, depsgraph) -> None:
        original(self, depsgraph)
        try:
            channels.update(_read(self.get_result()))
        except Exception as fault:  # Blender would swallow it; it is raised below
            faults.append(fault)

    engine.render = render
    try:
        yield channels
    finally:
        engine.render = original
    if faults:
        raise RuntimeError(f"Cycles' render result cannot be read: {faults[0]}") from faults[0]
    if not channels:
        raise RuntimeError("Cycles rendered nothing")


def _read(result: bpy.types.RenderResult) -> dict[str, np.ndarray]:
    width, height = result.resolution_x, result.resolution_y
    channels = {}
    for render_pass in result.layers[0].passes:
        values = np.empty(width * height * render_pass.channels, np.float32)
        render_pass.rect.foreach_get(values)
        image = values.reshape(height, width, render_pass.channels)
        channels[render_pass.name] = image[::-1].copy()
    return channels


def camera_normals(
    normal_world: np.ndarray, hit: np.ndarray, K: np.ndarray, T_cam_world: np.ndarray
) -> np.ndarray:
    """Normals (H, W, 3) f16 in the camera frame: unit, facing the camera, 0 where not `hit`.

    A smooth shading normal can lean a little past the horizon at a silhouette; it is brought back
    to the horizon rather than mirrored.
    """
    height, width = hit.shape
    normal = normal_world.astype(float) @ T_cam_world[:3, :3].T
    rays = np.concatenate([pixel_centres(width, height), np.ones((height, width, 1))], axis=-1)
    rays = rays @ np.linalg.inv(K).T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    away = np.maximum((normal * rays).sum(axis=-1, keepdims=True), 0)
    normal = normal - away * rays
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 1e-6)
    return np.where(hit[..., None], normal, 0).astype(np.float16)


def position_error_px(
    position: np.ndarray, hit: np.ndarray, K: np.ndarray, T_cam_world: np.ndarray
) -> float:
    """Worst distance in px between a pixel's centre and the projection of what Cycles hit there."""
    if not hit.any():
        return 0.0
    height, width = hit.shape
    uv = project(K, transform(T_cam_world, position[hit].astype(float)))
    return float(np.linalg.norm(uv - pixel_centres(width, height)[hit], axis=-1).max())
