"""Motions as SMPL-X npz files in AMASS's keys: one file per person and uninterrupted run of frames.

`<split>/SSSSSS_pNNN_fFFFF.npz` of scene, person and first frame. Poses and translations are in our
world frame (Z up, metres, like AMASS's), the camera of every frame stands beside them. Pictures of
one frame share their labels, so each frame is there once.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from pipeline.dataset import Dataset, Frame
from pipeline.exports.folder import SPLITS, refuse_strays
from pipeline.exports.formats import ExportOptions
from pipeline.storage import read_npz, write_npz

_PARTS = {
    "root_orient": slice(0, 3),
    "pose_body": slice(3, 66),
    "pose_jaw": slice(66, 69),
    "pose_eye": slice(69, 75),
    "pose_hand": slice(75, 165),
}
"""AMASS's names of the parts of `poses`."""


def rows(dataset: Dataset, options: ExportOptions) -> Iterator[dict]:
    """One row per track, ordered by scene, first frame and person: `file`, and the file's arrays.

    poses (T, 165) and its parts, axis-angle, world; trans (T, 3) m, world: the model, given these,
    is in the world; betas (B,), num_betas; expression (T, 10); gender; surface_model_type 'smplx';
    kid_template (bool); mocap_frame_rate, Hz; K (T, 3, 3) px; T_cam_world (T, 4, 4) m; frames (T,)
    int64 and keys (T,) of the samples; split, subject, action. Numbers are float64.
    """
    step = dataset.description["config"]["scene"]["frame_step"]
    frames = dataset.frames(options.split, members=())
    for _, scene in groupby(frames, key=lambda frame: frame.facts["scene"]):
        for run in _runs(scene):
            for k in range(len(run[0].people)):
                yield _track(run, k, step)


def write(dataset: Dataset, out: Path, options: ExportOptions) -> list[str]:
    """Write a file per track; returns notes.

    Raises GenbError when files of an earlier export lie in the folder.
    """
    written, single = [], 0
    for row in rows(dataset, options):
        path = Path(out) / row["file"]
        write_npz(path, {name: array for name, array in row.items() if name != "file"})
        written.append(path)
        single += len(row["keys"]) == 1
    refuse_strays(_files(out), written)
    notes = [f"{len(written)} tracks, {single} of them of a single frame."]
    if dataset.description["config"]["diffusion"]["appearances"] > 1:
        notes.append("Of several appearances of a frame the first is named: labels are the same.")
    if options.bbox_factor is not None:
        notes.append("bbox_factor is not used: there are no boxes in these files.")
    return notes


def read(out: Path) -> Iterator[dict]:
    """The rows again. Raises GenbError when a file is damaged."""
    for path in sorted(_files(out), key=_place):
        yield {"file": path.relative_to(out).as_posix(), **read_npz(path)}


def _files(out: Path) -> list[Path]:
    return [path for split in SPLITS for path in (Path(out) / split).glob("*.npz")]


def _place(path: Path) -> list[str]:
    """What tracks are sorted by: scene, first frame, person."""
    scene, person, frame = path.stem.split("_")
    return [scene, frame, person]


def _runs(scene: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Frames of a scene that follow each other without a gap (subsets have some), each once."""
    run: list[Frame] = []
    for frame in scene:
        number = frame.facts["frame"]
        if run and number == run[-1].facts["frame"]:
            continue
        if run and number != run[-1].facts["frame"] + 1:
            yield run
            run = []
        run.append(frame)
    yield run


def _track(run: list[Frame], k: int, step: int) -> dict:
    """Row of person k. step: clip frames from one image to the next where a run does not tell."""
    facts, person = run[0].facts, run[0].people[k]
    clip = [frame.people[k]["motion_frame"] for frame in run]
    step = clip[1] - clip[0] if len(clip) > 1 else step
    poses = _stack(run, "pose_world", k)
    betas = run[0].labels["betas"][k]
    name = f"{facts['scene']:06d}_p{k:03d}_f{facts['frame']:04d}.npz"
    texts = {
        "gender": person["gender"],
        "surface_model_type": "smplx",
        "split": facts["split"],
        "subject": person["subject"],
        "action": person["action"],
    }
    return {
        "file": f"{facts['split']}/{name}",
        **{key: np.array(text) for key, text in texts.items()},
        "kid_template": np.array(person["kid_template"]),
        "mocap_frame_rate": np.array(person["motion_fps"] / step, np.float64),
        "betas": betas,
        "num_betas": np.array(len(betas), np.int64),
        "poses": poses,
        **{key: poses[:, place] for key, place in _PARTS.items()},
        "trans": _stack(run, "transl_world", k),
        "expression": _stack(run, "expression", k),
        "K": np.stack([frame.labels["K"] for frame in run]),
        "T_cam_world": np.stack([frame.labels["T_cam_world"] for frame in run]),
        "frames": np.array([frame.facts["frame"] for frame in run], np.int64),
        "keys": np.array([frame.key for frame in run]),
    }


def _stack(run: list[Frame], name: str, k: int) -> np.ndarray:
    return np.stack([frame.labels[name][k] for frame in run])
