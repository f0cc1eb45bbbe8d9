"""Everything that can be found out before the first expensive minute."""

import os
import subprocess
import sys

from pipeline import assets
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.garments.outfits import OUTFITS
from pipeline.panoramas import check_panorama, check_place, usable_panoramas
from pipeline.stages import Plan
from pipeline.storage import explained

_BYTES_PER_SCENE = 12_000_000


def check_before_start(plan: Plan, scenes: int) -> None:
    """Raise GenbError for anything that would stop the run later: assets, models, names, disk."""
    from pipeline.diffusion.models import check_models
    from pipeline.look_assets import check_look
    from pipeline.motion.catalogue import catalogue

    _check_writable(plan)
    _check_space(plan, scenes)
    catalogue(plan.config.motion)
    _check_names("cast.outfits", plan.config.cast.outfits, list(OUTFITS))
    for name in usable_panoramas(plan.config.light.hdris, report=print):
        check_panorama(name)
    for name in plan.config.place.files:
        check_place(name)
    check_look(plan.config)
    check_models(plan.config)
    _check_smplx(plan.config)
    _check_dense(plan)


def _check_writable(plan: Plan) -> None:
    with explained(plan.out):
        plan.out.mkdir(parents=True, exist_ok=True)
        probe = plan.out / ".write-test.partial"
        probe.write_bytes(b"")
        probe.unlink()


def _check_space(plan: Plan, scenes: int) -> None:
    pictures = plan.config.scene.frames * plan.config.diffusion.appearances
    needed = scenes * pictures * _BYTES_PER_SCENE
    pixels = plan.config.camera.width * plan.config.camera.height / 512**2
    stat = os.statvfs(plan.out)
    free = stat.f_bavail * stat.f_frsize
    if free < needed * pixels:
        raise GenbError(
            f"{plan.out} has {free / 1e9:.1f} GB free, but {scenes} scenes need about "
            f"{needed * pixels / 1e9:.1f} GB. Free some space, or choose another --out."
        )


def _check_names(key: str, chosen: list[str], known: list[str]) -> None:
    import difflib

    for name in chosen:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise GenbError(f"{key}: unknown name {name!r}.{hint} Known: {', '.join(known)}.")


def _check_smplx(config: Config) -> None:
    if config.body.source != "smplx":
        return
    from pipeline.body.modelfile import read_model_file

    folder = assets.body_dir(config) / "smplx"
    files = sorted(folder.glob("SMPLX_*.npz"))
    if not any(path.name == "SMPLX_NEUTRAL.npz" for path in files):
        raise GenbError(
            f"{folder / 'SMPLX_NEUTRAL.npz'} is missing. Download SMPL-X v1.1 (npz) from "
            "https://smpl-x.is.tue.mpg.de and put it there, or use body.source = 'free'."
        )
    for path in files:
        read_model_file(path)


def _check_dense(plan: Plan) -> None:
    if not plan.config.shards.dense_matrices:
        return
    from pipeline.body.modelfile import model_path, read_model_file
    from pipeline.truth.dense_matrices import read_dense_matrices

    build_body(plan.config)
    model = read_model_file(model_path(plan.body_dir, "neutral"))
    read_dense_matrices(plan.config.shards, len(model.v_template))


def build_body(config: Config) -> None:
    """Generate the free body if it is configured and not cached yet (about a minute, once)."""
    if config.body.source != "free":
        return
    folder = assets.body_dir(config)
    if (folder / "people.npz").is_file():
        return
    print(f"Building the free body model in {folder} (once per machine) ...", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.body.free.build", str(folder)], check=False
    )
    if done.returncode != 0:
        raise GenbError(
            f"building the free body failed with exit code {done.returncode}; its messages are "
            f"above. Try again with: python -m pipeline.body.free.build {folder}"
        )
