"""Light, exposure and ground of a scene, from one HDRI."""

from pathlib import Path

import bpy
import cv2
import numpy as np

from pipeline.blender.light_meter import (
    MAX_ALBEDO,
    WHITE_BALANCE,
    Environment,
    exposure_stops,
    ground_albedo,
    white_balance,
)
from pipeline.blender.nodes import Graph, bare_material
from pipeline.blender.people import new_mesh
from pipeline.errors import SceneRejected
from pipeline.panoramas import memory_fault, panorama_size
from pipeline.scene import CameraSpec, LightSpec

GROUND_RADIUS_M = 14.0
FADE_FROM_M = 9.0
GROUND_PX = 1536


def add_world(
    scene: bpy.types.Scene,
    hdri: Path,
    light: LightSpec,
    camera: CameraSpec,
    rng: np.random.Generator,
    plain_floor: bool = False,
) -> float:
    """Set world, exposure and ground. Returns the exposure in stops.

    plain_floor: boards or tiles in the colour of the panorama's floor, instead of the floor itself.
    """
    image = load_panorama(hdri)
    panorama = pixels(image)
    gains = white_balance(panorama, WHITE_BALANCE) * light.strength
    environment = Environment(panorama, light.rotation_deg, gains)
    set_panorama(scene, image, light.rotation_deg, gains)
    stops = exposure_stops(environment, camera.T_cam_world(), camera.K()) + light.exposure_stops
    scene.view_settings.exposure = stops
    _add_ground(environment, np.array(camera.eye_m), rng, plain_floor)
    return round(stops, 4)


def load_panorama(hdri: Path) -> bpy.types.Image:
    """An HDRI as linear colours. Raises SceneRejected when Blender cannot read it, or it does not
    fit into the memory that is free now."""
    too_large = memory_fault(*panorama_size(hdri))
    if too_large:
        raise SceneRejected(f"HDRI {hdri} {too_large}")
    try:
        image = bpy.data.images.load(str(hdri), check_existing=True)
    except RuntimeError as error:
        raise SceneRejected(f"HDRI {hdri} cannot be opened ({str(error).strip()}).") from error
    if not image.size[0] or not len(image.pixels):
        raise SceneRejected(
            f"HDRI {hdri} is damaged: Blender cannot read it as an image. Copy it once more, or "
            "take it out of light.hdris."
        )
    image.colorspace_settings.name = "Linear Rec.709"
    return image


