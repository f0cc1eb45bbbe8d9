"""BEDLAM's rendered cameras: `<sequence>_camera.csv`, one row per image, Unreal world.

This is what the cameras really did, whatever aimed or shook them, to six decimals.
"""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.bedlam.camera_animations import PosedLens
from pipeline.bedlam.unreal import UnrealPose
from pipeline.errors import GenbError

_NUMBERS = ("x", "y", "z", "yaw", "pitch", "roll", "focal_length", "sensor_width", "sensor_height")
_NAME = re.compile(r"(?P<sequence>.+)_(?P<frame>\d+)(\.\w+)?")


@dataclass(frozen=True)
class CameraRecords:
    """Rendered cameras. path: where from. rows: sequence -> frame -> camera and its sensor, mm."""

    path: Path
    rows: dict[str, dict[int, tuple[PosedLens, tuple[float, float]]]]

    def of(self, sequence: str, frames: int) -> tuple[list[PosedLens], tuple[float, float]]:
        """Cameras of frames 0 .. frames - 1 and their sensor (width, height) mm.

        Raises GenbError when a frame has no row, or when the sensor changes on the way.
        """
        rows = self.rows.get(sequence, {})
        missing = [frame for frame in range(frames) if frame not in rows]
        if missing:
            raise GenbError(
                f"{self.path} has no camera for {len(missing)} of {frames} frames of {sequence} "
                f"(first: {missing[0]})."
            )
        sensors = {rows[frame][1] for frame in range(frames)}
        if len(sensors) > 1:
            raise GenbError(f"{self.path}: the sensor of {sequence} changes within the sequence.")
        return [rows[frame][0] for frame in range(frames)], sensors.pop()


def read_camera_csv(path: Path) -> CameraRecords:
    """Rendered cameras from a file, or from all `*.csv` of a folder.

    The field of view is that of focal_length and sensor_width, as BEDLAM's own labels take it.
    Raises GenbError with the line and the reason.
    """
    path = Path(path)
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise GenbError(f"{path} holds no .csv files.")
    rows: dict[str, dict[int, tuple[PosedLens, tuple[float, float]]]] = {}
    for file in files:
        _read_file(file, rows)
    return CameraRecords(path, rows)


def _read_file(path: Path, rows: dict) -> None:
    try:
        with open(path, newline="") as file:
            table = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GenbError(f"cannot read {path}: {error}.") from error
    for number, cells in enumerate(table, start=2):
        where = f"{path}, line {number}"
        name = _NAME.fullmatch(cells.get("name") or "")
        if not name:
            raise GenbError(f"{where}: name {cells.get('name')!r} is not <sequence>_<frame>.png.")
        frames = rows.setdefault(name["sequence"], {})
        frame = int(name["frame"])
        if frame in frames:
            raise GenbError(f"{where}: a second row for frame {frame} of {name['sequence']}.")
        frames[frame] = _lens(cells, where)


def _lens(cells: dict, where: str) -> tuple[PosedLens, tuple[float, float]]:
    values = {}
    for key in _NUMBERS:
        try:
            values[key] = float(cells[key])
        except (KeyError, TypeError, ValueError) as error:
            raise GenbError(f"{where}: {key} {cells.get(key)!r} is not a number.") from error
    lens_mm = [values.pop(key) for key in ("focal_length", "sensor_width", "sensor_height")]
    if not all(math.isfinite(v) for v in values.values()) or not all(0 < v < 1e6 for v in lens_mm):
        raise GenbError(f"{where}: a pose, focal length or sensor that is not possible.")
    focal_mm, width_mm, height_mm = lens_mm
    hfov_deg = math.degrees(2 * math.atan(width_mm / (2 * focal_mm)))
    return PosedLens(UnrealPose(**values), hfov_deg), (width_mm, height_mm)
