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
