"""Damage to the camera, the body parameters, the joints and the boxes of a sample."""

import numpy as np
from damage_cases import both, case, of_facts, of_labels, of_person
from scipy.spatial.transform import Rotation

from pipeline.conventions import fov_from_focal

LEFT_RIGHT = {16: 17, 17: 16, 18: 19, 19: 18, 20: 21, 21: 20}
"""Shoulders, elbows and wrists."""
LEFT_HAND, RIGHT_HAND = slice(75, 120), slice(120, 165)


def turned(rotvec: np.ndarray, axis: int, deg: float) -> np.ndarray:
    turn = np.zeros(3)
    turn[axis] = np.radians(deg)
    return (Rotation.from_rotvec(turn) * Rotation.from_rotvec(rotvec)).as_rotvec()


# Camera


@of_labels("principal point half a pixel off", r"person 0: K @ joints_cam is 0\.5 px")
def _(labels):
    labels["K"][0, 2] += 0.5


@case("focal length 0.5 % too long, told everywhere", r"person 0: K @ joints_cam is [0-9.]+ px")
def _(members):
    def told(facts):
        camera = facts["camera"]
        for row in (0, 1):
            camera["K"][row][row] *= 1.005
        for name in ("focal_px", "focal_mm"):
            camera[name] *= 1.005
        for name, side in (("hfov_deg", "width"), ("vfov_deg", "height")):
            camera[name] = fov_from_focal(camera["focal_px"], camera[side])

    def scale(labels):
        labels["K"][[0, 1], [0, 1]] *= 1.005

    both(scale, told)(members)


@case("camera rolled by 0.2 degrees, told everywhere", r"person 2: T_cam_world @ joints_world")
def _(members):
    roll = np.eye(4)
    roll[:3, :3] = Rotation.from_euler("z", -0.2, degrees=True).as_matrix()

    def turn(labels):
        labels["T_cam_world"] = roll @ labels["T_cam_world"]

    def told(facts):
        camera = facts["camera"]
        camera["T_cam_world"] = (roll @ np.array(camera["T_cam_world"])).tolist()
        camera["roll_deg"] += 0.2

    both(turn, told)(members)


@of_labels("world and camera exchanged", r"person 0: T_cam_world @ joints_world")
def _(labels):
    labels["T_cam_world"] = np.linalg.inv(labels["T_cam_world"])


@of_labels("camera's x axis mirrored", r"T_cam_world is not a rigid motion")
def _(labels):
    labels["T_cam_world"][0] *= -1


@of_labels("camera 1 cm to the right", r"T_cam_world in the JSON is not")
def _(labels):
    labels["T_cam_world"][0, 3] -= 0.01


for _name, _off in (
    *(("focal_mm", 0.2), ("focal_px", 1.0), ("hfov_deg", 0.1), ("vfov_deg", 0.1)),
    *(("pitch_deg", 0.1), ("roll_deg", 0.1), ("sensor_height_mm", 1.0)),
):

    @of_facts(f"{_name} in the JSON wrong", rf"{_name} in the JSON")
    def _(facts, name=_name, off=_off):
        facts["camera"][name] += off


@of_facts("eye_m in the JSON 1 cm too high", r"eye_m in the JSON does not belong")
def _(facts):
    facts["camera"]["eye_m"][2] += 0.01


@of_facts("K in the JSON is another", r"K in the JSON is not K in the npz")
def _(facts):
    facts["camera"]["K"][1][2] += 0.5


@of_facts("width and height exchanged", r"cg\.png is \(192, 224, 3\)")
def _(facts):
    camera = facts["camera"]
    camera["width"], camera["height"] = camera["height"], camera["width"]


# Body parameters


@of_labels("sign of a translation", r"person 1: its parameters .* put joint \d+ [0-9.]+ mm from")
def _(labels):
    labels["transl_cam"][1, 0] *= -1


@of_labels("a person 1 cm to the right, in both frames", r"person 2: its parameters .* put joint")
def _(labels):
    labels["transl_cam"][2, 0] += 0.01
    labels["transl_world"][2] += 0.01 * labels["T_cam_world"][0, :3]


