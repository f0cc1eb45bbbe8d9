"""One scene from arrays to files: build it once, then picture and ground truth of every frame."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from pipeline.blender import amodal, passes, session
from pipeline.blender.camera import add_camera, blender_projection, exposed
from pipeline.blender.figure import Figure
from pipeline.blender.flow import forward_flow
from pipeline.blender.place import Surroundings, add_place, expose
from pipeline.blender.wardrobe import Worn, choose_skin
from pipeline.body.modelfile import JOINT_INDEX, ModelFile
from pipeline.config import Config
from pipeline.contracts import RenderPasses, SceneBodies
from pipeline.scene import CameraSpec, SceneSpec, frame_name
from pipeline.seeding import Stream, generator, integer_seed
from pipeline.storage import atomic_file, write_json

_FILES_WAITING = 4
_HEAD = JOINT_INDEX["head"]


@dataclass(frozen=True)
class Stage:
    """Everything a scene is made of, read from files by `__main__`.

    wardrobe[p] are the garments of person p, models[p] the body model of that person. around: the
    files of the place.
    """

    spec: SceneSpec
    bodies: SceneBodies
    wardrobe: list[list[Worn]]
    models: list[ModelFile]
    around: Surroundings


def build_scene(stage: Stage, config: Config) -> tuple[bpy.types.Scene, list[Figure], float]:
    """Everything of a scene that stays for all of its frames: Blender's scene with world and
    people, and the metered exposure in stops."""
    spec, camera = stage.spec, stage.spec.camera
    scene = session.reset()
    session.configure(scene, config.render, config.execution, (camera.width, camera.height))
    rng = generator(spec.seed, Stream.MATERIAL, spec.scene)
    exposure = add_place(scene, spec, stage.around, rng)
    painted = config.body.source == "free"
    hair = config.render.hair
    figures = [
        Figure(
            *(k, person, stage.bodies, stage.wardrobe[k], stage.models[k], hair, painted),
            skin=choose_skin(person, config.look),
        )
        for k, person in enumerate(spec.people)
    ]
    if spec.place.kind != "panorama":
        show_frame(scene, spec, figures, 0)
        people = [thing for figure in figures for thing in figure.things]
        exposure = expose(scene, spec, people, stage.bodies.joints[0, :, _HEAD])
    return scene, figures, exposure


def show_frame(
    scene: bpy.types.Scene, spec: SceneSpec, figures: list[Figure], frame: int
) -> CameraSpec:
    """Put camera and people where a frame has them; returns the frame's camera."""
    view = spec.camera_at(frame)
    if scene.camera is None or spec.camera_path:
        size = (view.width, view.height)
        add_camera(scene, view.K(), view.T_cam_world(), size, view.sensor_width_mm)
    for figure in figures:
        figure.show(frame)
    return view


def render_scene(stage: Stage, config: Config, folder: Path) -> None:
    """Write frame_0000.png, frame_0000.npz ... and render.json into `folder`.

    Frames that are there already stay as they are: a scene that was killed goes on where it was.
    """
    spec = stage.spec
    scene, figures, exposure = build_scene(stage, config)
    truth = passes.prepare(scene), amodal.prepare(scene, len(figures))
    seed = integer_seed(spec.seed, Stream.MATERIAL, spec.scene)
    # Files are compressed and written while Cycles renders what comes next.
    with ThreadPoolExecutor(1) as writer:
        written = deque()
        for frame in range(spec.frames):
            picture, arrays = (folder / f"{frame_name(frame)}{end}" for end in (".png", ".npz"))
            if picture.exists() and arrays.exists():
                continue
            show_frame(scene, spec, figures, frame)
            raw = _render_picture(scene, config, seed, spec, frame, picture)
            written.append(writer.submit(_plain_png, raw, picture))
            found = _render_passes(scene, truth, figures, spec, frame)
            written.append(writer.submit(found.save, arrays))
            # A full disk ends the scene here and not after its last frame.
            while len(written) > _FILES_WAITING:
                written.popleft().result()
        for job in written:
            job.result()
    write_json(
        folder / "render.json",
        {
            "blender": session.blender_version(),
            "device": config.execution.device,
            "samples": config.render.samples,
            "noise_threshold": config.render.noise_threshold,
            "denoise": config.render.denoise,
            "prefilter": config.render.prefilter,
            "view_transform": config.render.view_transform,
            "look": session.LOOKS[config.render.view_transform],
            "exposure_stops": exposure,
        },
    )


def _render_picture(
    scene: bpy.types.Scene, config: Config, seed: int, spec: SceneSpec, frame: int, path: Path
) -> Path:
    """Render the RGB image through lens and shutter, into Blender's own uncompressed PNG."""
    session.picture_settings(scene, config.render, seed)
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"
    image.compression = 0
    raw = path.with_suffix(".raw.png.partial")
    scene.render.filepath, scene.render.use_file_extension = str(raw), False
    view, ends = spec.camera_at(frame), spec.camera_ends(frame)
    with exposed(scene, view, ends, spec.shutter_s), session.quiet():
        bpy.ops.render.render(write_still=True)
    return raw


def _plain_png(raw: Path, path: Path) -> None:
    """Blender's PNG without its dates and timings."""
    with Image.open(raw) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    raw.unlink()
    with atomic_file(path) as partial:
        Image.fromarray(pixels).save(partial, "PNG", compress_level=6)


def _render_passes(
    scene: bpy.types.Scene,
    materials: tuple[bpy.types.Material, bpy.types.Material],
    figures: list[Figure],
    spec: SceneSpec,
    frame: int,
) -> RenderPasses:
    """Ground truth of the frame on show, at the middle of its exposure."""
    material, clear = materials
    view = spec.camera_at(frame)
    K, T_cam_world = view.K(), view.T_cam_world()
    full = passes.render_truth(scene, material)
    with _only(scene, [thing for figure in figures for thing in figure.things]):
        hidden = amodal.render_amodal(scene, clear, len(figures))
    with _only(scene, [figure.body for figure in figures]):
        naked = passes.render_truth(scene, material)
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
        amodal=hidden,
        body_face=np.where(on_body, naked["face"], -1),
        body_bary=np.where(on_body[..., None], naked["barycentric"], 0).astype(np.float16),
        flow=_flow(full, spec, frame),
    )


@contextmanager
def _only(scene: bpy.types.Scene, shown: list[bpy.types.Object]) -> Iterator[None]:
    """Hide everything else from the renderer inside the block."""
    others = [t for t in scene.objects if t not in shown and not t.hide_render]
    for thing in others:
        thing.hide_render = True
    try:
        yield
    finally:
        for thing in others:
            thing.hide_render = False


def _flow(full: dict[str, np.ndarray], spec: SceneSpec, frame: int) -> np.ndarray:
    """Flow to the next frame, or an empty one for the last. What belongs to nobody stands still."""
    if frame + 1 == spec.frames:
        return np.zeros((0, 0, 2), np.float32)
    cameras = [(c.K(), c.T_cam_world()) for c in map(spec.camera_at, (frame, frame + 1))]
    moves = (full["instance"] > 0)[..., None]
    following = np.where(moves, full["next"], full["position"])
    return forward_flow(full["position"], following, np.isfinite(full["depth"]), *cameras)
