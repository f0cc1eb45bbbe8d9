"""A sweep from the first render to its report. Running it again paints only what is missing."""

from pathlib import Path

from pipeline.diffusion.noise import levels_by_region
from pipeline.report.sweep import write_sweep_report
from pipeline.storage import write_json
from pipeline.sweep.choice import Choice, choose
from pipeline.sweep.grid import Sweep, varied
from pipeline.sweep.painting import paint
from pipeline.sweep.scenes import sweep_scenes
from pipeline.sweep.table import sweep_rows, sweep_table, write_rows, write_table


def run_sweep(sweep: Sweep) -> tuple[Choice, Path]:
    """Render, paint, measure and report; returns the recommendation and the report's path.

    Writes sweep.parquet, sweep.csv, sweep.json and sweep/ in the plan's folder. Raises GenbError
    for what the user must put right.
    """
    scenes, rejected = sweep_scenes(sweep)
    paint(sweep, scenes, report=lambda line: print(line, flush=True))
    rows = sweep_rows(sweep, scenes)
    table, section = sweep_table(rows), sweep.plan.config.diffusion
    choice = choose(table, sweep.keep, section.drift.max_px)
    out = sweep.plan.out
    write_rows(out / "sweep.parquet", rows)
    write_table(out / "sweep.csv", table)
    write_json(out / "sweep.json", _settings(sweep, scenes, rejected, choice))
    page = write_sweep_report(sweep, scenes, rejected, rows, table, choice)
    return choice, page


def _settings(sweep: Sweep, scenes: list[int], rejected: list[dict], choice: Choice) -> dict:
    section = sweep.plan.config.diffusion
    return {
        "config": sweep.plan.config.name,
        "seed": sweep.plan.seed,
        "diffusion": section.model_dump(mode="json"),
        "truth_key": sweep.source.key("truth"),
        "scenes": scenes,
        "rejected": rejected,
        "strategies": list(sweep.strategies),
        "levels": list(sweep.levels),
        "repeats": sweep.repeats,
        "keep": sweep.keep,
        "noise": {
            strategy: {
                str(level): _levels(varied(section, strategy, level)) for level in sweep.levels
            }
            for strategy in sweep.strategies
        },
        "recommendation": choice.to_json(),
    }


def _levels(section) -> dict:
    noise = section.noise
    outline = {"silhouette_band": noise.silhouette_band, "px": noise.silhouette_band_px}
    return {"regions": levels_by_region(section), "outline": outline, "release": noise.release}
