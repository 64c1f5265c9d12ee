"""Agreement: how far the masks of two heads mark the same patches of one picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def agreement(masks: Bool[np.ndarray, "cell gy gx"]) -> Float[np.ndarray, "cell cell"]:
    """Intersection over union of every pair of masks: 0 (apart) to 1 (the same patches).

    Masks of one picture share a grid; those of two models do not, and are not to be compared.
    Source: Jaccard 1912, *The Distribution of the Flora in the Alpine Zone*.

    >>> agreement(np.array([[[True, True, False]], [[False, True, True]]])).round(2)
    array([[1.  , 0.33],
           [0.33, 1.  ]])
    """
    flat = masks.reshape(len(masks), -1)
    # A line at a time: a product of matrices would wake numpy's own threads beside the model's.
    both = np.stack([(flat & one).sum(axis=1) for one in flat])
    either = np.stack([(flat | one).sum(axis=1) for one in flat])
    return np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)


def by_chance(shares: Float[np.ndarray, " cell"]) -> Float[np.ndarray, "cell cell"]:
    """What masks of these sizes (shares of the patches) would get if they knew nothing of each
    other: the overlap that is expected, over the union that goes with it.

    >>> by_chance(np.array([0.5, 0.5])).round(2)[0, 1]
    np.float64(0.33)
    """
    both = shares[:, None] * shares
    either = shares[:, None] + shares - both
    return np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)


def nearest(values: Float[np.ndarray, "cell cell"]) -> list[int | None]:
    """For each cell the other one that it agrees with most; None where it is alone."""
    found: list[int | None] = []
    for number, line in enumerate(values):
        others = np.where(np.arange(len(line)) == number, np.nan, line)
        found.append(int(np.nanargmax(others)) if np.isfinite(others).any() else None)
    return found
