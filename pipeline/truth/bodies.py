"""Bodies from labels: the model files that labels are about, and the vertices that they give.

The numpy evaluator does it, whatever made the data: a second route beside the `smplx` package.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.body.kid import with_kid
from pipeline.body.lbs import NumpyEvaluator
from pipeline.body.modelfile import ModelFile, model_path, read_model_file
from pipeline.storage import sha256_file
from pipeline.truth.labels import own_betas


def person_model(folder: Path, gender: str, kid_template: Path | None = None) -> ModelFile:
    """The model file of a gender below `folder`, read once per process.

    kid_template: for AGORA's children of the licensed model. Raises BodyModelError.
    """
    return cached_model(model_path(folder, gender), kid_template)


@dataclass(frozen=True)
class _Content:
    """A file by its bytes: every dataset brings its own copy of the same model."""

    digest: str
    path: Path = field(compare=False)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    return sha256_file(path)


def _content(path: Path) -> _Content:
    if not path.is_file():  # the reader says so better
        return _Content(str(path), path)
    stat = path.stat()
    return _Content(_digest(path, stat.st_size, stat.st_mtime_ns), path)


def cached_model(path: Path, kid_template: Path | None) -> ModelFile:
    """A model file, read once per process and content. Raises BodyModelError."""
    return _model(_content(path), _content(kid_template) if kid_template else None)


# Three genders, and AGORA's children of two of them; a model takes some 300 MB.
@lru_cache(maxsize=5)
def _model(file: _Content, kid: _Content | None) -> ModelFile:
    model = read_model_file(file.path)
    return with_kid(model, kid.path) if kid else model


@lru_cache(maxsize=5)
def _evaluator(model: ModelFile, num_betas: int, num_expression: int) -> NumpyEvaluator:
    return NumpyEvaluator(model, num_betas, num_expression)


def label_vertices(labels: dict[str, np.ndarray], models: list[ModelFile]) -> np.ndarray:
    """Bodies (P, V, 3) float64 m in the camera frame, from the labels' own parameters."""
    return label_bodies(labels, models)[0]


def label_bodies(
    labels: dict[str, np.ndarray], models: list[ModelFile]
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (P, V, 3) and joints (P, 127, 3), float64 m, camera frame.

    labels: `betas`, `expression`, `pose_cam`, `transl_cam`, see `schema`. models: one per person.
    """
    vertices, joints = [], []
    for k, model in enumerate(models):
        betas, expression = own_betas(model, labels["betas"][k]), labels["expression"][k]
        evaluator = _evaluator(model, len(betas), len(expression))
        posed = evaluator.evaluate(
            betas, labels["pose_cam"][k : k + 1], labels["transl_cam"][k : k + 1], expression[None]
        )
        vertices.append(posed.vertices[0])
        joints.append(posed.joints[0])
    return np.array(vertices, np.float64), np.array(joints, np.float64)
