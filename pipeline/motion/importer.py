"""Reading motions from plain npz files: AMASS (SMPL-X and SMPL-H) and BEDLAM motion files.

Only arrays are read (no pickles). The file's world may be Z up (AMASS) or Y up (BEDLAM); the
result is in the body-model frame, resampled to the wanted rate, starting at translation zero.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .kinematics import matrices, rotvecs
from .motion import POSE_SIZE, Motion, MotionError
from .resample import resample

SMPLH_POSE_SIZE = 156
_RATE_KEYS = ("mocap_frame_rate", "mocap_framerate")
# Rotates a Z-up world into a Y-up one: (x, y, z) -> (x, z, -y).
_Y_UP_FROM_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The needed arrays of an npz file; MotionError when it is no such file."""
    if not path.is_file():
        raise MotionError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise MotionError(f"{path}: a single array, not an npz archive")
            rate_key = next((key for key in _RATE_KEYS if key in archive.files), None)
            missing = [key for key in ("poses", "trans") if key not in archive.files]
            if rate_key is None:
                missing.append(" or ".join(_RATE_KEYS))
            if missing:
                raise MotionError(
                    f"{path}: missing {', '.join(missing)}; it holds "
                    f"{', '.join(sorted(archive.files)) or 'nothing'}. Expected an AMASS or BEDLAM "
                    "motion file (AMASS shape.npz and neutral stage files are not motions)"
                )
            return {
                "poses": archive["poses"],
                "trans": archive["trans"],
                "rate": archive[rate_key],
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise MotionError(f"{path}: damaged or truncated npz ({error}); fetch it again") from error
    except MotionError:
        raise
    except ValueError as error:
        raise MotionError(
            f"{path}: not a plain npz of arrays ({error}); pickled content is not read"
        ) from error


def smplx_pose(poses: np.ndarray, where: str) -> np.ndarray:
    """Poses of SMPL-X (T, 165) or SMPL-H (T, 156) as SMPL-X (T, 165).

    SMPL-H has no jaw and no eyes: they stay at rest. Its hands have the same order and the same
    flat zero pose.
    """
    if poses.ndim != 2 or poses.shape[1] not in (POSE_SIZE, SMPLH_POSE_SIZE):
        raise MotionError(
            f"{where}: poses must be (T, {POSE_SIZE}) for SMPL-X or (T, {SMPLH_POSE_SIZE}) for "
            f"SMPL-H, got {poses.shape}"
        )
    if poses.shape[1] == POSE_SIZE:
        return poses
    face = np.zeros((len(poses), 9), dtype=poses.dtype)
    return np.concatenate([poses[:, :66], face, poses[:, 66:]], axis=1)


def turn_world(
    pose: np.ndarray, transl: np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotate the world: root orientation and *changes* of translation turn by `turn` (3, 3).

    A root rotation pivots about the rest pelvis J0, so absolute translations would also need
    R J0 - J0. That term is the same in every frame; a motion starts at translation zero, so it
    drops out.
    """
    turned = np.array(pose, dtype=np.float64)
    turned[:, :3] = rotvecs(turn @ matrices(turned[:, :3]))
    return turned, np.asarray(transl, dtype=np.float64) @ turn.T


def face_forward(pose: np.ndarray, transl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn about the vertical so that the first frame's pelvis heads towards +Z."""
    ahead = Rotation.from_rotvec(np.asarray(pose[0, :3], dtype=np.float64)).apply([0.0, 0.0, 1.0])
    if np.hypot(ahead[0], ahead[2]) < 1e-6:
        return pose, transl  # lying: no heading to speak of
    back = Rotation.from_rotvec([0.0, -np.arctan2(ahead[0], ahead[2]), 0.0]).as_matrix()
    return turn_world(pose, transl, back)


def read_motion(
    path: str | Path,
    fps_out: float,
    up: str = "z",
    action: str = "motion",
    normalise_heading: bool = True,
) -> Motion:
    """Read a motion npz: keys `poses`, `trans` and `mocap_frame_rate` (or `mocap_framerate`).

    up: "z" for AMASS files, "y" for BEDLAM motion files. normalise_heading: start facing +Z, as
    the built-in motions do. Raises MotionError when the file is missing, damaged, incomplete or
    of the wrong shape.
    """
    path = Path(path)
    if up not in ("y", "z"):
        raise MotionError(f"{path}: up must be 'y' (BEDLAM) or 'z' (AMASS), got {up!r}")
    arrays = _read_arrays(path)
    poses, trans = arrays["poses"], arrays["trans"]
    for key, array in (("poses", poses), ("trans", trans), ("frame rate", arrays["rate"])):
        if not np.issubdtype(array.dtype, np.number):
            raise MotionError(f"{path}: {key} holds {array.dtype}, not numbers")
        if not np.isfinite(array).all():
            raise MotionError(f"{path}: {key} has values that are not finite")
    pose = smplx_pose(poses, str(path))
    if trans.shape != (len(pose), 3) or not len(pose):
        raise MotionError(
            f"{path}: trans must be ({len(pose)}, 3) like poses, at least one frame; "
            f"got {trans.shape}"
        )
    if arrays["rate"].size != 1 or not float(arrays["rate"].reshape(())) > 0:
        raise MotionError(f"{path}: the frame rate must be one positive number")
    if up == "z":
        pose, trans = turn_world(pose, trans, _Y_UP_FROM_Z_UP)
    if normalise_heading:
        pose, trans = face_forward(pose, trans)
    motion = Motion(path.stem, action, float(arrays["rate"].reshape(())), pose, trans - trans[0])
    return resample(motion, fps_out)
