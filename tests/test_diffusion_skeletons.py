"""The skeleton control: drawn as controlnet_aux draws, hidden as a detector would find it."""

import warnings

import numpy as np
import pytest

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.diffusion import skeletons
from pipeline.diffusion.skeletons import LEFT_HAND, RIGHT_HAND, openpose
from pipeline.truth.schema import JOINT_COUNT, VISIBILITY

SIZE = 512
NOSE, RIGHT_EYE, LEFT_EYE, RIGHT_EAR, LEFT_EAR = 55, 56, 57, 58, 59
RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE = 17, 19, 21, 2, 5, 8
LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE = 16, 18, 20, 1, 4, 7
FACE = list(range(76, 127))

FACING_US = {
    NOSE: (256, 90),
    RIGHT_EYE: (246, 80),
    LEFT_EYE: (266, 80),
    RIGHT_EAR: (232, 85),
    LEFT_EAR: (280, 85),
    RIGHT_SHOULDER: (210, 140),
    LEFT_SHOULDER: (302, 140),
    RIGHT_ELBOW: (180, 210),
    LEFT_ELBOW: (332, 210),
    RIGHT_WRIST: (165, 280),
    LEFT_WRIST: (347, 280),
    RIGHT_HIP: (230, 270),
    LEFT_HIP: (282, 270),
    RIGHT_KNEE: (226, 360),
    LEFT_KNEE: (286, 360),
    RIGHT_ANKLE: (222, 450),
    LEFT_ANKLE: (290, 450),
}
"""A person who looks at us has the right hand on our left. Pixels of a 512 px picture."""

OPENPOSE_COLOURS = {
    NOSE: (255, 0, 0),
    RIGHT_SHOULDER: (255, 170, 0),
    RIGHT_ELBOW: (255, 255, 0),
    RIGHT_WRIST: (170, 255, 0),
    LEFT_SHOULDER: (85, 255, 0),
    LEFT_ELBOW: (0, 255, 0),
    LEFT_WRIST: (0, 255, 85),
    RIGHT_HIP: (0, 255, 170),
    RIGHT_KNEE: (0, 255, 255),
    RIGHT_ANKLE: (0, 170, 255),
    LEFT_HIP: (0, 85, 255),
    LEFT_KNEE: (0, 0, 255),
    LEFT_ANKLE: (85, 0, 255),
    RIGHT_EYE: (170, 0, 255),
    LEFT_EYE: (255, 0, 255),
    RIGHT_EAR: (255, 0, 170),
    LEFT_EAR: (255, 0, 85),
}
"""Of COCO's 18 points in the order of OpenPose's documentation."""


class Made:
    """People with all joints at one depth and unseen, before nothing; tests set what they need."""

    def __init__(self, people: int = 1, height: int = SIZE, width: int = SIZE):
        self.uv = np.full((people, JOINT_COUNT, 2), 300.0)
        self.code = np.full((people, JOINT_COUNT), VISIBILITY["outside_image"], np.uint8)
        self.z_m = np.full((people, JOINT_COUNT), 3.0)
        self.depth_m = np.full((height, width), np.inf, np.float32)
        self.instance = np.zeros((height, width), np.uint16)

    def put(self, joints: dict, person: int = 0, code: str = "visible") -> "Made":
        """Set joints at (u, v) px."""
        for joint, uv in joints.items():
            self.uv[person, joint], self.code[person, joint] = uv, VISIBILITY[code]
        return self

    def picture(self) -> np.ndarray:
        """The control."""
        joints_cam = np.concatenate([np.zeros_like(self.uv), self.z_m[..., None]], axis=-1)
        return openpose(self.uv, joints_cam, self.code, self.depth_m, self.instance)


def _colour(picture: np.ndarray, uv) -> tuple:
    return tuple(picture[int(uv[1]), int(uv[0])])


# --- the look -----------------------------------------------------------------------------------


