"""Fixtures that several test files share: the free body (built once per machine) and its people."""

import contextlib
import os

import pytest

# Mesa's software OpenGL and triton (which diffusers imports) each bring their own LLVM. Loaded
# after OpenGL, triton crashes the interpreter; before it, both work. No stage process uses both.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def default_config():
    """The default configuration."""
    from pipeline.config import load_config

    return load_config("genb")


@pytest.fixture(scope="session")
def body_dir(default_config):
    """Folder of the free body, generated on first use (about a minute) and cached."""
    from pipeline.assets import body_dir as locate
    from pipeline.preflight import build_body

    build_body(default_config)
    return locate(default_config)


@pytest.fixture(scope="session")
def population(default_config, body_dir):
    """The people that the default configuration draws from."""
    from pipeline.compose.population import Population

    return Population(default_config, body_dir)


@pytest.fixture(scope="session")
def template(body_dir):
    """What tailoring needs of the neutral free body."""
    from pipeline.garments.patterns import read_template

    return read_template(body_dir / "smplx" / "SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="session")
def shapes(body_dir):
    """T-poses (V, 3), subject frame: the mean, a thin, a heavy, a tall person and a child."""
    import numpy as np

    from pipeline.body.frames import SUBJECT_FROM_BODY
    from pipeline.storage import read_npz

    table = read_npz(body_dir / "people.npz")
    model = np.load(body_dir / "smplx" / "SMPLX_NEUTRAL.npz", allow_pickle=False)
    base, directions = model["v_template"], model["shapedirs"][:, :, :16]
    bmi = table["mass_kg"] / table["stature_m"] ** 2
    adult = table["age_years"] > 18
    rows = {
        "thin": np.where(adult, bmi, 99).argmin(),
        "heavy": np.where(adult, bmi, 0).argmax(),
        "tall": np.where(adult, table["stature_m"], 0).argmax(),
        "child": np.abs(table["age_years"] - 7).argmin(),
    }
    tposes = {name: base + directions @ table["betas"][row, :16] for name, row in rows.items()}
    return {
        name: (points @ SUBJECT_FROM_BODY.T).astype(float)
        for name, points in {"mean": base, **tposes}.items()
    }


@pytest.fixture(scope="session")
def model(body_dir):
    """The neutral free body's model file."""
    from pipeline.body.modelfile import model_path, read_model_file

    return read_model_file(model_path(body_dir, "neutral"))


@pytest.fixture(scope="module")
def small_ground():
    """A panorama's ground of 256 px instead of 1536: enough for what tests look at."""
    from pipeline.blender import world

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "GROUND_PX", 256)
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folders of tiny random pipelines by family; torch on one thread, as in the product."""
    import torch
    from diffusion_models import TinyModels

    torch.set_num_threads(1)
    return TinyModels(tmp_path_factory.mktemp("tiny"))
