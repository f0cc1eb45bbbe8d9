"""What a sweep tries, the rule that recommends a level, and the curves that show it."""

import re

import pytest

from pipeline.config import DiffusionSection, load_config
from pipeline.diffusion.noise import levels_by_region
from pipeline.report.curves import Curve, curves
from pipeline.sweep.choice import choose
from pipeline.sweep.grid import settings_toml, spread_levels, varied
from pipeline.sweep.table import COLUMNS, sweep_table, wilson


def _lines(strategy: str, figures: list[tuple], people: int = 60) -> list[dict]:
    """Table lines of made-up rows. figures: (level, lost, drift px, change) each."""
    rows = []
    for level, lost, drift_px, change in figures:
        for person in range(people):
            known = {"strategy": strategy, "level": level, "person": person, "seed": 0}
            rows.append(
                {
                    **dict.fromkeys(COLUMNS, 0),
                    **known,
                    "pixels": 500,
                    "mean_px": drift_px,
                    "change": change,
                    "kept": person >= lost,
                }
            )
    return sweep_table(rows)


def test_the_highest_level_before_the_first_unsafe_one_is_recommended():
    # Wilson: 59 of 60 leave 0.911, 58 of 60 leave 0.886.
    table = _lines("global", [(0, 0, 0, 0), (2, 0, 0.3, 0.1), (4, 2, 0.4, 0.3), (6, 0, 0.4, 0.4)])
    table += _lines("graded", [(0, 0, 0, 0), (2, 0, 0.2, 0.08), (4, 1, 0.5, 0.2), (6, 0, 1.1, 0.3)])
    choice = choose(table, keep=0.9, max_px=2.0)
    assert (choice.strategy, choice.level) == ("graded", 4)
    assert "59 of 60" in choice.reason and "1.10 px" in choice.reason
    reaches = {reach.strategy: (reach.level, reach.next_level) for reach in choice.reaches}
    assert reaches == {"global": (2, 4), "graded": (4, 6)}
    assert choose(table, keep=0.88, max_px=2.0).strategy == "global"
    assert choose(table, keep=0.88, max_px=2.0).level == 6
    assert choose(table, keep=0.9, max_px=0.8).level == 2


def test_if_nothing_survives_level_0_is_recommended():
    table = _lines("global", [(0, 0, 0, 0), (2, 30, 0.3, 0.1)])
    table += _lines("regional", [(0, 0, 0, 0), (2, 0, None, 0.1)])
    choice = choose(table, keep=0.9, max_px=2.0)
    assert (choice.strategy, choice.level) == ("", 0)
    assert "30 of 60" in choice.reason and "could not be measured" in choice.reason


def test_too_few_people_are_said_to_be_too_few():
    choice = choose(_lines("global", [(2, 0, 0.1, 0.1)], people=34), keep=0.9, max_px=2.0)
    assert (
        choice.level == 0
        and "34 painted people are too few" in choice.reason
        and "--scenes" in choice.reason
    )
    assert choose(_lines("global", [(2, 0, 0.1, 0.1)], people=35), 0.9, 2.0).level == 2


def test_people_too_small_to_judge_are_not_counted():
    rows = [{**dict.fromkeys(COLUMNS, 0), "pixels": n, "kept": True} for n in (49, 50)]
    assert sweep_table(rows)[0]["people"] == 1
    assert wilson(0, 0) == (0, 1)


def test_strategies_differ_in_one_thing_each():
    section = DiffusionSection(steps=20, denoise_steps=0)
    by_region = {name: varied(section, name, 10) for name in ("regional", "graded", "schedule")}
    for one in by_region.values():
        assert levels_by_region(one) | {"face": 0, "hands": 0} == levels_by_region(
            varied(section, "global", 10)
        ) | {"face": 0, "hands": 0}
        assert (one.noise.face, one.noise.hands) == (5, 4)
    outlines = [(o.noise.silhouette_band, o.noise.silhouette_band_px) for o in by_region.values()]
    assert outlines == [(6, 6), (0, 16), (6, 6)]
    alone = varied(section, "background", 10)
    assert levels_by_region(alone) == dict.fromkeys(levels_by_region(alone), 0) | {"background": 10}
    assert alone.noise.silhouette_band == -1


def test_a_configurations_own_levels_keep_their_proportion():
    noise = {"face": 2, "hands": 0, "silhouette_band": 4}
    section = DiffusionSection(steps=20, denoise_steps=8, noise=noise)
    own = varied(section, "regional", 16).noise
    assert (own.face, own.hands, own.silhouette_band) == (4, 0, 8)
    graded = varied(section, "graded", 16).noise
    assert (graded.face, graded.silhouette_band, graded.silhouette_band_px) == (4, 0, 16)
    ramp = {"strategy": "graded", "silhouette_band": 2, "silhouette_band_px": 30}
    section = DiffusionSection(steps=20, denoise_steps=8, noise=ramp)
    graded, band = varied(section, "graded", 16).noise, varied(section, "regional", 10).noise
    assert (graded.silhouette_band, graded.silhouette_band_px) == (4, 30)
    assert (band.silhouette_band, band.silhouette_band_px) == (6, 6)


def test_the_recommended_lines_are_the_swept_settings(tmp_path):
    section = varied(DiffusionSection(steps=20), "graded", 9)
    (tmp_path / "c.toml").write_text(settings_toml(section))
    loaded = load_config(str(tmp_path / "c.toml")).diffusion
    assert loaded.noise == section.noise and loaded.denoise_steps == 9


def test_levels_are_spread_from_0_to_all_steps():
    assert spread_levels(20) == [0, 3, 6, 9, 11, 14, 17, 20]
    assert spread_levels(4) == [0, 1, 2, 3, 4]


def test_curves_put_points_where_they_belong():
    svg = curves("t", [Curve("a", [(0, 0), (5, 1), (10, 2)])], "x", "y", limit=(1.0, "here"))
    dots = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]
    (x0, y0), (x1, y1), (x2, y2) = dots
    assert x1 == pytest.approx((x0 + x2) / 2) and y1 == pytest.approx((y0 + y2) / 2)
    assert x2 > x0 and y2 < y0
    assert f'M{x0:.1f} {y1:.1f}h{x2 - x0:.0f}" stroke="currentColor"' in svg
    assert ">10</text>" in svg and ">2</text>" in svg
    cut = curves(
        "t", [Curve("a", [(0, 3), (4, 50), (5, float("inf"))])], "x", "y", (6, "z"), (None, 4)
    )
    assert ">4</text>" in cut and ">5</text>" in cut and ">z</text>" not in cut
    assert "inf" not in re.sub("<title>.*?</title>", "", cut)
