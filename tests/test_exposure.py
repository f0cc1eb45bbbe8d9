"""Black, blown-out and normal pictures, and what becomes of their scenes."""

import numpy as np
import pytest
from made_scenes import made_dataset
from PIL import Image

from pipeline.config import ExposureSection
from pipeline.errors import SceneRejected
from pipeline.scene import frame_name
from pipeline.storage import read_json
from pipeline.truth.exposure import exposure_faults, exposure_figures
from pipeline.truth.frame import label_scene


def picture(background: int, people: int):
    """A square with people in the middle quarter."""
    rgb = np.full((40, 40, 3), background, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    rgb[mask] = people
    return rgb, mask


def test_figures_are_shares_and_luma_of_the_finished_picture():
    rgb, mask = picture(0, 51)
    rgb[10:15, 10:30] = 255
    figures = exposure_figures(rgb, mask)
    assert figures["black_share"] == 0.75 and figures["white_share"] == 100 / 1600
    assert figures["people_luma"] == pytest.approx(0.2) and figures["people_clipped"] == 0.25
    green = np.zeros((4, 4, 3), np.uint8)
    green[..., 1] = 255
    nobody = np.zeros((4, 4), bool)
    assert exposure_figures(green, nobody)["people_luma"] == pytest.approx(0.7152)


@pytest.mark.parametrize(
    ("background", "people", "faults"),
    [
        (120, 90, []),
        (0, 90, []),
        (255, 90, ["white_share"]),
        (0, 2, ["black_share", "people_clipped", "people_luma"]),
        (200, 253, ["people_clipped", "people_luma"]),
        (120, 7, ["people_luma"]),
    ],
)
def test_what_a_photographer_would_throw_away_is_named(background, people, faults):
    found = exposure_faults(exposure_figures(*picture(background, people)), ExposureSection())
    assert sorted(fault.split()[0] for fault in found) == faults


def test_nan_does_not_pass():
    figures = dict.fromkeys(exposure_figures(*picture(9, 9)), float("nan"))
    assert len(exposure_faults(figures, ExposureSection())) == 5


def test_a_black_frame_rejects_its_scene_with_the_figure(body_dir, tmp_path):
    made = made_dataset(body_dir, tmp_path / "made")
    facts = read_json(made.plan.scene_dir("truth", 0) / "frame_0000.json")
    assert 0.1 < facts["exposure"]["people_luma"] < 0.9
    path = made.plan.scene_dir("render", 0) / f"{frame_name(0)}.png"
    Image.fromarray(np.zeros_like(np.asarray(Image.open(path)))).save(path)
    with pytest.raises(
        SceneRejected, match="frame 0 is badly exposed: people_luma 0 < 0.04; black_share 1 > 0.9"
    ):
        label_scene(made.plan, 0, tmp_path)
