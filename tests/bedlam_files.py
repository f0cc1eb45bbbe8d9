"""BEDLAM files that the tests make, and BEDLAM's own formulas, written down a second time."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

HEADER = "Index,Type,Body,X,Y,Z,Yaw,Pitch,Roll,Comment"

V1 = f"""{HEADER}
0,Comment,None,0,0,0,0,0,0,bodies_min=1;bodies_max=3;x_offset=650.0;y_offset=0.0;z_offset=12.5;yaw_min=0
1,Group,None,1.25,-7.5,170.0,0.5,-12.125,2.0,sequence_name=seq_000000;frames=5;hdri=courtyard;camera_hfov=65.470451;cameraroot_yaw=-8.53728
2,Body,rp_aaron_posed_002_1000,650.25,-103.0,12.5,311.90625,0.0,0.0,start_frame=3;texture_body=skin_m_african_01_ALB;texture_clothing=texture_01
3,Body,rp_ann_posed_001_1038,702.1837461,44.0,12.5,8.25,0.0,0.0,start_frame=0;texture_body=skin_f_indian_05_ALB;texture_clothing_overlay=rp_ann_posed_001_texture_12;hair=vine_01
4,Group,None,-200.0,0,171.39,1.5,-11.2,88.75,sequence_name=seq_000001;frames=4;hdri=nowhere_4k;camera_hfov=39.597752
5,Body,rp_ann_posed_001_1038,3.0,1.0,12.5,90.0,0.0,0.0,start_frame=1;texture_body=unknown
"""

V2 = f"""{HEADER}
0,Comment,None,0,0,0,0,0,0,bodies_min=1;bodies_max=2;z_offset=70.5;x_min=-400;x_max=400
1,Group,None,-400.0,0.0,100.0,0.0,0.0,0.0,sequence_name=seq_000007;frames=6;cameraroot_x=-30310.0;cameraroot_y=3000.0;cameraroot_z=70.5;camera_hfov=52;camera_radius_max=950.0;ground_height_world=70.5;time=13.25
2,Body,it_4001_XL_2400,-30301.38,3120.004,71.22,159.7,0.0,0.0,start_frame=2;texture_body=Male_Skin_Preset_0007;texture_clothing=it_4001_texture_03;hair=bob;haircolor=brown;shoe=sneaker_04
"""

BODIES = ("rp_aaron_posed_002_1000", "rp_ann_posed_001_1038", "it_4001_XL_2400")


def random_motion(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """poses (T, 165) rad and trans (T, 3) m of a motion file: any direction, off the origin."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(0, 0.25, (frames, 165))
    poses[:, :3] = Rotation.random(frames, random_state=seed).as_rotvec()
    trans = rng.normal(0, 0.8, (frames, 3)) + [0.4, 1.1, -0.6]
    return poses, trans


def write_motion_file(path: Path, seed: int, frames: int = 40, **changes) -> None:
    """A `motion_seq.npz` as BEDLAM's are: only plain arrays."""
    poses, trans = random_motion(seed, frames)
    rng = np.random.default_rng(seed + 1)
    arrays = {
        "poses": poses,
        "trans": trans,
        "betas": rng.normal(0, 1, 11),
        "gender": np.array("neutral"),
        "gender_sub": np.array("female" if "ann" in str(path) else "male"),
        "motion_info": np.array(["turn", "0", "some/file.npz", "100.0", "0", "377"]),
        "mocap_frame_rate": np.array(30),
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def write_motions(folder: Path) -> Path:
    """Motion files of BODIES: two in BEDLAM's layout, the last in BEDLAM2's."""
    for seed, body in enumerate(BODIES):
        subject, _, motion = body.rpartition("_")
        nested = folder / subject / motion / "motion_seq.npz"
        write_motion_file(folder / f"{body}.npz" if seed == 2 else nested, seed)
    return folder


# --- BEDLAM's conventions, independent of pipeline/bedlam --------------------------------------


def cv(cm) -> np.ndarray:
    """Unreal point (X, Y, Z) cm -> x right, y down, z forward, metres."""
    x, y, z = cm
    return np.array([y, -z, x]) / 100


def right_handed(axis: str, angle_deg: float) -> np.ndarray:
    """Rotation (3, 3) about one axis."""
    return Rotation.from_euler(axis, angle_deg, degrees=True).as_matrix()


def bedlam_labels(model, camera, body, betas, poses, trans):
    """What BEDLAM's label script makes of one frame of one body.

    camera: (yaw, pitch, roll, (X, Y, Z)), body: (yaw, (X, Y, Z)), degrees and cm, Unreal world.
    Returns pose_cam (165,), trans_cam (3,), cam_ext (4, 4).
    """
    yaw, pitch, roll, eye = camera
    body_yaw, place = body
    full = right_handed("z", -roll) @ right_handed("x", -pitch) @ right_handed("y", -yaw)
    ext = right_handed("z", -roll) @ right_handed("x", -pitch)
    turn = right_handed("y", body_yaw - 90 - yaw) @ np.diag([1.0, -1.0, -1.0])
    rest = model.evaluate(betas, poses[None], np.zeros((1, 3))).joints[0, 0].astype(float)
    orient = Rotation.from_rotvec(poses[:3]).as_matrix()
    trans_world = turn @ (rest + trans) - rest
    pose_cam = poses.copy()
    pose_cam[:3] = Rotation.from_matrix(ext @ turn @ orient).as_rotvec()
    cam_ext = np.eye(4)
    cam_ext[:3, :3], cam_ext[:3, 3] = ext, full @ (cv(place) - cv(eye))
    return pose_cam, ext @ (trans_world + rest) - rest, cam_ext


def bedlam_vertices(model, camera, body, betas, poses, trans) -> np.ndarray:
    """Camera-frame vertices (V, 3) m of one frame, from the labels of `bedlam_labels`."""
    pose_cam, trans_cam, cam_ext = bedlam_labels(model, camera, body, betas, poses, trans)
    vertices = model.evaluate(betas, pose_cam[None], trans_cam[None]).vertices[0]
    return vertices.astype(float) + cam_ext[:3, 3]


def bedlam_intrinsics(hfov_deg: float) -> np.ndarray:
    """K (3, 3) of a 36 mm wide sensor in a 1280 x 720 picture."""
    focal_mm = 36 / (2 * np.tan(np.radians(hfov_deg) / 2))
    focal_px = focal_mm / 36 * 1280
    return np.array([[focal_px, 0, 640], [0, focal_px, 360], [0, 0, 1]])
