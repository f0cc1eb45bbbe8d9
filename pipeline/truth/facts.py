"""What a person wants to read about a frame: camera, light and people as plain JSON values.

Every key is always present and always has the same type, because readers of the shards infer one
schema from the first samples.
"""

import numpy as np

from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.body.measures import measure_bodies
from pipeline.body.modelfile import ModelFile
from pipeline.contracts import SceneBodies
from pipeline.conventions import fov_from_focal
from pipeline.motion.library import MOTIONS
from pipeline.scene import CameraSpec, PersonSpec, SceneSpec

_LENS_M = 0.1
"""A gaze this close to the lens looks into it."""

SHOWN_BETAS = 10
"""Shape coefficients among the facts (zeros where a body has fewer); the npz has all of them."""


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
        "sensor_height_mm": float(camera.sensor_width_mm * camera.height / camera.width),
        "focal_mm": float(K[0, 0] * camera.sensor_width_mm / camera.width),
        "eye_m": [float(x) for x in camera.eye_m],
        "pitch_deg": float(np.degrees(np.arcsin(T_cam_world[2, 2]))),
        "roll_deg": float(camera.roll_deg),
        "f_number": float(camera.f_number),
        "focus_m": float(camera.focus_m) if camera.f_number else 0.0,
        "K": K.tolist(),
        "T_cam_world": T_cam_world.tolist(),
    }


def light_facts(spec: SceneSpec) -> dict:
    """The place, what lights it, and the exposure. Without an HDRI its fields are empty or 0."""
    light, place = spec.light, spec.place
    sun = place.has_sky
    return {
        "place": place.asset or place.kind,
        "sun_elevation_deg": float(place.sun_elevation_deg) if sun else 0.0,
        "sun_azimuth_deg": float(place.sun_azimuth_deg) if sun else 0.0,
        "hdri": "" if sun else light.hdri,
        "rotation_deg": float(light.rotation_deg),
        "strength": float(light.strength),
        "exposure_stops": float(light.exposure_stops),
    }


def fit_facts(rows: list[dict]) -> dict:
    """How well a person's clothes and shoes lay on the body, worst garment and frame of the clip.

    rows: the garments of the person's `dress.json`.
    """
    return {
        "garments_inside": max((float(row["inside_share_max"]) for row in rows), default=0.0),
        "garments_pinched": max((float(row["pinched_share_max"]) for row in rows), default=0.0),
        "garments_held": any(row.get("held", False) for row in rows),
    }


def _looks_into(person: PersonSpec, camera: CameraSpec) -> bool:
    """Whether somebody's gaze meets the lens of this frame, which may have moved on."""
    away = np.subtract(person.gaze_m, camera.eye_m) if person.gaze_m else np.inf
    return bool(np.linalg.norm(away) < _LENS_M)


def person_facts(
    spec: SceneSpec,
    k: int,
    frame: int,
    bodies: SceneBodies,
    model: ModelFile,
    labels: dict,
    garments: list[dict],
) -> dict:
    """Who person k is, what they do and wear, and how well they are seen.

    model: the person's body model file. labels: the frame's numeric labels. garments: the rows of
    the person's `dress.json`.
    """
    person: PersonSpec = spec.people[k]
    subject = person.subject
    motion = subject.motion
    family = None if motion.path else MOTIONS.get(motion.name)
    size = measure_bodies(bodies.tpose[k] @ SUBJECT_FROM_BODY, model.faces[model.face_part == 0])
    gap_mm, airborne = float(bodies.ground_gap_mm[frame, k]), bool(bodies.airborne[frame, k])
    return {
        "person": k,
        "instance_id": k + 1,
        "subject": subject.subject,
        "gender": subject.gender,
        "sex": subject.sex,
        "age_years": float(subject.age_years),
        "stature_m": float(size.stature_m[0]),
        "mass_kg": float(size.mass_kg[0]),
        "bmi": float(size.bmi[0]),
        "betas": [float(b) for b in (subject.betas + [0.0] * SHOWN_BETAS)[:SHOWN_BETAS]],
        "kid_template": subject.kid,
        "motion": motion.name,
        "motion_source": motion.format or "library",
        "action": family.action if family else motion.action or motion.name,
        "motion_frame": spec.clip_frames(person)[frame],
        "motion_fps": float(motion.fps),
        # Where the clip begins in its file, and whether left and right are exchanged.
        "motion_start_s": float(motion.start_s),
        "motion_mirrored": motion.mirrored,
        # Joined, because an empty list has no element type in Arrow.
        "garments": "+".join(garment.kind for garment in subject.outfit),
        "garment_source": "files" if any(g.cache for g in subject.outfit) else "tailor",
        **fit_facts(garments),
        "shoes": subject.shoes,
        "hair": person.appearance.hair_mesh or person.appearance.hair_style,
        "hair_colour": person.appearance.hair_colour,
        "skin_tone": float(person.appearance.skin_tone),
        "looks_at_camera": _looks_into(person, spec.camera_at(frame)),
        "airborne": airborne,
        "foot_float_mm": 0.0 if airborne else max(gap_mm, 0.0),
        "foot_sink_mm": max(-gap_mm, 0.0),
        "self_penetration_mm": float(bodies.self_penetration_mm[frame, k]),
        "yaw_deg": float(person.yaw_deg),
        "distance_m": float(np.linalg.norm(labels["joints_cam"][k, 0])),
        "occlusion": float(labels["occlusion"][k]),
        "truncation": float(labels["truncation"][k]),
        "mask_area_px": int(labels["mask_area_px"][k]),
        "visible_joints": int(labels["joints_visible"][k].sum()),
        "box_modal": labels["box_modal"][k].tolist(),
        "box_amodal": labels["box_amodal"][k].tolist(),
    }
