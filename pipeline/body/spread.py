"""Drawing by a configured distribution: importance weights for a pool, or numbers out of nothing.

A `Spread` of the configuration keeps what lies in its range and, given mean and std, weights it to
a normal distribution: each member's weight is the density wanted over the density that the pool
has there (a Gaussian kernel estimate).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from pipeline.config import Spread
from pipeline.errors import GenbError

MIN_EFFECTIVE = 12
"""Fewer effective members than this (1 / sum of squared weights) are no distribution."""

_ROUNDS = 8
"""Passes over the wishes: each pass corrects one of them for what the others have done."""


@dataclass(frozen=True)
class Wish:
    """A spread wanted of a pool. key: its place in the configuration; values: (N,) of the pool."""

    key: str
    spread: Spread
    values: np.ndarray


def spread_weights(wishes: list[Wish], who: str) -> np.ndarray:
    """Probabilities (N,) that give a pool the spreads wished for; `who` names the pool in errors.

    Raises GenbError when the ranges leave nobody, or the weights rest on a handful of members.
    """
    kept = np.ones(len(wishes[0].values), bool)
    for wish in wishes:
        low, high = wish.spread.range
        kept &= (wish.values >= low) & (wish.values <= high)
    if not kept.any():
        raise GenbError(f"no {who} fit {_asked(wishes)}. {_on_offer(wishes)}")
    weights = kept / kept.sum()
    normal = [wish for wish in wishes if wish.spread.mean is not None]
    for _ in range(_ROUNDS if len(normal) > 1 else 1):
        for wish in normal:
            z = (wish.values - wish.spread.mean) / wish.spread.std
            have = _density(wish.values, weights, kept)
            weights = np.where(kept, weights * np.exp(-z * z / 2) / have, 0.0)
            if not weights.sum() > 0:
                raise GenbError(f"no {who} near {_asked(wishes)}. {_on_offer(wishes)}")
            weights /= weights.sum()
    effective = 1 / (weights**2).sum()
    if normal and effective < MIN_EFFECTIVE:
        raise GenbError(
            f"only about {effective:.0f} {who} would carry {_asked(wishes)}, the same few again "
            f"and again. {_on_offer(wishes)}"
        )
    return weights


def sample_spread(rng: np.random.Generator, spread: Spread) -> float:
    """A number: uniform in the spread's range, or normal with the tails outside it cut off."""
    low, high = spread.range
    share = rng.random()
    if spread.mean is None:
        return low + share * (high - low)
    below, above = ndtr((np.array(spread.range) - spread.mean) / spread.std)
    value = spread.mean + spread.std * ndtri(below + share * (above - below))
    return float(np.clip(value, low, high))  # rounding far out in a tail


def truncated_normal(rng: np.random.Generator, std: float, limit: float, count: int) -> np.ndarray:
    """Numbers (count,) from a normal distribution about 0 whose tails beyond +-limit are cut."""
    tail = ndtr(-limit / std)
    return std * ndtri(tail + rng.random(count) * (1 - 2 * tail))


def _density(values: np.ndarray, weights: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Weighted kernel density (N,) of a pool at its members, reflected at the ends of its range.

    The bandwidth is Scott's; without the reflection the ends would look half empty.
    """
    inside, mass = values[kept], weights[kept]
    low, high = inside.min(), inside.max()
    spread = np.sqrt(np.cov(inside, aweights=mass)) if len(inside) > 1 else 0.0
    width = max(float(spread), 1e-6) * (1 / (mass**2).sum()) ** -0.2
    density = np.zeros(len(values))
    for copy in (inside, 2 * low - inside, 2 * high - inside):
        z = (values[:, None] - copy) / width
        density += np.exp(-z * z / 2) @ mass
    return np.maximum(density, 1e-300)


def _asked(wishes: list[Wish]) -> str:
    def text(wish: Wish) -> str:
        low, high = wish.spread.range
        shape = ""
        if wish.spread.mean is not None:
            shape = f", mean {wish.spread.mean:g}, std {wish.spread.std:g}"
        return f"{wish.key} = [{low:g}, {high:g}]{shape}"

    return " and ".join(text(wish) for wish in wishes)


def _on_offer(wishes: list[Wish]) -> str:
    offers = [f"{w.key} from {w.values.min():.1f} to {w.values.max():.1f}" for w in wishes]
    return f"There are {' and '.join(offers)}; change the range, mean or std in the configuration."
