"""Training pictures of the demo re-renderer: our own renders with their controls, and CC0 skies.

Everything is cut, coloured and graded at random from one generator; nothing is flipped, as a
mirrored skeleton would have its left and right colours swapped.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline import assets
from pipeline.contracts import RenderPasses
from pipeline.diffusion.controls import canny, control_pictures
from pipeline.errors import GenbError
from pipeline.storage import read_npz

CONTROLS = ("normal", "canny")
"""How surfaces lie and where edges are; every further control would cost a third more time."""

_SKIES_SHARE = 0.25
_ON_PEOPLE_SHARE = 0.7
_SKY_VIEWS = 6


@dataclass(frozen=True)
class Picture:
    """image: (H, W, 3) u8 RGB. controls: name -> (H, W, 3) u8. people: (N, 2) row, column."""

    image: np.ndarray
    controls: dict[str, np.ndarray]
    people: np.ndarray


@dataclass(frozen=True)
class TrainingData:
    """Renders and sky views to cut from; the last renders are kept back for validation."""

    renders: list[Picture]
    skies: list[Picture]
    held_back: list[Picture]

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> dict[str, np.ndarray]:
        """'image' and every control, each (count, 3, crop, crop) f32 in [0, 1]."""
        rows = [self._cut(rng, crop_px) for _ in range(count)]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _cut(self, rng: np.random.Generator, crop_px: int) -> dict[str, np.ndarray]:
        pool = self.skies if self.skies and rng.random() < _SKIES_SHARE else self.renders
        picture = pool[rng.integers(len(pool))]
        height, width = picture.image.shape[:2]
        row, column = (int(rng.integers(0, size - crop_px + 1)) for size in (height, width))
        if len(picture.people) and rng.random() < _ON_PEOPLE_SHARE:
            row, column = picture.people[rng.integers(len(picture.people))] - crop_px // 2
            row = int(np.clip(row, 0, height - crop_px))
            column = int(np.clip(column, 0, width - crop_px))
        window = np.s_[row : row + crop_px, column : column + crop_px]
        cut = {"image": _regraded(_planes(picture.image[window]), rng)}
        return cut | {name: _planes(picture.controls[name][window]) for name in CONTROLS}


def load_training_data(dataset: Path, held_back: int = 4) -> TrainingData:
    """Data from a finished dataset folder whose `work/` still exists.

    Raises GenbError when there is no such folder, or too few frames in it.
    """
    render_dir, truth_dir = (_only_folder(dataset / "work" / name) for name in ("render", "truth"))
    pictures = []
    for image_path in sorted(render_dir.glob("scene_*/frame_*.png")):
        labels_path = truth_dir / image_path.parent.name / f"{image_path.stem}.npz"
        if labels_path.is_file():
            pictures.append(_load_picture(image_path, labels_path))
    if len(pictures) <= held_back:
        raise GenbError(
            f"{dataset} holds {len(pictures)} labelled renders; training needs more than "
            f"{held_back}. Make some first: luigi --module tasks BuildGenB --scenes 50"
        )
    return TrainingData(pictures[:-held_back], _sky_pictures(), pictures[-held_back:])


def _only_folder(parent: Path) -> Path:
    folders = [path for path in parent.glob("*") if path.is_dir()]
    if len(folders) != 1:
        raise GenbError(
            f"{parent} should hold the output of exactly one configuration, but holds "
            f"{len(folders)}. Use a dataset made in a fresh folder that still has its work folder."
        )
    return folders[0]


def _load_picture(image_path: Path, labels_path: Path) -> Picture:
    image = cv2.cvtColor(cv2.imread(str(image_path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    passes = RenderPasses.load(image_path.with_suffix(".npz"))
    labels = read_npz(labels_path)
    controls = control_pictures(list(CONTROLS), image, passes, labels, spec=None, frame=0)
    return Picture(image, controls, np.argwhere(passes.instance > 0))


def _sky_pictures(size_px: int = 320) -> list[Picture]:
    """Views into Blender's CC0 HDRIs: what real places look like. Only their edges are controls."""
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    pictures = []
    for name in sorted(assets.manifest("hdri")):
        panorama = cv2.imread(str(assets.find_file("hdri", name)), cv2.IMREAD_UNCHANGED)
        if panorama is None:
            continue
        panorama = panorama[..., 2::-1].astype(np.float32)
        for turn in range(_SKY_VIEWS):
            image = _tone_mapped(_view(panorama, 2 * np.pi * turn / _SKY_VIEWS, size_px))
            facing = np.broadcast_to(np.uint8([127, 127, 255]), image.shape)
            controls = {"normal": facing, "canny": canny(image)}
            pictures.append(Picture(image, controls, np.zeros((0, 2), int)))
    return pictures


def _view(panorama: np.ndarray, yaw: float, size_px: int, fov_deg: float = 90.0) -> np.ndarray:
    """Level perspective view into an equirectangular panorama."""
    reach = np.tan(np.radians(fov_deg) / 2)
    x, y = np.meshgrid(*[np.linspace(-reach, reach, size_px, dtype=np.float32)] * 2)
    longitude = np.arctan2(x, 1) + yaw
    latitude = np.arctan2(y, np.hypot(x, 1))
    height, width = panorama.shape[:2]
    column = (longitude / (2 * np.pi) % 1 * width).astype(np.float32)
    row = ((latitude / np.pi + 0.5) * height).astype(np.float32)
    return cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _tone_mapped(linear: np.ndarray) -> np.ndarray:
    """u8 display picture of linear light: exposed to mid-grey, highlights rolled off."""
    linear = np.maximum(linear, 0)
    exposed = linear * (0.18 / np.exp(np.log(linear.mean(axis=-1) + 1e-3).mean()))
    return ((1 - np.exp(-exposed * 1.5)) ** (1 / 2.2) * 255).clip(0, 255).astype(np.uint8)


def _planes(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32) / 255


def _regraded(planes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another photographer's grading: gamma, exposure, white balance, saturation."""
    gain = rng.uniform(0.85, 1.2) * (1 + rng.normal(0, 0.05, (3, 1, 1)))
    graded = (planes * gain).clip(0, 1) ** rng.uniform(0.75, 1.3)
    grey = graded.mean(axis=0, keepdims=True)
    graded = grey + rng.uniform(0.7, 1.3) * (graded - grey)
    return graded.clip(0, 1).astype(np.float32)
