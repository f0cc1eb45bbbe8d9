"""The gallery shows what is in the files: every picture, point, box and layer; or says why not."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from made_scenes import (
    REASON,
    SCENES,
    made_dataset,
    make_plan,
    run_stages,
    write_rejection,
    write_upstream,
)
from PIL import Image

from pipeline.dataset import Dataset
from pipeline.report.bones import BONES, SMPLX, point_sets
from pipeline.report.html import rebuild_report
from pipeline.report.layers import LARGEST_PX, png_bytes, smaller
from pipeline.report.overlays import part_picture, person_colour
from pipeline.storage import read_json


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def page(made):
    return rebuild_report(made.plan.out).read_text()


class Page(HTMLParser):
    """What a check of links, pictures and labels needs of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.pictures, self.unlabelled = [], [], [], []
        self._labels = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.pictures += [(attrs["src"], attrs["alt"])] if tag == "img" else []
        self._labels += tag == "label"
        if tag in ("input", "select") and not self._labels:
            self.unlabelled.append(attrs["name"])

    def handle_endtag(self, tag):
        self._labels -= tag == "label"


def test_every_picture_and_link_leads_somewhere_and_every_picture_is_used(made, page):
    folder, parsed = made.plan.out / "report", Page(page)
    used = {src for src, _ in parsed.pictures}
    assert used == {f"images/{p.name}" for p in (folder / "images").iterdir()}
    # Final picture and seven layers of three samples; flow of the one frame that has a next one.
    assert len(used) == len(parsed.pictures) == 3 * 8 + 1
    assert all(alt for _, alt in parsed.pictures)
    assert len(set(parsed.ids)) == len(parsed.ids) and not parsed.unlabelled
    for link in parsed.links:
        assert link[1:] in parsed.ids if link.startswith("#") else (folder / link).is_file()


def cards(page: str) -> dict[str, str]:
    """Key -> HTML of its card."""
    return dict(re.findall(r'<article class="card" id="(\w+)"(.*?)</article>', page, re.DOTALL))


def test_points_of_a_card_are_those_of_its_labels(made, page):
    sets = json.loads(re.search(r'id="page-data">(.*?)</script>', page)[1])["sets"]
    for frame in Dataset(made.plan.out).frames(members=()):
        card = cards(page)[frame.key]
        data = json.loads(re.search(r'class="point-data">(.*?)</script>', card)[1])
        for name, flat in [*data["sets"].items(), ("dense_138", data["dense"])]:
            points = np.array(flat).reshape(len(frame.people), -1, 3)
            stored = "joints" if name == SMPLX else name
            # Rounded to tenths.
            assert np.abs(points[..., :2] - frame.labels[f"{stored}_2d"]).max() <= 0.0501
            assert np.array_equal(points[..., 2], frame.labels[f"{stored}_code"])
            if name in sets:
                assert points.shape[1] == len(sets[name]["names"]) == len(sets[name]["sizes"])
        assert data["vertices"] == frame.labels["dense_138_index"].tolist()


def test_boxes_of_a_card_are_those_of_its_labels(made, page):
    frame = next(Dataset(made.plan.out).frames(members=()))
    card = cards(page)[frame.key]
    for layer, label in (("boxes", "box_modal"), ("amodal-boxes", "box_amodal")):
        svg = re.search(f'<svg class="layer {layer}".*?</svg>', card)[0]
        found = re.findall(r'x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', svg)
        drawn = np.array(found, float)
        drawn[:, 2:] += drawn[:, :2]
        # Corners are rounded to tenths, each side once.
        assert np.abs(drawn - frame.labels[label]).max() <= 0.1001
    hands = re.search('<svg class="layer hand-boxes".*?</svg>', card)[0]
    seen = frame.labels["box_hands"].any(axis=-1)
    assert hands.count("<rect") == seen.sum()
    assert hands.count("hand box, left") == seen[:, 0].sum()


