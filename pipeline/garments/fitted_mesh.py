"""Hair and shoes that a user modelled on the template's T-pose, fitted to one person.

The mesh is carried by the similarity that best takes the template's region (head or foot) to the
person's, and then by what is left of each person's own shape nearby.
"""

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pipeline.errors import GenbError
from pipeline.garments.caches import GarmentSequence, checked, read_raw
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.garments.patterns import Template
from pipeline.garments.shoe_last import Foot

_NEIGHBOURS = 12
_REACH_M = 0.06
"""Distance from the skin over which the person's own shape fades out."""


def read_still(path: Path) -> GarmentSequence:
    """A mesh in metres of the subject frame, its first frame; raises GenbError when it is none."""
    return checked(read_raw(path, 1.0), path)


def fit_mesh(points: np.ndarray, template: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Points (N, 3) around a template's region (K, 3) carried to the same region of a person."""
    template, person = template.astype(float), person.astype(float)
    scale, rotation, move = similarity(template, person)
    carried = scale * points.astype(float) @ rotation.T + move
    left = person - (scale * template @ rotation.T + move)
    distance, near = cKDTree(person).query(carried, k=min(_NEIGHBOURS, len(person)))
    weight = 1 / np.maximum(distance, 1e-4) ** 2
    shift = (weight[..., None] * left[near]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    return carried + shift * np.exp(-distance[:, :1] / _REACH_M)


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation (3, 3), shift (3,) that best take source (K, 3) to target (Umeyama 1991)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, s, vt = np.linalg.svd((target - b).T @ (source - a))
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((s * flip).sum() / ((source - a) ** 2).sum())
    rotation = (u * flip) @ vt
    return scale, rotation, b - scale * rotation @ a


def fit_shoe(path: Path, template: Template, tpose: np.ndarray, side: str, foot: Foot) -> tuple:
    """Fields of `shoes.Shoe` for one of a user's pair, modelled on the template's feet.

    foot: the person's. Raises GenbError when the file has no shoe on that side.
    """
    mesh = read_still(path)
    points, own = mesh.vertices[0].astype(float), 1 if side == "left" else -1
    faces = mesh.faces[(own * points[mesh.faces][..., 0] > 0).all(axis=1)]
    if not len(faces):
        raise GenbError(
            f"shoes {path}: no face on the person's {side} (x {'>' if own > 0 else '<'} 0). Model "
            "both shoes on the template's T-pose, in metres, Z up, facing -Y."
        )
    used, local = np.unique(faces, return_inverse=True)
    region = template.weight(f"{side}_ankle", f"{side}_foot") > 0.5
    flat = template.vertices[region]
    here = np.stack([flat[:, 0], -flat[:, 2], flat[:, 1]], axis=1)
    vertices = fit_mesh(points[used], here, tpose[region])
    in_foot = (vertices - foot.origin) @ foot.axes.T
    # The sole of every shoe is as thick, because the body has been raised by as much already.
    low = in_foot[:, 2] < 0.004
    in_foot[low, 2] = np.maximum(in_foot[low, 2], -SHOE_SOLE_M)
    toe = 1 / (1 + np.exp(-(in_foot[:, 0] / foot.length_m - 0.70) / 0.05 * 2))
    free = np.flatnonzero(in_foot[:, 2] > 0.012)
    faces = local.reshape(-1, 3)
    still = np.zeros(len(vertices))
    trim = np.zeros(0, int)
    return foot.to_subject(in_foot), faces, low.astype(np.float32), toe, free, still, trim
