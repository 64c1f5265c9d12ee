"""Components: which marked cells of a grid belong together, and where the edge of a mask runs.

A cell may be a pixel or a patch of any number of pixels: `ys` and `xs` say at which pixel each row
and each column of cells begins, and where the last one ends. Everything is counted in pixels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

Ring = tuple[tuple[int, int], ...]  # (x, y) pixel corners; the last one joins the first


def label(
    mask: Bool[np.ndarray, "gy gx"],
    ys: Int[np.ndarray, " gy+1"] | None = None,
    xs: Int[np.ndarray, " gx+1"] | None = None,
    distance: int = 0,
) -> Int[np.ndarray, "gy gx"]:
    """0 outside the mask, and 1, 2, 3 … for its connected parts, in reading order.

    Cells that touch are connected, corners included; so are cells with at most `distance` pixels
    between them, in rows and in columns.

    >>> label(np.array([[True, False, True, False, False], [False, True, False, False, True]]))
    array([[1, 0, 1, 0, 0],
           [0, 1, 0, 0, 2]])
    """
    ys = np.arange(mask.shape[0] + 1) if ys is None else ys
    xs = np.arange(mask.shape[1] + 1) if xs is None else xs
    rows, starts, ends = _runs(mask)
    parents = list(range(len(rows)))
    top, bottom, left, right = ys[rows], ys[rows + 1], xs[starts], xs[ends]
    last = np.searchsorted(top, bottom + distance, side="right")  # rows further down are too far
    for one in range(len(rows)):
        others = np.arange(one + 1, last[one])
        near = (left[others] <= right[one] + distance) & (right[others] >= left[one] - distance)
        for other in others[near]:
            _join(parents, one, int(other))
    found = np.zeros(mask.shape, dtype=np.int64)
    numbers: dict[int, int] = {}
    for run, (row, start, end) in enumerate(zip(rows, starts, ends, strict=True)):
        root = _root(parents, run)
        found[row, start:end] = numbers.setdefault(root, len(numbers) + 1)
    return found


def outline(
    mask: Bool[np.ndarray, "gy gx"],
    ys: Int[np.ndarray, " gy+1"],
    xs: Int[np.ndarray, " gx+1"],
) -> list[Ring]:
    """The rings along the pixel edges of a mask; none touches itself.

    Seen on the screen (y grows downwards) outer rings run clockwise and holes the other way round,
    so that the signed areas of all rings sum to the area of the mask.
    """
    ways = _edges(mask)
    rings: list[Ring] = []
    while ways:
        corner = min(ways)
        path, places = [corner], {corner: 0}
        heading = ways[corner][0]
        while path:
            corner = _step(ways, corner, heading)
            begin = places.get(corner)
            if begin is not None:  # a ring is closed; what led to it goes on without it
                rings.append(_corners(path[begin:], ys, xs))
                for gone in path[begin:]:
                    del places[gone]
                del path[begin:]
            if begin != 0:
                places[corner] = len(path)
                path.append(corner)
                heading = _turn(ways[corner], heading)
    return rings


def area_of(ring: Ring) -> int:
    """The signed area of a ring in pixels: above zero for outer ones, below it for holes."""
    twice = sum(
        x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True)
    )
    return twice // 2


def without_holes(
    mask: Bool[np.ndarray, "gy gx"],
    ys: Int[np.ndarray, " gy+1"],
    xs: Int[np.ndarray, " gx+1"],
) -> list[Ring]:
    """The mask as outer rings alone, for formats whose polygons have no holes.

    A part with a hole is cut in two above the hole; the pieces' union is the mask, and none
    overlaps another.
    """
    if not mask.any():
        return []
    rings = outline(mask, ys, xs)
    holes = [ring for ring in rings if area_of(ring) < 0]
    if not holes:
        return rings
    cut = int(np.searchsorted(ys, min(y for _, y in holes[0])))
    upper = without_holes(mask[:cut], ys[: cut + 1], xs)
    return upper + without_holes(mask[cut:], ys[cut:], xs)


def _runs(mask: Bool[np.ndarray, "gy gx"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, start and end (exclusive) of every unbroken run of marked cells, in reading order."""
    wide = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(wide, axis=1)
    rows, starts = np.nonzero(steps == 1)
    return rows, starts, np.nonzero(steps == -1)[1]


def _root(parents: list[int], one: int) -> int:
    while parents[one] != one:
        parents[one] = parents[parents[one]]
        one = parents[one]
    return one


def _join(parents: list[int], one: int, other: int) -> None:
    first, second = _root(parents, one), _root(parents, other)
    parents[max(first, second)] = min(first, second)


_RIGHT, _DOWN, _LEFT, _UP = range(4)  # headings, clockwise
_MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))  # (row, column)
_Ways = dict[tuple[int, int], list[int]]  # a corner → the headings of the edges that leave it


def _edges(mask: Bool[np.ndarray, "gy gx"]) -> _Ways:
    """The edges between the mask and what is outside it, the mask to their right."""
    wide = np.pad(mask, 1)
    inside = wide[1:-1, 1:-1]
    sides = (
        (_RIGHT, inside & ~wide[:-2, 1:-1], (0, 0)),
        (_DOWN, inside & ~wide[1:-1, 2:], (0, 1)),
        (_LEFT, inside & ~wide[2:, 1:-1], (1, 1)),
        (_UP, inside & ~wide[1:-1, :-2], (1, 0)),
    )
    ways: _Ways = {}
    for heading, cells, (down, across) in sides:
        for row, column in np.argwhere(cells).tolist():
            ways.setdefault((row + down, column + across), []).append(heading)
    return ways


def _step(ways: _Ways, corner: tuple[int, int], heading: int) -> tuple[int, int]:
    """Where the edge leads; it is gone afterwards."""
    ways[corner].remove(heading)
    if not ways[corner]:
        del ways[corner]
    down, across = _MOVES[heading]
    return corner[0] + down, corner[1] + across


def _turn(headings: list[int], heading: int) -> int:
    """Where two cells touch at a corner: to the right, along the same cell."""
    return min(headings, key=lambda other: (heading + 1 - other) % 4)


def _corners(
    path: list[tuple[int, int]], ys: Int[np.ndarray, " rows"], xs: Int[np.ndarray, " columns"]
) -> Ring:
    """The path in pixels, without the corners at which it goes straight on."""
    before = [path[-1], *path[:-1]]
    after = [*path[1:], path[0]]
    return tuple(
        (int(xs[x]), int(ys[y]))
        for (y0, x0), (y, x), (y1, x1) in zip(before, path, after, strict=True)
        if not (y0 == y == y1 or x0 == x == x1)
    )
