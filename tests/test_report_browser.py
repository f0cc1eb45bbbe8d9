"""The report as a browser shows it: headless Chromium on the page's file, no network.

The page lies in a frame of a page of this test, which tells by the console where things are.
"""

import json
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from made_scenes import made_dataset
from PIL import Image

from pipeline.dataset import Dataset
from pipeline.report.bones import BONES
from pipeline.report.html import rebuild_report
from pipeline.truth.schema import VISIBILITY

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_BROWSER = next(filter(None, map(shutil.which, _BROWSERS)), None)
pytestmark = pytest.mark.skipif(
    _BROWSER is None, reason="no Chromium: apt-get install -y chromium (or google-chrome)"
)
KEY = "000000_0000"
_MARK = "FOUND "
_FRAME = """<!doctype html><body style="margin:0"><iframe id="page" style="border:0;display:block;
width:{width}px;height:{height}px" src="{url}"></iframe><script>
document.getElementById("page").onload = (event) => {{
  const page = event.target.contentDocument;
  setTimeout(() => {{
    const found = (() => {{ {code} }})();
    console.log("{mark}" + JSON.stringify(found));
  }}, 300);
}};
</script>"""


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    made = made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")
    rebuild_report(made.plan.out)
    return made


@pytest.fixture(scope="module")
def browser(made, tmp_path_factory):
    """Opens the report at an address, runs code on it; returns its result and a screenshot."""
    folder = tmp_path_factory.mktemp("browser")
    report = made.plan.out / "report" / "index.html"
    profile = f"--user-data-dir={folder / 'profile'}"
    quiet = ("--disable-background-networking", "--disable-sync", "--no-first-run", "--disable-gpu")
    logging = ("--enable-logging=stderr", "--v=0", "--allow-file-access-from-files")

    def look(address: str, code: str, width: int = 1500, height: int = 1000):
        url = f"{report.as_uri()}{address}"
        frame = folder / "frame.html"
        frame.write_text(_FRAME.format(url=url, code=code, width=width, height=height, mark=_MARK))
        shot = folder / "shot.png"
        shot.unlink(missing_ok=True)
        command = (
            *(_BROWSER, "--headless", "--no-sandbox", *quiet, *logging, profile),
            *("--hide-scrollbars", f"--window-size={width},{height}"),
            *("--virtual-time-budget=5000", f"--screenshot={shot}", frame.as_uri()),
        )
        run = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
        told = re.findall(r'CONSOLE[:(]\d+\)?\] "(.*)", source', run.stderr)
        found = [line for line in told if line.startswith(_MARK)]
        assert [line for line in told if line not in found] == []
        assert len(found) == 1, run.stderr[-2000:]
        return json.loads(found[0].removeprefix(_MARK)), np.asarray(Image.open(shot).convert("RGB"))

    return look


def test_console_errors_are_noticed(browser):
    with pytest.raises(AssertionError, match="planted"):
        browser("", 'console.error("planted"); return 1;')


STAGE = f"""const box = page.querySelector('[id="{KEY}"] .stage').getBoundingClientRect();
return [box.x, box.y, box.width, box.height];"""


