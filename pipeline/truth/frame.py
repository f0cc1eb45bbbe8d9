"""One frame: labels, pixels and audit brought together and written down."""

from functools import cache
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import ModelFile
from pipeline.contracts import RenderPasses, SceneBodies
from pipeline.conventions import transform
from pipeline.errors import GenbError, SceneRejected
from pipeline.jobs import load_scene
from pipeline.scene import SceneSpec, frame_name
from pipeline.stages import Plan
from pipeline.storage import read_json, write_json, write_npz
from pipeline.truth.audit import Audit, audit_frame
from pipeline.truth.bodies import cached_model, label_vertices, person_model
from pipeline.truth.exposure import exposure_faults, exposure_figures, read_picture
from pipeline.truth.facts import camera_facts, light_facts, person_facts
from pipeline.truth.keypoints import (
    JOINTS,
    POINT_COUNT,
    body_points,
    hand_boxes,
    keypoint_labels,
)
from pipeline.truth.labels import (
    amodal_boxes,
    modal_box,
    parameter_labels,
    project_in_front,
    rest_body,
)
from pipeline.truth.rle import rle_text
from pipeline.truth.schema import LABEL_ARRAYS, SEEN, array_faults
from pipeline.truth.silhouette import render_depth
from pipeline.truth.visibility import (
    SURFACE_TOLERANCE_M,
    flesh_depth,
    joint_codes,
    occlusion_share,
    truncation_share,
)


def label_scene(plan: Plan, scene: int, folder: Path) -> None:
    """Write `frame_NNNN.npz` and `frame_NNNN.json` of every frame of a scene into `folder`.

    Raises SceneRejected, naming the figure, when a frame fails its audit.
    """
    spec = load_scene(plan, scene)
    bodies = SceneBodies.load(plan.scene_dir("bodies", scene) / "bodies.npz")
    models = body_models(plan, spec)
    worn = [
        read_json(plan.subject_dir("dress", person.subject) / "dress.json")["garments"]
        for person in spec.people
    ]
    for frame in range(spec.frames):
        name = frame_name(frame)
        passes = RenderPasses.load(plan.scene_dir("render", scene) / f"{name}.npz")
        labels, audit = label_frame(plan, spec, bodies, passes, frame, models)
        if audit.faults:
            raise SceneRejected(f"audit of frame {frame} failed: {'; '.join(audit.faults)}")
        picture = read_picture(plan.scene_dir("render", scene) / f"{name}.png")
        exposure = exposure_figures(picture, passes.instance > 0)
        faults = exposure_faults(exposure, plan.config.exposure)
        if faults:
            raise SceneRejected(
                f"frame {frame} is badly exposed: {'; '.join(faults)} (limits: [exposure])"
            )
        write_npz(folder / f"{name}.npz", labels)
        facts = _facts(spec, bodies, frame, models, labels, audit, worn)
        for k, person in enumerate(facts["people"]):
            person["rle_modal"] = rle_text(passes.instance == k + 1)
            person["rle_amodal"] = rle_text(passes.amodal[k])
        facts["exposure"] = {name: round(value, 6) for name, value in exposure.items()}
        write_json(folder / f"{name}.json", facts)


def body_models(plan: Plan, spec: SceneSpec) -> list[ModelFile]:
    """The body model file of each person."""
    template = plan.body_dir / plan.config.body.kid_template
    return [
        person_model(plan.body_dir, p.subject.gender, template if p.subject.kid else None)
        for p in spec.people
    ]


