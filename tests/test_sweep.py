"""`genb sweep`: every setting painted once, honest figures, and a page that shows them."""

import csv
import json
import re
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet
import pytest
from diffusion_models import tiny_config, tiny_section, write_scene
from scipy.stats import binomtest

from pipeline.cli import main
from pipeline.compose.casting import cast_of_scenes
from pipeline.config import Config, load_config
from pipeline.diffusion.rerender import Rerenderer, load_frame
from pipeline.errors import GenbError
from pipeline.jobs import write_rejection
from pipeline.stages import Plan
from pipeline.sweep import scenes
from pipeline.sweep.grid import Cell, make_sweep, varied, with_section
from pipeline.sweep.run import run_sweep
from pipeline.sweep.table import COLUMNS, sweep_rows

STRATEGIES, LEVELS, SEEDS = ("global", "regional", "background"), (0, 1, 4), (0, 1)


def _write_scenes(plan: Plan, usable: list[int], rejected: list[int] = ()) -> None:
    """Made-up scenes of two people with one frame each, and scenes that were rejected."""
    for scene in usable:
        write_scene(plan, frames=1, scene=scene)
    for scene in rejected:
        folder = plan.scene_dir("truth", scene)
        folder.mkdir(parents=True)
        write_rejection(folder, {"stage": "render", "reason": "made up for the test"})


def _toml(section: dict, max_px: float) -> str:
    nets = "".join(
        f'[[diffusion.controlnets]]\ncontrol = "{net["control"]}"\nmodel = "{net["model"]}"\n'
        for net in section["controlnets"]
    )
    return (
        f'[diffusion]\nbackend = "diffusers"\nmodel = "{section["model"]}"\nsteps = 4\n'
        f"denoise_steps = 2\nguidance_scale = 1.0\nfinish = false\n"
        f"[diffusion.drift]\nmax_px = {max_px}\nmin_followed = 0.1\n{nets}"
    )


def _genb(capsys, *arguments) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return caught.value.code, captured.out + captured.err


@pytest.fixture(scope="module")
def swept(tiny, tmp_path_factory):
    """A sweep over three scenes, one of them rejected, run by the command."""
    root = tmp_path_factory.mktemp("sweep")
    section = tiny_section(tiny, controls=["depth"])
    (root / "tiny.toml").write_text(_toml(section, max_px=2.0))
    _write_scenes(Plan(load_config(str(root / "tiny.toml")), 5, root / "from"), [0, 2], [1])
    command = [
        *("sweep", "--config", root / "tiny.toml", "--seed", "5", "--scenes", "3"),
        *("--levels", "4,0,1", "--strategies", ",".join(STRATEGIES), "--keep", "0.2"),
        *("--from", root / "from", "--out", root / "out"),
    ]
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in command])
    assert caught.value.code == 0
    out = root / "out"
    rows = pyarrow.parquet.read_table(out / "sweep.parquet").to_pylist()
    return SimpleNamespace(root=root, out=out, command=command, rows=rows)


@pytest.fixture(scope="module")
def page(swept):
    return (swept.out / "sweep" / "index.html").read_text()


def _table(swept) -> list[dict]:
    with open(swept.out / "sweep.csv") as file:
        return list(csv.DictReader(file))


def test_every_person_has_a_row_for_every_setting(swept):
    found = [(r["strategy"], r["level"], r["seed"], r["scene"], r["person"]) for r in swept.rows]
    assert found == list(product(STRATEGIES, LEVELS, SEEDS, (0, 2), (0, 1)))
    assert all(list(row) == list(COLUMNS) and row["steps"] == 4 for row in swept.rows)
    assert {row["steps_run"] for row in swept.rows if row["level"] == 4} == {4}


def test_level_0_is_the_render_and_is_kept(swept):
    untouched = [row for row in swept.rows if row["level"] == 0]
    for row in untouched:
        assert row["kept"] and row["reason"] == "" and row["steps_run"] == 0
        assert row["mean_px"] == row["change"] == row["colour_change"] == 0
    painted = [row for row in swept.rows if row["level"] == 4 and row["strategy"] == "global"]
    assert min(row["change"] for row in painted) > 0.1


def test_seeds_paint_different_noise(swept):
    by_seed = [
        [row["change"] for row in swept.rows if row["level"] == 4 and row["seed"] == seed]
        for seed in SEEDS
    ]
    assert by_seed[0] != by_seed[1]


def test_rejected_scenes_are_left_out_and_listed(swept, page):
    told = json.loads((swept.out / "sweep.json").read_text())
    assert told["scenes"] == [0, 2]
    expected = {"scene": 1, "stage": "render", "reason": "made up for the test"}
    assert told["rejected"] == [expected]
    assert "scene 1, at render: made up for the test" in page


