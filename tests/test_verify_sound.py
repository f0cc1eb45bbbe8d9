"""`genb verify` accuses nobody in pictures that are hard to check, and without geometry."""

from types import SimpleNamespace

import numpy as np
import pytest
from made_scenes import box_mesh, load_model, make_plan, make_spec, pose_people, render
from made_scenes import write_upstream as write

from pipeline.diffusion.__main__ import run as run_rerender
from pipeline.jobs import Job
from pipeline.shards.__main__ import run as run_shards
from pipeline.shards.finish import finish_dataset
from pipeline.storage import read_json
from pipeline.truth.__main__ import run as run_truth
from pipeline.truth.schema import VISIBILITY
from pipeline.verify import verify_report
from pipeline.verify.codes import _Body

PEOPLE = [
    {"x": -0.35, "y": 0.0, "yaw": 20, "seed": 1},
    {"x": 0.15, "y": 0.8, "yaw": -40, "seed": 2},
    {"x": 1.2, "y": 0.2, "yaw": 200, "seed": 3},
]
CLOSE = {"eye_m": (0.0, -1.0, 1.5), "target_m": (-0.1, 0.0, 1.3), "vfov_deg": 50.0}
SCENES = {
    "cut off by the frame, near the lens": (PEOPLE, 1, CLOSE),
    "somebody behind a rolled camera": (
        [*PEOPLE, {"x": 0.3, "y": -2.5, "yaw": 0, "seed": 4}],
        1,
        {
            "eye_m": (0.0, -1.3, 1.2),
            "target_m": (-0.1, 0.0, 1.0),
            "vfov_deg": 40.0,
            "roll_deg": -30.0,
        },
    ),
    "one hidden behind the other, upside down": (
        [
            {"x": -0.3, "y": 0.6, "yaw": 0, "seed": 5},
            {"x": -0.3, "y": 0.0, "yaw": 180, "seed": 1},
        ],
        2,
        {"eye_m": (-0.3, -4.0, 1.0), "target_m": (-0.3, 0.0, 0.9), "roll_deg": 170.0},
    ),
    "somebody beside the lens": (
        [*PEOPLE, {"x": -0.9, "y": -0.95, "yaw": 90, "seed": 6}],
        1,
        {"eye_m": (-0.5, -1.0, 1.0), "target_m": (-0.1, 0.0, 1.0), "vfov_deg": 60.0},
    ),
}


def dataset(body_dir, out, scenes, **sections):
    """Build a dataset of made scenes; returns its folder. None may have been rejected."""
    plan, model = make_plan(out, **sections), load_model(body_dir)
    box = box_mesh([-0.3, -0.6, 0.2], [0.3, 0.2, 0.4])
    for number, (people, frames, camera) in enumerate(scenes):
        spec = make_spec(number, people, frames=frames, **camera)
        bodies = pose_people(spec, model)
        passes = [render(spec, bodies, model, frame, box) for frame in range(frames)]
        write(plan, spec, bodies, passes)
    for stage, run in (("truth", run_truth), ("rerender", run_rerender), ("shards", run_shards)):
        run(Job(stage, plan, scenes=tuple(range(len(scenes)))))
    finish_dataset(plan, range(len(scenes)))
    assert read_json(out / "dataset.json")["rejected"] == []
    return out


def test_hard_pictures_have_no_faults(body_dir, tmp_path):
    out = dataset(body_dir, tmp_path, SCENES.values(), scene={"frames": 2})
    report = verify_report(out)
    assert (report.faults, report.notes) == ([], [])


@pytest.mark.parametrize("frames", [1, 2])
def test_a_dataset_without_geometry_has_no_faults(body_dir, tmp_path, frames):
    shards = {"geometry": False, "dense_keypoints": []}
    scenes = [(PEOPLE, frames, CLOSE)]
    out = dataset(body_dir, tmp_path, scenes, scene={"frames": frames}, shards=shards)
    report = verify_report(out)
    assert (report.faults, report.notes) == ([], [])


def test_a_rim_that_only_cycles_hits_leaves_its_point_visible():
    """Found on renders: OpenGL misses the pixel, and what it draws beside it is 4 cm nearer."""
    own = np.full((3, 3), np.inf)
    own[:, 2] = 5.285
    frame = SimpleNamespace(
        depth=np.full((3, 3), 5.3253), mask=np.full((3, 3), 3), part=np.ones((3, 3), int)
    )
    body = _Body(frame, 2, own)
    point, uv, skin = np.array([[0.0, 0.0, 5.326]]), np.array([[1.6, 1.8]]), np.array([0.015])
    possible = set(body.perhaps(point, uv, skin))
    assert body.codes(point, uv, skin)[0] == VISIBILITY["self_occluded"]
    assert possible == {VISIBILITY["self_occluded"], VISIBILITY["visible"]}
    # Where OpenGL draws the body, the point is behind it whatever the rims do.
    drawn = _Body(frame, 2, np.full((3, 3), 5.285))
    assert set(drawn.perhaps(point, uv, skin)) == {VISIBILITY["self_occluded"]}
    assert set(body.perhaps(point, np.array([[-2.0, 1.8]]), skin)) == {VISIBILITY["outside_image"]}
