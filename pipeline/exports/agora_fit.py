"""The body parameters of AGORA's `smplx_gt` files: a person beside the place where they stand.

AGORA's models have 10 betas (kids one more) and add the mean hand to the hands' rotation vectors.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.body.frames import transform_root
from pipeline.body.modelfile import BodyModelError, ModelFile
from pipeline.truth.labels import own_betas, rest_body

if TYPE_CHECKING:
    from pipeline.smpl.convert import SmplFit

BETAS = 10

_PARTS = {
    "body_pose": slice(3, 66),
    "jaw_pose": slice(66, 69),
    "leye_pose": slice(69, 72),
    "reye_pose": slice(72, 75),
    "left_hand_pose": slice(75, 120),
    "right_hand_pose": slice(120, 165),
}


def fit_parameters(
    labels: dict[str, np.ndarray], person: int, model: ModelFile, R: np.ndarray, t: np.ndarray
) -> dict[str, np.ndarray]:
    """Arrays float32 with a leading 1, for `smplx.create(use_pca=False)` (flat_hand_mean=False).

    R (3, 3), t (3,) m: from the camera frame to the fit's. Where betas are cut, the pelvis stays in
    its place. Raises BodyModelError when the model file has no mean hands.
    """
    betas = own_betas(model, labels["betas"][person])
    kept = kept_betas(model, betas)
    pelvis = rest_body(model, kept)[1][0]
    shifted = labels["transl_cam"][person] + rest_body(model, betas)[1][0] - pelvis
    pose = labels["pose_cam"][person].copy()
    pose[:3], transl = transform_root(R, t, pose[:3], shifted, pelvis)
    pose[75:] -= hand_means(model.path)
    arrays = {
        "betas": kept,
        "global_orient": pose[:3],
        **{name: pose[part] for name, part in _PARTS.items()},
        "expression": labels["expression"][person],
        "transl": transl,
    }
    return {name: array[None].astype(np.float32) for name, array in arrays.items()}


def kept_betas(model: ModelFile, betas: np.ndarray) -> np.ndarray:
    """The first 10 of betas (b,), zeros where there are fewer; of a kid their own last one too."""
    kid = model.kid_template is not None
    kept = np.zeros(BETAS + kid)
    own = betas[:-1] if kid else betas
    kept[: min(len(own), BETAS)] = own[:BETAS]
    if kid:
        kept[-1] = betas[-1]
    return kept


def cut_mm(model: ModelFile, betas: np.ndarray) -> float:
    """How far at most a vertex of the T-pose is moved when betas (B,) are cut to AGORA's 10."""
    betas = own_betas(model, betas)
    kid = model.kid_template is not None
    if len(betas) - kid <= BETAS:
        return 0.0
    whole, cut = (rest_body(model, own) for own in (betas, kept_betas(model, betas)))
    moved = (whole[0] - whole[1][0]) - (cut[0] - cut[1][0])
    return float(1000 * np.linalg.norm(moved, axis=1).max())


def smpl_parameters(bodies: "SmplFit", person: int, kid: bool) -> dict[str, np.ndarray]:
    """The same of `smpl_gt`, float32: SMPL's names of AGORA's conversion.

    bodies: in the frames of the fits. kid: adds the kid's beta, 0, because the betas are fitted.
    """
    betas = np.concatenate([bodies.betas[person], np.zeros(int(kid))])
    arrays = {
        "betas": betas,
        "root_pose": bodies.pose[person, :3],
        "body_pose": bodies.pose[person, 3:],
        "translation": bodies.transl[person],
    }
    return {name: array[None].astype(np.float32) for name, array in arrays.items()}


@cache
def hand_means(path: Path) -> np.ndarray:
    """Mean hands (90,) float64 of a model file, left then right, axis-angle.

    Raises BodyModelError when the file has none.
    """
    with np.load(path, allow_pickle=False) as archive:
        try:
            return np.concatenate([archive[f"hands_mean{side}"].astype(float) for side in "lr"])
        except KeyError as missing:
            raise BodyModelError(
                f"{path} has no mean hands ({missing}), which AGORA's models add to every hand; "
                "run: genb doctor"
            ) from None