@pytest.mark.parametrize("name", list(BONES))
def test_bones_join_neighbours_of_one_side_and_reach_every_body_point(name):
    names = point_sets()[name].names
    for a, b in BONES[name]:
        sides = {names[i].split("_")[0] for i in (a, b)} & {"left", "right"}
        # Shoulders, hips and eyes are joined across the body.
        across = names[a].removeprefix("left_") == names[b].removeprefix("right_")
        mirrored = names[b].removeprefix("left_") == names[a].removeprefix("right_")
        assert len(sides) < 2 or across or mirrored, (names[a], names[b])
    reached = {i for bone in BONES[name] for i in bone}
    loose = {names[i] for i in range(len(names)) if i not in reached}
    assert loose <= {"jaw", "left_eye", "right_eye", "left_ear", "right_ear"}


def test_bones_have_the_lengths_of_a_body(made):
    """A point out of its place makes a bone too long: the longest of a body is the trunk's side."""
    frame = next(Dataset(made.plan.out).frames(members=()))
    for name, bones in BONES.items():
        label = "joints_cam" if name == SMPLX else f"{name}_cam"
        for points, person in zip(frame.labels[label], frame.people, strict=True):
            a, b = np.array(bones).T
            lengths = np.linalg.norm(points[a] - points[b], axis=1)
            # Shoulder to hip is three tenths of the stature (Drillis and Contini 1966: 0.288).
            assert lengths.max() < 0.36 * person["stature_m"], name
        swapped = points[np.r_[1 : len(points), 0]]
        assert np.linalg.norm(swapped[a] - swapped[b], axis=1).max() > lengths.max()


def layer(made, key: str, name: str) -> np.ndarray:
    picture = Image.open(made.plan.out / "report" / "images" / f"{key}.{name}.png")
    return np.asarray(picture.convert("RGBA"))


def test_layers_lie_on_their_pixels(made, page):
    key, passes = "000000_0000", made.passes[0][0]
    masks = layer(made, key, "masks")
    assert np.array_equal(masks[..., 3] > 0, passes.instance > 0)
    for k in range(3):
        assert (masks[passes.instance == k + 1, :3] == person_colour(k)).all()
    whole = passes.amodal.any(axis=0)
    assert np.array_equal(layer(made, key, "amodal")[..., 3] > 0, whole)
    assert np.array_equal(layer(made, key, "depth")[..., 3] > 0, np.isfinite(passes.depth))
    assert np.array_equal(layer(made, key, "parts")[..., 3] > 0, passes.part > 0)
    assert np.array_equal(
        layer(made, key, "parts")[..., :3][passes.part > 0],
        part_picture(passes.part)[passes.part > 0],
    )
    # OpenGL against the ray caster: they may differ where an edge passes through a pixel's centre.
    naked = passes.body_instance > 0
    assert (layer(made, key, "mesh")[..., 3] > 0)[naked].mean() > 0.995
    assert (layer(made, key, "mesh")[..., 3] > 0)[~naked & ~whole].mean() < 0.001


def test_hidden_parts_of_amodal_masks_are_hatched(made, page):
    """Person 0 stands behind the box."""
    key, passes = "000000_0000", made.passes[0][0]
    alpha, others = layer(made, key, "amodal")[..., 3], passes.amodal[1:].any(axis=0)
    parts = []
    for part in (passes.instance != 1, passes.instance == 1):
        mask = (passes.amodal[0] & part & ~others).astype(np.uint8)
        # The outline of the whole is a pixel wide.
        inside = cv2.erode(mask, np.ones((3, 3))) > 0
        assert inside.sum() > 30
        parts.append(set(alpha[inside].tolist()))
    hidden, seen = parts
    assert len(hidden) == 2 and len(seen) == 1 and seen < hidden


