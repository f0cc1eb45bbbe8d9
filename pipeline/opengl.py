"""pyrender without a screen: the module told to use EGL, and one context per picture size.

The label audit and the quick mesh pictures both draw with it; Blender does not.
"""

import os
from functools import cache

from pipeline.errors import GenbError


def pyrender_module():
    """The `pyrender` package, told to use EGL before OpenGL is first imported.

    Raises GenbError when OpenGL's libraries are missing.
    """
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    try:
        import pyrender
    except (ImportError, AttributeError, OSError) as error:
        raise GenbError(_advice(error)) from error
    return pyrender


@cache
def offscreen_renderer(width: int, height: int):
    """pyrender's OffscreenRenderer of a size in pixels; raises GenbError without a GL context."""
    try:
        return pyrender_module().OffscreenRenderer(width, height)
    except GenbError:
        raise
    except Exception as error:  # EGL failures surface as half a dozen unrelated types
        raise GenbError(_advice(error)) from error


def _advice(error: BaseException) -> str:
    return (
        f"cannot open an OpenGL context ({type(error).__name__}: {error}). The label audit and "
        "mesh pictures need one. Install Mesa's software EGL and run the same command again:\n"
        "  apt-get install -y libegl1 libgl1-mesa-dri\n"
        "or, without EGL: apt-get install -y libosmesa6 and set PYOPENGL_PLATFORM=osmesa."
    )
