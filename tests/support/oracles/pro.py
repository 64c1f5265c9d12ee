"""Pixel metrics as papers write them: pixel by pixel, threshold by threshold, region by region."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def regions(mask: np.ndarray) -> list[np.ndarray]:
    """A mask a connected part, corners included: by flooding from one pixel after the other."""
    left, found = set(zip(*map(list, np.nonzero(mask)), strict=True)), []
    while left:
        part, front = np.zeros(mask.shape, dtype=bool), [left.pop()]
        while front:
            y, x = front.pop()
            part[y, x] = True
            around = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= around
            front += around
        found.append(part)
    return found


def pro(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], limit: float = 0.3) -> float:
    """Bergmann et al. 2021, section 5: maps and masks in pixels, one pair a picture.

    At every threshold the mean, over all regions, of the share that is found, against the share of
    the good pixels that is found too; the area below that curve up to `limit`, divided by it.
    """
    parts = [(number, part) for number, mask in enumerate(masks) for part in regions(mask)]
    good = sum(int((~mask).sum()) for mask in masks)
    curve = [(0.0, 0.0)]
    for threshold in sorted({float(v) for values in maps for v in np.unique(values)}, reverse=True):
        found = [values >= threshold for values in maps]
        wrong = sum(int((f & ~mask).sum()) for f, mask in zip(found, masks, strict=True))
        shares = [(found[number] & part).sum() / part.sum() for number, part in parts]
        curve.append((wrong / good, float(np.mean(shares))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        end = min(x1, limit)
        if end > x0:
            at_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            area += (end - x0) * (y0 + at_end) / 2
    return area / limit
