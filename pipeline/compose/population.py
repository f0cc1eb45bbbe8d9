"""The people a scene can draw from, with the configured shares, shapes and spreads.

The free body brings a table of people whose sex, age and mass are known. Without it (licensed
SMPL-X, or `body.shapes` = normal or uniform) betas are drawn by themselves: they have a BMI, which
is measured, but no age, and children need AGORA's kid template. docs/people.md shows it all.
"""

from pathlib import Path

import numpy as np

from pipeline.body.children import KidGroup
from pipeline.body.modelfile import model_path
from pipeline.body.people import DrawnGroup, Person, TableGroup, people_table
from pipeline.body.statures import ADULT_AGE_YEARS, SEXES
from pipeline.config import Config
from pipeline.errors import GenbError

__all__ = ["Person", "Population"]


class Population:
    """Draws people for one configuration.

    body_dir: folder of the body models. table: the free body's people, or None where betas are
    drawn by themselves. groups: what draws the people of each (sex, is a child).
    Raises GenbError when a model or table is missing, or when a configured range leaves nobody.
    """

    def __init__(self, config: Config, body_dir: Path):
        self._female_share = config.cast.female_share
        self._children_share = config.cast.children_share
        self.body_dir = Path(body_dir)
        body = config.body
        tabled = body.source == "free" and body.shapes == "people"
        self.table = people_table(self.body_dir) if tabled else None
        self.groups: dict[tuple[str, bool], TableGroup | DrawnGroup | KidGroup] = {}
        self._check(config)
        for sex, share in zip(SEXES, (1 - self._female_share, self._female_share), strict=True):
            if share > 0 and self._children_share < 1:
                self.groups[sex, False] = self._adults(config, sex)
            if share > 0 and self._children_share > 0:
                self.groups[sex, True] = self._children(config, sex)

    def sample_person(
        self, rng: np.random.Generator, child: bool | None = None, female: bool | None = None
    ) -> Person:
        """One person.

        Whether it is a child and whether female is drawn with the configured shares, unless the
        caller has dealt these out already. Raises ValueError for somebody of whom there is a
        share of 0.
        """
        if child is None:
            child = bool(rng.random() < self._children_share)
        if female is None:
            female = bool(rng.random() < self._female_share)
        group = self.groups.get(("female" if female else "male", child))
        if group is None:
            raise ValueError(
                f"asked for a person with child={child}, female={female}, but cast.children_share "
                f"is {self._children_share:g} and cast.female_share {self._female_share:g}"
            )
        return group.draw(rng)

    def _adults(self, config: Config, sex: str) -> TableGroup | DrawnGroup:
        if self.table is not None:
            return TableGroup(config.body, self.table, sex, child=False)
        return DrawnGroup(config.body, self.body_dir, sex)

    def _children(self, config: Config, sex: str) -> TableGroup | KidGroup:
        if self.table is not None:
            return TableGroup(config.body, self.table, sex, child=True)
        return KidGroup(config.body, self.body_dir, sex)

    def _check(self, config: Config) -> None:
        body = config.body
        if body.age_years.range[0] < ADULT_AGE_YEARS:
            raise GenbError(
                f"body.age_years starts at {body.age_years.range[0]:g}, but it is about adults, "
                f"from {ADULT_AGE_YEARS:g} on; children have body.child_age_years and "
                "cast.children_share."
            )
        if body.child_age_years.range[1] > ADULT_AGE_YEARS:
            raise GenbError(
                f"body.child_age_years ends at {body.child_age_years.range[1]:g}, but children "
                f"end at {ADULT_AGE_YEARS:g}."
            )
        self._check_models(config)
        if self.table is None and self._children_share > 0:
            self._check_kids(config)

    def _check_models(self, config: Config) -> None:
        if self.table is not None or config.body.gender == "neutral":
            return
        for sex in SEXES:
            path = model_path(self.body_dir, sex)
            if not path.is_file():
                raise GenbError(
                    f"body.gender = 'gendered' needs {path}, which is missing: put it there, or "
                    "set body.gender = 'neutral'."
                )

    def _check_kids(self, config: Config) -> None:
        body = config.body
        if body.source == "free":
            raise GenbError(
                f"body.shapes = '{body.shapes}' draws betas that know no ages, so it offers no "
                "children: set cast.children_share = 0, or body.shapes = 'people'."
            )
        template = self.body_dir / body.kid_template
        if not template.is_file():
            raise GenbError(
                f"children of the licensed model need a kid template, but {template} is missing: "
                "download smplx_kid_template.npy from https://agora.is.tue.mpg.de and put it "
                "there, set cast.children_share = 0, or use body.source = 'free', whose people "
                "have ages."
            )