def test_png_keeps_every_visible_pixel():
    rng = np.random.default_rng(0)
    for colours in (3, 256, 2000):
        table = rng.integers(0, 256, (colours, 4), np.uint8)
        picture = table[rng.integers(0, colours, (40, 50))]
        back = np.asarray(Image.open(io.BytesIO(png_bytes(picture))).convert("RGBA"))
        assert np.array_equal(back[..., 3], picture[..., 3])
        seen = picture[..., 3] > 0
        assert np.array_equal(back[seen], picture[seen])


def test_large_pictures_are_shown_smaller_and_ids_are_never_blended():
    ids = np.zeros((900, 1536, 4), np.uint8)
    ids[:, 700:] = 255
    small = smaller(ids, nearest=True)
    assert small.shape == (450, LARGEST_PX, 4) and set(np.unique(small)) == {0, 255}
    assert (small[0, :, 3] > 0).argmax() == 350


def published(made, folder):
    """A copy of what users download, without a report."""
    shutil.copytree(made.plan.out, folder, ignore=shutil.ignore_patterns("work", "report"))
    return folder


def test_timings_are_gone_with_the_work_folder(made, tmp_path):
    assert "timings is gone" in rebuild_report(published(made, tmp_path / "out")).read_text()


def absent(page: str) -> str:
    return re.search('<details class="absent">.*?</details>', page, re.DOTALL)[0]


def test_a_missing_body_model_is_told_and_all_else_is_there(made, tmp_path):
    out = published(made, tmp_path / "out")
    shutil.rmtree(out / "body" / "smplx")
    page = rebuild_report(out).read_text()
    assert "mesh, of all pictures" in absent(page) and "make body" in absent(page)
    switch = '<input type="checkbox" name="{}"'
    assert switch.format("mesh") not in page and page.count(switch.format("skeleton")) == 1 + 3
    assert not list((out / "report" / "images").glob("*mesh*"))


def test_without_opengl_the_reason_is_told(made, tmp_path):
    """In a process of its own: OpenGL's platform is chosen once."""
    out = published(made, tmp_path / "out")
    code = (
        "import sys; from pipeline.report.html import rebuild_report; rebuild_report(sys.argv[1])"
    )
    env = os.environ | {"PYOPENGL_PLATFORM": "osmesa"}
    subprocess.run([sys.executable, "-c", code, str(out)], env=env, check=True)
    page = (out / "report" / "index.html").read_text()
    if list((out / "report" / "images").glob("*mesh*")):
        pytest.skip("this machine draws with OSMesa")
    assert "mesh, of all pictures: cannot open an OpenGL context" in absent(page)


def rebuilt(made, out, **sections) -> str:
    """The page of the made scenes under another configuration."""
    plan = make_plan(out, limits={"max_reject_share": 1.0}, **sections)
    for n, spec in made.specs.items():
        write_upstream(plan, spec, made.bodies[n], made.passes[n])
    write_rejection(plan, "render", 1, REASON)
    run_stages(plan)
    return (out / "report" / "index.html").read_text()


def test_a_dataset_without_geometry_says_what_is_absent(made, tmp_path):
    page = rebuilt(made, tmp_path / "out", shards={"geometry": False}, scene={"frames": 2})
    for name in ("depth", "normals", "flow"):
        assert f"<li>{name}, of" in absent(page)
        assert not re.search(f'<img class="layer {name}"', page)
    assert "shards.geometry = false" in absent(page)
    # Amodal masks are in the facts as well.
    assert page.count('<img class="layer amodal"') == 3


def test_a_dataset_of_rejections_has_a_report(made, tmp_path):
    plan = make_plan(tmp_path / "out", limits={"max_reject_share": 1.0})
    for scene in range(SCENES):
        write_rejection(plan, "render", scene, REASON)
    run_stages(plan)
    page = (plan.out / "report" / "index.html").read_text()
    assert "0 images" in page and page.count(REASON) == SCENES
    assert "No picture" in page and "No person" in page
    assert read_json(plan.out / "report" / "balance.json")["people"] == 0
