"""Outlines of what is known in a photo, on the size at which it is drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

_LINES = ((1, 255), (2, 0))  # grown by so many dots: a white line, a black one around it


def outline(
    mask: Bool[np.ndarray, "y x"], shape: tuple[int, int]
) -> list[tuple[Bool[np.ndarray, "height width"], int]]:
    """Lines around the defect on the drawn size, with their gray: to be seen on any colour.

    Even a defect of one pixel has them.
    """
    height, width = mask.shape
    y, x = np.nonzero(mask)
    small = np.zeros(shape, dtype=bool)
    small[y * shape[0] // height, x * shape[1] // width] = True
    small = _grown(small, 2)
    return [(_grown(small, steps) & ~_grown(small, steps - 1), gray) for steps, gray in _LINES]


def _grown(mask: Bool[np.ndarray, "y x"], steps: int) -> Bool[np.ndarray, "y x"]:
    for _ in range(steps):
        wide = np.pad(mask, 1)
        mask = mask | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return mask
