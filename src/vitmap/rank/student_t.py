"""Student's t with whole degrees of freedom: what few pictures add to a resampled interval."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

_NORMAL = NormalDist()


def beyond(t: float, free: int) -> float:
    """The chance of a |t| at least this large.

    >>> round(beyond(2.262, 9), 4), round(beyond(3.182, 3), 4)
    (0.05, 0.05)

    Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
    """
    angle = math.atan(abs(t) / math.sqrt(free))
    square = math.cos(angle) ** 2
    odd = free % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0 if free == 1 else term
    for k in range(2 + odd, free - 1, 2):
        term *= square * (k - 1) / k
        total += term
    inside = math.sin(angle) * total
    return max(0.0, 1 - ((angle + inside) * 2 / math.pi if odd else inside))


@cache
def widened(share: float, free: int) -> float:
    """A tail's share of the resamples, widened so that it is the share for few pictures too.

    >>> round(widened(0.025, 3), 4), round(widened(0.025, 39), 4)
    (0.0007, 0.0216)

    Source: Hesterberg 2015, *What Teachers Should Know About the Bootstrap*, the expanded
    percentile interval.
    """
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle, free) < 2 * share else (middle, high)
    return _NORMAL.cdf(-low)


def as_of(p: float, free: int) -> float:
    """A two-sided p by resamples, as so few degrees of freedom allow it.

    >>> round(as_of(0.002, 9), 3), round(as_of(0.002, 39), 3)
    (0.013, 0.004)
    """
    return beyond(_NORMAL.inv_cdf(1 - p / 2), free) if p < 1 else 1.0
