"""A head of hair as it is cut and combed: drawn once per person on the T-pose (numpy).

`pipeline.blender.hair_fall` lays the strands on the posed head of each frame, so that hair follows
the head and hangs with gravity.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.blender.features import Head
from pipeline.blender.scalp import Scalp, scatter
from pipeline.body.modelfile import ModelFile


@dataclass(frozen=True)
class Cut:
    """A style. strands, points: how many, and points along each. length_m: range of the whole
    head's length. tied: height and rear of the tie (scalp coordinates) that all hair is combed to.
    fringe: share of people with one. curls: shares of (straight, wavy, curly) and their radius m.
    """

    strands: int
    points: int
    length_m: tuple[float, float]
    tied: tuple[float, float] | None = None
    fringe: float = 0.0
    curls: tuple[float, float, float] = (0.55, 0.30, 0.15)
    curl_m: float = 0.0055


CUTS = {
    "buzz": Cut(12000, 3, (0.003, 0.008), curls=(1, 0, 0)),
    "short": Cut(11000, 5, (0.028, 0.065)),
    "bob": Cut(11000, 13, (0.17, 0.21), fringe=0.5, curls=(0.8, 0.2, 0)),
    "medium": Cut(11000, 13, (0.20, 0.28), fringe=0.25),
    "long": Cut(11000, 16, (0.34, 0.48), fringe=0.2),
    "ponytail": Cut(10000, 16, (0.20, 0.36), tied=(0.62, 1.02), fringe=0.2),
    "bun": Cut(9000, 16, (0.13, 0.16), tied=(0.78, 0.95), curls=(0.9, 0.1, 0)),
    "curly": Cut(8000, 22, (0.10, 0.19), curls=(0, 0, 1), curl_m=0.0095),
    "afro": Cut(11000, 9, (0.045, 0.085), curls=(1, 0, 0)),
}
"""Style -> how it is cut; "bald" has none."""

_SIDE_M = (0.007, 0.020)
_WHOLE_TIED = 7
"""Points that a tied strand spends on the head; the others are in the tail or bun."""


@dataclass(frozen=True)
class Groom:
    """One person's hair on the T-pose: N strands.

    faces (N,) and bary (N, 3): roots on the body mesh. length_m (N,), stray (N, 3), lift_m (N,) and
    lot (N, 3) are each strand's own character. height (N,) 0 at the eyes, 1 on the crown; rear (N,)
    0 at the forehead, 1 at the back; aside (N,) signed distance from the parting; sideways (N,)
    from the middle, -1..1. comb (N, 3): direction on the head in (forward, left, up). clump (N,):
    the strand each one leans towards. scalp (V,): how much hair covers the skin, 0..1. before: the
    sides (left, right) on which long hair hangs in front of the shoulder. curl_m, curl_period_m:
    helix of curly hair.
    """

    style: str
    faces: np.ndarray
    bary: np.ndarray
    length_m: np.ndarray
    stray: np.ndarray
    lift_m: np.ndarray
    lot: np.ndarray
    height: np.ndarray
    rear: np.ndarray
    aside: np.ndarray
    sideways: np.ndarray
    comb: np.ndarray
    clump: np.ndarray
    phase: np.ndarray
    scalp: np.ndarray
    before: tuple[bool, bool]
    curl_m: float
    curl_period_m: float

    @property
    def cut(self) -> Cut:
        """The style's own numbers."""
        return CUTS[self.style]

    @property
    def on_head(self) -> int:
        """Points of a tied strand that lie on the head."""
        return _WHOLE_TIED


