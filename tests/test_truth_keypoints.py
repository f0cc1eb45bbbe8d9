"""Key-point sets, hand boxes, run-length masks and dense visibility, against other knowledge."""

import numpy as np
import pytest
from made_scenes import made_dataset
from pycocotools import mask as coco_mask

from pipeline.scene import frame_name
from pipeline.storage import read_json, read_npz
from pipeline.truth.bodies import label_bodies
from pipeline.truth.dense import dense_indices, dense_labels
from pipeline.truth.frame import alone_depths, body_models
from pipeline.truth.keypoints import (
    HEAD_TOP,
    KEYPOINT_SETS,
    LEFT_HAND,
    POINT_COUNT,
    RIGHT_HAND,
    body_points,
    hand_boxes,
)
from pipeline.truth.rle import rle_mask, rle_text
from pipeline.truth.schema import VISIBILITY
from pipeline.truth.visibility import SURFACE_TOLERANCE_M, joint_codes

FLOAT32_M = 5e-6
FLOAT32_PX = 2e-3


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def labels(made):
    return read_npz(made.plan.scene_dir("truth", 0) / f"{frame_name(1)}.npz")


@pytest.fixture(scope="module")
def tpose(made, model):
    """The 145 points of the mean body in its T-pose: Y up, facing +Z, its left at +X."""
    posed = made.model.evaluate(np.zeros(16), np.zeros((1, 165)), np.zeros((1, 3)))
    return body_points(model, posed.vertices[0].astype(float), posed.joints[0])


