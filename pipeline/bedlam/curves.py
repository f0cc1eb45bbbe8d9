"""Animation curves of Unreal's sequencer: keys in time, and the value between them.

`linear` is the straight line to the next key. `auto` is a cubic with automatic tangents: at an
inner key the slope from its left to its right neighbour, flat at both ends. That is how Unreal's
source describes unclamped automatic tangents; it has not been compared with a running Unreal, and
what a cubic does next to a linear key is not known. BEDLAM writes `auto` with a key on every frame
only, where it makes no difference. Before the first and after the last key the value stands still.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

Mode = Literal["linear", "auto"]


@dataclass(frozen=True)
class Key:
    """A value at a frame, and how the curve leaves it."""

    frame: int
    value: float
    mode: Mode


def value_at(keys: tuple[Key, ...], frame: float) -> float:
    """The curve's value. keys: at least one, in order of time."""
    after = bisect_right([key.frame for key in keys], frame)
    if after == 0:
        return keys[0].value
    left = keys[after - 1]
    if after == len(keys) or left.frame == frame:
        return left.value
    right = keys[after]
    span = right.frame - left.frame
    s = (frame - left.frame) / span
    if left.mode == "linear":
        return left.value + s * (right.value - left.value)
    out, into = span * _slope(keys, after - 1), span * _slope(keys, after)
    rise = right.value - left.value
    # Cubic Hermite polynomial, in the form that is exact at both keys.
    return left.value + s * (out + s * (3 * rise - 2 * out - into + s * (out + into - 2 * rise)))


def _slope(keys: tuple[Key, ...], k: int) -> float:
    """Automatic tangent at key k, per frame."""
    if k in (0, len(keys) - 1):
        return 0.0
    before, after = keys[k - 1], keys[k + 1]
    return (after.value - before.value) / (after.frame - before.frame)
