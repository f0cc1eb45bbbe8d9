"""docs/cheat-sheet.md: its code blocks run, its numbers are theirs, and five programs agree."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.bedlam.unreal import UnrealPose, pose_of
from pipeline.body.frames import transform_root
from pipeline.conventions import look_at, project

PAGE = (Path(__file__).parent.parent / "docs" / "cheat-sheet.md").read_text()
WIDTH, HEIGHT = 1280, 720
ROUNDED = 5.1e-7
"""The page shows six decimals."""
EXACT = 1e-12
FLOAT32 = 2e-6
"""Blender keeps matrices in float32; coordinates are below 8."""


@pytest.fixture(scope="module")
def page():
    """Everything that the page's blocks define, run in order."""
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    return names


def rows() -> list[tuple[str, str]]:
    return re.findall(r"^\| `([^`]+)` \| ([-\d., ]+) \|$", PAGE, re.MULTILINE)


def test_the_page_has_its_tables():
    assert len(rows()) == 43


@pytest.mark.parametrize(("formula", "told"), rows())
def test_numbers_of_the_page_are_those_of_its_code(page, formula, told):
    value = np.atleast_1d(eval(formula, page))
    assert np.abs(value - [float(x) for x in told.split(",")]).max() < ROUNDED


def wrist(page) -> np.ndarray:
    return page["posed"](page["root"], page["transl"], page["wrist"])


def wrist_px(page) -> np.ndarray:
    return page["pixel"](page["R"] @ wrist(page) + page["t"])


def test_opencv_is_what_the_labels_use(page):
    T = look_at(page["eye"], page["target"], page["roll_deg"])
    assert np.abs(T[:3, :3] - page["R"]).max() < EXACT
    assert np.abs(T[:3, 3] - page["t"]).max() < EXACT
    root, transl = transform_root(
        page["R"], page["t"], page["root"].as_rotvec(), page["transl"], page["pelvis"]
    )
    assert np.abs(root - page["root_cam"].as_rotvec()).max() < EXACT
    assert np.abs(transl - page["transl_cam"]).max() < EXACT
    in_camera = page["posed"](page["root_cam"], page["transl_cam"], page["wrist"])
    assert np.abs(project(page["K"], in_camera) - wrist_px(page)).max() < 1e-9


def test_smplx_turns_about_the_pelvis_as_the_page_says(page, body_dir):
    from pipeline.body.model import load_body_model

    model = load_body_model(body_dir, "neutral", 10, evaluator="numpy")
    rest = model.rest_joints(np.zeros(10))
    pose = np.zeros((1, 165))
    pose[0, :3] = page["root"].as_rotvec()
    joints = model.evaluate(np.zeros(10), pose, page["transl"][None]).joints[0, :55]
    expected = page["root"].apply(rest - rest[0]) + rest[0] + page["transl"]
    assert np.abs(joints - expected).max() < FLOAT32


def test_opengl_is_pyrenders(page):
    from pipeline.opengl import pyrender_module

    K = page["K"]
    camera = pyrender_module().IntrinsicsCamera(
        K[0, 0], K[1, 1], K[0, 2], K[1, 2], znear=0.1, zfar=50.0
    )
    ours = page["opengl_projection"](WIDTH, HEIGHT, 0.1, 50.0)
    assert np.abs(camera.get_projection_matrix(WIDTH, HEIGHT) - ours).max() < EXACT
    point = np.linalg.inv(page["T_world_gl"]) @ [*wrist(page), 1.0]
    clip = ours @ point
    shown = page["gl_pixel"](clip[:2] / clip[3], WIDTH, HEIGHT)
    assert np.abs(shown - wrist_px(page)).max() < 1e-9
    of_body = page["posed"](page["root_gl"], page["transl_gl"], page["wrist"])
    assert np.abs(of_body - point[:3]).max() < EXACT


