"""Figures against their limits, in words."""


def beyond_limits(
    figures: dict[str, float], at_least: dict[str, float], at_most: dict[str, float]
) -> list[str]:
    """A sentence for every figure below or above its limit; one that is NaN is beyond any."""
    # `not (a >= b)` rather than `a < b`: NaN must fail too.
    low = [f"{n} {figures[n]:.4g} < {v:g}" for n, v in at_least.items() if not figures[n] >= v]
    high = [f"{n} {figures[n]:.4g} > {v:g}" for n, v in at_most.items() if not figures[n] <= v]
    return low + high
