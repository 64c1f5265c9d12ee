"""What a comparison comes to: agreement over pictures, and the head that finds a part."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vitmap.commands.compare.numbers import Best, best_of
from vitmap.commands.compare.row import ComparedRow
from vitmap.commands.compare.run import Comparison
from vitmap.maps.agreement import by_chance, nearest


@dataclass(frozen=True, eq=False)
class Agreement:
    """IoU of the kept masks of every two heads: of one model, the mean over its pictures."""

    name: str  # the model where rows are models, else how many pictures
    labels: tuple[str, ...]
    values: Float[np.ndarray, "cell cell"]
    chance: Float[np.ndarray, "cell cell"]  # of masks of such sizes that know nothing of each other
    nearest: tuple[int | None, ...]  # None where no other agrees with it better than by chance


def agreements(found: Comparison) -> list[Agreement]:
    """One for all pictures, or one a model: grids of different models are not compared."""
    groups = [[row] for row in found.rows] if found.across_models else [list(found.rows)]
    return [_agreement(group, found.across_models) for group in groups]


def _agreement(rows: Sequence[ComparedRow], alone: bool) -> Agreement:
    values = _mean([row.agreement for row in rows])
    kept = [np.array([one.kept_share for one in row.numbers]) for row in rows]
    chance = _mean([by_chance(shares) for shares in kept])
    near = [
        other if other is not None and values[one, other] > chance[one, other] else None
        for one, other in enumerate(nearest(values))
    ]
    return Agreement(
        name=rows[0].name if alone else f"mean over {len(rows)} pictures",
        labels=tuple(cell.label for cell in rows[0].cells),
        values=values,
        chance=chance,
        nearest=tuple(near),
    )


def _mean(
    stack: Sequence[Float[np.ndarray, "cell cell"]],
) -> Float[np.ndarray, "cell cell"]:
    """Over pictures; one whose map has no mass has no say."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # no number at all is NaN, and that is meant
        return np.nanmean(np.stack(list(stack)), axis=0)


def bests(found: Comparison) -> list[Best]:
    """The best map for each label of a part, over the pictures that have it, or in each model."""
    labels = dict.fromkeys(label for row in found.rows for label in row.parts)
    groups = [[row] for row in found.rows] if found.across_models else [list(found.rows)]
    best = [
        best_of(label, [(row.numbers, row.parts[label]) for row in having], name)
        for label in labels
        for group in groups
        if (having := [row for row in group if label in row.parts])
        for name in [having[0].name if found.across_models else None]
    ]
    return [one for one in best if one is not None]