def label_frame(
    plan: Plan,
    spec: SceneSpec,
    bodies: SceneBodies,
    passes: RenderPasses,
    frame: int,
    models: list[ModelFile],
) -> tuple[dict[str, np.ndarray], Audit]:
    """Numeric labels of a frame (see `schema`) and their audit; nothing is written."""
    labels = parameter_labels(spec.camera_at(frame), bodies, frame, models)
    vertices_cam = label_vertices(labels, models)
    faces = [model.faces for model in models]
    alone = alone_depths(labels["K"], vertices_cam, faces, passes.depth.shape)
    labels |= _pixel_labels(labels, vertices_cam, models, alone, passes)
    faults = array_faults(labels, LABEL_ARRAYS)
    if faults:
        raise GenbError(f"scene {spec.scene}, frame {frame}: labels are malformed: {faults}")
    rendered = transform(labels["T_cam_world"], bodies.vertices[frame].astype(np.float64))
    audit = audit_frame(labels, vertices_cam, rendered, faces, alone, passes, plan.config.audit)
    return labels, audit


def alone_depths(
    K: np.ndarray, vertices_cam: np.ndarray, faces: list[np.ndarray], shape: tuple
) -> np.ndarray:
    """Depth (P, H, W) m of each naked body with nobody and nothing in front of it."""
    height, width = shape
    return np.stack(
        [render_depth(v, f, K, width, height) for v, f in zip(vertices_cam, faces, strict=True)]
    )


def _pixel_labels(labels, vertices_cam, models, alone, passes) -> dict[str, np.ndarray]:
    """Visibility, masks and boxes: everything that needs the rendered image."""
    boxes = amodal_boxes(labels["K"], vertices_cam)
    people = range(len(vertices_cam))
    masks = [passes.instance == k + 1 for k in people]
    points_cam = np.stack(
        [body_points(models[k], vertices_cam[k], labels["joints_cam"][k]) for k in people]
    )
    points_2d = project_in_front(labels["K"], points_cam)
    points_2d[:, :JOINTS] = labels["joints_2d"]
    codes = np.stack(
        [
            joint_codes(
                points_cam[k],
                points_2d[k],
                k,
                alone[k],
                _flesh(models[k].path, models[k].kid_template, tuple(labels["betas"][k])),
                passes,
            )
            for k in people
        ]
    )
    height, width = passes.depth.shape
    occlusion = [occlusion_share(passes.instance, k, alone[k]) for k in people]
    truncation = [
        truncation_share(
            vertices_cam[k], models[k].faces, boxes[k], labels["K"], passes.depth.shape
        )
        for k in people
    ]
    return {
        "joints_code": codes[:, :JOINTS],
        "joints_visible": np.isin(codes[:, :JOINTS], SEEN),
        "box_hands": hand_boxes(points_2d, (width, height)),
        **keypoint_labels(points_cam, points_2d, codes),
        "box_modal": np.stack([modal_box(mask) for mask in masks]),
        "box_amodal": boxes,
        "occlusion": np.array(occlusion, np.float32),
        "truncation": np.array(truncation, np.float32),
        "mask_area_px": np.array([mask.sum() for mask in masks], np.int32),
    }


@cache
def _flesh(path: Path, kid: Path | None, betas: tuple[float, ...]) -> np.ndarray:
    """Flesh over the 145 points; those past the joints lie on the skin."""
    vertices, joints = rest_body(cached_model(path, kid), np.array(betas))
    over_joints = flesh_depth(joints, vertices, cached_model(path, kid).faces)
    skin = np.full(POINT_COUNT - JOINTS, SURFACE_TOLERANCE_M)
    return np.concatenate([over_joints, skin])


def _facts(
    spec: SceneSpec,
    bodies: SceneBodies,
    frame: int,
    models: list[ModelFile],
    labels: dict,
    audit: Audit,
    worn: list[list[dict]],
) -> dict:
    people = [
        person_facts(spec, k, frame, bodies, models[k], labels, worn[k])
        for k in range(len(spec.people))
    ]
    return {
        "scene": spec.scene,
        "frame": frame,
        "frames": spec.frames,
        "seed": spec.seed,
        "split": spec.split,
        "camera": camera_facts(spec.camera_at(frame)),
        "camera_movement": spec.movement,
        "camera_framing": spec.framing or "scene",
        "shutter_s": float(spec.shutter_s),
        "light": light_facts(spec),
        "people": people,
        "audit": {name: round(value, 6) for name, value in audit.figures.items()},
    }
