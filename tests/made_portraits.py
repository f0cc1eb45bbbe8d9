"""A dataset with pictures of all formats, for the exports that treat upright ones specially.

Scene 0 lies (two people and one mostly out of the picture, two frames), 1 stands and is rolled (two
people), 2 is square (one person). Every frame has two appearances.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from made_scenes import (
    Made,
    box_mesh,
    load_model,
    make_plan,
    make_spec,
    pose_people,
    render,
    run_stages,
    write_upstream,
)

from pipeline.dataset import Dataset, Frame
from pipeline.exports.bedlam_files import image_name
from pipeline.exports.formats import ExportOptions
from pipeline.scene import SceneSpec

LYING, UPRIGHT, SQUARE = 0, 1, 2
OPTIONS = ExportOptions()
_PEOPLE = {
    LYING: [
        {"x": -0.5, "y": 0.0, "yaw": 20, "seed": 1},
        {"x": 0.4, "y": 0.6, "yaw": -70, "seed": 2},
        {"x": 2.05, "y": 0.0, "yaw": 160, "seed": 6},
    ],
    UPRIGHT: [
        {"x": 0.1, "y": 0.0, "yaw": 35, "seed": 3},
        {"x": 0.5, "y": 0.9, "yaw": 140, "seed": 4},
    ],
    SQUARE: [{"x": 0.1, "y": 0.3, "yaw": 90, "seed": 5}],
}
_CAMERAS = {
    LYING: {"roll_deg": -4.0},
    UPRIGHT: {
        "width": 144,
        "height": 208,
        "roll_deg": 9.0,
        "eye_m": (1.6, -3.9, 2.0),
        "target_m": (0.25, 0.3, 0.9),
        "vfov_deg": 36.0,
    },
    SQUARE: {"width": 160, "height": 160, "roll_deg": 0.0, "eye_m": (-4.0, 0.5, 1.2)},
}
OUTSIDE = 2
"""The person of scene 0 of whom too little is in the picture."""


@cache
def portrait_dataset(body_dir: Path, out: Path) -> Made:
    """The finished dataset in `out`, and what it was made of."""
    plan = make_plan(out, scene={"frames": 2}, diffusion={"appearances": 2})
    model, box = load_model(body_dir), box_mesh([-0.8, -0.6, 0.2], [0.3, 0.2, 0.4])
    specs = {
        n: make_spec(n, people, frames=1 + (n == LYING), **_CAMERAS[n])
        for n, people in _PEOPLE.items()
    }
    bodies = {n: pose_people(spec, model) for n, spec in specs.items()}
    passes = {
        n: [render(spec, bodies[n], model, frame, box) for frame in range(spec.frames)]
        for n, spec in specs.items()
    }
    for n, spec in specs.items():
        write_upstream(plan, spec, bodies[n], passes[n])
    run_stages(plan)
    return Made(plan, specs, bodies, passes, model, box)


@dataclass(frozen=True)
class Exported:
    """The dataset, where a format was written, its notes, and the rows of its first table."""

    made: Made
    dataset: Dataset
    out: Path
    notes: list[str]
    rows: list[dict]

    def sources(self) -> Iterator[tuple[dict, SceneSpec, np.ndarray, np.ndarray]]:
        """(row, spec, world vertices, world joints) of every row's person."""
        for row in self.rows:
            scene, frame, person = self.place(row)
            bodies = self.made.bodies[scene]
            yield (
                row,
                self.made.specs[scene],
                bodies.vertices[frame, person].astype(float),
                bodies.joints[frame, person].astype(float),
            )

    def place(self, row: dict) -> tuple[int, int, int]:
        """Scene, frame and person of a row; who it is, its betas tell."""
        name = row["imgname"].split("/")[1].removesuffix(".png").split("_")
        scene, frame = int(name[1]), int(name[-1])
        away = np.abs(self.made.bodies[scene].betas - row["shape"][:16]).max(axis=1)
        assert away.min() < 1e-6  # float32
        return scene, frame, int(away.argmin())


@cache
def exported(module: ModuleType, body_dir: Path, folder: Path) -> Exported:
    """The dataset of portraits in `folder`, written in a format beside it."""
    made = portrait_dataset(body_dir, folder / "portraits")
    dataset, out = Dataset(made.plan.out), folder / module.LAYOUT.format
    notes = module.write(dataset, out, OPTIONS)
    first = next(iter(module.LAYOUT.tables))
    rows = [row for row in module.read(out) if row["table"] == first]
    return Exported(made, dataset, out, notes, rows)


def smplx_body(made: Made, row: dict, pose: str, trans: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints by the smplx package, expression included, float64 m."""
    betas, expression = row["shape"].astype(float), row["expression"][None]
    posed = made.model.evaluate(betas[:16], row[pose][None], row[trans][None], expression)
    return posed.vertices[0].astype(float), posed.joints[0].astype(float)


def frame_of(dataset: Dataset, imgname: str) -> Frame:
    """The sample that a picture is of."""
    frames = dataset.frames(members=("mask.png",))
    return next(frame for frame in frames if image_name(frame) == imgname)
