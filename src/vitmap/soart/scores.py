"""Held-out scores: every picture judged by a method that did not learn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from vitmap.soart.mahalanobis import Rows

Predict = Callable[[Rows, Sequence[str], Rows], list[str]]
_Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Score:
    """Balanced accuracy, the mean of the classes' hit rates, with its 95 % interval."""

    value: float
    low: float
    high: float
    chance: float

    @property
    def error(self) -> float:
        """About one standard error."""
        return (self.high - self.low) / (2 * _Z)

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


def held_out(
    predict: Predict, rows: Rows, classes: Sequence[str], folds: int = 5, seed: int = 0
) -> list[str]:
    """The class of every row, from a method fitted to the folds that it is not in.

    Folds are stratified: each holds about the same share of each class.
    """
    fold = _folds(classes, folds, seed)
    found = [""] * len(classes)
    for k in range(int(fold.max()) + 1):
        here, there = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        told = predict(rows[there], [classes[int(i)] for i in there], rows[here])
        for i, kind in zip(here, told, strict=True):
            found[i] = kind
    return found


def score(classes: Sequence[str], told: Sequence[str]) -> Score:
    """Balanced accuracy with Wilson's interval, at the number of pictures that carries it.

    >>> print(score(["a"] * 10 + ["b"] * 10, ["a"] * 10 + ["b"] * 10))
    1.00 (0.84-1.00)
    """
    counts = Counter(classes)
    hits = Counter(kind for kind, said in zip(classes, told, strict=True) if kind == said)
    value = sum(hits[kind] / count for kind, count in counts.items()) / len(counts)
    # The variance of a mean of k hit rates is p(1-p)·Σ(1/n)/k²: as if from so many pictures.
    pictures = len(counts) ** 2 / sum(1 / count for count in counts.values())
    middle = (value + _Z**2 / (2 * pictures)) / (1 + _Z**2 / pictures)
    half = sqrt(value * (1 - value) / pictures + (_Z / (2 * pictures)) ** 2)
    half *= _Z / (1 + _Z**2 / pictures)
    return Score(value, max(0.0, middle - half), min(1.0, middle + half), 1 / len(counts))


def _folds(classes: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """A fold for each row; the rows of a class are dealt in turn, in a shuffled order."""
    dealer = np.random.default_rng(seed)
    fold, turn = np.zeros(len(classes), dtype=int), 0
    for kind in sorted(set(classes)):
        own = np.flatnonzero([name == kind for name in classes])
        dealer.shuffle(own)
        fold[own] = (turn + np.arange(len(own))) % folds
        turn += len(own)
    return fold
