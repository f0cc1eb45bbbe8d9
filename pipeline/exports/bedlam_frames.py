"""Our cameras and bodies in the frames of BEDLAM's labels.

BEDLAM's "world" is gravity aligned with camera axes (x right, y down, z ahead) and has the camera's
yaw taken out, so that `cam_ext` holds only pitch, roll and a translation. Its origin may be chosen;
here it is our world's, and all people of an image share one `cam_ext`.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.bedlam.unreal import UnrealPose, pose_of
from pipeline.body.frames import transform_root
from pipeline.dataset import Frame
from pipeline.truth.labels import rest_body


@dataclass(frozen=True)
class BedlamCamera:
    """A camera as BEDLAM's labels have it, all of the upright picture.

    cam_int (3, 3) px. cam_ext (4, 4): camera from BEDLAM's world, m. R_level_world (3, 3):
    BEDLAM's world from ours.
    """

    cam_int: np.ndarray
    cam_ext: np.ndarray
    R_level_world: np.ndarray


def unreal_pose(T_cam_world: np.ndarray) -> UnrealPose:
    """Yaw, pitch, roll (degrees) and place (cm) of a camera (4, 4), in Unreal's frame.

    Raises ValueError when it looks straight up or down.
    """
    right, down, ahead = T_cam_world[:3, :3]
    eye_m = -T_cam_world[:3, :3].T @ T_cam_world[:3, 3]
    return pose_of(eye_m, np.stack([ahead, -right, -down], axis=1))


def bedlam_camera(K: np.ndarray, T_cam_world: np.ndarray) -> BedlamCamera:
    """The camera K (3, 3) px, T_cam_world (4, 4) m in BEDLAM's terms.

    Raises ValueError when it looks straight up or down.
    """
    yaw = np.radians(unreal_pose(T_cam_world).yaw)
    # Unreal's yaw turns to the right: the level directions right, down and ahead in our world.
    R_level_world = np.array(
        [[-np.sin(yaw), -np.cos(yaw), 0.0], [0.0, 0.0, -1.0], [np.cos(yaw), -np.sin(yaw), 0.0]]
    )
    cam_ext = np.array(T_cam_world, np.float64)
    cam_ext[:3, :3] = T_cam_world[:3, :3] @ R_level_world.T
    return BedlamCamera(np.array(K, np.float64), cam_ext, R_level_world)


def body_row(frame: Frame, person: int) -> dict[str, np.ndarray]:
    """Pose and camera of a person, float64, in BEDLAM's frames.

    `cam_int`, `cam_ext` as above; `pose_cam`, `pose_world` (165,) axis-angle; `trans_cam`,
    `trans_world` (3,) m. The body given the `_cam` values, plus cam_ext[:3, 3], is in the camera
    frame; given the `_world` values it is so through the whole of `cam_ext`.
    """
    labels = frame.labels
    camera = bedlam_camera(labels["K"], labels["T_cam_world"])
    pelvis = rest_body(frame.models[person], labels["betas"][person])[1][0]
    root, trans_world = transform_root(
        camera.R_level_world,
        np.zeros(3),
        labels["pose_world"][person, :3],
        labels["transl_world"][person],
        pelvis,
    )
    return {
        "cam_int": camera.cam_int,
        "cam_ext": camera.cam_ext,
        "pose_cam": labels["pose_cam"][person],
        "trans_cam": labels["transl_cam"][person] - camera.cam_ext[:3, 3],
        "pose_world": np.concatenate([root, labels["pose_world"][person, 3:]]),
        "trans_world": trans_world,
    }


def is_portrait(frame: Frame) -> bool:
    """Whether the picture is higher than wide. BEDLAM stores such pictures lying down."""
    width, height = frame.size
    return height > width


def stored_picture(pixels: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) as BEDLAM stores it: an upright one is turned by 90 degrees to the left,
    and the loaders turn it back."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(np.rot90(pixels)) if height > width else pixels
