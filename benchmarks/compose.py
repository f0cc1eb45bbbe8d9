"""What planning a scene costs: seconds per scene by placement rule, side by side in one run.

    python benchmarks/compose.py [--scenes 40]

The casts are posed (not dressed) first, outside the timing; people are placed on their real meshes.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from posed_cast import PosedCast

from pipeline.assets import body_dir
from pipeline.compose.population import Population
from pipeline.config import load_config
from pipeline.errors import SceneRejected

CONFIGS = ("genb", "bedlam", "agora")


def measure(cast: PosedCast, scenes: int) -> dict[str, float]:
    """Seconds and outcomes of composing `scenes` scenes."""
    seconds, people, noted, rejected = [], [], 0, 0
    for scene in range(scenes):
        started = time.perf_counter()
        try:
            spec = cast.compose(scene)
        except SceneRejected:
            rejected += 1
        else:
            people.append(len(spec.people))
            noted += bool(spec.notes)
        seconds.append(time.perf_counter() - started)
    return {
        "s per scene": float(np.mean(seconds)),
        "95 %": float(np.percentile(seconds, 95)),
        "people": float(np.mean(people)),
        "with notes": noted,
        "rejected": rejected,
    }


def population_cost(people: int = 2000) -> str:
    """What setting up the default population and drawing from it cost."""
    config = load_config(CONFIGS[0])
    started = time.perf_counter()
    population = Population(config, body_dir(config))
    ready = time.perf_counter()
    rng = np.random.default_rng(0)
    for _ in range(people):
        population.sample_person(rng)
    each_us = (time.perf_counter() - ready) / people * 1e6
    return f"population: set-up {ready - started:.2f} s, {each_us:.0f} microseconds per person"


def main() -> None:
    """Print one line per configuration, and each one's ratio to the default's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=40)
    scenes = parser.parse_args().scenes
    results = {}
    print(population_cost())
    with tempfile.TemporaryDirectory() as folder:
        for name in CONFIGS:
            cast = PosedCast(load_config(name), 0, Path(folder) / name)
            for index in range(cast.plan.config.cast.size):
                cast.member(index)
            measure(cast, 3)  # what is read for the first time is not planning
            results[name] = measure(cast, scenes)
    base = results[CONFIGS[0]]["s per scene"]
    for name, row in results.items():
        figures = ", ".join(f"{key} {value:.3g}" for key, value in row.items())
        print(f"{name:8s} {figures}, ratio to {CONFIGS[0]} {row['s per scene'] / base:.2f}")


if __name__ == "__main__":
    main()
