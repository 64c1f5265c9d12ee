"""Four figures about one picture's maps, and their mean with an interval over pictures."""

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.stats import rankdata

MASS = 0.6


def smallest_mask(mass: Float[ndarray, " patch"], keep: float = MASS) -> Bool[ndarray, " patch"]:
    """The fewest patches that together hold ``keep`` of the mass.

    >>> smallest_mask(np.array([0.5, 0.05, 0.3, 0.15]))
    array([ True, False,  True, False])
    """
    order = np.argsort(-mass, kind="stable")
    count = 1 + np.searchsorted(mass[order].cumsum(), keep * mass.sum())
    mask = np.zeros(mass.shape, dtype=bool)
    mask[order[:count]] = True
    return mask


def spearman(a: Float[ndarray, " patch"], b: Float[ndarray, " patch"]) -> float:
    """Correlation of ranks; 1 where both order the patches alike."""
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def overlap(a: Bool[ndarray, " patch"], b: Bool[ndarray, " patch"]) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def agreement(
    heads: Float[ndarray, "head patch"], teacher: Float[ndarray, "head patch"]
) -> dict[str, float]:
    """One picture: a model's maps against the teacher's.

    ``spearman``, ``pointing`` (is the peak inside the teacher's mask?) and ``iou`` (of the two
    masks) speak of the mean over heads; ``heads_iou`` is how much the model's own heads overlap,
    pair by pair.
    """
    mine, its = heads.mean(0), teacher.mean(0)
    target = smallest_mask(its)
    masks = [smallest_mask(head) for head in heads]
    pairs = [overlap(a, b) for a, b in combinations(masks, 2)]
    return {
        "spearman": spearman(mine, its),
        "pointing": float(target[mine.argmax()]),
        "iou": overlap(smallest_mask(mine), target),
        "heads_iou": float(np.mean(pairs)) if pairs else float("nan"),
    }


def interval(values: Float[ndarray, " picture"], draws: int = 2000) -> dict[str, float]:
    """Mean, and a 95 % bootstrap interval over pictures."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(draws, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}
