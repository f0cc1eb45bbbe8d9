"""Sewing patterns: a garment is a region of the T-pose template, re-triangulated, plus a tube.

Every pattern vertex is bound to the template by three or so weights, so one cut fits every shape of
that body model and keeps its topology. Skirts, dresses and hems below the crotch continue as rings
that hang from the lowest loop. Works for any body with SMPL-X's 55 joints; body-model frame (Y up).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.errors import GenbError
from pipeline.garments.measures import EDGE_M
from pipeline.garments.outfits import measures
from pipeline.garments.remesh import remesh
from pipeline.garments.surface import boundary_loops, clip, compact, largest_part
from pipeline.scene import GarmentSpec

_ARM = ("shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class Template:
    """What tailoring needs of a body model: T-pose vertices (V, 3) m, Y up; faces (M, 3);
    weights (V, 55); J_regressor (55, V)."""

    vertices: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    J_regressor: np.ndarray

    def joint(self, name: str) -> np.ndarray:
        """Position (3,) of a joint of the template."""
        return self.J_regressor[JOINT_INDEX[name]] @ self.vertices

    def weight(self, *joints: str) -> np.ndarray:
        """Summed skinning weight (V,) of some joints."""
        return self.weights[:, [JOINT_INDEX[joint] for joint in joints]].sum(axis=1)


def read_template(path: Path) -> Template:
    """Template from a body model file; raises GenbError when it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Template(
                vertices=archive["v_template"].astype(np.float64),
                faces=archive["f"].astype(np.int64),
                weights=archive["weights"].astype(np.float64),
                J_regressor=archive["J_regressor"].astype(np.float64),
            )
    except FileNotFoundError as error:
        raise GenbError(f"body model {path} is missing. Run: genb doctor") from error
    except Exception as error:
        raise GenbError(f"body model {path} is damaged ({error}). Run: genb doctor") from error


@dataclass(frozen=True)
class Pattern:
    """A cut garment of N = n + rings vertices (n bound to the body, the rest hanging).

    binding: (n, V) convex weights on body vertices. faces: (M, 3). ease_m: (n,) distance from the
    body. pinned: (n,) bool, the neckline or waistband that moves with the body. loop: the L bound
    vertices that carry the rings, in order; rings: their number; hang_m: their length on the
    template; flare_m: their widening. scale_joints: the two joints whose distance scales hang_m.
    """

    kind: str
    binding: sp.csr_matrix
    faces: np.ndarray
    ease_m: np.ndarray
    pinned: np.ndarray
    loop: np.ndarray
    rings: int
    hang_m: float
    flare_m: float

    @property
    def bound_count(self) -> int:
        """Vertices bound to the body."""
        return self.binding.shape[0]

    @property
    def count(self) -> int:
        """All vertices."""
        return self.bound_count + self.rings * len(self.loop)


def cut(template: Template, spec: GarmentSpec) -> Pattern:
    """Cut the pattern of a garment from the template. Raises GenbError on an unknown measure."""
    size = measures(spec)
    crotch_y = _crotch_height(template)
    if spec.kind in ("tshirt", "longsleeve", "tank", "dress"):
        level, hem_y = _top_region(template, size, crotch_y)
    else:
        level, hem_y = _bottom_region(template, size, crotch_y, skirt=spec.kind == "skirt")
    interpolate, faces = clip(template.faces, level)
    faces = largest_part(faces, interpolate.shape[0])
    used, faces = compact(faces)
    interpolate = interpolate[used]
    points, faces, binding = remesh(interpolate @ template.vertices, faces, EDGE_M)
    binding = (binding @ interpolate).tocsr()
    loops = boundary_loops(faces)
    top = max(loops, key=lambda loop: points[loop, 1].mean() - abs(points[loop, 0].mean()))
    low = min(loops, key=lambda loop: points[loop, 1].mean())
    hang_m = points[low, 1].mean() - hem_y if hem_y is not None else 0.0
    rings = max(0, round(hang_m / EDGE_M)) if hang_m > 0.01 else 0
    loop = low if rings else np.zeros(0, int)
    return Pattern(
        kind=spec.kind,
        binding=binding,
        faces=np.concatenate([faces, _ring_faces(loop, rings, len(points))]),
        ease_m=_ease(template, binding, points, points[top], size, bottom=spec.layer == "lower"),
        pinned=cKDTree(points[top]).query(points)[0] < 0.03,
        loop=loop,
        rings=rings,
        hang_m=float(hang_m),
        flare_m=size.get("flare_m", 0.012),
    )


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


