"""What this machine has and lacks, and the exact next step for each gap."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline import assets
from pipeline.config import CONFIG_DIR, load_config
from pipeline.diffusion.models import check_models
from pipeline.errors import GenbError

_PACKAGES = (
    "bpy",
    "smplx",
    "trimesh",
    "diffusers",
    "transformers",
    "controlnet-aux",
    "pyrender",
    "numpy",
    "luigi",
    "torch",
    "torchvision",
    "anny",
)
_MOTIONS = "motions"
_GL_PROBE = (
    "import os; os.environ['PYOPENGL_PLATFORM'] = 'egl'; import pyrender; "
    "r = pyrender.OffscreenRenderer(8, 8); r.delete()"
)
_GPU_PROBE = (
    "import bpy; p = bpy.context.preferences.addons['cycles'].preferences; p.get_devices(); "
    "print('GPUS=' + ', '.join(f'{d.name} ({d.type})' for d in p.devices if d.type != 'CPU'))"
)
_TORCH_PROBE = "import torch; print('CUDA=' + str(torch.cuda.is_available()))"


def report_machine() -> tuple[str, bool]:
    """A report to print, and whether the default job can run here."""
    lines: list[str] = []
    healthy = True

    def check(ok: bool, what: str, remedy: str = "", needed: bool = True) -> None:
        nonlocal healthy
        mark = "ok  " if ok else ("MISS" if needed else "-   ")
        lines.append(f"[{mark}] {what}" + (f"\n       next: {remedy}" if remedy and not ok else ""))
        healthy = healthy and (ok or not needed)

    lines.append("Needed by the default job")
    version = ".".join(map(str, sys.version_info[:3]))
    check(
        sys.version_info[:2] == (3, 11), f"Python {version} (bpy needs 3.11)", "install Python 3.11"
    )
    missing = [name for name in _PACKAGES if not _installed(name)]
    check(not missing, f"packages {', '.join(missing or _PACKAGES)}", "make env")
    check(
        _probe(_GL_PROBE) is not None,
        "off-screen OpenGL (EGL) for the audit",
        "apt-get install libegl1 libgl1-mesa-dri   (Debian, Ubuntu)",
    )
    for name in load_config("genb").light.hdris:
        check(_hdri_present(name), f"HDRI {name}", "make env (reinstalls bpy)")
    free_body = assets.body_dir(load_config("genb")) / "people.npz"
    built = "built" if free_body.is_file() else "will be built on the first run, about a minute"
    check(True, f"free body model: {built} ({free_body.parent})")
    free_gb = shutil.disk_usage(os.getcwd()).free / 1e9
    check(
        free_gb > 3, f"disk: {free_gb:.0f} GB free here", "free some space, or use --out elsewhere"
    )
    lines.append(f"       {os.cpu_count()} cores, cache folder {assets.cache_dir()}")

    lines.append("Optional")
    gpus = (_probe(_GPU_PROBE) or "").rpartition("GPUS=")[2].strip()
    check(
        bool(gpus),
        f"GPU for Cycles: {gpus or 'none'}",
        'with a GPU, set [execution] device = "optix" (or cuda, hip, metal)',
        needed=False,
    )
    check("CUDA=True" in (_probe(_TORCH_PROBE) or ""), "GPU for diffusion (CUDA)", "", needed=False)
    for name, missing in _presets():
        commands = " && ".join(missing)
        check(not missing, f"weights of diffusion/{name}", commands, needed=False)
    folder = assets.user_assets_dir()
    licensed = bool(folder and (folder / "smplx" / "SMPLX_NEUTRAL.npz").is_file())
    check(
        licensed,
        "licensed SMPL-X files",
        "export GENB_ASSETS=DIR with DIR/smplx/SMPLX_NEUTRAL.npz from "
        "https://smpl-x.is.tue.mpg.de, then use --config smplx",
        needed=False,
    )
    template = load_config("smplx").body.kid_template
    check(
        bool(folder and (folder / template).is_file()),
        "kid template for children of the licensed model",
        f"export GENB_ASSETS=DIR with DIR/{template} from https://agora.is.tue.mpg.de, then raise "
        "cast.children_share",
        needed=False,
    )
    check(
        _smpl_ready(),
        "SMPL files for SMPL labels (genb smpl, exports of CameraHMR, TokenHMR, 4D-Humans)",
        "put SMPL_NEUTRAL.pkl into $GENB_ASSETS/smpl/ and smplx2smpl.pkl into $GENB_ASSETS "
        "(docs/smpl.md)",
        needed=False,
    )
    clips = _motion_files(folder)
    check(
        clips > 0,
        f"motion files below $GENB_ASSETS/{_MOTIONS}: {clips}",
        f"put AMASS, BEDLAM, SMPL-X or BVH files below $GENB_ASSETS/{_MOTIONS} and add "
        f'{{ kind = "auto", folder = "{_MOTIONS}" }} to motion.sources, then: genb motions',
        needed=False,
    )
    lines.append("All good." if healthy else "Put the MISS lines right first.")
    return "\n".join(lines), healthy


def _smpl_ready() -> bool:
    from pipeline.smpl.convert import SmplConverter

    try:
        SmplConverter(assets.user_assets_dir())
    except GenbError:
        return False
    return True


def _presets() -> list[tuple[str, list[str]]]:
    """Every re-rendering preset with the commands that fetch what it lacks here."""
    found = []
    for path in sorted((CONFIG_DIR / "diffusion").glob("*.toml")):
        if path.stem == "random":
            continue
        try:
            check_models(load_config(str(path)))
            found.append((path.stem, []))
        except GenbError as error:
            commands = dict.fromkeys(re.findall(r"`(hf download [^`]+)`", str(error)))
            found.append((path.stem, list(commands) or [str(error)]))
    return found


def _motion_files(folder: Path | None) -> int:
    """Files below the user's folder of motions that have the ending of a motion format."""
    from pipeline.motion.files import FORMATS

    endings = {reader.ENDING for reader in FORMATS.values()}
    if folder is None:
        return 0
    return sum(path.suffix.lower() in endings for path in (folder / _MOTIONS).rglob("*"))


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _hdri_present(name: str) -> bool:
    try:
        assets.find_file("hdri", name)
    except GenbError:
        return False
    return True


def _probe(code: str) -> str | None:
    """Output of a snippet in its own process, or None when it fails (drivers may crash)."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout if done.returncode == 0 else None
