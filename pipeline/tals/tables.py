"""Statistics of the errors, in the shape that training code takes: 44 points, a root, 23 joints.

Every function here only counts; what the numbers mean is in docs/tals.md.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.body.modelfile import JOINT_NAMES
from pipeline.tals.people import BODY_JOINTS, People
from pipeline.tals.poses import PoseErrors

PERCENTILES = (50, 90, 95, 99)
DISTANCE_EDGES_M = (0.0, 2.0, 3.0, 4.0, 6.0, np.inf)
VFOV_EDGES_DEG = (0.0, 30.0, 40.0, 50.0, 60.0, 180.0)
RELIEF_EDGES = (0.0, 0.02, 0.04, 0.08, np.inf)

POINT_NAMES = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder"),
    *("left_elbow", "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle"),
    *("left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
    *("left_big_toe", "left_small_toe", "left_heel"),
    *("right_big_toe", "right_small_toe", "right_heel"),
    *("right_ankle_lsp", "right_knee_lsp", "right_hip_lsp", "left_hip_lsp", "left_knee_lsp"),
    *("left_ankle_lsp", "right_wrist_lsp", "right_elbow_lsp", "right_shoulder_lsp"),
    *("left_shoulder_lsp", "left_elbow_lsp", "left_wrist_lsp", "neck_lsp", "head_top"),
    *("pelvis", "thorax", "spine", "jaw", "head"),
)
"""The points of hmr44."""
TURN_NAMES = (*JOINT_NAMES[:BODY_JOINTS], "left_hand", "right_hand")
"""The root and SMPL's 23 joints."""


@dataclass(frozen=True)
class CameraErrors:
    """What one wrong camera does to N people, and to M of them who lie wholly in the picture.

    off (N, 44, 2) crop units, NaN outside the picture; poses of the M.
    """

    off: np.ndarray
    poses: PoseErrors

    @property
    def l1(self) -> np.ndarray:
        """|dx| + |dy| (N, 44)."""
        return np.abs(self.off).sum(axis=2)

    @property
    def squared(self) -> np.ndarray:
        """dx^2 + dy^2 (N, 44)."""
        return (self.off**2).sum(axis=2)

    @property
    def turns_rad(self) -> np.ndarray:
        """Angles (M, 24) of the root and SMPL's 23 joints. SMPL's hand joints do not exist here:
        no point depends on them, they take the angle of their wrist."""
        angles = self.poses.turn_rad
        return np.concatenate([angles, angles[:, [20, 21]]], axis=1)


def statistics(values: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and percentiles (n,) over people of values (N, n); -1 where nobody has one."""
    filled = np.where(np.isnan(values).all(axis=0), -1.0, values)
    if not len(filled):
        filled = np.full((1, values.shape[1]), -1.0)
    rows = {"mean": np.nanmean(filled, axis=0)}
    for percent in PERCENTILES:
        rows[f"p{percent}"] = np.nanpercentile(filled, percent, axis=0)
    return rows


def constants(errors: CameraErrors) -> dict[str, np.ndarray]:
    """All tables of one camera: name_statistic -> (44,) crop units, or (24,) radians."""
    tables = {
        "l1": statistics(errors.l1),
        "squared": statistics(errors.squared),
        "turn_rad": statistics(errors.turns_rad),
    }
    # Rounded: what is below is the machine's own, and would differ between machines.
    return {
        f"{name}_{figure}": np.round(row, 12)
        for name, rows in tables.items()
        for figure, row in rows.items()
    }


def as_json(tables: dict[str, np.ndarray]) -> dict[str, object]:
    """The same for JSON: the root apart from the 23 joints, numbers to nine digits."""
    data: dict[str, object] = {}
    for name, row in tables.items():
        numbers = [float(f"{value:.9g}") for value in row]
        if name.startswith("turn_rad"):
            data[name] = {"root": numbers[0], "body": numbers[1:]}
        else:
            data[name] = numbers
    return data


def markdown(
    people: People, whole: int, left_out: dict[str, int], errors: dict[str, CameraErrors]
) -> str:
    """The report."""
    wrong = [name for name in errors if name != "true"]
    lines = [
        "# What a wrong camera costs",
        "",
        f"{len(people)} people ({whole} of them wholly in the picture, for the joint angles). "
        + "Left out: "
        + ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        + ". 2-D errors in thousandths of the crop's side, angles in degrees; docs/tals.md says "
        "how they are measured.",
        "",
        "## Cameras",
        "",
        "| camera | mean L1 | 95 % | root mean square | root angle | mean joint angle | left 2-D |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in errors.items():
        angles = np.degrees(one.turns_rad)
        lines.append(
            f"| `{name}` | {_milli(np.nanmean(one.l1))} | {_milli(np.nanpercentile(one.l1, 95))} "
            f"| {_milli(np.sqrt(np.nanmean(one.squared)))} | {_mean(angles[:, 0])} "
            f"| {_mean(angles[:, 1:BODY_JOINTS])} | {_milli(_mean_or_nan(one.poses.left_2d))} |"
        )
    for title, unit, values, edges in (
        ("Mean L1 by distance", "m", people.distance_m, DISTANCE_EDGES_M),
        ("Mean L1 by vertical field of view", "deg", people.vfov_deg, VFOV_EDGES_DEG),
        ("Mean L1 by depth of the body per distance", "", people.relief, RELIEF_EDGES),
    ):
        lines += ["", f"## {title}", "", *_bins(unit, values, edges, errors, wrong)]
    lines += ["", "## Key-points, mean L1", "", *_header("point", wrong)]
    means = {name: statistics(errors[name].l1)["mean"] for name in wrong}
    for k, point in enumerate(POINT_NAMES):
        row = " | ".join(_milli(means[name][k]) for name in wrong)
        lines.append(f"| {point} | {row} |")
    lines += ["", "## Joints, mean angle", "", *_header("joint", wrong)]
    for k, joint in enumerate(TURN_NAMES):
        row = " | ".join(_mean(np.degrees(errors[name].turns_rad[:, k])) for name in wrong)
        lines.append(f"| {joint} | {row} |")
    return "\n".join(lines) + "\n"


def _bins(unit: str, values: np.ndarray, edges: tuple, errors, names: list[str]) -> list[str]:
    """Rows of a table: people of a range, and their mean L1 with each camera."""
    lines = _header(f"range{f', {unit}' if unit else ''} | people", names, columns=2)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        chosen = (values >= low) & (values < high)
        if chosen.any():
            row = " | ".join(_milli(np.nanmean(errors[name].l1[chosen])) for name in names)
            upper = "" if np.isinf(high) else f" to {high:g}"
            lines.append(f"| {low:g}{upper or ' and more'} | {chosen.sum()} | {row} |")
    return lines


def _header(first: str, names: list[str], columns: int = 1) -> list[str]:
    return [
        f"| {first} | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---" * (columns + len(names)) + "|",
    ]


def _milli(value: float) -> str:
    return "-" if np.isnan(value) or value < 0 else f"{1000 * value:.2f}"


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.2f}" if values.size else "-"


def _mean_or_nan(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
