"""Bodies from labels: the model files that labels are about, and the vertices that they give.

The numpy evaluator does it, whatever made the data: a second route beside the `smplx` package.
"""

from functools import cache
from pathlib import Path

import numpy as np

from pipeline.body.kid import with_kid
from pipeline.body.lbs import NumpyEvaluator
from pipeline.body.modelfile import ModelFile, model_path, read_model_file
from pipeline.truth.labels import own_betas


def person_model(folder: Path, gender: str, kid_template: Path | None = None) -> ModelFile:
    """The model file of a gender below `folder`, read once per process.

    kid_template: for AGORA's children of the licensed model. Raises BodyModelError.
    """
    return cached_model(model_path(folder, gender), kid_template)


@cache
def cached_model(path: Path, kid_template: Path | None) -> ModelFile:
    """A model file, read once per process."""
    file = read_model_file(path)
    return with_kid(file, kid_template) if kid_template else file


@cache
def _evaluator(path: Path, kid: Path | None, num_betas: int, num_expression: int):
    return NumpyEvaluator(cached_model(path, kid), num_betas, num_expression)


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
        evaluator = _evaluator(model.path, model.kid_template, len(betas), len(expression))
        posed = evaluator.evaluate(
            betas, labels["pose_cam"][k : k + 1], labels["transl_cam"][k : k + 1], expression[None]
        )
        vertices.append(posed.vertices[0])
        joints.append(posed.joints[0])
    return np.array(vertices, np.float64), np.array(joints, np.float64)
