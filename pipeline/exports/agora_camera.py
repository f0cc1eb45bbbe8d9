"""AGORA's cameras, which readers derive from a picture's name, and bodies placed before them.

AGORA's readers compute, in axes right, down, ahead and metres,

    X_cam = Rx(pitch) Ry(-yaw) (Ry(Yaw - 90) F X_fit + cv(X, Y, Z) - cv(camera) - raised)

with F = diag(1, -1, -1) and cv(p) = (p.Y, -p.Z, p.X) / 100 of Unreal's centimetres. Lens, pitch
and mostly place follow from the name; only Yaw, (X, Y, Z) and the fit are ours. Here a person
stands and faces as in our world, seen from where the rig has its camera; what our camera turns
beyond the rig (its own pitch and roll) goes into the fit, so X_cam is exact for every camera, and
pixels for those with a rig's lens.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.exports.bedlam_frames import unreal_pose

SENSOR_MM = (36.0, 20.25)
_FLIP = np.diag([1.0, -1.0, -1.0])
_SAME_LENS = 1e-6
"""Relative difference between focal lengths or principal points that are the same."""


@dataclass(frozen=True)
class Rig:
    """A camera that AGORA's readers know by a word in the picture's name.

    kind: that word's place in our names. pitch_deg: positive down. position_cm, yaw_deg: Unreal;
    None where they are the table's camX, camY, camZ, camYaw. raised_m: how much higher than its
    position the camera is.
    """

    kind: str
    focal_mm: float
    pitch_deg: float
    position_cm: tuple[float, float, float] | None = None
    yaw_deg: float | None = None
    raised_m: float = 0.0

    def K(self, width: int, height: int) -> np.ndarray:
        """Intrinsics (3, 3) px that readers assume for a picture of this size."""
        focal_x, focal_y = (
            self.focal_mm / sensor * extent
            for sensor, extent in zip(SENSOR_MM, (width, height), strict=True)
        )
        return np.array([[focal_x, 0, width / 2], [0, focal_y, height / 2], [0, 0, 1]])


STREET = Rig("street", 28.0, 0.0, raised_m=1.7)
"""What any name without a known word stands for: place and yaw are free."""

RIGS = (
    Rig("hdri", 50.0, 0.0, (0.0, 0.0, 170.0), 0.0),
    Rig("archviz", 18.0, 30.0, (400.0, -275.0, 265.0), 135.0),
    STREET,
)
"""One rig of each of AGORA's lenses."""


def rig_of(K: np.ndarray, size: tuple[int, int]) -> tuple[Rig, bool]:
    """The rig with this lens, and True; or STREET, and False, where AGORA has no such lens.

    K: (3, 3) px. size: width, height px.
    """
    for rig in RIGS:
        if np.allclose(rig.K(*size), K, rtol=_SAME_LENS, atol=_SAME_LENS):
            return rig, True
    return STREET, False


@dataclass(frozen=True)
class AgoraCamera:
    """The camera of a picture in AGORA's world, and where ours is in our world.

    position_cm, yaw_deg: as the table has them (not raised). R_cam_world (3, 3), centre_m (3,):
    AGORA's camera in axes right, down, ahead. eye_cm (3,), our_yaw_deg: our camera in our world, as
    Unreal counts. The camera frame is the same in both worlds.
    """

    rig: Rig
    position_cm: np.ndarray
    yaw_deg: float
    R_cam_world: np.ndarray
    centre_m: np.ndarray
    eye_cm: np.ndarray
    our_yaw_deg: float

    def place(self, ground_m: np.ndarray, facing: np.ndarray) -> tuple[np.ndarray, float]:
        """(X, Y, Z) cm and Yaw degrees of a person who stands at ground_m (3,) and faces along
        facing (3,), both in our world."""
        turn = np.radians(self.yaw_deg - self.our_yaw_deg)
        c, s = np.cos(turn), np.sin(turn)
        x, y, z = np.asarray(ground_m) * [100, -100, 100] - self.eye_cm
        raised = self.position_cm + [0, 0, 100 * self.rig.raised_m]
        spot = raised + [c * x - s * y, s * x + c * y, z]
        heading = np.degrees(np.arctan2(-facing[1], facing[0])) + np.degrees(turn)
        # Yaw 0 faces Unreal's +Y.
        return spot, float(_wrapped(heading - 90))

    def fit_from_cam(self, spot_cm: np.ndarray, yaw_deg: float) -> tuple[np.ndarray, np.ndarray]:
        """R (3, 3), t (3,) m: X_fit = R @ X_cam + t for a person at that place."""
        upright = _FLIP @ _turn("y", yaw_deg - 90).T
        return upright @ self.R_cam_world.T, upright @ (self.centre_m - cv(spot_cm))


def agora_camera(rig: Rig, T_cam_world: np.ndarray) -> AgoraCamera:
    """The picture's camera (4, 4), m, under a rig.

    Raises ValueError when it looks straight up or down.
    """
    pose = unreal_pose(T_cam_world)
    eye_cm = np.array([pose.x, pose.y, pose.z])
    position = eye_cm - [0, 0, 100 * rig.raised_m] if rig.position_cm is None else rig.position_cm
    yaw = pose.yaw if rig.yaw_deg is None else rig.yaw_deg
    return AgoraCamera(
        rig=rig,
        position_cm=np.array(position, float),
        yaw_deg=float(yaw),
        R_cam_world=_turn("x", rig.pitch_deg) @ _turn("y", -yaw),
        centre_m=cv(position) + [0, -rig.raised_m, 0],
        eye_cm=eye_cm,
        our_yaw_deg=pose.yaw,
    )


def cv(position_cm: np.ndarray) -> np.ndarray:
    """Unreal's (X, Y, Z) cm as right, down, ahead in metres."""
    x, y, z = position_cm
    return np.array([y, -z, x]) / 100


def _turn(axis: str, angle_deg: float) -> np.ndarray:
    return Rotation.from_euler(axis, angle_deg, degrees=True).as_matrix()


def _wrapped(angle_deg: float) -> float:
    """Within [-180, 180)."""
    return (angle_deg + 180) % 360 - 180
