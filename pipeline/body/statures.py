"""How tall people are: the statistics behind the free body's people and the licensed children."""

import numpy as np

SEXES = ("male", "female")
"""The two kinds of people, each of which also has a model of its own."""

ADULT_AGE_YEARS = 18.0

ADULT_STATURE_M = {"male": (1.765, 0.070), "female": (1.635, 0.065)}
"""Mean and standard deviation, metres, of adults (pooled modern populations)."""

_GROWTH_YEARS = (1, 2, 4, 6, 8, 10, 12, 14, 16, 18)
_GROWTH_M = {
    "male": (0.760, 0.870, 1.020, 1.155, 1.275, 1.385, 1.490, 1.635, 1.735, 1.765),
    "female": (0.745, 0.860, 1.010, 1.150, 1.270, 1.385, 1.515, 1.600, 1.625, 1.635),
}
"""Median stature by age (rounded from public growth charts)."""

CHILD_STATURE_CV = 0.045
"""Children's stature spread, as a share of the median."""

STATURE_LIMIT_SD = 2.6
"""Nobody is further from the median than this many standard deviations."""


def child_stature_m(sex: str, age_years: np.ndarray | float, deviate: np.ndarray | float = 0.0):
    """Stature in metres of children of an age, `deviate` standard deviations from the median."""
    median = np.interp(age_years, _GROWTH_YEARS, _GROWTH_M[sex])
    return median * (1 + CHILD_STATURE_CV * deviate)