def plan_hair(
    style: str, tpose: np.ndarray, model: ModelFile, head: Head, rng: np.random.Generator
) -> Groom | None:
    """Draw a head of hair for a T-pose (V, 3), subject frame; None for a bald head."""
    if style == "bald":
        return None
    cut, place = CUTS[style], Scalp(tpose, model, head)
    density = place.density(tpose)
    faces, bary = scatter(tpose, model.faces, density, cut.strands, rng)
    roots = np.einsum("nk,nkd->nd", bary, tpose[model.faces[faces]])
    height, rear, sideways = place.coordinates(roots)
    aside = sideways - rng.choice([-0.32, 0.0, 0.32], p=[0.35, 0.3, 0.35])
    curl = float(rng.choice([0.0, 0.35, 1.0], p=np.array(cut.curls) / sum(cut.curls)))
    fringe = bool(rng.random() < cut.fringe)
    over_brows_m = roots[:, 2] - head.landmarks[:10, 2].max() - 0.10 * head.unit_m
    length = _lengths(style, height, rear, rng)
    if fringe:
        # Hair that falls forward ends above the brows, whatever the cut.
        front = np.clip((0.30 - rear) / 0.10, 0, 1) * (np.abs(sideways) < 0.62)
        to_brows = np.maximum(1.10 * over_brows_m, 0.012) * rng.uniform(0.9, 1.05, len(faces))
        length = length * (1 - front) + to_brows * front
    count = len(faces)
    heads = rng.choice(count, max(count // 14, 1), replace=False)
    return Groom(
        style=style,
        faces=faces,
        bary=bary,
        length_m=length * (1 - 0.15 * min(curl, 1.0)),
        stray=rng.normal(0, 1, (count, 3))
        * np.where(rng.random(count) < 0.03, 0.20, 0.08)[:, None],
        lift_m=_lift(style, count, rng),
        lot=rng.normal(0, 1, (count, 3)),
        height=height,
        rear=rear,
        aside=aside,
        sideways=sideways,
        comb=_comb(style, height, rear, aside, fringe, rng),
        clump=heads[cKDTree(roots[heads]).query(roots)[1]],
        phase=rng.uniform(0, 2 * np.pi, count),
        scalp=np.clip(density * 1.3 - 0.15, 0, 1),
        before=tuple(bool(b) for b in rng.random(2) < 0.5),
        curl_m=cut.curl_m * curl,
        curl_period_m=float(rng.uniform(0.022, 0.05)),
    )


def _lift(style: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """How far each strand lies off the skin, m: what gives hair its volume."""
    share = {"buzz": 0.1, "short": 0.5, "ponytail": 0.25, "bun": 0.25, "curly": 1.6}
    return 0.003 + 0.010 * rng.random(count) ** 1.5 * share.get(style, 1.0)


def _lengths(style: str, height: np.ndarray, rear: np.ndarray, rng) -> np.ndarray:
    """Length of every strand, m."""
    vary = rng.uniform(0.78, 1.08, len(height))
    whole = rng.uniform(*CUTS[style].length_m)
    if style == "short":
        top = np.clip((height - 0.30) / 0.40, 0, 1) ** 1.3
        return (rng.uniform(*_SIDE_M) * (1 - top) + whole * top) * vary
    if style in ("buzz", "afro"):
        return whole * np.clip(0.7 + 0.5 * height, 0.55, 1.0) * vary
    if style == "bob":
        # All ends at one level: roots that are higher up have longer hair.
        return whole * np.clip(0.62 + 0.42 * height, 0.3, 1.1) * rng.uniform(0.94, 1.04, len(vary))
    layers = rng.uniform(0.0, 0.25)
    return whole * vary * (1 - layers * np.clip(0.5 - rear, 0, 0.5) * 2)


def _comb(style, height, rear, aside, fringe: bool, rng) -> np.ndarray:
    """Direction the roots are combed, (N, 3) in (forward, left, up) of the head."""
    count = len(height)
    top = np.clip((height - 0.45) / 0.3, 0, 1)[:, None]
    away = np.sign(aside)[:, None]
    if style in ("short", "buzz"):
        # One way over the whole crown; only what grows beside the parting lies the other way.
        towards = rng.choice([-1.0, 1.0])
        over = np.clip(1.0 + 2.2 * (aside[:, None] * towards + 0.45), -1, 1) * towards
        way = rng.choice(["side", "forward", "back", "up"], p=[0.35, 0.3, 0.2, 0.15])
        crown = {
            "side": np.hstack([np.full((count, 1), 0.25), over, np.full((count, 1), 0.15)]),
            "forward": np.tile([1.0, 0.12, 0.1], (count, 1)),
            "back": np.tile([-1.0, 0.0, 0.45], (count, 1)),
            "up": np.tile([0.25, 0.0, 1.0], (count, 1)),
        }[way]
        flank = np.tile([-0.35, 0.0, -1.0], (count, 1))
        return crown * top + flank * (1 - top)
    front = np.clip(1.2 - 2.2 * rear, 0, 1)[:, None]
    swept = np.hstack([-0.9 * front, 0.9 * away * top, -0.55 - 0.6 * (1 - top)])
    if fringe:
        falls = np.clip((0.30 - rear) / 0.10, 0, 1)[:, None]
        swept = swept * (1 - falls) + np.array([1.0, 0.0, -0.5]) * falls
    return swept