def test_the_table_is_that_of_the_rows(swept):
    """Against scipy's Wilson interval and plain numpy over the Parquet file."""
    table = _table(swept)
    assert [(t["strategy"], int(t["level"])) for t in table] == list(product(STRATEGIES, LEVELS))
    for line in table:
        rows = [
            row
            for row in swept.rows
            if (row["strategy"], str(row["level"])) == (line["strategy"], line["level"])
        ]
        assert int(line["images"]) == 4 and int(line["people"]) == len(rows) == 8
        kept = sum(not row["reason"] for row in rows)
        assert int(line["kept"]) == kept
        interval = binomtest(kept, 8).proportion_ci(method="wilson")
        assert float(line["keep_low"]) == pytest.approx(interval.low, abs=1e-4)
        assert float(line["keep_high"]) == pytest.approx(interval.high, abs=1e-4)
        drift = sorted(np.inf if row["mean_px"] is None else row["mean_px"] for row in rows)
        assert _number(line["drift_median_px"]) == pytest.approx(np.median(drift), abs=1e-4)
        # Of 8 values the 90th percentile is at 6.3, so the next higher is the last.
        assert _number(line["drift_p90_px"]) == pytest.approx(drift[-1], abs=1e-4)
        for name in ("change", "colour_change"):
            median = np.median([row[name] for row in rows])
            assert float(line[f"{name}_median"]) == pytest.approx(median, abs=1e-4)


def _number(text: str) -> float:
    return float(text) if text else np.inf


def test_a_setting_is_measured_as_the_stage_measures_its_first_painting(tiny, tmp_path):
    """With the finish on: the stage's own record against the rows: two frames, two seeds."""
    strict = {"max_px": 0.001, "retries": 0, "on_drift": "passthrough"}
    options = {"finish": True, "steps": 4, "denoise_steps": 2, "prompts": ["{scene}"]}
    config = tiny_config(tiny, controls=["depth"], drift=strict, **options)
    plan = Plan(config, 5, tmp_path)
    spec = write_scene(plan, frames=2)
    sweep = make_sweep(config, 5, tmp_path, 1, [0, 2], ["regional"], 2, 0.9, tmp_path)
    run_sweep(sweep)
    rows = sweep_rows(sweep, [0])
    noise = varied(config.diffusion, "regional", 2).noise
    section = config.diffusion.model_copy(update={"noise": noise})
    stage = Rerenderer(with_section(config, section))
    frames = [load_frame(plan, spec, 0), load_frame(plan, spec, 1)]
    for seed in (0, 1):
        for frame, picture in zip(frames, stage.pictures(frames, seed), strict=True):
            people = picture.record["attempts"][0]["drift"]["people"]
            found = [
                r for r in rows if (r["level"], r["seed"], r["frame"]) == (2, seed, frame.frame)
            ]
            for row, person in zip(found, people, strict=True):
                assert person == {name: row[name] for name in person}
    # What the finish alone moves is measured, but as in the stage, nobody is given up for it.
    unpainted = [row for row in rows if row["level"] == 0]
    assert len(unpainted) == 8 and all(row["kept"] and row["mean_px"] > 0.001 for row in unpainted)
    assert not any(row["kept"] for row in rows if row["level"] == 2)


def test_only_missing_scenes_are_made_and_stage_after_stage(tiny, tmp_path, monkeypatch):
    config = tiny_config(tiny, controls=["depth"])
    plan = Plan(config, 5, tmp_path)
    _write_scenes(plan, [0])
    done = []

    def run_stage(job, label):
        done.append((job.stage, job.scenes))
        if job.stage == "truth":
            _write_scenes(plan, [], job.scenes)

    monkeypatch.setattr(scenes, "run_stage", run_stage)
    monkeypatch.setattr(scenes, "check_before_start", lambda plan, count: done.append(count))
    monkeypatch.setattr(scenes, "build_body", lambda config: None)
    monkeypatch.setattr(scenes, "audition", lambda plan, index, run: done.append("cast"))
    usable, rejected = scenes.sweep_scenes(make_sweep(config, 5, tmp_path, 3))
    assert usable == [0] and [row["scene"] for row in rejected] == [1, 2]
    cast = len(cast_of_scenes(config, 5, [1, 2]))
    stages = [(stage, (1, 2)) for stage in ("compose", "bodies", "render", "truth")]
    assert done == [2, *["cast"] * cast, *stages]
    done.clear()
    scenes.sweep_scenes(make_sweep(config, 5, tmp_path, 3))
    assert done == []


