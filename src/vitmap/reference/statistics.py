"""Golden samples: what good pictures' attention is like, cell by cell and patch by patch.

For every layer, head and patch, the mean and the spread of log(max(p × patches, 0.01)) over good
pictures; a picture is then read as deviations from them. The logarithm is what makes attention's
spread about as wide for bright patches as for dim ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32

from vitmap.errors import InputError

FEWEST = 4
PRIOR = 4.0  # a patch's variance is drawn to its cell's mean variance as by so many pictures more

Maps = Float32[np.ndarray, "cell gy gx"]


@dataclass(frozen=True)
class Place:
    """By how many patches a picture lies below and to the right of the golden pictures' first."""

    y: float = 0.0
    x: float = 0.0


HERE = Place()


@dataclass(frozen=True, eq=False)
class Golden:
    """Sums over good pictures, patch by patch, in the frame of the first of them.

    `seen` counts the pictures that cover a patch: fewer at the borders where pictures are shifted.
    """

    mean: Float[np.ndarray, "cell gy gx"]
    squares: Float[np.ndarray, "cell gy gx"]  # summed squared distances from the mean
    seen: Float[np.ndarray, "gy gx"]
    count: int

    def spread(self) -> Float[np.ndarray, "cell gy gx"]:
        """The standard deviation: of (Σ(x−m)² + 4·v) / (n − 1 + 4), v the cell's mean variance.

        With few pictures a patch's own variance is mostly chance; four good pictures leave 3 of 7
        parts to it, forty 39 of 43.
        """
        free = np.maximum(self.seen - 1, 0)
        known = free > 0
        pooled = self.squares[:, known].sum(axis=1) / max(float(free[known].sum()), 1.0)
        pooled = np.maximum(pooled, 1e-12)[:, None, None]  # cells that never vary at all
        return np.sqrt((self.squares + PRIOR * pooled) / (free + PRIOR))

    def deviations(self, found: Maps, place: Place = HERE) -> Maps:
        """How many deviations above the good pictures each patch lies; 0 where none was seen."""
        mean, spread, seen = self.mean, self.spread(), self.seen
        if place != HERE:  # the good pictures' numbers come to the picture, not it to them
            back = Place(-place.y, -place.x)
            mean, inside = moved(mean, back)
            spread, _ = moved(spread, back)
            around, _ = moved(seen[None], back)
            seen = np.where(inside, around[0], 0)
        away = (found - mean) / spread
        return np.where(seen > 1, away, 0).astype(np.float32)

    def without(self, found: Maps, place: Place = HERE) -> Golden:
        """The same without one of its pictures, to look at that one as if it were new."""
        own, inside = moved(found.astype(np.float64), place)
        seen = self.seen - inside
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = np.where(seen > 0, (self.seen * self.mean - own) / seen, self.mean)
        mean = np.where(inside, rest, self.mean)
        squares = np.where(inside, self.squares - (own - self.mean) * (own - mean), self.squares)
        return Golden(mean, np.maximum(squares, 0), seen, self.count - 1)

    def only(self, cell: int) -> Golden:
        """One cell's numbers."""
        return replace(self, mean=self.mean[cell : cell + 1], squares=self.squares[cell : cell + 1])


def learn(pictures: Iterable[tuple[Maps, Place]], again: Iterable[tuple[Maps, Place]]) -> Golden:
    """The mean and spread of good pictures' log maps; both iterables give the same pictures.

    Twice, since a spread in one pass loses digits; the pictures may wait on disk.

    Raises InputError for fewer than four, or for grids that differ.
    """
    total: np.ndarray | None = None
    seen, count = np.zeros(()), 0
    for found, place in pictures:
        own, inside = moved(found.astype(np.float64), place)
        if total is None:
            total, seen = np.zeros_like(own), np.zeros(own.shape[1:])
        total += np.where(inside, own, 0)
        seen = seen + inside
        count += 1
    check_count(count)
    assert total is not None
    mean = total / np.maximum(seen, 1)
    squares = np.zeros_like(mean)
    for found, place in again:
        own, inside = moved(found.astype(np.float64), place)
        squares += np.where(inside, (own - mean) ** 2, 0)
    return Golden(mean, squares, seen, count)


def check_count(count: int) -> None:
    """Raises InputError for fewer good pictures than a spread can be taken from."""
    if count < FEWEST:
        raise InputError(
            f"{count} good picture{'s' if count != 1 else ''} to compare with: expected at least "
            f"{FEWEST}, better 12 or more."
        )


def moved(
    maps: Float[np.ndarray, "cell gy gx"], place: Place
) -> tuple[Float[np.ndarray, "cell gy gx"], Bool[np.ndarray, "gy gx"]]:
    """Maps with a picture's shift undone, and which patches are known then.

    Between patches values are joined by straight lines. The value of the frame's patch (i, j) is
    the picture's at (i + y, j + x).
    """
    gy, gx = maps.shape[1:]
    rows, columns = np.arange(gy) + place.y, np.arange(gx) + place.x
    # Up to half a patch beyond the last centre, a border patch still shows the part.
    inside = ((rows >= -0.5) & (rows <= gy - 0.5))[:, None] & (
        (columns >= -0.5) & (columns <= gx - 0.5)
    )
    if place == HERE:
        return maps, inside
    lines = _between(maps, rows, 1)
    return _between(lines, columns, 2), inside


def _between(maps: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    size = maps.shape[axis]
    at = np.clip(places, 0, size - 1)
    low = np.minimum(np.floor(at).astype(int), max(size - 2, 0))
    part = (at - low).reshape([-1 if i == axis else 1 for i in range(3)]).astype(maps.dtype)
    high = np.minimum(low + 1, size - 1)
    return np.take(maps, low, axis) * (1 - part) + np.take(maps, high, axis) * part
