"""Control pictures and prompts say what the ground truth says."""

import cv2
import numpy as np
import pytest

from pipeline.conventions import intrinsics, unproject
from pipeline.diffusion import controls
from pipeline.diffusion.prompts import scene_prompt
from pipeline.scene import SceneSpec
from pipeline.truth.schema import VISIBILITY

SIZE = 512
RIGHT_SHOULDER, RIGHT_ELBOW, LEFT_ELBOW, NOSE, LEFT_WRIST = 17, 19, 18, 55, 20


@pytest.fixture
def standing():
    """One person: joints_2d (1, 127, 2) px, all unseen but those set by the test."""
    return np.full((1, 127, 2), 300.0), np.full((1, 127), VISIBILITY["outside_image"], np.uint8)


def test_skeleton_is_drawn_at_the_projected_joints_in_openpose_colours(standing):
    joints, code = standing
    joints[0, RIGHT_SHOULDER], joints[0, RIGHT_ELBOW] = (100.5, 200.5), (100.5, 300.5)
    code[0, [RIGHT_SHOULDER, RIGHT_ELBOW]] = VISIBILITY["visible"]
    picture = controls.openpose(joints, code, SIZE, SIZE)
    # The colours of OpenPose body points 3 and 4 (counted from 1), and 0.6 of limb 3's.
    assert tuple(picture[200, 100]) == (255, 170, 0)
    assert tuple(picture[300, 100]) == (255, 255, 0)
    assert tuple(picture[250, 100]) == (153, 102, 0)
    rows, columns = np.nonzero(picture.any(axis=-1))
    assert abs(columns.mean() - 100) < 0.5 and abs(rows.mean() - 250) < 1


def test_left_and_right_are_the_persons_own(standing):
    joints, code = standing
    joints[0, RIGHT_ELBOW], joints[0, LEFT_ELBOW] = (100.5, 100.5), (400.5, 100.5)
    code[0, [RIGHT_ELBOW, LEFT_ELBOW]] = VISIBILITY["visible"]
    picture = controls.openpose(joints, code, SIZE, SIZE)
    assert tuple(picture[100, 100]) == (255, 255, 0)
    assert tuple(picture[100, 400]) == (0, 255, 0)


@pytest.mark.parametrize(
    ("joint", "code_name", "drawn"),
    [
        (RIGHT_ELBOW, "covered", True),
        (RIGHT_ELBOW, "self_occluded", True),
        (RIGHT_ELBOW, "person_occluded", False),
        (RIGHT_ELBOW, "outside_image", False),
        (NOSE, "visible", True),
        (NOSE, "self_occluded", False),
    ],
)
def test_what_is_hidden_is_drawn_only_where_a_detector_would_guess_it(
    standing, joint, code_name, drawn
):
    joints, code = standing
    code[0, joint] = VISIBILITY[code_name]
    assert controls.openpose(joints, code, SIZE, SIZE).any() == drawn


def test_hands_are_drawn_when_large_enough(standing):
    joints, code = standing
    hand = list(controls._LEFT_HAND)
    code[0, hand] = VISIBILITY["visible"]
    spread = np.linspace(0, 1, 21)[:, None] * [1.0, 0.5]
    for extent, expected in ((100.0, True), (10.0, False)):
        joints[0, hand] = (200.5, 200.5) + spread * extent
        tip = joints[0, hand[-1]].astype(int)
        picture = controls.openpose(joints, code, SIZE, SIZE)
        assert (tuple(picture[tip[1], tip[0]]) == (0, 0, 255)) == expected


def test_skeleton_scales_with_the_image(standing):
    joints, code = standing
    code[0, RIGHT_ELBOW] = VISIBILITY["visible"]
    joints[0, RIGHT_ELBOW] = (600.0, 300.0)
    picture = controls.openpose(joints, code, 1024, 1280)
    rows, columns = np.nonzero(picture.any(axis=-1))
    # Half a pixel of the 512-px drawing is one pixel here.
    assert abs(columns.mean() + 0.5 - 600) < 1.1 and abs(rows.mean() + 0.5 - 300) < 1.1
    assert 16 <= np.ptp(columns) <= 20


def test_depth_is_disparity_near_white_and_infinity_black():
    depth_m = np.full((40, 60), np.inf, np.float32)
    depth_m[:, 10:30], depth_m[:, 30:50] = 2.0, 4.0
    picture = controls.depth(depth_m)
    assert (picture[:, :10] == 0).all() and (picture[:, 10:30] == 255).all()
    # Half the disparity of the nearest is half the brightness.
    assert (picture[:, 30:50] == 128).all()


