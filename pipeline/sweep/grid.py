"""What a sweep tries: a configuration's [diffusion] table at other levels and strategies.

A sweep paints every picture raw: nothing is repaired, and limits are applied afterwards, so that
judging by other limits needs no painting.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np

from pipeline.config import Config, DiffusionSection, DriftSection, NoiseSection
from pipeline.diffusion.noise import at_level
from pipeline.errors import GenbError
from pipeline.stages import Plan

STRATEGIES = get_args(NoiseSection.model_fields["strategy"].annotation)
DEFAULT_STRATEGIES = ("global", "regional", "graded", "background")
_LEVELS = 8
_SHARES = {"face": 0.5, "hands": 0.4}
"""Levels of regions relative to the overall one, where the configuration has none of its own."""
_OUTLINE_SHARE, _OUTLINE_PX = 0.6, NoiseSection.model_fields["silhouette_band_px"].default
_RAMP_PX = 16


@dataclass(frozen=True)
class Cell:
    """One setting. seed: number of the appearance, which draws the noise (and the finish)."""

    strategy: str
    level: int
    seed: int


@dataclass(frozen=True)
class Sweep:
    """What to sweep. plan: whose configuration, and where the results go. source: the dataset whose
    renders are painted (the same but for `out`). keep: share of people to be kept."""

    plan: Plan
    source: Plan
    scenes: int
    strategies: tuple[str, ...]
    levels: tuple[int, ...]
    repeats: int
    keep: float

    def cells(self) -> list[Cell]:
        """Every setting, in the order of the results."""
        return [Cell(*one) for one in product(self.strategies, self.levels, range(self.repeats))]

    def folder(self, cell: Cell) -> Path:
        """Where a setting's scenes lie; its name hashes everything that the pictures depend on.
        At level 0 all strategies are the same, and share it."""
        strategy = cell.strategy if cell.level else "global"
        section = varied(self.plan.config.diffusion, strategy, cell.level)
        plan = Plan(with_section(self.plan.config, section), self.plan.seed, self.plan.out)
        return self.plan.out / "work" / "sweep" / f"{plan.key('rerender')}_s{cell.seed}"


def make_sweep(
    config: Config,
    seed: int,
    out: Path,
    scenes: int = 8,
    levels: list[int] | None = None,
    strategies: list[str] | None = None,
    repeats: int = 2,
    keep: float = 0.9,
    source: Path | None = None,
) -> Sweep:
    """A checked sweep; raises GenbError for what cannot be swept."""
    section = config.diffusion
    chosen = tuple(dict.fromkeys(strategies or DEFAULT_STRATEGIES))
    tried = tuple(sorted(set(spread_levels(section.steps) if levels is None else levels)))
    if section.backend == "passthrough":
        raise GenbError(
            f"the configuration {config.name!r} re-renders with no model, so it has no noise to "
            'sweep. Write a file sweep.toml with the line  extends = ["genb", "diffusion/embedded"]'
            "  (or another preset of render_configs/diffusion/), and add --config sweep.toml"
        )
    for strategy in chosen:
        if strategy not in STRATEGIES:
            raise GenbError(
                f"--strategies: unknown strategy {strategy!r}. Known: {', '.join(STRATEGIES)}."
            )
    beyond = [level for level in tried if not 0 <= level <= section.steps]
    if beyond or not any(tried):
        raise GenbError(
            f"--levels {','.join(map(str, beyond or tried))}: levels lie within 0 and "
            f"diffusion.steps = {section.steps}, and one of them must be above 0."
        )
    for name, value in (("scenes", scenes), ("repeats", repeats)):
        if value < 1:
            raise GenbError(f"--{name} {value}: a sweep needs at least one, e.g. --{name} 2.")
    if seed < 0:
        raise GenbError(f"--seed {seed}: a seed is zero or positive.")
    if not 0 < keep < 1:
        raise GenbError(f"--keep {keep}: a share of people between 0 and 1, e.g. --keep 0.9.")
    if section.denoise_steps == 0 and max(section.noise.levels().values()) > 0:
        raise GenbError(
            "the levels of [diffusion.noise] are swept in proportion to diffusion.denoise_steps, "
            "which is 0. Set denoise_steps to the level that they were chosen for."
        )
    plan = Plan(config, seed, Path(out))
    from_there = Plan(config, seed, Path(source)) if source else plan
    return Sweep(plan, from_there, scenes, chosen, tried, repeats, keep)


def spread_levels(steps: int) -> list[int]:
    """About 8 integers from 0 to `steps`."""
    return np.unique(np.linspace(0, steps, _LEVELS).round().astype(int)).tolist()


def varied(section: DiffusionSection, strategy: str, level: int) -> DiffusionSection:
    """The section with a strategy at a level, one text for all seeds, and nothing to be repaired.

    Regions and outlines that the configuration gives levels to keep their proportion. Else, apart
    from `global` and `background`, the face gets 0.5 of the level and the hands 0.4; outlines are
    capped at 0.6, or with `graded` at a ramp of 16 px from 0. So `regional` and `graded` differ at
    outlines only, `regional` and `schedule` in the ControlNets only.
    """
    noise, changes = section.noise, {"strategy": strategy}
    own = noise.levels()
    graded = strategy == "graded"
    by_region = strategy not in ("global", "background")
    if by_region and all(v == -1 for name, v in own.items() if name != "silhouette_band"):
        changes |= {name: round(share * level) for name, share in _SHARES.items()}
    own_outline = noise.strategy == "graded" if graded else noise.silhouette_band != -1
    if not own_outline or (noise.strategy == "graded") != graded:
        lowest = round(_OUTLINE_SHARE * level) if by_region else -1
        changes["silhouette_band"] = 0 if graded else lowest
        changes["silhouette_band_px"] = _RAMP_PX if graded else _OUTLINE_PX
    scaled = at_level(section, level)
    detectors = {"detector": section.drift.detector, "depth_model": section.drift.depth_model}
    return scaled.model_copy(
        update={
            "noise": scaled.noise.model_copy(update=changes),
            "drift": DriftSection(**detectors),
            "prompts": section.prompts[:1] or ["{scene}"],
            "appearances": 1,
            "save_controls": False,
        }
    )


def with_section(config: Config, section: DiffusionSection) -> Config:
    """The configuration with another [diffusion] table."""
    return config.model_copy(update={"diffusion": section})


def settings_toml(section: DiffusionSection) -> str:
    """The noise settings of a section as lines for a configuration file."""
    defaults = NoiseSection()
    lines = ["[diffusion]", f"denoise_steps = {section.denoise_steps}", "", "[diffusion.noise]"]
    lines.append(f'strategy = "{section.noise.strategy}"')
    for name, value in section.noise:
        if name != "strategy" and value != getattr(defaults, name):
            lines.append(f"{name} = {value}")
    return "\n".join(lines)
