"""Pixel metrics from histograms: AUROC, average precision, PRO. All take any leading axes.

A pixel counts as a defect from a bin upwards; pixels of one bin are ties.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from vitmap.rank.histogram import SCALE

Counts = Shaped[np.ndarray, "*unit bin"]
Scores = Float[np.ndarray, "*unit"]
PRO_LIMIT = 0.3  # false-positive rate up to which PRO is integrated


def auroc(defect: Counts, good: Counts) -> Scores:
    """The chance that a defect pixel is brighter than a good one; ties count half.

    >>> auroc(np.array([0, 1, 3]), np.array([3, 1, 0]))
    array(0.96875)

    NaN where there are no pixels of one kind.
    """
    defect, good = defect.astype(np.float64), good.astype(np.float64)
    below = good.cumsum(axis=-1) - good / 2
    with np.errstate(invalid="ignore"):
        return np.asarray((defect * below).sum(-1) / (defect.sum(-1) * good.sum(-1)))


def average_precision(defect: Counts, good: Counts) -> Scores:
    """Precision at each bin, weighted by the recall that it adds (scikit-learn's definition)."""
    hits = defect[..., ::-1].astype(np.float64)
    misses = good[..., ::-1].astype(np.float64)
    found, wrong = hits.cumsum(axis=-1), misses.cumsum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(hits > 0, found / (found + wrong), 0.0)
        return np.asarray((hits * precision).sum(-1) / hits.sum(-1))


def pro(overlap: Counts, good: Counts, limit: float = PRO_LIMIT) -> Scores:
    """Per-region overlap, integrated over false-positive rates up to `limit`, divided by it.

    Every defect region weighs the same, however small. Source: Bergmann et al. 2021, *The MVTec
    Anomaly Detection Dataset* (IJCV), section 5; between two thresholds the curve is straight.
    """
    inside = overlap[..., ::-1].cumsum(axis=-1).astype(np.float64)
    outside = good[..., ::-1].cumsum(axis=-1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        high = _from_zero(inside / inside[..., -1:])
        rate = _from_zero(outside / outside[..., -1:])
        step = np.diff(rate, axis=-1)
        width = np.clip(limit - rate[..., :-1], 0, step)  # the part of a step within the limit
        part = np.where(step > 0, width / step, 0.0)
        middle = high[..., :-1] + np.diff(high, axis=-1) * part / 2
        return np.asarray((width * middle).sum(-1) / limit)


def regions_of(overlap: Counts) -> Shaped[np.ndarray, "*unit"]:
    """How many defect regions an overlap histogram holds."""
    return overlap.sum(-1) // SCALE


def _from_zero(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(values[..., :1]), values], axis=-1)
