"""A second renderer for bodies: depth by OpenGL (pyrender over EGL), no Blender involved.

It draws from the labels' own K in the camera frame, so that its disagreement with Cycles is a
disagreement of the labels with the picture. One GL context per process, reused.
"""

import numpy as np

from pipeline.opengl import offscreen_renderer, pyrender_module

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
    with_gl = pyrender_module()
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
    _, depth = offscreen_renderer(width, height).render(
        scene, flags, seg_node_map={node: (255, 255, 255)}
    )
    return np.where(depth > 0, depth, np.inf).astype(np.float32)
