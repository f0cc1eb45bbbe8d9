"""What a finished build says about itself: who its people are, and how well it fits strangers."""

from collections.abc import Iterator

import numpy as np

from pipeline.body.free import regressor, shapes
from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES
from pipeline.body.statures import ADULT_AGE_YEARS, SEXES

BETA_COUNTS = (10, 16, 50, 100, 300)
"""Numbers of shape coefficients whose error is reported."""


def population_report(people: shapes.Population, mass_kg: np.ndarray) -> dict:
    """Counts, statures (m), masses (kg) and body mass indices of men, women and children."""
    adult = people.age_years >= ADULT_AGE_YEARS
    bmi = mass_kg / people.stature_m**2
    groups = {
        "men": adult & (people.gender == "male"),
        "women": adult & (people.gender == "female"),
        "children": ~adult,
    }
    return {
        name: {
            "count": int(mine.sum()),
            "stature_m_mean": _round(people.stature_m[mine].mean()),
            "stature_m_sd": _round(people.stature_m[mine].std()),
            "mass_kg_mean": _round(mass_kg[mine].mean()),
            "bmi_mean": _round(bmi[mine].mean()),
            "bmi_sd": _round(bmi[mine].std()),
        }
        for name, mine in groups.items()
        if mine.any()
    }


def held_out_report(
    spaces: dict[str, shapes.ShapeSpace],
    joint_regressor: np.ndarray,
    people: shapes.Population,
    vertices: np.ndarray,
    joints: np.ndarray,
) -> dict:
    """Errors in mm on people never used in learning: shapes (by model and sex) and rig joints.

    vertices (S, V, 3), joints (S, 55, 3): their T-poses. `shape_error_by_betas` is everybody in
    the neutral model; `by_sex` compares each sex in its own model with the same people in the
    neutral one.
    """
    error = regressor.joint_errors_mm(joint_regressor, vertices, joints).mean(axis=0)
    rig = [j for j, name in enumerate(JOINT_NAMES) if name not in regressor.SURFACE_DEFINED]
    worst = max(rig, key=lambda j: error[j])
    return {
        "shape_error_by_betas": _shape_errors(spaces["neutral"], vertices),
        "by_sex": {
            sex: {
                "count": len(some),
                "own_model": _shape_errors(spaces[sex], some),
                "neutral_model": _shape_errors(spaces["neutral"], some),
            }
            for sex, some in _by_sex(people, vertices)
        },
        "joint_error_mm": {
            "mean": _round(error[rig].mean()),
            "worst": _round(error[worst]),
            "worst_joint": JOINT_NAMES[worst],
            "mean_with_surface_joints": _round(error.mean()),
        },
        "surface_joints_to_rig_mm": {
            name: _round(error[JOINT_INDEX[name]]) for name in regressor.SURFACE_DEFINED
        },
    }


def _by_sex(people: shapes.Population, vertices: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for sex in SEXES:
        yield sex, vertices[people.gender == sex]


def _shape_errors(space: shapes.ShapeSpace, vertices: np.ndarray) -> dict:
    report = {}
    for count in BETA_COUNTS:
        mean, p99 = space.error_mm(vertices, count)
        report[str(count)] = {"mean_mm": _round(mean), "p99_mm": _round(p99)}
    return report


def _round(value: float) -> float:
    return round(float(value), 4)
