"""Numbers of attention maps, patch by patch, as their definitions read."""

from __future__ import annotations

import math

import numpy as np


def mean_distance(
    matrix: np.ndarray, prefix: int, grid: tuple[int, int], size: tuple[int, int]
) -> float:
    """Of one head: its whole attention matrix (token asking, token asked), in pixels of the photo.

    Dosovitskiy et al. 2021, figure 7: distances from every patch, weighted by its attention to the
    patches, which is brought to 1; then the mean over the patches that ask.
    """
    (gy, gx), (height, width) = grid, size
    total = 0.0
    for asking in range(gy * gx):
        row = matrix[prefix + asking, prefix:].astype(np.float64)
        row = row / row.sum()
        for asked in range(gy * gx):
            dy = (asking // gx - asked // gx) * height / gy
            dx = (asking % gx - asked % gx) * width / gx
            total += row[asked] * math.sqrt(dy * dy + dx * dx)
    return total / (gy * gx)


def bits_of(values: np.ndarray) -> float:
    """Shannon's entropy of a row whose sum is brought to 1."""
    total = float(values.sum())
    return -sum(v / total * math.log2(v / total) for v in values.tolist() if v > 0)


def fewest(values: np.ndarray, wanted: float) -> int:
    """How many of the brightest patches it takes to hold a share of the mass."""
    held = 0.0
    for count, value in enumerate(sorted(values.tolist(), reverse=True), start=1):
        held += value
        if held >= wanted * float(values.sum()) - 1e-12:
            return count
    return len(values)


def iou_of(one: np.ndarray, other: np.ndarray) -> float:
    """Of two masks, as sets of places."""
    a, b = (set(zip(*np.nonzero(mask), strict=True)) for mask in (one, other))
    return len(a & b) / len(a | b)
