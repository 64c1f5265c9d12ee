"""Box, Polygon, Runs → the pixels that they mark, equal to COCO's own where COCO has a rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from vitmap.errors import InputError

_FINE = 5  # COCO walks along an outline in fifths of a pixel


@dataclass(frozen=True)
class Box:
    """Edges in upright pixels: (0, 0) is the outer corner of the first pixel, whose centre lies at
    (0.5, 0.5). Fractions are kept."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __str__(self) -> str:
        return f"box ({self.x0:g}, {self.y0:g}) to ({self.x1:g}, {self.y1:g})"


@dataclass(frozen=True)
class Polygon:
    """A closed outline of (x, y) corners, in the same pixels."""

    corners: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        x, y = self.corners[0]
        return f"polygon of {len(self.corners)} corners from ({x:g}, {y:g})"


@dataclass(frozen=True)
class Runs:
    """COCO's RLE of a picture of (y, x) pixels: columns from left to right, each downwards, as
    lengths of runs that are unmarked, marked, unmarked …"""

    size: tuple[int, int]
    counts: tuple[int, ...]

    def __str__(self) -> str:
        return f"run-length mask of {self.size[1]} × {self.size[0]} px"


Shape = Box | Polygon | Runs


def fill(shape: Shape, size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    """The pixels of a picture of (y, x) pixels that the shape marks.

    A box marks the pixels whose centres lie inside, its left and upper edges included; one too thin
    to hold a centre marks the pixels along its middle, so that no box is lost. Polygons and runs
    mark what pycocotools' `decode` does. What lies beyond the picture is cut off.

    >>> fill(Box(0.5, 0, 2.5, 1), (2, 3)).astype(int)
    array([[1, 1, 0],
           [0, 0, 0]])

    Raises InputError for a box that lies wholly outside, a polygon that goes far beyond the
    picture, and runs of another size.
    """
    if isinstance(shape, Box):
        return _fill_box(shape, size)
    if isinstance(shape, Polygon):
        return _fill_polygon(shape, size)
    return _fill_runs(shape, size)


def _fill_box(box: Box, size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    mask = np.zeros(size, dtype=bool)
    spans = (_span(box.y0, box.y1, size[0]), _span(box.x0, box.x1, size[1]))
    if None in spans:
        raise InputError(
            f"the {box} lies outside the picture of {size[1]} × {size[0]} px: boxes are in the "
            "original picture's pixels, upright."
        )
    mask[spans] = True
    return mask


def _span(low: float, high: float, length: int) -> slice | None:
    low, high = max(low, 0.0), min(high, float(length))
    if low >= length or high < low or high <= 0:
        return None
    first, last = math.ceil(low - 0.5), math.ceil(high - 0.5)
    if first < last:
        return slice(first, last)
    middle = min(math.floor((low + high) / 2), length - 1)
    return slice(middle, middle + 1)


def _fill_polygon(polygon: Polygon, size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    corners = np.array([*polygon.corners, polygon.corners[0]])
    width_height = np.array(size[::-1])
    if (corners < -width_height).any() or (corners > 2 * width_height).any():
        raise InputError(
            f"the {polygon} goes far beyond the picture of {size[1]} × {size[0]} px: corners are "
            "in the original picture's pixels, upright."
        )
    fine = np.trunc(_FINE * corners + 0.5).astype(np.int64)
    turns = np.concatenate([_turns(start, end, size) for start, end in pairwise(fine)])
    # Each turn changes all that comes after it, in the order of columns: two at one place cancel.
    return _by_columns(np.cumsum(np.bincount(turns, minlength=size[0] * size[1] + 1)) % 2, size)


def _turns(
    start: Int[np.ndarray, " xy"], end: Int[np.ndarray, " xy"], size: tuple[int, int]
) -> Int[np.ndarray, " turn"]:
    """Where an edge crosses the middles of columns: column · height + row."""
    height, width = size
    track = _track(start, end)
    low = np.minimum(track[:-1], track[1:])[track[:-1, 0] != track[1:, 0]]
    x, y = ((low + 0.5) / _FINE - 0.5).T
    seen = (np.floor(x) == x) & (x >= 0) & (x <= width - 1)
    rows = np.ceil(np.clip(y[seen], 0, height))
    return x[seen].astype(np.int64) * height + rows.astype(np.int64)


def _track(
    start: Int[np.ndarray, " xy"], end: Int[np.ndarray, " xy"]
) -> Int[np.ndarray, "point xy"]:
    """The fine points of an edge, a step at a time along its longer side."""
    long = int(abs(end[1] - start[1]) > abs(end[0] - start[0]))
    # COCO walks each edge upwards in its longer direction, whichever way the outline goes: rounding
    # is then the same for both parts that share an edge.
    if start[long] > end[long]:
        start, end = end, start
    steps = np.arange(end[long] - start[long] + 1)
    slope = (end - start) / max(len(steps) - 1, 1)
    points: Float[np.ndarray, "point xy"] = start + steps[:, None] * slope + 0.5
    track = np.trunc(points).astype(np.int64)
    track[:, long] = start[long] + steps
    return track


def _fill_runs(runs: Runs, size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    if runs.size != size:
        raise InputError(
            f"the {runs} does not fit the picture of {size[1]} × {size[0]} px: expected the "
            "original picture's size, upright."
        )
    marked = np.arange(len(runs.counts)) % 2
    return _by_columns(np.repeat(marked, runs.counts), size)


def _by_columns(
    values: Int[np.ndarray, " pixel"], size: tuple[int, int]
) -> Bool[np.ndarray, "y x"]:
    height, width = size
    return values[: height * width].reshape(width, height).T.astype(bool)