def test_depth_uses_the_whole_range_when_nothing_is_infinitely_far():
    depth_m = np.linspace(2, 5, 1000, dtype=np.float32).reshape(20, 50)
    grey = controls.depth(depth_m)[..., 0].ravel()
    assert grey[0] == 255 and grey[-1] == 0 and (np.diff(grey.astype(int)) <= 0).all()


@pytest.mark.parametrize(
    ("facing", "colour"),
    [
        ((0, 0, -1), (127, 127, 255)),
        ((-1, 0, 0), (255, 127, 127)),
        ((0, -1, 0), (127, 255, 127)),
    ],
    ids=["to the camera: blue", "to the left: red", "up: green"],
)
def test_normal_colours(facing, colour):
    picture = controls.normal(np.broadcast_to(np.float16(facing), (4, 4, 3)))
    assert (picture == colour).all()


def test_normals_of_a_ground_plane_are_green():
    # A plane 1.5 m below a level camera, its normals from the depth itself (an independent route).
    K = intrinsics(64, 64, 64.0)
    rows = np.arange(64) + 0.5
    depth_m = np.repeat((1.5 * 64 / np.maximum(rows - 32, 1e-9))[:, None], 64, axis=1)
    points = unproject(K, depth_m)[40:]
    along_u, along_v = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normals = np.cross(along_u, along_v)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals *= -np.sign((normals * points).sum(-1, keepdims=True))
    assert (controls.normal(normals) == (127, 255, 127)).mean() > 0.99


def test_background_normals_face_the_camera():
    assert (controls.normal(np.zeros((3, 3, 3), np.float16)) == (127, 127, 255)).all()


@pytest.mark.parametrize("shape", [(64, 128), (72, 100), (200, 90)])
def test_canny_is_at_native_resolution(shape):
    image = np.zeros((*shape, 3), np.uint8)
    image[20:, 30:] = 255
    picture = controls.canny(image)
    assert picture.shape == image.shape and set(np.unique(picture)) == {0, 255}
    expected = cv2.Canny(np.pad(image, ((0, 64), (0, 64), (0, 0)), mode="edge"), 100, 200)
    assert (picture[..., 0] == expected[: shape[0], : shape[1]]).all()


def test_each_control_is_made_once_and_only_if_asked_for():
    image = np.zeros((64, 64, 3), np.uint8)
    assert controls.control_pictures([], image, None, None, None) == {}


def _spec(people: list[tuple[str, float]], hdri: str = "forest") -> SceneSpec:
    appearance = {
        "skin_tone": 0.5,
        "iris": "blue",
        "hair_style": "short",
        "hair_colour": "grey",
        "garment_seeds": [1],
        "shoe_seed": 1,
        "seed": 1,
    }
    entries = [
        {
            "subject": {
                "subject": f"s{i}",
                "gender": "neutral",
                "sex": sex,
                "age_years": age,
                "ancestry": [1, 0, 0],
                "betas": [0.0],
                "motion": {"name": "walk", "seed": 1, "frames": 2, "fps": 25},
                "outfit": [
                    {"kind": "tshirt", "layer": "upper"},
                    {"kind": "jeans", "layer": "lower"},
                ],
            },
            "first_frame": 0,
            "position_m": [0, 0],
            "yaw_deg": 0,
            "expression": [],
            "appearance": appearance,
        }
        for i, (sex, age) in enumerate(people)
    ]
    return SceneSpec.model_validate(
        {
            "scene": 0,
            "seed": 7,
            "frames": 1,
            "people": entries,
            "camera": {
                "width": 256,
                "height": 256,
                "vfov_deg": 40,
                "eye_m": [0, -4, 1],
                "target_m": [0, 0, 1],
            },
            "light": {"hdri": hdri, "rotation_deg": 0, "strength": 1, "exposure_stops": 0},
        }
    )


def test_prompt_states_the_scene():
    people = [("male", 30), ("male", 40), ("female", 70), ("female", 8), ("male", 1)]
    assert scene_prompt(_spec(people)) == (
        "a photograph of two men and an old woman and a girl and a baby wearing T-shirt, jeans, "
        "in a forest, natural skin, sharp focus, 35mm photo"
    )


def test_prompt_counts_women_and_names_unknown_places():
    prompt = scene_prompt(_spec([("female", 20)] * 3, hdri="my_street"))
    assert prompt.startswith("a photograph of three women wearing") and ", my street," in prompt