def test_mesh_lies_on_the_person_and_nowhere_else(made, browser):
    """With and without the mesh, large: what differs is the body's own pixels."""
    rect, off = browser(f"#{KEY}", STAGE)
    same, on = browser(f"?layers=mesh#{KEY}", STAGE)
    assert rect == same
    x, y, width, height = (round(v) for v in rect)
    changed = np.abs(on.astype(int) - off).max(axis=2)[y : y + height, x : x + width]
    mesh = Image.open(made.plan.out / "report" / "images" / f"{KEY}.mesh.png").convert("RGBA")
    alpha = np.asarray(mesh)[..., 3] > 0
    naked = made.passes[0][0].body_instance > 0
    assert (alpha != naked).mean() < 0.001
    # Enlarged four-fold, smoothly: colours reach a pixel and a half beyond an edge.
    size = (width, height)
    reach = int(1.5 * width / alpha.shape[1]) + 2
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    large = cv2.resize(alpha.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    outside, inside = cv2.dilate(large, kernel) == 0, cv2.erode(large, kernel) > 0
    assert outside.mean() > 0.3 and inside.mean() > 0.02
    assert changed[outside].max() == 0
    # A body's colour may by chance be the picture's own.
    assert (changed[inside] > 8).mean() > 0.97
    labels = next(Dataset(made.plan.out).frames(members=())).labels
    scale = width / alpha.shape[1]
    rows, columns = np.nonzero(changed > 8)
    low, high = labels["box_amodal"][:, :2].min(axis=0), labels["box_amodal"][:, 2:].max(axis=0)
    assert columns.min() >= max(low[0], 0) * scale - reach and rows.max() <= high[1] * scale + reach


def test_render_covers_the_final_picture(made, browser):
    """The made render is passed through, so that only JPEG and the camera's look differ."""
    found, _ = browser(
        "?layers=render",
        """return [...page.querySelectorAll(".layer.render")].map((picture) =>
        [getComputedStyle(picture).display, picture.naturalWidth]);""",
    )
    assert found == [["block", made.passes[0][0].depth.shape[1]]] * 3


DRAWN = f"""const svg = page.querySelector('[id="{KEY}"] svg.skeleton');
return [...svg.querySelectorAll("path.dot:not(.rim)")].map((dot) =>
  [dot.getAttribute("d"), dot.getAttribute("class"), dot.querySelector("title").textContent])
  .concat([["bones", svg.querySelectorAll("path.bone:not(.rim)").length, ""]]);"""


@pytest.mark.parametrize("name", ["coco17", "openpose137"])
def test_chosen_points_are_drawn_where_the_labels_say(made, browser, name):
    found, _ = browser(f"?layers=skeleton&points={name}", DRAWN)
    labels = next(Dataset(made.plan.out).frames(members=())).labels
    uv, code = labels[f"{name}_2d"], labels[f"{name}_code"]
    assert found.pop() == ["bones", uv.shape[0] * len(BONES[name]), ""]
    assert len(found) == code.size
    names = {value: key.replace("_", " ") for key, value in VISIBILITY.items()}
    for path, kind, title in found:
        person, number, told = re.fullmatch(r"person (\d+): (\d+) \S+, (.*)", title).groups()
        at = (int(person), int(number))
        drawn = [float(v) for v in re.fullmatch(r"M(\S+) (\S+)h0", path).groups()]
        # Rounded to tenths.
        assert np.abs(np.array(drawn) - uv[at]).max() <= 0.0501
        assert told == names[int(code[at])] and f"code{code[at]}" in kind.split()


def test_address_sets_the_bar_and_unknown_layers_are_ignored(browser):
    found, _ = browser(
        "?layers=masks,flow,nonsense&opacity=40",
        """const bar = page.getElementById("bar"), box = (name) => bar.elements[name];
        return [box("masks").checked, box("mesh").checked, box("flow").checked,
          page.querySelectorAll('.card input[name="masks"]:checked').length,
          page.querySelectorAll('.card input[name="flow"]').length,
          getComputedStyle(page.querySelector(".layer.masks")).opacity];""",
    )
    # Flow is there in one of the three pictures only.
    assert found == [True, False, True, 3, 1, "0.4"]


def test_switches_of_bar_and_card_work_by_hand(browser):
    found, _ = browser(
        "",
        f"""const bar = page.getElementById("bar"), all = bar.elements["mesh"];
        const card = page.querySelector('[id="{KEY}"]'), own = card.querySelector("[name=mesh]");
        const shown = () => [...page.querySelectorAll(".layer.mesh")].filter((picture) =>
          getComputedStyle(picture).display === "block").length;
        const steps = [shown()];
        all.click(); steps.push(shown());
        own.click(); steps.push(shown(), all.checked, all.indeterminate);
        all.click(); steps.push(shown(), all.indeterminate);
        card.querySelector("[name=dense]").click();
        steps.push(card.querySelectorAll("svg.dense path.dot:not(.rim)").length);
        return steps;""",
    )
    assert found == [0, 3, 2, False, True, 3, False, 3 * 138]


def test_keyboard_walks_through_the_large_pictures(browser):
    found, _ = browser(
        f"#{KEY}",
        """const press = (key) => page.body.dispatchEvent(
          new page.defaultView.KeyboardEvent("keydown", {key, bubbles: true}));
        const view = page.defaultView.location, steps = [];
        for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Escape"]) {
          press(key); steps.push(view.hash);
        }
        return steps;""",
    )
    assert found == [
        *("#000000_0001", "#000002_0000", "#000002_0000", "#000000_0001", "#at-000000_0001")
    ]


def test_zoom_enlarges_picture_and_points_alike(browser):
    found, _ = browser(
        f"?layers=skeleton#{KEY}",
        f"""const card = page.querySelector('[id="{KEY}"]'), all = [];
        const view = card.querySelector(".view"), wide = (what) =>
          card.querySelector(what).getBoundingClientRect().width / view.clientWidth;
        for (const zoom of [2, 4]) {{
          card.querySelector(`.zoom${{zoom}}`).click();
          all.push(wide(".stage"), wide("img.final"), wide("svg.skeleton"));
        }}
        return all;""",
    )
    # Within a pixel of the width of a scroll bar, which is hidden.
    assert found == pytest.approx([2] * 3 + [4] * 3, abs=0.01)


@pytest.mark.parametrize("address", ["", f"#{KEY}"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(browser, width, address):
    found, _ = browser(
        address,
        """const all = page.documentElement;
        const wide = [...page.querySelectorAll("body *")].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.width && box.right > all.clientWidth + 1 && !one.closest(".wide, svg");
        });
        return [all.scrollWidth - all.clientWidth, wide.map((one) => one.outerHTML.slice(0, 80))];
        """,
        width=width,
    )
    assert found == [0, []]