@of_labels("transl_world 1 cm off", r"person 0: transl_cam and transl_world are 0\.01 m apart")
def _(labels):
    labels["transl_world"][0, 1] += 0.01


@of_labels("root of pose_cam 0.5 degrees off", r"person 1: the roots of .* are 0\.5 degrees apart")
def _(labels):
    labels["pose_cam"][1, :3] = turned(labels["pose_cam"][1, :3], 1, 0.5)


@of_labels("roots 0.5 degrees off, in both frames", r"person 1: its parameters .* put joint")
def _(labels):
    rotation = labels["T_cam_world"][:3, :3]
    root = turned(labels["pose_cam"][1, :3], 1, 0.5)
    labels["pose_cam"][1, :3] = root
    world = Rotation.from_matrix(rotation.T) * Rotation.from_rotvec(root)
    labels["pose_world"][1, :3] = world.as_rotvec()


@of_labels("parameters of world and camera exchanged", r"person 0: the roots of pose_cam")
def _(labels):
    for name in ("pose", "transl"):
        world, cam = f"{name}_world", f"{name}_cam"
        labels[world], labels[cam] = labels[cam], labels[world]


@of_labels("betas of two people exchanged", r"person 1: its parameters .* put joint")
def _(labels):
    labels["betas"][[0, 1]] = labels["betas"][[1, 0]]


@of_labels("sign of a shape coefficient", r"person 2: (stature_m|mass_kg|bmi) is")
def _(labels):
    labels["betas"][2, 1] *= -1


@of_labels("expression zeroed", r"person 0: its parameters .* put joint (7[6-9]|[89]\d|1\d\d) ")
def _(labels):
    labels["expression"][0] = 0


@of_labels("poses of the two hands exchanged", r"person 1: its parameters .* put joint")
def _(labels):
    for name in ("pose_world", "pose_cam"):
        pose = labels[name][1]
        pose[LEFT_HAND], pose[RIGHT_HAND] = pose[RIGHT_HAND].copy(), pose[LEFT_HAND].copy()


@of_labels("a finger bent in pose_cam only", r"person 0: pose_cam and pose_world differ")
def _(labels):
    labels["pose_cam"][0, 100] += 0.1


@of_labels("an elbow bent by 2 degrees", r"person 1: its parameters .* put joint")
def _(labels):
    for name in ("pose_world", "pose_cam"):
        labels[name][1, 3 * 18 + 1] += np.radians(2)


@of_person("another gender", r"person 1: gender is 'male'")
def _(person):
    person["gender"] = "male"


@of_person("a kid of a model that has none", r"person 1: kid_template is set")
def _(person):
    person["kid_template"] = True


# Joints and key-points


@of_labels("one joint half a pixel off", r"person 1: K @ joints_cam is 0\.5 px .* at joint 7\b")
def _(labels):
    labels["joints_2d"][1, 7, 0] += 0.5


@of_labels("left and right arms exchanged in all joints", r"person 2: its parameters .* put joint")
def _(labels):
    order = [LEFT_RIGHT.get(j, j) for j in range(127)]
    for name in ("joints_world", "joints_cam", "joints_2d", "joints_code", "joints_visible"):
        labels[name][2] = labels[name][2][order]


@of_labels("joints of two people exchanged", r"person 0: its parameters .* put joint")
def _(labels):
    for name in ("joints_world", "joints_cam", "joints_2d", "joints_code", "joints_visible"):
        labels[name][[0, 1]] = labels[name][[1, 0]]


@of_labels("one joint 5 mm nearer, in all frames", r"person 0: its parameters .* put joint 20 5 mm")
def _(labels):
    joint = labels["joints_cam"][0, 20]
    nearer = joint * (1 - 0.005 / np.linalg.norm(joint))
    rotation = labels["T_cam_world"][:3, :3]
    labels["joints_world"][0, 20] += (nearer - joint) @ rotation
    labels["joints_cam"][0, 20] = nearer


