"""The report and the contact sheet show what is in the files."""

import re
from collections import Counter

import numpy as np
import pytest
from made_appearances import two_appearances
from made_scenes import made_dataset
from PIL import Image

from pipeline.errors import GenbError
from pipeline.report.charts import categories, histogram, scatter
from pipeline.report.contact_sheet import contact_sheet, write_contact_sheet
from pipeline.report.html import rebuild_report
from pipeline.report.overlays import (
    amodal_picture,
    depth_picture,
    draw_bodies,
    draw_points,
    flow_picture,
    instance_picture,
    part_picture,
    person_colour,
)
from pipeline.report.rerendering import noise_text, rerender_section
from pipeline.shards.index import read_index
from pipeline.shards.sample import UNMEASURED


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def page(made):
    return rebuild_report(made.plan.out).read_text()


def test_page_needs_nothing_from_elsewhere(page):
    assert "http" not in page and "<link" not in page and "@import" not in page
    assert not re.search(r"<script[^>]*src|url\(", page)


def test_report_is_made_anew_to_the_same_bytes(made):
    folder = made.plan.out / "report"
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    (folder / "stale").write_text("")
    rebuild_report(made.plan.out)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before
    assert not (folder / "stale").exists()


def test_page_tells_counts_rejections_and_audit(page):
    assert "3 images · 7 people · 2 shard(s) · 1 of 3 scenes rejected" in page
    assert "made up for the test" in page
    assert "min_silhouette_iou = 0.99" in page
    assert "<td>truth</td>" in page


def test_charts_count_every_person_once(made, page):
    rows = read_index(made.plan.out / "index.parquet")
    page = page[page.index('<section id="distributions">') :]
    for title, count in (("occlusion", len(rows)), ("people per image", 3), ("camera roll", 3)):
        chart = re.search(f"<figcaption>{title}</figcaption>.*?</figure>", page)[0]
        assert sum(int(n) for n in re.findall(r": (\d+)</title>", chart)) == count


LIMITS = {"max_px": 2.0, "max_change": 0.0, "on_drift": "person", "detector": ""}


def test_section_shows_every_person_whose_drift_is_known(made):
    rows = read_index(made.plan.out / "index.parquet")
    rows = [row | {"steps_run": 6, "steps_applied": 6, "drift_mean_px": 0.5} for row in rows]
    rows[1] |= {"drift_mean_px": UNMEASURED}
    page = rerender_section(rows, LIMITS)
    chart = re.search("<figcaption>drift per person against noise, in the.*?</figure>", page)[0]
    assert chart.count("<circle") == len(rows) - 1
    assert (
        "max_px = 2.0, on_drift = person" in page
        and "detector" not in page
        and "max_change" not in page
    )
    assert "flicker of people" in page
    still = [row | {"flicker_people": UNMEASURED} for row in rows]
    assert "flicker of people" not in rerender_section(still, LIMITS)


def test_repaired_people_stand_in_a_table_with_the_reason_once(made):
    rows = read_index(made.plan.out / "index.parquet")
    assert "<h3>Repaired people</h3><p>None.</p>" in rerender_section(rows, LIMITS)
    repair = {"decision": "render", "reason": "person 0 moved; person 1 <faded>", "attempts": 3}
    rows[0] |= repair | {"drift_decision": "render", "first_drift_mean_px": 4.25}
    rows[1] |= repair | {"drift_decision": "calmed", "first_drift_mean_px": UNMEASURED}
    rows[2] |= repair
    table = re.search("<h3>Repaired people.*", rerender_section(rows, LIMITS), re.DOTALL)[0]
    assert "1 render, 1 calmed of 7 people" in table
    assert table.count("person 1 &lt;faded&gt;") == 1 and "<faded>" not in table
    assert "<td>000000_0000</td><td>0</td><td>render</td><td>4.25</td>" in table
    assert "<td>000000_0000</td><td>1</td><td>calmed</td><td></td>" in table
    assert table.count("<td>000000_0000</td>") == 2


def test_pictures_are_grouped_by_their_noise_levels(made):
    rows = read_index(made.plan.out / "index.parquet")
    rows[-1] |= {"strategy": "graded", "level_face": 3}
    table = re.search("<table>.*?</table>", rerender_section(rows, LIMITS))[0]
    assert table.count("<tr>") == 3
    assert re.search("<td>graded</td><td>20</td><td>3</td>.*?<td>1</td>", table)


def test_noise_is_told_by_groups_of_regions():
    levels = {"face": 2, "hands": 2, "hair": 6, "skin": 6, "background": 6}
    told = {"steps_applied": 6, "strategy": "regional", "steps": 20, "silhouette_band": -1}
    text = noise_text(told | {"levels": levels})
    assert text == "regional noise of 20 steps: face, hands 2; others 6"
    same = noise_text(told | {"levels": dict.fromkeys(levels, 4), "silhouette_band": 1})
    assert same == "regional noise of 20 steps: everywhere 4; outlines 1"
    assert noise_text(told | {"levels": levels, "steps_applied": 0}) == "noise 0"


