"""Time functions from which motions are made: eases, repeating holds, slow random drift.

All are smooth (C1 or better) and defined for every time, so a motion can be any length and
start anywhere in its cycle.
"""

from __future__ import annotations

import numpy as np


def ease(x: np.ndarray | float) -> np.ndarray:
    """Minimum-jerk step: 0 below 0, 1 above 1, zero velocity and acceleration at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x**2)


def hold(phase: np.ndarray, up: tuple[float, float], down: tuple[float, float]) -> np.ndarray:
    """Repeating 0 -> 1 -> 0 in one cycle: rises over `up`, falls over `down` (cycle parts)."""
    x = np.mod(phase, 1.0)
    rise = ease((x - up[0]) / (up[1] - up[0]))
    return rise * (1 - ease((x - down[0]) / (down[1] - down[0])))


def keys(phase: np.ndarray, times: tuple[float, ...], values: np.ndarray) -> np.ndarray:
    """Repeating curve through `values` (K,) or (K, n) at cycle parts `times`, flat at each key.

    The last value leads back to the first.
    """
    values = np.asarray(values, dtype=np.float64)
    times = np.asarray(times, dtype=np.float64)
    x = np.mod(np.asarray(phase) - times[0], 1.0) + times[0]
    right = np.searchsorted(times, x, side="right")
    left = right - 1
    ends = np.append(times, times[0] + 1.0)
    part = ease((x - ends[left]) / (ends[right] - ends[left]))
    if values.ndim > 1:
        part = part[:, None]
    start, stop = values[left], values[right % len(times)]
    return start + part * (stop - start)


def drift(
    rng: np.random.Generator, seconds: np.ndarray, amplitude: float, period_s: float
) -> np.ndarray:
    """Slow band-limited wandering (T,) with a standard deviation of about `amplitude`."""
    total = np.zeros(len(seconds))
    for factor in (1.0, 0.61, 0.37):
        rate = 2 * np.pi / (period_s * factor * rng.uniform(0.85, 1.15))
        total += factor * np.sin(rate * seconds + rng.uniform(0, 2 * np.pi))
    return amplitude * total * 1.15


def glances(
    rng: np.random.Generator, seconds: np.ndarray, amplitude: float, dwell_s: tuple[float, float]
) -> np.ndarray:
    """Step-and-dwell signal (T,), as of a head looking from one thing to the next, radians.

    Each move takes about half a second or as long as it takes to stay below 150 degrees/s.
    """
    value = np.full(len(seconds), level := rng.uniform(-amplitude, amplitude))
    when = seconds[0] + rng.uniform(0, dwell_s[1])
    while when < seconds[-1]:
        goal = rng.uniform(-amplitude, amplitude)
        takes = max(0.45, 1.9 * abs(goal - level) / np.radians(150))
        value += (goal - level) * ease((seconds - when) / takes)
        when, level = when + takes + rng.uniform(*dwell_s), goal
    return value
