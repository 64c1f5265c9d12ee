"""Folds and resamples: which pictures choose the cell, which judge it, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from vitmap.errors import InputError
from vitmap.rank.student_t import as_of, widened

FOLDS = 5
RESAMPLES = 1000
MOST = 100  # units a sort; with more pictures a unit is a group of them


@dataclass(frozen=True, eq=False)
class Split:
    """Each picture's unit, and each unit's fold; defective and good pictures are dealt apart.

    A unit is a picture, or, past 100 of either sort, a group of pictures that stay together: what
    is drawn when pictures are drawn again.
    """

    unit: Int64[np.ndarray, " picture"]
    fold: Int64[np.ndarray, " unit"]
    good: Bool[np.ndarray, " unit"]
    folds: int

    def held_out(self, fold: int) -> Bool[np.ndarray, " unit"]:
        """The units that a fold judges."""
        return self.fold == fold

    def carriers(self, *, both: bool) -> int:
        """Units that a score rests on: the defective ones, with `both` the scarcer sort."""
        counts = int((~self.good).sum()), int(self.good.sum())
        return min(counts) if both else counts[0]

    def resamples(self, count: int = RESAMPLES, seed: int = 0) -> Float[np.ndarray, "draw unit"]:
        """How much each unit weighs in a draw, with replacement, from its own sort.

        Of n units n − 1 are drawn, each then weighing n / (n − 1): with n, a mean over few units
        would seem surer than it is. Folds hold too few units to draw in each of them apart; one
        that a draw leaves empty has no score in it. Source: Rao and Wu 1988, *Resampling Inference
        with Complex Survey Data*, section 2.
        """
        chance = np.random.default_rng(seed)
        weights = np.ones((count, len(self.fold)))
        for good in (False, True):
            own = np.flatnonzero(self.good == good)
            if (units := own.size) > 1:
                draws = chance.multinomial(units - 1, np.full(units, 1 / units), count)
                weights[:, own] = draws * (units / (units - 1))
        return weights


def split(good: Sequence[bool], folds: int = FOLDS, seed: int = 0, *, both: bool = False) -> Split:
    """Deal pictures into folds, so that each holds about the same share of defective ones.

    Pictures must come in an order that does not depend on how they were read. With `both`, each
    fold needs good pictures too. With fewer defective pictures than folds there are as many folds
    as these.

    Raises InputError for fewer than two defective pictures (or, with `both`, good ones).
    """
    sorts = np.asarray(good, dtype=bool)
    scarce = [("defective", int((~sorts).sum()))]
    if both:
        scarce.append(("good", int(sorts.sum())))
    for name, count in scarce:
        if count < 2:
            raise InputError(
                f"{count} {name} picture{'s' if count != 1 else ''}: expected at least 2, one to "
                "choose a cell by and one to judge it on; better 20 or more."
            )
    folds = min([folds, *(count for _, count in scarce)])
    chance = np.random.default_rng(seed)
    unit = np.zeros(len(sorts), dtype=np.int64)
    fold: list[int] = []
    kinds: list[bool] = []
    for which in (False, True):
        own = np.flatnonzero(sorts == which)
        chance.shuffle(own)
        units = min(len(own), MOST)
        unit[own] = len(fold) + np.arange(len(own)) % max(units, 1)
        fold += [i % folds for i in range(units)]
        kinds += [which] * units
    return Split(unit, np.array(fold, dtype=np.int64), np.array(kinds, dtype=bool), folds)


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % bootstrap interval over pictures."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate(value: float, draws: Float[np.ndarray, " draw"], count: int) -> Estimate:
    """The percentile interval of the resampled scores, widened as `count` units call for."""
    known = draws[np.isfinite(draws)]
    if not known.size or count < 2:
        return Estimate(value, float("nan"), float("nan"))
    share = 100 * widened(0.025, count - 1)
    low, high = np.percentile(known, [share, 100 - share])
    return Estimate(value, float(low), float(high))


def chance_of_no_gain(draws: Float[np.ndarray, " draw"], count: int) -> float:
    """Two-sided p of a paired difference, from `count` units.

    Twice the share of resamples on the lesser side of 0, as Student's t has it for so few.
    """
    known = draws[np.isfinite(draws)]
    lesser = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return as_of(min(1.0, 2 * (lesser + 1) / (known.size + 1)), max(1, count - 1))
