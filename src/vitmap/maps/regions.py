"""Regions: heatmap → mask → connected parts, each with its place in the photo's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from vitmap.errors import UsageError
from vitmap.maps.components import Ring, area_of, label, outline, without_holes
from vitmap.maps.mass import check_share, keep_mass
from vitmap.photo.view import View


@dataclass(frozen=True)
class Cut:
    """Where a mask begins: `mass` keeps a share of a map's mass, `level` what reaches a value.

    >>> Cut("level", 2.0).mask(np.array([[0.5, 2.0], [3.0, 1.9]]))
    array([[False,  True],
           [ True, False]])
    """

    kind: str  # mass or level
    value: float

    def __post_init__(self) -> None:
        """Raises UsageError for a kind or a value that cannot be."""
        if self.kind not in ("mass", "level"):
            raise UsageError(f"A cut by {self.kind!r} asked for: expected mass or level.")
        if self.kind == "mass":
            check_share(self.value)
        if not np.isfinite(self.value):
            raise UsageError(f"Level {self.value} asked for: expected a number, such as 4.")

    def __str__(self) -> str:
        """What counts as a region, in words."""
        if self.kind == "level":
            return f"patches at or above {self.value:.4g}"
        return f"the fewest patches with {100 * self.value:g}% of the mass"

    def mask(self, values: Float[np.ndarray, "gy gx"]) -> Bool[np.ndarray, "gy gx"]:
        """The cells of a map that are kept; values below zero have no mass."""
        if self.kind == "level":
            return values >= values.dtype.type(self.value)
        if not (values > 0).any():
            return np.zeros(values.shape, dtype=bool)
        return keep_mass(np.maximum(values, 0), self.value)


def good_level(heats: Iterable[Float[np.ndarray, "_ _"]], percentile: float = 100.0) -> float:
    """The level that good pictures stay below: the smallest number above their hottest cells.

    Of the good pictures' peaks the given percentile is taken; 100 is the hottest of them all.

    Raises UsageError where there is no good picture.
    """
    peaks = [float(heat.max()) for heat in heats]
    if not peaks:
        raise UsageError("A level from good pictures needs at least one good picture: none given.")
    highest = np.percentile(np.asarray(peaks, dtype=np.float32), percentile, method="higher")
    return float(np.nextafter(np.float32(highest), np.float32(np.inf)))


@dataclass(frozen=True, eq=False)
class Region:
    """One connected part of a mask. Every number is in the photo's own pixels.

    `cells` says which cells inside the box belong to it; `ys` and `xs` are those cells' edges.
    """

    box: tuple[int, int, int, int]  # x0, y0, x1, y1; ends exclusive
    area: int  # pixels
    mass: float  # share of the map's whole mass, 0 to 1
    peak: float  # the hottest cell's value
    at: tuple[int, int]  # (x, y) of that cell's middle
    cells: Bool[np.ndarray, "cy cx"]
    ys: Int[np.ndarray, " cy+1"]
    xs: Int[np.ndarray, " cx+1"]

    def mask(self) -> Bool[np.ndarray, "y x"]:
        """The region's pixels within its box."""
        rows = np.repeat(self.cells, np.diff(self.ys), axis=0)
        return np.repeat(rows, np.diff(self.xs), axis=1)

    def contours(self) -> list[Ring]:
        """Rings along the pixel edges: outer ones clockwise, holes the other way round."""
        return outline(self.cells, self.ys, self.xs)

    def polygons(self) -> list[Ring]:
        """The same pixels as outer rings alone, for formats whose polygons have no holes."""
        return without_holes(self.cells, self.ys, self.xs)


def find_regions(
    values: Float[np.ndarray, "gy gx"],
    mask: Bool[np.ndarray, "gy gx"],
    view: View | None = None,
    *,
    min_area: int = 0,
    merge: int = 0,
) -> list[Region]:
    """The connected parts of a mask, the hottest first.

    `values` and `mask` lie on the patch grid of a view, or without one on pixels. Cells that touch
    are one region, corners included; so are parts with at most `merge` pixels between them (the
    gap stays outside the mask). Afterwards regions of fewer than `min_area` pixels are dropped.

    Raises UsageError for a distance or an area below zero.
    """
    if min_area < 0 or merge < 0:
        raise UsageError(
            f"Smallest area {min_area} and merge distance {merge} asked for: both are pixels, "
            "0 or more."
        )
    ys, xs = _pixel_edges(values.shape) if view is None else view.edges()
    total = float(np.maximum(values, 0).sum(dtype=np.float64))
    # In a photo of fewer pixels than patches some patches hold none: they can mark nothing.
    rows, columns = np.flatnonzero(np.diff(ys)), np.flatnonzero(np.diff(xs))
    values, mask = values[np.ix_(rows, columns)], mask[np.ix_(rows, columns)]
    ys, xs = np.unique(ys), np.unique(xs)
    parts = label(mask, ys, xs, merge)
    found = [_region(values, part, ys, xs, total) for part in _each(parts)]
    kept = [region for region in found if region.area >= min_area]
    return sorted(kept, key=lambda region: (-region.peak, region.at[1], region.at[0]))


def mask_of(regions: Sequence[Region], size: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    """The pixels of all regions, over a photo of (y, x) pixels."""
    whole = np.zeros(size, dtype=bool)
    for region in regions:
        x0, y0, x1, y1 = region.box
        whole[y0:y1, x0:x1] |= region.mask()
    return whole


def usable(rings: Iterable[Ring]) -> tuple[list[Ring], int]:
    """The rings that are polygons, and how many are none: fewer than three points, or no area."""
    rings = list(rings)
    kept = [ring for ring in rings if len(set(ring)) >= 3 and area_of(ring) != 0]
    return kept, len(rings) - len(kept)


def _pixel_edges(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(shape[0] + 1), np.arange(shape[1] + 1)


def _each(parts: Int[np.ndarray, "gy gx"]) -> Iterable[np.ndarray]:
    """The (row, column) of the cells of each part."""
    places = np.argwhere(parts)
    numbers = parts[parts > 0]
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order])) + 1
    return np.split(places[order], starts) if len(places) else []


def _region(
    values: Float[np.ndarray, "gy gx"],
    part: Int[np.ndarray, "cell 2"],
    ys: Int[np.ndarray, " gy+1"],
    xs: Int[np.ndarray, " gx+1"],
    total: float,
) -> Region:
    (top, left), (bottom, right) = part.min(axis=0), part.max(axis=0) + 1
    cells = np.zeros((bottom - top, right - left), dtype=bool)
    cells[part[:, 0] - top, part[:, 1] - left] = True
    heat = values[part[:, 0], part[:, 1]]
    row, column = part[int(heat.argmax())].tolist()  # in reading order, so the first of equals
    ys_in, xs_in = ys[top : bottom + 1], xs[left : right + 1]
    mass = float(np.maximum(heat, 0).sum(dtype=np.float64))
    return Region(
        box=(int(xs_in[0]), int(ys_in[0]), int(xs_in[-1]), int(ys_in[-1])),
        area=int((cells * np.diff(ys_in)[:, None] * np.diff(xs_in)).sum()),
        mass=mass / total if total > 0 else 0.0,
        peak=float(heat.max()),
        at=(_middle(xs, column), _middle(ys, row)),
        cells=cells,
        ys=ys_in,
        xs=xs_in,
    )


def _middle(edges: Int[np.ndarray, " edges"], place: int) -> int:
    return int(edges[place] + edges[place + 1] - 1) // 2