def _top_region(template: Template, size: dict, crotch_y: float) -> tuple[np.ndarray, float]:
    """Level function (V,), positive where a top covers the body, and the height of its hem."""
    x, y, z = template.vertices.T
    neck = template.joint("neck")
    # The neckline is half an ellipse seen from the front, and lower in front than behind.
    centre_y = neck[1] + 0.03 - 0.45 * (z - neck[2])
    half, depth = size["neck_half_m"], size["neck_m"] + 0.03
    below = np.maximum(centre_y - y, 0)
    neckline = (np.hypot((x - neck[0]) / half, below / depth) - 1) * min(half, depth)
    stops = [template.joint(f"left_{joint}")[0] for joint in _ARM]
    along = [stops[0] - (stops[1] - stops[0]), *stops]
    sleeve = np.interp(size["sleeve"], [-1, 0, 1, 2], along) - np.abs(x)
    pelvis_y = template.joint("pelvis")[1]
    hem_y = _along_leg(template, size["leg"]) if "leg" in size else pelvis_y - size["drop_m"]
    return np.minimum.reduce([neckline, sleeve, y - max(hem_y, crotch_y + 0.035)]), hem_y


def _bottom_region(
    template: Template, size: dict, crotch_y: float, skirt: bool
) -> tuple[np.ndarray, float | None]:
    """Level function (V,), positive where trousers or the top of a skirt cover the body."""
    x, y, _ = template.vertices.T
    pelvis, spine = template.joint("pelvis"), template.joint("spine1")
    waist = pelvis[1] + size["waist"] * (spine[1] - pelvis[1]) - y
    arms = template.weight(*(f"{side}_{joint}" for side in ("left", "right") for joint in _ARM))
    hem_y = _along_leg(template, size["leg"])
    end_y = crotch_y + 0.035 if skirt else hem_y
    level = np.where(arms > 0.2, -1.0, np.minimum(waist, y - end_y))
    return level, hem_y if skirt else None


def _ease(template, binding, points, top, size, bottom: bool) -> np.ndarray:
    """Distance from the body (n,): close at the band, `ease_m` elsewhere, more at the ends."""
    band_m = 0.004
    rise = _smoothstep(cKDTree(top).query(points)[0] / 0.09)
    ease = band_m + (size["ease_m"] - band_m) * rise
    if bottom:
        knee, ankle = template.joint("left_knee")[1], template.joint("left_ankle")[1]
        hip = template.joint("left_hip")[1]
        lowest = points[:, 1].min()
        start = hip if lowest > knee - 0.1 * (knee - ankle) else knee + 0.3 * (hip - knee)
        progress = (start - points[:, 1]) / max(start - lowest, 1e-6)
    else:
        sides = [f"{side}_{joint}" for side in ("left", "right") for joint in _ARM]
        progress = binding @ template.weight(*sides)
    return ease + size.get("cuff_m", 0.0) * _smoothstep(progress)


def _smoothstep(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _ring_faces(loop: np.ndarray, rings: int, first: int) -> np.ndarray:
    """Triangles of `rings` rings below a border loop; ring vertices are numbered from `first`."""
    faces = np.zeros((0, 3), int)
    previous = loop
    for ring in range(rings):
        current = first + ring * len(loop) + np.arange(len(loop))
        a, b, c, d = np.roll(previous, -1), previous, current, np.roll(current, -1)
        # Alternate the diagonal so that the cloth has no grain.
        even = (np.arange(len(loop)) + ring) % 2 == 0
        one = np.where(even[:, None], np.stack([a, b, c], 1), np.stack([a, b, d], 1))
        two = np.where(even[:, None], np.stack([a, c, d], 1), np.stack([b, c, d], 1))
        faces = np.concatenate([faces, one, two])
        previous = current
    return faces