def test_blender_puts_the_wrist_where_the_page_says(page):
    bpy = pytest.importorskip("bpy")
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Matrix, Vector

    scene = bpy.data.scenes.new("cheat_sheet")
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    camera = bpy.data.objects.new("cheat_sheet", bpy.data.cameras.new("cheat_sheet"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.sensor_fit = "HORIZONTAL"
    camera.data.sensor_width, camera.data.lens = page["sensor_width_mm"], page["lens_mm"]
    camera.data.shift_x, camera.data.shift_y = page["shift_x"], page["shift_y"]
    camera.matrix_world = Matrix(page["T_world_gl"].tolist())
    camera.rotation_mode = "QUATERNION"
    camera.matrix_world = Matrix(page["T_world_gl"].tolist())
    scene.view_layers[0].update()
    seen = world_to_camera_view(scene, camera, Vector(wrist(page)))
    shown = [seen.x * WIDTH, (1 - seen.y) * HEIGHT]
    # float32 of a pixel coordinate below 1024, through a few products.
    assert np.abs(shown - wrist_px(page)).max() < 1e-3
    assert abs(seen.z - (page["R"] @ wrist(page) + page["t"])[2]) < FLOAT32
    angles = np.degrees([camera.data.angle_x])
    assert np.abs(angles - 2 * np.degrees(np.arctan(WIDTH / 2 / page["K"][0, 0]))).max() < 1e-4


def test_unreal_is_that_of_the_bedlam_files(page):
    axes = np.stack(
        [page["forward"], *(Rotation.from_rotvec(np.radians(8.0) * page["forward"]).apply(
            [-page["right"], -page["down"]]))], axis=1,
    )  # fmt: skip
    pose = pose_of(page["eye"], axes)
    assert np.abs(np.array([pose.x, pose.y, pose.z]) - page["unreal_point"](page["eye"])).max() < (
        1e-9
    )
    told = [page["yaw_deg"], page["pitch_deg"], page["roll_deg"]]
    assert np.abs(np.array([pose.yaw, pose.pitch, pose.roll]) - told).max() < 1e-9
    # And back: the pose's axes are the camera's.
    back = UnrealPose(*page["unreal_point"](page["eye"]), *told)
    assert np.abs(back.rotation - axes).max() < EXACT
    assert np.abs(-back.rotation[:, 1] - page["R"][0]).max() < EXACT
    assert np.abs(back.rotation[:, 0] - page["R"][2]).max() < EXACT


def test_bedlams_world_is_level_and_gives_the_same_camera_points(page):
    # Its world has gravity along +Y, and no yaw: the camera's view direction has no x there.
    assert np.abs(page["B"] @ [0, 0, -1] - [0, 1, 0]).max() < EXACT
    assert abs((page["B"] @ page["forward"])[0]) < EXACT
    here = page["R"] @ wrist(page) + page["t"]
    of_world = page["posed"](page["root_npz"], page["trans_world"], page["wrist"])
    assert np.abs(page["R_ext"] @ of_world + page["cam_ext_t"] - here).max() < EXACT
    of_camera = page["posed"](page["root_npz_cam"], page["trans_cam"], page["wrist"])
    assert np.abs(of_camera + page["cam_ext_t"] - here).max() < EXACT


def test_bedlam_formulas_from_unreal_numbers(page):
    """Section by section from the csv's numbers, as BEDLAM's own script does it."""
    turn, cv = page["turn"], lambda p: np.array([p[1], -p[2], p[0]]) / 100
    full = (
        turn("z", -page["roll_deg"]) @ turn("x", -page["pitch_deg"]) @ turn("y", -page["yaw_deg"])
    )
    point, eye = (page["unreal_point"](p) for p in (wrist(page), page["eye"]))
    assert np.abs(full @ (cv(point) - cv(eye)) - (page["R"] @ wrist(page) + page["t"])).max() < (
        EXACT
    )


def test_pytorch3d_by_its_own_definitions(page):
    """Screen coordinates of its NDC: the shorter side is -1..1, x to the left and y up."""
    view = wrist(page) @ page["R_p3d"] + page["T_p3d"]
    half = min(WIDTH, HEIGHT) / 2
    centre = np.array([WIDTH, HEIGHT]) / 2
    focal_ndc = np.diag(page["K"])[:2] / half
    point_ndc = -(page["K"][:2, 2] - centre) / half
    ndc = focal_ndc * view[:2] / view[2] + point_ndc
    assert np.abs(centre - half * ndc - wrist_px(page)).max() < 1e-9
    assert np.abs(page["pytorch3d_pixel"](view) - wrist_px(page)).max() < 1e-9
    of_body = page["posed"](page["root_p3d"], page["transl_p3d"], page["wrist"])
    assert np.abs(of_body - view).max() < EXACT


@pytest.mark.parametrize(
    ("block", "other"),
    [
        ("GL_FROM_CV = np.diag([1.0, -1.0, -1.0])", "GL_FROM_CV = np.diag([1.0, 1.0, -1.0])"),
        ("+ s * down", "- s * down"),
        ("return root.apply(point - pelvis) + pelvis", "return root.apply(point)"),
        ('R_ext = turn("z", -roll_deg)', 'R_ext = turn("z", roll_deg)'),
        ("np.diag([-1.0, -1.0, 1.0])", "np.diag([1.0, -1.0, 1.0])"),
    ],
)
def test_a_flipped_sign_changes_numbers_of_the_page(block, other):
    assert block in PAGE
    names: dict = {}
    wrong = 0
    try:
        for code in re.findall(r"```python\n(.*?)```", PAGE.replace(block, other), re.DOTALL):
            exec(code, names)
    except ValueError as error:  # scipy refuses a mirror as a rotation
        assert "left-handed" in str(error)
        return
    for formula, told in rows():
        value = np.atleast_1d(eval(formula, names))
        wrong += np.abs(value - [float(x) for x in told.split(",")]).max() > ROUNDED
    assert wrong
