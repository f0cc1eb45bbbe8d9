"""The audit lets a sound frame pass and catches each planted error, on pixels and on numbers."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from made_scenes import Mesh, made_dataset, make_spec, pose_people, render, write_upstream

from pipeline.config import AuditSection
from pipeline.contact import penetration_m, winding_number
from pipeline.conventions import project, transform
from pipeline.errors import SceneRejected
from pipeline.jobs import Job, rejection
from pipeline.truth.__main__ import run
from pipeline.truth.audit import audit_frame
from pipeline.truth.bodies import label_vertices
from pipeline.truth.frame import alone_depths, body_models, label_frame, label_scene


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def frame(made):
    """Labels, models and passes of a sound frame."""
    models = body_models(made.plan, made.specs[0])
    passes = made.passes[0][0]
    labels, audit = label_frame(made.plan, made.specs[0], made.bodies[0], passes, 0, models)
    assert audit.faults == []
    return labels, models, passes


def audit_again(made, labels, models, passes, limits=None):
    """Audit labels that somebody has changed, as the stage would have."""
    vertices = label_vertices(labels, models)
    faces = [m.faces for m in models]
    alone = alone_depths(labels["K"], vertices, faces, passes.depth.shape)
    labels["joints_2d"] = project(labels["K"], labels["joints_cam"].astype(float))
    true_T = made.specs[0].camera.T_cam_world()
    rendered = transform(true_T, made.bodies[0].vertices[0].astype(float))
    return audit_frame(
        labels, vertices, rendered, faces, alone, passes, limits or made.plan.config.audit
    )


def test_sound_frame_agrees_to_the_last_pixel(made, frame):
    figures = audit_again(made, dict(frame[0]), *frame[1:]).figures
    assert figures["silhouette_iou"] > 0.999
    assert figures["depth_p99_mm"] < 0.02
    assert figures["vertex_error_px"] < 0.001
    assert figures["parameter_error_mm"] < 0.01
    assert figures["joints_in_mask"] == 1.0


def shift_u(labels):
    labels["K"] = labels["K"] + [[0, 0, 1.0], [0, 0, 0], [0, 0, 0]]


def shift_v(labels):
    labels["K"] = labels["K"] + [[0, 0, 0], [0, 0, 1.0], [0, 0, 0]]


def zoom(labels):
    labels["K"] = np.diag([1.02, 1.02, 1]) @ labels["K"]


def move_person(labels):
    labels["transl_cam"] = labels["transl_cam"] + [[0.05, 0, 0], [0, 0, 0], [0, 0, 0]]


def push_person_away(labels):
    labels["transl_cam"] = labels["transl_cam"] + [[0, 0, 0.05], [0, 0, 0], [0, 0, 0]]


def bend_elbow(labels):
    labels["pose_cam"] = labels["pose_cam"].copy()
    labels["pose_cam"][0, 3 * 18 + 1] += 0.5


def fatten(labels):
    labels["betas"] = labels["betas"] + np.eye(labels["betas"].shape[1])[0] * 1.5


def smile(labels):
    labels["expression"] = labels["expression"] + 1.0


LABEL_ERRORS = {
    shift_u: ("vertex_error_px", "silhouette_iou"),
    shift_v: ("vertex_error_px",),
    zoom: ("vertex_error_px",),
    move_person: ("parameter_error_mm", "person_iou_min"),
    push_person_away: ("parameter_error_mm", "depth_p99_mm"),
    bend_elbow: ("parameter_error_mm",),
    fatten: ("parameter_error_mm",),
    smile: ("parameter_error_mm",),
}


@pytest.mark.parametrize("spoil", LABEL_ERRORS, ids=lambda f: f.__name__)
def test_wrong_label_fails(made, frame, spoil):
    labels = dict(frame[0])
    spoil(labels)
    faults = audit_again(made, labels, *frame[1:]).faults
    for figure in LABEL_ERRORS[spoil]:
        assert any(fault.startswith(figure) for fault in faults), faults


@pytest.mark.parametrize("spoil", [shift_u, shift_v, zoom, move_person], ids=lambda f: f.__name__)
def test_pixels_alone_would_have_caught_it(made, frame, spoil):
    """Without Blender's vertex projections and without parameters: silhouettes and depth only."""
    labels = dict(frame[0])
    spoil(labels)
    blind = AuditSection(max_vertex_error_px=1e9, max_parameter_error_mm=1e9)
    assert audit_again(made, labels, *frame[1:], blind).faults


def scaled_depth(passes):
    return replace(passes, body_depth=passes.body_depth * np.float32(1.01))


def swapped_ids(passes):
    swap = np.array([0, 2, 1, 3], np.uint16)
    return replace(passes, body_instance=swap[passes.body_instance])


def mirrored(passes):
    return replace(passes, body_instance=passes.body_instance[:, ::-1])


