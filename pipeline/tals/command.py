"""`genb tals`: measure wrong cameras on the people of a dataset, and write TALS's tables.

tals.json and tals.npz hold the constants for training, tals.md says what was measured.
"""

from pathlib import Path

import numpy as np

from pipeline.dataset import open_dataset
from pipeline.storage import write_bytes, write_json, write_npz
from pipeline.tals.cameras import CAMERAS, errors_2d
from pipeline.tals.people import People, read_people
from pipeline.tals.poses import PoseErrors, pose_errors
from pipeline.tals.tables import (
    BODY_JOINTS,
    POINT_NAMES,
    TURN_NAMES,
    CameraErrors,
    as_json,
    constants,
    markdown,
)

MAX_POSES = 2000
"""People whose poses are fitted, evenly spread over the dataset; more do not change a mean."""


def measure_tals(out: Path, target: Path) -> str:
    """Write tals.json, tals.npz and tals.md of the dataset in `out` to the folder `target`.

    Returns a summary. Raises GenbError when there is nobody to measure.
    """
    people, left_out = read_people(open_dataset(out))
    whole = whole_people(people)
    errors = {name: measure(people, whole, camera(people)) for name, camera in CAMERAS.items()}
    tables = {name: constants(one) for name, one in errors.items()}
    write_json(
        target / "tals.json",
        {
            "people": len(people),
            "people_for_angles": len(whole),
            "left_out": left_out,
            "points": list(POINT_NAMES),
            "joints": list(TURN_NAMES[1:]),
            "cameras": {name: as_json(table) for name, table in tables.items()},
        },
    )
    write_npz(
        target / "tals.npz",
        {f"{name}/{key}": row for name, table in tables.items() for key, row in table.items()},
    )
    report = markdown(people, len(whole), left_out, errors)
    write_bytes(target / "tals.md", report.encode())
    head, table = report.split("## Cameras\n\n")
    return f"{head.strip()}\n\n{table.split('##')[0].strip()}\n{target}: tals.json, .npz and .md"


def whole_people(people: People) -> np.ndarray:
    """Numbers of the people whose poses are fitted: all of hmr44 in the picture."""
    whole = np.flatnonzero(people.inside.all(axis=1))
    if len(whole) > MAX_POSES:
        whole = whole[np.linspace(0, len(whole) - 1, MAX_POSES).astype(int)]
    return whole


def measure(people: People, whole: np.ndarray, K: np.ndarray) -> CameraErrors:
    """What cameras K (N, 3, 3) do to people, and to the poses of those numbered in `whole`."""
    poses = PoseErrors(np.zeros((0, BODY_JOINTS)), np.zeros(0))
    if len(whole):
        poses = pose_errors(people.some(whole), K[whole])
    return CameraErrors(errors_2d(people, K), poses)