def _by_controlnet_aux(made: Made) -> np.ndarray:
    """The same people drawn by the library, everything found, the short side 512 px."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux.open_pose import PoseResult, draw_poses
        from controlnet_aux.open_pose.body import BodyResult, Keypoint
    height, width = made.depth_m.shape
    coco = [*OPENPOSE_COLOURS]
    poses = []
    for uv in made.uv / (width, height):
        body = [Keypoint(*uv[joint]) for joint in coco]
        body.insert(1, Keypoint(*uv[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0)))
        parts = [[Keypoint(*uv[j]) for j in part] for part in (LEFT_HAND, RIGHT_HAND, FACE)]
        poses.append(PoseResult(BodyResult(body, 1.0, 18), *parts))
    return draw_poses(poses, height, width)


@pytest.mark.parametrize(("height", "width"), [(512, 512), (512, 904), (768, 512)])
def test_drawing_equals_controlnet_aux(height, width):
    rng = np.random.default_rng(height + width)
    for _ in range(5):
        made = Made(3, height, width)
        made.uv = rng.uniform([2, 2], [width - 1, height - 1], made.uv.shape)
        made.code[:] = VISIBILITY["visible"]
        made.z_m *= np.array([[3], [2], [1]])
        # Bit for bit: both are OpenCV's ellipses, lines and discs at whole pixels.
        np.testing.assert_array_equal(made.picture(), _by_controlnet_aux(made))


def test_points_and_limbs_have_openposes_colours():
    picture = Made().put(FACING_US).picture()
    for joint, uv in FACING_US.items():
        assert _colour(picture, uv) == OPENPOSE_COLOURS[joint]
    # Limb 3 of OpenPose, at 0.6 of its colour.
    assert _colour(picture, (195, 175)) == (153, 102, 0)


def test_a_mirrored_person_is_another_picture():
    mirrored = Made().put({joint: (SIZE - u, v) for joint, (u, v) in FACING_US.items()}).picture()
    wrong = [
        joint for joint, uv in FACING_US.items() if _colour(mirrored, uv) != OPENPOSE_COLOURS[joint]
    ]
    assert set(wrong) == set(FACING_US) - {NOSE}


@pytest.mark.parametrize(
    ("side", "hand", "first_tip"), [("left", LEFT_HAND, 66), ("right", RIGHT_HAND, 71)]
)
def test_fingers_go_from_thumb_to_little_finger(side, hand, first_tip):
    expected = [JOINT_INDEX[f"{side}_wrist"]]
    for k, finger in enumerate(("thumb", "index", "middle", "ring", "pinky")):
        expected += [JOINT_INDEX[f"{side}_{finger}{knuckle}"] for knuckle in (1, 2, 3)]
        # SMPL-X's tips follow the 55 joints and the face's and feet's points, thumb first.
        expected.append(first_tip + k)
    assert list(hand) == expected


def test_skeleton_scales_with_the_image():
    made = Made(1, 1024, 1280).put({RIGHT_ELBOW: (600.0, 300.0)})
    rows, columns = np.nonzero(made.picture().any(axis=-1))
    # Half a pixel of the 512-px drawing is one pixel here.
    assert abs(columns.mean() + 0.5 - 600) < 1.1 and abs(rows.mean() + 0.5 - 300) < 1.1
    assert 16 <= np.ptp(columns) <= 20


# --- what is found ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("joint", "code", "drawn"),
    [
        (RIGHT_ELBOW, "covered", True),
        (RIGHT_ELBOW, "self_occluded", True),
        (RIGHT_ELBOW, "person_occluded", False),
        (RIGHT_ELBOW, "object_occluded", False),
        (RIGHT_ELBOW, "outside_image", False),
        (NOSE, "visible", True),
        (NOSE, "self_occluded", False),
        (LEFT_EAR, "self_occluded", False),
    ],
)
def test_what_is_hidden_is_drawn_only_where_a_detector_would_guess_it(joint, code, drawn):
    assert Made().put({joint: (300, 300)}, code=code).picture().any() == drawn


def _hand(extent_px: float) -> dict:
    spread = np.linspace(0, 1, 21)[:, None] * [1.0, 0.5]
    return dict(zip(LEFT_HAND, (200.5, 200.5) + spread * extent_px, strict=True))


@pytest.mark.parametrize(("extent_px", "drawn"), [(100.0, True), (10.0, False)])
def test_hands_are_drawn_when_large_enough(extent_px, drawn):
    hand = _hand(extent_px)
    picture = Made().put(hand).picture()
    assert (_colour(picture, hand[LEFT_HAND[-1]]) == (0, 0, 255)) == drawn


@pytest.mark.parametrize(("hidden", "guessed"), [(8, True), (13, False)])
def test_fingers_that_the_hand_hides_are_guessed_when_most_of_it_is_seen(hidden, guessed):
    hand = _hand(200.0)
    behind = {joint: hand[joint] for joint in LEFT_HAND[-hidden:]}
    picture = Made().put(hand).put(behind, code="self_occluded").picture()
    assert (_colour(picture, hand[LEFT_HAND[-1]]) == (0, 0, 255)) == guessed
    gone = Made().put(hand).put(behind, code="person_occluded").picture()
    assert _colour(gone, hand[LEFT_HAND[-1]]) == (0, 0, 0)


def test_a_face_seen_from_behind_is_not_drawn():
    made = Made().put({joint: (200 + joint, 100) for joint in FACE}, code="self_occluded")
    assert not made.picture().any()
    white = made.put({joint: (200 + joint, 100) for joint in FACE}).picture()
    assert _colour(white, (200 + FACE[0], 100)) == (255, 255, 255)


# --- who is in front ----------------------------------------------------------------------------


@pytest.mark.parametrize("nearer", [0, 1])
def test_the_nearer_person_is_painted_over_the_farther(nearer):
    made = Made(2).put({RIGHT_ELBOW: (250, 250)}, 0).put({LEFT_ELBOW: (250, 250)}, 1)
    made.z_m[nearer] = 2.0
    wanted = OPENPOSE_COLOURS[(RIGHT_ELBOW, LEFT_ELBOW)[nearer]]
    assert _colour(made.picture(), (250, 250)) == wanted


def _arm_across(columns: slice, depth_m: float, instance: int) -> tuple:
    """Colour in the middle of a horizontal upper arm of person 0, 3 m away, where something
    covers some columns of the picture."""
    made = Made(2).put({RIGHT_SHOULDER: (100, 250), RIGHT_ELBOW: (300, 250)})
    made.instance[240:260, 90:310] = 1
    made.depth_m[240:260, 90:310] = 2.95
    made.instance[:, columns], made.depth_m[:, columns] = instance, depth_m
    return _colour(made.picture(), (200, 250))


ARM, NOTHING = (153, 102, 0), (0, 0, 0)


@pytest.mark.parametrize(
    ("columns", "depth_m", "instance", "colour"),
    [
        (slice(180, 260), 2.0, 2, NOTHING),
        (slice(180, 260), 2.0, 0, NOTHING),
        (slice(180, 260), 2.0, 1, ARM),
        (slice(180, 260), 4.0, 2, ARM),
        (slice(205, 225), 2.0, 2, ARM),
    ],
    ids=["a person", "a thing", "their own other arm", "somebody behind", "a tenth of it"],
)
def test_a_limb_whose_middle_others_hide_is_not_drawn(columns, depth_m, instance, colour):
    assert _arm_across(columns, depth_m, instance) == colour


def test_along_a_limb_that_comes_nearer_depth_is_foreshortened():
    made = Made(2).put({RIGHT_SHOULDER: (100, 250), RIGHT_ELBOW: (300, 250)})
    made.z_m[0, RIGHT_SHOULDER], made.z_m[0, RIGHT_ELBOW] = 10.0, 1.0
    # In the middle the arm is 1 / ((1 / 10 + 1 / 1) / 2) = 1.8 m away, not 5.5 m.
    for depth_m, colour in ((2.5, ARM), (1.2, NOTHING)):
        made.instance[:, 170:230], made.depth_m[:, 170:230] = 2, depth_m
        assert _colour(made.picture(), (200, 250)) == colour


def test_arguments_are_not_written_to():
    made = Made(2).put(FACING_US).put(_hand(100.0), 1)
    before = [a.copy() for a in (made.uv, made.code, made.depth_m, made.instance)]
    first = made.picture()
    assert (first == made.picture()).all()
    for old, new in zip(before, (made.uv, made.code, made.depth_m, made.instance), strict=True):
        np.testing.assert_array_equal(old, new)


def test_every_joint_belongs_to_one_part():
    body = [joint for joint in skeletons._BODY if joint is not None]
    assert body == list(OPENPOSE_COLOURS)
