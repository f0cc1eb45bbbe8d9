"""Children of the licensed model: an age, the stature that goes with it, and the kid beta for that.

Betas of the licensed model know no ages, so a child's stature is drawn from the growth curve and
the share of the kid template is solved for on the mesh.
"""

from pathlib import Path

import numpy as np

from pipeline.body.kid import with_kid
from pipeline.body.people import Person, body_pool, draw_ancestry, model_file
from pipeline.body.spread import sample_spread
from pipeline.body.statures import ADULT_STATURE_M, STATURE_LIMIT_SD, child_stature_m
from pipeline.config import BodySection
from pipeline.errors import GenbError

_TOLERANCE_M = 1e-4
_MAX_STEPS = 30
_OLDEST_CHILD_YEARS = 17.9


class KidGroup:
    """Boys or girls. Boys use the male model where people are gendered, all others the neutral one
    (as in AGORA)."""

    def __init__(self, body: BodySection, body_dir: Path, sex: str):
        gender = "male" if sex == "male" and body.gender == "gendered" else "neutral"
        file = with_kid(model_file(body_dir, gender), body_dir / body.kid_template)
        skin = np.unique(file.faces[file.face_part == 0])
        self.sex, self.pool, self._age = (
            sex,
            body_pool(body, body_dir, gender),
            body.child_age_years,
        )
        self._height = file.v_template[skin, 1].astype(np.float64)
        basis = file.shape_basis(body.num_betas + 1)[skin, 1].astype(np.float64)
        self._height_shape, self._height_kid = basis[:, :-1], basis[:, -1]
        self._demand_reach(body)

    def draw(self, rng: np.random.Generator) -> Person:
        """A child: its betas are an adult's, scaled down with its size, and the kid beta."""
        age = min(sample_spread(rng, self._age), _OLDEST_CHILD_YEARS)
        deviate = float(np.clip(rng.normal(), -STATURE_LIMIT_SD, STATURE_LIMIT_SD))
        stature_m = float(child_stature_m(self.sex, age, deviate))
        size = min(stature_m / ADULT_STATURE_M[self.sex][0], 1.0)
        betas = size * self.pool.betas[rng.integers(len(self.pool.betas))]
        share = self._kid_share(betas, stature_m)
        return Person(
            self.pool.gender,
            self.sex,
            round(age, 1),
            draw_ancestry(rng),
            np.append(betas, share),
            kid=True,
        )

    def stature_m(self, betas: np.ndarray, share: float) -> float:
        """Stature in the T-pose with own betas (n,) and kid beta `share`."""
        return float(np.ptp(self._height + self._height_shape @ betas + share * self._height_kid))

    def _kid_share(self, betas: np.ndarray, stature_m: float) -> float:
        """Kid beta within 0..1 that gives a stature, to 0.1 mm (false position, Illinois rule).

        Statures beyond either end take the end: a tall youth is a grown body, a small infant the
        template itself.
        """
        adult = self._height + self._height_shape @ betas
        low, high = 0.0, 1.0
        above = np.ptp(adult) - stature_m
        below = np.ptp(adult + self._height_kid) - stature_m
        if above <= 0:
            return low
        if below >= 0:
            return high
        for _ in range(_MAX_STEPS):
            share = (low * below - high * above) / (below - above)
            error = np.ptp(adult + share * self._height_kid) - stature_m
            if abs(error) < _TOLERANCE_M:
                break
            if error > 0:
                low, above, below = share, error, below / 2
            else:
                high, below, above = share, error, above / 2
        return float(share)

    def _demand_reach(self, body: BodySection) -> None:
        """Raise GenbError when the template is too tall for the youngest child asked for."""
        plain = np.zeros(self._height_shape.shape[1])
        smallest = self.stature_m(plain, 1.0)
        low, high = body.child_age_years.range
        if child_stature_m(self.sex, low) >= smallest:
            return
        years = np.arange(1.0, 18.0, 0.1)
        fitting = years[child_stature_m(self.sex, years) >= smallest]
        raise GenbError(
            f"body.child_age_years starts at {low:g}, but the kid template "
            f"({body.kid_template}) is {smallest:.2f} m tall, the stature at "
            + (f"{fitting[0]:.1f} years; start there." if len(fitting) else "no child's age.")
        )