# The published orders, written down once more from the fields' own pages: side and place.
BODY_25 = (
    "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist pelvis r_hip r_knee r_ankle "
    "l_hip l_knee l_ankle r_eye l_eye r_ear l_ear l_bigtoe l_smalltoe l_heel r_bigtoe r_smalltoe "
    "r_heel"
)
COCO_17 = (
    "nose l_eye r_eye l_ear r_ear l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hip "
    "r_hip l_knee r_knee l_ankle r_ankle"
)
FEET_6 = "l_bigtoe l_smalltoe l_heel r_bigtoe r_smalltoe r_heel"
LSP_14 = (
    "r_ankle r_knee r_hip l_hip l_knee l_ankle r_wrist r_elbow r_shoulder l_shoulder l_elbow "
    "l_wrist neck headtop"
)
H36M_17 = (
    "pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle spine neck nose headtop l_shoulder l_elbow "
    "l_wrist r_shoulder r_elbow r_wrist"
)
ORDERS = {
    "openpose137": (BODY_25, 0),
    "coco17": (COCO_17, 0),
    "coco133": (f"{COCO_17} {FEET_6}", 0),
    "lsp14": (LSP_14, 0),
    "h36m17": (H36M_17, 0),
    "hmr44": (f"{BODY_25} {LSP_14} pelvis neck spine jaw head", 0),
}
# Heights (Y) of a T-posed adult, as shares of the stature above the ground: anthropometry's rough
# figures, and wide enough for any of them.
HEIGHTS = {
    "ankle": (0.02, 0.09), "knee": (0.24, 0.33), "hip": (0.45, 0.58), "pelvis": (0.48, 0.6),
    "spine": (0.55, 0.72), "shoulder": (0.76, 0.86), "elbow": (0.7, 0.9), "wrist": (0.65, 0.9),
    "neck": (0.78, 0.9), "nose": (0.88, 0.96), "eye": (0.9, 0.97), "ear": (0.89, 0.97),
    "jaw": (0.86, 0.95), "head": (0.85, 0.97), "headtop": (0.99, 1.01),
    "bigtoe": (0.0, 0.05), "smalltoe": (0.0, 0.05), "heel": (0.0, 0.05),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_sets_have_the_published_order(tpose, name):
    order, start = ORDERS[name]
    points = tpose[KEYPOINT_SETS[name]]
    ground, stature = tpose[:, 1].min(), np.ptp(tpose[:, 1])
    for k, told in enumerate(order.split(), start):
        side, _, place = told.rpartition("_")
        low, high = HEIGHTS[place]
        share = (points[k, 1] - ground) / stature
        assert low <= share <= high, (name, k, told, share)
        if side:
            assert np.sign(points[k, 0]) == (1 if side == "l" else -1), (name, k, told)
        else:
            assert abs(points[k, 0]) < 0.02, (name, k, told)


def test_sizes_are_those_of_the_names():
    sizes = {name: len(points) for name, points in KEYPOINT_SETS.items()}
    assert sizes == {
        "openpose137": 137, "coco17": 17, "coco133": 133, "h36m17": 17, "lsp14": 14, "hmr44": 44,
    }  # fmt: skip
    assert max(map(max, KEYPOINT_SETS.values())) == POINT_COUNT - 1


@pytest.mark.parametrize(("name", "start"), [("openpose137", 25), ("coco133", 91)])
def test_hands_run_from_the_wrist_along_each_finger(tpose, name, start):
    for side, sign in ((0, 1), (1, -1)):
        hand = tpose[KEYPOINT_SETS[name]][start + 21 * side : start + 21 * (side + 1)]
        assert (hand[:, 0] * sign > 0).all()
        fingers = hand[1:].reshape(5, 4, 3)
        reach = np.linalg.norm(fingers - hand[0], axis=2)
        assert (np.diff(reach, axis=1) > 0).all()
        # Palms down: from the thumb, which points forward, to the little finger, which is behind.
        assert (np.diff(fingers[1:, 0, 2]) < 0).all()
        assert fingers[0, 3, 2] > fingers[1, 3, 2]
        assert reach[2, 3] == reach[:, 3].max()  # the middle finger is the longest


def test_the_face_runs_from_the_right_ear_over_the_chin_to_the_left(tpose):
    outline = tpose[KEYPOINT_SETS["openpose137"]][67:84]
    assert np.array_equal(outline, tpose[KEYPOINT_SETS["coco133"]][23:40])
    assert (np.diff(outline[:, 0]) > 0).all()
    assert outline[:, 1].argmin() in (7, 8, 9)
    brows = tpose[KEYPOINT_SETS["openpose137"]][84:94]
    assert (np.diff(brows[:, 0]) > 0).all()
    pupils = tpose[KEYPOINT_SETS["openpose137"]][135:137]
    eyes = tpose[KEYPOINT_SETS["openpose137"]][[15, 16]]
    assert np.array_equal(pupils, eyes) and pupils[0, 0] < 0 < pupils[1, 0]


def test_the_top_of_the_head_is_the_highest_point(model, tpose):
    assert tpose[HEAD_TOP, 1] == pytest.approx(model.v_template[:, 1].max(), abs=1e-5)


def test_sets_are_choices_among_the_labelled_points(made, labels):
    vertices, _ = label_bodies(labels, body_models(made.plan, made.specs[0]))
    model = body_models(made.plan, made.specs[0])[0]
    for k, body in enumerate(vertices):
        points = body_points(model, body, labels["joints_cam"][k])
        uv = points @ labels["K"].T
        uv = uv[:, :2] / uv[:, 2:]
        for name, chosen in KEYPOINT_SETS.items():
            assert np.abs(labels[f"{name}_cam"][k] - points[chosen]).max() < FLOAT32_M
            assert np.abs(labels[f"{name}_2d"][k] - uv[chosen]).max() < FLOAT32_PX
            among = [p < 127 for p in chosen]
            own = labels["joints_code"][k][np.array(chosen)[among]]
            assert np.array_equal(labels[f"{name}_code"][k][among], own)


def test_hand_boxes_hold_the_fingers_that_are_in_the_picture(labels):
    width, height = 224, 192
    for k, joints in enumerate(labels["joints_2d"]):
        for side, hand in enumerate((LEFT_HAND, RIGHT_HAND)):
            inside = [
                p for p in joints[hand] if 0 <= p[0] <= width and 0 <= p[1] <= height
            ]  # fmt: skip
            box = labels["box_hands"][k, side]
            if not inside:
                assert (box == 0).all()
                continue
            assert box[0] == min(p[0] for p in inside) and box[2] == max(p[0] for p in inside)
            assert box[1] == min(p[1] for p in inside) and box[3] == max(p[1] for p in inside)
    assert (labels["box_hands"][:2] > 0).all()


def test_a_hand_outside_the_picture_has_no_box(labels):
    moved = labels["joints_2d"].copy()
    moved[:, LEFT_HAND] += 1000
    boxes = hand_boxes(moved, (224, 192))
    assert (boxes[:, 0] == 0).all() and (boxes[0, 1] > 0).all()


def plain_counts(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, starting with zeros, one pixel after the other."""
    counts, current = [0], 0
    for value in mask.T.reshape(-1):
        if value != current:
            counts.append(0)
            current = value
        counts[-1] += 1
    return counts


def test_run_lengths_are_cocos_of_the_masks(made):
    passes = made.passes[0][1]
    people = read_json(made.plan.scene_dir("truth", 0) / f"{frame_name(1)}.json")["people"]
    height, width = passes.depth.shape
    for k, person in enumerate(people):
        pairs = (("rle_modal", passes.instance == k + 1), ("rle_amodal", passes.amodal[k]))
        for name, mask in pairs:
            plain = {"size": [height, width], "counts": plain_counts(mask)}
            packed = coco_mask.frPyObjects(plain, height, width)["counts"].decode()
            assert person[name] == packed
            assert np.array_equal(rle_mask(person[name], height, width), mask)


def test_run_lengths_of_another_size_or_cut_are_refused():
    text = rle_text(np.eye(40, 30) > 0)
    with pytest.raises(ValueError):
        rle_mask(text[: len(text) // 2], 40, 30)
    with pytest.raises(ValueError):
        rle_mask(text, 20, 30)


def test_dense_visibility_agrees_with_a_body_drawn_alone(made, labels, model):
    """Route one: the passes of everybody. Route two: each body by itself, drawn with OpenGL."""
    passes = made.passes[0][1]
    models = body_models(made.plan, made.specs[0])
    vertices, _ = label_bodies(labels, models)
    dense = dense_labels(vertices, labels["K"], dense_indices(model, [437]), passes)
    alone = alone_depths(labels["K"], vertices, [m.faces for m in models], passes.depth.shape)
    flesh = np.full(437, SURFACE_TOLERANCE_M)
    agree = []
    for k in range(len(vertices)):
        points = vertices[k][dense["dense_437_index"]]
        other = joint_codes(points, dense["dense_437_2d"][k], k, alone[k], flesh, passes)
        agree.append(other == dense["dense_437_code"][k])
    # They part at outlines only: route two looks for the body beside a pixel that misses it.
    assert np.mean(agree) > 0.97
    found = set(np.unique(dense["dense_437_code"]))
    assert {VISIBILITY[n] for n in ("visible", "covered", "self_occluded")} <= found


def test_a_point_behind_another_person_is_hidden_by_them(made, labels, model):
    passes = made.passes[0][1]
    vertices, _ = label_bodies(labels, body_models(made.plan, made.specs[0]))
    dense = dense_labels(vertices, labels["K"], dense_indices(model, [437]), passes)
    uv = dense["dense_437_2d"][1].astype(int)
    hidden = dense["dense_437_code"][1] == VISIBILITY["person_occluded"]
    assert hidden.any()
    assert (passes.instance[uv[hidden, 1], uv[hidden, 0]] != 2).all()
    box = dense["dense_437_code"][0] == VISIBILITY["object_occluded"]
    assert box.any() and (passes.instance[tuple(dense["dense_437_2d"][0][box].astype(int).T[::-1])]
                          == 0).all()  # fmt: skip
