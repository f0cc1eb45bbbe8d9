"""A second renderer for bodies: depth by OpenGL (pyrender over EGL), no Blender involved.

It draws from the labels' own K in the camera frame, so that its disagreement with Cycles is a
disagreement of the labels with the picture. One GL context per process, reused.
"""

import os
from functools import cache

import numpy as np

from pipeline.errors import GenbError

_NEAREST_M = 0.02


def render_depth(
    vertices_cam: np.ndarray, faces: np.ndarray, K: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Depth image (H, W) float32, metres along camera Z, inf where no surface is.

    vertices_cam: (V, 3) metres, camera frame. faces: (F, 3). K: (3, 3) px. Surfaces nearer than
    2 cm or behind the camera are cut off. Raises GenbError when no GL context can be made.
    """
    z = vertices_cam[:, 2]
    if z.max() <= _NEAREST_M:
        return np.full((height, width), np.inf, np.float32)
    # Tight clip planes: the 24-bit depth buffer then resolves a few micrometres.
    near = max(0.9 * float(z.min()), _NEAREST_M)
    far = 1.1 * float(z.max()) + near
    with_gl = _gl()
    scene = with_gl.Scene()
    primitive = with_gl.Primitive(
        positions=(vertices_cam * [1.0, -1.0, -1.0]).astype(np.float32),
        # Cycles sees both sides of a face; SEG mode below culls back faces whatever the material.
        indices=np.concatenate([faces, faces[:, ::-1]]).astype(np.uint32),
        mode=with_gl.constants.GLTF.TRIANGLES,
    )
    node = scene.add(with_gl.Mesh([primitive]))
    camera = with_gl.IntrinsicsCamera(K[0, 0], K[1, 1], K[0, 2], K[1, 2], znear=near, zfar=far)
    scene.add(camera, pose=np.eye(4))
    # SEG, not DEPTH_ONLY: pyrender draws into a multisampled buffer and keeps one sample's depth,
    # which lies off the pixel centre (half a pixel of error); in SEG mode it turns that off.
    flags = with_gl.RenderFlags.SEG
    _, depth = _renderer(width, height).render(scene, flags, seg_node_map={node: (255, 255, 255)})
    return np.where(depth > 0, depth, np.inf).astype(np.float32)


def _gl():
    """pyrender, told to use EGL before OpenGL is first imported."""
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    try:
        import pyrender
    except (ImportError, AttributeError, OSError) as error:
        raise GenbError(_advice(error)) from error
    return pyrender


@cache
def _renderer(width: int, height: int):
    try:
        return _gl().OffscreenRenderer(width, height)
    except Exception as error:  # EGL failures surface as half a dozen unrelated types
        raise GenbError(_advice(error)) from error


def _advice(error: BaseException) -> str:
    return (
        f"the label audit cannot open an OpenGL context ({type(error).__name__}: {error}). "
        "Install Mesa's software EGL and run the same command again:\n"
        "  apt-get install -y libegl1 libgl1-mesa-dri\n"
        "or, without EGL: apt-get install -y libosmesa6 and set PYOPENGL_PLATFORM=osmesa."
    )