def one_row_lower(passes):
    return replace(passes, body_instance=np.roll(passes.body_instance, 1, axis=0))


def clothes_behind(passes):
    return replace(passes, depth=passes.depth + np.float32(0.05))


def bad_position_pass(passes):
    return replace(passes, position_error_px=np.float32(0.7))


def unmeasured_position(passes):
    return replace(passes, position_error_px=np.float64("inf"))


def empty_render(passes):
    return replace(passes, body_instance=np.zeros_like(passes.body_instance))


RENDER_ERRORS = {
    scaled_depth: "depth_median_mm",
    swapped_ids: "person_iou_min",
    mirrored: "silhouette_iou",
    one_row_lower: "person_iou_min",
    clothes_behind: "clothed_in_front",
    bad_position_pass: "position_error_px",
    unmeasured_position: "position_error_px",
    empty_render: "silhouette_iou",
}


@pytest.mark.parametrize("spoil", RENDER_ERRORS, ids=lambda f: f.__name__)
def test_wrong_render_fails(made, frame, spoil):
    labels, models, passes = frame
    faults = audit_again(made, dict(labels), models, spoil(passes)).faults
    assert any(fault.startswith(RENDER_ERRORS[spoil]) for fault in faults), faults


def test_rejection_names_the_figure_and_leaves_no_labels(made, tmp_path):
    """Through the stage itself: two people standing inside each other."""
    people = [
        {"x": 0.0, "y": 0.0, "yaw": 0, "seed": 1},
        {"x": 0.12, "y": 0.02, "yaw": 0, "seed": 2},
    ]
    spec = make_spec(5, people)
    bodies = pose_people(spec, made.model)
    write_upstream(made.plan, spec, bodies, [render(spec, bodies, made.model, 0, None)])
    with pytest.raises(SceneRejected, match="interpenetration_mm"):
        label_scene(made.plan, 5, tmp_path)
    run(Job("truth", made.plan, scenes=(5,)))
    folder = made.plan.scene_dir("truth", 5)
    assert rejection(folder)["stage"] == "truth"
    assert [p.name for p in folder.iterdir()] == ["rejected.json"]


def sphere(radius: float, x: float) -> Mesh:
    ball = trimesh.creation.icosphere(4, radius)
    return Mesh(ball.vertices + [x, 0, 0], ball.faces, 1, np.array([]))


@pytest.mark.parametrize(
    ("radius", "distance", "expected"),
    [(0.5, 1.2, 0.0), (0.5, 1.001, 0.0), (0.5, 0.9, 0.1), (0.5, 0.96, 0.04), (0.2, 0.0, 0.3)],
)
def test_penetration_of_two_balls_is_known(radius, distance, expected):
    """Balls of radius 0.5 and `radius`: apart, overlapping, and one inside the other."""
    a, b = sphere(0.5, 0.0), sphere(radius, distance)
    # A ball of 2562 vertices is up to 1.5 mm flatter than round.
    assert penetration_m(a.vertices, a.faces, b.vertices, b.faces) == pytest.approx(
        expected, abs=0.002
    )


def test_winding_number_counts_the_inside_of_a_body(made):
    vertices = made.bodies[2].vertices[0, 0].astype(float)
    chest = made.bodies[2].joints[0, 0, 9].astype(float)
    assert winding_number(chest, vertices, made.model.faces) == pytest.approx(1, abs=0.05)
    assert winding_number(chest + [0, 0, 1.5], vertices, made.model.faces) == pytest.approx(
        0, abs=0.05
    )


def test_a_camera_inside_something_is_noticed(made, frame):
    labels, models, passes = frame
    blinded = replace(passes, depth=np.minimum(passes.depth, np.float32(0.1)))
    audit = audit_again(made, dict(labels), models, blinded)
    assert audit.figures["near_share"] == 1.0
    assert any("near_share" in fault for fault in audit.faults)


def test_amodal_masks_of_the_wrong_person_are_noticed(made, frame):
    labels, models, passes = frame
    assert audit_again(made, dict(labels), models, passes).figures["amodal_covers"] > 0.995
    swapped = replace(passes, amodal=passes.amodal[::-1].copy())
    audit = audit_again(made, dict(labels), models, swapped)
    assert any("amodal_covers" in fault for fault in audit.faults)


def test_a_correspondence_with_other_corners_is_noticed(made, frame):
    labels, models, passes = frame
    figures = audit_again(made, dict(labels), models, passes).figures
    # float16 weights of triangles some pixels wide.
    assert figures["surface_error_px"] < 0.02
    turned = replace(passes, body_bary=passes.body_bary[..., ::-1].copy())
    audit = audit_again(made, dict(labels), models, turned)
    assert any("surface_error_px" in fault for fault in audit.faults)
