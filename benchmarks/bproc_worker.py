"""BlenderProc's half of `benchmarks/blenderproc.py`: one answer for each scene it is given.

Started by that script as `python bproc_worker.py PACKAGES TEMPORARY` in an environment of its own.
Reads lines of JSON {"blend": file, "out": folder, "second_render": bool} and answers each with a
line `ANSWER {"open": [s, CPU s], "render": [s, CPU s]}`: opening the .blend file, then everything
from there to the finished .hdf5 file. second_render: segmentation by `render_segmap`, in a render
of its own, instead of by `enable_segmentation_output`.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

PACKAGES, TEMPORARY = sys.argv[1:3]


def load_blenderproc():
    """BlenderProc in this Python, without the Blender that it would download."""
    sys.path.insert(0, PACKAGES)  # before this folder, where a script has the same name
    os.environ["OUTSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT_BUT_IN_RUN_SCRIPT"] = "1"
    package = importlib.import_module("blenderproc")
    setup = importlib.import_module("blenderproc.python.utility.SetupUtility").SetupUtility
    setup.setup_pip = staticmethod(lambda *args, **kwargs: PACKAGES)
    os.environ["INSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT"] = "1"
    sys.argv = ["blenderproc", "--background", "--", "script", TEMPORARY]
    return importlib.reload(package)


def main() -> None:
    """Answer until there are no more orders."""
    bproc = load_blenderproc()
    import bpy
    from blenderproc.python.utility.GlobalStorage import GlobalStorage
    from bproc_shim import install

    install()
    print("ANSWER {}", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        GlobalStorage._storage_dict.clear()  # as in the new process BlenderProc expects per scene
        started = now()
        bpy.ops.wm.open_mainfile(filepath=order["blend"])
        opened = now()
        render(bproc, bpy, Path(order["out"]), order["second_render"])
        took = zip(now(), opened, started, strict=True)
        open_s, render_s = zip(*[(b - a, c - b) for c, b, a in took], strict=True)
        answer = {"open": open_s, "render": render_s}
        save_copy(Path(order["out"]))
        print("\nANSWER " + json.dumps(answer), flush=True)


def now() -> tuple[float, float]:
    """Seconds on the wall clock and of processor time."""
    return time.perf_counter(), time.process_time()


def render(bproc, bpy, out: Path, second_render: bool) -> None:
    """Colours, depth, normals and instances of the open scene, as BlenderProc's examples do it.

    Samples, bounces, seed, denoiser and colours stay as saved in the file; what `render_init` sets
    (persistent data, spatial splits) stays BlenderProc's.
    """
    importlib.import_module("blenderproc.python.renderer.RendererUtility").render_init()
    bpy.context.scene.frame_start = bpy.context.scene.frame_end = 0
    bproc.camera.add_camera_pose(bpy.context.scene.camera.matrix_world.copy())
    bproc.renderer.enable_depth_output(activate_antialiasing=False)
    bproc.renderer.enable_normals_output()
    if not second_render:
        bproc.renderer.enable_segmentation_output(map_by=["instance", "name"])
    data = bproc.renderer.render()
    if second_render:
        data.update(bproc.renderer.render_segmap(map_by=["instance", "name"]))
    bproc.writer.write_hdf5(str(out), data)


def save_copy(out: Path) -> None:
    """The first frame's arrays as .npz too, for those who have no h5py; not timed."""
    import h5py
    import numpy as np

    with h5py.File(out / "0.hdf5") as file:
        images = {name: data[...] for name, data in file.items() if data.ndim >= 2}
    np.savez(out / "0.npz", **images)


if __name__ == "__main__":
    main()
