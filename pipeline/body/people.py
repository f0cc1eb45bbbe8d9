"""People that a scene can draw: whom the free body's table knows, or bodies drawn coefficient by
coefficient, which have a size but no age.

Every group (`TableGroup`, `DrawnGroup`, `children.KidGroup`) answers `draw(rng)` with one Person.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.body.measures import measure_bodies
from pipeline.body.modelfile import ModelFile, model_path, read_model_file
from pipeline.body.spread import Wish, sample_spread, spread_weights, truncated_normal
from pipeline.body.statures import ADULT_AGE_YEARS
from pipeline.config import BodySection
from pipeline.errors import GenbError
from pipeline.storage import read_npz

POOL_SIZE = 600
"""Bodies drawn once per process and model, of which the configured spread of BMI is made."""

_POOL_SEED = 20_261_124


@dataclass(frozen=True)
class Person:
    """One drawn body. betas: (B,) f64; ancestry: (african, asian, caucasian) weights.

    gender: the model that the betas belong to. kid: the last beta blends towards a kid template.
    """

    gender: str
    sex: str
    age_years: float
    ancestry: tuple[float, float, float]
    betas: np.ndarray
    kid: bool = False


@cache
def people_table(body_dir: Path) -> dict[str, np.ndarray]:
    """The free body's people, one array per column (docs/free-body.md), and `bmi`."""
    path = body_dir / "people.npz"
    if not path.is_file():
        raise GenbError(f"the free body is not built yet ({path} is missing): run `make body`.")
    table = read_npz(path)
    return table | {"bmi": table["mass_kg"] / table["stature_m"] ** 2}


class TableGroup:
    """Men, women, boys or girls of the free body's table, weighted to the configured spreads."""

    def __init__(self, body: BodySection, table: dict[str, np.ndarray], sex: str, child: bool):
        grown = table["age_years"] >= ADULT_AGE_YEARS
        rows = np.flatnonzero((table["gender"] == sex) & (grown != child))
        age = table["age_years"][rows].astype(float)
        if child:
            who = {"male": "boys", "female": "girls"}[sex]
            wishes = [Wish("body.child_age_years", body.child_age_years, age)]
        else:
            who = {"male": "men", "female": "women"}[sex]
            wishes = [
                Wish("body.age_years", body.age_years, age),
                Wish("body.bmi", body.bmi, table["bmi"][rows].astype(float)),
            ]
        weights = spread_weights(wishes, f"{who} of the free body's table")
        column = "betas_gendered" if body.gender == "gendered" else "betas"
        betas = table[column][rows, : body.num_betas].astype(float)
        typical = _fit_on_age(age, betas)
        self.sex, self.gender = sex, sex if body.gender == "gendered" else "neutral"
        self.betas = typical + body.beta_std * (betas - typical)
        self.age_years, self.ancestry = age, table["ancestry"][rows]
        self._cumulative = np.cumsum(weights)

    def draw(self, rng: np.random.Generator) -> Person:
        """A row of the table."""
        row = _pick(rng, self._cumulative)
        return Person(
            self.gender,
            self.sex,
            round(float(self.age_years[row]), 1),
            tuple(round(float(a), 3) for a in self.ancestry[row]),
            self.betas[row].copy(),
        )


def _fit_on_age(age: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Betas (N, B) typical of each member's age: a parabola through the group.

    `beta_std` scales the differences from it, so that children stay children.
    """
    curve = np.vander((age - age.mean()) / age.std(), 3)
    return curve @ np.linalg.lstsq(curve, betas, rcond=None)[0]


@dataclass(frozen=True)
class Pool:
    """Bodies of one model drawn coefficient by coefficient: betas (N, B) f64, bmi (N,)."""

    gender: str
    betas: np.ndarray
    bmi: np.ndarray


def body_pool(body: BodySection, body_dir: Path, gender: str) -> Pool:
    """The pool of one model; the same in every process, whatever the scenes' seed."""
    shapes = "uniform" if body.shapes == "uniform" else "normal"
    return _pool(body_dir, gender, shapes, body.num_betas, body.beta_std, body.beta_limit)


@cache
def _pool(
    body_dir: Path, gender: str, shapes: str, num_betas: int, std: float, limit: float
) -> Pool:
    file = model_file(body_dir, gender)
    rng = np.random.default_rng(_POOL_SEED)
    if shapes == "uniform":
        limit *= min(std, 1.0)
        betas = rng.uniform(-limit, limit, (POOL_SIZE, num_betas))
    else:
        betas = truncated_normal(rng, std, limit, POOL_SIZE * num_betas)
        betas = betas.reshape(POOL_SIZE, num_betas)
    basis = file.shape_basis(num_betas).astype(np.float32).reshape(-1, num_betas)
    bmi = np.empty(POOL_SIZE)
    skin = file.faces[file.face_part == 0]
    for start in range(0, POOL_SIZE, 100):
        some = slice(start, start + 100)
        offsets = (betas[some].astype(np.float32) @ basis.T).reshape(-1, *file.v_template.shape)
        bmi[some] = measure_bodies(offsets + file.v_template.astype(np.float32), skin).bmi
    return Pool(gender, betas, bmi)


@cache
def model_file(body_dir: Path, gender: str) -> ModelFile:
    """The model file of a gender, read once per process."""
    return read_model_file(model_path(body_dir, gender))


class DrawnGroup:
    """Adults of one sex whose betas were drawn; the betas know neither sex nor age."""

    def __init__(self, body: BodySection, body_dir: Path, sex: str):
        gender = sex if body.gender == "gendered" else "neutral"
        self.pool = body_pool(body, body_dir, gender)
        wish = Wish("body.bmi", body.bmi, self.pool.bmi)
        self.sex, self._age = sex, body.age_years
        self._cumulative = np.cumsum(spread_weights([wish], f"bodies of the {gender} model"))

    def draw(self, rng: np.random.Generator) -> Person:
        """A body of the pool, with an age and an ancestry that are labels only."""
        betas = self.pool.betas[_pick(rng, self._cumulative)].copy()
        age = round(sample_spread(rng, self._age), 1)
        return Person(self.pool.gender, self.sex, age, draw_ancestry(rng), betas)


def draw_ancestry(rng: np.random.Generator) -> tuple[float, float, float]:
    """Shares (african, asian, caucasian), mostly of one of them; they decide the skin colour."""
    return tuple(round(float(a), 3) for a in rng.dirichlet((0.6, 0.6, 0.6)))


def _pick(rng: np.random.Generator, cumulative: np.ndarray) -> int:
    row = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
    return int(min(row, len(cumulative) - 1))
