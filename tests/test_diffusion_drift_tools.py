"""Drift as detectors and depth estimators see it, and what is said when they cannot be had."""

import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from diffusion_pictures import people_picture, shifted

from pipeline.config import DriftSection
from pipeline.diffusion.drift import Tools, check_tools, faults, load_tools, measure_drift
from pipeline.diffusion.drift.depth import depth_errors
from pipeline.diffusion.drift.keypoints import keypoint_drift
from pipeline.errors import GenbError

DOTS = '''
    """A classical detector: one person per hue, their points are dots in three brightnesses."""

    import cv2
    import numpy as np


    def detect(image):
        people = []
        for channel in range(3):
            others = np.delete(image, channel, axis=2).max(axis=2).astype(int)
            lead = image[..., channel] - others
            points = []
            for bright in (90, 150, 210):
                dot = (np.abs(lead.astype(int) - bright) < 25).astype(np.uint8)
                count, _, facts, centres = cv2.connectedComponentsWithStats(dot)
                sizes = facts[1:, cv2.CC_STAT_AREA]
                if count > 1 and sizes.max() > 12:
                    points.append([*centres[1 + sizes.argmax()], 0.9])
                else:
                    points.append([0, 0, 0.1])
            if max(p[2] for p in points) > 0.5:
                people.append(np.array(points))
        return people
'''


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Writes a module into a folder on sys.path; returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def _dotted(offsets: dict[int, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Grey picture with three dots of each person's hue, moved by their offset xy px; instances."""
    image = np.full((160, 240, 3), 30, np.uint8)
    instance = np.zeros((160, 240), np.uint16)
    for person, left in ((0, 20), (1, 100), (2, 180)):
        instance[20:140, left : left + 40] = person + 1
        if person not in offsets:
            continue
        dx, dy = offsets[person]
        for bright, y in zip((90, 150, 210), (40, 80, 120), strict=True):
            colour = [30, 30, 30]
            colour[person] = 30 + bright
            centre = (round((left + 20 + dx) * 16), round((y + dy) * 16))
            cv2.circle(image, centre, 5 * 16, colour, -1, cv2.LINE_4, 4)
    return image, instance


def test_keypoint_drift_is_what_the_detector_sees_move(plug_in):
    section = DriftSection(detector=f"{plug_in('dots_one', DOTS)}:detect", max_keypoint_px=2)
    render, instance = _dotted({0: (0, 0), 1: (0, 0), 2: (0, 0)})
    final, _ = _dotted({0: (0, 0), 1: (3, -4)})
    drift = measure_drift(render, final, instance, load_tools(section))
    still, moved, gone = drift.people
    assert still.keypoint_px == 0 and still.found_again
    # The dots are drawn without anti-aliasing: a whole shift moves their centroids by as much.
    assert moved.keypoint_px == pytest.approx(5, abs=0.01)
    assert gone.keypoint_px is None and gone.found_again is False
    only_keypoints = section.model_copy(update={"max_px": 1e6, "min_followed": 0})
    found = faults(drift, only_keypoints)
    assert found[2] == "person 2 is no longer found by the detector" or "lost" in found[2]
    assert 0 not in found


def test_someone_not_found_in_the_render_is_not_missed_in_the_final_image(plug_in):
    detector = load_tools(DriftSection(detector=f"{plug_in('dots_two', DOTS)}:detect")).detector
    render, instance = _dotted({0: (0, 0)})
    final, _ = _dotted({0: (0, 0), 1: (0, 0)})
    assert list(keypoint_drift(detector, render, final, instance)) == [0]


def test_detections_belong_to_those_they_cover_in_any_order():
    _, instance = _dotted({})
    left, right = (np.array([[x, 40, 1], [x, 120, 1], [x, 80, 0.1]], float) for x in (40, 120))
    stray = np.array([[40, 40, 1], [220, 5, 1], [235, 5, 1]], float)
    answers = iter([[stray, right, left], [left + [2, 0, 0], right]])
    found = keypoint_drift(lambda image: next(answers), instance, instance, instance)
    assert {person: points.shift_px for person, points in found.items()} == {0: 2, 1: 0}


def test_points_of_low_confidence_do_not_count():
    _, instance = _dotted({})
    before = np.array([[40, 40, 1], [40, 80, 1], [40, 120, 0.2]], float)
    after = np.array([[41, 40, 1], [90, 80, 0.29], [90, 120, 1]], float)
    # Half of the final's confident points lie on the person: just enough.
    answers = iter([[before], [after]])
    assert (
        keypoint_drift(lambda image: next(answers), instance, instance, instance)[0].shift_px == 1
    )


@pytest.mark.parametrize("answer", [[np.zeros((17, 2))], [np.zeros((2, 3)), np.zeros((3, 3))]])
def test_a_detector_that_breaks_its_contract_is_named(answer):
    image, _, instance = people_picture()
    with pytest.raises(GenbError, match=r"detector returned arrays of shape .*\(K, 3\)"):
        measure_drift(image, image, instance, Tools(detector=lambda image: answer))


# --- what cannot be loaded --------------------------------------------------------------------


def test_nothing_configured_needs_nothing():
    check_tools(DriftSection(), True)
    assert load_tools(DriftSection()) == Tools()


def test_every_missing_tool_is_listed(plug_in, tmp_path):
    section = DriftSection(detector="no_such_module_xyz:detect", depth_model=str(tmp_path / "no"))
    for look in (check_tools, load_tools):
        with pytest.raises(GenbError) as error:
            look(section, True)
        assert "no module 'no_such_module_xyz'" in str(error.value)
        assert f"folder {tmp_path / 'no'} does not exist" in str(error.value)


def test_a_detector_without_the_function_is_named(plug_in):
    name = plug_in("dots_three", DOTS)
    with pytest.raises(GenbError, match=f"{name}.py has no function 'find'"):
        check_tools(DriftSection(detector=f"{name}:find"), True)


def test_a_detector_that_breaks_on_import_is_named(plug_in):
    name = plug_in("broken_detector", "def detect(image): ...\nraise KeyError('weights')")
    section = DriftSection(detector=f"{name}:detect")
    check_tools(section, True)
    with pytest.raises(GenbError, match="importing 'broken_detector' failed with KeyError"):
        load_tools(section)


def test_a_detectors_own_check_is_asked(plug_in):
    source = """
        from pipeline.errors import GenbError

        def check():
            raise GenbError("fetch the weights")

        def detect(image): ...
    """
    with pytest.raises(GenbError, match="fetch the weights"):
        check_tools(DriftSection(detector=f"{plug_in('checked', source)}:detect"), True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([], "holds no config.json"),
        (["config.json"], "holds no preprocessor_config.json"),
        (["config.json", "preprocessor_config.json", "pytorch_model.bin"], "no .safetensors"),
    ],
)
def test_an_unusable_depth_folder_says_what_it_lacks(tmp_path, files, reason):
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(GenbError, match=reason):
        check_tools(DriftSection(depth_model=str(tmp_path)), True)


def test_a_hub_id_that_is_not_cached_is_only_allowed_online():
    section = DriftSection(depth_model="nobody/no-such-depth-model")
    with pytest.raises(GenbError, match="hf download nobody/no-such-depth-model"):
        check_tools(section, True)
    check_tools(section, False)


def test_checking_imports_neither_torch_nor_transformers(plug_in, tmp_path):
    name = plug_in("heavy_detector", "import torch\ndef detect(image): ...")
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from pipeline.config import DriftSection
        from pipeline.diffusion.drift import check_tools
        from pipeline.errors import GenbError
        check_tools(DriftSection(detector="{name}:detect"), True)
        for section in (
            DriftSection(depth_model={str(tmp_path)!r}),
            DriftSection(depth_model="nobody/no-such-depth-model"),
            DriftSection(detector="pipeline.diffusion.drift.torchvision_keypoints:detect"),
        ):
            try:
                check_tools(section, True)
            except GenbError:
                pass
        print(sorted({{"torch", "transformers"}} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- the adapters that ship with the pipeline -------------------------------------------------

ADAPTER = "pipeline.diffusion.drift.torchvision_keypoints"


def test_the_torchvision_adapter_says_which_weights_to_fetch(monkeypatch, tmp_path):
    section = DriftSection(detector=f"{ADAPTER}:detect")
    monkeypatch.delenv("GENB_KEYPOINT_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "keypointrcnn_resnet50_fpn_coco-fc266e95.pth"
    with pytest.raises(GenbError) as error:
        check_tools(section, True)
    assert f"-o {cached} https://download.pytorch.org/models/" in str(error.value)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"")
    check_tools(section, True)


def test_the_torchvision_adapter_looks_where_torch_does(monkeypatch):
    import torch

    from pipeline.diffusion.drift import torchvision_keypoints

    monkeypatch.delenv("GENB_KEYPOINT_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", "/no/such/torch")
    with pytest.raises(GenbError, match=torch.hub.get_dir()):
        torchvision_keypoints.weights_file()
    from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights

    assert KeypointRCNN_ResNet50_FPN_Weights.DEFAULT.url == torchvision_keypoints.WEIGHTS_URL


def test_the_torchvision_adapter_runs_the_real_network(monkeypatch, tmp_path):
    import torch
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    torch.manual_seed(0)
    network = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    # Random weights are unsure of everything; this bias calls every box a person.
    network.roi_heads.box_predictor.cls_score.bias.data = torch.tensor([-9.0, 9.0])
    torch.save(network.state_dict(), tmp_path / "random.pth")
    monkeypatch.setenv("GENB_KEYPOINT_WEIGHTS", str(tmp_path / "random.pth"))
    tools = load_tools(DriftSection(detector=f"{ADAPTER}:detect"))
    image = people_picture(0, 96)[0]
    found = tools.detector(image)
    assert found and all(points.shape == (17, 3) for points in found)
    assert all((p[:, 2] >= 0).all() and (p[:, 2] <= 1).all() for p in found)
    # Keypoints lie within their boxes, which are clipped to the image of 96 px. Torchvision widens
    # boxes to whole pixels of its enlarged picture.
    assert all((p[:, :2] >= -1).all() and (p[:, :2] <= 97).all() for p in found)


def test_weights_of_something_else_are_refused(monkeypatch, tmp_path):
    import torch

    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.pth")
    monkeypatch.setenv("GENB_KEYPOINT_WEIGHTS", str(tmp_path / "other.pth"))
    detector = load_tools(DriftSection(detector=f"{ADAPTER}:detect")).detector
    with pytest.raises(GenbError, match="does not hold the weights"):
        detector(np.zeros((32, 32, 3), np.uint8))


@pytest.fixture(scope="module")
def depth_folder(tmp_path_factory):
    """A depth model of the real DPT architecture, tiny and random, as transformers writes it."""
    import torch
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        is_hybrid=False,
    )
    folder = tmp_path_factory.mktemp("depth")
    DPTForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_depth_of_the_same_picture_has_no_error_and_of_another_has(depth_folder):
    tools = load_tools(DriftSection(depth_model=str(depth_folder)))
    image, _, instance = people_picture(0)
    estimate = tools.depth(image)
    assert estimate.shape == image.shape[:2] and estimate.std() > 0
    same = measure_drift(image, image, instance, tools)
    # Least squares leaves rounding of double precision; reported with four decimals.
    assert [p.depth_error for p in same.people] == [0, 0]
    other = measure_drift(image, shifted(image, 25, 0), instance, tools)
    assert min(p.depth_error for p in other.people) > 0


def test_depth_error_ignores_scale_and_shift_and_finds_who_moved():
    instance = np.zeros((40, 60), np.uint16)
    instance[5:35, 5:20], instance[5:35, 40:55] = 1, 2
    before = np.linspace(2, 8, 60)[None] + np.zeros((40, 1))
    after = before.copy()
    after[instance == 2] *= 1.1
    answers = iter([before, 3 * before - 7, before, after])

    def depth(image):
        return next(answers)

    same = depth_errors(depth, instance, instance, instance)
    # Double precision.
    assert np.allclose(list(same.values()), 0, atol=1e-9)
    found = depth_errors(depth, instance, instance, instance)
    # The moved person, a fifth of the picture, pulls the fit a little its own way.
    assert found[0] < 0.04 < 0.05 < found[1] < 0.1


def test_broken_depth_weights_are_named(tmp_path):
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(GenbError, match="cannot be loaded"):
        load_tools(DriftSection(depth_model=str(tmp_path)))
