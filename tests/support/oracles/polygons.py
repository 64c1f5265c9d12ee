"""Which pixels a ring encloses, by counting sides that a ray meets: slow and plain."""

from __future__ import annotations

import numpy as np


def filled(ring: tuple[tuple[int, int], ...], shape: tuple[int, int]) -> np.ndarray:
    """1 for pixels whose middle lies inside the ring, even-odd."""
    inside = np.zeros(shape, dtype=np.int64)
    for (x0, y0), (x1, y1) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if x0 == x1:
            inside[min(y0, y1) : max(y0, y1), x0:] += 1
    return inside % 2
