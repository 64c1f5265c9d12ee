"""The maps to compare: each takes a standard and a test picture, and gives a map a pixel."""

from collections.abc import Callable

import numpy as np

from vitmap.photo.alignment import find_shift, overlap
from vitmap.soart.defect_map import Reference
from vitmap.soart.map_settings import MapSettings
from vitmap.soart.vectors import gray

Way = Callable[[np.ndarray, np.ndarray], np.ndarray]


def soartc(settings: MapSettings) -> Way:
    """The defect map, in the picture's pixels."""

    def way(standard: np.ndarray, test: np.ndarray) -> np.ndarray:
        found = Reference(standard, settings).map(test)
        return found.view.to_pixels(found.anomaly)

    return way


def absolute_difference(sigma: float, align: bool) -> Way:
    """|gray - gray|, blurred by a Gaussian of sigma pixels."""

    def way(standard: np.ndarray, test: np.ndarray) -> np.ndarray:
        first, second = (gray(p).astype(np.float32) for p in (standard, test))
        found = np.zeros_like(second)
        shift = find_shift(first, second) if align else None
        y, x = (shift.y, shift.x) if shift else (0, 0)
        a, b = overlap(first, second, y, x)
        _, target = overlap(first, found, y, x)
        target[:] = np.abs(a - b)
        return gaussian(found, sigma) if sigma else found

    return way


def gaussian(picture: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur, cut off at four sigma."""
    reach = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        picture = np.apply_along_axis(np.convolve, axis, picture, kernel, mode="same")
    return picture