def test_cards_and_sheet_tell_the_appearances(made):
    plan = two_appearances(made.plan.body_dir, made.plan.out)
    page = (plan.out / "report" / "index.html").read_text()
    for appearance, key in enumerate(("000000_0001", "000000_0001_a1")):
        card = re.search(f'<article class="card" id="{key}".*?</article>', page, re.DOTALL)[0]
        assert f"appearance {appearance}, accepted · noise 0" in card
    sheet = contact_sheet(plan, 2, 0)
    height, width = made.passes[2][0].depth.shape
    final = Image.open(plan.scene_dir("rerender", 2) / "frame_0000_a1.png")
    tile = sheet[66 + 2 * height : 66 + 3 * height, :width]
    assert np.array_equal(tile, np.asarray(final))


def test_histogram_is_the_histogram():
    values = [0.0] * 5 + [1.0] * 2 + [10.0]
    chart = histogram("x", values, bins=10)
    counts = [int(n) for n in re.findall(r": (\d+)</title>", chart)]
    assert counts == np.histogram(values, 10)[0].tolist()
    assert "no data" in histogram("x", []) and "no data" in categories("x", [])


def test_categories_fold_the_rare_ones():
    chart = categories("x", ["a"] * 5 + ["b"] * 3 + ["c", "d"], most=2)
    assert [int(n) for n in re.findall(r">(\d+)</text>", chart)] == [5, 3, 2]
    assert "2 more" in chart and "<b>" not in categories("x", ["<b>"])


def test_scatter_puts_larger_values_higher():
    chart = scatter("x", [(1, 1), (2, 4)], "steps", "px")
    (x1, y1), (x2, y2) = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', chart)
    assert float(x1) < float(x2) and float(y1) > float(y2)


def test_report_without_dataset_says_so(tmp_path):
    with pytest.raises(GenbError, match="no finished dataset"):
        rebuild_report(tmp_path)


def test_contact_sheet_shows_the_passes_unchanged(made, tmp_path):
    write_contact_sheet(made.plan, 0, 1, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert np.array_equal(sheet, contact_sheet(made.plan, 0, 1))
    height, width = made.passes[0][1].depth.shape
    assert sheet.shape[1] == 5 * width
    tile = sheet[22 : 22 + height, 2 * width : 3 * width]
    assert np.array_equal(tile, depth_picture(made.passes[0][1].depth))
    tile = sheet[22 : 22 + height, 4 * width : 5 * width]
    assert np.array_equal(tile, instance_picture(made.passes[0][1].instance))
    tile = sheet[44 + height : 44 + 2 * height, width : 2 * width]
    assert np.array_equal(tile, amodal_picture(made.passes[0][1].amodal))


def test_flow_is_shown_where_there_is_one(made):
    """Frame 0 of two has a flow and a third row for it; the last frame has neither."""
    height, width = made.passes[0][0].depth.shape
    first, last = contact_sheet(made.plan, 0, 0), contact_sheet(made.plan, 0, 1)
    assert len(first) == len(last) + height + 22
    tile = first[66 + 2 * height : 66 + 3 * height, :width]
    assert np.array_equal(tile, flow_picture(made.passes[0][0].flow))


def test_flow_colours_tell_direction_and_what_is_unknown():
    flow = np.zeros((1, 4, 2), np.float32)
    flow[0, 0], flow[0, 1], flow[0, 2] = (3, 0), (-3, 0), np.inf
    right, left, unknown, still = flow_picture(flow)[0]
    assert right[0] == 255 and right[2] < 30 and left[0] < 30  # red and cyan
    assert (unknown == 90).all() and (still == 255).all()


def test_contact_sheet_of_a_rejected_scene_tells_why(made):
    with pytest.raises(GenbError, match="rejected at render: made up"):
        contact_sheet(made.plan, 1, 0)


def test_ids_become_distinct_colours():
    ids = np.arange(9)[None]
    assert Counter(map(tuple, instance_picture(ids)[0])).most_common(1)[0][1] == 1
    parts = np.arange(12, dtype=np.uint8)[None]
    assert len({tuple(c) for c in part_picture(parts)[0]}) == 12


def test_near_is_brighter_than_far_and_nothing_is_black():
    depth = np.array([[1.0, 3.0, np.inf]], np.float32)
    near, far, nothing = depth_picture(depth)[0].astype(int).sum(axis=1)
    assert near > far >= nothing == 0


def test_dot_sits_on_its_pixel():
    picture = draw_points(np.zeros((20, 30, 3), np.uint8), np.array([[[12.5, 7.5]]]))
    rows, columns = np.nonzero(picture.sum(axis=2))
    # OpenCV smooths the rim of its discs unevenly, by up to a sixth of a pixel.
    assert (rows.mean(), columns.mean()) == pytest.approx((7, 12), abs=0.2)


def test_bodies_are_drawn_nearest_first():
    depth = np.full((2, 8, 8), np.inf)
    depth[0, :, :5], depth[1, :, 3:] = 3.0, 2.0
    picture = draw_bodies(np.zeros((8, 8, 3), np.uint8), depth, np.diag([10.0, 10, 1]))
    ratio = picture[4, 4].astype(float) / person_colour(1)
    assert np.ptp(ratio) < 0.05 and picture[4, 1].argmax() == person_colour(0).argmax()
