"""A clean Blender, set up by the configuration and by nothing else.

Cycles never changes device by itself here: a GPU that is asked for and absent is an error.
Blender's chatter is kept out of the log, and shown only when something fails.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from pipeline.config import ExecutionSection, RenderSection
from pipeline.errors import GenbError

LOOKS = {
    "AgX": "AgX - Medium High Contrast",
    "Filmic": "Medium High Contrast",
    "Standard": "None",
}
"""The contrast curve used with each view transform; the plain AgX and Filmic curves look flat."""


def reset() -> bpy.types.Scene:
    """An empty Blender file whose one scene renders with Cycles."""
    with quiet():
        bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    return scene


def configure(
    scene: bpy.types.Scene,
    render: RenderSection,
    execution: ExecutionSection,
    size: tuple[int, int],
) -> None:
    """Everything that stays the same for a whole scene. `size` is (width, height) in pixels.

    Raises GenbError when the device asked for is absent.
    """
    select_device(scene, execution.device)
    settings = scene.render
    settings.threads_mode = "FIXED"
    settings.threads = execution.threads or _cores()
    settings.resolution_x, settings.resolution_y = size
    settings.resolution_percentage = 100
    settings.pixel_aspect_x = settings.pixel_aspect_y = 1.0
    # Persistent data would silently ignore the change of sample count between the passes.
    settings.use_persistent_data = False
    settings.use_motion_blur = False
    settings.use_compositing = settings.use_sequencer = False
    settings.film_transparent = False
    settings.dither_intensity = 0.0
    scene.view_settings.view_transform = render.view_transform
    scene.view_settings.look = LOOKS[render.view_transform]
    scene.view_settings.gamma = 1.0
    scene.view_settings.use_white_balance = False
    scene.display_settings.display_device = "sRGB"


def _cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def picture_settings(scene: bpy.types.Scene, render: RenderSection, seed: int) -> None:
    """Cycles settings of the RGB image."""
    cycles = scene.cycles
    cycles.samples = render.samples
    cycles.seed = seed
    cycles.use_animated_seed = False
    cycles.use_adaptive_sampling = render.noise_threshold > 0
    cycles.adaptive_threshold, cycles.adaptive_min_samples = render.noise_threshold, 0
    cycles.sampling_pattern = "BLUE_NOISE"
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    cycles.filter_width = 1.5
    cycles.use_denoising = render.denoise
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_use_gpu = False
    cycles.denoising_quality = "HIGH"
    cycles.denoising_prefilter = render.prefilter.upper()
    cycles.max_bounces = 4
    cycles.diffuse_bounces = cycles.glossy_bounces = 2
    cycles.transmission_bounces = 3
    cycles.transparent_max_bounces = 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 5.0
    cycles.blur_glossy = 1.0


def meter_settings(scene: bpy.types.Scene, samples: int) -> None:
    """Cycles settings of a light meter: the picture's light paths, coarse, and always the same."""
    picture_settings(scene, RenderSection(samples=samples, denoise=False), seed=0)


def truth_settings(scene: bpy.types.Scene) -> None:
    """Cycles settings of a ground-truth pass: one unblended sample at each pixel's centre."""
    cycles = scene.cycles
    cycles.samples = 1
    cycles.seed = 0
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = False
    cycles.pixel_filter_type = "BOX"
    cycles.filter_width = 0.01  # the smallest Cycles takes: within 0.005 px of the centre
    cycles.max_bounces = 0


def select_device(scene: bpy.types.Scene, device: str) -> None:
    """Render on `device` ('cpu' or a GPU backend). Raises GenbError when there is none of it."""
    if device == "cpu":
        scene.cycles.device = "CPU"
        return
    preferences = bpy.context.preferences.addons["cycles"].preferences
    backend = device.upper()
    offered = [entry[0] for entry in preferences.get_device_types(bpy.context)]
    with quiet():
        found = preferences.get_devices_for_type(backend) if backend in offered else []
    found = [entry for entry in found if entry.type == backend]
    if not found:
        raise GenbError(
            f"execution.device = {device!r}, but Blender finds no such device here (backends in "
            f"this build: {', '.join(o.lower() for o in offered if o != 'NONE')}). Set "
            "device = 'cpu' in [execution], or run `genb doctor` to see what is missing."
        )
    preferences.compute_device_type = backend
    for entry in preferences.devices:
        entry.use = entry.type == backend
    scene.cycles.device = "GPU"


def blender_version() -> str:
    """Version of Blender, e.g. '5.0.1'."""
    return ".".join(str(number) for number in bpy.app.version)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what Blender prints from C out of our output; print its end if the block fails."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as sink:
        saved = os.dup(1), os.dup(2)
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in zip((1, 2), saved, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            if failed:
                sink.seek(0)
                sys.stderr.write(sink.read().decode(errors="replace")[-4000:])
