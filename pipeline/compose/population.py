"""The people a scene can draw from: bodies with known sex, age and ancestry, and their skeletons.

The free body brings a table of sampled people (`people.npz`). Licensed SMPL-X files bring none, so
their betas are drawn from the model's own unit normal and only adults are offered.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import PARENTS, model_path, read_model_file
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.storage import read_npz

ADULT_AGE_YEARS = 18.0


@dataclass(frozen=True)
class Person:
    """One drawn body. betas: (B,) f64; ancestry: (african, asian, caucasian) weights."""

    gender: str
    sex: str
    age_years: float
    ancestry: tuple[float, float, float]
    betas: np.ndarray


@dataclass(frozen=True)
class Skeleton:
    """Rest joints as a linear function of betas. template: (55, 3), directions: (55, 3, B)."""

    template: np.ndarray
    directions: np.ndarray
    parents: np.ndarray

    def rest_joints(self, betas: np.ndarray) -> np.ndarray:
        """(55, 3) metres, body-model frame, T-pose."""
        return self.template + self.directions[..., : len(betas)] @ betas


class Population:
    """Draws people for one body source."""

    def __init__(self, config: Config, body_dir: Path):
        self._config = config
        self._dir = body_dir
        self._table = _people_table(body_dir) if config.body.source == "free" else None
        if self._table is None and config.cast.children_share > 0:
            raise GenbError(
                "children need the free body's age axis: set cast.children_share = 0 with "
                "body.source = 'smplx', or use body.source = 'free'."
            )

    def sample_person(self, rng: np.random.Generator) -> Person:
        """One person; the share of children is the configuration's."""
        child = bool(rng.random() < self._config.cast.children_share)
        sex = str(rng.choice(["female", "male"]))
        num_betas, std = self._config.body.num_betas, self._config.body.beta_std
        if self._table is None:
            betas = np.clip(rng.normal(0.0, std, num_betas), -3.0, 3.0)
            ancestry = tuple(float(a) for a in rng.dirichlet((0.6, 0.6, 0.6)))
            return Person(self._smplx_gender(sex), sex, float(rng.uniform(18, 70)), ancestry, betas)
        table = self._table
        is_child = table["age_years"] < ADULT_AGE_YEARS
        rows = np.flatnonzero((is_child == child) & (table["gender"] == sex))
        row = int(rng.choice(rows))
        return Person(
            "neutral",
            sex,
            round(float(table["age_years"][row]), 1),
            tuple(round(float(a), 3) for a in table["ancestry"][row]),
            table["betas"][row, :num_betas].astype(float) * std,
        )

    def _smplx_gender(self, sex: str) -> str:
        gendered = self._dir / "smplx" / f"SMPLX_{sex.upper()}.npz"
        return sex if gendered.is_file() else "neutral"

    def skeleton(self, gender: str) -> Skeleton:
        """Rest skeleton of the model that a gender's betas belong to."""
        return _skeleton(self._dir, gender, self._table is not None)


@cache
def _people_table(body_dir: Path) -> dict[str, np.ndarray]:
    path = body_dir / "people.npz"
    if not path.is_file():
        raise GenbError(f"the free body is not built yet ({path} is missing): run `make body`.")
    return read_npz(path)


@cache
def _skeleton(body_dir: Path, gender: str, free: bool) -> Skeleton:
    if free:
        table = _people_table(body_dir)
        return Skeleton(table["joints_template"], table["joint_shapedirs"], table["parents"])
    model = read_model_file(model_path(body_dir, gender))
    regressor = np.asarray(model.J_regressor, float)
    directions = np.tensordot(regressor, model.shape_basis(model.shape_count), axes=1)
    return Skeleton(regressor @ model.v_template, directions, PARENTS)
