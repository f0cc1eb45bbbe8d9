"""Where the sun stands: solar position from latitude, day and hour.

The formulas are the textbook ones (declination after Cooper, Solar Energy 12, 1969), good to about
half a degree; refraction and the equation of time are left out, because hours are solar hours.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.config_place import SunSection

_TRIES = 200


@dataclass(frozen=True)
class Sun:
    """elevation_deg above the horizon; azimuth_deg clockwise from north."""

    elevation_deg: float
    azimuth_deg: float


def sun_at(latitude_deg: float, day_of_year: float, hour: float) -> Sun:
    """Position of the sun's centre at a solar hour (12 is noon)."""
    declination = np.radians(23.45 * np.sin(2 * np.pi * (284 + day_of_year) / 365))
    latitude, turn = np.radians(latitude_deg), np.radians(15.0 * (hour - 12.0))
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(turn)
    east = -np.cos(declination) * np.sin(turn)
    north = np.cos(latitude) * np.sin(declination)
    north -= np.sin(latitude) * np.cos(declination) * np.cos(turn)
    azimuth_deg = np.degrees(np.arctan2(east, north)) % 360.0
    return Sun(float(np.degrees(np.arcsin(np.clip(up, -1, 1)))), float(azimuth_deg))


def sample_sun(rng: np.random.Generator, section: SunSection) -> Sun:
    """A sun high enough to be seen; the highest of those drawn where none is (a polar winter)."""
    best = Sun(-90.0, 0.0)
    for _ in range(_TRIES):
        drawn = rng.uniform(
            *np.transpose([section.latitude_deg, section.day_of_year, section.hour])
        )
        sun = sun_at(*drawn)
        if sun.elevation_deg >= section.min_elevation_deg:
            return sun
        best = max(best, sun, key=lambda s: s.elevation_deg)
    return best
