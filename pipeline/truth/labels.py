"""Numeric labels of one frame that follow from parameters alone: poses, joints, projections.

What depends on pixels (visibility, masks) is in `visibility`.
"""

import numpy as np

from pipeline.body.frames import transform_root
from pipeline.body.modelfile import ModelFile
from pipeline.contracts import SceneBodies
from pipeline.conventions import project, transform
from pipeline.scene import CameraSpec

_NEAREST_M = 0.02


def rest_body(model: ModelFile, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T-pose vertices (V, 3) and joints (55, 3) with these betas (B,): metres, body-model frame.

    Joint 0, the pelvis, is the pivot of the root rotation.
    """
    betas = own_betas(model, betas)
    vertices = model.v_template + model.shape_basis(len(betas)).astype(np.float64) @ betas
    return vertices, model.J_regressor.astype(np.float64) @ vertices


def own_betas(model: ModelFile, betas: np.ndarray) -> np.ndarray:
    """The coefficients (b,) that a model takes of a vector (B,) padded with zeros.

    Beside a kid of the licensed model, who has one beta more, everybody's vector is as long.
    """
    return betas if model.kid_template is not None else betas[: model.shape_count]


def parameter_labels(
    camera: CameraSpec, bodies: SceneBodies, frame: int, models: list[ModelFile]
) -> dict[str, np.ndarray]:
    """Camera, body parameters and joints of a frame; keys and shapes as in `schema`.

    `pose_cam` and `transl_cam` are such that the body model, given them, returns vertices in the
    camera frame: the root turns about the pelvis, so the translation is not simply rotated.
    """
    K, T_cam_world = camera.K(), camera.T_cam_world()
    pose_world = bodies.pose_world[frame].astype(np.float64)
    transl_world = bodies.transl_world[frame].astype(np.float64)
    pose_cam, transl_cam = pose_world.copy(), transl_world.copy()
    for k, model in enumerate(models):
        pose_cam[k, :3], transl_cam[k] = transform_root(
            T_cam_world[:3, :3],
            T_cam_world[:3, 3],
            pose_world[k, :3],
            transl_world[k],
            rest_body(model, bodies.betas[k])[1][0],
        )
    joints_world = bodies.joints[frame].astype(np.float64)
    joints_cam = transform(T_cam_world, joints_world)
    return {
        "K": K,
        "T_cam_world": T_cam_world,
        "betas": bodies.betas.astype(np.float64),
        "expression": bodies.expression.astype(np.float64),
        "pose_world": pose_world,
        "transl_world": transl_world,
        "pose_cam": pose_cam,
        "transl_cam": transl_cam,
        "joints_world": joints_world.astype(np.float32),
        "joints_cam": joints_cam.astype(np.float32),
        "joints_2d": project_in_front(K, joints_cam).astype(np.float32),
    }


def project_in_front(K: np.ndarray, points_cam: np.ndarray) -> np.ndarray:
    """uv (..., 2) px, finite everywhere: points beside or behind the camera are taken at 2 cm."""
    points = np.array(points_cam, np.float64)
    points[..., 2] = np.maximum(points[..., 2], _NEAREST_M)
    return project(K, points)


def amodal_boxes(K: np.ndarray, vertices_cam: np.ndarray) -> np.ndarray:
    """Boxes (P, 4) px x0 y0 x1 y1 around all projected vertices (P, V, 3), not clipped."""
    boxes = np.zeros((len(vertices_cam), 4))
    for k, vertices in enumerate(vertices_cam):
        seen = vertices[vertices[:, 2] > _NEAREST_M]
        if len(seen):
            uv = project(K, seen)
            boxes[k] = [*uv.min(axis=0), *uv.max(axis=0)]
    return boxes.astype(np.float32)


def modal_box(mask: np.ndarray) -> np.ndarray:
    """Box (4,) px x0 y0 x1 y1 of a mask (H, W), outer pixel edges; zeros for an empty mask."""
    if not mask.any():
        return np.zeros(4, np.float32)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