def pixels(image: bpy.types.Image) -> np.ndarray:
    """Linear RGB (H, W, 3) float32, row 0 at the bottom."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    return np.ascontiguousarray(values.reshape(height, width, image.channels)[..., :3])


def set_panorama(
    scene: bpy.types.Scene, image: bpy.types.Image, rotation_deg: float, gains: np.ndarray
) -> None:
    """Light the scene with an image (equirectangular, Blender's own mapping) turned anticlockwise,
    with channel gains (3,)."""
    world = bpy.data.worlds.new("world")
    scene.world = world
    graph = Graph(world.node_tree)
    direction = graph.add("TexCoord").outputs["Generated"]
    # Looking up along the direction turned back turns the panorama forward.
    turned = graph.add(
        "Mapping", {"Vector": direction, "Rotation": (0, 0, -np.radians(rotation_deg))}
    ).outputs[0]
    colour = graph.add("TexEnvironment", {0: turned}, image=image, interpolation="Cubic").outputs[0]
    balanced = graph.add("VectorMath", {0: colour, 1: gains}, operation="MULTIPLY").outputs[0]
    graph.set(world.node_tree.nodes["Background"], "Color", balanced)
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = 1024


def _add_ground(
    environment: Environment, eye_m: np.ndarray, rng: np.random.Generator, plain: bool
) -> None:
    """A square of ground that receives shadows and dissolves into the panorama."""
    r = GROUND_RADIUS_M
    albedo = ground_albedo(environment, eye_m, r, GROUND_PX, plain)
    step = ((np.arange(GROUND_PX) + 0.5) / GROUND_PX * 2 - 1) * r
    distance = np.hypot(*np.meshgrid(step, step))
    texture = np.empty((GROUND_PX, GROUND_PX, 4), np.float32)
    texture[..., :3] = _grained(albedo, distance, rng)
    texture[..., 3] = np.clip((r - distance) / (r - FADE_FROM_M), 0, 1)
    image = bpy.data.images.new("ground", GROUND_PX, GROUND_PX, alpha=True, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    image.pixels.foreach_set(texture.ravel())
    image.update()
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rim = np.stack([r * np.cos(angle), r * np.sin(angle), np.zeros(64)], axis=1)
    vertices = np.concatenate([np.zeros((1, 3)), rim])
    following = np.roll(np.arange(1, 65), -1)
    faces = np.stack([np.zeros(64, int), np.arange(1, 65), following], axis=1)
    ground = new_mesh("ground", vertices, faces, smooth=False)
    uv = (vertices[faces.ravel(), :2] / r + 1) / 2
    ground.data.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.astype(np.float32).ravel())
    ground.data.materials.append(_ground_material(image, rng if plain else None))


def _grained(albedo: np.ndarray, distance_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grain under the people's feet that fades into the panorama's own blur with distance."""
    size = len(albedo)
    grain = np.zeros((size, size), np.float32)
    for cells, amount in ((48, 0.04), (256, 0.06), (1024, 0.07), (size, 0.06)):
        coarse = rng.normal(0, amount, (cells, cells)).astype(np.float32)
        grain += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    fade = np.clip(1 - distance_m / FADE_FROM_M, 0, 1) ** 0.7
    grained = albedo * np.exp(grain * fade)[..., None]
    return np.clip(grained, 0.004, MAX_ALBEDO)


def _ground_material(
    image: bpy.types.Image, floor: np.random.Generator | None
) -> bpy.types.Material:
    """floor: draws the pattern of a plain floor; None for a photographed one."""
    material, graph, surface = bare_material("ground")
    texture = graph.add("TexImage", image=image, extension="EXTEND")
    colour = texture.outputs["Color"]
    if floor is not None:
        tiles = bool(floor.random() < 0.4)
        colour = graph.mix(1.0, colour, boards(graph, floor, tiles), "MULTIPLY")
    diffuse = graph.add("BsdfDiffuse", {"Color": colour})
    clear = graph.add("BsdfTransparent")
    mix = graph.add("MixShader", {0: texture.outputs["Alpha"]})
    graph.tree.links.new(clear.outputs[0], mix.inputs[1])
    graph.tree.links.new(diffuse.outputs[0], mix.inputs[2])
    graph.tree.links.new(mix.outputs[0], surface)
    return material


def boards(graph: Graph, rng: np.random.Generator, tiles: bool) -> bpy.types.NodeSocket:
    """Boards or tiles of true size, as a colour around 1 to multiply with."""
    length, width = (0.6, 0.6) if tiles else rng.uniform((0.9, 0.09), (2.0, 0.2))
    contrast = rng.uniform(0.03, 0.10) if tiles else rng.uniform(0.08, 0.2)
    place = graph.add("TexCoord").outputs["Object"]
    turn = (0, 0, rng.uniform(0, 2 * np.pi))
    place = graph.add("Mapping", {"Vector": place, "Rotation": turn}).outputs[0]
    stretched = graph.add("Mapping", {"Vector": place, "Scale": (1.0, 14.0, 1.0)}).outputs[0]
    grain = graph.noise(place if tiles else stretched, 3.0, detail=6.0)
    brick = graph.add(
        "TexBrick",
        {
            "Vector": place,
            "Color1": (1 - contrast,) * 3,
            "Color2": (1 + contrast,) * 3,
            "Mortar": (0.55,) * 3,
            "Scale": 1.0,
            "Mortar Size": 0.004 if tiles else 0.0015,
            "Mortar Smooth": 0.2,
            "Brick Width": float(length),
            "Row Height": float(width),
        },
        offset=0.0 if tiles else float(rng.uniform(0.3, 0.5)),
    ).outputs["Color"]
    share = graph.math("MULTIPLY_ADD", grain, 0.5)
    share.node.inputs[2].default_value = 0.75
    return graph.mix(1.0, brick, share, "MULTIPLY")
