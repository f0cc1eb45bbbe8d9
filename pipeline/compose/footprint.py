"""How much room a moving person takes: spheres along the bones, over all frames.

Cheap enough to try hundreds of placements per scene; the audit later measures the real meshes.
"""

import numpy as np

# Radius of a clothed body around each of the first 22 joints' bone (to its parent), as a share of
# stature; measured on the free body's mean shape plus a finger's breadth for clothes.
_RADIUS_SHARE = {
    "torso": 0.090,
    "head": 0.070,
    "thigh": 0.060,
    "shin": 0.045,
    "foot": 0.040,
    "arm": 0.035,
    "hand": 0.045,
}
_KIND = (
    ["torso", "thigh", "thigh", "torso", "thigh", "thigh", "torso", "shin", "shin", "torso"]
    + ["foot", "foot", "torso", "torso", "torso", "head", "torso", "torso", "arm", "arm", "arm"]
    + ["arm"]
)
_PARENT = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19]
_HEAD, _NECK = 15, 12
_WRISTS = ((20, 18), (21, 19))
_STEPS = 4
SPHERE_JOINTS = np.array(
    [0, *np.repeat(np.arange(1, len(_KIND)), _STEPS), _HEAD, *(wrist for wrist, _ in _WRISTS)]
)
"""The joint (S,) at whose end of a bone each of `body_spheres` lies."""


def body_spheres(joints: np.ndarray, stature_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Spheres that cover a posed body.

    joints: (T, >=22, 3) metres, any frame. Returns centres (T, S, 3) and radii (S,) metres.
    """
    centres, radii = [], []
    shares = np.linspace(0.0, 1.0, _STEPS)
    for joint, (kind, parent) in enumerate(zip(_KIND, _PARENT, strict=True)):
        for share in shares if joint else (1.0,):
            centres.append((1 - share) * joints[:, parent] + share * joints[:, joint])
            radii.append(_RADIUS_SHARE[kind] * stature_m)
    # The skull above the head joint and the hands beyond the wrists have no bone of their own.
    centres.append(joints[:, _HEAD] + 0.9 * (joints[:, _HEAD] - joints[:, _NECK]))
    radii.append(_RADIUS_SHARE["head"] * stature_m)
    for wrist, elbow in _WRISTS:
        centres.append(joints[:, wrist] + 0.45 * (joints[:, wrist] - joints[:, elbow]))
        radii.append(_RADIUS_SHARE["hand"] * stature_m)
    return np.stack(centres, axis=1), np.array(radii)


def smallest_gap_m(
    centres_a: np.ndarray, radii_a: np.ndarray, centres_b: np.ndarray, radii_b: np.ndarray
) -> float:
    """Smallest distance between two people in any frame; negative when their spheres overlap."""
    difference = centres_a[:, :, None] - centres_b[:, None]
    distance = np.sqrt(np.einsum("tabi,tabi->tab", difference, difference))
    return float((distance - radii_a[:, None] - radii_b).min())
