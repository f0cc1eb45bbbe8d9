"""A calibrated population of T-posed bodies, and the linear shape space learned from it.

MakeHuman's raw sliders give odd populations, so statures are drawn from human statistics and the
height slider is solved for. Ages run from 3 to 85; the attributes of every body are
kept, so that whoever draws a body from the table knows whom it depicts.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.body.free.makehuman import SKIN_VERTEX_COUNT, MakeHuman
from pipeline.body.free.mesh import Surface
from pipeline.body.free.skeleton import skin_to_tpose, solve_tpose
from pipeline.body.modelfile import SHAPE_DIM
from pipeline.body.statures import (
    ADULT_AGE_YEARS,
    ADULT_STATURE_M,
    SEXES,
    STATURE_LIMIT_SD,
    child_stature_m,
)

AGE_MAP = ((0.0, 1.0), (1 / 3, 10.0), (0.6, 18.0), (2 / 3, 25.0), (1.0, 90.0))
"""MakeHuman age value -> years. Anchors 1, 10, 25 and 90 are MakeHuman's own named shapes; the one
at 18 says that a body is nearly grown then, which a straight line from 10 to 25 would deny."""

# Spread of the local sliders by region; regions not named are parts of the face.
_LOCAL_SPREAD = {
    "arms": 0.25,
    "legs": 0.25,
    "torso": 0.25,
    "hip": 0.25,
    "stomach": 0.25,
    "buttocks": 0.25,
    "neck": 0.15,
    "head": 0.12,
    "breast": 0.15,
    "pelvis": 0.2,
    "hands": 0.2,
    "feet": 0.15,
}
_FACE_SPREAD = 0.22
# Women, men: median, logarithmic spread and end of the weight slider. They give BMIs of about
# 25 +- 4; beyond the ends flesh folds in ways that the artists' shapes were not made for.
_ADULT_WEIGHT = ((0.85, 0.60), (0.42, 0.40), (1.75, 1.35))
_ASYMMETRY = 0.15
_LOCAL_FULL_STATURE_M = 1.7  # local sliders are offsets in metres of a grown body: less for less


@dataclass(frozen=True)
class Population:
    """S people: their sliders and what they say about them.

    phenotypes: axis -> (S,). local: (S, L). gender: (S,) '<U6'. age_years, stature_m: (S,).
    """

    phenotypes: dict[str, np.ndarray]
    local: np.ndarray
    gender: np.ndarray
    age_years: np.ndarray
    stature_m: np.ndarray

    def __len__(self) -> int:
        return len(self.gender)

    def rows(self, rows: slice) -> "Population":
        """The people of a slice."""
        return Population(
            {axis: value[rows] for axis, value in self.phenotypes.items()},
            self.local[rows],
            self.gender[rows],
            self.age_years[rows],
            self.stature_m[rows],
        )


@dataclass(frozen=True)
class ShapeSpace:
    """Mean shape (V, 3) and unit-variance directions (V, 3, 300), metres, largest first."""

    mean: np.ndarray
    directions: np.ndarray

    def betas(self, vertices: np.ndarray) -> np.ndarray:
        """Coefficients (S, 300) float32 of T-pose bodies (S, V, 3): least squares, exactly."""
        flat = self.directions.reshape(-1, self.directions.shape[2])
        length2 = np.maximum((flat * flat).sum(axis=0), 1e-20)  # a small training set has fewer
        return ((vertices - self.mean).reshape(len(vertices), -1) @ (flat / length2)).astype(
            np.float32
        )

    def error_mm(self, vertices: np.ndarray, count: int) -> tuple[float, float]:
        """Mean and 99th percentile vertex distance when only `count` coefficients are kept."""
        flat = self.directions[:, :, :count].reshape(-1, count)
        left = (vertices - self.mean).reshape(len(vertices), -1)
        left = left - self.betas(vertices)[:, :count] @ flat.T
        distance = np.linalg.norm(left.reshape(len(vertices), -1, 3), axis=-1) * 1000
        return float(distance.mean()), float(np.percentile(distance, 99))


def sample_population(
    rng: np.random.Generator, body: MakeHuman, adults: int, children: int
) -> Population:
    """Draw people of both genders. Children are 3 to 17 years old, adults 18 to 85."""
    count = adults + children
    child = np.arange(count) < children
    child_years = rng.uniform(3.0, 17.0, count)
    adult_years = ADULT_AGE_YEARS + rng.beta(1.6, 2.4, count) * (85.0 - ADULT_AGE_YEARS)
    years = np.where(child, child_years, adult_years)
    young = years < 13.0
    female = rng.random(count) < 0.5
    gender = np.where(female, "female", "male")
    blur = np.abs(rng.normal(0, 0.07, count)).clip(0, 0.25)  # clear, yet not all at the extreme
    ancestry = rng.dirichlet((0.6, 0.6, 0.6), count)
    map_value, map_years = np.array(AGE_MAP).T
    phenotypes = {
        "gender": np.where(female, 1 - blur, blur),
        "age": np.interp(years, map_years, map_value),
        "muscle": rng.normal(0.5, 0.17, count).clip(0, 1),
        "weight": _body_weight(rng.normal(0, 1, count), female, child),
        "proportions": rng.normal(0.6, 0.2, count).clip(0, 1),
        "cupsize": np.where(young, 0.5, rng.normal(0.5, 0.2, count).clip(0, 1)),
        "firmness": np.where(young, 0.5, rng.normal(0.5, 0.2, count).clip(0, 1)),
        "african": ancestry[:, 0],
        "asian": ancestry[:, 1],
        "caucasian": ancestry[:, 2],
    }
    stature = np.empty(count)
    deviate = rng.normal(0, 1, count).clip(-STATURE_LIMIT_SD, STATURE_LIMIT_SD)
    for name in SEXES:
        mean, sd = ADULT_STATURE_M[name]
        grown = mean + sd * deviate
        growing = child_stature_m(name, years, deviate)
        mine = gender == name
        stature[mine] = np.where(child, growing, grown)[mine]
    size = (stature / _LOCAL_FULL_STATURE_M).clip(0, 1)
    local = _sample_local(rng, body, count) * size[:, None] ** 1.5
    return Population(phenotypes, local, gender, years.astype(np.float32), stature)


def _body_weight(deviate: np.ndarray, female: np.ndarray, child: np.ndarray) -> np.ndarray:
    """Weight slider (S,) of adults, skewed as body masses are, and of children, who stay lean."""
    middle, spread, highest = (np.where(female, *pair) for pair in _ADULT_WEIGHT)
    grown = (middle * np.exp(spread * deviate)).clip(0, highest)
    return np.where(child, (0.62 + 0.08 * female + 0.22 * deviate).clip(0, 1), grown)


def _sample_local(rng: np.random.Generator, body: MakeHuman, count: int) -> np.ndarray:
    changes = body.local_changes
    spread = np.array([_LOCAL_SPREAD.get(c.group, _FACE_SPREAD) for c in changes])
    for k, change in enumerate(changes):
        # Nipple sliders move what was cut away; torso shears would bend a rest pose's spine.
        if "nipple" in change.name or ("trans" in change.name and change.group == "torso"):
            spread[k] = 0
    amount = rng.normal(0, 1, (count, len(changes))).clip(-2.5, 2.5) * spread
    column = {change.name: k for k, change in enumerate(changes)}
    for k, change in enumerate(changes):
        twin = column.get("l-" + change.name.removeprefix("r-"))
        if change.side == "right" and change.name.startswith("r-") and twin is not None:
            amount[:, k] = amount[:, twin] + _ASYMMETRY * (amount[:, k] - amount[:, twin])
    return amount


def tposed_bodies(
    body: MakeHuman, surface: Surface, fold: np.ndarray, people: Population, batch: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """T-pose vertices (S, V, 3) and rig joints (S, 55, 3), float32, pelvis at the origin.

    The height slider is solved for the stature wanted: vertices are linear in it. What is left
    (the T-pose straightens the legs) is a uniform scale of a few per cent.
    """
    vertices = np.empty((len(people), len(surface.keep), 3), np.float32)
    joints = np.empty((len(people), fold.shape[1], 3), np.float32)
    weights = body.bone_weights[surface.keep]
    for start in range(0, len(people), batch):
        chosen = slice(start, min(start + batch, len(people)))
        some = people.rows(chosen)
        rest = body.rest_vertices(some.phenotypes | {"height": np.zeros(len(some))}, some.local)
        slope = body.height_slope(some.phenotypes)
        low, high = (np.ptp(v[:, :SKIN_VERTEX_COUNT, 1], axis=1) for v in (rest, rest + slope))
        slider = ((some.stature_m - low) / (high - low)).clip(0, 1).astype(np.float32)
        rest += slider[:, None, None] * slope
        tpose = solve_tpose(body, fold, rest)
        posed = skin_to_tpose(weights, tpose, rest, surface.keep)
        scale = some.stature_m / np.ptp(posed[:, :, 1], axis=1)
        vertices[chosen] = posed * scale[:, None, None]
        joints[chosen] = tpose.joints * scale[:, None, None]
    return vertices, joints


def learn_shape_space(vertices: np.ndarray, centre_on: np.ndarray) -> ShapeSpace:
    """Principal directions of bodies (S, V, 3) about the mean of the rows `centre_on` (adults).

    Centring on adults keeps betas = 0 a plausible grown-up although children are in the space.
    Signs are fixed: a positive coefficient lifts the top of the head.
    """
    mean = vertices[centre_on].mean(axis=0)
    flat = (vertices - mean).reshape(len(vertices), -1)
    gram = (flat @ flat.T).astype(np.float64)
    variance, rows = np.linalg.eigh(gram)
    count = min(SHAPE_DIM, len(vertices) - 1)
    largest = np.argsort(-variance)[:count]
    singular = np.sqrt(np.maximum(variance[largest], 1e-12))
    axes = flat.T @ (rows[:, largest] / singular).astype(np.float32)
    directions = np.zeros((mean.shape[0], 3, SHAPE_DIM), np.float32)
    directions[:, :, :count] = (axes * (singular / np.sqrt(len(vertices)))).reshape(-1, 3, count)
    top = mean[:, 1] > np.percentile(mean[:, 1], 95)
    sign = np.where(directions[top, 1].mean(axis=0) < 0, -1, 1)
    return ShapeSpace(mean, directions * sign.astype(np.float32))
