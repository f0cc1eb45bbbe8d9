"""Does the JSON of a sample say what its numeric labels say?"""

from collections.abc import Iterator

import numpy as np

from pipeline.config import AuditSection
from pipeline.conventions import fov_from_focal, intrinsics
from pipeline.shards.sample import sample_key
from pipeline.truth.audit import audit_faults
from pipeline.truth.facts import SHOWN_BETAS
from pipeline.verify.frame import CheckedFrame, rest

_EXACT = 1e-9
"""Relative; the same float64 formula, perhaps in another order."""
_FLOAT32 = 1e-5
"""Relative; sums of float32 coordinates, in an order that differs between BLAS libraries."""


def fact_faults(frame: CheckedFrame) -> Iterator[str]:
    """Identity, camera, people and audit in the JSON against the npz and the configuration."""
    facts = frame.facts
    told = sample_key(facts["scene"], facts["frame"], facts["appearance"])
    if (facts["key"], told) != (frame.key, frame.key):
        yield f"its JSON says it is {facts['key']}, and {told}"
    if not 0 <= facts["frame"] < facts["frames"] <= frame.config["scene"]["frames"]:
        yield f"it is frame {facts['frame']} of {facts['frames']}"
    yield from _camera_faults(frame)
    limits = AuditSection.model_validate(frame.config["audit"])
    for fault in audit_faults(facts["audit"], limits):
        yield f"its audit is beyond its limits: {fault}"
    for k, person in enumerate(frame.people):
        for fault in (*_person_faults(frame, k, person), *_measure_faults(frame, k, person)):
            yield f"person {k}: {fault}"


def _camera_faults(frame: CheckedFrame) -> Iterator[str]:
    camera, labels = frame.facts["camera"], frame.labels
    K, T, (width, height) = labels["K"], labels["T_cam_world"], frame.size
    for name in ("K", "T_cam_world"):
        if not np.array_equal(np.array(camera[name]), labels[name]):
            yield f"{name} in the JSON is not {name} in the npz"
    if not np.allclose(K, intrinsics(width, height, K[0, 0]), rtol=_EXACT, atol=0):
        yield "K is not that of a centred camera with square pixels"
    sensor_mm = camera["sensor_width_mm"]
    wanted = {
        "focal_px": K[0, 0],
        "hfov_deg": fov_from_focal(K[0, 0], width),
        "vfov_deg": fov_from_focal(K[1, 1], height),
        "sensor_height_mm": sensor_mm * height / width,
        "focal_mm": K[0, 0] * sensor_mm / width,
        "eye_m": -T[:3, :3].T @ T[:3, 3],
        "pitch_deg": np.degrees(np.arcsin(np.clip(T[2, 2], -1, 1))),
    }
    for name, value in wanted.items():
        if not np.allclose(camera[name], value, rtol=_EXACT, atol=_EXACT):
            yield f"{name} in the JSON does not belong to K and T_cam_world"
    off_deg = (camera["roll_deg"] - _roll_deg(T) + 180) % 360 - 180
    if not abs(off_deg) <= 1e-6:
        yield f"roll_deg in the JSON is {abs(off_deg):.3g} degrees from that of T_cam_world"
    if (camera["focus_m"] > 0) != (camera["f_number"] > 0):
        yield "focus_m and f_number do not say the same of the lens"


def _roll_deg(T_cam_world: np.ndarray) -> float:
    """Turn about the view, clockwise as the operator sees it, from an upright camera."""
    right, _, forward = T_cam_world[:3, :3]
    level = np.cross(forward, [0.0, 0.0, 1.0])
    return float(np.degrees(np.arctan2(right @ np.cross(forward, level), right @ level)))


def _person_faults(frame: CheckedFrame, k: int, person: dict) -> Iterator[str]:
    labels = frame.labels
    for name in ("occlusion", "truncation"):
        value = float(labels[name][k])
        if not 0 <= value <= 1:
            yield f"{name} is not a share"
        if person[name] != value:
            yield f"{name} in the JSON is not that in the npz"
    betas = (labels["betas"][k].tolist() + [0.0] * SHOWN_BETAS)[:SHOWN_BETAS]
    wanted = {
        "person": k,
        "instance_id": k + 1,
        "mask_area_px": int(labels["mask_area_px"][k]),
        "visible_joints": int(labels["joints_visible"][k].sum()),
        "box_modal": labels["box_modal"][k].tolist(),
        "box_amodal": labels["box_amodal"][k].tolist(),
        "betas": betas,
    }
    for name, value in wanted.items():
        if person[name] != value:
            yield f"{name} in the JSON is not that in the npz"
    distance_m = float(np.linalg.norm(labels["joints_cam"][k, 0].astype(float)))
    if not np.isclose(person["distance_m"], distance_m, rtol=_FLOAT32):
        yield f"distance_m is {person['distance_m']:.4g}, its pelvis is at {distance_m:.4g}"
    body = frame.dataset.description["body"]
    if person["gender"] not in {file["gender"] for file in body["files"]}:
        yield f"gender is {person['gender']!r}, but dataset.json lists no such body model"
    if person["kid_template"] and body["source"] != "smplx":
        yield f"kid_template is set, but {body['source']} bodies have no kid template"


def _measure_faults(frame: CheckedFrame, k: int, person: dict) -> Iterator[str]:
    """Stature and mass against the body that the betas give."""
    model = frame.means.model(person)
    if isinstance(model, str):
        return
    _, size = rest(model.path, model.kid_template, tuple(frame.labels["betas"][k]))
    wanted = {"stature_m": size.stature_m, "mass_kg": size.mass_kg, "bmi": size.bmi}
    for name, value in wanted.items():
        if not np.isclose(person[name], value[0], rtol=_FLOAT32):
            yield f"{name} is {person[name]:.4g}, its betas give {value[0]:.4g}"
