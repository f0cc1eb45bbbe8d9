"""What a person wants to read about a frame: camera, light and people as plain JSON values.

Every key is always present and always has the same type, because readers of the shards infer one
schema from the first samples.
"""

import numpy as np

from pipeline.conventions import fov_from_focal
from pipeline.motion.library import MOTIONS
from pipeline.scene import CameraSpec, PersonSpec, SceneSpec


def camera_facts(camera: CameraSpec) -> dict:
    """Intrinsics, field of view and placement of the camera."""
    K, T_cam_world = camera.K(), camera.T_cam_world()
    return {
        "width": camera.width,
        "height": camera.height,
        "focal_px": float(K[0, 0]),
        "hfov_deg": fov_from_focal(K[0, 0], camera.width),
        "vfov_deg": fov_from_focal(K[1, 1], camera.height),
        "sensor_width_mm": float(camera.sensor_width_mm),
        "eye_m": [float(x) for x in camera.eye_m],
        "pitch_deg": float(np.degrees(np.arcsin(T_cam_world[2, 2]))),
        "roll_deg": float(camera.roll_deg),
        "K": K.tolist(),
        "T_cam_world": T_cam_world.tolist(),
    }


def light_facts(spec: SceneSpec) -> dict:
    """The HDRI and the exposure."""
    light = spec.light
    return {
        "hdri": light.hdri,
        "rotation_deg": float(light.rotation_deg),
        "strength": float(light.strength),
        "exposure_stops": float(light.exposure_stops),
    }


def person_facts(spec: SceneSpec, k: int, frame: int, tpose: np.ndarray, labels: dict) -> dict:
    """Who person k is, what they do and wear, and how well they are seen.

    tpose: (V, 3) m, subject frame (Z up). labels: the frame's numeric labels.
    """
    person: PersonSpec = spec.people[k]
    subject = person.subject
    motion = subject.motion
    family = MOTIONS.get(motion.name)
    return {
        "person": k,
        "instance_id": k + 1,
        "subject": subject.subject,
        "gender": subject.gender,
        "sex": subject.sex,
        "age_years": float(subject.age_years),
        "stature_m": float(np.ptp(tpose[:, 2])),
        "motion": motion.name,
        "action": family.action if family else motion.name,
        "motion_frame": person.first_frame + frame,
        "motion_fps": float(motion.fps),
        # Joined, because an empty list has no element type in Arrow.
        "garments": "+".join(garment.kind for garment in subject.outfit),
        "hair": person.appearance.hair_style,
        "hair_colour": person.appearance.hair_colour,
        "skin_tone": float(person.appearance.skin_tone),
        "yaw_deg": float(person.yaw_deg),
        "distance_m": float(np.linalg.norm(labels["joints_cam"][k, 0])),
        "occlusion": float(labels["occlusion"][k]),
        "truncation": float(labels["truncation"][k]),
        "mask_area_px": int(labels["mask_area_px"][k]),
        "visible_joints": int(labels["joints_visible"][k].sum()),
        "box_modal": labels["box_modal"][k].tolist(),
        "box_amodal": labels["box_amodal"][k].tolist(),
    }