def test_an_interrupted_sweep_ends_in_the_same_bytes(swept, capsys):
    def content() -> dict[str, bytes]:
        return {
            str(p.relative_to(swept.out)): p.read_bytes()
            for p in sorted(swept.out.rglob("*"))
            if p.is_file()
        }

    before = content()
    done = sorted((swept.out / "work" / "sweep").glob("*/scene_*"))
    # Level 0 is shared by the strategies: 2 seeds x (1 + 3 strategies x 2 levels) x 2 scenes.
    assert len(done) == 28
    for folder in done[::2]:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    (swept.out / "sweep" / "index.html").unlink()
    code, text = _genb(capsys, *swept.command)
    assert code == 0 and len(re.findall(r"^\[sweep\]", text, re.M)) == 14
    assert content() == before
    code, text = _genb(capsys, *swept.command)
    assert code == 0 and "[sweep]" not in text and "recommended: level" in text
    assert content() == before


def test_other_limits_need_no_painting(swept, tiny, capsys):
    strict = swept.root / "strict.toml"
    strict.write_text(_toml(tiny_section(tiny, controls=["depth"]), max_px=0.001))
    command = [strict if a == swept.root / "tiny.toml" else a for a in swept.command]
    code, text = _genb(capsys, *command)
    assert code == 0 and "[sweep]" not in text
    rows = pyarrow.parquet.read_table(swept.out / "sweep.parquet").to_pylist()
    assert all(row["kept"] == (row["level"] == 0) for row in rows)
    assert "recommended: level 0. No level above 0 is safe" in text
    assert _genb(capsys, *swept.command)[0] == 0


def test_the_page_shows_every_strategy_and_needs_no_network(swept, page):
    assert "http" not in page and "<script" not in page
    for strategy in STRATEGIES:
        assert f"<h3>{strategy}</h3>" in page
    used = set(re.findall(r'(?:src|href)="(images/[^"]+)"', page))
    there = {f"images/{p.name}" for p in (swept.out / "sweep" / "images").iterdir()}
    # Two scenes of two people: 3 pictures of the render and 3 for each strategy and level.
    assert used == there and len(there) == 2 * (3 + 3 * 3 * 3)
    lost = sum(not row["kept"] and row["seed"] == 0 for row in swept.rows)
    assert page.count('<td class="lost"') == lost > 0
    assert page.count("<polyline") == 6 * len(STRATEGIES)


def test_the_same_setting_lies_in_the_same_place_whatever_is_done_with_it(tiny, tmp_path):
    def place(cell: Cell, **options) -> str:
        config = tiny_config(tiny, controls=["depth"], **options)
        return make_sweep(config, 5, tmp_path).folder(cell).name

    cell = Cell("regional", 3, 0)
    assert place(cell) == place(cell, appearances=3, save_controls=True)
    assert place(cell) == place(cell, drift={"max_px": 7.0, "on_drift": "reject"})
    places = {place(cell), place(Cell("regional", 3, 1)), place(Cell("graded", 3, 0))}
    places |= {place(cell, guidance_scale=2.0), place(Cell("regional", 4, 0))}
    assert len(places) == 5
    assert place(Cell("graded", 0, 1)) == place(Cell("global", 0, 1))


def test_wrong_questions_get_one_line_and_the_next_command(swept, tmp_path, capsys):
    good = ["sweep", "--config", swept.root / "tiny.toml", "--out", tmp_path / "out"]
    for options, told in (
        (["--config", "genb"], 'extends = ["genb", "diffusion/embedded"]'),
        (["--strategies", "globel"], "unknown strategy 'globel'. Known: global"),
        (["--levels", "1,9"], "--levels 9: levels lie within 0 and diffusion.steps = 4"),
        (["--levels", "0"], "one of them must be above 0"),
        (["--scenes", "0"], "--scenes 0"),
        (["--repeats", "0"], "--repeats 0"),
        (["--keep", "1.5"], "--keep 1.5"),
        (["--seed", "-1"], "--seed -1"),
        (["--from", tmp_path], "no work/ folder there"),
        (["--from", swept.root / "from"], "under this configuration and seed 0"),
        (["--from", swept.root / "from", "--seed", "5", "--scenes", "4"], "the first number 3"),
    ):
        code, text = _genb(capsys, *good, *options)
        assert code == 2 and told in text and text.startswith("ERROR: "), (options, text)
        assert len(text.splitlines()) == 1 and "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_levels_without_an_overall_level_have_no_proportion(tiny):
    config = Config.model_validate(
        {"diffusion": tiny_section(tiny, denoise_steps=0, noise={"background": 4})}
    )
    with pytest.raises(GenbError, match="Set denoise_steps"):
        make_sweep(config, 0, Path("out"))


def test_a_sweep_of_nothing_but_rejected_scenes_ends(swept, tmp_path, capsys):
    config = swept.root / "tiny.toml"
    _write_scenes(Plan(load_config(str(config)), 5, tmp_path / "bad"), [], [0])
    options = ["--seed", "5", "--scenes", "1", "--from", tmp_path / "bad", "--out", tmp_path / "o"]
    code, text = _genb(capsys, "sweep", "--config", config, *options)
    assert code == 2 and "all 1 scenes were rejected" in text and "--scenes N" in text
