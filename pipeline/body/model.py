"""A body model ready to use: free or licensed SMPL-X file in, posed vertices and joints out.

The `smplx` package (research-only licence) does the evaluation by default; `evaluator="numpy"` uses
our own page of numpy instead, free of that licence and no slower (`benchmarks/bodies.py`). smplx
and torch are imported on first use only.
"""

import tempfile
from pathlib import Path

import numpy as np

from pipeline.body.kid import with_kid
from pipeline.body.lbs import NumpyEvaluator, Posed
from pipeline.body.modelfile import (
    JOINT_INDEX,
    PARENTS,
    BodyModelError,
    ModelFile,
    model_path,
    read_model_file,
    write_plain_copy,
)

__all__ = ["BodyModel", "BodyModelError", "Posed", "load_body_model"]


def load_body_model(
    folder: Path,
    gender: str = "neutral",
    num_betas: int = 16,
    num_expression: int = 10,
    evaluator: str = "smplx",
    kid_template: Path | None = None,
) -> "BodyModel":
    """Load folder/smplx/SMPLX_<GENDER>.npz.

    evaluator: a key of EVALUATORS. kid_template: AGORA's file for children; the model then takes
    num_betas + 1 betas, the last of which blends towards that template (`pipeline.body.kid`).
    Raises BodyModelError when a file is missing, damaged or not SMPL-X, or holds fewer
    coefficients than asked for.
    """
    if evaluator not in EVALUATORS:
        raise ValueError(f"evaluator must be one of {sorted(EVALUATORS)}, not {evaluator!r}")
    file = read_model_file(model_path(folder, gender))
    if kid_template is not None:
        file, num_betas = with_kid(file, kid_template), num_betas + 1
    backend = EVALUATORS[evaluator](file, num_betas, num_expression)
    return BodyModel(file, backend, num_betas, num_expression)


class BodyModel:
    """One body model of one gender.

    faces (F, 3) int64; v_template (V, 3), weights (V, 55), J_regressor (55, V) float32, metres,
    body-model frame; parents (55,) int64, -1 for the pelvis; uv: (vt (T, 2), ft (F, 3)) or None;
    face_part (F,) and vertex_part (V,) uint8 as in `modelfile.ModelFile`. num_betas: length of
    the betas vector, a kid's extra coefficient included.
    """

    def __init__(self, file: ModelFile, evaluator, num_betas: int, num_expression: int):
        self.faces = file.faces
        self.v_template = file.v_template.astype(np.float32)
        self.weights = file.weights.astype(np.float32)
        self.J_regressor = file.J_regressor.astype(np.float32)
        self.parents = PARENTS.copy()
        self.uv = None if file.vt is None else (file.vt, file.ft)
        self.face_part = file.face_part
        self.vertex_part = file.vertex_part
        self.num_betas = num_betas
        self.num_expression = num_expression
        self._evaluator = evaluator
        rows = file.J_regressor.astype(np.float64)
        self._joints_template = rows @ file.v_template.astype(np.float64)
        basis = file.shape_basis(num_betas).astype(np.float64)
        self._joint_shape = np.einsum("jv,vdb->jdb", rows, basis, optimize=True)

    def evaluate(
        self,
        betas: np.ndarray,
        pose: np.ndarray,
        transl: np.ndarray,
        expression: np.ndarray | None = None,
    ) -> Posed:
        """One shape in B poses.

        betas (nb,); pose (B, 165) axis-angle radians, hands relative to flat; transl (B, 3) metres;
        expression (B, ne) or None for a neutral face. The result is in whatever frame the root
        rotation and translation describe. Raises ValueError on wrong shapes.
        """
        betas, pose, transl = (np.asarray(a, np.float32) for a in (betas, pose, transl))
        if expression is None:
            expression = np.zeros((len(pose), self.num_expression), np.float32)
        expression = np.asarray(expression, np.float32)
        wanted = {
            "betas": (betas, (self.num_betas,)),
            "pose": (pose, (len(pose), 3 * len(PARENTS))),
            "transl": (transl, (len(pose), 3)),
            "expression": (expression, (len(pose), self.num_expression)),
        }
        for name, (array, shape) in wanted.items():
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
        step = self._evaluator.batch
        parts = [
            self._evaluator.evaluate(betas, *(a[k : k + step] for a in (pose, transl, expression)))
            for k in range(0, len(pose), step)
        ]
        if len(parts) == 1:
            return parts[0]
        return Posed(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.joints for part in parts]),
        )

    def rest_joints(self, betas: np.ndarray) -> np.ndarray:
        """Joints (55, 3) float64 of the shape betas (nb,) in the T-pose, body-model frame."""
        return self._joints_template + self._joint_shape @ np.asarray(betas, np.float64)

    def pelvis(self, betas: np.ndarray) -> np.ndarray:
        """Rest pelvis (3,) float64 of the shape: the pivot of the root rotation."""
        return self.rest_joints(betas)[JOINT_INDEX["pelvis"]]


class SmplxEvaluator:
    """The `smplx` package behind the same call as `NumpyEvaluator`."""

    batch = 32
    """Frames per call that run fastest: larger batches are no faster and cost memory."""

    def __init__(self, file: ModelFile, num_betas: int, num_expression: int):
        import smplx

        # smplx takes the numbers silently down to what the file has; these raise instead.
        file.shape_basis(num_betas)
        file.expression_basis(num_expression)
        kid = {}
        if file.kid_template is not None:
            kid = {"age": "kid", "kid_template_path": str(file.kid_template)}

        def create(path: Path):  # a path to a file: gender plays no part
            return smplx.create(
                str(path),
                model_type="smplx",
                ext="npz",
                use_pca=False,
                flat_hand_mean=True,
                num_betas=num_betas - bool(kid),  # smplx adds the kid's own one
                num_expression_coeffs=num_expression,
                batch_size=1,
                **kid,
            )

        if file.has_objects:  # smplx would unpickle them: give it a copy without
            with tempfile.TemporaryDirectory() as scratch:
                plain = Path(scratch) / file.path.name
                write_plain_copy(file.path, plain)
                self._model = create(plain)
        else:
            self._model = create(file.path)

    def evaluate(
        self, betas: np.ndarray, pose: np.ndarray, transl: np.ndarray, expression: np.ndarray
    ) -> Posed:
        import torch

        tensors = {
            "betas": np.repeat(betas[None], len(pose), axis=0),
            "global_orient": pose[:, 0:3],
            "body_pose": pose[:, 3:66],
            "jaw_pose": pose[:, 66:69],
            "leye_pose": pose[:, 69:72],
            "reye_pose": pose[:, 72:75],
            "left_hand_pose": pose[:, 75:120],
            "right_hand_pose": pose[:, 120:165],
            "transl": transl,
            "expression": expression,
        }
        # Every argument is given: the model's own defaults are one frame long.
        with torch.no_grad():
            out = self._model(**{k: torch.tensor(v) for k, v in tensors.items()})
        return Posed(out.vertices.numpy(), out.joints.numpy())


EVALUATORS = {"smplx": SmplxEvaluator, "numpy": NumpyEvaluator}
"""What can evaluate a body model file; `body.evaluator` in a configuration chooses."""
