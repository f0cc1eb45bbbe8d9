"""Control pictures say what the ground truth says, in each ControlNet's own colours."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from diffusion_pictures import passes_of, people_picture

from pipeline.config_diffusion import CONTROLS, DiffusionSection
from pipeline.conventions import intrinsics, pixel_centres, unproject
from pipeline.diffusion import controls, edges
from pipeline.diffusion.segmentation import ADE20K, seg
from pipeline.errors import GenbError
from pipeline.scene import CameraSpec, PlaceSpec
from pipeline.truth.schema import JOINT_COUNT

# --- the registry -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hed_folder(tmp_path_factory):
    """A folder with HED weights that see one thing: brightness growing from left to right."""
    import torch
    from controlnet_aux.hed import ControlNetHED_Apache2

    network = ControlNetHED_Apache2()
    weights = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    growing = torch.tensor([-1.0, 0.0, 1.0])
    weights["block1.convs.0.weight"][0, :, 1] = growing
    weights["block1.convs.1.weight"][0, 0, 1, 1] = 1.0
    weights["block1.projection.weight"][0, 0] = 0.5
    weights["block1.projection.bias"][:] = -20.0
    folder = tmp_path_factory.mktemp("annotators")
    torch.save(weights, folder / edges.HED_WEIGHTS)
    return folder


def _frame():
    """Image, passes, labels and scene of two people in a field."""
    image, part, instance = people_picture(size=128)
    rng = np.random.default_rng(0)
    labels = {
        "joints_2d": rng.uniform(5, 120, (2, JOINT_COUNT, 2)).astype(np.float32),
        "joints_cam": rng.uniform(2, 4, (2, JOINT_COUNT, 3)).astype(np.float32),
        "joints_code": rng.integers(0, 6, (2, JOINT_COUNT)).astype(np.uint8),
    }
    return image, passes_of(part, instance), labels, _scene(PlaceSpec(kind="field"), 128, 128)


def test_every_control_of_the_configuration_has_a_picture():
    assert set(controls.CONTROL_PICTURES) == set(CONTROLS)


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_is_a_picture_and_changes_nothing(name, hed_folder):
    first, second = (
        (given, controls.control_pictures([name], *given, 0, str(hed_folder))[name])
        for given in (_frame(), _frame())
    )
    (image, passes, labels, _), picture = first
    assert picture.shape == image.shape and picture.dtype == np.uint8
    assert picture.any() and (picture == second[1]).all()
    untouched_image, untouched_passes, untouched_labels, _ = _frame()
    np.testing.assert_array_equal(image, untouched_image)
    for field in ("depth", "normal", "instance"):
        np.testing.assert_array_equal(getattr(passes, field), getattr(untouched_passes, field))
    for field, array in labels.items():
        np.testing.assert_array_equal(array, untouched_labels[field])


def test_each_control_is_made_once_and_only_if_asked_for():
    image, passes, labels, _ = _frame()
    assert controls.control_pictures([], image, None, None, None, 0) == {}
    made = controls.control_pictures(["depth", "depth"], image, passes, labels, None, 0)
    assert list(made) == ["depth"]


# --- depth --------------------------------------------------------------------------------------


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


def test_zoe_depth_is_linear_in_metres_between_its_percentiles():
    # 1001 depths in equal steps from 2 to 5 m: the percentiles are 2.06 and 4.55 m.
    depth_m = np.linspace(2, 5, 1001, dtype=np.float32).reshape(13, 77)
    grey = controls.depth_zoe(depth_m)[..., 0].astype(int)
    expected = np.clip((4.55 - depth_m) / (4.55 - 2.06), 0, 1) * 255
    # Truncated, from 32-bit depths: never above, and less than a level and rounding below.
    assert (grey <= expected + 0.01).all() and (grey > expected - 1.01).all()
    assert grey[0, 0] == 255 and grey[-1, -1] == 0 and (np.diff(grey.ravel()) <= 0).all()


def test_zoe_depth_of_the_sky_is_black_and_does_not_stretch_the_rest():
    depth_m = np.linspace(2, 5, 1000, dtype=np.float32).reshape(20, 50)
    with_sky = np.concatenate([np.full((60, 50), np.inf, np.float32), depth_m])
    picture = controls.depth_zoe(with_sky)
    assert (picture[:60] == 0).all()
    np.testing.assert_array_equal(picture[60:], controls.depth_zoe(depth_m))
    before_a_wall = np.where(np.isfinite(with_sky), np.float32(3), with_sky)
    assert not controls.depth_zoe(before_a_wall)[:60].any()
    assert (controls.depth_zoe(before_a_wall)[60:] == 255).all()


def test_depth_of_nothing_is_black():
    nothing = np.full((4, 5), np.inf, np.float32)
    assert not controls.depth(nothing).any() and not controls.depth_zoe(nothing).any()


# --- normals ------------------------------------------------------------------------------------


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


# --- edges --------------------------------------------------------------------------------------

SHAPES = [(64, 128), (72, 100), (200, 90)]


def _step(shape) -> np.ndarray:
    image = np.zeros((*shape, 3), np.uint8)
    image[20:, 30:] = 255
    return image


@pytest.mark.parametrize("shape", SHAPES)
def test_canny_is_at_native_resolution(shape):
    image = _step(shape)
    picture = controls.canny(image)
    assert picture.shape == image.shape and set(np.unique(picture)) == {0, 255}
    expected = cv2.Canny(np.pad(image, ((0, 64), (0, 64), (0, 0)), mode="edge"), 100, 200)
    assert (picture[..., 0] == expected[: shape[0], : shape[1]]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_softedge_runs_the_network_at_native_resolution(shape, hed_folder):
    picture = edges.softedge(_step(shape), str(hed_folder))
    # The step is seen from the columns on both sides of it, with the sigmoid of the mean of five
    # scales: (0.5 * 3 * 255 - 20) / 5 saturates, (0 - 20) / 5 = -4 is the rest of the picture.
    expected = np.full(shape, int(255 / (1 + np.exp(4))))
    expected[20:, 29:31] = 254
    assert np.abs(picture.astype(int) - expected[..., None]).max() <= 1


def test_softedge_without_weights_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    command = "hf download lllyasviel/Annotators ControlNetHED.pth"
    for annotators in ("lllyasviel/Annotators", str(tmp_path)):
        with pytest.raises(GenbError, match=command):
            edges.softedge(_step((64, 64)), annotators)
    with pytest.raises(GenbError, match="does not exist"):
        edges.softedge(_step((64, 64)), str(tmp_path / "nowhere"))


def test_softedge_weights_come_from_the_hub_cache(hed_folder, monkeypatch):
    cached = str(hed_folder / edges.HED_WEIGHTS)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: cached)
    assert edges.hed_weights("lllyasviel/Annotators") == hed_folder / edges.HED_WEIGHTS


def test_softedge_weights_may_not_run_code(tmp_path):
    import torch

    class Code:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    torch.save({"norm": Code()}, tmp_path / edges.HED_WEIGHTS)
    with pytest.raises(GenbError, match="does not hold the weights"):
        edges.softedge(_step((64, 64)), str(tmp_path))
    assert not (tmp_path / "ran").exists()


def _section(control: str, **options) -> DiffusionSection:
    return DiffusionSection(controlnets=[{"control": control, "model": "a/b"}], **options)


def test_missing_annotators_are_a_fault_only_when_a_control_needs_them(tmp_path, hed_folder):
    controls.check_annotators(_section("canny", annotators=str(tmp_path)))
    controls.check_annotators(_section("softedge", annotators=str(hed_folder)))
    downloaded = _section("softedge", annotators="some/where", local_files_only=False)
    controls.check_annotators(downloaded)
    with pytest.raises(GenbError, match=r"ControlNetHED\.pth"):
        controls.check_annotators(_section("softedge", annotators=str(tmp_path)))


# --- classes ------------------------------------------------------------------------------------


def test_class_colours_are_ade20ks():
    from controlnet_aux.util import ade_palette

    # The order of the classes is ADE20K's (objectInfo150), counted from 0.
    numbers = {"wall": 0, "building": 1, "sky": 2, "floor": 3, "tree": 4, "ceiling": 5}
    numbers |= {"windowpane": 8, "grass": 9, "sidewalk": 11, "person": 12, "earth": 13}
    palette = ade_palette()
    assert {name: tuple(palette[number]) for name, number in numbers.items()} == ADE20K


def _scene(place: PlaceSpec, width: int = 96, height: int = 72, **view):
    """What seg reads of a scene: a camera that is not level nor along an axis, and the place."""
    look = {"eye_m": (0.6, -2.1, 1.4), "target_m": (0.0, 0.5, 1.1), "roll_deg": 4.0} | view
    camera = CameraSpec(width=width, height=height, vfov_deg=75.0, **look)
    return SimpleNamespace(camera_at=lambda frame: camera, place=place)


def _cast(scene, planes: list[tuple], people=None):
    """Depth, normals and index (H, W) of the nearest of planes (normal, offset): n x = offset in
    the world, seen through the pixel centres; -1 = none. Planes face the camera."""
    camera = scene.camera_at(0)
    K, T = camera.K(), camera.T_cam_world()
    uv = pixel_centres(camera.width, camera.height)
    rays_cam = np.concatenate([uv, np.ones((*uv.shape[:2], 1))], -1) @ np.linalg.inv(K).T
    rays = rays_cam @ T[:3, :3]
    eye = np.array(camera.eye_m)
    depth_m = np.full(uv.shape[:2], np.inf)
    number = np.full(uv.shape[:2], -1)
    normal = np.zeros_like(rays)
    for k, (n, offset) in enumerate(planes):
        n = np.array(n, float)
        along = (offset - n @ eye) / (rays @ n)
        nearer = (along > 0) & (along < depth_m)
        depth_m[nearer], number[nearer] = along[nearer], k
        normal[nearer] = T[:3, :3] @ (n * np.sign(n @ eye - offset))
    return depth_m.astype(np.float32), normal.astype(np.float16), number


def _picture(scene, depth_m, normal, image=None, instance=None) -> np.ndarray:
    nobody = np.zeros(depth_m.shape, np.uint16)
    grey = np.full((*depth_m.shape, 3), 120, np.uint8)
    return seg(
        grey if image is None else image,
        depth_m,
        normal,
        nobody if instance is None else instance,
        scene,
        0,
    )


def _shares(picture: np.ndarray, mask: np.ndarray, name: str) -> float:
    return (picture[mask] == ADE20K[name]).all(axis=-1).mean()


@pytest.mark.parametrize(("colour", "name"), [((147, 150, 96), "grass"), ((129, 124, 90), "earth")])
def test_field_is_ground_trees_and_sky(colour, name):
    scene = _scene(PlaceSpec(kind="field", x_m=3.0, y_m=-2.0))
    # Ground, and woods 80 m away in the direction of the view.
    depth_m, normal, number = _cast(scene, [((0, 0, 1), 0.0), ((0, 1, 0), 80.0)])
    crowns = (number == 1) & (np.arange(72)[:, None] < 25)
    depth_m[crowns], normal[crowns], number[crowns] = np.inf, 0, -1
    image = np.broadcast_to(np.uint8(colour), (72, 96, 3))
    picture = _picture(scene, depth_m, normal, image)
    for k, wanted in ((0, name), (1, "tree"), (-1, "sky")):
        assert (number == k).mean() > 0.05
        assert _shares(picture, number == k, wanted) == 1


def test_what_stands_in_a_field_is_unknown_and_people_are_people():
    scene = _scene(PlaceSpec(kind="field"))
    depth_m, normal, number = _cast(scene, [((0, 0, 1), 0.0), ((0, 1, 0), 20.0)])
    instance = np.zeros(depth_m.shape, np.uint16)
    instance[20:60, 30:40], instance[20:60, 50:60] = 1, 2
    picture = _picture(scene, depth_m, normal, instance=instance)
    assert (picture[instance > 0] == (150, 5, 61)).all()
    assert not picture[(number == 1) & (instance == 0)].any()


def test_plaza_is_pavement_buildings_and_sky():
    scene = _scene(PlaceSpec(kind="plaza", size_m=(20.0, 20.0, 0.0)))
    depth_m, normal, number = _cast(scene, [((0, 0, 1), 0.0), ((0, 1, 0), 10.0)])
    above = (number == 1) & (np.arange(72)[:, None] < 15)
    depth_m[above], normal[above], number[above] = np.inf, 0, -1
    picture = _picture(scene, depth_m, normal)
    for k, wanted in ((0, "sidewalk"), (1, "building"), (-1, "sky")):
        assert (number == k).mean() > 0.05
        assert _shares(picture, number == k, wanted) == 1


def test_room_is_floor_walls_ceiling_and_windows():
    yaw_deg, size_m = 30.0, (6.0, 7.0, 2.6)
    place = PlaceSpec(kind="room", size_m=size_m, yaw_deg=yaw_deg, x_m=0.3, y_m=0.4)
    scene = _scene(place)
    turn = np.radians(yaw_deg)
    across = np.array([np.cos(turn), np.sin(turn), 0])
    ahead = np.array([-np.sin(turn), np.cos(turn), 0])
    middle = np.array([0.3, 0.4, 0])
    walls = [
        (axis, axis @ middle + side * size / 2)
        for axis, size in ((across, 6.0), (ahead, 7.0))
        for side in (-1, 1)
    ]
    # From inside a box, the nearest plane before one is its face. A cupboard stands at the far
    # wall, which also has a window.
    cupboard = (ahead, ahead @ middle + 3.1)
    depth_m, normal, number = _cast(scene, [((0, 0, 1), 0.0), ((0, 0, 1), 2.6), *walls])
    near, facing, _ = _cast(scene, [cupboard])
    stands = (number == 5) & (np.arange(96) > 40)
    depth_m[stands], normal[stands], number[stands] = near[stands], facing[stands], 6
    window = (number == 5) & (np.arange(96) < 30)
    depth_m[window], normal[window], number[window] = np.inf, 0, -1
    picture = _picture(scene, depth_m, normal)
    for where, wanted in (
        (number == 0, "floor"),
        (number == 1, "ceiling"),
        ((number >= 2) & (number <= 5), "wall"),
        (number == -1, "windowpane"),
    ):
        assert where.mean() > 0.01
        assert _shares(picture, where, wanted) == 1
    assert stands.mean() > 0.01 and not picture[stands].any()


@pytest.mark.parametrize("kind", ["panorama", "file"])
def test_of_a_panorama_or_a_file_only_the_people_are_known(kind):
    scene = _scene(PlaceSpec(kind=kind))
    depth_m, normal, _ = _cast(scene, [((0, 0, 1), 0.0)])
    assert not _picture(scene, depth_m, normal).any()


def test_classes_follow_the_frames_own_camera():
    scene = _scene(PlaceSpec(kind="plaza", size_m=(20.0, 20.0, 0.0)))
    depth_m, normal, number = _cast(scene, [((0, 0, 1), 0.0)])
    lower = _scene(scene.place, eye_m=(0.6, -2.1, 0.9), target_m=(0.0, 0.5, 0.6))
    frames = SimpleNamespace(
        camera_at=lambda frame: (lower, scene)[frame].camera_at(0), place=scene.place
    )
    grey = np.full((*depth_m.shape, 3), 120, np.uint8)
    nobody = np.zeros(depth_m.shape, np.uint16)
    wrong, right = (seg(grey, depth_m, normal, nobody, frames, k) for k in (0, 1))
    assert _shares(right, number == 0, "sidewalk") == 1
    assert _shares(wrong, number == 0, "sidewalk") == 0
