"""Which part of the template a garment covers: level functions, positive where there is cloth.

Each function returns named levels (V,) in metres; the garment is where all are positive, and the
level that is zero on a stretch of its border tells what that stretch is: `band` (neckline or
waistband), `sleeve`, `hem` or `front` (the edge of an open front). Body-model frame (Y up).
"""

import numpy as np
import scipy.sparse as sp

from pipeline.garments.surface import split_along
from pipeline.garments.template import ARM, Template

_WRIST = 1.98
"""Sleeve measure up to which the skin is that of an arm, not of a hand."""

_SEAT_M = 0.035
"""A tube hangs free from this far above the crotch."""


def top_levels(template: Template, size: dict[str, float]) -> tuple[dict[str, np.ndarray], float]:
    """Levels of a top (`band`, `sleeve`, `hem`) and the height of its hem, m."""
    x, y, z = template.vertices.T
    neck = template.joint("neck")
    # The neckline is half an ellipse seen from the front, and lower in front than behind.
    centre_y = neck[1] + 0.03 - 0.45 * (z - neck[2])
    half, depth = size["neck_half_m"], size["neck_m"] + 0.03
    below = np.maximum(centre_y - y, 0)
    neckline = (np.hypot((x - neck[0]) / half, below / depth) - 1) * min(half, depth)
    stops = [template.joint(f"left_{joint}")[0] for joint in ARM]
    along = [stops[0] - (stops[1] - stops[0]), *stops]
    # A longer sleeve is bound up to the wrist too; the tailor lets it go on along the forearm.
    sleeve = np.interp(min(size["sleeve"], _WRIST), [-1, 0, 1, 2], along) - np.abs(x)
    pelvis_y = template.joint("pelvis")[1]
    hem_y = _along_leg(template, size["leg"]) if "leg" in size else pelvis_y - size["drop_m"]
    hem = y - max(hem_y, _crotch_height(template) + _SEAT_M)
    return {"band": neckline, "sleeve": sleeve, "hem": hem}, hem_y


def bottom_levels(
    template: Template, size: dict[str, float]
) -> tuple[dict[str, np.ndarray], float | None]:
    """Levels of trousers or the top of a skirt (`band`, `hem`), and the height of a skirt's hem."""
    y = template.vertices[:, 1]
    pelvis, spine = template.joint("pelvis"), template.joint("spine1")
    waist = pelvis[1] + size["waist"] * (spine[1] - pelvis[1]) - y
    hem_y = _along_leg(template, size["leg"])
    skirt = "flare_m" in size
    end_y = _crotch_height(template) + _SEAT_M if skirt else hem_y
    band = np.where(template.arms() > 0.2, -1.0, waist)
    return {"band": band, "hem": y - end_y}, hem_y if skirt else None


def open_front(
    template: Template, levels: dict[str, np.ndarray], hem_y: float, gap_m: float
) -> tuple[sp.csr_matrix, np.ndarray, dict[str, np.ndarray]]:
    """Cut a top open in front, from a narrow gap at the neck to `gap_m` at the hem.

    Returns the template split along its middle, as P (N, V) with points P @ vertices and faces,
    and the levels on those points with `front` added: the gap may be narrower than a triangle.
    """
    neck, pelvis = template.joint("neck"), template.joint("pelvis")
    split, faces = split_along(template.faces, template.vertices[:, 0] - neck[0])
    x, y, z = (split @ template.vertices).T
    levels = {name: split @ level for name, level in levels.items()}
    down = np.clip((neck[1] - y) / (neck[1] - hem_y), 0, 1)
    half_m = gap_m / 2 * (0.35 + 0.65 * down)
    spine_z = np.interp(y, [pelvis[1], neck[1]], [pelvis[2], neck[2]])
    levels["front"] = np.where(z > spine_z, np.abs(x - neck[0]) - half_m, 1.0)
    return split, faces, levels


def _crotch_height(template: Template) -> float:
    """Height of the lowest point between the legs."""
    vertices = template.vertices
    middle = np.abs(vertices[:, 0] - template.joint("pelvis")[0]) < 0.012
    trunk = template.weight("pelvis", "left_hip", "right_hip", "spine1") > 0.5
    return float(vertices[middle & trunk, 1].min())


def _along_leg(template: Template, leg: float) -> float:
    """Height at a leg measure: 0 hip, 1 knee, 2 ankle."""
    stops = [template.joint(f"left_{joint}")[1] for joint in ("hip", "knee", "ankle")]
    return float(np.interp(leg, [0, 1, 2], stops))
