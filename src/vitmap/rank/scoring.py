"""Scoring: a metric of one candidate, over all pictures or any weighting of them at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from vitmap.rank import metrics
from vitmap.rank.evidence import Evidence
from vitmap.rank.folds import RESAMPLES
from vitmap.rank.histogram import Histogram
from vitmap.rank.row import MEASURES
from vitmap.registry import suggest

Weights = Float[np.ndarray, "draw unit"]
Scores = Float[np.ndarray, " draw"]
PIXEL_METRICS = ("auroc", "ap", "pro", "mass", "hit", "iou")
PICTURE_METRICS = ("picture-auroc", "picture-ap")
MEANINGS = {
    "auroc": "pixel AUROC",
    "ap": "pixel average precision",
    "pro": f"PRO to {metrics.PRO_LIMIT:g}",
    "mass": "mass inside the defect",
    "hit": "pointing hit rate",
    "iou": "IoU at the mass threshold",
    "picture-auroc": "picture AUROC",
    "picture-ap": "picture average precision",
}
# What uniform attention gets, where that does not depend on the pictures.
CHANCE = {"auroc": 0.5, "picture-auroc": 0.5}
_CHUNK = 256  # weightings whose pooled histograms are in memory at a time


def check_metric(name: str) -> None:
    """Raises UsageError for an unknown metric."""
    if name not in MEANINGS:
        raise suggest("metric", name, MEANINGS)


def resamples_for(metric: str) -> int:
    """Fewer draws where each needs a pooled histogram of its own."""
    return RESAMPLES if metric in ("auroc", "picture-auroc", "mass", "hit", "iou") else 200


def score(metric: str, evidence: Evidence, weights: Weights) -> Scores:
    """The metric for each weighting of the units; NaN where it means nothing."""
    if metric in MEASURES:
        place = MEASURES.index(metric)
        with np.errstate(invalid="ignore"):
            return (weights @ evidence.sums[:, place]) / (weights @ evidence.masked)
    pooled = evidence.pictures if metric.startswith("picture-") else evidence.pixels
    if pooled is None:
        return np.full(len(weights), np.nan)
    name = metric.removeprefix("picture-")
    return _paired_auroc(pooled, weights) if name == "auroc" else _pooled(name, pooled, weights)


def _paired_auroc(counts: Histogram, weights: Weights) -> Scores:
    """AUROC from the pairs between units: what one draw costs does not depend on the bins."""
    defect, good = counts.defect.astype(np.float64), counts.good.astype(np.float64)
    below = good.cumsum(axis=1) - good / 2
    pairs = defect @ below.T  # [unit with defects, unit with good pixels]
    won = ((weights @ pairs) * weights).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return won / ((weights @ defect.sum(axis=1)) * (weights @ good.sum(axis=1)))


def _pooled(name: str, counts: Histogram, weights: Weights) -> Scores:
    functions: dict[str, Callable[..., np.ndarray]] = {
        "ap": metrics.average_precision,
        "pro": metrics.pro,
    }
    first = (counts.overlap if name == "pro" else counts.defect).astype(np.float64)
    good = counts.good.astype(np.float64)
    parts = [
        functions[name](part @ first, part @ good)
        for part in np.array_split(weights, -(-len(weights) // _CHUNK))
    ]
    return np.concatenate(parts)
