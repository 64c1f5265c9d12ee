"""Alarm: the score above which a picture is called defective, from good pictures alone.

Each good picture is scored as if it were new (against the others), and the threshold is one of
these scores: if k of n lie above it, a new good picture does with a chance of (k + 1)/(n + 1). No
finer rate can be had from n pictures than 1/(n + 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from vitmap.errors import UsageError
from vitmap.rank.finite import require_finite

DEFAULT = 0.05

# The ranges are those of a recipe that is read: what lies outside is no recipe.
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=10**9)]
Number = Annotated[float, Meta(ge=-1e12, le=1e12)]  # no score comes near, and float32 holds it


@dataclass(frozen=True)
class Alarm:
    """A threshold, the false-alarm rate it is expected to have, and that rate's 95 % interval."""

    threshold: Number
    rate: Share
    low: Share
    high: Share
    pictures: Count

    def __str__(self) -> str:
        return (
            f"{self.threshold:.3g}, false alarms on {self.rate:.1%} of good pictures "
            f"({self.low:.1%} to {self.high:.1%}, from {self.pictures})"
        )


def alarm_of(scores: Sequence[float], rate: float | None = None) -> Alarm:
    """The threshold for a false-alarm rate: by default 5 %, or the finest that can be had.

    A picture is called defective where its score lies above the threshold. Source: the rank of a
    new score among exchangeable ones is uniform (Vovk et al. 2005, *Algorithmic Learning in a
    Random World*, chapter 2); the interval is that of the beta distribution of the rate.

    Raises UsageError for a rate that is none, or finer than so few pictures can tell, NotFinite
    for a score that is no number.
    """
    require_finite(np.array(scores), "A good picture", "its score")
    count = len(scores)
    finest = 1 / (count + 1)
    if rate is not None and not 0 < rate < 1:
        raise UsageError(
            f"False-alarm rate {rate:g} asked for: expected a share such as 0.05 (5 %)."
        )
    if rate is not None and rate < finest * (1 - 1e-9):
        raise UsageError(
            f"False-alarm rate {rate:g} asked for, but {count} good pictures cannot tell rates "
            f"below 1/{count + 1} = {math.ceil(finest * 1000) / 1000:g}: give more good pictures, "
            "or a rate that is not finer."
        )
    wanted = max(DEFAULT if rate is None else rate, finest)
    above = min(count - 1, math.floor(wanted * (count + 1) * (1 + 1e-9)) - 1)
    threshold = sorted(scores, reverse=True)[above]
    return Alarm(
        threshold=float(threshold),
        rate=(above + 1) / (count + 1),
        low=_beta_quantile(0.025, above + 1, count - above),
        high=_beta_quantile(0.975, above + 1, count - above),
        pictures=count,
    )


def _beta_quantile(share: float, a: int, b: int) -> float:
    """The quantile of a beta distribution with whole parameters, by bisection."""
    n, lgamma = a + b - 1, math.lgamma
    # In logarithms: of 2,000 pictures the counts themselves are no floats any more.
    counts = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(a, n + 1)]

    def below(x: float) -> float:  # P(beta ≤ x) = P(at least a of n binomial draws at rate x)
        hit, miss = math.log(x), math.log1p(-x)
        return math.fsum(math.exp(c + k * hit + (n - k) * miss) for k, c in enumerate(counts, a))

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return (low + high) / 2
