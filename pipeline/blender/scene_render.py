"""One scene from arrays to files: build it once, then picture and ground truth of every frame."""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from pipeline.blender import passes, session
from pipeline.blender.camera import add_camera, blender_projection
from pipeline.blender.figure import Figure
from pipeline.blender.wardrobe import Worn
from pipeline.blender.world import add_world
from pipeline.body.modelfile import ModelFile
from pipeline.config import Config
from pipeline.contracts import RenderPasses, SceneBodies
from pipeline.scene import CameraSpec, SceneSpec, frame_name
from pipeline.seeding import Stream, generator, integer_seed
from pipeline.storage import write_json


@dataclass(frozen=True)
class Stage:
    """Everything a scene is made of, read from files by `__main__`.

    wardrobe[p] are the garments of person p, models[p] the body model of that person. plain_floor:
    boards or tiles instead of the panorama's own floor.
    """

    spec: SceneSpec
    bodies: SceneBodies
    wardrobe: list[list[Worn]]
    models: list[ModelFile]
    hdri: Path
    plain_floor: bool = False


def build_scene(stage: Stage, config: Config) -> tuple[bpy.types.Scene, list[Figure], float]:
    """Everything of a scene that stays for all of its frames: Blender's scene with world and
    people, and the metered exposure in stops."""
    spec, camera = stage.spec, stage.spec.camera
    scene = session.reset()
    session.configure(scene, config.render, config.execution, (camera.width, camera.height))
    rng = generator(spec.seed, Stream.MATERIAL, spec.scene)
    exposure = add_world(scene, stage.hdri, spec.light, camera, rng, stage.plain_floor)
    painted = config.body.source == "free"
    hair = config.render.hair
    figures = [
        Figure(k, person, stage.bodies, stage.wardrobe[k], stage.models[k], hair, painted)
        for k, person in enumerate(spec.people)
    ]
    return scene, figures, exposure


def show_frame(
    scene: bpy.types.Scene, spec: SceneSpec, figures: list[Figure], frame: int
) -> CameraSpec:
    """Put camera and people where a frame has them; returns the frame's camera."""
    view = spec.camera_at(frame)
    if frame == 0 or spec.camera_path:
        size = (view.width, view.height)
        add_camera(scene, view.K(), view.T_cam_world(), size, view.sensor_width_mm)
    for figure in figures:
        figure.show(frame)
    return view


def render_scene(stage: Stage, config: Config, folder: Path) -> None:
    """Write frame_0000.png, frame_0000.npz ... and render.json into `folder`."""
    spec = stage.spec
    scene, figures, exposure = build_scene(stage, config)
    truth_material = passes.prepare(scene)
    seed = integer_seed(spec.seed, Stream.MATERIAL, spec.scene)
    for frame in range(spec.frames):
        view = show_frame(scene, spec, figures, frame)
        _render_picture(scene, config, seed, folder / f"{frame_name(frame)}.png")
        truth = _render_passes(scene, truth_material, figures, view.K(), view.T_cam_world())
        truth.save(folder / f"{frame_name(frame)}.npz")
    write_json(
        folder / "render.json",
        {
            "blender": session.blender_version(),
            "device": config.execution.device,
            "samples": config.render.samples,
            "denoise": config.render.denoise,
            "view_transform": config.render.view_transform,
            "look": session.LOOKS[config.render.view_transform],
            "exposure_stops": exposure,
        },
    )


def _render_picture(scene: bpy.types.Scene, config: Config, seed: int, path: Path) -> None:
    """Render the RGB image and write it as a plain PNG (Blender's own holds dates and timings)."""
    session.picture_settings(scene, config.render, seed)
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"
    image.compression = 0
    raw = path.with_suffix(".raw.png")
    scene.render.filepath = str(raw)
    with session.quiet():
        bpy.ops.render.render(write_still=True)
    with Image.open(raw) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    raw.unlink()
    Image.fromarray(pixels).save(path, compress_level=6)


def _render_passes(
    scene: bpy.types.Scene,
    material: bpy.types.Material,
    figures: list[Figure],
    K: np.ndarray,
    T_cam_world: np.ndarray,
) -> RenderPasses:
    """Ground truth of the frame on show."""
    full = passes.render_truth(scene, material)
    undressed = [t for figure in figures for t in figure.coverings]
    undressed.append(bpy.data.objects["ground"])
    for thing in undressed:
        thing.hide_render = True
    try:
        naked = passes.render_truth(scene, material)
    finally:
        for thing in undressed:
            thing.hide_render = False
    on_body = naked["instance"] > 0
    vertices = [figure.evaluated_vertices() for figure in figures]
    return RenderPasses(
        depth=full["depth"],
        normal=passes.camera_normals(full["normal"], np.isfinite(full["depth"]), K, T_cam_world),
        instance=full["instance"],
        part=full["part"],
        body_instance=naked["instance"],
        body_depth=naked["depth"],
        vertex_uv=np.stack([blender_projection(scene, v) for v in vertices]),
        position_error_px=np.float32(
            passes.position_error_px(naked["position"], on_body, K, T_cam_world)
        ),
    )