def _seen(labels, person: int) -> int:
    """A seen joint, to be told hidden."""
    return int(np.flatnonzero(labels["joints_code"][person] == 0)[0])


@of_labels(
    "a seen joint hidden by another person", r"person 2: joint \d+ is coded as hidden by a p"
)
def _(labels):
    joint = _seen(labels, 2)
    labels["joints_code"][2, joint], labels["joints_visible"][2, joint] = 4, False


@of_labels("a seen joint hidden by a thing", r"person 2: joints_code at \d+ is 5, worked out again")
def _(labels):
    joint = _seen(labels, 2)
    labels["joints_code"][2, joint], labels["joints_visible"][2, joint] = 5, False


@of_labels("a covered joint told bare", r"person 0: joint \d+ is coded covered or bare")
def _(labels):
    labels["joints_code"][0, np.flatnonzero(labels["joints_code"][0] == 1)[0]] = 0


@of_labels("a joint told outside the image", r"person 1: joint 9 inside the image is coded as out")
def _(labels):
    labels["joints_code"][1, 9], labels["joints_visible"][1, 9] = 2, False


@of_labels("flag of a seen joint lost", r"person 2: joints_visible does not follow")
def _(labels):
    labels["joints_visible"][2, _seen(labels, 2)] = False


@of_labels(
    "a key-point set with left and right exchanged", r"person 0: coco17_2d at 1 is not point"
)
def _(labels):
    order = [0, *(i for k in range(1, 17, 2) for i in (k + 1, k))]
    for kind in ("2d", "cam", "code"):
        labels[f"coco17_{kind}"] = labels[f"coco17_{kind}"][:, order]


@of_labels("code of one key-point", r"person 1: hmr44_code at 8 is not point 0")
def _(labels):
    labels["hmr44_code"][1, 8] ^= 1


@of_labels("top of the head 1 cm off", r"person 1: lsp14_cam at 13 is 10 mm off the body")
def _(labels):
    for name, at in (("lsp14", 13), ("h36m17", 10), ("hmr44", 38)):
        points = labels[f"{name}_cam"][1]
        points[at, 1] += 0.01
        uv = points[at].astype(float) @ labels["K"].T
        labels[f"{name}_2d"][1, at] = uv[:2] / uv[2]


@of_labels("dense points in another order", r"person 0: dense_437_index is not the set")
def _(labels):
    labels["dense_437_index"][200:] = labels["dense_437_index"][:199:-1].copy()


@of_labels("a dense point half a pixel off", r"person 2: dense_138_2d at 17 is 0\.5 px from")
def _(labels):
    labels["dense_138_2d"][2, 17, 1] += 0.5


@of_labels("code of a dense point", r"person 2: dense_437_code at \d+ is 4, worked out again 0")
def _(labels):
    labels["dense_437_code"][2, np.flatnonzero(labels["dense_437_code"][2] == 0)[5]] = 4


@of_labels("boxes of the two hands exchanged", r"person 0: box_hands is not the box of the left")
def _(labels):
    labels["box_hands"][0] = labels["box_hands"][0, ::-1]


# Boxes and shares


@of_labels("box of the mask one pixel wider", r"person 0: box_modal is not the mask's box")
def _(labels):
    labels["box_modal"][0, 2] += 1


@of_labels("box of the body shifted by two pixels", r"person 1: box_amodal is 2 px from that")
def _(labels):
    labels["box_amodal"][1, [0, 2]] += 2


@of_labels("area one pixel too large", r"person 1: mask_area_px is not the mask's area")
def _(labels):
    labels["mask_area_px"][1] += 1


def share_change(name: str, person: int, value: float):
    def told(facts):
        facts["people"][person][name] = float(np.float32(value))

    return both(lambda labels: labels[name].__setitem__(person, value), told)


case("occlusion wrong, told everywhere", r"person 1: occlusion is 0\.900, drawn again")(
    share_change("occlusion", 1, 0.9)
)
case("truncation wrong, told everywhere", r"person 0: truncation is 0\.200, drawn again 0\.000")(
    share_change("truncation", 0, 0.2)
)
