"""How much of a garment lies inside the body, frame by frame, and how far from it the cloth is."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.garments.inside import inside

MOST_FRAMES = 32
"""Frames that are measured, spread evenly: an exact inside test takes a tenth of a second."""
_FEW = 500


def length(metres: float) -> str:
    """A length as people say it: mm, cm or m."""
    if metres < 0.1:
        return f"{1000 * metres:.0f} mm"
    return f"{100 * metres:.0f} cm" if metres < 1 else f"{metres:.3g} m"


@dataclass(frozen=True)
class Penetration:
    """Per measured frame (K,): clip frame, share of the vertices inside the body, share deeper than
    1 cm, the deepest in mm. away_m: median distance of the cloth from the body."""

    frame: np.ndarray
    share: np.ndarray
    deep_share: np.ndarray
    deepest_mm: np.ndarray
    away_m: float

    def summary(self) -> str:
        """One line: the worst frame, and where the cloth is when that is not on the body."""
        worst = int(self.share.argmax())
        text = (
            f"{100 * self.share[worst]:.2f} % of the vertices inside the body at worst (clip frame "
            f"{self.frame[worst]}), {100 * self.share.mean():.2f} % on average, "
            f"deepest {self.deepest_mm.max():.1f} mm"
        )
        return f"{text}; the cloth is {length(self.away_m)} from the skin (median)"

    def table(self) -> str:
        """A line per measured frame that has cloth inside the body."""
        rows = zip(self.frame, self.share, self.deepest_mm, strict=True)
        return "\n".join(
            f"    frame {frame}: {100 * share:.2f} % inside, deepest {deepest:.1f} mm"
            for frame, share, deepest in rows
            if share > 0
        )


def measure(cloth: np.ndarray, body: np.ndarray, faces: np.ndarray) -> Penetration:
    """Penetration of cloth (T, N, 3) in a body (T, V, 3) with faces (M, 3), metres, one frame."""
    chosen = np.unique(np.linspace(0, len(cloth) - 1, MOST_FRAMES).round().astype(int))
    depth = np.stack([inside(body[k], faces, cloth[k]) for k in chosen])
    some = cloth[:, :: max(1, cloth.shape[1] // _FEW)]
    away = [cKDTree(body[k]).query(some[k])[0] for k in chosen[:: max(1, len(chosen) // 4)]]
    return Penetration(
        frame=chosen,
        share=(depth > 0).mean(axis=1),
        deep_share=(depth > 0.01).mean(axis=1),
        deepest_mm=1000 * depth.max(axis=1),
        away_m=float(np.median(np.concatenate(away))),
    )
